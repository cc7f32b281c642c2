"""What a reader of one set's figures has to know, in one line each. Knows arrays and words; reads no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.runs.labelled import SPLIT_COLUMNS, LabelledSet
from visq.evaluation.runs.training_titles import title_naming
from visq.scoring.spread import is_almost_equal

FEW = 100
WIDER = 1.25
"""Times the published list's std of labels: a spread above it is a selection."""
GROUP_LIKE = frozenset(
    [
        "prompt",
        "reference",
        "ref",
        "ref_image",
        "reference_image",
        "scene",
        "clip",
        "video",
        "video_id",
        "author",
        "photographer",
        "user",
        "session",
        "source_id",
        "background_id",
        "id_a",
        "id_b",
    ]
)
"""Columns that usually say what belongs together."""
_LISTED = 4
_ROUNDING = 1e-9


def set_warnings(
    scored: ScoredSet,
    labelled: LabelledSet,
    about: Mapping[str, Any],
    trained_on: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Warnings about one set, the gravest first.

    Args:
        scored: its labels and scores.
        labelled: how they were read.
        about: `labels` and `figures`, as `set_figures` gives them.
        trained_on: titles, and hashes of label files, of the model's training data.
    """
    found = [
        *training_warnings(labelled, trained_on),
        *_partial(scored),
        *_direction(scored, about["figures"]),
        *_equal_scores(scored),
        *_selection(labelled, about["labels"]),
        *_size(scored),
        *_groups(scored),
        *_scales(scored),
        *_lists(labelled),
        *labelled.notes,
    ]
    return [*found, *(() if labelled.protocol is None else labelled.protocol.notes)]


def training_title(labelled: LabelledSet, trained_on: Sequence[Mapping[str, Any]]) -> str | None:
    """The title of the training data that holds this set, by its file or by its name; else None."""
    for data in trained_on:
        if data.get("labels_sha256") == labelled.sha256:
            return str(data["title"])
    protocol = labelled.protocol
    names = [*labelled.name.split("/"), *(() if protocol is None else (protocol.name, protocol.title))]
    return title_naming(names, [data["title"] for data in trained_on])


def training_warnings(labelled: LabelledSet, trained_on: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is said of a set that the model was trained on; nothing of another."""
    title = training_title(labelled, trained_on)
    if title is None:
        return
    if any(data.get("labels_sha256") == labelled.sha256 for data in trained_on):
        yield (
            f"the model was trained on these very rows ({title}): the figures show how well it remembers "
            "them, nothing else"
        )
    else:
        yield f"the model was trained on {title}: its rows are no test, and others like them an easy one"


def _partial(scored: ScoredSet) -> Iterator[str]:
    n_failed = int((~scored.is_scored).sum())
    if n_failed:
        kinds = Counter(kind for kind in scored.kinds if kind).most_common()
        reasons = ", ".join(f"{n} {kind}" for kind, n in kinds)
        n_scored = len(scored) - n_failed
        yield f"partial: {n_scored} of {len(scored)} rows have a score ({reasons}); figures are over those"


def _direction(scored: ScoredSet, figures: Mapping[str, Any]) -> Iterator[str]:
    down = "--label-scale 100..0 (for 0..100) if lower labels are better (DMOS), --score-scale likewise"
    if "auroc" in figures:
        auroc = figures["auroc"]
        down = "--label-scale 1..0 if 1 means the worse class, --score-scale if lower scores are better"
        if auroc["high"] < 0.5 or auroc["value"] == 0:
            found = f"AUROC is below 0.5, {auroc['value']:.3f}"
            yield f"{found}: scores or labels point the other way; give {down}"
    elif figures["srcc"]["high"] < 0 or figures["srcc"]["value"] <= -1 + _ROUNDING:
        srcc = figures["srcc"]["value"]
        yield f"SRCC is negative, {srcc:.3f}: scores or labels point the other way; give {down}"
    kept = scored.is_scored
    if kept.sum() > 2 and np.array_equal(scored.scores[kept], scored.labels[kept]):
        yield "the scores are the labels themselves: --scores and --label name the same numbers"


def _equal_scores(scored: ScoredSet) -> Iterator[str]:
    span = None if scored.score_scale is None else scored.score_scale.high - scored.score_scale.low
    if is_almost_equal(scored.scores[scored.is_scored], span):
        yield "nearly all scores are equal: check the pictures and the model"


def _selection(labelled: LabelledSet, facts: Mapping[str, Any]) -> Iterator[str]:
    empty = facts["empty"]
    if empty:
        stretches = [f"{low:.2f}..{high:.2f}" for low, high in empty]
        named = " and ".join(stretches) if len(stretches) < 3 else f"{', '.join(stretches[:_LISTED])} ..."
        yield f"labels leave {named} empty: correlations will look too high; read those within bands"
    protocol = labelled.protocol
    if protocol is not None and protocol.label_std is not None and facts["std"] > WIDER * protocol.label_std:
        yield (
            f"labels have a std of {facts['std']:.2f}, those of {protocol.lists[0].name} "
            f"{protocol.label_std:.2f}: a wider spread lifts correlations; not comparable with figures on "
            f"{protocol.title}"
        )


def _size(scored: ScoredSet) -> Iterator[str]:
    n = int(scored.is_scored.sum())
    if n < FEW:
        yield f"n = {n}: too few to tell good scorers apart; mind the intervals"
    elif scored.group_column is not None and len(set(scored.groups.tolist())) < FEW / 4:
        n_groups = len(set(scored.groups.tolist()))
        yield f"{n_groups} groups by {scored.group_column!r}: intervals are of so few, whatever the rows"


def _groups(scored: ScoredSet) -> Iterator[str]:
    if scored.group_column is not None:
        return
    for name, column in scored.columns.items():
        n_values = len(set(column.tolist()) - {""})
        if name.casefold() in GROUP_LIKE and n_values < len(scored):
            yield (
                f"intervals take rows as independent, but column {name!r} has {n_values} values for "
                f"{len(scored)} rows; give --group {name}"
            )


def _scales(scored: ScoredSet) -> Iterator[str]:
    for what, option, values, scale in (
        ("labels", "--label-scale", scored.labels, scored.label_scale),
        ("scores", "--score-scale", scored.scores[scored.is_scored], scored.score_scale),
    ):
        n_outside = 0 if scale is None else int(((values < scale.low) | (values > scale.high)).sum())
        if n_outside:
            yield f"{n_outside} {what} lie outside {scale}; is {option} right?"


def _lists(labelled: LabelledSet) -> Iterator[str]:
    protocol, n = labelled.protocol, len(labelled.kept)
    if protocol is None:
        for name, column in labelled.columns.items():
            counts = Counter(column.tolist())
            if name.casefold() in SPLIT_COLUMNS and 1 < len(counts) <= _LISTED:
                parts = ", ".join(f"{word} {count}" for word, count in counts.most_common())
                yield f"rows of all values of column {name!r} count together ({parts})"
        return
    known = protocol.list_of(n)
    if known is not None:
        if known.note:
            yield known.note
        return
    if protocol.lists:
        sizes = ", ".join(f"{one.n} ({one.name})" for one in protocol.lists)
        yield f"n = {n} is none of the lists that figures on {protocol.title} are over: {sizes}"
    else:
        yield f"which rows figures on {protocol.title} are over is not known; name your list with them"
