"""Plots as their SVG says: places in pixels worked out anew, nothing that a page's policy would not take."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles import HOSTILE
from visq.core.errors import MissingExtra
from visq.reports import plots
from visq.reports.figure_words import written
from visq.reports.plots import Curve, Line
from visq.reports.svg import COLOURS, draw

FRAME = (46, 44, 18, 28)  # left, bottom, right, top


def elements(svg: str, name: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(name))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in elements(svg, "text")]


def drawn(svg: str, *, stroke: str | None = None, fill: str | None = None) -> list[str]:
    """Data of the paths of a colour, ticks left out."""
    return [
        path.get("d", "")
        for path in elements(svg, "path")
        if path.get("transform") is None
        and (stroke is None or path.get("stroke") == f"var(--{stroke})")
        and (fill is None or path.get("fill") == f"var(--{fill})")
    ]


def points(data: str) -> list[tuple[float, float]]:
    numbers = [float(text) for text in re.findall(r"-?[\d.]+", data)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def in_frame(
    x: float, y: float, x_ends: tuple[float, float], y_ends: tuple[float, float]
) -> tuple[float, float]:
    """Where a value lies on a plot of 400 x 300, from its upper left corner."""
    left, bottom, right, top = FRAME
    across = (x - x_ends[0]) / (x_ends[1] - x_ends[0])
    up = (y - y_ends[0]) / (y_ends[1] - y_ends[0])
    return left + across * (400 - left - right), 300 - bottom - up * (300 - bottom - top)


def padded(low: float, high: float, share: float = 0.04) -> tuple[float, float]:
    return low - share * (high - low), high + share * (high - low)


KINDS = ("density", "points", "bars", "levels", "bins", "intervals")


def every_plot() -> dict[str, str]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1000))
    ends = np.linspace(-3, 3, 50)
    lines = [Line("a", 0.5, 0.4, 0.6), Line("b", 0.2, np.nan, np.nan, 1), Line("c", np.nan, np.nan, np.nan)]
    return {
        "density": str(
            plots.scatter(x, y, "score", "label", [Curve(ends, ends, True), Curve(ends, ends**3)])
        ),
        "points": str(plots.scatter(x[:9], y[:9], "score", "label")),
        "bars": str(plots.bars(np.linspace(0, 1, 6), [0, 3, 5, 0, 1], "label")),
        "levels": str(
            plots.levels(["bad", "good"], np.array([1, -2.0]), np.array([0.5, np.nan]), "residual")
        ),
        "bins": str(plots.reliability(ends, ends, ends - 1, ends + 1, ("a", "b"), Curve(ends, ends, True))),
        "intervals": str(plots.intervals(lines, "SRCC", written, reference=0.3, margin=0.05)),
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_plot_holds_nothing_that_a_policy_forbids_and_no_colour_of_its_own(name: str) -> None:
    svg = every_plot()[name]
    for element in ElementTree.fromstring(svg).iter():
        assert element.tag in {"svg", "path", "text"}
        assert not {"style", "id", "href", "clip-path", "class"} & set(element.keys())
    assert "#" not in svg
    assert "font-family" not in svg
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", svg)) <= set(COLOURS)


@pytest.mark.parametrize("name", KINDS)
def test_all_that_is_drawn_lies_on_the_sheet(name: str) -> None:
    svg = every_plot()[name]
    width, height = map(float, ElementTree.fromstring(svg).get("viewBox", "").split()[2:])
    for data in drawn(svg):
        for x, y in points(data):
            assert -1 <= x <= width + 1
            assert -1 <= y <= height + 1


def test_equal_plots_are_equal_bytes() -> None:
    assert every_plot() == every_plot()


def test_settings_of_the_user_change_nothing_and_stay_as_they_are() -> None:
    import matplotlib

    before = every_plot()["bars"]
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert every_plot()["bars"] == before
        assert matplotlib.rcParams["font.size"] == 40


def test_points_lie_where_their_values_say() -> None:
    x, y = np.array([1.0, 2.0, 5.0]), np.array([10.0, 80.0, 30.0])
    (data,) = drawn(str(plots.scatter(x, y, "score", "label")), stroke="tone-4")
    found = points(data)[::2]  # a point is a line to itself
    wanted = [in_frame(a, b, padded(1, 5), padded(10, 80)) for a, b in zip(x, y, strict=True)]
    assert np.allclose(found, wanted, atol=0.06)


def test_no_point_is_lost_up_to_where_a_density_begins() -> None:
    rng = np.random.default_rng(1)
    (data,) = drawn(str(plots.scatter(*rng.normal(size=(2, plots.MOST_POINTS)), "a", "b")), stroke="tone-4")
    assert data.count("M") == data.count("L") == plots.MOST_POINTS


def test_a_density_covers_the_same_cells_as_counting_by_hand() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 2000))
    svg = str(plots.scatter(x, y, "score", "label"))
    columns, rows = plots.CELLS
    cells = {
        (
            min(columns - 1, int((a - x.min()) / (x.max() - x.min()) * columns)),
            min(rows - 1, int((b - y.min()) / (y.max() - y.min()) * rows)),
        )
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    }
    boxes = [box for data in drawn(svg, fill="tone-4") for box in data.split("M")[1:]]
    assert len(boxes) == len(cells)


def test_the_fullest_cell_is_the_strongest_and_lone_pictures_the_weakest() -> None:
    x = np.concatenate([np.zeros(900), np.linspace(1, 2, 40)])
    svg = str(plots.scatter(x, x, "score", "label"))
    paths = [path for path in elements(svg, "path") if path.get("fill") == "var(--tone-4)"]
    strength = {float(path.get("opacity") or 1): path.get("d", "").count("M") for path in paths}
    assert strength[1.0] == 1
    assert strength[min(plots.STEPS)] == sum(strength.values()) - 1


def test_a_density_is_small_whatever_the_number_of_points() -> None:
    rng = np.random.default_rng(3)
    assert len(plots.scatter(*rng.normal(size=(2, 50_000)), "score", "label")) < 80_000


def test_bars_are_as_high_as_their_counts() -> None:
    (data,) = drawn(str(plots.bars(np.linspace(0, 1, 5), [2, 0, 8, 4], "label")), fill="tone-4")
    tops = [min(y for _, y in points(box)) for box in data.split("M")[1:]]
    ground = max(y for _, y in points(data))
    heights = [ground - top for top in tops]
    assert np.allclose(np.array(heights) / max(heights), [0.25, 1.0, 0.5], atol=0.01)


def test_intervals_begin_and_end_where_they_should() -> None:
    lines = [Line("a", 0.5, 0.4, 0.8), Line("b", 0.6, 0.5, 0.7)]
    svg = str(plots.intervals(lines, "SRCC", written))
    strokes = [points(data) for data in drawn(svg, stroke="tone-4")]
    low, high = padded(0.4, 0.8, 0.06)
    at = {value: 130 + (value - low) / (high - low) * 220 for value in (0.4, 0.5, 0.8)}
    assert np.allclose(strokes[0], [(at[0.4], 22), (at[0.8], 22)], atol=0.1)
    assert np.allclose(strokes[1][0], (at[0.5], 22), atol=0.1)
    assert {"a", "b", "0.500", "0.600", "SRCC"} <= set(texts(svg))


def test_a_curve_stays_inside_the_frame() -> None:
    x = np.linspace(0, 1, 1001)
    (data,) = drawn(str(plots.scatter(x, x, "a", "b", [Curve(x, 40 * x - 20)])), stroke="tone-0")
    ys = [y for _, y in points(data)]
    assert min(ys) >= FRAME[3]
    assert max(ys) <= 300 - FRAME[1]


@settings(max_examples=25)
@given(st.text(max_size=5))
def test_any_name_stands_in_a_plot_as_it_is(name: str) -> None:
    from visq.core.types import printable

    svg = str(draw(100, 100, lambda sheet: sheet.write(10, 10, name or "x")))
    (shown,) = texts(svg)
    assert shown == printable(name or "x")


@pytest.mark.parametrize("name", [*HOSTILE, "$x_2$", "\\frac{1}{2}", "two $ signs $"])
def test_hostile_names_are_text_and_cut(name: str) -> None:
    svg = str(plots.intervals([Line(name, 0.5, 0.4, 0.6)], "SRCC", written))
    shown = texts(svg)
    assert len(shown) == len(texts(str(plots.intervals([Line("a", 0.5, 0.4, 0.6)], "SRCC", written))))
    (named,) = [text for text in shown if text[:3] == name[:3].replace("\n", "\\n")[:3]]
    assert len(named) <= 17


@pytest.mark.parametrize("value", [3.0, 0.0, -7.0])
def test_one_point_and_constant_values(value: float) -> None:
    same = np.full(3, value)
    for n in (1, 3):
        svg = str(plots.scatter(same[:n], same[:n], "score", "label"))
        assert len(points(drawn(svg, stroke="tone-4")[0])) == 2 * n
    many = np.full(1000, value)
    assert drawn(str(plots.scatter(many, many, "score", "label")), fill="tone-4")


def test_values_that_do_not_exist_are_left_out() -> None:
    nan = float("nan")
    svg = str(plots.intervals([Line("a", nan, nan, nan)], "SRCC", written))
    assert not drawn(svg, stroke="tone-4")
    assert "\N{EN DASH}" in texts(svg)
    svg = str(plots.levels(["bad", "good"], np.array([nan, nan]), np.array([nan, nan]), "residual"))
    assert not drawn(svg, stroke="tone-0")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"matplotlib is not installed; run: pip install 'visq\[eval\]'"):
        plots.bars(np.array([0.0, 1.0]), [1], "label")
