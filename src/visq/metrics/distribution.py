"""Gaps between distributions of ratings, row by row. Knows numbers only: no level words, no models."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError

Float64Array = NDArray[np.float64]
SUM_TOLERANCE = 1e-6  # a softmax in float32 sums to 1 within this


def emd_r1(p: ArrayLike, q: ArrayLike) -> Float64Array:
    """Earth mover's distance between distributions over ordered levels, r = 1, mean over levels.

    Times k it is the distance in levels: what share of the mass moves how many levels far.

    Args:
        p: float [n, k], k >= 1, rows >= 0 with sum 1; true distributions, levels in order.
        q: float [n, k], rows >= 0 with sum 1; predicted distributions.

    Returns:
        float64 [n], 0..(k - 1) / k; one distance a row, [0] for no rows, 0 for equal rows.

    Raises:
        DataError: shapes differ or are not [n, k], a value is negative or not finite, or a row's sum is
            further than 1e-6 from 1; the message gives the row.

    Source:
        (1/k) sum_j |P_j - Q_j|, P and Q the cumulative sums; Talebi, Milanfar 2018, "NIMA", equation 1 with
        r = 1.

    Example:
        >>> emd_r1([[1.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 0.0]]).tolist()
        [0.5]
    """
    return np.asarray(np.abs(_steps(p, q)).mean(axis=1), dtype=np.float64)


def emd_r2(p: ArrayLike, q: ArrayLike) -> Float64Array:
    """Earth mover's distance between distributions over ordered levels, r = 2: the loss NIMA is trained with.

    Args:
        p: float [n, k], k >= 1, rows >= 0 with sum 1; true distributions, levels in order.
        q: float [n, k], rows >= 0 with sum 1; predicted distributions.

    Returns:
        float64 [n], 0..1; one distance a row, [0] for no rows, 0 for equal rows. Never below emd_r1.

    Raises:
        DataError: shapes differ or are not [n, k], a value is negative or not finite, or a row's sum is
            further than 1e-6 from 1; the message gives the row.

    Source:
        sqrt((1/k) sum_j (P_j - Q_j)^2), P and Q the cumulative sums; Talebi, Milanfar 2018, "NIMA",
        equation 1 with r = 2.

    Example:
        >>> emd_r2([[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]]).tolist()
        [0.5]
    """
    return np.asarray(np.sqrt((_steps(p, q) ** 2).mean(axis=1)), dtype=np.float64)


def gaussian_kl(mos: ArrayLike, std: ArrayLike, *, score: ArrayLike, spread: ArrayLike) -> Float64Array:
    """Kullback-Leibler divergence of the predicted Gaussian from the raters', row by row.

    Args:
        mos: float [n], finite; mean of the ratings.
        std: float [n], finite, >= 0, unit of mos; their standard deviation.
        score: float [n], finite, unit of mos; predicted mean.
        spread: float [n], finite, >= 0, unit of mos; predicted standard deviation.

    Returns:
        float64 [n], nat, from 0 up; 0 where both are the same, also when both are one point; inf where one
        of the two is a point and the other is not that point. [0] for no rows.

    Raises:
        DataError: lengths differ, a value is not finite, or a deviation is negative; the message gives its
            position.

    Source:
        KL(true || predicted) = ln(spread / std) + (std^2 + (mos - score)^2) / (2 spread^2) - 1/2; Kullback,
        Leibler 1951, as a figure of scorers in You et al. 2025, "DeQA-Score". Its published code adds 1e-8
        to both denominators; here nothing is added.

    Example:
        >>> gaussian_kl([3.0], [0.5], score=[3.5], spread=[0.5]).tolist()
        [0.5]
    """
    return _kl(*_moments(mos, std, score, spread))


def gaussian_js(mos: ArrayLike, std: ArrayLike, *, score: ArrayLike, spread: ArrayLike) -> Float64Array:
    """Jensen-Shannon gap of two Gaussians with a Gaussian as their middle, row by row.

    The middle has the mean of both means and of both variances. It is not the mixture of the two, so this is
    not the Jensen-Shannon divergence proper, and ln 2 is no upper limit.

    Args:
        mos: float [n], finite; mean of the ratings.
        std: float [n], finite, >= 0, unit of mos; their standard deviation.
        score: float [n], finite, unit of mos; predicted mean.
        spread: float [n], finite, >= 0, unit of mos; predicted standard deviation.

    Returns:
        float64 [n], nat, from 0 up, the same when true and predicted change places; 0 where both are the
        same; inf where one is a point and the other is not that point. [0] for no rows.

    Raises:
        DataError: lengths differ, a value is not finite, or a deviation is negative; the message gives its
            position.

    Source:
        (KL(true || m) + KL(predicted || m)) / 2, m = N((mos + score) / 2, (std^2 + spread^2) / 2); Lin 1991
        with the middle of You et al. 2025, "DeQA-Score".

    Example:
        >>> gaussian_js([3.0], [0.5], score=[4.0], spread=[0.5]).tolist()
        [0.5]
    """
    a, s, b, t = _moments(mos, std, score, spread)
    middle, width = a + (b - a) / 2, np.where(s == t, s, np.hypot(s, t) / np.sqrt(2))
    return (_kl(a, s, middle, width) + _kl(b, t, middle, width)) / 2


def gaussian_w2(mos: ArrayLike, std: ArrayLike, *, score: ArrayLike, spread: ArrayLike) -> Float64Array:
    """Wasserstein-2 distance of two Gaussians, row by row, in the unit of the opinions.

    Args:
        mos: float [n], finite; mean of the ratings.
        std: float [n], finite, >= 0, unit of mos; their standard deviation.
        score: float [n], finite, unit of mos; predicted mean.
        spread: float [n], finite, >= 0, unit of mos; predicted standard deviation.

    Returns:
        float64 [n], unit of mos, from 0 up; finite for points too. [0] for no rows.

    Raises:
        DataError: lengths differ, a value is not finite, or a deviation is negative; the message gives its
            position.

    Source:
        sqrt((mos - score)^2 + (std - spread)^2); Dowson, Landau 1982, doi 10.1016/0047-259X(82)90077-X.

    Example:
        >>> gaussian_w2([3.0], [0.5], score=[6.0], spread=[4.5]).tolist()
        [5.0]
    """
    a, s, b, t = _moments(mos, std, score, spread)
    return np.asarray(np.hypot(a - b, s - t), dtype=np.float64)


def crps_levels(mos: ArrayLike, distribution: ArrayLike, *, values: ArrayLike) -> Float64Array:
    """Continuous ranked probability score of a distribution over levels against one opinion, row by row.

    In the unit of the opinions; smaller is better. Where all mass is on one level it is the absolute error.

    Args:
        mos: float [n], finite; mean of the ratings, on the scale of values.
        distribution: float [n, k], k >= 1, rows >= 0 with sum 1; predicted share of each level.
        values: float [k], finite, ascending; what each level is worth.

    Returns:
        float64 [n], unit of mos, from 0 up; 0 only where all mass is on a level worth mos. [0] for no rows.

    Raises:
        DataError: shapes do not fit, a number is not finite, values do not ascend, or a row is no
            distribution; the message gives its position.

    Source:
        integral of (F(x) - 1{x >= mos})^2 dx = E|X - mos| - E|X - X'| / 2, X and X' drawn from the
        distribution; Gneiting, Raftery 2007, doi 10.1198/016214506000001437, equations 20 and 21 with their
        sign turned. Here the integral is summed between neighbouring levels.

    Example:
        >>> crps_levels([4.0], [[0.0, 0.0, 0.5, 0.0, 0.5]], values=[1, 2, 3, 4, 5]).tolist()
        [0.5]
    """
    y, p, v = np.asarray(mos, dtype=np.float64), _rows(distribution, "predicted"), _ascending(values)
    if y.shape != (len(p),) or v.size != p.shape[1]:
        shapes = f"mos {y.shape}, distribution {p.shape} and values {v.shape}"
        raise DataError(f"{shapes} do not fit; they must be [n], [n, k] and [k]")
    _all_finite(y, "mos")
    below = (
        np.clip(y[:, None], v[:-1], v[1:]) - v[:-1]
    )  # [n, k - 1], the part of each gap that lies below mos
    mass = np.cumsum(p, axis=1)[:, :-1]
    inside = (mass**2 * below + (1 - mass) ** 2 * (np.diff(v) - below)).sum(axis=1)
    return np.asarray(inside + np.maximum(v[0] - y, 0) + np.maximum(y - v[-1], 0), dtype=np.float64)


def crps_gaussian(mos: ArrayLike, *, score: ArrayLike, spread: ArrayLike) -> Float64Array:
    """Continuous ranked probability score of a predicted Gaussian against one opinion, row by row.

    Args:
        mos: float [n], finite; mean of the ratings.
        score: float [n], finite, unit of mos; predicted mean.
        spread: float [n], finite, >= 0, unit of mos; predicted standard deviation.

    Returns:
        float64 [n], unit of mos, from 0 up; the absolute error where spread is 0. [0] for no rows.

    Raises:
        DataError: lengths differ, a value is not finite, or a spread is negative; the message gives its
            position.

    Source:
        spread (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt pi) with z = (mos - score) / spread; Gneiting, Raftery
        2007, doi 10.1198/016214506000001437, section 4.2, with the sign turned.

    Example:
        >>> crps_gaussian([3.0], score=[3.0], spread=[1.0]).round(6).tolist()
        [0.233695]
    """
    y = np.asarray(mos, dtype=np.float64)
    a, _, b, t = _moments(y, np.zeros_like(y), score, spread)
    gap = np.abs(a - b)
    found = gap.copy()
    inner = t > 0
    with np.errstate(over="ignore"):
        z = np.minimum(gap[inner] / t[inner], 40.0)  # beyond, both tails are 0 in float64
    # z (2 Phi - 1) is z less z erfc: so a far opinion keeps its absolute error to the last digit.
    tail = np.array([x * math.erfc(x / math.sqrt(2)) for x in z.tolist()])
    density = 2 * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    found[inner] += t[inner] * (density - tail - 1 / math.sqrt(math.pi))
    return np.asarray(np.maximum(found, 0.0), dtype=np.float64)  # rounding alone can pass 0


def _steps(p: ArrayLike, q: ArrayLike) -> Float64Array:
    """What has to pass each level's upper edge: the difference of the cumulative sums [n, k]."""
    a, b = _rows(p, "true"), _rows(q, "predicted")
    if a.shape != b.shape:
        raise DataError(f"distributions need pairs: true ones of shape {a.shape}, predicted {b.shape}")
    return np.asarray(np.cumsum(a - b, axis=1), dtype=np.float64)


def _rows(values: ArrayLike, name: str) -> Float64Array:
    """Distributions as float64 [n, k], or the error that says which row is none."""
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise DataError(f"{name} distributions must be rows of levels [n, k], not of shape {rows.shape}")
    bad = np.flatnonzero(~(np.isfinite(rows) & (rows >= 0)).all(axis=1))
    if bad.size:
        raise DataError(f"{name} distribution {int(bad[0])} has a value that is negative or not finite")
    sums = rows.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if bad.size:
        raise DataError(
            f"{name} distribution {int(bad[0])} sums to {sums[bad[0]]:.8g}, not to 1; divide by its sum"
        )
    return rows


def _ascending(values: ArrayLike) -> Float64Array:
    """Values of the levels as float64 [k], or the error that says which is out of order."""
    worth = np.asarray(values, dtype=np.float64)
    if worth.ndim != 1:
        raise DataError(f"values of levels must be one list, not of shape {worth.shape}")
    _all_finite(worth, "value")
    bad = np.flatnonzero(np.diff(worth) <= 0)
    if bad.size:
        first, then = worth[bad[0]], worth[bad[0] + 1]
        raise DataError(f"value {int(bad[0]) + 1} is {then:g} after {first:g}; values of levels must ascend")
    return worth


def _all_finite(numbers: Float64Array, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise DataError(f"{name} {int(bad[0])} is {numbers[bad[0]]}; it must be finite")


def _moments(
    mos: ArrayLike, std: ArrayLike, score: ArrayLike, spread: ArrayLike
) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
    a, s, b, t = (np.asarray(values, dtype=np.float64) for values in (mos, std, score, spread))
    if a.ndim != 1 or not a.shape == s.shape == b.shape == t.shape:
        shapes = f"{a.shape}, {s.shape}, {b.shape}, {t.shape}"
        raise DataError(f"mos, std, score and spread must be lists of one length, not of shape {shapes}")
    for name, values, least in (("mos", a, -np.inf), ("std", s, 0), ("score", b, -np.inf), ("spread", t, 0)):
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= least)))
        if bad.size:
            need = "finite" if least < 0 else "finite and not negative"
            raise DataError(f"{name} {int(bad[0])} is {values[bad[0]]}; it must be {need}")
    return a, s, b, t


def _kl(a: Float64Array, s: Float64Array, b: Float64Array, t: Float64Array) -> Float64Array:
    """KL(N(a, s^2) || N(b, t^2)) [n], with its limits where a deviation is 0."""
    gap = np.full(a.size, np.inf)
    gap[(a == b) & (s == t)] = 0.0
    inner = (s > 0) & (t > 0) & (gap > 0)
    with np.errstate(over="ignore"):  # past float64 the divergence is inf
        squares = (s[inner] / t[inner]) ** 2 + ((a - b)[inner] / t[inner]) ** 2
    gap[inner] = (squares - 1) / 2 - (np.log(s[inner]) - np.log(t[inner]))
    return np.asarray(np.maximum(gap, 0.0), dtype=np.float64)  # rounding alone can pass 0
