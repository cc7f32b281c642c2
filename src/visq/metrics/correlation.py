"""Correlations of two lists of scores. Knows numbers only: no scales, no data sets, no intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError, MissingExtra

Float64Array = NDArray[np.float64]


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
    a, b = _paired(x, y)
    rankdata = _rankdata()
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
    return _correlation(*_paired(x, y))


def _paired(x: ArrayLike, y: ArrayLike) -> tuple[Float64Array, Float64Array]:
    """Both lists as float64 [n], or the error that says why they are no pairs."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or b.ndim != 1:
        raise DataError(
            f"a correlation takes two lists of numbers, not arrays of shape {a.shape} and {b.shape}"
        )
    if a.size != b.size:
        raise DataError(f"a correlation needs pairs: {a.size} predicted scores, {b.size} opinion scores")
    if a.size < 2:
        raise DataError(f"a correlation needs at least 2 pairs, not {a.size}")
    for name, values in (("predicted", a), ("opinion", b)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise DataError(
                f"{name} score {int(bad[0])} is {values[bad[0]]}; a correlation needs finite scores"
            )
    return a, b


def _correlation(a: Float64Array, b: Float64Array) -> float:
    if a.min() == a.max() or b.min() == b.max():
        return float("nan")
    u, v = _centred(a), _centred(b)
    r = float(u @ v) / float(np.sqrt((u @ u) * (v @ v)))
    return min(1.0, max(-1.0, r))  # rounding alone can pass 1 by one unit in the last place


def _centred(values: Float64Array) -> Float64Array:
    """Values less their mean, scaled so that squares neither overflow nor vanish."""
    scaled = values / np.abs(values).max()
    scaled = scaled - scaled.mean()
    # The mean of [1 - 2^-53, 1] is rounded to 1; the mean of what is left mends that.
    scaled = scaled - scaled.mean()
    return np.asarray(scaled / np.abs(scaled).max(), dtype=np.float64)


def _rankdata() -> Any:  # scipy has no types
    try:
        from scipy.stats import rankdata  # 0.5 s to import: only who asks for a rank correlation pays
    except ImportError as error:
        raise MissingExtra("scipy", "eval") from error
    return rankdata
