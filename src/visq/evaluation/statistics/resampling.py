"""A statistic over resamples of whole groups, and with each group left out. Knows arrays, no intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError
from visq.evaluation.statistics.counted import MOST_ROWS, CountedPlcc, CountedSrcc
from visq.metrics import plcc, srcc

Float64Array = NDArray[np.float64]
Groups = NDArray[np.int64]
Statistic = Callable[..., float]
BY_COUNTS: tuple[tuple[Statistic, type[CountedSrcc | CountedPlcc]], ...] = (
    (srcc, CountedSrcc),
    (plcc, CountedPlcc),
)
"""Statistics that are not recomputed row by row."""


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
        statistic: takes the columns, rows drawn alike; `srcc` and `plcc` themselves take a faster way.
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
    counted = next((way for function, way in BY_COUNTS if statistic is function), None)
    if counted is not None and len(columns) == 2 and _most_rows(members) <= MOST_ROWS:
        return _by_counts(counted(columns[0], columns[1], _group_of_row(members)), len(members), draws)
    rows = _Rows(members)
    return np.array(
        [float(statistic(*(column[picked] for column in columns))) for picked in map(rows.of, draws)]
    )


def _most_rows(members: Sequence[Groups]) -> int:
    """Rows of the largest resample there can be."""
    return len(members) * max(rows.size for rows in members)


def _group_of_row(members: Sequence[Groups]) -> Groups:
    group = np.empty(sum(rows.size for rows in members), dtype=np.int64)
    group[np.concatenate(members)] = np.repeat(np.arange(len(members)), [rows.size for rows in members])
    return group


def _by_counts(statistic: CountedSrcc | CountedPlcc, n_groups: int, draws: Iterable[Groups]) -> Float64Array:
    counts = (np.bincount(drawn, minlength=n_groups) for drawn in draws)
    return np.concatenate([np.empty(0), *(statistic(block) for block in _blocks(counts, statistic.at_once))])


def _blocks(items: Iterator[Groups], size: int) -> Iterator[list[Groups]]:
    while block := list(islice(items, size)):
        yield block


class _Rows:
    """Rows of drawn groups, in the order of the draws."""

    def __init__(self, members: Sequence[Groups]) -> None:
        self._rows = np.concatenate(members)
        self._sizes = np.array([rows.size for rows in members])
        self._starts = np.cumsum(self._sizes) - self._sizes

    def of(self, drawn: Groups) -> Groups:
        """Row numbers int64, those of a group in its own order."""
        sizes = self._sizes[drawn]
        ends = np.cumsum(sizes)
        shift = np.repeat(self._starts[drawn] - (ends - sizes), sizes)
        return self._rows[shift + np.arange(shift.size)]
