"""Calibration: how far probabilities can be believed, and maps that mend them. Knows no models, no files.

Fit a map on one split and report on another: on its own split every fit looks calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError
from visq.metrics.detection import finite, labelled

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
Binning = Literal["equal-width", "equal-mass"]
# Wide enough for any network in use; beyond it the softmax is a constant or a maximum.
TEMPERATURES = (0.01, 100.0)


@dataclass(frozen=True)
class Reliability:
    """What was promised and what came true, bin by bin; the counts add up to n.

    Attributes:
        binning: how the bins were drawn, equal-width or equal-mass.
        lower: in 0..1, [k]; equal-width: edge below, itself outside but for 0; equal-mass: least member.
        upper: in 0..1, [k]; equal-width: edge above, itself inside; equal-mass: greatest member.
        counts: [k]; pictures in the bin.
        confidence: in 0..1, [k]; mean probability in the bin, nan where it is empty.
        share: in 0..1, [k]; share of outcomes 1 in the bin, nan where it is empty.
    """

    binning: Binning
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    share: tuple[float, ...]

    @property
    def ece(self) -> float:
        """Mean distance of share and confidence, in 0..1, weighted by counts; nan where n = 0."""
        n = sum(self.counts)
        if n == 0:
            return float("nan")
        bins = zip(self.counts, self.confidence, self.share, strict=True)
        return sum(count * abs(share - mean) for count, mean, share in bins if count) / n


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature; call it on logits for probabilities.

    Attributes:
        value: above 0; logits are divided by it. nan where the logits of each row are all equal.
        converged: whether the best temperature lies inside the bounds; if not, value is the nearer bound.
        nll: mean negative log likelihood at value, in nats, on the rows of the fit.
    """

    value: float
    converged: bool
    nll: float

    def __float__(self) -> float:
        return self.value

    def __call__(self, logits: ArrayLike) -> Float64Array:
        """Probabilities softmax(logits / value).

        Args:
            logits: float [n, k], finite, in the unit of the fit.

        Returns:
            float64 [n, k] in 0..1, rows adding up to 1; nan where value is nan.

        Raises:
            DataError: not of two dimensions, or a logit is not finite, with its position.
        """
        return np.asarray(np.exp(_log_softmax(_matrix(logits) / self.value)), dtype=np.float64)


@dataclass(frozen=True)
class Isotonic:
    """A map by steps that never goes down; outside the fitted range its end values hold.

    Attributes:
        starts: [k], ascending; where each step begins, itself inside.
        values: [k], ascending; the step's height, in the unit of y.
    """

    starts: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, x: ArrayLike) -> Float64Array:
        """Heights of the steps at x.

        Args:
            x: float [...], finite, in the unit of the fit.

        Returns:
            float64 [...], in the unit of y: the step that began last at or below x, else the first.

        Raises:
            DataError: a value is not finite, with its position.
        """
        step = np.searchsorted(self.starts, finite(x, "value"), side="right") - 1
        return np.asarray(np.asarray(self.values)[np.maximum(step, 0)], dtype=np.float64)


def ece(
    probabilities: ArrayLike, outcomes: ArrayLike, *, bins: int = 15, binning: Binning = "equal-width"
) -> float:
    """Expected calibration error: mean distance between promised and true share over bins.

    For a detector, give the probability of label 1 and the label; for several classes, the probability of
    the class that was named and whether it was right. The figure depends on bins and binning, so name both
    beside it. It is biased upwards where bins hold few pictures: at n = 1 it is |outcome - probability|.

    Args:
        probabilities: float [n], in 0..1.
        outcomes: bool or 0/1 [n], paired with probabilities by position.
        bins: at least 1; how many bins are drawn.
        binning: equal-width, or equal-mass; see `reliability`.

    Returns:
        A number in 0..1; nan at n = 0, since no bin has a member.

    Raises:
        DataError: as `reliability`.

    Source:
        ECE = sum_b n_b / n |share_b - confidence_b|; Naeini et al. 2015, Guo et al. 2017 (15 bins); with
        equal mass: Nguyen and O'Connor 2015.

    Example:
        >>> round(ece([0.1, 0.2, 0.9, 0.8], [0, 0, 1, 0], bins=2), 6)
        0.25
    """
    return reliability(probabilities, outcomes, bins=bins, binning=binning).ece


def reliability(
    probabilities: ArrayLike, outcomes: ArrayLike, *, bins: int = 15, binning: Binning = "equal-width"
) -> Reliability:
    """Table behind the reliability diagram.

    Equal-width: bin b of m holds ((b - 1) / m, b / m], the first one 0 as well; empty bins stay in the table.
    Equal-mass: a value goes to bin floor(m r / n) with r the number of smaller values, so equal probabilities
    share a bin whatever the order of rows, and n distinct values spread as evenly as whole numbers let them;
    bins that ties or a small n leave empty are not in the table.

    Args:
        probabilities: float [n], in 0..1.
        outcomes: bool or 0/1 [n], paired with probabilities by position; one class alone is allowed.
        bins: at least 1; how many bins are drawn.
        binning: equal-width or equal-mass.

    Returns:
        One entry for each bin, by ascending probability. At n = 0: empty bins, or none if of equal mass.

    Raises:
        DataError: lengths differ; a probability is not in 0..1 or an outcome not 0 or 1, with its position;
            bins < 1; the binning is unknown.

    Source:
        confidence_b = mean p over the bin, share_b = mean y over the bin; Guo et al. 2017, section 2.

    Example:
        >>> reliability([0.1, 0.2, 0.9], [0, 0, 1], bins=2).counts
        (2, 1)
    """
    p, y = labelled(probabilities, outcomes, "probability")
    outside = np.flatnonzero((p < 0) | (p > 1))
    if outside.size:
        raise DataError(f"probability {int(outside[0])} is {p[outside[0]]}; it must be in 0..1")
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise DataError(f"bins is {bins!r}; give a whole number of at least 1")
    if binning not in get_args(Binning):
        raise DataError(f"binning {binning!r} is unknown; one of {', '.join(get_args(Binning))}")
    if binning == "equal-width":
        edges = np.arange(bins + 1) / bins  # each edge rounded once: the edge 3 / 10 is the literal 0.3
        return _table(p, y, np.searchsorted(edges[1:-1], p, side="left"), edges)
    smaller = np.searchsorted(np.sort(p), p, side="left")
    return _table(p, y, np.unique(bins * smaller // max(1, p.size), return_inverse=True)[1], None)


def fit_temperature(
    logits: ArrayLike, labels: ArrayLike, *, bounds: tuple[float, float] = TEMPERATURES
) -> Temperature:
    """Fit the temperature that makes the labels likeliest; it moves no class past another.

    The likelihood is convex in 1 / T, so its slope has one zero, found by halving. For one logit of a
    detector give [0, logit] for each row.

    Args:
        logits: float [n, k], n >= 1, k >= 2, finite.
        labels: int [n], in 0..k-1, paired with rows by position; one class alone is allowed.
        bounds: the least and greatest temperature tried, above 0.

    Returns:
        The temperature. Not converged, and at a bound, where the best lies at or outside the bounds: at the
        lower one if every label has the greatest logit of its row (so at n = 1, if right), at the upper one
        if the logits are worse than none. nan and not converged where each row's logits are all equal, since
        then every temperature gives the same.

    Raises:
        DataError: shapes do not fit, n = 0, k < 2, a logit is not finite or a label not a class, with its
            position; bounds are not 0 < lower < upper < inf.

    Source:
        min over T of -1/n sum_i log softmax(z_i / T)[y_i]; Guo et al. 2017, section 4.2.

    Example:
        >>> round(float(fit_temperature([[0, 2], [0, 2], [0, 2], [0, 2]], [1, 1, 1, 0])), 6)
        1.820478
    """
    z, y = _classes(logits, labels)
    low, high = bounds
    if not 0 < low < high < np.inf:
        raise DataError(f"bounds are {bounds}; give 0 < lower < upper < inf")
    gaps = z - z[np.arange(y.size), y][:, None]  # [n, k]; 0 at the true class
    if not gaps.any():
        return Temperature(float("nan"), False, float(np.log(z.shape[1])))
    # At a slope of 0 the softmax may only have run out of digits, so a bound never counts as found.
    if _slope(gaps, 1 / low) <= 0:
        value, converged = low, False
    elif _slope(gaps, 1 / high) >= 0:
        value, converged = high, False
    else:
        value, converged = 1 / _zero_of_slope(gaps, 1 / high, 1 / low), True
    nll = -_log_softmax(z / value)[np.arange(y.size), y].mean()
    return Temperature(float(value), converged, float(nll))


def fit_isotonic(x: ArrayLike, y: ArrayLike) -> Isotonic:
    """Fit the map without a way down that lies closest to y in squares.

    Equal x are first made one, with the mean of their y. Each step begins at the least x of its block. For a
    map without a way up, fit on -x.

    Args:
        x: float [n], n >= 1, finite; raw scores in any unit.
        y: float [n], finite; what they should be mapped to, such as opinion scores or labels 0 and 1.

    Returns:
        The map: one flat step at n = 1, and where x is constant or y only falls.

    Raises:
        DataError: lengths differ, n = 0, or a value is not finite, with its position.

    Source:
        min sum_i (m(x_i) - y_i)^2 over non-decreasing m, by pooling adjacent violators; Ayer et al. 1955,
        for probabilities Zadrozny and Elkan 2002.

    Example:
        >>> fit_isotonic([1, 2, 3, 4], [0, 2, 1, 5])
        Isotonic(starts=(1.0, 2.0, 4.0), values=(0.0, 1.5, 5.0))
    """
    a, b = finite(x, "x value"), finite(y, "y value")
    if a.ndim != 1 or b.ndim != 1 or a.size != b.size:
        raise DataError(f"a map is fitted to pairs, not to arrays of shape {a.shape} and {b.shape}")
    if a.size == 0:
        raise DataError("a map needs at least 1 pair, not 0")
    distinct, group = np.unique(a, return_inverse=True)
    blocks: list[tuple[float, float, int]] = []  # start, mean, members
    for start, mean, count in zip(distinct, *_means(group, b, distinct.size), strict=True):
        block = (float(start), float(mean), int(count))
        while blocks and blocks[-1][1] >= block[1]:
            block = _pool(blocks.pop(), block)
        blocks.append(block)
    return Isotonic(tuple(block[0] for block in blocks), tuple(block[1] for block in blocks))


def calibration_error(scores: ArrayLike, labels: ArrayLike) -> float:
    """How far scores are off their own meaning: root of the part of the MSE that a rising map removes.

    For scores that are expectations, such as those of level words: one is right where the mean label of all
    pictures with that score equals it. Order does not count. It takes no bins; the map is fitted on these
    very labels, so that the figure is biased upwards where rows are few.

    Args:
        scores: float [n], n >= 1, finite, in the unit of the labels.
        labels: float [n], finite; paired with scores by position.

    Returns:
        A number >= 0, in the unit of the labels; at most the RMSE.

    Raises:
        DataError: as `fit_isotonic`.

    Source:
        sqrt(MCB), MCB = mean (x - y)^2 - mean (m(x) - y)^2, m the isotonic fit of y on x; Gneiting and Resin
        2023, Electronic Journal of Statistics 17 (arXiv 2108.03210).

    Example:
        >>> calibration_error([1, 2, 3], [2, 3, 4]), calibration_error([1, 1, 3, 3], [0, 2, 2, 4])
        (1.0, 0.0)
    """
    recalibrated = fit_isotonic(scores, labels)(scores)
    x, y = finite(scores, "x value"), finite(labels, "y value")
    removed = ((x - y) ** 2).mean() - ((recalibrated - y) ** 2).mean()
    return float(np.sqrt(max(removed, 0.0)))  # the scores are a rising map too: below 0 by rounding alone


def _table(
    p: Float64Array, y: NDArray[np.bool_], member: Int64Array, edges: Float64Array | None
) -> Reliability:
    """Counts and means of the bins; without edges, the least and greatest member stand for them."""
    bins = edges.size - 1 if edges is not None else int(member.max(initial=-1)) + 1
    confidence, counts = _means(member, p, bins)
    if edges is not None:
        lower, upper = edges[:-1], edges[1:]
    else:
        lower, upper = np.full(bins, np.inf), np.full(bins, -np.inf)
        np.minimum.at(lower, member, p)
        np.maximum.at(upper, member, p)
    return Reliability(
        "equal-mass" if edges is None else "equal-width",
        tuple(lower.tolist()),
        tuple(upper.tolist()),
        tuple(counts.tolist()),
        tuple(confidence.tolist()),
        tuple(_means(member, y.astype(np.float64), bins)[0].tolist()),
    )


def _means(group: Int64Array, values: Float64Array, size: int) -> tuple[Float64Array, Int64Array]:
    """Mean and number of the values of each group; nan where a group has none."""
    counts = np.bincount(group, minlength=size)
    means = np.full(size, np.nan)
    np.divide(np.bincount(group, weights=values, minlength=size), counts, out=means, where=counts > 0)
    return means, counts.astype(np.int64)


def _pool(left: tuple[float, float, int], right: tuple[float, float, int]) -> tuple[float, float, int]:
    """Two neighbouring blocks as one; the form keeps equal means equal to the last bit."""
    members = left[2] + right[2]
    return left[0], left[1] + (right[1] - left[1]) * (right[2] / members), members


def _matrix(logits: ArrayLike) -> Float64Array:
    z = finite(logits, "logit")
    if z.ndim != 2 or z.shape[1] < 2:
        raise DataError(f"logits are rows of at least 2 classes, not an array of shape {z.shape}")
    return z


def _classes(logits: ArrayLike, labels: ArrayLike) -> tuple[Float64Array, Int64Array]:
    z, y = _matrix(logits), finite(labels, "label")
    if y.ndim != 1 or y.size != len(z):
        raise DataError(f"each row of logits needs a label: {len(z)} rows, labels of shape {y.shape}")
    if y.size == 0:
        raise DataError("a temperature needs at least 1 row, not 0")
    bad = np.flatnonzero((y < 0) | (y >= z.shape[1]) | (y != np.floor(y)))
    if bad.size:
        raise DataError(f"label {int(bad[0])} is {y[bad[0]]}; it must be a class in 0..{z.shape[1] - 1}")
    return z, y.astype(np.int64)


def _log_softmax(z: Float64Array) -> Float64Array:
    shifted = z - z.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def _slope(gaps: Float64Array, inverse: float) -> float:
    """Slope of the mean negative log likelihood over 1 / T: mean of E_p[z] - z_y."""
    return float((np.exp(_log_softmax(gaps * inverse)) * gaps).sum(axis=1).mean())


def _zero_of_slope(gaps: Float64Array, low: float, high: float) -> float:
    """Where the rising slope passes 0: halved, by ratio, until no float64 lies between."""
    while low < (middle := float(np.sqrt(low) * np.sqrt(high))) < high:
        if _slope(gaps, middle) < 0:
            low = middle
        else:
            high = middle
    return high
