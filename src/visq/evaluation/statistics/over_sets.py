"""The mean of a correlation over sets. Knows arrays of correlations, no set."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOW_MEAN = "unweighted mean of Fisher z, transformed back"


def mean_of_z(r: ArrayLike) -> NDArray[np.float64]:
    """Tanh of the unweighted mean of atanh, along the first axis.

    Args:
        r: float [sets, ...], correlations.

    Returns:
        float64 [...]; nan where one is nan, or -1 or 1, which no mean of Fisher's z can hold.

    Source:
        Fisher 1921 for z; Corey, Dunlap and Burke 1998 for averaging it.

    Example:
        >>> round(float(mean_of_z([0.5, 0.9])), 4)
        0.7661
    """
    given = np.asarray(r, dtype=np.float64)
    z = np.arctanh(np.where(np.abs(given) < 1, given, np.nan))
    return np.asarray(np.tanh(z.mean(axis=0)), dtype=np.float64)
