"""Rank correlation inside the parts of a set: its generators, its prompts, its bands of labels. Knows arrays.

What a scorer tells apart inside a part is not what the part's name alone would tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.figures.measured import Figure, Measured
from visq.evaluation.figures.protocols import Protocol
from visq.evaluation.figures.scored import StrArray
from visq.evaluation.statistics.counted import CountedSrcc
from visq.evaluation.statistics.differences import Resampled
from visq.evaluation.statistics.intervals import FEWEST_GROUPS
from visq.evaluation.statistics.resampling import Float64Array, Groups, resampled
from visq.metrics import srcc

FEWEST_ROWS = 3
"""A part with fewer rows is left out: two rows agree or do not, and that is all."""
MOST_RESAMPLED = 64
"""Parts that groups run through, each resampled by itself; with more of them there is no interval."""
FOLD = "fold"


def within_figures(
    measured: Measured, protocol: Protocol | None, empty: Sequence[Sequence[float]]
) -> list[dict[str, Any]]:
    """SRCC within columns that the protocol names, within groups, and within bands of labels.

    Args:
        measured: rows with scores.
        protocol: names columns and bands; None where there is none.
        empty: stretches that labels leave empty; where there are some, the bands are what lies between.

    Returns:
        One entry for each column that has two parts or more to correlate in.
    """
    rows = measured.rows
    wanted = [] if protocol is None else [name for name in protocol.within if name in rows.columns]
    found = [_within(measured, name, rows.columns[name], f"inside each {name}") for name in wanted]
    if rows.group_column is not None:
        found.append(_within(measured, "group", rows.groups, f"inside each {rows.group_column}"))
    if empty:
        bands = bands_between(rows.labels, empty)
        found.append(_within(measured, "band", bands, "inside each band that labels lie in"))
    elif protocol is not None and protocol.bands:
        bands = _bands(rows.labels, protocol.bands, by_labels=False)
        found.append(_within(measured, "band", bands, "inside each band of labels"))
    return [entry for entry in found if len(entry["parts"]) > 1]


def bands_between(labels: Float64Array, empty: Sequence[Sequence[float]]) -> StrArray:
    """The band of each label, where labels leave stretches empty; named by the labels in it.

    Args:
        labels: float64 [n].
        empty: ends of the stretches, in order.
    """
    edges = [-math.inf, *((low + high) / 2 for low, high in empty), math.inf]
    return _bands(labels, edges, by_labels=True)


def _bands(labels: Float64Array, edges: Sequence[float], *, by_labels: bool) -> StrArray:
    """The band of each label, named by its edges or by the labels in it; the last edge is inside."""
    which = np.clip(np.searchsorted(edges, labels, side="right") - 1, 0, len(edges) - 2)
    names = {}
    for i in np.unique(which):
        inside = labels[which == i]
        low, high = (inside.min(), inside.max()) if by_labels else (edges[i], edges[i + 1])
        names[int(i)] = f"{low:.4g}..{high:.4g}"
    return np.array([names[int(i)] for i in which], dtype=np.str_)


def _within(measured: Measured, column: str, values: StrArray, about: str) -> dict[str, Any]:
    parts, n_small, n_constant = [], 0, 0
    kept: list[tuple[Groups, float]] = []
    for name in sorted(np.unique(values).tolist(), key=_natural):
        rows = np.flatnonzero(values == name)
        if name == "" or rows.size < FEWEST_ROWS:
            n_small += 1
            continue
        r = srcc(measured.rows.scores[rows], measured.rows.mos[rows])
        if math.isnan(r):
            n_constant += 1
            continue
        kept.append((rows, r))
        parts.append({"name": name, "n": int(rows.size), "srcc": r, "low": math.nan, "high": math.nan})
    entry = {"column": column, "about": about, "parts": parts}
    counts = {"n_parts": len(parts), "n_small": n_small, "n_constant": n_constant}
    values_of = [r for _, r in kept]
    mean, note = _mean_resampled(measured, kept, parts)
    low, high = math.nan, math.nan
    if mean.size:
        low, high, note = measured.ends(mean)
    centre = float(np.mean(values_of)) if kept else math.nan
    return entry | {
        "mean": {"value": centre, "low": low, "high": high, "note": note},
        "median": float(np.median(values_of)) if kept else math.nan,
        **counts,
    }


def _natural(name: str) -> list[tuple[bool, float, str]]:
    """An order in which 10 comes after 9."""
    pieces = [piece for piece in re.split(r"(\d+(?:\.\d+)?)", name) if piece]
    return [(not p[0].isdecimal(), float(p) if p[0].isdecimal() else 0.0, p) for p in pieces]


def _mean_resampled(
    measured: Measured, kept: Sequence[tuple[Groups, float]], parts: list[dict[str, Any]]
) -> tuple[Float64Array, str | None]:
    """The mean over parts of each resample, and why there is none; fills in the parts' own intervals."""
    nothing = np.empty(0)
    if len(kept) < 2:
        return nothing, None
    code = np.full(measured.n, -1)
    for i, (rows, _) in enumerate(kept):
        code[rows] = i
    part_of_group = [np.unique(code[rows]) for rows in measured.members]
    if all(found.size == 1 for found in part_of_group) and _is_one_group_a_part(part_of_group):
        # A group that is a part is drawn whole or not at all: its SRCC stays, only its weight changes.
        which = np.array([int(found[0]) for found in part_of_group])
        return _weighted(measured, which, np.array([r for _, r in kept])), None
    if len(kept) > MOST_RESAMPLED:
        return nothing, f"no interval: {len(kept)} parts are too many to resample"
    of_part = np.stack([_part_resampled(measured, code == i) for i in range(len(kept))])  # [parts, resamples]
    for part, values in zip(parts, of_part, strict=True):
        part["low"], part["high"], _ = measured.ends(values)
    defined = ~np.isnan(of_part)
    counts = defined.sum(axis=0)
    sums = np.where(defined, of_part, 0.0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(counts.size, np.nan), where=counts > 0), None


def _is_one_group_a_part(part_of_group: Sequence[NDArray[np.int64]]) -> bool:
    named = [int(found[0]) for found in part_of_group if found[0] >= 0]
    return len(named) == len(set(named))


def _weighted(measured: Measured, which: NDArray[np.int64], values: Float64Array) -> Float64Array:
    """Means of the parts' figures over resamples of groups; -1 in `which` is a group without a part."""
    n, rng = len(which), measured.rng()
    padded, is_part = np.append(values, 0.0), which >= 0
    means = []
    for _ in range(measured.settings.resamples):
        drawn = rng.integers(0, n, n)
        weight = int(is_part[drawn].sum())
        means.append(float(padded[which[drawn]].sum()) / weight if weight else math.nan)
    return np.array(means)


def _part_resampled(measured: Measured, inside: NDArray[np.bool_]) -> Float64Array:
    """SRCC of one part over resamples of all groups, the same draws for every part."""
    n, rng = len(measured.members), measured.rng()
    group_of_row = np.empty(measured.n, dtype=np.int64)
    for code, rows in enumerate(measured.members):
        group_of_row[rows] = code
    met, group = np.unique(group_of_row[inside], return_inverse=True)
    statistic = CountedSrcc(measured.rows.scores[inside], measured.rows.mos[inside], group.reshape(-1))
    found, block = [], []
    for i in range(measured.settings.resamples):
        block.append(np.bincount(rng.integers(0, n, n), minlength=n)[met])
        if len(block) == statistic.at_once or i == measured.settings.resamples - 1:
            found.append(statistic(block))
            block = []
    return np.concatenate(found)


def floor_figure(measured: Measured, column: str) -> dict[str, Figure]:
    """SRCC of a predictor without pixels: the mean label of a column's value on the other folds.

    Args:
        measured: rows with scores.
        column: the column, e.g. `generator`.

    Returns:
        `floor_COLUMN_srcc`, with `difference`: SRCC of the scores less that of the floor, on the same
        resamples; empty where there is no such column, or no column `fold`.
    """
    rows = measured.rows
    if column not in rows.columns or FOLD not in rows.columns or measured.n < 2:
        return {}
    values, folds = rows.columns[column], rows.columns[FOLD]
    predicted = np.full(measured.n, math.nan)
    for fold in np.unique(folds):
        elsewhere = folds != fold
        for value in np.unique(values[~elsewhere]):
            known = rows.mos[elsewhere & (values == value)]
            # A value met in no other fold says nothing: the mean of all is what is left.
            guess = (
                known.mean() if known.size else rows.mos[elsewhere].mean() if elsewhere.any() else math.nan
            )
            predicted[~elsewhere & (values == value)] = guess
    if np.isnan(predicted).any():
        return {}
    note = f"no pixels: the mean label of the {column} on the other folds"
    found = measured.correlation("srcc", predicted, rows.mos, note=note)
    return {f"floor_{column}_srcc": found | {"difference": _above(measured, predicted)}}


def _above(measured: Measured, predicted: Float64Array) -> dict[str, float | None]:
    """Difference of SRCC between scores and floor, its ends and p; nan where they do not exist."""
    mos, count = measured.rows.mos, measured.settings.resamples
    scores, floor = (
        Resampled(
            srcc(x, mos),
            resampled(srcc, [x, mos], measured.members, count, measured.rng()),
            measured.n,
            len(measured.members),
        )
        for x in (measured.rows.scores, predicted)
    )
    found = scores.minus(floor, measured.settings.level)
    if len(measured.members) < FEWEST_GROUPS:
        return {"value": found.difference, **dict.fromkeys(("low", "high", "p"), math.nan)}
    ends = {"low": found.interval.low, "high": found.interval.high}
    return {"value": found.difference, **ends, "p": found.p_value}
