"""Checks of labels: no number, out of range, repeated, constant, bands left empty. Knows no picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.checks.columns import number, other_labels
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import column_of, domains, groupings, judged
from visq.evaluation.figures.empty_stretches import empty_stretches
from visq.evaluation.figures.label_scale import scale_text

_FAR = 10.0  # interquartile ranges beyond the quartiles; a normal law has one label in 10^42 there
_FEWEST_FAR = 20
_MOST_FAR = 0.02  # share of labels that may be far before they are a second cluster, told as empty bands
_BY_CHANCE = 1e-3  # expected pairs of groups with one vector of scores, by chance
_SHORTEST_VECTOR = 4
_MOST_KINDS = 10_000
_BLOCK, _TIMES, _FEWEST_OTHERS = 0.05, 5, 10


def values(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Labels that are no numbers, missing, out of the stated scale, far from all others, written as text."""
    for one in sets:
        if one.label_column is None:
            continue
        column = f"{one.name}, column {one.label_column!r}"
        for name in (one.label_column, *other_labels(one)):
            yield from _no_numbers(one, name)
        yield from _missing(one, column_of(one, one.label_column), column)
        yield from _out_of_range(one, column)
        yield from _far(one, column)
        yield from _as_text(one)


def _no_numbers(one: CheckedSet, column: str) -> Iterator[Finding]:
    cells = column_of(one, column)
    odd = [i for i, cell in enumerate(cells) if cell and number(cell) is None]
    if odd:
        yield Finding(
            "values",
            "error",
            f"{one.name}, column {column!r}: {len(odd)} cells are no numbers, such as {cells[odd[0]]!r} in "
            f"row {one.rows[odd[0]].row}; write decimals, or leave the cells empty",
            (one.name,),
            one.found_rows(odd),
            {"n": len(odd)},
        )


def _missing(one: CheckedSet, cells: Sequence[str], column: str) -> Iterator[Finding]:
    empty = [i for i, cell in enumerate(cells) if not cell]
    if not empty:
        return
    # A part without any label is kept back on purpose; gaps within a part are not.
    is_part = any(
        {parts[i] for i in empty}.isdisjoint(parts[i] for i, cell in enumerate(cells) if cell)
        for parts in one.splits.values()
    )
    yield Finding(
        "values",
        "note" if is_part else "warning",
        f"{column}: {len(empty)} of {len(cells)} rows have no label and count in no figure"
        + ("; they are whole parts of the split" if is_part else "; fill them in, or leave the rows out"),
        (one.name,),
        one.found_rows(empty),
        {"n": len(empty), "share": len(empty) / len(cells)},
    )


def _out_of_range(one: CheckedSet, column: str) -> Iterator[Finding]:
    scale = one.label_scale
    if scale is None:
        return
    outside = [
        i for i, label in enumerate(one.labels) if label is not None and not scale.low <= label <= scale.high
    ]
    if outside:
        yield Finding(
            "values",
            "error",
            f"{column}: {len(outside)} labels lie outside {scale_text(scale)}, such as "
            f"{one.labels[outside[0]]:g} in row {one.rows[outside[0]].row}; correct them, or the scale",
            (one.name,),
            one.found_rows(outside),
            {"n": len(outside), "low": scale.low, "high": scale.high},
        )


def _far(one: CheckedSet, column: str) -> Iterator[Finding]:
    """Labels far from all others, where no scale is stated: a slipped decimal point, a code for missing."""
    at, labels = one.labelled()
    if one.label_scale is not None or labels.size < _FEWEST_FAR:
        return
    low, high = np.quantile(labels, [0.25, 0.75])
    reach = _FAR * (high - low)
    far = at[(labels < low - reach) | (labels > high + reach)].tolist()
    if reach > 0 and 0 < len(far) <= _MOST_FAR * labels.size:
        yield Finding(
            "values",
            "warning",
            f"{column}: {len(far)} labels lie far from all others, such as {one.labels[far[0]]:g} in row "
            f"{one.rows[far[0]].row} where half of them are within {low:.4g}..{high:.4g}; correct them, or "
            "state the scale with --label-scale",
            (one.name,),
            one.found_rows(far),
            {"n": len(far)},
        )


def _as_text(one: CheckedSet) -> Iterator[Finding]:
    if one.label_column != "score":
        return
    kinds = [row.cells.get("score_kind", "") for row in one.rows]
    texts = [i for i, kind in enumerate(kinds) if kind.startswith("text")]
    if texts:
        blanks = sum(kinds[i] == "text with blanks" for i in texts)
        tail = f", {blanks} of them with blanks round them" if blanks else ""
        yield Finding(
            "values",
            "warning",
            f"{one.name}: {len(texts)} scores are written as text{tail}; visq reads them as numbers, a "
            "reader "
            "that does not puts 10 before 9",
            (one.name,),
            one.found_rows(texts),
            {"n": len(texts), "n_with_blanks": blanks},
        )


def repeated(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """One picture in several rows, with different labels or equal ones; one id for several pictures."""
    for one in sets:
        yield from _repeated_ids(one)
        by_name: dict[tuple[str, ...], list[int]] = {}
        for i, key in enumerate(judged(one)):
            by_name.setdefault(key, []).append(i)
        many = [at for at in by_name.values() if len(at) > 1]
        differ = [at for at in many if len({one.labels[i] for i in at} - {None}) > 1]
        told = {at[0] for at in differ}
        same = [at for at in many if at[0] not in told]
        if differ:
            yield _differing(one, differ, n_pictures=len(by_name))
        if same:
            yield Finding(
                "repeated",
                "warning",
                f"{one.name}: {len(same)} pictures stand in several rows, such as "
                f"{one.rows[same[0][0]].id!r}; they count twice, and a split may put them on both sides",
                (one.name,),
                one.found_rows(i for at in same for i in at),
                {"n_pictures": len(same)},
            )


def _differing(one: CheckedSet, differ: Sequence[Sequence[int]], *, n_pictures: int) -> Finding:
    known = [[label for i in at if (label := one.labels[i]) is not None] for at in differ]
    gap = float(np.mean([max(labels) - min(labels) for labels in known]))
    is_most = len(differ) > n_pictures / 2
    advice = "these look like single ratings; take their mean" if is_most else "keep one label each"
    return Finding(
        "repeated",
        "error",
        f"{one.name}: {len(differ)} pictures stand in several rows with different labels, such as "
        f"{one.rows[differ[0][0]].id!r} ({known[0][0]:g} and {known[0][-1]:g}); {advice}",
        (one.name,),
        one.found_rows(i for at in differ for i in at),
        {"n_pictures": len(differ), "mean_gap": gap},
    )


def _repeated_ids(one: CheckedSet) -> Iterator[Finding]:
    files: dict[str, str] = {}
    clash = []
    for i, row in enumerate(one.rows):
        file = one.pictures[i] if row.file else ""
        if files.setdefault(row.id, file) != file:
            clash.append(i)
    if clash:
        yield Finding(
            "repeated",
            "error",
            f"{one.name}: {len(clash)} rows repeat an id that stands for another picture, such as "
            f"{one.rows[clash[0]].id!r} in row {one.rows[clash[0]].row}; give each picture its own id",
            (one.name,),
            one.found_rows(clash),
            {"n": len(clash)},
        )


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
                one.found_rows(at.tolist()),
                {"n": int(labels.size)},
            )


def empty_bands(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Stretches of the scale that hold no label though both sides are full: correlations look too high."""
    for one in sets:
        at, _ = one.labelled()
        labels = np.array([one.labels[i] for i in at.tolist()], dtype=np.float64)
        least = _longest_by_chance(one) * float(np.ptp(labels)) if at.size else 0.0
        gaps = [gap for gap in empty_stretches(labels) if gap[1] - gap[0] > least]
        if not gaps:
            continue
        told = " and ".join(f"{low:.2f}..{high:.2f}" for low, high in gaps)
        figures: dict[str, float] = {}
        for k, (low, high) in enumerate(gaps, start=1):
            figures |= {f"gap_{k}_low": low, f"gap_{k}_high": high}
        yield Finding(
            "empty-bands",
            "warning",
            f"{one.name}: labels leave {told} empty: correlations will look too high; give them within the "
            "bands too, and never beside figures on labels spread otherwise",
            (one.name,),
            one.found_rows(at.tolist()),
            {"n": int(at.size), "n_gaps": len(gaps), **figures},
        )


def _longest_by_chance(one: CheckedSet) -> float:
    """Share of the range that may stay empty by chance where rows of a group have labels near each other.

    Of n independent labels drawn evenly the longest gap is about ln(n) / n; three times that, with groups in
    the place of rows.
    """
    n = min((g.n_groups for g in groupings(one) if g.is_sure), default=len(one))
    return 3 * math.log(n) / n if n > 1 else 1.0


def identical_groups(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Two kinds or groups with the same scores, one after the other: one holds the other's (CSIQ's contrast).

    How often chance would do it is counted from how often each score occurs, so that coarse scores do not
    count.
    """
    for one in sets:
        at, labels = one.labelled()
        _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        rarity = np.log(counts / max(1, labels.size))[codes]  # log of the share of rows with that score
        told: set[frozenset[int]] = set()
        ways = [*domains(one), *((f"group ({g.name})", [v or "" for v in g.values]) for g in groupings(one))]
        for what, names in ways:
            # Python's own text: as numpy's, one long prompt would make every cell as long.
            kinds = np.array([names[i] for i in at.tolist()], dtype=np.object_)
            yield from _same_vectors(one, what, kinds, at, labels, rarity, told)


def _same_vectors(
    one: CheckedSet,
    what: str,
    kinds: NDArray[np.object_],
    at: NDArray[np.int64],
    labels: NDArray[np.float64],
    rarity: NDArray[np.float64],
    told: set[frozenset[int]],
) -> Iterator[Finding]:
    names, codes = np.unique(kinds, return_inverse=True)
    if not 1 < names.size <= _MOST_KINDS:
        return
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    first: dict[bytes, int] = {}
    n_pairs = names.size * (names.size - 1) / 2
    for k, rows in enumerate(members):
        if rows.size < _SHORTEST_VECTOR or not names[k]:
            continue
        if math.log(n_pairs) + float(rarity[rows].sum()) > math.log(_BY_CHANCE):
            continue
        if np.unique(labels[rows]).size < _SHORTEST_VECTOR:
            continue
        other = first.setdefault(labels[rows].tobytes(), k)
        both = [*at[members[other]].tolist(), *at[rows].tolist()]
        if other == k or frozenset(both) in told:
            continue
        told.add(frozenset(both))
        yield Finding(
            "identical-groups",
            "error",
            f"{one.name}: {str(names[other])!r} and {str(names[k])!r} ({what}) have the same {rows.size} "
            "scores "
            "in the same order; one holds the other's",
            (one.name,),
            one.found_rows(both),
            {"n": int(rows.size), "n_different": int(np.unique(labels[rows]).size)},
        )


def blocks(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Many rows share the worst or the best label exactly, among labels that hardly repeat."""
    for one in sets:
        at, labels = one.labelled()
        for what, rows in extreme_blocks(labels):
            label = one.labels[int(at[rows[0]])]
            yield Finding(
                "blocks",
                "note",
                f"{one.name}: {rows.size} of {labels.size} labels are exactly {label:g}, the {what}: such "
                "ties "
                "lift or lower every correlation (undistorted pictures, or a code for missing?)",
                (one.name,),
                one.found_rows(at[rows].tolist()),
                {"n": int(rows.size), "share": rows.size / labels.size, "label": label},
            )


def extreme_blocks(labels: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Positions of labels that share the lowest or the highest value, where they are a block of ties.

    A block has 5 % of the labels and five times as many as any other value.

    Args:
        labels: float64 [n].

    Yields:
        `lowest` or `highest`, and int64 [m].
    """
    if not labels.size:
        return
    found, counts = np.unique(labels, return_counts=True)
    for what, k, others in (("lowest", 0, counts[1:]), ("highest", -1, counts[:-1])):
        n = int(counts[k])
        if others.size >= _FEWEST_OTHERS and n >= _BLOCK * labels.size and n >= _TIMES * int(others.max()):
            yield what, np.flatnonzero(labels == found[k])
