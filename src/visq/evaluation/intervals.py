"""Percentile bootstrap over whole groups. Knows arrays and a statistic: no data set, no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError, InputError

MAX_UNDEFINED = 0.05
"""Share of resamples without a statistic above which no interval is given: its ends would lie among them."""


@dataclass(frozen=True)
class Interval:
    """An interval and how it came about.

    Attributes:
        low: lower end, unit of the statistic; nan where too many resamples had no statistic.
        high: upper end, likewise.
        level: 0..1, nominal coverage.
        n: rows.
        n_groups: groups that were drawn.
        n_resamples: resamples asked for.
        n_undefined: resamples whose statistic was nan; they were left out.
    """

    low: float
    high: float
    level: float
    n: int
    n_groups: int
    n_resamples: int
    n_undefined: int = 0


def group_bootstrap(
    statistic: Callable[..., float],
    arrays: Sequence[ArrayLike],
    groups: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Interval:
    """Interval of a statistic by drawing whole groups with replacement.

    A group drawn twice is in the resample twice. With one row a group this is the plain bootstrap.

    Args:
        statistic: takes the arrays, rows drawn alike, gives a number; nan where it does not exist.
        arrays: one or more arrays [n, ...], paired by row.
        groups: [n], what belongs together: rows of one group are never drawn apart.
        n_resamples: how many resamples.
        level: 0..1, nominal coverage of the interval.
        rng: source of the draws; the same state gives the same interval.

    Returns:
        The interval between the (1 - level) / 2 and (1 + level) / 2 quantiles of the resampled statistic;
        its ends are nan where more than 5 % of the resamples had none.

    Raises:
        DataError: arrays and groups differ in length, or there are no rows.
        InputError: level or n_resamples make no interval.

    Source:
        Efron 1979 (percentile method); groups as units: Davison and Hinkley 1997, section 3.8.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> group_bootstrap(np.mean, [[1.0, 1.0, 3.0, 3.0]], ["a", "a", "b", "b"], rng=rng).high
        3.0
    """
    if not 0 < level < 1 or n_resamples < 1:
        raise InputError(f"no interval of level {level:g} from {n_resamples} resamples")
    columns = [np.asarray(a) for a in arrays]
    members = _members(groups, [len(c) for c in columns])
    values = np.array([_resampled(statistic, columns, members, rng) for _ in range(n_resamples)])
    low, high = _percentiles(values, level)
    n, undefined = sum(m.size for m in members), int(np.isnan(values).sum())
    return Interval(low, high, level, n, len(members), n_resamples, undefined)


def _members(groups: ArrayLike, lengths: Sequence[int]) -> list[NDArray[np.int64]]:
    """Row numbers of each group, groups in order of first appearance."""
    names = np.asarray(groups)
    if not names.size or any(length != names.size for length in lengths):
        raise DataError(
            f"a bootstrap needs rows and a group for each: {list(lengths)} rows, {names.size} groups"
        )
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    by_group = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    return [by_group[g] for g in order]


def _resampled(
    statistic: Callable[..., float],
    columns: Sequence[NDArray[Any]],
    members: Sequence[NDArray[np.int64]],
    rng: np.random.Generator,
) -> float:
    drawn = rng.integers(0, len(members), len(members))
    rows = np.concatenate([members[g] for g in drawn])
    return float(statistic(*(column[rows] for column in columns)))


def _percentiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if defined.size < (1 - MAX_UNDEFINED) * values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
