"""Check of direction: do larger labels mean better pictures, as all of visq takes them to? No picture."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from visq.evaluation.checks.conversations import levels_of
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.protocols import names, protocol

_STRENGTH = re.compile(r"(?P<series>.+[._-])0*(?P<strength>\d{1,2})$")
_STRENGTH_COLUMNS = ("severity", "strength", "distortion_level", "dist_level")
_LEAST_PAIRS = 10
_SHARE = 0.8  # of pairs of one series in which the stronger distortion has the larger label
_BLOCK = 0.1  # of rows that share the lowest label exactly: undistorted pictures have DMOS 0
_LEAST_BLOCK = 4


def direction(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Labels that point down (DMOS) where they are read as pointing up."""
    for one in sets:
        if one.is_yes_or_no:
            continue
        if one.label_scale is not None and one.label_scale.direction == "down":
            yield from _levels_upside_down(one)
            continue
        reasons = [reason for reason in (_known(one), _by_strength(one), _block(one)) if reason]
        if reasons:
            yield Finding(
                "direction",
                "error",
                f"{one.name}: labels seem to point down (lower is better): {'; '.join(reasons)}; say so with "
                "--label-scale HIGH..LOW, for example 100..0",
                (one.name,),
                (),
                {"n_reasons": len(reasons)},
            )


def _known(one: CheckedSet) -> str | None:
    """The pictures lie in the folder of a data set whose labels are known to point down."""
    if one.protocol is not None:
        return None
    folders = Counter(
        (row.file or row.id).replace("\\", "/").partition("/")[0].casefold() for row in one.rows
    )
    for name in names():
        forms = protocol(name).forms
        if folders[name] > len(one.rows) / 2 and forms and all(f.scale.direction == "down" for f in forms):
            return f"the pictures lie in {name!r}, and {protocol(name).title} has DMOS"
    return None


def _by_strength(one: CheckedSet) -> str | None:
    """Within a series of one picture and one distortion, labels rise with its strength."""
    series: dict[str, list[tuple[int, float]]] = {}
    column = next((c for c in _STRENGTH_COLUMNS if one.rows and c in one.rows[0].cells), None)
    for row, label in zip(one.rows, one.labels, strict=True):
        found = _strength(row.file or row.id, row.cells.get(column, "") if column else None)
        if found is not None and label is not None:
            series.setdefault(found[0], []).append((found[1], label))
    rising = pairs = 0
    for members in series.values():
        if len(members) > 20:
            continue  # a running number, not a strength
        steps = [(a, b) for i, a in enumerate(members) for b in members[:i] if a[0] != b[0] and a[1] != b[1]]
        pairs += len(steps)
        rising += sum((a[0] - b[0]) * (a[1] - b[1]) > 0 for a, b in steps)
    if pairs >= _LEAST_PAIRS and rising / pairs >= _SHARE:
        return f"in {rising} of {pairs} pairs the stronger distortion has the larger label"
    return None


def _strength(name: str, cell: str | None) -> tuple[str, int] | None:
    """Series and strength of a name such as `1600.AWGN.3.png` or `I01_02_05.png`, or of a column."""
    stem = os.path.splitext(name.replace("\\", "/"))[0]
    found = _STRENGTH.fullmatch(stem)
    if cell is not None:
        return (found["series"] if found else stem, int(cell)) if cell.strip().isdecimal() else None
    # A distortion's name or number has to stand before the strength, or it is only a picture's number.
    if found is None or len(re.findall(r"[._]", os.path.basename(stem))) < 2:
        return None
    return found["series"], int(found["strength"])


def _block(one: CheckedSet) -> str | None:
    """Many rows share the lowest label to the last digit, and it is 0."""
    _, labels = one.labelled()
    n = int((labels == 0).sum())
    if labels.size and labels.min() == 0 and n >= max(_LEAST_BLOCK, _BLOCK * labels.size):
        return f"{n} of {labels.size} labels are exactly 0, as those of undistorted pictures in DMOS"
    return None


def _levels_upside_down(one: CheckedSet) -> Iterator[Finding]:
    """The words call pictures good whose label, rightly read, is bad."""
    at, labels = one.labelled()
    levels = levels_of(one)
    pairs = ((levels[int(i)], label) for i, label in zip(at, labels, strict=True))
    known = [(level, label) for level, label in pairs if level is not None]
    if len(known) < _LEAST_PAIRS or len({level for level, _ in known}) < 2:
        return
    rank, value = (np.array(column, dtype=np.float64) for column in zip(*known, strict=True))
    if value.std() > 0 and float(np.corrcoef(rank, value)[0, 1]) < 0:
        yield Finding(
            "direction",
            "error",
            f"{one.name}: level words are upside down: the better a picture by its label (lower is better), "
            "the worse its word; make the words anew",
            (one.name,),
            one.row_names(at.tolist()),
            {"n": len(known)},
        )
