"""Ridge regression in closed form on standardised features. Knows arrays: no picture, no aspect, no fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """A linear function of raw features: the standardisation is folded into it.

    Attributes:
        weights: float64 [d].
        bias: value where all features are zero.
    """

    weights: Float64Array
    bias: float

    def __call__(self, features: ArrayLike) -> Float64Array:
        """float64 [n]: values for features [n, d]."""
        return np.asarray(np.asarray(features, dtype=np.float64) @ self.weights + self.bias)


def fit_ridge(features: ArrayLike, targets: ArrayLike, strength: float) -> Linear:
    """Least squares with a penalty on standardised features; the mean is not penalised.

    Features are standardised by their mean and population standard deviation on these rows; one that is
    constant here tells nothing and gets weight 0.

    Args:
        features: float [n, d], n >= 1.
        targets: float [n].
        strength: > 0, penalty on the squared weights of the standardised features.

    Returns:
        The function of raw features.

    Source:
        w = (Z'Z + s I)^-1 Z'y (Hoerl and Kennard 1970); where n < d by its other form
        w = Z'(ZZ' + s I)^-1 y, which needs an n x n matrix only.

    Example:
        >>> fit_ridge([[0.0], [2.0]], [1.0, 3.0], strength=2.0)
        Linear(weights=array([0.5]), bias=1.5)
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0)
    varies = x.min(axis=0) < x.max(axis=0)  # the std of equal numbers may be rounded to more than 0
    inverse = np.divide(1.0, std, out=np.zeros_like(std), where=varies)
    z, off = (x - mean) * inverse, y - y.mean()
    n, d = z.shape
    if n < d:
        weights = z.T @ np.linalg.solve(z @ z.T + strength * np.eye(n), off)
    else:
        weights = np.linalg.solve(z.T @ z + strength * np.eye(d), z.T @ off)
    weights = weights * inverse
    return Linear(weights, float(y.mean() - mean @ weights))
