"""What can be wrong with labelled data, one check a function: rows and facts in, findings out.

A check knows what it was given; it opens no file and prints nothing.
"""

from visq.core.registry import Registry
from visq.evaluation.checks.finding import Check, CheckedSet, Finding, PictureFacts

_ROOM = "visq.evaluation.checks"
CHECKS = Registry(
    "check",
    {
        "columns": f"{_ROOM}.columns:columns",
        "values": f"{_ROOM}.labels:values",
        "repeated": f"{_ROOM}.labels:repeated",
        "blocks": f"{_ROOM}.labels:blocks",
        "constant": f"{_ROOM}.labels:constant",
        "direction": f"{_ROOM}.direction:direction",
        "empty-bands": f"{_ROOM}.labels:empty_bands",
        "identical-groups": f"{_ROOM}.labels:identical_groups",
        "level-words": f"{_ROOM}.levels:level_words",
        "level-rule": f"{_ROOM}.levels:level_rule",
        "image-tokens": f"{_ROOM}.conversations:image_tokens",
        "questions": f"{_ROOM}.conversations:questions",
        "id-folder": f"{_ROOM}.conversations:id_folder",
        "row-defects": f"{_ROOM}.conversations:row_defects",
        "group-overlap": f"{_ROOM}.splits:group_overlap",
        "picture-overlap": f"{_ROOM}.shared_pictures:picture_overlap",
        "split-draws": f"{_ROOM}.splits:split_draws",
        "name-label": f"{_ROOM}.giveaways:name_label",
        "group-floor": f"{_ROOM}.limits:group_floor",
        "rater-ceiling": f"{_ROOM}.limits:rater_ceiling",
        "training-list": f"{_ROOM}.training_lists:training_list",
        "list-size": f"{_ROOM}.training_lists:list_size",
        "missing-files": f"{_ROOM}.files:missing_files",
        "broken-files": f"{_ROOM}.files:broken_files",
        "extra-files": f"{_ROOM}.files:extra_files",
        "exact-duplicates": f"{_ROOM}.duplicates:exact_duplicates",
        "near-duplicates": f"{_ROOM}.duplicates:near_duplicates",
        "feature-duplicates": f"{_ROOM}.duplicates:feature_duplicates",
        "shortcuts": f"{_ROOM}.shortcuts:shortcuts",
    },
)
"""Every check by its name, in no order; findings are ordered by severity."""

__all__ = ["CHECKS", "Check", "CheckedSet", "Finding", "PictureFacts"]
