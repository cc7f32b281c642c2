"""Pages of evaluations and comparisons in chromium: under a hand, at three widths, in both themes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from doubles import HOSTILE
from reports.made_runs import comparison, entry, run, scored_set
from visq.reports.comparison_report import write_comparison_page
from visq.reports.evaluation_report import write_evaluation_page

pytestmark = pytest.mark.browser
KINDS = ("one set", "three sets", "comparison", "comparison of many")
LONG = "a-much-longer-run-name/of-2026/" * 4
Page = Any  # playwright's page; playwright is optional
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind, with pictures, long and hostile names."""
    folder = tmp_path_factory.mktemp("pages")
    ramp = np.tile(np.linspace(0, 255, 300, dtype=np.uint8), (200, 1))
    Image.fromarray(np.stack([ramp] * 3, axis=2)).save(folder / "ramp.png")
    photo = str(folder / "ramp.png")
    names = [*HOSTILE, *(f"{k}.jpg" for k in range(30))]
    plain = scored_set(600, paths=(photo,) * 600)
    wild = scored_set(len(names), name=LONG, ids=names, paths=(photo,) * 20 + ("",) * (len(names) - 20))
    hostile = scored_set(30, name=HOSTILE[0], paths=("nowhere.jpg",) * 30)
    entries = [
        entry(plain, warnings=["w" * 200]),
        entry(wild, title="t" * 200),
        entry(hostile, warnings=HOSTILE),
    ]
    entries[1]["within"][0]["parts"][0]["name"] = LONG
    many = comparison((LONG, *HOSTILE[:7]), (LONG, *HOSTILE[:2]), warnings=HOSTILE)
    two = comparison()
    for one in (two["sets"][0], many["sets"][0]):
        for shown, name in zip(one["disagreements"], HOSTILE, strict=False):
            shown |= {"id": name + "w" * 99, "path": photo}
    made = {kind: folder / f"{kind}.html" for kind in KINDS}
    write_evaluation_page(run(plain, entries=entries[:1]), made["one set"])
    write_evaluation_page(run(plain, wild, hostile, entries=entries), made["three sets"])
    write_comparison_page(two, [run(plain), run(scored_set(600, seed=1))], made["comparison"])
    write_comparison_page(many, [run(scored_set(20, seed=k)) for k in range(8)], made["comparison of many"])
    return made


@pytest.fixture
def open_page(open_file: Open, pages: dict[str, Path]) -> Open:
    """Open one of the pages by its kind."""
    return lambda kind, **look: open_file(pages[kind], **look)


def until(page: Page, expression: str) -> None:
    """Wait until something holds; the pages' policy forbids playwright's own way of waiting."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 5 s: {expression}")


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("kind", KINDS)
def test_no_sideways_scrolling_with_everything_open(open_page: Open, kind: str, width: int) -> None:
    page = open_page(kind, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_narrower_than_a_few_letters(open_page: Open, kind: str, width: int) -> None:
    """A column that is squeezed breaks words into single letters."""
    page = open_page(kind, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    words = "[...document.querySelectorAll('td, th, dd, dt, p, li, figcaption, h2, h3, h4')]"
    narrow = """.filter((element) => {
      const box = element.getBoundingClientRect();
      return element.textContent.trim().length > 6 && box.width > 0 && box.width < 24;
    }).map((element) => element.textContent.slice(0, 40))"""
    assert page.evaluate(words + narrow) == []


@pytest.mark.parametrize("kind", KINDS)
def test_text_of_plots_is_not_cut_and_does_not_overlap(open_page: Open, kind: str) -> None:
    page = open_page(kind)
    problems = page.evaluate(
        """[...document.querySelectorAll('.plot')].flatMap((plot) => {
          const frame = plot.getBoundingClientRect();
          const boxes = [...plot.querySelectorAll('svg text')]
            .map((text) => [text.textContent, text.getBoundingClientRect()]);
          const out = boxes.filter(([, b]) => b.left < frame.left || b.right > frame.right)
            .map(([text]) => 'out: ' + text);
          const over = boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
            .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
              && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
            .map(([other]) => `${one} over ${other}`));
          return [...out, ...over];
        })"""
    )
    assert problems == []


@pytest.mark.parametrize("kind", KINDS)
def test_plots_can_be_read_on_a_phone(open_page: Open, kind: str) -> None:
    page = open_page(kind, width=360)
    sizes = page.evaluate(
        "[...document.querySelectorAll('.plot svg text')].map((text) => text.getBoundingClientRect().height)"
    )
    assert sizes
    assert min(sizes) >= 9  # of a line of text, px


def luminance(colour: str) -> float:
    shares = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page: Page, selector: str, ground: str, ink: str = "color") -> float:
    """Contrast of an element with what lies behind it, by WCAG 2.2."""
    colours = [
        page.locator(where).first.evaluate(f"(element) => getComputedStyle(element)['{what}']")
        for where, what in ((selector, ink), (ground, "backgroundColor"))
    ]
    light, dark = sorted(map(luminance, colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_in_both_themes(open_page: Open, theme: str) -> None:
    page = open_page("three sets", theme=theme)
    for selector in (
        "h1",
        ".contents a",
        ".said li",
        ".table th",
        ".table .about",
        ".shot .why",
        ".facts dt",
    ):
        assert contrast(page, selector, "body") >= 4.5, selector
    for selector in (".known li", ".plot figcaption", ".plot summary"):
        assert contrast(page, selector, ".panel") >= 4.5, selector
    assert contrast(page, ".plot svg text", ".panel", "fill") >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_drawn_stands_out_in_both_themes(open_page: Open, theme: str) -> None:
    page = open_page("three sets", theme=theme)
    curve, bar = '.plot path[stroke="var(--tone-0)"]', '.plot path[fill="var(--tone-2)"]'
    assert contrast(page, curve, ".panel", "stroke") >= 3
    assert contrast(page, bar, ".panel", "fill") >= 3
    assert contrast(page, ".range .mark", "body", "fill") >= 3


def test_everything_can_be_reached_by_keyboard(open_page: Open) -> None:
    page = open_page("one set")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.lead, .contents') !== null")
    page.locator(".plot summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".plot details").first.get_attribute("open") is not None
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "numbers"
    assert page.locator(".plot .numbers").first.is_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert page.locator(".plot details").first.get_attribute("open") is None


def test_a_link_leads_to_its_set(open_page: Open) -> None:
    page = open_page("three sets")
    page.locator(".contents a").nth(1).click()
    until(page, "scrollY > 300")
    assert page.evaluate("location.hash") == "#set-1"


@pytest.mark.parametrize("kind", ["one set", "comparison"])
def test_theme_button_goes_round_and_plots_go_with_it(open_page: Open, kind: str) -> None:
    page = open_page(kind)

    def ink() -> str:
        page.locator("#theme").click()
        return str(page.locator(".plot svg text").first.evaluate("(text) => getComputedStyle(text).fill"))

    light, dark, auto = ink(), ink(), ink()
    assert light == auto != dark
    assert page.locator("#theme").text_content() == "Theme: auto"


def test_pictures_are_shown_and_a_lost_one_has_a_neutral_tile(open_page: Open) -> None:
    page = open_page("one set")
    images = page.locator(".shot img")
    assert images.count() == 24
    images.last.scroll_into_view_if_needed()
    until(page, "[...document.querySelectorAll('.shot img')].every((image) => image.naturalWidth === 256)")
    assert open_page("three sets").locator(".shot .word").first.text_content() == "no preview"


def test_failures_are_open_on_paper_and_closed_again_after(open_page: Open) -> None:
    page = open_page("one set")
    closed = "document.querySelectorAll('details.more:not([open])').length"
    before = page.evaluate(closed)
    assert before
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(closed) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) == before


@pytest.mark.parametrize("kind", ["one set", "comparison"])
def test_it_prints(open_page: Open, kind: str) -> None:
    page = open_page(kind, theme="dark")
    page.emulate_media(media="print")
    assert not page.locator("#theme").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf()[:5] == b"%PDF-"


def test_hostile_names_are_shown_and_do_nothing(open_page: Open) -> None:
    page = open_page("three sets")
    assert page.locator("h2", has_text="<script>alert(1)</script>.jpg").count() == 1
    assert page.locator(".known li", has_text="{{7*7}}{% raw %}.jpg").count() == 1
    assert page.locator("script").count() == 1
