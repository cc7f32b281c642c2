"""Do two sets of scores differ on the same rows? Paired bootstrap, no worse than a margin, several tests."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError, InputError
from visq.evaluation.statistics.intervals import Interval, Method, bca_ends, check_request, percentile_ends
from visq.evaluation.statistics.resampling import left_out, members_of, resampled

Float64Array = NDArray[np.float64]
Statistic = Callable[..., float]

ROUNDING = 1e-12
"""Figures of the same scores on two scales differ by less than this, from rounding alone."""
ENOUGH_FOR_INTERVALS = 1000
"""Resamples beyond this many are for small p-values only."""


@dataclass(frozen=True)
class Difference:
    """Two scorers on the same rows.

    Attributes:
        a: the statistic of the first scorer.
        b: of the second.
        difference: a - b.
        interval: of the difference.
        p_value: two-sided, 0..1; nan where the interval is.
        standard_error: standard deviation of the resampled difference.
    """

    a: float
    b: float
    difference: float
    interval: Interval
    p_value: float
    standard_error: float


@dataclass(frozen=True)
class Equivalence:
    """Whether one scorer is no worse than another by more than a margin.

    Attributes:
        difference: a - b.
        margin: the loss that would not matter, unit of the statistic.
        level: 0..1, confidence of each one-sided statement.
        interval: of the difference, level 2 level - 1: both ends hold one-sided at `level`.
        p_value: one-sided, of a loss as large as the margin; nan where the interval is.
        no_worse: the lower end lies above -margin.
        equivalent: neither end passes the margin.
    """

    difference: float
    margin: float
    level: float
    interval: Interval
    p_value: float
    no_worse: bool
    equivalent: bool


def paired_difference(
    statistic: Statistic,
    a: ArrayLike,
    b: ArrayLike,
    truth: ArrayLike,
    groups: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    method: Method = "percentile",
    rng: np.random.Generator,
) -> Difference:
    """Difference of a statistic between two scorers, by one set of resampled groups for both.

    Args:
        statistic: of scores and truth, for instance `srcc`; nan where it does not exist.
        a: float [n], scores of the first scorer.
        b: float [n], scores of the second, the same rows.
        truth: float [n], opinion scores.
        groups: [n], rows of one group are never drawn apart.
        n_resamples: how many resamples; the smallest p-value is 2 / (n_resamples + 1).
        level: 0..1, nominal coverage of the interval.
        method: as in `group_bootstrap`.
        rng: source of the draws.

    Returns:
        Both figures, their difference, its interval and p-value: twice the smaller of
        (1 + resamples with d <= 0) / (1 + resamples) and the same for d >= 0, at most 1.

    Raises:
        DataError: lengths differ, there are no rows, or the statistic refuses them.
        InputError: level, n_resamples or method make no interval.

    Source:
        Davison and Hinkley 1997, equation 4.11 for the + 1 (the observed sample is one of them); the
        p-value is the level at which a percentile interval reaches 0: Efron and Tibshirani 1993, chapter 15.

    Example:
        >>> from visq.metrics import srcc
        >>> truth, rng = np.arange(30), np.random.default_rng(0)
        >>> paired_difference(srcc, truth, -truth, truth, truth, rng=rng).difference
        2.0
    """
    return _tested(_drawn(statistic, (a, b, truth), groups, n_resamples, level, method, rng))


def equivalence(
    statistic: Statistic,
    a: ArrayLike,
    b: ArrayLike,
    truth: ArrayLike,
    groups: ArrayLike,
    *,
    margin: float = 0.005,
    n_resamples: int = 1000,
    level: float = 0.95,
    method: Method = "percentile",
    rng: np.random.Generator,
) -> Equivalence:
    """Is `a` no worse than `b` by more than a margin? For a statistic where more is better.

    That a difference could not be shown says nothing about this; a small set shows neither.

    Args:
        statistic: of scores and truth; for an error, pass its negative.
        a: float [n], scores of the scorer in question.
        b: float [n], scores of the one it is held against.
        truth: float [n], opinion scores.
        groups: [n], rows of one group are never drawn apart.
        margin: > 0, the loss that would not matter, unit of the statistic.
        n_resamples: how many resamples.
        level: 0.5..1, confidence of the one-sided statement.
        method: as in `group_bootstrap`.
        rng: source of the draws.

    Returns:
        The interval, the one-sided p-value (1 + resamples with d <= -margin) / (1 + resamples), and both
        verdicts; False where there is no interval.

    Raises:
        DataError: lengths differ, there are no rows, or the statistic refuses them.
        InputError: margin, level, n_resamples or method make no test.

    Source:
        Two one-sided tests: Schuirmann 1987; the first of them alone is the test of no inferiority.
    """
    _check_margin(margin, level)
    return _held(
        _drawn(statistic, (a, b, truth), groups, n_resamples, 2 * level - 1, method, rng), margin, level
    )


@dataclass(frozen=True)
class Resampled:
    """A statistic of one scorer and of its resamples; two of the same draws make a paired comparison.

    What `paired_difference` and `equivalence` draw anew for every pair is drawn once here, for many scorers.

    Attributes:
        value: the statistic of all rows.
        values: float64 [n_resamples], of each resample; nan where it has none.
        n: rows.
        n_groups: groups that were drawn.
    """

    value: float
    values: Float64Array
    n: int
    n_groups: int

    def interval(self, level: float = 0.95) -> Interval:
        """Percentile interval of the statistic itself, by the first 1000 resamples."""
        return _interval(self.values, level, self.n, self.n_groups)

    def minus(self, other: Resampled, level: float = 0.95) -> Difference:
        """This scorer less another of the same draws, as `paired_difference` by percentiles.

        The interval is of the first 1000 resamples, the p-value of all.

        Raises:
            DataError: they were not drawn from as many rows, groups and resamples.
        """
        return _tested(self._against(other, level))

    def no_worse_than(self, other: Resampled, margin: float = 0.005, level: float = 0.95) -> Equivalence:
        """Is this scorer no worse than another of the same draws, as `equivalence` by percentiles?

        Raises:
            InputError: margin or level make no test.
            DataError: they were not drawn from as many rows, groups and resamples.
        """
        _check_margin(margin, level)
        return _held(self._against(other, 2 * level - 1), margin, level)

    def _against(self, other: Resampled, level: float) -> _Drawn:
        sizes = [(one.n, one.n_groups, one.values.size) for one in (self, other)]
        if sizes[0] != sizes[1]:
            raise DataError(f"no pair: rows, groups and resamples are {sizes[0]} and {sizes[1]}")
        values = _less(self.values, other.values)
        return _Drawn(self.value, other.value, values, _interval(values, level, self.n, self.n_groups))


def _interval(values: Float64Array, level: float, n: int, n_groups: int) -> Interval:
    values = values[:ENOUGH_FOR_INTERVALS]
    undefined = int(np.isnan(values).sum())
    return Interval(*percentile_ends(values, level), level, n, n_groups, values.size, undefined)


@dataclass(frozen=True)
class _Drawn:
    """Both figures, their resampled difference and its interval."""

    a: float
    b: float
    values: Float64Array
    interval: Interval

    @property
    def difference(self) -> float:
        return float(_less(np.array(self.a), np.array(self.b)))

    @property
    def n_defined(self) -> int:
        return int((~np.isnan(self.values)).sum())


def _less(a: Float64Array, b: Float64Array) -> Float64Array:
    """Difference a - b; 0 where it is rounding: its sign would count as one scorer being better."""
    found = a - b
    return np.where(np.abs(found) < ROUNDING, 0.0, found)


def _tested(drawn: _Drawn) -> Difference:
    """Two-sided p-value and standard error of a resampled difference."""
    at_most = (1 + int((drawn.values <= 0).sum())) / (1 + drawn.n_defined)
    at_least = (1 + int((drawn.values >= 0).sum())) / (1 + drawn.n_defined)
    p_value = math.nan if math.isnan(drawn.interval.low) else min(1.0, 2 * min(at_most, at_least))
    error = float(np.nanstd(drawn.values, ddof=1)) if drawn.n_defined > 1 else math.nan
    return Difference(drawn.a, drawn.b, drawn.difference, drawn.interval, p_value, error)


def _held(drawn: _Drawn, margin: float, level: float) -> Equivalence:
    """A resampled difference against a margin."""
    low, high = drawn.interval.low, drawn.interval.high
    p_value = (1 + int((drawn.values <= -margin).sum())) / (1 + drawn.n_defined)
    return Equivalence(
        drawn.difference,
        margin,
        level,
        drawn.interval,
        math.nan if math.isnan(low) else p_value,
        low > -margin,
        low > -margin and high < margin,
    )


def _check_margin(margin: float, level: float) -> None:
    if not margin > 0 or not 0.5 < level < 1:
        raise InputError(f"no test of no loss beyond {margin:g} at a one-sided level of {level:g}")


def _drawn(
    statistic: Statistic,
    columns: tuple[ArrayLike, ArrayLike, ArrayLike],
    groups: ArrayLike,
    n_resamples: int,
    level: float,
    method: Method,
    rng: np.random.Generator,
) -> _Drawn:
    check_request(n_resamples, level, method)
    a, b, truth = (np.asarray(column) for column in columns)
    members = members_of(groups, [len(a), len(b), len(truth)])
    again = copy.deepcopy(rng)  # the same state draws the same groups: that is the pairing
    values = resampled(statistic, [a, truth], members, n_resamples, rng)
    values = _less(values, resampled(statistic, [b, truth], members, n_resamples, again))
    of_a, of_b = float(statistic(a, truth)), float(statistic(b, truth))
    if method == "percentile":
        low, high = percentile_ends(values, level)
    else:
        without = [left_out(statistic, [scores, truth], members) for scores in (a, b)]
        estimate = float(_less(np.array(of_a), np.array(of_b)))
        low, high = bca_ends(values, estimate, _less(*without), level)
    undefined = int(np.isnan(values).sum())
    interval = Interval(low, high, level, len(truth), len(members), n_resamples, undefined, method)
    return _Drawn(of_a, of_b, values, interval)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for being several: below a level alpha, the chance of any false finding is alpha.

    Args:
        p_values: 0..1 each, in any order; nan for a test that could not be made, which then does not count.

    Returns:
        The adjusted p-values in the same order; nan stays nan.

    Raises:
        DataError: one is outside 0..1; the message gives its position.

    Source:
        max over j <= i of min(1, (m - j + 1) p_(j)), p_(1) the smallest of m; Holm 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        (0.03, 0.06, 0.06)
    """
    for i, p in enumerate(p_values):
        if p < 0 or p > 1:
            raise DataError(f"p-value {i} is {p:g}; it must lie in 0..1")
    adjusted = [math.nan] * len(p_values)
    tests = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    largest = 0.0
    for rank, i in enumerate(tests):
        largest = max(largest, min(1.0, (len(tests) - rank) * p_values[i]))
        adjusted[i] = largest
    return tuple(adjusted)
