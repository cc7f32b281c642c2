"""Figures of localisation: a predicted map against a true mask, both [h, w]. Knows no pictures, no files.

Maps are taken as they are: never inverted, never rescaled, no border left out, no mask resized. A figure
that divides by nothing is nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError
from visq.metrics.detection import auroc, average_precision, finite, zero_or_one

BoolArray = NDArray[np.bool_]
Float64Array = NDArray[np.float64]
MaskFigureName = Literal["iou", "dice", "pixel_f1", "pixel_auc", "pixel_ap"]


@dataclass(frozen=True)
class MaskFigure:
    """One figure over several pictures, in both forms, which are different numbers.

    Attributes:
        name: which figure.
        threshold: what a map had to reach to be marked; None for boolean masks and for pixel_auc, pixel_ap.
        values: in 0..1, [n]; the figure of each picture, nan where it does not exist.
        mean: in 0..1; mean of the values that exist, each picture weighing the same; nan where none exists.
        counted: how many values exist; where it is below n, the mean is over a part.
        pooled: in 0..1; the figure over all pixels together, so that large pictures and regions weigh more.
    """

    name: MaskFigureName
    threshold: float | None
    values: tuple[float, ...]
    mean: float
    counted: int
    pooled: float


def iou(predicted: ArrayLike, true: ArrayLike, threshold: float | None = None) -> float:
    """Intersection over union of the marked regions, for one picture.

    Args:
        predicted: bool [h, w], or float [h, w] in 0..1 with a threshold.
        true: bool or 0/1 [h, w].
        threshold: in 0..1; pixels >= it are marked, compared in float64. None for a boolean mask.

    Returns:
        A number in 0..1; 0 where one of the two is empty and the other not. nan where both are: 0 / 0. An
        authentic picture left unmarked has no region to find, and a 1 for each would lift the mean of any set
        by its share of them; count such pictures with `false_positive_area`.

    Raises:
        DataError: shapes differ or are not [h, w]; a pixel of the map is not in 0..1 or of the mask not 0 or
            1, with its position; a map without a threshold, or a boolean mask with one.

    Source:
        |A and B| / |A or B|; Jaccard 1901.

    Example:
        >>> iou([[0.9, 0.6], [0.2, 0.1]], [[1, 0], [0, 0]], 0.5)
        0.5
    """
    return _iou(_counts(*_regions(predicted, true, threshold)))


def dice(predicted: ArrayLike, true: ArrayLike, threshold: float | None = None) -> float:
    """Dice coefficient of the marked regions, for one picture; the same number as `pixel_f1`.

    Args:
        predicted: bool [h, w], or float [h, w] in 0..1 with a threshold.
        true: bool or 0/1 [h, w].
        threshold: in 0..1; pixels >= it are marked, compared in float64. None for a boolean mask.

    Returns:
        A number in 0..1; 0 where one of the two is empty and the other not; nan where both are, as for `iou`.

    Raises:
        DataError: as `iou`.

    Source:
        2 |A and B| / (|A| + |B|); Dice 1945.

    Example:
        >>> round(dice([[0.9, 0.6], [0.2, 0.1]], [[1, 0], [0, 0]], 0.5), 6)
        0.666667
    """
    marked, truth = _regions(predicted, true, threshold)
    return _ratio(2 * int((marked & truth).sum()), int(marked.sum()) + int(truth.sum()))


def pixel_f1(predicted: ArrayLike, true: ArrayLike, threshold: float | None = None) -> float:
    """F1 of the pixels called forged, for one picture, at a stated threshold and without inverting the map.

    Args:
        predicted: bool [h, w], or float [h, w] in 0..1 with a threshold.
        true: bool or 0/1 [h, w].
        threshold: in 0..1; pixels >= it are marked, compared in float64. None for a boolean mask.

    Returns:
        A number in 0..1; 0 where one of the two is empty and the other not; nan where both are, as for `iou`.

    Raises:
        DataError: as `iou`.

    Source:
        2 tp / (2 tp + fp + fn) over pixels; van Rijsbergen 1979.

    Example:
        >>> pixel_f1([[True, True], [False, True]], [[1, 1], [1, 0]]) == 4 / 6
        True
    """
    return _f1(_counts(*_regions(predicted, true, threshold)))


def pixel_auc(predicted: ArrayLike, true: ArrayLike) -> float:
    """Area under the ROC curve over the pixels of one picture, ties counting half.

    Args:
        predicted: float [h, w] in 0..1, or bool [h, w].
        true: bool or 0/1 [h, w].

    Returns:
        A number in 0..1, 0.5 for a constant map; nan where the true mask is empty or full, since then no pair
        of a forged and an authentic pixel exists. Below 0.5 it stays there: the map is not inverted.

    Raises:
        DataError: shapes differ or are not [h, w]; a pixel of the map is not in 0..1 or of the mask not 0 or
            1, with its position.

    Source:
        U / (P N) over pixels; Hanley and McNeil 1982.

    Example:
        >>> pixel_auc([[0.9, 0.6], [0.6, 0.1]], [[1, 1], [0, 0]])
        0.875
    """
    return _auc(*_map_and_mask(predicted, true))


def pixel_ap(predicted: ArrayLike, true: ArrayLike) -> float:
    """Average precision over the pixels of one picture, equal values as one step.

    Args:
        predicted: float [h, w] in 0..1, or bool [h, w].
        true: bool or 0/1 [h, w].

    Returns:
        A number in 0..1; for a constant map the forged share; nan where the true mask is empty.

    Raises:
        DataError: as `pixel_auc`.

    Source:
        As `average_precision`, over pixels.

    Example:
        >>> round(pixel_ap([[0.9, 0.6], [0.6, 0.1]], [[1, 1], [0, 0]]), 6)
        0.833333
    """
    return _ap(*_map_and_mask(predicted, true))


def false_positive_area(predicted: ArrayLike, true: ArrayLike, threshold: float | None = None) -> float:
    """Share of a picture's authentic pixels that are marked; the figure for pictures with an empty mask.

    Args:
        predicted: bool [h, w], or float [h, w] in 0..1 with a threshold.
        true: bool or 0/1 [h, w]; all 0 for an authentic picture.
        threshold: in 0..1; pixels >= it are marked, compared in float64. None for a boolean mask.

    Returns:
        A number in 0..1; nan where the true mask is full, since then no pixel is authentic.

    Raises:
        DataError: as `iou`.

    Source:
        fp / (fp + tn) over pixels; Fawcett 2006.

    Example:
        >>> false_positive_area([[0.9, 0.6], [0.2, 0.1]], [[0, 0], [0, 0]], 0.5)
        0.5
    """
    marked, truth = _regions(predicted, true, threshold)
    return _ratio(int((marked & ~truth).sum()), int((~truth).sum()))


def mask_figure(
    name: MaskFigureName,
    predicted: Sequence[ArrayLike],
    true: Sequence[ArrayLike],
    threshold: float | None = None,
) -> MaskFigure:
    """One figure over several pictures: each one's, their mean, and all pixels pooled.

    Pictures may differ in size. For pixel_auc and pixel_ap all pixels are held in memory and sorted.

    Args:
        name: iou, dice, pixel_f1, pixel_auc or pixel_ap.
        predicted: n maps or boolean masks, each [h, w].
        true: n masks, bool or 0/1, paired with the maps by position.
        threshold: in 0..1, one for all, for maps under iou, dice and pixel_f1; else None.

    Returns:
        Values, their mean with the number counted, and the pooled figure; at n = 0 the last two are nan. The
        pooled one is nan where it does not exist over all pixels together.

    Raises:
        DataError: unknown name, numbers of maps and masks differ, pixel_auc or pixel_ap with a threshold, or
            what the figure of one picture raises, with the picture's position.

    Source:
        mean_i f(A_i, B_i), and f over the disjoint union of all pictures' pixels.

    Example:
        >>> both = mask_figure("iou", [[[1.0, 0.0]], [[1.0, 1.0]]], [[[1, 0]], [[0, 1]]], 0.5)
        >>> both.mean, round(both.pooled, 6)
        (0.75, 0.666667)
    """
    if name not in get_args(MaskFigureName):
        raise DataError(f"figure {name!r} is unknown; one of {', '.join(get_args(MaskFigureName))}")
    if len(predicted) != len(true):
        raise DataError(f"each map needs a mask: {len(predicted)} maps, {len(true)} masks")
    if name in _OF_MAPS:
        if threshold is not None:
            raise DataError(f"{name} runs over all thresholds; leave the threshold out")
        values, pooled = _over_maps(_OF_MAPS[name], predicted, true)
    else:
        values, pooled = _over_regions(_OF_COUNTS[name], predicted, true, threshold)
    existing = [value for value in values if not np.isnan(value)]
    mean = float(np.mean(existing)) if existing else float("nan")
    return MaskFigure(name, threshold, tuple(values), mean, len(existing), pooled)


def _over_maps(
    figure: Callable[[Float64Array, BoolArray], float],
    predicted: Sequence[ArrayLike],
    true: Sequence[ArrayLike],
) -> tuple[list[float], float]:
    maps: list[Float64Array] = [np.empty(0)]
    masks: list[BoolArray] = [np.empty(0, dtype=np.bool_)]
    for index, (one, other) in enumerate(zip(predicted, true, strict=True)):
        heat, truth = _map_and_mask(one, other, f"picture {index}, ")
        maps.append(heat.ravel())
        masks.append(truth.ravel())
    values = [figure(heat, truth) for heat, truth in zip(maps[1:], masks[1:], strict=True)]
    return values, figure(np.concatenate(maps), np.concatenate(masks))


def _over_regions(
    figure: Callable[[tuple[int, int, int]], float],
    predicted: Sequence[ArrayLike],
    true: Sequence[ArrayLike],
    threshold: float | None,
) -> tuple[list[float], float]:
    pairs = enumerate(zip(predicted, true, strict=True))
    counts = [_counts(*_regions(one, other, threshold, f"picture {i}, ")) for i, (one, other) in pairs]
    tp, fp, fn = (sum(count[k] for count in counts) for k in range(3))
    return [figure(count) for count in counts], figure((tp, fp, fn))


def _map_and_mask(predicted: ArrayLike, true: ArrayLike, where: str = "") -> tuple[Float64Array, BoolArray]:
    """Both as float64 and bool [h, w], or the error that says why they cannot be laid over each other."""
    heat, truth = finite(predicted, f"{where}map pixel"), zero_or_one(true, f"{where}mask pixel")
    if heat.ndim != 2 or heat.shape != truth.shape:
        raise DataError(
            f"{where}map and mask must share one shape [h, w], not {heat.shape} and {truth.shape}"
        )
    outside = np.argwhere((heat < 0) | (heat > 1))
    if outside.size:
        row, column = (int(i) for i in outside[0])
        raise DataError(f"{where}map pixel {(row, column)} is {heat[row, column]}; it must be in 0..1")
    return heat, truth


def _regions(
    predicted: ArrayLike, true: ArrayLike, threshold: float | None, where: str = ""
) -> tuple[BoolArray, BoolArray]:
    """The marked and the true region, bool [h, w] each."""
    heat, truth = _map_and_mask(predicted, true, where)
    if np.asarray(predicted).dtype == np.bool_:
        if threshold is not None:
            raise DataError(f"{where}a boolean mask has been thresholded already; leave the threshold out")
        return heat == 1, truth
    if threshold is None or not 0 <= threshold <= 1:
        raise DataError(f"{where}threshold is {threshold}; a map needs one in 0..1, or give a boolean mask")
    return heat >= threshold, truth


def _counts(marked: BoolArray, truth: BoolArray) -> tuple[int, int, int]:
    """Pixels marked rightly, marked wrongly, and missed."""
    tp = int((marked & truth).sum())
    return tp, int(marked.sum()) - tp, int(truth.sum()) - tp


def _iou(counts: tuple[int, int, int]) -> float:
    return _ratio(counts[0], sum(counts))


def _f1(counts: tuple[int, int, int]) -> float:
    tp, fp, fn = counts
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _auc(heat: Float64Array, truth: BoolArray) -> float:
    return auroc(heat.ravel(), truth.ravel())


def _ap(heat: Float64Array, truth: BoolArray) -> float:
    return average_precision(heat.ravel(), truth.ravel())


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


_OF_COUNTS: dict[str, Callable[[tuple[int, int, int]], float]] = {"iou": _iou, "dice": _f1, "pixel_f1": _f1}
_OF_MAPS: dict[str, Callable[[Float64Array, BoolArray], float]] = {"pixel_auc": _auc, "pixel_ap": _ap}
