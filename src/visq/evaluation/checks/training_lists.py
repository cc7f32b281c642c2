"""Checks against lists: is a set in a model's training list, and is it the one that papers report on?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.protocols import protocol
from visq.evaluation.training_titles import title_naming


def training_list(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """A set that the model was trained on: by the label file's hash, else by its title."""
    for one in sets:
        for entry in one.trained_on:
            title = str(entry.get("title", ""))
            same_file = entry.get("labels_sha256") == one.manifest_sha256
            if same_file or title_naming(one.titles, [title]):
                how = "this very label file" if same_file else f"{title!r}"
                yield Finding(
                    "training-list",
                    "error",
                    f"{one.name}: the model was trained on {how}; a figure of it here is no test",
                    (one.name,),
                    (),
                    {"title": title, "same_file": int(same_file)},
                )


def list_size(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """A set with another number of rows than any list that figures have been published on."""
    for one in sets:
        if one.protocol is None:
            continue
        known = protocol(one.protocol)
        if known.lists and known.list_of(len(one)) is None:
            told = ", ".join(f"{one_list.name} {one_list.n}" for one_list in known.lists)
            yield Finding(
                "list-size",
                "note",
                f"{one.name}: {len(one)} rows are none of the lists of {known.title} ({told}); published "
                "figures are of other rows",
                (one.name,),
                (),
                {"n": len(one)},
            )
