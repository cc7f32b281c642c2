"""Logistic curves through scores, by least squares. Knows numbers only: no correlation, no data set.

Of a curve's four or five parameters only two, centre and width, are not linear: they are searched for, and
the others are solved at each step (variable projection). Rows with the same score count as one with a weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import MissingExtra

Float64Array = NDArray[np.float64]
FITS = {"logistic4": 4, "logistic5": 5}
"""The number of their parameters."""
REACH = 15.0
"""Widths by which a centre may lie outside of the scores; e^-15 of the height from being an exponential."""
WIDTHS = (1e-3, 1e2)
"""In standard deviations of the scores: nearly a step, and 1e-4 from a straight line."""
STARTS = 4
"""So many of the best places of the grid are followed."""


@dataclass(frozen=True)
class Curve:
    """A fitted curve.

    Attributes:
        explained: 0..1, share of the squares of y about its mean that the curve takes up.
        parameters: b1, b2, ... of the curve's equation, in the units of x and y.
        converged: whether the solver met its tolerance.
        at_limit: whether centre or width ended at the edge of what is searched.
    """

    explained: float
    parameters: tuple[float, ...]
    converged: bool
    at_limit: bool


def fit_logistic(x: Float64Array, y: Float64Array, fit: str, max_evaluations: int) -> Curve:
    """The best curve of a family, found from several places of a fixed grid.

    Args:
        x: float64 [n], finite, not constant.
        y: float64 [n], finite, not constant.
        fit: one of `FITS`.
        max_evaluations: how often the curve may be evaluated from each place.

    Returns:
        The curve; the same input gives the same bytes.

    Raises:
        MissingExtra: scipy is not installed.

    Source:
        Golub, Pereyra 1973, doi 10.1137/0710036. With one column beside fixed ones, what is left of y is
        y - q (q^T y), q being the column's direction, and its derivative -(q' (q^T y) + q (q'^T y)).
    """
    shapes = _Shapes(x, y, has_line=fit == "logistic5")
    tolerances = {"ftol": 1e-10, "xtol": 1e-10, "gtol": 1e-10, "max_nfev": max_evaluations}
    solve = scipy_module("scipy.optimize").least_squares
    ends = [
        solve(shapes.residual, start, jac=shapes.jacobian, bounds=shapes.bounds, **tolerances)
        for start in shapes.starts()
    ]
    best = min(ends, key=lambda end: float(end.cost))
    explained, parameters = shapes.read(best.x)
    return Curve(explained, parameters, bool(best.success), bool(np.any(best.active_mask)))


class _Shapes:
    """How well curves of each shape fit: (place of the centre 0..1, natural log of the width), x standardised.

    Vectors have an entry for each distinct score, times the root of its rows. The constant, and the line of
    five parameters, are taken out of y once and out of the curve at each step.
    """

    bounds = ([0.0, float(np.log(WIDTHS[0]))], [1.0, float(np.log(WIDTHS[1]))])

    def __init__(self, x: Float64Array, y: Float64Array, *, has_line: bool) -> None:
        self._middle, self._unit, self._mean = float(x.mean()), float(x.std()), float(y.mean())
        values, of_row, counts = np.unique(x, return_inverse=True, return_counts=True)
        self._z, self._root = (values - self._middle) / self._unit, np.sqrt(counts)
        self._quantiles = np.quantile((x - self._middle) / self._unit, np.linspace(0.05, 0.95, 10))
        centred = y - self._mean
        self._scale = float(np.sqrt(np.sum(centred**2)))
        self._y = np.bincount(of_row.reshape(-1), weights=centred) / self._root / self._scale
        columns = [self._root, self._z * self._root] if has_line else [self._root]
        self._free, self._triangle = np.linalg.qr(np.stack(columns, axis=1))  # [k, 1 or 2], [1 or 2, 1 or 2]
        self._left = self._out(self._y)
        self._expit = scipy_module("scipy.special").expit

    def starts(self) -> list[Float64Array]:
        """The best places of a grid that beat their neighbours in it, best first; [2] each."""
        grid = np.array([self._places(width) for width in np.geomspace(0.01, 10.0, 10)])  # [10, centres, 2]
        costs = np.sum([[self.residual(shape) ** 2 for shape in row] for row in grid], axis=2)
        padded = np.pad(costs, 1, constant_values=np.inf)
        n, m = costs.shape
        around = [padded[i : i + n, j : j + m] for i in range(3) for j in range(3)]
        wells = np.argwhere(costs == np.min(around, axis=0)).tolist()
        wells.sort(key=lambda at: float(costs[at[0], at[1]]))
        return [grid[i, j] for i, j in wells[:STARTS]]

    def residual(self, shape: Float64Array) -> Float64Array:
        """What the best curve of this shape leaves of y [k], over the root of y's squares."""
        direction, _, _ = self._direction(shape)
        return np.asarray(self._left - direction * np.sum(direction * self._left), dtype=np.float64)

    def jacobian(self, shape: Float64Array) -> Float64Array:
        """Derivative of `residual` by the shape [k, 2]."""
        q, norm, slopes = self._direction(shape)
        turned = (slopes - np.outer(q, q @ slopes)) / norm
        return np.asarray(-(turned * (q @ self._left) + np.outer(q, turned.T @ self._left)), dtype=np.float64)

    def read(self, shape: Float64Array) -> tuple[float, tuple[float, ...]]:
        """Share of y's squares that the best curve of this shape takes up, and its parameters."""
        centre, width = self._centre(shape), float(np.exp(shape[1]))
        rise, shift = self._rise((self._z - centre) / width)
        q, norm, _ = self._direction(shape)
        height = float(q @ self._left) / norm
        linear = np.linalg.solve(self._triangle, self._free.T @ (self._y - height * rise * self._root))
        explained = float(np.sum((self._free.T @ self._y) ** 2)) + float(q @ self._left) ** 2
        height, linear = height * self._scale, linear * self._scale
        base = self._mean + float(linear[0]) - height * shift  # where the logistic is 0
        middle, unit = self._middle + self._unit * centre, self._unit * width
        if linear.size == 1:
            return explained, (base + height, base, middle, unit)
        slope = float(linear[1]) / self._unit
        return explained, (height, 1 / unit, middle, slope, base + height / 2 - slope * self._middle)

    def _direction(self, shape: Float64Array) -> tuple[Float64Array, float, Float64Array]:
        """The curve without the free parts: its direction [k], its length, its derivative by the shape [k, 2]."""
        width, centre = np.exp(shape[1]), self._centre(shape)
        t = (self._z - centre) / width
        curve = self._out(self._rise(t)[0] * self._root)
        steep = self._expit(t) * self._expit(-t) * self._root
        by_place = -steep * (np.ptp(self._z) / width + 2 * REACH)
        by_log_width = -steep * (REACH * (2 * shape[0] - 1) + t)
        norm = float(np.sqrt(np.sum(curve**2)))
        if norm == 0:  # nothing beside the free parts: this shape explains nothing more
            return np.zeros_like(curve), 1.0, np.zeros((curve.size, 2))
        return curve / norm, norm, self._out(np.stack([by_place, by_log_width], axis=1))

    def _rise(self, t: Float64Array) -> tuple[Float64Array, float]:
        """The logistic at t, less 1 where most of it lies near 1 so that no digit is lost; and what was added."""
        return (-self._expit(-t), 1.0) if t.mean() > 0 else (self._expit(t), 0.0)

    def _centre(self, shape: Float64Array) -> float:
        reach = REACH * float(np.exp(shape[1]))
        low, high = float(self._z[0]) - reach, float(self._z[-1]) + reach
        return low + float(shape[0]) * (high - low)

    def _places(self, width: float) -> list[list[float]]:
        """Shapes of this width with their centres among the scores and some way outside."""
        z, reach = self._z, REACH * width
        outside = [z[0] - 6 * width, z[0] - 2 * width], [z[-1] + 2 * width, z[-1] + 6 * width]
        centres = np.concatenate([outside[0], self._quantiles, outside[1]])
        places = (centres - z[0] + reach) / (z[-1] - z[0] + 2 * reach)
        return [[float(place), float(np.log(width))] for place in places]

    def _out(self, columns: Float64Array) -> Float64Array:
        """Columns [k, ...] less their free parts; twice, so that none of them is left by rounding."""
        for _ in range(2):
            columns = columns - self._free @ (self._free.T @ columns)
        return np.asarray(columns, dtype=np.float64)


def scipy_module(name: str) -> Any:  # scipy has no types
    """A module of scipy, or the error that names the extra; 0.5 s, so only who asks for such a figure pays."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra("scipy", "eval") from error
