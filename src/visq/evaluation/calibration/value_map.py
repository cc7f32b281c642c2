"""Fits the monotone map from a model's scores to opinion scores. Knows arrays: no model, no file.

An isotonic fit on single rows follows them: with few rows it is a stair of accidents. So rows are first put
into at most 20 bins of at least 25, the fit is made on the bins, and straight lines join it; beyond the outer
bins it goes on with the slope of the straight-line fit.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError
from visq.core.registry import unknown_name
from visq.metrics import fit_isotonic
from visq.readouts.calibration import ValueMap

MapKind = Literal["isotonic", "linear", "none"]

ROWS_A_BIN = 25
MAX_BINS = 20


def fit_map(kind: MapKind, scores: ArrayLike, labels: ArrayLike) -> ValueMap | None:
    """The map from scores to labels that never goes down.

    `linear` is least squares. `isotonic` puts rows of neighbouring scores into min(20, n // 25) bins of
    equal mass (equal scores share one), fits the bins' means by pooling adjacent violators, and joins the
    means of what was pooled by straight lines. Both keep the order of scores inside the scale.

    Args:
        kind: `linear`, `isotonic`, or `none`.
        scores: float [n], n >= 2, finite, the model's.
        labels: float [n], finite, on the same scale, higher is better.

    Returns:
        The map; None for `none`.

    Raises:
        UnknownName: another kind.
        DataError: the labels do not rise with the scores, or there are fewer than 50 rows for `isotonic`.

    Source:
        Ayer et al. 1955 (pooling adjacent violators); binning before it: Zadrozny and Elkan 2002.

    Example:
        >>> fit_map("linear", [1.0, 3.0], [2.0, 3.0])
        ValueMap(kind='linear', scores=(2.0,), labels=(2.5,), slope=0.5)
    """
    if kind not in get_args(MapKind):
        raise unknown_name("kind of map", kind, get_args(MapKind))
    if kind == "none":
        return None
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    slope = _slope(x, y)
    if kind == "linear":
        return ValueMap("linear", (float(x.mean()),), (float(y.mean()),), slope)
    check_rows(kind, x.size)
    n_bins = min(MAX_BINS, x.size // ROWS_A_BIN)
    smaller = np.searchsorted(np.sort(x), x, side="left")
    return _joined(x, y, n_bins * smaller // x.size, slope)


def check_rows(kind: MapKind, n: int) -> None:
    """Refuse a map on too few rows.

    Raises:
        DataError: fewer than 50 rows for `isotonic`.
    """
    if kind == "isotonic" and n < 2 * ROWS_A_BIN:
        raise DataError(
            f"{n} rows for an isotonic map, which takes {2 * ROWS_A_BIN} or more; "
            "use the linear map, or label more pictures"
        )


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Slope of the least-squares line; above 0, or there is nothing to map."""
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if x.size and spread > 0 else 0.0
    if not slope > 0:
        raise DataError(
            f"labels do not rise with the model's scores on the {x.size} rows of the map; "
            "check the label column and its scale (100..0 where lower is better)"
        )
    return slope


def _joined(
    x: NDArray[np.float64], y: NDArray[np.float64], bins: NDArray[np.int64], slope: float
) -> ValueMap:
    """Means of the bins, those out of order pooled, as knots."""
    middle = {b: float(x[bins == b].mean()) for b in np.unique(bins).tolist()}
    steps = fit_isotonic([middle[b] for b in bins.tolist()], y)
    block = np.searchsorted(steps.starts, [middle[b] for b in bins.tolist()], side="right") - 1
    knots = [float(x[block == k].mean()) for k in range(len(steps.starts))]
    return ValueMap("isotonic", tuple(knots), steps.values, slope)
