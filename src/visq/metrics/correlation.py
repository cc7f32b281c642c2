"""Correlations of two lists of scores. Knows numbers only: no scales, no data sets, no intervals."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError, InputError, MissingExtra, UnknownName
from visq.metrics.logistic import FITS, fit_logistic

Float64Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class FittedCorrelation:
    """A Pearson correlation after a fit; `value` is finite exactly where `converged` is true.

    Attributes:
        value: float, 0..1; nan where the fit did not converge or none exists.
        fit: `logistic4` or `logistic5`.
        parameters: float [n_parameters], b1, b2, ... of the fit's equation, in the units of x and y; empty
            where no fit was tried.
        n_parameters: how many numbers were fitted to the labels.
        converged: whether the solver met its tolerance.
        reason: why value is nan; empty where it is not.
        at_limit: whether the best curve lies at the edge of what is searched: an exponential, a step, or
            nearly a line. A curve further out would hardly fit better, and the parameters say little.
    """

    value: float
    fit: str
    parameters: tuple[float, ...]
    n_parameters: int
    converged: bool
    reason: str = ""
    at_limit: bool = False


def srcc(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman rank correlation of two lists of scores.

    Ties take the mean of their ranks. No fit is applied.

    Args:
        x: float [n], n >= 2, finite; predicted scores in any unit.
        y: float [n], finite; opinion scores, paired with x by position.

    Returns:
        A number in -1..1; nan where x or y is constant, since then no order exists.

    Raises:
        DataError: lengths differ, n < 2, or a value is not finite; the message gives its position.
        MissingExtra: scipy is not installed.

    Source:
        r = cov(rank x, rank y) / (std(rank x) std(rank y)); Spearman 1904.

    Example:
        >>> round(srcc([1, 2, 3, 4], [10, 20, 40, 30]), 6)
        0.8
    """
    a, b = paired(x, y)
    rankdata = _scipy("scipy.stats").rankdata
    return _correlation(rankdata(a), rankdata(b))


def plcc(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson linear correlation of two lists of scores, raw: no logistic fit comes first.

    Args:
        x: float [n], n >= 2, finite; predicted scores in any unit.
        y: float [n], finite; opinion scores, paired with x by position.

    Returns:
        A number in -1..1; nan where x or y is constant, since then no slope exists.

    Raises:
        DataError: lengths differ, n < 2, or a value is not finite; the message gives its position.

    Source:
        r = sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2); Pearson 1895.

    Example:
        >>> round(plcc([0, 0, 1, 1], [0, 1, 1, 2]), 6)
        0.707107
    """
    return _correlation(*paired(x, y))


def krcc(x: ArrayLike, y: ArrayLike) -> float:
    """Kendall rank correlation of two lists of scores, tau-b: a tie on one side counts as no agreement.

    Args:
        x: float [n], n >= 2, finite; predicted scores in any unit.
        y: float [n], finite; opinion scores, paired with x by position.

    Returns:
        A number in -1..1; nan where x or y is constant, since then no order exists.

    Raises:
        DataError: lengths differ, n < 2, or a value is not finite; the message gives its position.
        MissingExtra: scipy is not installed.

    Source:
        tau_b = (P - Q) / sqrt((P + Q + ties in x alone)(P + Q + ties in y alone)), P and Q the pairs ordered
        alike and unlike; Kendall 1945, "The treatment of ties in ranking problems".

    Example:
        >>> round(krcc([1, 2, 3, 4], [10, 20, 40, 30]), 6)
        0.666667
    """
    a, b = paired(x, y)
    if a.min() == a.max() or b.min() == b.max():
        return float("nan")
    return float(_scipy("scipy.stats").kendalltau(a, b).statistic)


def plcc_fitted(
    x: ArrayLike, y: ArrayLike, *, fit: str = "logistic4", max_evaluations: int = 10_000
) -> FittedCorrelation:
    """Pearson correlation after a logistic curve through x has been fitted to y by least squares.

    The curve is fitted to the very labels the figure is about: it is a figure of this data set, never a
    property of a model. The curve may fall, so a scorer that is upside down still gets a positive value:
    read `plcc` beside it. With x standardised, the linear parameters are solved exactly; centre and width are
    followed from the best places of a fixed grid, so the same input gives the same bytes. The width is kept
    between .001 and 30 standard deviations of x and the centre within 15 widths of the scores: beyond, the
    curve is a step, a line or an exponential, which is told by `at_limit`.

    Args:
        x: float [n], n >= 2, finite; predicted scores in any unit.
        y: float [n], finite; opinion scores, paired with x by position.
        fit: `logistic4` or `logistic5`.
        max_evaluations: how often the curve may be evaluated from each of eight places before the fit counts
            as not converged.

    Returns:
        The correlation with its parameters; 0 up to rounding where the best curve is flat. Its value is nan,
        with a reason, where x or y is constant, n is not above the number of parameters, or the solver did
        not converge.

    Raises:
        DataError: lengths differ, n < 2, or a value is not finite; the message gives its position.
        UnknownName: fit is none of the two.

    Source:
        logistic4: f(x) = (b1 - b2) / (1 + exp(-(x - b3) / b4)) + b2 with b4 > 0, as IQA-PyTorch and
        DeQA-Score fit it. logistic5: f(x) = b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5 with b2 > 0;
        Sheikh, Sabir, Bovik 2006, doi 10.1109/TIP.2006.881959. Solved by variable projection; Golub, Pereyra
        1973, doi 10.1137/0710036.

    Example:
        >>> result = plcc_fitted([0, 1, 2, 3, 4, 5], [1.0, 1.1, 1.6, 3.4, 3.9, 4.0])
        >>> result.converged, round(result.value, 2), round(result.parameters[2], 1)
        (True, 1.0, 2.5)
    """
    if fit not in FITS:
        raise UnknownName(f"unknown fit {fit!r}; known: {', '.join(FITS)}")
    a, b = paired(x, y)
    k = FITS[fit]
    reason = _no_fit(a, b, k)
    if reason:
        return FittedCorrelation(float("nan"), fit, (), k, False, reason)
    found = fit_logistic(a, b, fit, max_evaluations)
    if found.reason:
        return FittedCorrelation(float("nan"), fit, found.parameters, k, False, found.reason, found.at_limit)
    # Of a least-squares fit with an offset this is the correlation, and a flat curve gives 0, not 0 / 0.
    value = min(1.0, float(np.sqrt(found.explained)))
    return FittedCorrelation(value, fit, found.parameters, k, True, "", found.at_limit)


def pair_accuracy(x: ArrayLike, y: ArrayLike, *, min_gap: float = 0.0) -> float:
    """Share of pairs with clearly different opinion scores that the predicted scores order the same way.

    A pair whose predicted scores are equal counts half, so constant x gives 0.5 and chance gives 0.5. Pairs
    are counted in n log n time and memory that grows with n.

    Args:
        x: float [n], n >= 2, finite; predicted scores in any unit.
        y: float [n], finite; opinion scores, paired with x by position.
        min_gap: unit of y, >= 0; only pairs with |y_i - y_j| > min_gap, as float64 subtracts, are counted.

    Returns:
        A number in 0..1; nan where no pair of y lies further apart than min_gap.

    Raises:
        DataError: lengths differ, n < 2, or a value is not finite; the message gives its position.
        InputError: min_gap is negative or not finite.

    Source:
        (P + T / 2) / (P + Q + T): pairs ordered alike, unlike, and tied in x, among those kept. The
        probability of superiority of Vargha, Delaney 2000, over pairs of pictures; counted in a wavelet
        matrix; Claude, Navarro, Ordóñez 2015, doi 10.1016/j.is.2014.06.002.

    Example:
        >>> pair_accuracy([1, 2, 2, 4], [1.0, 2.0, 3.0, 3.1], min_gap=0.5)
        0.9
    """
    if not 0 <= min_gap < float("inf"):
        raise InputError(f"min_gap is {min_gap}; give a finite number from 0 up")
    a, b = paired(x, y)
    order = np.argsort(b, kind="stable")
    ranks = np.unique(a, return_inverse=True)[1].reshape(-1).astype(np.int64)[order]
    n_below = _n_further_below(b[order], min_gap)
    n_pairs = int(n_below.sum())
    if n_pairs == 0:
        return float("nan")
    less, equal = _count_in_prefixes(ranks, n_below)
    return (2 * less + equal) / (2 * n_pairs)


def paired(
    x: ArrayLike, y: ArrayLike, *, what: str = "a correlation", at_least: int = 2
) -> tuple[Float64Array, Float64Array]:
    """Both lists as float64 [n], or the error that says why they are no pairs."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or b.ndim != 1:
        raise DataError(f"{what} takes two lists of numbers, not arrays of shape {a.shape} and {b.shape}")
    if a.size != b.size:
        raise DataError(f"{what} needs pairs: {a.size} predicted scores, {b.size} opinion scores")
    if a.size < at_least:
        raise DataError(f"{what} needs at least {at_least} pairs, not {a.size}")
    for name, values in (("predicted", a), ("opinion", b)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise DataError(f"{name} score {int(bad[0])} is {values[bad[0]]}; {what} needs finite scores")
    return a, b


def _correlation(a: Float64Array, b: Float64Array) -> float:
    if a.min() == a.max() or b.min() == b.max():
        return float("nan")
    u, v = _centred(a), _centred(b)
    r = _dot(u, v) / float(np.sqrt(_dot(u, u) * _dot(v, v)))
    return min(1.0, max(-1.0, r))  # rounding alone can pass 1 by one unit in the last place


def _dot(u: Float64Array, v: Float64Array) -> float:
    """Sum of products; not by BLAS, whose last bits depend on how many threads share the work."""
    return float(np.einsum("i,i->", u, v))


def _centred(values: Float64Array) -> Float64Array:
    """Values less their mean, brought near 1 so that squares neither overflow nor vanish."""
    scaled = _near_one(values)
    scaled = scaled - scaled.mean()
    # The mean of [1 - 2^-53, 1] is rounded to 1; the mean of what is left mends that.
    return _near_one(scaled - scaled.mean())


def _near_one(values: Float64Array) -> Float64Array:
    """Values times the power of two that brings the largest to 0.5..1: no digit is lost by that."""
    return np.asarray(np.ldexp(values, -np.frexp(np.abs(values).max())[1]), dtype=np.float64)


def _no_fit(a: Float64Array, b: Float64Array, n_parameters: int) -> str:
    """Why no curve can be fitted; empty where one can."""
    if a.min() == a.max() or b.min() == b.max():
        return "the predicted or the opinion scores are constant"
    if a.size <= n_parameters:
        return f"{a.size} pairs do not determine {n_parameters} parameters"
    with np.errstate(all="ignore"):
        spreads = np.array([np.ptp(a), a.std(), b.std()])
    if not np.isfinite(spreads).all() or spreads.min() < np.finfo(np.float64).tiny:
        return "the spread of the scores is no float64 number"
    return ""


def _n_further_below(y: Float64Array, min_gap: float) -> IntArray:
    """For each of the ascending y, how many before it lie more than min_gap below, by bisection."""
    low, high = np.zeros(y.size, dtype=np.int64), np.arange(y.size, dtype=np.int64)
    while np.any(low < high):
        middle = (low + high) // 2
        is_below = (y - y[middle] > min_gap) & (low < high)
        low, high = np.where(is_below, middle + 1, low), np.where(is_below, high, np.minimum(high, middle))
    return np.asarray(low, dtype=np.int64)


def _count_in_prefixes(ranks: IntArray, lengths: IntArray) -> tuple[int, int]:
    """Summed over i: how many of the first lengths[i] ranks are below ranks[i], and how many equal it."""
    wanted, left, right, less = ranks, np.zeros_like(lengths), lengths, 0
    for bit in reversed(range(int(ranks.max()).bit_length())):
        is_one = (ranks >> bit & 1).astype(bool)
        zeros = np.concatenate([[0], np.cumsum(~is_one)])
        goes_right = (wanted >> bit & 1).astype(bool)
        less += int((zeros[right] - zeros[left])[goes_right].sum())
        left = np.where(goes_right, zeros[-1] + left - zeros[left], zeros[left])
        right = np.where(goes_right, zeros[-1] + right - zeros[right], zeros[right])
        ranks = np.concatenate([ranks[~is_one], ranks[is_one]])
    return less, int((right - left).sum())


def _scipy(name: str) -> Any:  # scipy has no types
    try:
        return import_module(name)  # 0.5 s: only who asks for such a figure pays
    except ImportError as error:
        raise MissingExtra("scipy", "eval") from error
