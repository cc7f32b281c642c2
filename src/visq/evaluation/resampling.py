"""A statistic over resamples of whole groups, and with each group left out. Knows arrays, no intervals.

A rank correlation is not recomputed row by row: a resample only gives every row a whole-number weight, so
the rows are sorted once and every resample is ranked by running sums of its weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError
from visq.metrics import srcc

Float64Array = NDArray[np.float64]
Groups = NDArray[np.int64]
Statistic = Callable[..., float]


def members_of(groups: ArrayLike, lengths: Sequence[int]) -> list[Groups]:
    """Row numbers of each group, groups in order of first appearance.

    Args:
        groups: [n], what belongs together.
        lengths: rows of the arrays that go with it; all must be n.

    Returns:
        For each group int64 [rows of it], ascending.

    Raises:
        DataError: there are no rows, or lengths differ.
    """
    names = np.asarray(groups)
    if not names.size or any(length != names.size for length in lengths):
        raise DataError(
            f"a bootstrap needs rows and a group for each: {list(lengths)} rows, {names.size} groups"
        )
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    by_group = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    return [by_group[g] for g in order]


def resampled(
    statistic: Statistic,
    columns: Sequence[NDArray[Any]],
    members: Sequence[Groups],
    n_resamples: int,
    rng: np.random.Generator,
) -> Float64Array:
    """The statistic on resamples: as many groups as there are, drawn with replacement.

    Args:
        statistic: takes the columns, rows drawn alike; `srcc` itself takes the fast way.
        columns: arrays [n, ...], paired by row.
        members: rows of each group.
        n_resamples: how many resamples.
        rng: source of the draws; the same state draws the same groups for any statistic.

    Returns:
        float64 [n_resamples], nan where a resample has no statistic.
    """
    n = len(members)
    return _over(statistic, columns, members, (rng.integers(0, n, n) for _ in range(n_resamples)))


def left_out(
    statistic: Statistic, columns: Sequence[NDArray[Any]], members: Sequence[Groups]
) -> Float64Array:
    """The statistic with each group left out in turn: float64 [groups]; nan for a lone group.

    Source:
        Quenouille 1949; groups as units: Davison and Hinkley 1997, section 3.8.
    """
    everyone = np.arange(len(members))
    if everyone.size < 2:
        return np.full(everyone.size, np.nan)
    return _over(statistic, columns, members, (np.delete(everyone, g) for g in everyone))


def _over(
    statistic: Statistic,
    columns: Sequence[NDArray[Any]],
    members: Sequence[Groups],
    draws: Iterable[Groups],
) -> Float64Array:
    if statistic is srcc and len(columns) == 2:
        return _srcc_over(columns[0], columns[1], members, draws)
    picked = (np.concatenate([members[g] for g in drawn]) for drawn in draws)
    return np.array([float(statistic(*(column[rows] for column in columns))) for rows in picked])


def _srcc_over(
    x: ArrayLike, y: ArrayLike, members: Sequence[Groups], draws: Iterable[Groups]
) -> Float64Array:
    """What `srcc` gives for each draw, to rounding.

    Source:
        A row of weight w stands for w rows, N in all. A value of weight W that ends at running weight C has
        the mean rank C - (W - 1) / 2; its position p = 2 C - W is twice that less one, and N on average. So
        r = (sum w p q - N^3) / sqrt((sum w p^2 - N^3) (sum w q^2 - N^3)), and the first sum of squares
        is (N^3 - sum W^3) / 3 (the correction for ties of Kendall 1945).
    """
    one, other = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    srcc(one, other)  # lengths and values are checked once, by the function this stands for
    order = np.argsort(one, kind="stable")
    group = np.empty(order.size, dtype=np.int64)
    group[np.concatenate(members)] = np.repeat(np.arange(len(members)), [rows.size for rows in members])
    group = group[order]
    first, second = _Positions(one[order]), _Positions(other[order])
    weights, n_groups = np.empty(order.size), len(members)
    counts = (np.bincount(drawn, minlength=n_groups).astype(np.float64) for drawn in draws)
    return np.array([_srcc_once(c.take(group, out=weights, mode="clip"), first, second) for c in counts])


def _srcc_once(weights: Float64Array, first: _Positions, second: _Positions) -> float:
    p, p_cubes = first.of(weights)
    q, q_cubes = second.of(weights)
    p *= weights
    whole = first.total() ** 3
    spread = (whole - p_cubes) * (whole - q_cubes)
    if spread == 0:  # all values are one: exact, since then W = N
        return float("nan")
    return min(1.0, max(-1.0, 3 * (_dot(p, q) - whole) / math.sqrt(spread)))


class _Positions:
    """Where rows stand by their value; with weights, their positions. Arrays are made once and reused."""

    def __init__(self, values: Float64Array) -> None:
        _, of_row, sizes = np.unique(values, return_inverse=True, return_counts=True)
        order = np.argsort(values, kind="stable")
        is_sorted, has_ties = bool((np.diff(order) == 1).all()), sizes.size < values.size
        self._order = None if is_sorted else order
        self._ends = np.concatenate([[0], np.cumsum(sizes)]) if has_ties else None
        self._of_row = None if is_sorted and not has_ties else of_row
        self._sorted, self._square = np.empty(values.size), np.empty(sizes.size)
        self._running, self._at_ends = np.zeros(values.size + 1), np.zeros(sizes.size + 1)
        self._position, self._by_row = np.empty(sizes.size), np.empty(values.size)

    def of(self, weights: Float64Array) -> tuple[Float64Array, float]:
        """Position of each row [n], overwritten by the next call, and the sum of W^3 over values."""
        weight = weights
        if self._order is not None:
            weight = weights.take(self._order, out=self._sorted, mode="clip")
        running = self._running
        np.cumsum(weight, out=running[1:])
        if self._ends is not None:
            running = running.take(self._ends, out=self._at_ends, mode="clip")
            weight = running[1:] - running[:-1]  # [values]
        cubes = _dot(np.multiply(weight, weight, out=self._square), weight)
        position = np.add(running[1:], running[:-1], out=self._position)
        if self._of_row is not None:
            position = position.take(self._of_row, out=self._by_row, mode="clip")
        return position, cubes

    def total(self) -> float:
        """Sum of the weights last given."""
        return float(self._running[-1])


def _dot(u: Float64Array, v: Float64Array) -> float:
    """Sum of products; not by BLAS, whose threads cost more than they save at this size."""
    return float(np.einsum("i,i->", u, v))
