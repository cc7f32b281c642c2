"""The plots of evaluation pages, each from plain arrays to an SVG. Knows numbers and names; no report.

A plot is about as wide as a phone, so that its text can be read there. Many points become a density: the page
stays small, and overlapping points hide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from visq.reports.svg import COLOURS, Sheet, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float64Array = NDArray[np.float64]
Ends = tuple[float, float]

WIDTH, HEIGHT = 400, 300
MOST_POINTS = 400
"""More points than this are drawn as a density."""
CELLS = (40, 28)
N_BARS = 20
STEPS = (0.14, 0.3, 0.5, 0.75, 1.0)
"""Strength of the colour of a cell, few pictures to many."""
ROW_PX = 24
_LEFT, _BOTTOM, _RIGHT, _TOP = 46, 44, 18, 28
_NAME_PX, _VALUE_PX = 130, 50
_NAME_LENGTH = 17
_POINT_PX, _LINE_PX = 6.0, 2.0


@dataclass(frozen=True)
class Curve:
    """A line through a plot.

    Attributes:
        x: float64 [n], ascending.
        y: float64 [n].
        is_dashed: dashed and quiet, or drawn through and strong.
    """

    x: Float64Array
    y: Float64Array
    is_dashed: bool = False


@dataclass(frozen=True)
class Line:
    """A value with its interval, one line of a plot; nan where one does not exist.

    Attributes:
        name: shown at its left.
        value: the value.
        low: lower end.
        high: upper end.
        tone: 0..4, the colour.
    """

    name: str
    value: float
    low: float
    high: float
    tone: int = 4


def line_of(name: str, figure: Mapping[str, Any], tone: int = 4) -> Line:
    """A line of a plot from a figure of a report: value, low, high; None is nan."""
    value, low, high = (_nan_if_none(figure.get(key)) for key in ("value", "low", "high"))
    return Line(name, value, low, high, tone)


def _nan_if_none(value: float | None) -> float:
    return math.nan if value is None else value


def scatter(
    x: Float64Array, y: Float64Array, x_name: str, y_name: str, curves: Sequence[Curve] = ()
) -> Markup:
    """Points, or from 400 of them on their density, with curves through them.

    Args:
        x: float64 [n], n >= 1, finite.
        y: float64 [n], finite.
        x_name: what x is.
        y_name: what y is.
        curves: drawn over the points, as far as they lie within the plot.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def paint(sheet: Sheet) -> None:
        axes = _framed(sheet, x_name, y_name, _padded(x), _padded(y))
        if x.size > MOST_POINTS:
            _density(axes, x, y)
        else:
            _points(axes, x, y, COLOURS["tone-4"], alpha=0.55)
        for curve in curves:
            _curve(axes, curve)

    return draw(WIDTH, HEIGHT, paint)


def bars(
    edges: Float64Array, counts: Sequence[int], x_name: str, tone: int = 4, y_name: str = "pictures"
) -> Markup:
    """A histogram.

    Args:
        edges: float64 [n + 1], ascending.
        counts: n of them.
        x_name: what is counted.
        tone: 0..4, the colour.
        y_name: of what.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def paint(sheet: Sheet) -> None:
        from matplotlib.ticker import MaxNLocator

        high = max(max(counts, default=0), 1)
        axes = _framed(sheet, x_name, y_name, (edges[0], edges[-1]), (0.0, 1.04 * high))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        gap = 0.06 * (edges[1] - edges[0])
        boxes = [
            (low + gap, 0.0, high - gap, count)
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
            if count
        ]
        _boxes(axes, boxes, COLOURS[f"tone-{tone}"])

    return draw(WIDTH, HEIGHT - 60, paint)


def levels(names: Sequence[str], means: Float64Array, stds: Float64Array, y_name: str) -> Markup:
    """Mean and standard deviation of each level, over a line at zero.

    Args:
        names: of the levels, worst to best.
        means: float64 [k]; nan where a level has no rows.
        stds: float64 [k]; nan where a level has fewer than two.
        y_name: what is measured.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    reach = np.concatenate([means, means - stds, means + stds, [0.0]])

    def paint(sheet: Sheet) -> None:
        axes = _framed(sheet, "what people said", y_name, (-0.5, len(names) - 0.5), _padded(reach))
        axes.set_xticks(range(len(names)), [sheet.word(name, _NAME_LENGTH) for name in names])
        axes.tick_params(axis="x", length=0)
        _curve(axes, Curve(np.array([-0.5, len(names) - 0.5]), np.zeros(2), is_dashed=True))
        for k, (mean, std) in enumerate(zip(means, stds, strict=True)):
            tone = COLOURS[f"tone-{_tone(k, len(names))}"]
            if not math.isnan(std):
                _stroke(axes, [(k, mean - std), (k, mean + std)], tone)
            if not math.isnan(mean):
                _points(axes, np.array([k]), np.array([mean]), tone, size=9.0)

    return draw(WIDTH, HEIGHT, paint)


def _tone(k: int, n: int) -> int:
    return round(4 * k / max(1, n - 1))


def reliability(
    x: Float64Array, y: Float64Array, low: Float64Array, high: Float64Array, names: tuple[str, str],
    identity: Curve | None,
) -> Markup:  # fmt: skip
    """Mean label over mean score of bins, with intervals.

    Args:
        x: float64 [n], n >= 1, mean score of each bin.
        y: float64 [n], mean label.
        low: float64 [n], ends of its interval; nan where there is none.
        high: float64 [n].
        names: what x and y are.
        identity: where the points would lie if scores meant what labels say; None where that is not known.

    Raises:
        MissingExtra: matplotlib is not installed.
    """

    def paint(sheet: Sheet) -> None:
        axes = _framed(sheet, *names, _padded(x), _padded(np.concatenate([y, low, high])))
        if identity is not None:
            _curve(axes, identity)
        for at, *ends in zip(x, low, high, strict=True):
            if not any(map(math.isnan, ends)):
                _stroke(axes, [(at, ends[0]), (at, ends[1])], COLOURS["tone-4"])
        _points(axes, x, y, COLOURS["tone-4"], size=8.0)

    return draw(WIDTH, HEIGHT, paint)


def intervals(
    lines: Sequence[Line],
    x_name: str,
    form: Callable[[float], str],
    *,
    reference: float | None = None,
    margin: float | None = None,
) -> Markup:
    """Values with intervals, one below the other, each with its name and number.

    Args:
        lines: from top to bottom; one without a value is a name and a dash.
        x_name: what is measured.
        form: writes a value.
        reference: where a dashed line stands.
        margin: a band of this reach on both sides of the reference.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    height = _BOTTOM + 10 + ROW_PX * len(lines)
    numbers = [n for line in lines for n in (line.value, line.low, line.high)]
    around = [] if reference is None else [reference - (margin or 0), reference + (margin or 0)]

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(_NAME_PX, _BOTTOM, _VALUE_PX, 10)
        axes.set(xlim=_padded(np.array(numbers + around), share=0.06), ylim=(len(lines) - 0.5, -0.5))
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        _few_ticks(axes.xaxis, 5)
        sheet.write(WIDTH - _VALUE_PX, 10, x_name, ha="right")
        if reference is not None:
            _reference(axes, reference, margin, len(lines))
        for k, line in enumerate(lines):
            y = height - 10 - ROW_PX * (k + 0.5)
            name = sheet.word(line.name, _NAME_LENGTH)
            sheet.figure.text((_NAME_PX - 10) / WIDTH, y / height, name, ha="right", va="center")
            said = "\N{EN DASH}" if math.isnan(line.value) else form(line.value)
            sheet.write(WIDTH, y, said, ha="right", color=COLOURS["ink"])
            _line(axes, k, line)

    return draw(WIDTH, height, paint)


def _reference(axes: Axes, at: float, margin: float | None, n: int) -> None:
    if margin:
        _boxes(axes, [(at - margin, -0.5, at + margin, n - 0.5)], COLOURS["track"])
    _curve(axes, Curve(np.array([at, at]), np.array([-0.5, n - 0.5]), is_dashed=True))


def _line(axes: Axes, y: float, line: Line) -> None:
    tone = COLOURS[f"tone-{line.tone}"]
    if not (math.isnan(line.low) or math.isnan(line.high)):
        _stroke(axes, [(line.low, y), (line.high, y)], tone)
    if not math.isnan(line.value):
        _points(axes, np.array([line.value]), np.array([y]), tone, size=8.0)


# --- pieces ----------------------------------------------------------------------------------------------


def _framed(sheet: Sheet, x_name: str, y_name: str, x_ends: Ends, y_ends: Ends) -> Axes:
    """Axes with a name below and one above them: text that stands upright is hard to read."""
    axes = sheet.axes(_LEFT, _BOTTOM, _RIGHT, _TOP)
    axes.set(xlim=x_ends, ylim=y_ends)
    _few_ticks(axes.xaxis, 6)
    _few_ticks(axes.yaxis, 6)
    axes.tick_params(length=3)
    sheet.write(sheet.width - _RIGHT, 10, x_name, ha="right")
    sheet.write(0, sheet.height - 10, y_name)
    return axes


def _few_ticks(axis: Any, most: int) -> None:  # matplotlib's axis
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    form = ScalarFormatter(useOffset=False, useMathText=False)
    form.set_scientific(False)
    axis.set_major_formatter(form)


def _padded(values: Float64Array, share: float = 0.04) -> Ends:
    """Ends with room beside the outermost values; nan does not count."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    room = share * (high - low) or max(abs(high), 1.0) * share
    return low - room, high + room


def _density(axes: Axes, x: Float64Array, y: Float64Array) -> None:
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=CELLS)
    # Steps of equal ratio: a few pictures far out stay to be seen beside a crowd.
    bounds = np.geomspace(1.0, max(2.0, float(counts.max())), len(STEPS) + 1)[1:-1]
    step = np.where(counts > 0, np.searchsorted(bounds, counts, side="left"), -1)
    for k, strength in enumerate(STEPS):
        cells = [(x_edges[i], y_edges[j], x_edges[i + 1], y_edges[j + 1]) for i, j in np.argwhere(step == k)]
        _boxes(axes, cells, COLOURS["tone-4"], alpha=strength)


def _boxes(axes: Axes, boxes: Sequence[tuple[float, ...]], colour: str, alpha: float = 1.0) -> None:
    """Any number of boxes (left, low, right, high) as one path."""
    corners = [[(a, b), (c, b), (c, d), (a, d), (a, b)] for a, b, c, d in boxes]
    _patch(axes, corners, facecolor=colour, edgecolor="none", alpha=alpha)


def _points(
    axes: Axes, x: Float64Array, y: Float64Array, colour: str, *, size: float = _POINT_PX, alpha: float = 1.0
) -> None:
    """Any number of points as one path: lines of no length with round ends."""
    ends = [[(a, b), (a, b)] for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    _patch(axes, ends, fill=False, edgecolor=colour, linewidth=size, capstyle="round", alpha=alpha)


def _stroke(axes: Axes, ends: Sequence[tuple[float, float]], colour: str) -> None:
    _patch(axes, [ends], fill=False, edgecolor=colour, linewidth=_LINE_PX, capstyle="round")


def _curve(axes: Axes, curve: Curve) -> None:
    """As much of a curve as lies within the axes."""
    (left, right), (low, high) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    inside = (curve.x >= left) & (curve.x <= right) & (curve.y >= low) & (curve.y <= high)
    points = list(zip(curve.x[inside].tolist(), curve.y[inside].tolist(), strict=True))
    look = {"edgecolor": COLOURS["ink"], "linestyle": (0, (4, 3)), "linewidth": 1.25}
    if not curve.is_dashed:
        look = {"edgecolor": COLOURS["tone-0"], "linewidth": 2.5}
    if len(points) > 1:
        _patch(axes, [points], fill=False, **look)


def _patch(
    axes: Axes, parts: Sequence[Sequence[tuple[float, float]]], **look: Any
) -> None:  # matplotlib's words
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not parts:
        return
    closes = bool(look.get("facecolor"))
    codes = [Path.MOVETO, *[Path.LINETO] * (len(parts[0]) - 2), Path.CLOSEPOLY if closes else Path.LINETO]
    vertices = np.array([point for part in parts for point in part], dtype=np.float64)
    # The frame would cut what stands on it in two; nothing lies outside of it.
    axes.add_patch(PathPatch(Path(vertices, codes * len(parts)), clip_on=False, **look))
