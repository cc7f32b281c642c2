"""Errors of scores on the scale of the opinions. Knows numbers only: no scales, no data sets, no fits."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError, InputError
from visq.metrics.correlation import paired

Float64Array = NDArray[np.float64]


def rmse(scores: ArrayLike, mos: ArrayLike) -> float:
    """Root mean square error, in the unit of the opinions. No fit is applied.

    Args:
        scores: float [n], n >= 1, finite; predicted scores on the scale of mos.
        mos: float [n], finite; mean opinion scores, paired with scores by position.

    Returns:
        A number from 0 up; one pair and constant lists have an error like any other.

    Raises:
        DataError: lengths differ, n = 0, or a value is not finite; the message gives its position.

    Source:
        sqrt(sum (score - mos)^2 / n): the root mean square. ITU-T P.1401 (2020) divides by n - d for the d
        parameters of a fit; here none is fitted.

    Example:
        >>> rmse([1.0, 2.0], [4.0, -2.0]) == 12.5 ** 0.5
        True
    """
    gaps = _gaps(scores, mos)
    largest = float(gaps.max())
    if largest == 0:
        return 0.0
    return largest * float(
        np.sqrt(np.mean((gaps / largest) ** 2))
    )  # so that squares neither overflow nor vanish


def mae(scores: ArrayLike, mos: ArrayLike) -> float:
    """Mean absolute error, in the unit of the opinions. No fit is applied.

    Args:
        scores: float [n], n >= 1, finite; predicted scores on the scale of mos.
        mos: float [n], finite; mean opinion scores, paired with scores by position.

    Returns:
        A number from 0 up, at most the root mean square error.

    Raises:
        DataError: lengths differ, n = 0, or a value is not finite; the message gives its position.

    Source:
        sum |score - mos| / n; Willmott, Matsuura 2005, doi 10.3354/cr030079.

    Example:
        >>> mae([1.0, 2.0], [4.0, -2.0])
        3.5
    """
    return float(np.mean(_gaps(scores, mos)))


def outlier_ratio(
    scores: ArrayLike, mos: ArrayLike, stds: ArrayLike, *, k: float = 2.0, n_ratings: ArrayLike | None = None
) -> float:
    """Share of scores further from the opinion than the raters' own uncertainty. No fit is applied.

    Two forms are in use, and they are different figures; name the one you print:
    without n_ratings the limit is k standard deviations of the raters; with n_ratings it is k standard
    errors of their mean, which for k = 2 is about the 95 % interval (for few raters, k is Student's t).
    A score just at the limit is no outlier; where std is 0, anything but the opinion itself is one.

    Args:
        scores: float [n], n >= 1, finite; predicted scores on the scale of mos.
        mos: float [n], finite; mean opinion scores, paired with scores by position.
        stds: float [n], finite, >= 0, unit of mos; standard deviation of the ratings of each row.
        k: finite, > 0; how many standard deviations or standard errors are allowed.
        n_ratings: number, or [n], >= 1; how many ratings each mean is of. None: the form without.

    Returns:
        A number in 0..1.

    Raises:
        DataError: lengths differ, n = 0, a value is not finite, a std is negative, or a number of ratings is
            below 1; the message gives its position.
        InputError: k is not above 0.

    Source:
        Share of rows with |score - mos| > k std; Wang, Lu, Bovik 2004, "Video quality assessment based on
        structural distortion measurement". With std / sqrt(n_ratings) for std: VQEG, "Final report, FR-TV
        Phase II", 2003, and ITU-T P.1401 (2020), "outlier ratio".

    Example:
        >>> outlier_ratio([3.0, 4.0], [3.5, 3.0], [0.5, 0.4])
        0.5
        >>> outlier_ratio([3.0, 4.0], [3.5, 3.0], [0.5, 0.4], n_ratings=16)
        1.0
    """
    if not 0 < k < float("inf"):
        raise InputError(f"k is {k}; give a finite number above 0")
    gaps = _gaps(scores, mos)
    limits = k * _column(stds, gaps.size, "std", least=0.0)
    if n_ratings is not None:
        counts = np.asarray(n_ratings, dtype=np.float64)
        counts = np.full(gaps.size, counts) if counts.ndim == 0 else counts
        limits = limits / np.sqrt(_column(counts, gaps.size, "n_ratings", least=1.0))
    return float(np.mean(gaps > limits))


def _gaps(scores: ArrayLike, mos: ArrayLike) -> Float64Array:
    a, b = paired(scores, mos, what="an error", at_least=1)
    return np.abs(a - b)


def _column(values: ArrayLike, n: int, name: str, *, least: float) -> Float64Array:
    """One finite number a row, none below `least`, or the error that says which."""
    column = np.asarray(values, dtype=np.float64)
    if column.shape != (n,):
        raise DataError(f"an outlier ratio needs one {name} a row: shape {column.shape} for {n} rows")
    bad = np.flatnonzero(~(np.isfinite(column) & (column >= least)))
    if bad.size:
        raise DataError(f"{name} {int(bad[0])} is {column[bad[0]]}; give a finite number from {least:g} up")
    return column
