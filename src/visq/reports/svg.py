"""From a matplotlib figure to a small SVG that takes its colours from the page. Knows no data and no page.

What matplotlib writes cannot stand in a page as it is: its colours are fixed, its style attributes are what a
content security policy forbids, and text of users would be measured, and read as formulas, by a library with
one font. So a drawing uses the colours of COLOURS and stand-ins for text, and both are replaced afterwards.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from visq.core.errors import MissingExtra
from visq.core.types import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    name: f"#0{i:x}0{i:x}0{i:x}"
    for i, name in enumerate(
        (
            "ink",
            "quiet",
            "line",
            "track",
            "surface",
            "focus",
            "tone-0",
            "tone-1",
            "tone-2",
            "tone-3",
            "tone-4",
        ),
        start=1,
    )
}
"""Colours of a drawing, as matplotlib is told them, by the name of the page's variable that replaces them."""

TEXT_PX, SMALL_PX = 12.5, 12.0
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_LOCK = threading.Lock()  # matplotlib's settings are one for the whole process

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "visq",
    "path.simplify": False,  # it would merge points
    "text.color": COLOURS["ink"],
    "font.size": TEXT_PX,
    "axes.edgecolor": COLOURS["quiet"],
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": COLOURS["quiet"],
    "ytick.color": COLOURS["quiet"],
    "xtick.labelcolor": COLOURS["quiet"],
    "ytick.labelcolor": COLOURS["quiet"],
    "xtick.labelsize": SMALL_PX,
    "ytick.labelsize": SMALL_PX,
}
_KEPT = ("fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-dasharray")
_KEPT_TOO = ("opacity", "fill-opacity", "stroke-opacity", "text-anchor")
_NUMBER = re.compile(r"-?\d+\.\d+")
_SIZE = re.compile(r"([\d.]+)px")


@dataclass
class Sheet:
    """A drawing under way, measured in pixels from its lower left corner.

    Attributes:
        figure: matplotlib's.
        width: px.
        height: px.
        words: stand-in -> the text that takes its place.
    """

    figure: Figure
    width: float
    height: float
    words: dict[str, str] = field(default_factory=dict)

    def axes(self, left: float, bottom: float, right: float, top: float) -> Axes:
        """Axes whose frame keeps these distances from the edges, px."""
        w, h = self.width, self.height
        place = (left / w, bottom / h, (w - left - right) / w, (h - bottom - top) / h)
        found = self.figure.add_axes(place)
        found.set_facecolor("none")
        return found

    def word(self, text: str, most: int = 60) -> str:
        """A stand-in for text of any kind, which is cut after `most` characters."""
        shown = printable(text)
        stand_in = f"word{len(self.words)}"
        self.words[stand_in] = shown if len(shown) <= most else shown[: most - 1] + _ELLIPSIS
        return stand_in

    def write(self, x: float, y: float, text: str, **options: Any) -> None:  # matplotlib's text options
        """Text at a place of the sheet, px."""
        look: dict[str, Any] = {"va": "center", "color": COLOURS["quiet"], "fontsize": SMALL_PX} | options
        self.figure.text(x / self.width, y / self.height, self.word(text), **look)


def draw(width: float, height: float, paint: Callable[[Sheet], None]) -> Markup:
    """Draw, and give the SVG for a page.

    Args:
        width: px, of the drawing; the page may show it larger or smaller.
        height: px.
        paint: does the drawing, in colours of COLOURS only.

    Returns:
        An `svg` element without size, style attributes, ids or links to elsewhere; hidden from who has the
        page read aloud, for whom it has words. Equal drawings give equal bytes.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib import style
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "eval") from error
    text = io.StringIO()
    with _LOCK, style.context(["default", _STYLE]):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        sheet = Sheet(figure, width, height)
        paint(sheet)
        figure.savefig(text, format="svg", metadata={"Date": None})
    return _cleaned(text.getvalue(), sheet)


# --- what matplotlib wrote, as a page can hold it ------------------------------------------------------


def _cleaned(text: str, sheet: Sheet) -> Markup:
    root = ElementTree.fromstring(text)
    shared = {mark.get("id", ""): mark for mark in root.iter() if mark.get("id")}
    parts = [part for element in root if _name(element) == "g" for part in _parts(element, sheet, shared)]
    head = f'<svg viewBox="0 0 {sheet.width:g} {sheet.height:g}" aria-hidden="true" focusable="false">'
    return Markup(f"{head}{''.join(parts)}</svg>")  # every value in it is escaped by _element


def _parts(element: ElementTree.Element, sheet: Sheet, shared: dict[str, ElementTree.Element]) -> list[str]:
    """The drawn elements, one after another; groups, which only name things, are left out."""
    name = _name(element)
    if name == "path":
        return [_path(element)]
    if name == "use":
        return [_used(element, shared)]
    if name == "text":
        return [_text(element, sheet)]
    if name == "g":
        return [part for child in element for part in _parts(child, sheet, shared)]
    return []


def _path(element: ElementTree.Element) -> str:
    return _element("path", {"d": _short(element.get("d", ""))} | _look(element))


def _used(element: ElementTree.Element, shared: dict[str, ElementTree.Element]) -> str:
    """A mark in its place. It is written out: an id would have to be unique in the whole page."""
    mark = shared[next(value for key, value in element.items() if key.endswith("href")).lstrip("#")]
    place = f"translate({_short(element.get('x', '0'))} {_short(element.get('y', '0'))})"
    return _element(
        "path", {"d": _short(mark.get("d", "")), "transform": place} | _look(mark) | _look(element)
    )


def _text(element: ElementTree.Element, sheet: Sheet) -> str:
    style = _style(element)
    size = _SIZE.search(style.get("font-size", style.get("font", "")))
    place = {"x": _short(element.get("x", "0")), "y": _short(element.get("y", "0"))}
    look = {"font-size": size.group(1) if size else f"{TEXT_PX:g}"} | _look(element)
    shown = element.text or ""
    return _element("text", place | look, sheet.words.get(shown, shown))


def _element(name: str, attributes: dict[str, str], text: str | None = None) -> str:
    made = Markup(" ").join(Markup('{}="{}"').format(key, value) for key, value in attributes.items())
    if text is None:
        return f"<{name} {made}/>"
    return f"<{name} {made}>{Markup.escape(text)}</{name}>"


def _look(element: ElementTree.Element) -> dict[str, str]:
    """Style as attributes, which a content security policy allows; colours as the page names them."""
    style = _style(element)
    if style.get("stroke-width") and "stroke" not in style:
        del style["stroke-width"]
    return {key: _colour(style[key]) for key in (*_KEPT, *_KEPT_TOO) if key in style}


def _style(element: ElementTree.Element) -> dict[str, str]:
    pairs = (part.partition(":") for part in element.get("style", "").split(";") if ":" in part)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _colour(value: str) -> str:
    return _VARIABLES.get(value, value)


_VARIABLES = {code: f"var(--{name})" for name, code in COLOURS.items()}


def _short(text: str) -> str:
    """Coordinates to a tenth of a pixel, on one line."""
    rounded = _NUMBER.sub(lambda found: f"{float(found.group()):.1f}".removesuffix(".0"), text)
    return " ".join(rounded.split())


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
