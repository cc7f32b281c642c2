"""The score report in chromium: what it does under a hand. Knows the page only; checks no figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from doubles import HOSTILE, Rows, failed, score
from visq.core.types import Row
from visq.reports import write_report

pytestmark = pytest.mark.browser
Page = Any  # playwright's page; playwright is optional
Open = Callable[..., Page]


@pytest.fixture
def open_report(open_file: Open, tmp_path: Path) -> Open:
    """Write a report and open it from its file."""

    def look(rows: Sequence[Row], *, sort: str | None = None, **how: Any) -> Page:
        path = tmp_path / "report.html"
        named = ["quality", "aesthetics", *(name for each in rows for name in each.scores)]
        write_report(Rows(rows, aspects=list(dict.fromkeys(named))), path, sort=sort)
        return open_file(path, **how)

    return look


def row(
    name: str, quality: float, aesthetics: float, path: str = "nowhere.jpg", note: str | None = None
) -> Row:
    scores = {"quality": score(quality), "aesthetics": score(aesthetics)}
    return Row(name, path, "ok", note=note, sha256="ab" * 32, scores=scores)


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    ramp = np.tile(np.linspace(0, 255, 300, dtype=np.uint8), (200, 1))
    Image.fromarray(np.stack([ramp] * 3, axis=2)).save(tmp_path / "ramp.png")
    path = str(tmp_path / "ramp.png")
    return [
        row("original/a.jpg", 4.5, 2.0, path),
        row("original/b10.jpg", 3.0, 4.5, path, note="orientation tag is no number"),
        failed("original/broken.jpg"),
        row("blur/1/b9.jpg", 1.5, 3.0, path),
        row("blur/1/c.jpg", 2.2, 3.5, str(tmp_path / "lost.jpg")),
    ]


def names(page: Page) -> list[str]:
    return [name.split("/")[-1] for name in page.locator(".card .file").all_text_contents()]


@pytest.mark.parametrize(
    ("choice", "order"),
    [
        ("As given", ["a.jpg", "b10.jpg", "broken.jpg", "b9.jpg", "c.jpg"]),
        ("Quality, best first", ["a.jpg", "b10.jpg", "c.jpg", "b9.jpg", "broken.jpg"]),
        ("Quality, worst first", ["b9.jpg", "c.jpg", "b10.jpg", "a.jpg", "broken.jpg"]),
        ("Aesthetics, best first", ["b10.jpg", "c.jpg", "b9.jpg", "a.jpg", "broken.jpg"]),
        ("Name", ["b9.jpg", "c.jpg", "a.jpg", "b10.jpg", "broken.jpg"]),
    ],
)
def test_sorts(open_report: Open, rows: list[Row], choice: str, order: list[str]) -> None:
    page = open_report(rows)
    page.get_by_label("Sort").select_option(label=choice)
    assert names(page) == order


def test_opens_sorted_as_asked(open_report: Open, rows: list[Row]) -> None:
    assert names(open_report(rows, sort="aesthetics"))[0] == "b10.jpg"


def test_filters_by_text_level_status_and_clears_them(open_report: Open, rows: list[Row]) -> None:
    page = open_report(rows)
    page.get_by_label("Filter by name").fill("ORIGINAL b")
    assert names(page) == ["b10.jpg", "broken.jpg"]
    assert page.locator("#count").text_content() == "2 of 5 pictures"
    page.get_by_label("Status").select_option("failed")
    assert names(page) == ["broken.jpg"]
    page.get_by_text("Clear filters").click()
    page.get_by_label("Status").select_option("note")
    assert names(page) == ["b10.jpg"]
    page.get_by_text("Clear filters").click()
    page.get_by_label("Level").select_option(label="Quality: bad")
    assert names(page) == ["b9.jpg"]
    page.get_by_label("Filter by name").fill("nothing like it")
    assert page.get_by_text("No picture matches.").is_visible()
    page.get_by_text("Clear filters").click()
    assert len(names(page)) == 5


def test_a_bar_of_the_histogram_filters_and_lets_go(open_report: Open, rows: list[Row]) -> None:
    page = open_report(rows)
    bar = page.get_by_label("4.40 to 4.60: 1 picture").first
    bar.hover()
    assert page.locator(".reading").first.text_content() == "4.40 to 4.60: 1 picture"
    bar.click()
    assert page.locator(".reading").first.text_content() == "4.40 to 4.60: 1 picture, shown below"
    assert names(page) == ["a.jpg"]
    page.get_by_label("Show all score ranges again").click()
    assert len(names(page)) == 5
    assert bar.get_attribute("aria-pressed") == "false"


def test_gallery_and_detail_by_keyboard(open_report: Open, rows: list[Row]) -> None:
    page = open_report(rows)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "filter"
    page.locator(".card").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#detail h2").text_content() == "original/b10.jpg"
    page.keyboard.press("ArrowRight")
    assert page.locator("#detail").get_by_text("empty file: 0 bytes").is_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # there is none before the first
    assert page.locator("#detail h2").text_content() == "original/a.jpg"
    page.keyboard.press("Escape")
    assert not page.locator("#detail").is_visible()
    # The dialog gives the focus back a moment later, to the picture seen last.
    page.locator(".card:focus[aria-label^='original/a.jpg: quality 4.50']").wait_for()


def test_arrow_down_goes_one_row_down(open_report: Open) -> None:
    page = open_report([row(f"{k}.jpg", 3, 3) for k in range(20)])
    columns = page.evaluate("getComputedStyle(gallery).gridTemplateColumns.split(' ').length")
    page.locator(".card").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Number(document.activeElement.dataset.row)") == columns + 1


def test_detail_says_everything_about_a_picture(open_report: Open, rows: list[Row]) -> None:
    page = open_report(rows)
    page.locator(".card").nth(1).click()
    text = page.locator("#facts").inner_text()
    for part in (
        "90 % interval 2.50 to 3.50",
        "spread 0.40",
        "excellent",
        "orientation tag is no number",
        "ab" * 32,
    ):
        assert part in text
    assert "outside" not in text
    assert page.locator("#view img").get_attribute("alt") == "Preview of original/b10.jpg"


def test_thumbnails_appear_and_a_lost_picture_has_a_neutral_tile(open_report: Open, rows: list[Row]) -> None:
    page = open_report(rows)
    page.locator("#pictures").scroll_into_view_if_needed()
    page.locator(".card").last.scroll_into_view_if_needed()
    page.locator(".card img").nth(2).wait_for()
    assert page.evaluate(
        "[...document.querySelectorAll('.card img')].every((image) => image.naturalWidth === 256)"
    )
    assert page.locator(".card .word").all_text_contents() == ["failed: empty", "no preview"]


def test_a_folder_becomes_the_line_the_others_are_compared_with(open_report: Open, rows: list[Row]) -> None:
    page = open_report(rows)
    lines = page.locator("#folder-list button")
    assert lines.count() == 2
    assert not page.locator(".compared").count()
    lines.first.click()
    assert page.locator("#folder-list .change").all_text_contents() == ["", "\u22121.90"]
    page.get_by_text("Aesthetics", exact=True).nth(1).click()
    assert page.locator("#folder-list .change").all_text_contents() == ["", "±0.00"]
    lines.first.click()
    assert not page.locator(".compared").count()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_sideways_scrolling(open_report: Open, rows: list[Row], width: int) -> None:
    wild = [row(name + "w" * 200, 3, 3) for name in HOSTILE] + [failed("f" * 300, "e" * 300)]
    page = open_report([*rows, *wild], width=width)
    page.locator("#folder-list button").first.click()
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.locator(".card").nth(7).click()
    assert page.evaluate("detail.scrollWidth <= detail.clientWidth + 1")


def test_many_aspects_fit_a_phone(open_report: Open) -> None:
    words = [
        "quality",
        "aesthetics",
        "sharpness",
        "colour_harmony",
        "authenticity",
        "consistency_with_prompt",
    ]
    rows = [
        Row(f"{k}/a.jpg", "nowhere.jpg", "ok", scores={word: score(3) for word in words}) for k in range(3)
    ]
    page = open_report(rows, sort="consistency_with_prompt", width=360)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.locator(".card").first.locator(".score").count() == 4
    assert page.locator(".card").first.get_by_text("Consistency with prompt").count() == 1


def contrast(page: Page, selector: str) -> float:
    """Contrast of an element's text with the page behind it, by WCAG 2.2."""

    def luminance(text: str) -> float:
        shares = [int(part) / 255 for part in text[4:-1].split(",")[:3]]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ink = page.locator(selector).first.evaluate("(element) => getComputedStyle(element).color")
    ground = page.locator("body").evaluate("(element) => getComputedStyle(element).backgroundColor")
    light, dark = sorted([luminance(ink), luminance(ground)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("selector", ["h1", ".contents a", ".card .folder-name", ".bands span", "#count"])
def test_text_stands_out_in_both_themes(
    open_report: Open, rows: list[Row], theme: str, selector: str
) -> None:
    assert contrast(open_report(rows, theme=theme), selector) >= 4.5


def test_theme_button_goes_round(open_report: Open, rows: list[Row]) -> None:
    page = open_report(rows)

    def ground() -> str:
        page.locator("#theme").click()
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert [ground(), ground(), ground()] == ["rgb(247, 247, 245)", "rgb(22, 22, 22)", "rgb(247, 247, 245)"]
    assert page.locator("#theme").text_content() == "Theme: auto"


def test_hostile_names_are_shown_and_do_nothing(open_report: Open) -> None:
    page = open_report([row(name, 3, 3) for name in HOSTILE])
    shown = page.locator(".card").evaluate_all("(cards) => cards.map((card) => card.title)")
    assert shown[0] == "<script>alert(1)</script>.jpg"
    assert shown[3] == "two\\u000alines.jpg"
    assert shown[7] == "evil\\u202egpj.exe"
    assert shown[8] == "{{7*7}}{% raw %}.jpg"
    page.locator(".card").first.click()
    for name in HOSTILE:
        assert page.locator("#detail h2").text_content()[:3] == name[:3]
        page.keyboard.press("ArrowRight")


def test_all_failed_and_empty_tables_open(open_report: Open) -> None:
    assert names(open_report([failed("a.jpg"), failed("b.jpg")])) == ["a.jpg", "b.jpg"]
    assert names(open_report([])) == []


N_MANY = 10_000
MOST_ELEMENTS = 3_500  # of the whole page; 10,000 cards would be 200,000


@pytest.fixture
def many() -> list[Row]:
    """Quality rises by turns, so that the order of scores is not that of the rows."""
    return [row(f"{k // 250}/{k}.jpg", 1 + k * 7919 % N_MANY / 2500, 3) for k in range(N_MANY)]


def n_elements(page: Page) -> int:
    return int(page.evaluate("document.getElementsByTagName('*').length"))


def in_window(page: Page) -> list[int]:
    """Rows of the cards in the window, in the order of the page."""
    return list(
        page.evaluate(
            """[...document.querySelectorAll('.card')].filter((card) => {
                 const { top, bottom } = card.getBoundingClientRect();
                 return bottom > 0 && top < innerHeight;
               }).map((card) => Number(card.dataset.row))"""
        )
    )


def test_scrolling_meets_every_one_of_ten_thousand(open_report: Open, many: list[Row]) -> None:
    page = open_report(many)
    met, most, gaps = page.evaluate(
        """async () => {
             document.documentElement.style.scrollBehavior = "auto";
             gallery.scrollIntoView();
             const met = new Set();
             let most = 0, gaps = 0;
             for (;;) {
               await new Promise(requestAnimationFrame);
               const cards = [...document.querySelectorAll(".card")].filter((card) => {
                 const { top, bottom } = card.getBoundingClientRect();
                 return bottom > 0 && top < innerHeight;
               });
               for (const card of cards) met.add(Number(card.dataset.row));
               most = Math.max(most, document.getElementsByTagName("*").length);
               const before = scrollY;
               const inside = gallery.getBoundingClientRect().bottom > 0;
               if (inside && !cards.length) gaps++;
               scrollBy(0, 600);
               if (scrollY === before) return [[...met], most, gaps];
             }
           }"""
    )
    assert set(met) == set(range(N_MANY))
    assert most < MOST_ELEMENTS
    assert gaps == 0


def test_the_end_of_ten_thousand_and_back_by_keyboard(open_report: Open, many: list[Row]) -> None:
    page = open_report(many)
    page.locator(".card").first.focus()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.row") == str(N_MANY - 1)
    assert N_MANY - 1 in in_window(page)
    last = page.locator(".card:focus").locator("..")
    assert last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize") == str(N_MANY)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert page.locator("#place").text_content() == "9,999 of 10,000"
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.dataset.row") == "0"
    assert n_elements(page) < MOST_ELEMENTS


def test_ten_thousand_sorted_and_filtered(open_report: Open, many: list[Row]) -> None:
    page = open_report(many)
    page.get_by_label("Sort").select_option(label="Quality, best first")
    best = sorted(range(N_MANY), key=lambda k: (-many[k].scores["quality"].value, k))
    assert [int(name.removesuffix(".jpg")) for name in names(page)[:20]] == best[:20]
    page.get_by_label("Filter by name").fill("/9999.jpg")
    assert names(page) == ["9999.jpg"]
    assert page.locator("#count").text_content() == "1 of 10,000 pictures"
    page.get_by_text("Clear filters").click()
    page.locator(".card").first.focus()
    page.keyboard.press("End")
    assert page.evaluate("Number(document.activeElement.dataset.row)") == best[-1]
    page.get_by_label("Sort").select_option(label="As given")
    assert in_window(page)[:1] == [0]  # another order is looked at from its start
    assert n_elements(page) < MOST_ELEMENTS


def test_a_narrower_window_keeps_every_card_in_its_place(open_report: Open, many: list[Row]) -> None:
    page = open_report(many)
    page.locator(".card").first.focus()
    page.set_viewport_size({"width": 360, "height": 700})
    page.wait_for_function("getComputedStyle(gallery).gridTemplateColumns.split(' ').length === 2")
    page.locator(".card").first.focus()
    page.keyboard.press("End")
    assert N_MANY - 1 in in_window(page)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    tops = page.evaluate(
        "[...new Set([...document.querySelectorAll('.card')].map((c) => c.getBoundingClientRect().top))]"
    )
    steps = {round(b - a) for a, b in pairwise(tops)}
    assert len(steps) == 1  # lines are equally far apart


def test_print_shows_the_first_hundreds_and_says_so(open_report: Open, many: list[Row]) -> None:
    page = open_report(many)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".card").count() == 600
    assert page.locator("#printed").text_content() == "The first 600 of 10,000 pictures."
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert n_elements(page) < MOST_ELEMENTS
    assert not page.locator("#printed").is_visible()


def test_without_script_names_and_scores_are_listed(browser: Any, tmp_path: Path, many: list[Row]) -> None:
    path = tmp_path / "report.html"
    write_report(Rows(many, aspects=["quality", "aesthetics"]), path, sort="quality")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("#pictures tbody tr").count() == 100
    best = max(many, key=lambda each: each.scores["quality"].value)
    assert page.locator("#pictures tbody tr").first.inner_text().split() == [best.id, "5.00", "3.00"]
    assert not page.locator("#tools").is_visible()
    context.close()


def test_top_opens_with_the_best_first(open_file: Open, tmp_path: Path, many: list[Row]) -> None:
    path = tmp_path / "report.html"
    write_report(Rows(many, aspects=["quality", "aesthetics"]), path, top=12)
    page = open_file(path)
    best = sorted(range(N_MANY), key=lambda k: (-many[k].scores["quality"].value, k))[:12]
    assert names(page) == [f"{k}.jpg" for k in best]
