"""Stretches of a scale that labels leave empty, more than chance would. Knows labels as numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SHARE_OF_GAPS = 0.9  # a gap is empty only if it is far longer than nearly all other gaps between labels
_TIMES_LONGER = 5
_EXPECTED = 20  # rows that a gap would hold at the density on its sides; Poisson: none by chance is e^-20
_LEAST_OF_RANGE = 0.05  # means of votes leave gaps of .2 % of the range beside a round number


def empty_stretches(labels: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Gaps between labels that are too long to be chance.

    A gap counts if it is five times as long as nine tenths of all gaps between different labels, takes 5 % of
    their range, and if the windows of its own length on both sides are so full that it would hold 20 rows at
    their density.

    Args:
        labels: float64 [n].

    Returns:
        Pairs of the last label below and the first above.
    """
    ordered = np.sort(labels)
    distinct = np.unique(ordered)
    if distinct.size < 10:
        return []
    lengths = np.diff(distinct)
    usual = float(np.quantile(lengths, _SHARE_OF_GAPS))
    found = []
    least = max(_TIMES_LONGER * usual, _LEAST_OF_RANGE * float(distinct[-1] - distinct[0]))
    for k in np.flatnonzero(lengths > least):
        low, high = float(distinct[k]), float(distinct[k + 1])
        length = high - low
        below = np.searchsorted(ordered, low, "right") - np.searchsorted(ordered, low - length, "left")
        above = np.searchsorted(ordered, high + length, "right") - np.searchsorted(ordered, high, "left")
        if min(below, above) >= _EXPECTED:
            found.append((low, high))
    return found
