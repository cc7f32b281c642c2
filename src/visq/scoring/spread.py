"""Tells a run whose scores are nearly all equal. Knows a table's rows, or an array; no model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from visq.scoring.table import Table

_FEWEST = 20  # of fewer pictures equal scores prove nothing
_SHARE = 0.005  # of the scale's length


def almost_equal_scores(table: Table) -> list[str]:
    """Aspects whose scores have a standard deviation under half a percent of the scale, over 20 rows or more.

    Whole runs have given one score, and nobody noticed (IceClear/CLIP-IQA#16). One pass, constant memory
    (Welford 1962).
    """
    n = 0
    mean = dict.fromkeys(table.aspects, 0.0)
    squares = dict.fromkeys(table.aspects, 0.0)
    span = 1.0
    for row in table.rows:
        if row.status == "failed":
            continue
        n += 1
        for aspect, score in row.scores.items():
            span = score.scale.high - score.scale.low
            step = score.value - mean[aspect]
            mean[aspect] += step / n
            squares[aspect] += step * (score.value - mean[aspect])
    if n < _FEWEST:
        return []
    return [aspect for aspect in table.aspects if math.sqrt(squares[aspect] / n) < _SHARE * span]


def is_almost_equal(scores: NDArray[np.float64], span: float | None) -> bool:
    """Whether scores have a standard deviation under half a percent of the scale, over 20 rows or more.

    Args:
        scores: float64 [n], finite.
        span: length of their scale; None where it is not known, and then only equal scores are told.

    Example:
        >>> is_almost_equal(np.full(20, 3.0), None), is_almost_equal(np.linspace(1, 5, 20), 4.0)
        (True, False)
    """
    if scores.size < _FEWEST:
        return False
    return bool(scores.min() == scores.max() if span is None else scores.std() < _SHARE * span)
