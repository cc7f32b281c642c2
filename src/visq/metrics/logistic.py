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
WIDTHS = (1e-3, 30.0)
"""In standard deviations of the scores: nearly a step, and 1e-3 of its height from a straight line."""
BOUNDS = ((-1.0, 1.0), (float(np.log(WIDTHS[0])), float(np.log(WIDTHS[1]))))
"""Of a shape: place of the centre, natural log of the width."""
SPENT = 1
"""Status of scipy's L-BFGS-B where its evaluations are used up."""
LEVEL = 1e-5
"""Slope of the share of squares left, by a shape."""
NOTHING = 1e-10
"""Share of a curve's length: six digits of what is left are rounding below it."""
STARTS = 4
"""So many of the best places of the grid are followed."""


@dataclass(frozen=True)
class Curve:
    """A fitted curve.

    Attributes:
        explained: 0..1, share of the squares of y about its mean that the curve takes up.
        parameters: b1, b2, ... of the curve's equation, in the units of x and y.
        reason: why it is not the best one; empty where the solver met its tolerance.
        at_limit: whether centre or width ended at the edge of what is searched.
    """

    explained: float
    parameters: tuple[float, ...]
    reason: str
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
        r = y - q (q^T y), q being the direction of the column c, and the slope of r^T r / 2 is
        -(q^T y) c'^T r / |c|. Minimised by L-BFGS-B; Byrd, Lu, Nocedal, Zhu 1995, doi 10.1137/0916069.
    """
    shapes = _Shapes(x, y, has_line=fit == "logistic5")
    minimise = scipy_module("scipy.optimize").minimize
    options = {"ftol": 1e-14, "gtol": 1e-9, "maxfun": max_evaluations, "maxiter": max_evaluations}
    ends = [
        minimise(shapes.cost, start, jac=True, method="L-BFGS-B", bounds=BOUNDS, options=options)
        for start in shapes.starts()
    ]
    best = min(ends, key=lambda end: float(end.fun))
    explained, parameters = shapes.read(best.x)
    at_limit = any(value in bounds for value, bounds in zip(best.x.tolist(), BOUNDS, strict=True))
    return Curve(explained, parameters, _why_not(best, max_evaluations), at_limit)


def _why_not(end: Any, max_evaluations: int) -> str:  # scipy has no types
    """Why the solver did not converge; on level ground, having found nothing lower in float64, it has."""
    if end.status == SPENT:
        return f"the fit did not converge within {max_evaluations} evaluations"
    low, high = np.array(BOUNDS).T
    slope = float(np.abs(np.clip(end.x - end.jac, low, high) - end.x).max())
    return "" if end.success or slope <= LEVEL else "the fit did not converge: rounding hides the way down"


class _Shapes:
    """How well curves of each shape fit, x standardised.

    A shape is the place of the centre, -1 to 1 over the scores and REACH widths beyond, and the log of the
    width. A place counts in the spread of the scores near their middle and in ever larger steps outside, so
    that narrow and wide curves are steered alike. Vectors have an entry for each distinct score, times the
    root of its rows. The constant, and the line of five parameters, are taken out of y once and out of the
    curve at each step.
    """

    def __init__(self, x: Float64Array, y: Float64Array, *, has_line: bool) -> None:
        self._middle, self._unit, self._mean = float(x.mean()), float(x.std()), float(y.mean())
        values, of_row, counts = np.unique(x, return_inverse=True, return_counts=True)
        self._z, self._root = (values - self._middle) / self._unit, np.sqrt(counts)
        self._half = (float(self._z[0]) + float(self._z[-1])) / 2
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
        costs = np.array([[self.cost(shape)[0] for shape in row] for row in grid])
        padded = np.pad(costs, 1, constant_values=np.inf)
        n, m = costs.shape
        around = [padded[i : i + n, j : j + m] for i in range(3) for j in range(3)]
        wells = np.argwhere(costs == np.min(around, axis=0)).tolist()
        wells.sort(key=lambda at: float(costs[at[0], at[1]]))
        return [grid[i, j] for i, j in wells[:STARTS]]

    def cost(self, shape: Float64Array) -> tuple[float, Float64Array]:
        """Half the squares that the best curve of this shape leaves, as a share of y's, and its slope [2]."""
        curve, slopes = self._curve(shape)
        norm = float(np.sqrt(np.sum(curve**2)))
        if norm == 0:
            return float(np.sum(self._left**2)) / 2, np.zeros(2)
        along = float(np.sum(curve * self._left)) / norm
        left = self._left - curve * (along / norm)
        return float(np.sum(left**2)) / 2, np.asarray(-along / norm * np.sum(slopes * left[:, None], axis=0))

    def read(self, shape: Float64Array) -> tuple[float, tuple[float, ...]]:
        """Share of y's squares that the best curve of this shape takes up, and its parameters."""
        centre, width = self._centre(shape)[0], float(np.exp(shape[1]))
        rise, shift = self._rise((self._z - centre) / width)
        curve, _ = self._curve(shape)
        squares = float(np.sum(curve**2))
        height = float(np.sum(curve * self._left)) / squares if squares else 0.0
        linear = np.linalg.solve(self._triangle, self._free.T @ (self._y - height * rise * self._root))
        explained = float(np.sum((self._free.T @ self._y) ** 2)) + height**2 * squares
        height, linear = height * self._scale, linear * self._scale
        base = self._mean + float(linear[0]) - height * shift  # where the logistic is 0
        middle, unit = self._middle + self._unit * centre, self._unit * width
        if linear.size == 1:
            return explained, (base + height, base, middle, unit)
        slope = float(linear[1]) / self._unit
        return explained, (height, 1 / unit, middle, slope, base + height / 2 - slope * self._middle)

    def _curve(self, shape: Float64Array) -> tuple[Float64Array, Float64Array]:
        """The logistic without its free parts [k], and its derivative by the shape [k, 2]."""
        width = float(np.exp(shape[1]))
        centre, slopes = self._centre(shape)
        t = (self._z - centre) / width
        steep = self._expit(t) * self._expit(-t) * self._root
        by_place, by_log_width = -steep * slopes[0] / width, -steep * (slopes[1] / width + t)
        columns = np.stack([self._rise(t)[0] * self._root, by_place, by_log_width], axis=1)
        whole, columns = float(np.sum(columns[:, 0] ** 2)), self._out(columns)
        # Where the free parts can follow the curve, what is left is rounding and has no direction.
        is_left = float(np.sum(columns[:, 0] ** 2)) > NOTHING**2 * whole
        return columns[:, 0] if is_left else np.zeros(self._z.size), columns[:, 1:]

    def _rise(self, t: Float64Array) -> tuple[Float64Array, float]:
        """The logistic at t less 0, 1/2 or 1, which it lies near, so that no digit is lost; and which."""
        middle = float(t.mean())
        if abs(middle) < 1:
            return np.tanh(t / 2) / 2, 0.5
        return (-self._expit(-t), 1.0) if middle > 0 else (self._expit(t), 0.0)

    def _centre(self, shape: Float64Array) -> tuple[float, tuple[float, float]]:
        """The centre, and its derivatives by the shape."""
        span, furthest = self._span(float(np.exp(shape[1])))
        end = float(np.arcsinh(furthest))
        reach = REACH * float(np.exp(shape[1])) / span / float(np.hypot(1.0, furthest))
        centre = self._half + span * float(np.sinh(shape[0] * end))
        turned = span * float(np.cosh(shape[0] * end))
        return centre, (turned * end, turned * float(shape[0]) * reach)

    def _places(self, width: float) -> list[list[float]]:
        """Shapes of this width with their centres among the scores and some way outside."""
        low, high = float(self._z[0]), float(self._z[-1])
        outside = [low - 6 * width, low - 2 * width, high + 2 * width, high + 6 * width]
        span, furthest = self._span(width)
        centres = np.concatenate([outside[:2], self._quantiles, outside[2:]])
        places = np.arcsinh((centres - self._half) / span) / np.arcsinh(furthest)
        return [[float(place), float(np.log(width))] for place in places]

    def _span(self, width: float) -> tuple[float, float]:
        """How far the scores spread, and how far from their middle a centre may lie, in that unit."""
        span = float(np.ptp(self._z))
        return span, 0.5 + REACH * width / span

    def _out(self, columns: Float64Array) -> Float64Array:
        """Columns [k, ...] less their free parts; twice, so that none of them is left by rounding."""
        for _ in range(2):
            columns = columns - self._free @ (self._free.T @ columns)
        return np.asarray(columns, dtype=np.float64)


def scipy_module(name: str) -> Any:  # scipy has no types
    """A module of scipy, or the error that names the extra. It takes 0.5 s: only who needs it pays."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra("scipy", "eval") from error
