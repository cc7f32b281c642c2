"""Correlations of resamples, from how often each group was drawn. Knows counts: no draws, no intervals.

A resample of whole groups only gives every row a whole-number weight. So a rank correlation sorts the rows
once and ranks every resample by running sums of its weights, and a linear one adds up six sums a group.
Resamples are ranked several at a time, side by side in memory: a row is then picked for all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.metrics import plcc, srcc

Float64Array = NDArray[np.float64]
Int32Array = NDArray[np.int32]
Number = TypeVar("Number", np.int32, np.float64)
Counts = NDArray[np.int64]
"""How often each group was drawn, [n_groups]."""
AT_ONCE = (4, 64)
"""Fewest and most resamples that are ranked side by side."""
BLOCK = 80_000
"""Rows times resamples; the arrays of a block then lie in 2 MiB of cache."""
INT32 = 2**31 - 1
MOST_ROWS = INT32 // 2  # twice the rows of a resample must be an int32
SURE = 1e-3
"""Share of the raw squares that is left after the mean is taken out, below which `plcc` itself is asked."""


class CountedSrcc:
    """What `srcc` gives for resamples, to rounding. Its arrays are made once and written over by each block.

    Source:
        A row of weight w stands for w rows, N in all. A value of weight W that ends at running weight C has
        the mean rank C - (W - 1) / 2; its position p = 2 C - W is twice that less one, and N on average. So
        r = (sum w p q - N^3) / sqrt((sum w p^2 - N^3) (sum w q^2 - N^3)), and the first sum of squares
        is (N^3 - sum W^3) / 3 (the correction for ties of Kendall 1945).
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, group: Counts) -> None:
        one, other = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        srcc(one, other)  # lengths and values are checked once, by the function this stands for
        self.at_once = max(AT_ONCE[0], min(AT_ONCE[1], BLOCK // one.size))
        by_x, by_y = np.argsort(one, kind="stable"), np.argsort(other, kind="stable")
        self._group_by_x, self._group_by_y = group[by_x], group[by_y]
        shape = (one.size, self.at_once)
        self._first, self._second = (_Positions(v, self.at_once) for v in (one[by_x], other[by_y]))
        # Rows end up in the order of y, where the positions in x have to be fetched from.
        self._x_of_row = self._first.value_of(np.argsort(by_x, kind="stable")[by_y])
        self._by_x, self._by_y, self._p = (np.empty(shape, dtype=np.int32) for _ in range(3))
        self._u, self._v = np.empty(shape), np.empty(shape)
        self._counts = np.zeros((int(group.max()) + 1, self.at_once), dtype=np.int32)

    def __call__(self, counts: Sequence[Counts]) -> Float64Array:
        """Float64 of each resample, at most `at_once`; nan where all its values in x or in y are one."""
        for i, drawn in enumerate(counts):
            self._counts[:, i] = drawn
        self._counts.take(self._group_by_x, axis=0, out=self._by_x, mode="clip")
        self._counts.take(self._group_by_y, axis=0, out=self._by_y, mode="clip")
        p, x_weight = self._first.of(self._by_x)
        q, y_weight = self._second.of(self._by_y)
        totals = self._first.totals()
        x_cubes = self._cubes(x_weight, totals)
        has_ties = not len(x_weight) == len(y_weight) == len(self._by_x)  # without, the weights are the same
        y_cubes = self._cubes(y_weight, totals) if has_ties else x_cubes
        n = totals.astype(np.float64)
        whole = n * n * n  # as a cube of W = N is made, so that both round alike
        spread = (whole - x_cubes) * (whole - y_cubes)
        spread[spread == 0] = np.nan  # all values are one: exact, since then W = N
        found = 3 * (self._products(p, q, totals) - whole) / np.sqrt(spread)
        return np.asarray(np.clip(found, -1.0, 1.0)[: len(counts)], dtype=np.float64)

    def _products(self, p: Int32Array, q: Int32Array, totals: Int32Array) -> Float64Array:
        """Sum of w p q over rows [resamples], from positions of values."""
        by_row = p.take(self._x_of_row, axis=0, out=self._p, mode="clip")
        if 2 * int(totals.max()) * int(self._by_y.max()) <= INT32:
            np.copyto(self._u, np.multiply(by_row, self._by_y, out=by_row))
        else:
            np.copyto(self._v, self._by_y)
            np.multiply(by_row, self._v, out=self._u)
        np.copyto(self._v, self._second.of_rows(q))
        return _sums(np.multiply(self._u, self._v, out=self._u))

    def _cubes(self, weight: Int32Array, totals: Int32Array) -> Float64Array:
        """Sum of W^3 over values [resamples], as int32 where that holds it, which is faster."""
        if int(weight.max()) ** 2 * int(totals.max()) <= INT32:
            cube = np.multiply(weight, weight, out=self._p[: len(weight)])
            return _sums(np.multiply(cube, weight, out=cube)).astype(np.float64)
        u, v = self._u[: len(weight)], self._v[: len(weight)]
        np.copyto(u, weight)
        np.multiply(u, u, out=v)
        return _sums(np.multiply(u, v, out=v)).astype(np.float64)


class _Positions:
    """Where sorted rows stand by their value; with weights int32 [n, resamples], their positions."""

    def __init__(self, values: Float64Array, at_once: int) -> None:
        is_new = np.concatenate([[True], values[1:] != values[:-1]])
        starts = np.flatnonzero(is_new)
        self._value = np.cumsum(is_new) - 1 if starts.size < values.size else None
        self._ends = None if self._value is None else np.append(starts, values.size)
        of_values, of_rows = (starts.size, at_once), (values.size, at_once)
        self._running = np.zeros((values.size + 1, at_once), dtype=np.int32)
        self._at_ends = np.zeros((starts.size + 1, at_once), dtype=np.int32)
        self._position, self._weight = (np.empty(of_values, dtype=np.int32) for _ in range(2))
        self._by_row = np.empty(of_rows, dtype=np.int32)

    def value_of(self, rows: Counts) -> Counts:
        """The number of each row's value, for rows given by their place in the order."""
        return rows if self._value is None else self._value[rows]

    def of(self, weights: Int32Array) -> tuple[Int32Array, Int32Array]:
        """Position and weight of each value, [values, resamples] both."""
        np.cumsum(weights, axis=0, out=self._running[1:])
        running, weight = self._running, weights
        if self._ends is not None:
            running.take(self._ends, axis=0, out=self._at_ends, mode="clip")
            running, weight = self._at_ends, self._weight
            np.subtract(running[1:], running[:-1], out=weight)
        return np.add(running[1:], running[:-1], out=self._position), weight

    def of_rows(self, positions: Int32Array) -> Int32Array:
        """Positions of values as positions of rows."""
        if self._value is None:
            return positions
        positions.take(self._value, axis=0, out=self._by_row, mode="clip")
        return self._by_row

    def totals(self) -> Int32Array:
        """Sum of the weights last given, [resamples]."""
        last: Int32Array = self._running[-1]
        return last


def _sums(columns: NDArray[Number]) -> NDArray[Number]:
    """Sum of each column; long rows are added to one another, which is faster than many short ones."""
    n, width = columns.shape
    fold = max(1, 256 // width)
    even = n // fold * fold
    folded = np.add.reduce(columns[:even].reshape(even // fold, fold * width), axis=0, dtype=columns.dtype)
    total: NDArray[Number] = np.add.reduce(folded.reshape(fold, width), axis=0, dtype=columns.dtype)
    total += np.add.reduce(columns[even:], axis=0, dtype=columns.dtype)
    return total


class CountedPlcc:
    """What `plcc` gives for resamples, to rounding.

    Sums of centred, scaled values are kept for each group. Where a resample's own mean takes nearly all of
    its squares with it, too few digits are left, and a constant resample could not be told from one that is
    nearly so: such a resample is handed, row by row, to `plcc`.

    Source:
        r = (S_xy - S_x S_y / N) / sqrt((S_xx - S_x^2 / N)(S_yy - S_y^2 / N)), each S a sum over groups of
        count times the group's own sum; Pearson 1895.
    """

    at_once = 16

    def __init__(self, x: ArrayLike, y: ArrayLike, group: Counts) -> None:
        self._x, self._y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        plcc(self._x, self._y)  # lengths and values are checked once, by the function this stands for
        self._group = group
        u, v = _scaled(self._x), _scaled(self._y)
        parts = (np.ones(u.size), u, v, u * u, v * v, u * v)
        self._sums = np.stack([np.bincount(group, weights=part) for part in parts])  # [6, n_groups]

    def __call__(self, counts: Sequence[Counts]) -> Float64Array:
        """Float64 of each resample; nan where x or y is constant in it."""
        # Not by BLAS, whose threads cost more than they save at this size.
        sums = np.array([np.einsum("kg,g->k", self._sums, drawn.astype(np.float64)) for drawn in counts])
        n, s_x, s_y, s_xx, s_yy, s_xy = sums.T
        n = np.maximum(n, 1)
        x_spread, y_spread = s_xx - s_x * s_x / n, s_yy - s_y * s_y / n
        sure = _sure(x_spread, s_xx) & _sure(y_spread, s_yy)
        found = np.full(n.size, np.nan)
        r = (s_xy - s_x * s_y / n)[sure] / np.sqrt(x_spread[sure] * y_spread[sure])
        found[sure] = np.clip(r, -1.0, 1.0)
        for i in np.flatnonzero(~sure):
            found[i] = self._by_rows(counts[int(i)])
        return found

    def _by_rows(self, drawn: Counts) -> float:
        rows = np.repeat(np.arange(self._group.size), drawn[self._group])
        return plcc(self._x[rows], self._y[rows]) if rows.size > 1 else float("nan")


def _scaled(values: Float64Array) -> Float64Array:
    """Values less about their mean, brought to -1..1 by powers of two, by which no digit is lost."""
    scaled = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
    scaled = scaled - scaled.mean()
    return np.asarray(np.ldexp(scaled, -np.frexp(np.abs(scaled).max())[1]), dtype=np.float64)


def _sure(spread: Float64Array, squares: Float64Array) -> NDArray[np.bool_]:
    """Where the difference kept its digits: neither cancelled nor made of squares that lost theirs."""
    return (spread > SURE * squares) & (squares > 1e-250)
