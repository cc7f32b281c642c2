"""Intervals of a figure: bootstrap by group, closed forms for lone correlations. Knows arrays only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import InputError
from visq.evaluation.statistics.resampling import left_out, members_of, resampled

Float64Array = NDArray[np.float64]
Method = Literal["percentile", "bca"]

MAX_UNDEFINED = 0.05
"""Share of resamples without a statistic above which no interval is given: its ends would lie among them."""

FEWEST_GROUPS = 6
"""No interval and no test below: the exact sign test of g groups has p >= 2^(1-g), .0625 for 5."""
_SAME = 1e-12  # ends no further apart than this, relative to their size, are one number


@dataclass(frozen=True)
class Interval:
    """An interval and how it came about.

    Attributes:
        low: lower end, unit of the statistic; nan where there is none, as with too many resamples that had
            no statistic.
        high: upper end, likewise.
        level: 0..1, nominal coverage.
        n: rows.
        n_groups: groups that were drawn.
        n_resamples: resamples asked for; 0 for a closed form.
        n_undefined: resamples whose statistic was nan; they were left out.
        method: `percentile`, `bca`, `bonett-wright` or `fisher-z`.
    """

    low: float
    high: float
    level: float
    n: int
    n_groups: int
    n_resamples: int
    n_undefined: int = 0
    method: str = "percentile"


def group_bootstrap(
    statistic: Callable[..., float],
    arrays: Sequence[ArrayLike],
    groups: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    method: Method = "percentile",
    rng: np.random.Generator,
) -> Interval:
    """Interval of a statistic by drawing whole groups with replacement.

    A group drawn twice is in the resample twice. With one row a group this is the plain bootstrap.
    `visq.metrics.srcc` and `plcc` themselves, as the statistic, are resampled by counts: the same values to
    rounding, faster.

    Args:
        statistic: takes the arrays, rows drawn alike, gives a number; nan where it does not exist.
        arrays: one or more arrays [n, ...], paired by row.
        groups: [n], what belongs together: rows of one group are never drawn apart.
        n_resamples: how many resamples.
        level: 0..1, nominal coverage of the interval.
        method: `percentile`, or `bca` for ends corrected for bias and skew, which asks for the statistic
            with each group left out too.
        rng: source of the draws; the same state gives the same interval.

    Returns:
        The interval between the (1 - level) / 2 and (1 + level) / 2 quantiles of the resampled statistic,
        or between those that BCa puts in their place. Its ends are nan where more than 5 % of the resamples
        had no statistic, and for BCa where the correction does not exist: one group, a group without which
        there is no statistic, all resamples on one side of the estimate.

    Raises:
        DataError: arrays and groups differ in length, or there are no rows.
        InputError: level, n_resamples or method make no interval.

    Source:
        Efron 1979 (percentile method); Efron 1987 (BCa); groups as units: Davison and Hinkley 1997,
        section 3.8.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> group_bootstrap(np.mean, [[1.0, 1.0, 3.0, 3.0]], ["a", "a", "b", "b"], rng=rng).high
        3.0
    """
    check_request(n_resamples, level, method)
    columns = [np.asarray(a) for a in arrays]
    members = members_of(groups, [len(c) for c in columns])
    values = resampled(statistic, columns, members, n_resamples, rng)
    if method == "percentile":
        low, high = percentile_ends(values, level)
    else:
        jackknife = left_out(statistic, columns, members)
        low, high = bca_ends(values, float(statistic(*columns)), jackknife, level)
    n, undefined = sum(m.size for m in members), int(np.isnan(values).sum())
    return Interval(low, high, level, n, len(members), n_resamples, undefined, method)


def check_request(n_resamples: int, level: float, method: str) -> None:
    """Raise InputError for what makes no interval."""
    if not 0 < level < 1 or n_resamples < 1:
        raise InputError(f"no interval of level {level:g} from {n_resamples} resamples")
    if method not in ("percentile", "bca"):
        raise InputError(f"no interval by {method!r}; known methods: percentile, bca")


def percentile_ends(values: Float64Array, level: float) -> tuple[float, float]:
    """Quantiles of the resampled statistic; nan where more than `MAX_UNDEFINED` of it is nan."""
    return _quantiles(values, (1 - level) / 2, (1 + level) / 2)


def ends_of(values: Float64Array, level: float, n_groups: int) -> tuple[float, float, str | None]:
    """Percentile ends of a figure as reports give them, or nan and why there are none.

    Args:
        values: float64 [n_resamples], the resampled figure.
        level: 0..1, nominal coverage.
        n_groups: that were drawn.

    Returns:
        Both ends and None; or nan, nan and the reason: fewer than six groups, resamples without the figure,
        or resamples that are all the same, which show nothing of its error.
    """
    nothing = math.nan, math.nan
    if n_groups < FEWEST_GROUPS:
        have = "1 group is" if n_groups == 1 else f"{n_groups} groups are"
        return *nothing, f"no interval: {have} too few, it takes {FEWEST_GROUPS}"
    low, high = percentile_ends(values, level)
    if math.isnan(low):
        n_undefined = int(np.isnan(values).sum())
        return *nothing, f"no interval: {n_undefined} of {values.size} resamples have no such figure"
    if math.isclose(low, high, rel_tol=_SAME, abs_tol=_SAME):
        return *nothing, "no interval: all resamples give the same"
    return low, high, None


def bca_ends(
    values: Float64Array, estimate: float, jackknife: Float64Array, level: float
) -> tuple[float, float]:
    """Quantiles of the resampled statistic at levels moved for bias and acceleration.

    Args:
        values: float64 [n_resamples], the resampled statistic.
        estimate: the statistic of all rows.
        jackknife: float64 [groups], the statistic with each group left out.
        level: 0..1, nominal coverage.

    Returns:
        Both ends; nan where they do not exist. Where leaving out changes nothing, no skew is assumed.

    Source:
        Efron 1987, equations 2.3 and 6.6: the level at z is Phi(z0 + (z0 + z) / (1 - a (z0 + z))) with
        z0 = Phi^-1(share of resamples below the estimate), ties counted half, and
        a = sum d^3 / (6 (sum d^2)^1.5), d the mean of the jackknife less each of its values.
    """
    defined = values[~np.isnan(values)]
    below = float((defined < estimate).mean() + (defined == estimate).mean() / 2) if defined.size else 0.0
    if not 0 < below < 1 or not np.isfinite(jackknife).all():
        return math.nan, math.nan
    d = jackknife.mean() - jackknife
    squares = float((d**2).sum())
    a = float((d**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    normal = NormalDist()
    z0, z = normal.inv_cdf(below), normal.inv_cdf((1 + level) / 2)
    shares = []
    for shifted in (z0 - z, z0 + z):
        room = 1 - a * shifted
        if room <= 0:
            return math.nan, math.nan
        shares.append(normal.cdf(z0 + shifted / room))
    return _quantiles(values, *shares)


def _quantiles(values: Float64Array, lower: float, upper: float) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if defined.size < (1 - MAX_UNDEFINED) * values.size:
        return math.nan, math.nan
    low, high = np.quantile(defined, [lower, upper])
    return float(low), float(high)


def bonett_wright(r: float, n: int, level: float = 0.95) -> Interval:
    """Interval of a lone Spearman correlation, known only as a figure over n independent pictures.

    Args:
        r: -1..1, the published SRCC.
        n: pictures it was computed on; where they come in groups, the interval is too short.
        level: 0..1, nominal coverage.

    Returns:
        The interval; its ends are nan for n < 4, for r = -1, 1 or nan.

    Raises:
        InputError: r is no correlation, or level no probability.

    Source:
        tanh(atanh r -+ z sqrt((1 + r^2 / 2) / (n - 3))); Bonett and Wright 2000, Psychometrika 65.

    Example:
        >>> found = bonett_wright(0.8, 103)
        >>> round(found.low, 3), round(found.high, 3)
        (0.703, 0.868)
    """
    return _from_z(r, n, level, 1 + r * r / 2, "bonett-wright")


def fisher_z(r: float, n: int, level: float = 0.95) -> Interval:
    """Interval of a lone Pearson correlation, known only as a figure over n independent pictures.

    Args:
        r: -1..1, the published PLCC, without a fit on the same pictures.
        n: pictures it was computed on.
        level: 0..1, nominal coverage.

    Returns:
        The interval; its ends are nan for n < 4, for r = -1, 1 or nan.

    Raises:
        InputError: r is no correlation, or level no probability.

    Source:
        tanh(atanh r -+ z / sqrt(n - 3)); Fisher 1921. Exact enough where both scores are normal.

    Example:
        >>> round(fisher_z(0.0, 103).high, 4)
        0.1935
    """
    return _from_z(r, n, level, 1.0, "fisher-z")


def _from_z(r: float, n: int, level: float, variance: float, method: str) -> Interval:
    if abs(r) > 1:
        raise InputError(f"a correlation lies in -1..1, not at {r:g}")
    if not 0 < level < 1:
        raise InputError(f"no interval of level {level:g}")
    if n < 4 or not abs(r) < 1:
        return Interval(math.nan, math.nan, level, n, n, 0, 0, method)
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance / (n - 3))
    z = math.atanh(r)
    return Interval(math.tanh(z - reach), math.tanh(z + reach), level, n, n, 0, 0, method)
