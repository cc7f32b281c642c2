"""Checks against lists: those a model was trained on, and those that figures are published on.

Knows hashes, titles and counts; no picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.figures.protocols import Protocol, protocol
from visq.evaluation.runs.training_titles import title_naming

_HASHES = ("labels_sha256", "manifest_sha256", "sha256")
"""Fields of `trained_on` that may hold the hash of a label file."""
_PERCENT = re.compile(r"(?P<whole>.*?)[_-]?(?P<percent>\d{1,2})_?(?:percent|pct)(?![a-z0-9])", re.IGNORECASE)
_SLACK = 0.02  # of a share: a list of "20 percent" may hold 19 to 21
_NEAR = 0.05  # share of rows that a list may lack and still be that list with rows left out


def training_list(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """A set that the model was trained on: by the label file's hash, else by name."""
    for one in sets:
        for entry in one.trained_on:
            title = str(entry.get("title", "")) or "a list without a title"
            same_file = any(entry.get(field) == one.manifest_sha256 for field in _HASHES)
            if not same_file and title_naming(one.titles, [title]) is None:
                continue
            how = "on this very label file" if same_file else "on data of this name"
            test = "" if same_file else "; unless these rows were kept out of it"
            yield Finding(
                "training-list",
                "error",
                f"{one.name}: the model was trained {how} ({title}): a figure of it here is no test{test}",
                (one.name,),
                one.found_rows(range(len(one))),
                {"title": title, "same_file": int(same_file), "n_trained_on": entry.get("n")},
            )


def list_size(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Lists with other rows than those that figures were published on; shares of another whole."""
    for one in sets:
        if one.protocol is not None:
            yield from _official(one, protocol(one.protocol))
    yield from _percents(sets)


def _official(one: CheckedSet, known: Protocol) -> Iterator[Finding]:
    sizes = {len(one)}
    for parts in one.splits.values():
        sizes |= {sum(part == name for part in parts) for name in set(parts)}
    if not known.lists or any(known.list_of(n) for n in sizes):
        return
    told = ", ".join(f"{a.name} {a.n}" for a in known.lists)
    near = next((a for a in known.lists if 0 < a.n - len(one) <= _NEAR * a.n), None)
    labels = [label for label in one.labels if label is not None]
    lacking = ""
    if near is not None and labels:
        lacking = (
            f"; {near.n - len(one)} of {near.name!r} are missing, labels here end at {min(labels):g} and "
            f"{max(labels):g}: published lists lack the rows at the end of the scale"
        )
    yield Finding(
        "list-size",
        "note",
        f"{one.name}: {len(one)} rows are none of the lists of {known.title} ({told}){lacking}; published "
        "figures "
        "are of other rows",
        (one.name,),
        (),
        {"n": len(one), "n_missing": None if near is None else near.n - len(one)},
    )


def _percents(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """A list called "20percent" that is another share of the list it is called after."""
    by_name = {one.name: one for one in sets}
    for one in sets:
        found = _PERCENT.fullmatch(one.name)
        whole = by_name.get(found["whole"]) if found else None
        if found is None or whole is None or not len(whole):
            continue
        share, said = len(one) / len(whole), int(found["percent"]) / 100
        if abs(share - said) > _SLACK:
            yield Finding(
                "list-size",
                "note",
                f"{one.name}: {len(one)} rows are {100 * share:.1f} % of the {len(whole)} of {whole.name}, "
                "not "
                f"{100 * said:.0f} %: a share of another whole",
                (one.name, whole.name),
                (),
                {"n": len(one), "n_whole": len(whole), "share": share},
            )
