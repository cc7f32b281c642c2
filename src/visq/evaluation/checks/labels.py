"""Checks of opinion scores: no numbers, out of range, repeated, constant, bands left empty. No picture."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.checks.finding import CheckedSet, Finding

_SHARE_OF_GAPS = 0.9  # a gap is empty only if it is far longer than nearly all other gaps between labels
_TIMES_LONGER = 5
_EXPECTED = 20  # rows that a gap would hold at the density on its sides; Poisson: none by chance is e^-20
_LEAST_VECTOR = 5  # different scores in a row that two groups do not share by chance


def values(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Labels that are no numbers, missing, outside the stated scale, or written as text."""
    for one in sets:
        if one.label_column is not None:
            yield from _cells(one, one.label_column)
            yield from _out_of_range(one, one.label_column)
            yield from _written_as_text(one, one.label_column)


def _cells(one: CheckedSet, column: str) -> Iterator[Finding]:
    cells = [row.cells.get(column, "").strip() for row in one.rows]
    odd = [i for i, cell in enumerate(cells) if cell and one.labels[i] is None]
    if odd:
        yield Finding(
            "values",
            "error",
            f"{one.name}, column {column!r}: {len(odd)} cells are no numbers, such as {cells[odd[0]]!r} in "
            f"row {one.rows[odd[0]].row}",
            (one.name,),
            one.row_names(odd),
            {"n": len(odd)},
        )
    empty = [i for i, cell in enumerate(cells) if not cell]
    if empty:
        yield Finding(
            "values",
            "warning",
            f"{one.name}, column {column!r}: {len(empty)} of {len(cells)} rows have no label; they count in "
            "no figure",
            (one.name,),
            one.row_names(empty),
            {"n": len(empty), "share": len(empty) / len(cells)},
        )


def _out_of_range(one: CheckedSet, column: str) -> Iterator[Finding]:
    scale = one.label_scale
    if scale is None:
        return
    labels = list(enumerate(one.labels))
    outside = [i for i, label in labels if label is not None and not scale.low <= label <= scale.high]
    if outside:
        yield Finding(
            "values",
            "error",
            f"{one.name}, column {column!r}: {len(outside)} labels lie outside {scale}, such as "
            f"{one.labels[outside[0]]:g} in row {one.rows[outside[0]].row}; correct them, or the scale",
            (one.name,),
            one.row_names(outside),
            {"n": len(outside)},
        )


def _written_as_text(one: CheckedSet, column: str) -> Iterator[Finding]:
    kinds = [row.cells.get("score_kind", "") for row in one.rows]
    texts = [i for i, kind in enumerate(kinds) if kind.startswith("text") and "source_id" not in column]
    if texts and column == "score":
        blanks = sum(kinds[i] == "text with blanks" for i in texts)
        told = f", {blanks} with blanks round them" if blanks else ""
        yield Finding(
            "values",
            "warning",
            f"{one.name}: {len(texts)} scores are written as text{told}; what compares them as text puts 10 "
            "before 9",
            (one.name,),
            one.row_names(texts),
            {"n": len(texts), "n_with_blanks": blanks},
        )


def repeated(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """One picture in several rows: with different labels an error, with equal ones a warning."""
    for one in sets:
        by_name: dict[tuple[str, str], list[int]] = {}
        for i, row in enumerate(one.rows):
            # Ratings of one picture for several prompts are several things.
            name = os.path.normpath(row.file or row.id)
            by_name.setdefault((name, row.cells.get("prompt", "")), []).append(i)
        many = [at for at in by_name.values() if len(at) > 1]
        has_labels = one.label_column is not None
        differ = [at for at in many if has_labels and len({one.labels[i] for i in at}) > 1]
        equal = [at for at in many if at not in differ]
        if differ:
            gaps = [_gap([one.labels[i] for i in at]) for at in differ]
            yield Finding(
                "repeated",
                "error",
                f"{one.name}: {len(differ)} pictures stand in several rows with different labels, such as "
                f"{one.rows[differ[0][0]].id!r}; keep one label each",
                (one.name,),
                one.row_names(i for at in differ for i in at),
                {"n_pictures": len(differ), "mean_gap": float(np.nanmean(gaps))},
            )
        if equal:
            yield Finding(
                "repeated",
                "warning",
                f"{one.name}: {len(equal)} pictures stand in several rows, such as "
                f"{one.rows[equal[0][0]].id!r}; a split may put them on both sides",
                (one.name,),
                one.row_names(i for at in equal for i in at),
                {"n_pictures": len(equal)},
            )


def _gap(labels: Sequence[float | None]) -> float:
    found = [label for label in labels if label is not None]
    return max(found) - min(found) if found else float("nan")


def constant(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """All labels are one value: nothing can be learnt or measured."""
    for one in sets:
        at, labels = one.labelled()
        if labels.size > 1 and labels.min() == labels.max():
            yield Finding(
                "constant",
                "error",
                f"{one.name}: all {labels.size} labels are {one.labels[int(at[0])]:g}; no correlation exists",
                (one.name,),
                one.row_names(at.tolist()),
                {"n": int(labels.size)},
            )


def empty_bands(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Stretches of the scale that hold no label though both sides are full: correlations look too high."""
    for one in sets:
        at, _ = one.labelled()
        gaps = empty_stretches(np.array([one.labels[i] for i in at], dtype=np.float64))
        if gaps:
            told = " and ".join(f"{low:.2f}..{high:.2f}" for low, high in gaps)
            yield Finding(
                "empty-bands",
                "warning",
                f"{one.name}: labels leave {told} empty: correlations will look too high; report them within "
                "bands, and never beside figures on other label distributions",
                (one.name,),
                (),
                {f"gap_{k}": f"{low:.2f}..{high:.2f}" for k, (low, high) in enumerate(gaps, start=1)},
            )


def empty_stretches(labels: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Gaps between labels that are too long to be chance.

    A gap counts if it is five times as long as nine tenths of all gaps between different labels, and if the
    windows of its own length on both sides are so full that it would hold 20 rows at their density.

    Args:
        labels: float64 [n].

    Returns:
        Pairs of the last label below and the first above.
    """
    ordered = np.sort(labels)
    distinct = np.unique(ordered)
    if distinct.size < 10:
        return []
    lengths = np.diff(distinct)
    usual = float(np.quantile(lengths, _SHARE_OF_GAPS))
    found = []
    for k in np.flatnonzero(lengths > _TIMES_LONGER * usual):
        low, high = float(distinct[k]), float(distinct[k + 1])
        length = high - low
        below = np.searchsorted(ordered, low, "right") - np.searchsorted(ordered, low - length, "left")
        above = np.searchsorted(ordered, high + length, "right") - np.searchsorted(ordered, high, "left")
        if min(below, above) >= _EXPECTED:
            found.append((low, high))
    return found


def identical_groups(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Two kinds of distortion with the same scores, row by row: one holds the other's (CSIQ's contrast)."""
    for one in sets:
        vectors: dict[tuple[tuple[str, float], ...], str] = {}
        for kind, members in sorted(_by_kind(one).items()):
            scores = tuple(sorted((rest, one.labels[i] or 0.0) for rest, i in members.items()))
            if len({score for _, score in scores}) < _LEAST_VECTOR:
                continue
            first = vectors.setdefault(scores, kind)
            if first != kind:
                yield Finding(
                    "identical-groups",
                    "error",
                    f"{one.name}: {first!r} and {kind!r} have the same {len(scores)} scores, row by row; one "
                    "of them holds the other's",
                    (one.name,),
                    one.row_names(members.values()),
                    {"n": len(scores)},
                )


_KIND = re.compile(r"(?P<base>.+?)[._](?P<kind>[A-Za-z][\w-]*)[._](?P<level>\d+)$")


def _by_kind(one: CheckedSet) -> dict[str, dict[str, int]]:
    """Kind of distortion -> what else the name says -> row, for names such as `1600.AWGN.3.png`."""
    found: dict[str, dict[str, int]] = {}
    for i, row in enumerate(one.rows):
        stem = os.path.splitext(os.path.basename((row.file or row.id).replace("\\", "/")))[0]
        match = _KIND.fullmatch(stem)
        if match and one.labels[i] is not None:
            found.setdefault(match["kind"].casefold(), {})[f"{match['base']}.{match['level']}"] = i
    return found
