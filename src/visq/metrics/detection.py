"""Figures of a detector: scores against labels 0 and 1. Knows no pictures, no classes' names, no intervals.

A higher score speaks for label 1. A score is called positive where `score >= threshold`, compared in float64.
A figure that divides by nothing is nan: no epsilon, no 0 or 1 in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError

BoolArray = NDArray[np.bool_]
Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
Criterion = Literal["balanced_accuracy", "f1", "accuracy"]


@dataclass(frozen=True)
class Confusion:
    """How many of each label were called what at one threshold; the four counts add up to n.

    Attributes:
        threshold: what a score had to reach to be called positive.
        tp, fp: called positive, of label 1 and of label 0.
        tn, fn: called negative, of label 0 and of label 1.
    """

    threshold: float
    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True)
class OperatingPoint:
    """One point of the ROC curve; all three are nan where a class is absent.

    Attributes:
        tpr, fpr: in 0..1; share of label 1, and of label 0, that is called positive.
        threshold: the score where it lies; inf calls nothing positive.
    """

    tpr: float
    fpr: float
    threshold: float


@dataclass(frozen=True)
class ChosenThreshold:
    """A threshold, and how good it looked on the split where it was chosen: too good.

    Attributes:
        threshold: scores >= it are positive; inf calls nothing positive.
        criterion: what was made largest.
        value: in 0..1; the criterion at this threshold, on the split it was chosen on.
    """

    threshold: float
    criterion: Criterion
    value: float


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive scores higher than a negative, ties counting half.

    Args:
        scores: float [n], finite, in any unit; only their order matters.
        labels: bool or 0/1 [n], paired with scores by position.

    Returns:
        A number in 0..1; 0.5 where all scores are equal; nan where a class is absent (always at n < 2),
        since then no pair of a positive and a negative exists.

    Raises:
        DataError: lengths differ, a score is not finite or a label not 0 or 1, with its position.

    Source:
        U / (P N), U the rank sum of the positives less P (P + 1) / 2; Mann and Whitney 1947,
        Hanley and McNeil 1982.

    Example:
        >>> auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
        0.75
    """
    _, positives, negatives = _groups(*labelled(scores, labels))
    pairs = int(positives.sum()) * int(negatives.sum())
    if pairs == 0:
        return float("nan")
    beaten = np.cumsum(negatives) - negatives
    # Twice U, so that half counts stay whole numbers and the sum is exact.
    return int((positives * (2 * beaten + negatives)).sum()) / (2 * pairs)


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Average precision: mean of the precision over recall, as steps, without interpolation.

    Equal scores are one step: the order of rows within a tie changes nothing. With all scores equal the
    figure is the share of positives, and with positives only it is 1.

    Args:
        scores: float [n], finite, in any unit; only their order matters.
        labels: bool or 0/1 [n], paired with scores by position.

    Returns:
        A number above 0, up to 1; nan without a positive (so at n = 0), since then no recall exists.

    Raises:
        DataError: lengths differ, a score is not finite or a label not 0 or 1, with its position.

    Source:
        AP = sum_k (R_k - R_(k-1)) P_k, k over the distinct scores from the highest down; the non-interpolated
        form in Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, 8.4.

    Example:
        >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 6)
        0.833333
    """
    _, positives, negatives = _groups(*labelled(scores, labels))
    total = int(positives.sum())
    if total == 0:
        return float("nan")
    new = positives[::-1]
    tp, fp = np.cumsum(new), np.cumsum(negatives[::-1])
    return min(1.0, float((new * (tp / (tp + fp))).sum()) / total)


def confusion(scores: ArrayLike, labels: ArrayLike, threshold: float) -> Confusion:
    """Count right and wrong calls at a threshold.

    Args:
        scores: float [n], finite, in any unit; all counts are 0 at n = 0.
        labels: bool or 0/1 [n], paired with scores by position.
        threshold: in the unit of the scores; scores >= it are positive. It may be inf or -inf.

    Returns:
        The four counts with their threshold.

    Raises:
        DataError: lengths differ, a score is not finite or a label not 0 or 1, with its position; the
            threshold is nan.

    Source:
        tp, fp = #(s >= t) with y = 1, y = 0; fn, tn = #(s < t) with y = 1, y = 0; Fawcett 2006.

    Example:
        >>> confusion([0.1, 0.5, 0.9], [0, 0, 1], 0.5)
        Confusion(threshold=0.5, tp=1, fp=1, tn=1, fn=0)
    """
    values, truth = labelled(scores, labels)
    if np.isnan(threshold):
        raise DataError("the threshold is nan; give a number in the unit of the scores")
    called = values >= threshold
    tp, fp = int((called & truth).sum()), int((called & ~truth).sum())
    fn = int(truth.sum()) - tp
    return Confusion(float(threshold), tp, fp, truth.size - tp - fp - fn, fn)


def accuracy(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Share of right calls at a threshold.

    Args:
        scores: float [n], finite, in any unit.
        labels: bool or 0/1 [n], paired with scores by position; one class alone is allowed.
        threshold: in the unit of the scores; scores >= it are positive.

    Returns:
        A number in 0..1; nan at n = 0, since then nothing was called.

    Raises:
        DataError: as `confusion`.

    Source:
        (tp + tn) / n; Fawcett 2006.

    Example:
        >>> accuracy([0.1, 0.5, 0.9, 0.2], [0, 0, 1, 0], 0.5)
        0.75
    """
    c = confusion(scores, labels, threshold)
    return _ratio(c.tp + c.tn, c.tp + c.fp + c.tn + c.fn)


def balanced_accuracy(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Mean of the two classes' shares of right calls at a threshold; 0.5 for any constant answer.

    Args:
        scores: float [n], finite, in any unit.
        labels: bool or 0/1 [n], paired with scores by position.
        threshold: in the unit of the scores; scores >= it are positive.

    Returns:
        A number in 0..1; nan where a class is absent (always at n < 2), since its share does not exist.

    Raises:
        DataError: as `confusion`.

    Source:
        (tp / (tp + fn) + tn / (tn + fp)) / 2; Brodersen et al. 2010.

    Example:
        >>> balanced_accuracy([0.1, 0.5, 0.9], [0, 0, 1], 0.5)
        0.75
    """
    return _balanced(confusion(scores, labels, threshold))


def f1(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """Harmonic mean of precision and recall of the positives at a threshold.

    Args:
        scores: float [n], finite, in any unit.
        labels: bool or 0/1 [n], paired with scores by position.
        threshold: in the unit of the scores; scores >= it are positive.

    Returns:
        A number in 0..1; 0 without a right positive call; nan where nothing is positive, neither by label nor
        by call (so at n = 0), since it is then 0 / 0.

    Raises:
        DataError: as `confusion`.

    Source:
        2 tp / (2 tp + fp + fn); van Rijsbergen 1979.

    Example:
        >>> f1([0.1, 0.5, 0.9, 0.7], [0, 0, 1, 1], 0.5)
        0.8
    """
    return _f1(confusion(scores, labels, threshold))


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, max_fpr: float) -> OperatingPoint:
    """Largest true positive rate that some threshold reaches while the false positive rate stays allowed.

    Without interpolation: thresholds are the scores themselves, and inf. Of those with the same TPR the
    highest is taken. With fewer than 1 / max_fpr negatives not one of them may be called positive.

    Args:
        scores: float [n], finite, in any unit.
        labels: bool or 0/1 [n], paired with scores by position.
        max_fpr: in 0..1; the largest allowed share of negatives called positive, itself allowed.

    Returns:
        TPR, the FPR really used, and the threshold; TPR 0 at threshold inf where no score is allowed. All nan
        where a class is absent (always at n < 2), since one of the rates does not exist.

    Raises:
        DataError: lengths differ, a score is not finite or a label not 0 or 1, with its position; max_fpr
            outside 0..1.

    Source:
        max over t of tp(t) / P with fp(t) / N <= max_fpr; the empirical ROC of Fawcett 2006.

    Example:
        >>> tpr_at_fpr([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.05)
        OperatingPoint(tpr=0.5, fpr=0.0, threshold=0.8)
    """
    if not 0 <= max_fpr <= 1:  # nan, too, fails here
        raise DataError(f"max_fpr is {max_fpr}; give a share in 0..1")
    thresholds, tp, fp = _curve(*labelled(scores, labels))
    if tp[-1] == 0 or fp[-1] == 0:
        return OperatingPoint(float("nan"), float("nan"), float("nan"))
    # The quotient is rounded as the literal is: 1 of 20 is 0.05, while 0.05 * 20 need not be 1.
    allowed = int((fp / fp[-1] <= max_fpr).sum())
    best = int(np.argmax(tp[:allowed]))  # the first of equals: the highest threshold
    return OperatingPoint(float(tp[best] / tp[-1]), float(fp[best] / fp[-1]), float(thresholds[best]))


def choose_threshold(
    scores: ArrayLike, labels: ArrayLike, criterion: Criterion = "balanced_accuracy"
) -> ChosenThreshold:
    """Choose the threshold that makes a criterion largest, for use on another split than this one.

    On the split it was chosen on, the criterion is too good by construction: report it elsewhere. Candidates
    are the midpoints between neighbouring distinct scores, the lowest score (all positive), and inf (none).
    Of equally good ones the highest is taken; the order of rows changes nothing.

    Args:
        scores: float [n], n >= 2, finite, in any unit.
        labels: bool or 0/1 [n], paired with scores by position; both classes must be there.
        criterion: balanced_accuracy, f1 or accuracy.

    Returns:
        The threshold with the criterion's value on these scores.

    Raises:
        DataError: lengths differ, a score is not finite or a label not 0 or 1, with its position; a class is
            absent, since then every such choice is a constant answer; the criterion is unknown.

    Source:
        argmax over t of the criterion; for balanced accuracy this is Youden's J, Youden 1950.

    Example:
        >>> choose_threshold([1, 2, 4, 5], [0, 0, 1, 1])
        ChosenThreshold(threshold=3.0, criterion='balanced_accuracy', value=1.0)
    """
    if criterion not in get_args(Criterion):
        raise DataError(f"criterion {criterion!r} is unknown; one of {', '.join(get_args(Criterion))}")
    observed, tp, fp = _curve(*labelled(scores, labels))
    positives, negatives = int(tp[-1]), int(fp[-1])
    if positives == 0 or negatives == 0:
        raise DataError(
            f"a threshold cannot be chosen from {positives} positive and {negatives} negative labels; "
            "give a split with both"
        )
    values = _criterion(criterion, tp, fp)
    best = int(np.argmax(values))  # the first of equals: the highest threshold
    return ChosenThreshold(_between(observed, best), criterion, float(values[best]))


def labelled(scores: ArrayLike, labels: ArrayLike, name: str = "score") -> tuple[Float64Array, BoolArray]:
    """Both lists as float64 [n] and bool [n], or the error that says what is wrong with them."""
    values, truth = finite(scores, name), zero_or_one(labels)
    if values.ndim != 1 or truth.ndim != 1:
        raise DataError(f"{name} and label: lists are needed, not shapes {values.shape} and {truth.shape}")
    if values.size != truth.size:
        raise DataError(f"{name} and label come in pairs, not {values.size} and {truth.size}")
    return values, truth


def finite(values: ArrayLike, name: str) -> Float64Array:
    """Values as float64 of any shape, or the error that names the first that is not finite."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: not an array of numbers: {error}") from error
    return _all_good(array, np.isfinite(array), name, "a finite number")


def zero_or_one(values: ArrayLike, name: str = "label") -> BoolArray:
    """Labels as bool of any shape, or the error that names the first that is not 0 or 1."""
    array = np.asarray(values)
    if array.dtype == np.bool_:
        return array
    array = finite(values, name)
    return np.asarray(_all_good(array, (array == 0) | (array == 1), name, "0 or 1") == 1, dtype=np.bool_)


def _all_good(array: Float64Array, good: BoolArray, name: str, wanted: str) -> Float64Array:
    if not good.all():
        at = tuple(int(i) for i in np.argwhere(~good)[0])
        where = at[0] if len(at) == 1 else at
        raise DataError(f"{name} {where} is {array[at]}; it must be {wanted}")
    return array


def _groups(scores: Float64Array, labels: BoolArray) -> tuple[Float64Array, Int64Array, Int64Array]:
    """Distinct scores ascending, [k], and how many positives and negatives share each."""
    distinct, group = np.unique(scores, return_inverse=True)
    positives = np.bincount(group[labels], minlength=distinct.size).astype(np.int64)
    negatives = np.bincount(group[~labels], minlength=distinct.size).astype(np.int64)
    return distinct, positives, negatives


def _curve(scores: Float64Array, labels: BoolArray) -> tuple[Float64Array, Int64Array, Int64Array]:
    """Thresholds descending from inf, [k + 1], with the tp and fp each of them gives."""
    distinct, positives, negatives = _groups(scores, labels)
    tp, fp = (np.append(0, np.cumsum(counts[::-1])) for counts in (positives, negatives))
    return np.append(np.inf, distinct[::-1]), tp, fp


def _criterion(criterion: Criterion, tp: Int64Array, fp: Int64Array) -> Float64Array:
    """The criterion at each threshold, as one quotient of whole numbers: equal values are equal bits."""
    positives, negatives = tp[-1], fp[-1]
    tn = negatives - fp
    if criterion == "accuracy":
        return np.asarray((tp + tn) / (positives + negatives), dtype=np.float64)
    if criterion == "f1":
        return np.asarray(2 * tp / (tp + fp + positives), dtype=np.float64)
    return np.asarray((tp * negatives + tn * positives) / (2 * positives * negatives), dtype=np.float64)


def _between(observed: Float64Array, best: int) -> float:
    """The midpoint between a threshold and the next lower score; the ends stay as they are."""
    upper = float(observed[best])
    if best == 0 or best == observed.size - 1:
        return upper
    lower = float(observed[best + 1])
    middle = lower / 2 + upper / 2
    return middle if lower < middle < upper else upper  # neighbours in float64 have nothing between them


def _balanced(c: Confusion) -> float:
    positives, negatives = c.tp + c.fn, c.tn + c.fp
    return _ratio(c.tp * negatives + c.tn * positives, 2 * positives * negatives)


def _f1(c: Confusion) -> float:
    return _ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
