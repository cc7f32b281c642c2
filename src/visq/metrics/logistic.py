"""Logistic curves through scores, by least squares. Knows numbers only: no correlation, no data set.

Of a curve's four or five parameters only two, centre and width, are not linear: they are searched for, and
the others are solved at each step (variable projection). Rows with the same score count as one with a weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
FITS = {"logistic4": 4, "logistic5": 5}
"""The number of their parameters."""
REACH = 15.0
"""Widths by which a centre may lie outside of the scores; e^-15 of the height from being an exponential."""
WIDTHS = (1e-3, 30.0)
"""In standard deviations of the scores: nearly a step, and 1e-3 of its height from a straight line."""
BOUNDS = ((-1.0, 1.0), (float(np.log(WIDTHS[0])), float(np.log(WIDTHS[1]))))
"""Of a shape: place of the centre, natural log of the width."""
LOW, HIGH = np.array(BOUNDS).T
DELTA = 1e-5
"""Step of a difference; the slope has some nine digits more than it takes."""
FLAT, LEVEL, LITTLE = 1e-10, 1e-5, 1e-12
"""Of y's squares: the slope that ends a descent; the slope at which a step may, that gains little."""
HIGHEST = 1e12
"""Damping at which a step changes nothing."""
NOTHING = 1e-10
"""Share of a curve's length: six digits of what is left are rounding below it."""
STARTS = 6
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

    Source:
        Golub, Pereyra 1973, doi 10.1137/0710036. With one column beside fixed ones, what is left of y is
        r = y - q (q^T y), q being the direction of the column c, and the slope of r^T r / 2 is
        -(q^T y) c'^T r / |c|. Minimised by Newton steps, damped as by Levenberg 1944.
    """
    shapes = _Shapes(x, y, has_line=fit == "logistic5")
    ends = [_descend(shapes, start, max_evaluations) for start in shapes.starts()]
    shape, _, reason = min(ends, key=lambda end: end[1])
    explained, parameters = shapes.read(shape)
    inside = WIDTHS[0] * 2 < np.exp(shape[1]) < WIDTHS[1] / 2 and shapes.beyond(shape) < REACH / 2
    return Curve(explained, parameters, reason, not inside)


def _descend(shapes: _Shapes, start: Float64Array, max_evaluations: int) -> tuple[Float64Array, float, str]:
    """Downhill from a shape within its bounds: where it ends, the cost there, and why it is not the bottom.

    Scipy's own solver calls BLAS for its two numbers, whose threads wait for one another on a busy machine.
    """
    shape, damping, n = start, 1e-3, 1
    here, slope = shapes.cost(shape)
    while n + 3 <= max_evaluations:
        held = ((shape <= LOW) & (slope > 0)) | ((shape >= HIGH) & (slope < 0))
        unit = shapes.unit(shape)
        steep = float(np.abs((slope * unit)[~held]).max(initial=0.0))
        if steep <= FLAT:
            return shape, here, ""
        bend = _bend(shapes, shape, slope, unit)
        bend[held], bend[:, held] = 0.0, 0.0
        step = np.clip(shape - unit * _solved(bend, np.where(held, 0.0, slope * unit), damping), LOW, HIGH)
        there, new_slope = shapes.cost(step)
        n += 3
        if there < here:
            shape, slope, gained, here = step, new_slope, here - there, there
            damping = max(damping / 10, 1e-9)
        else:
            gained, damping = 0.0, damping * 10
        if 0 < gained < LITTLE and steep <= LEVEL:
            return shape, here, ""
        if damping > HIGHEST:
            return shape, here, "" if steep <= LEVEL else "the fit did not converge: rounding hides the way"
    return shape, here, f"the fit did not converge within {max_evaluations} evaluations"


def _bend(shapes: _Shapes, shape: Float64Array, slope: Float64Array, unit: Float64Array) -> Float64Array:
    """Second derivatives [2, 2] in the units given, by differences of the slope."""
    steps = np.where(shape + DELTA * unit > HIGH, -DELTA, DELTA) * unit
    columns = [(shapes.cost(shape + step)[1] - slope) / step.sum() for step in np.diag(steps)]
    bend = np.stack(columns) * np.outer(unit, unit)
    return np.asarray((bend + bend.T) / 2, dtype=np.float64)


def _solved(bend: Float64Array, slope: Float64Array, damping: float) -> Float64Array:
    """The Newton step less its sign, with so much added to the bend that it goes down."""
    (a, b), (_, c) = bend.tolist()
    lowest = (a + c) / 2 - float(np.hypot((a - c) / 2, b))
    more = damping * max(1.0, abs(a), abs(c)) + max(0.0, -2 * lowest)
    a, c = a + more, c + more
    u, v = slope.tolist()
    return np.asarray(np.array([c * u - b * v, a * v - b * u]) / float(a * c - b * b))


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
        self._quantiles = np.quantile((x - self._middle) / self._unit, np.linspace(0.025, 0.975, 20))
        centred = y - self._mean
        self._scale = float(np.sqrt(np.sum(centred**2)))
        self._y = np.bincount(of_row.reshape(-1), weights=centred) / self._root / self._scale
        columns = [self._root, self._z * self._root] if has_line else [self._root]
        self._free, self._triangle = np.linalg.qr(np.stack(columns, axis=1))  # [k, 1 or 2], [1 or 2, 1 or 2]
        self._left = self._out(self._y)

    def starts(self) -> list[Float64Array]:
        """The best places of a grid that beat their neighbours in it, best first; [2] each."""
        grid = np.array([self._places(width) for width in np.geomspace(0.01, 10.0, 10)])  # [10, centres, 2]
        costs = np.array([[self.cost(shape)[0] for shape in row] for row in grid])
        padded = np.pad(costs, 1, constant_values=np.inf)
        n, m = costs.shape
        around = [padded[i : i + n, j : j + m] for i in range(3) for j in range(3)]
        wells = np.argwhere(costs == np.min(around, axis=0)).tolist()
        wells.sort(key=lambda at: float(costs[at[0], at[1]]))
        return [*(grid[i, j] for i, j in wells[:STARTS]), *self._steps()]

    def _steps(self) -> list[Float64Array]:
        """The best two steps between neighbouring scores, which a grid would miss, as narrow curves."""
        after = np.cumsum((self._free * self._root[:, None])[::-1], axis=0)[::-1][1:]  # [k - 1, free parts]
        weight = np.cumsum((self._root**2)[::-1])[::-1][1:]
        along = np.cumsum((self._left * self._root)[::-1])[::-1][1:]
        squares = weight - np.sum(after**2, axis=1)
        gains = np.zeros(along.size)
        np.divide(along**2, squares, out=gains, where=squares > NOTHING * weight)
        gaps = np.diff(self._z)
        widths = np.clip(gaps / 4, WIDTHS[0], WIDTHS[1])
        best = np.argsort(-gains, kind="stable")[:2]
        return [self._shape(float(self._z[i] + gaps[i] / 2), float(widths[i])) for i in best]

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
        linear = np.linalg.solve(self._triangle, self._along(self._y - height * rise * self._root))
        explained = float(np.sum(self._along(self._y) ** 2)) + height**2 * squares
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
        steep = _expit(t) * _expit(-t) * self._root
        by_place, by_log_width = -steep * slopes[0] / width, -steep * (slopes[1] / width + t)
        columns = np.stack([self._rise(t)[0] * self._root, by_place, by_log_width], axis=1)
        whole, columns = float(np.sum(columns[:, 0] ** 2)), self._out(columns)
        # Where the free parts can follow the curve, what is left is rounding and has no direction.
        is_left = float(np.sum(columns[:, 0] ** 2)) > NOTHING**2 * whole
        return columns[:, 0] if is_left else np.zeros(self._z.size), columns[:, 1:]

    def unit(self, shape: Float64Array) -> Float64Array:
        """Steps of one width for the centre, of one e-fold for the width, in terms of the shape."""
        return np.array([float(np.exp(shape[1])) / self._centre(shape)[1][0], 1.0])

    def beyond(self, shape: Float64Array) -> float:
        """How many widths the centre lies outside of the scores; negative inside."""
        centre, width = self._centre(shape)[0], float(np.exp(shape[1]))
        return (abs(centre - self._half) - float(np.ptp(self._z)) / 2) / width

    def _rise(self, t: Float64Array) -> tuple[Float64Array, float]:
        """The logistic at t less 0, 1/2 or 1, which it lies near, so that no digit is lost; and which."""
        middle = float(t.mean())
        if abs(middle) < 1:
            return np.tanh(t / 2) / 2, 0.5
        return (-_expit(-t), 1.0) if middle > 0 else (_expit(t), 0.0)

    def _centre(self, shape: Float64Array) -> tuple[float, tuple[float, float]]:
        """The centre, and its derivatives by the shape."""
        span, furthest = self._span(float(np.exp(shape[1])))
        end = float(np.arcsinh(furthest))
        reach = REACH * float(np.exp(shape[1])) / span / float(np.hypot(1.0, furthest))
        centre = self._half + span * float(np.sinh(shape[0] * end))
        turned = span * float(np.cosh(shape[0] * end))
        return centre, (turned * end, turned * float(shape[0]) * reach)

    def _places(self, width: float) -> list[Float64Array]:
        """Shapes of this width with their centres among the scores and some way outside."""
        low, high = float(self._z[0]), float(self._z[-1])
        outside = [low - 6 * width, low - 2 * width, high + 2 * width, high + 6 * width]
        return [self._shape(centre, width) for centre in [*outside[:2], *self._quantiles, *outside[2:]]]

    def _shape(self, centre: float, width: float) -> Float64Array:
        span, furthest = self._span(width)
        place = np.arcsinh((centre - self._half) / span) / np.arcsinh(furthest)
        return np.asarray(np.clip([place, np.log(width)], LOW, HIGH), dtype=np.float64)

    def _span(self, width: float) -> tuple[float, float]:
        """How far the scores spread, and how far from their middle a centre may lie, in that unit."""
        span = float(np.ptp(self._z))
        return span, 0.5 + REACH * width / span

    def _along(self, columns: Float64Array) -> Float64Array:
        """Columns [k, ...] as parts of the free directions [1 or 2, ...].

        Not by BLAS, whose last digits depend on how many threads share the work.
        """
        return np.asarray(np.einsum("kf,k...->f...", self._free, columns), dtype=np.float64)

    def _out(self, columns: Float64Array) -> Float64Array:
        """Columns [k, ...] less their free parts; twice, so that none of them is left by rounding."""
        for _ in range(2):
            columns = columns - np.einsum("kf,f...->k...", self._free, self._along(columns))
        return np.asarray(columns, dtype=np.float64)


def _expit(t: Float64Array) -> Float64Array:
    """The logistic 1 / (1 + e^-t); what is too small for float64 is 0."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-t)), dtype=np.float64)
