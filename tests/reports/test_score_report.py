"""The score report as text: figures, escaping, limits. Knows HTML and JSON; opens no browser."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from doubles import HOSTILE, Rows, failed, score
from visq.core.errors import InputError, UnknownName
from visq.core.scales import LEVEL_WORDS, MOS, Scale
from visq.core.types import Row, Score
from visq.reports import score_report, thumbnails, write_report


def ok(name: str, value: float, *, path: str = "nowhere.jpg", **options: object) -> Row:
    return Row(name, path, "ok", sha256="ab" * 32, scores={"quality": score(value, **options)})  # type: ignore[arg-type]


def page(tmp_path: Path, rows: Sequence[Row], *, sort: str | None = None, **options: object) -> str:
    path = tmp_path / "report.html"
    write_report(Rows(rows, **options), path, sort=sort)  # type: ignore[arg-type]
    return path.read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of each element that has an id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._in_script = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data
        else:
            self.text.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def data_of(html: str) -> tuple[dict[str, list[dict[str, object]]], list[str | None]]:
    """What the page's script reads, with the names of fields put back, and the pictures of all blocks."""
    scripts = Elements(html).scripts
    data = json.loads(scripts[0])
    data["rows"] = [dict(zip(data["row_fields"], row, strict=True)) for row in data["rows"]]
    for row in data["rows"]:
        row["scores"] = [
            score and dict(zip(data["score_fields"], score, strict=True)) for score in row["scores"]
        ]
    return data, [picture for block in scripts[1:-1] for picture in json.loads(block)]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of 600 x 300 with something in it."""
    ramp = np.linspace(0, 255, 600, dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([np.tile(ramp, (300, 1))] * 3, axis=2)).save(path)
    return path


def test_hostile_names_add_no_element_and_no_handler(tmp_path: Path) -> None:
    tame_names = [re.sub("[^/]", "x", name) for name in HOSTILE]
    tame, wild = (
        Elements(page(tmp_path, [row for name in names for row in (ok(name, 3), failed("f" + name, name))]))
        for names in (tame_names, HOSTILE)
    )
    assert [tag for tag, _ in wild.tags] == [tag for tag, _ in tame.tags]
    assert wild.count("script") == 3
    assert wild.count("img") == 0
    assert not [name for _, attributes in wild.tags for name in attributes if name.startswith("on")]


def test_hostile_names_stand_in_the_data_and_the_failures_as_they_are(tmp_path: Path) -> None:
    html = page(tmp_path, [row for name in HOSTILE for row in (ok(name, 3), failed("f" + name))])
    data, _ = data_of(html)
    assert [row["id"] for row in data["rows"]] == [each for name in HOSTILE for each in (name, "f" + name)]
    text = Elements(html).text
    assert "f<script>alert(1)</script>.jpg" in text
    assert "f{{7*7}}{% raw %}.jpg" in text
    assert "fevil\\u202egpj.exe" in text


def test_names_cannot_end_or_change_the_data_block(tmp_path: Path) -> None:
    html = page(tmp_path, [ok(name, 3) for name in HOSTILE])
    block = html.split('id="data">')[1].split("</script>")[0]
    assert block.isascii()
    assert not set("<>&") & set(block)


def test_hostile_command_is_text(tmp_path: Path) -> None:
    html = page(tmp_path, [ok("a.jpg", 3)], command="visq score '</pre><script>alert(1)</script>'")
    assert Elements(html).count("script") == 3


def test_nothing_is_fetched_from_anywhere(tmp_path: Path, photo: Path) -> None:
    html = page(tmp_path, [ok("a.jpg", 3, path=str(photo)), failed("b.jpg")])
    assert "http://" not in html
    assert "https://" not in html
    for tag, attributes in Elements(html).tags:
        assert tag not in {"iframe", "object", "embed", "base"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#")[0] == "#" or attributes["href"] == "data:,"
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in html
    assert "unsafe-inline" not in html


def test_same_table_gives_the_same_bytes(tmp_path: Path, photo: Path) -> None:
    rows = [ok(f"{k}.jpg", 1 + k / 8, path=str(photo)) for k in range(30)]
    assert page(tmp_path, rows) == page(tmp_path, rows)


def test_summary_figures(tmp_path: Path) -> None:
    html = page(tmp_path, [ok("a", 1.5), ok("b", 2.0), ok("c", 4.0), ok("d", 4.9), failed("e")])
    text = " ".join(" ".join(Elements(html).text).split())
    # By hand: mean (1.5 + 2 + 4 + 4.9) / 4, median (2 + 4) / 2.
    assert "Mean 3.10 Median 3.00 Lowest 1.50 Highest 4.90 Pictures 4" in text
    assert "4 pictures scored for quality by mini , 1 failed" in text


def test_aspects_without_a_score_stand_on_their_own_scales(tmp_path: Path) -> None:
    """One scale for all, or one each, as the identity has it."""
    rows = [failed("a.jpg")]
    for scale, ends in (("0..1,1..5", [(0, 1), (1, 5)]), ("0..100", [(0, 100), (0, 100)])):
        html = page(tmp_path, rows, aspects=("authenticity", "quality"), scale=scale)
        found = data_of(html)[0]["aspects"]
        assert [(one["low"], one["high"]) for one in found] == ends


def test_histogram_counts_every_picture_once_and_edges_belong_to_the_lower_bar(tmp_path: Path) -> None:
    html = page(tmp_path, [ok("a", 1.0), ok("b", 1.8), ok("c", 1.8000001), ok("d", 5.0)])
    bars = [attributes for tag, attributes in Elements(html).tags if "data-bin" in attributes]
    assert [(bar["data-bin"], bar["aria-label"]) for bar in bars] == [
        ("0", "1.00 to 1.20: 1 picture"),
        ("3", "1.60 to 1.80: 1 picture"),
        ("4", "1.80 to 2.00: 1 picture"),
        ("19", "4.80 to 5.00: 1 picture"),
    ]
    rows = data_of(html)[0]["rows"]
    assert [row["scores"][0]["level"] for row in rows] == [0, 0, 1, 4]  # type: ignore[index]


@pytest.mark.parametrize(
    ("scale", "value", "shown"),
    [(Scale(0, 100), 42.345, "42.3"), (Scale(0, 1), 0.4234, "0.42"), (Scale(0, 1000), 423.4, "423")],
)
def test_number_format_follows_the_scale(tmp_path: Path, scale: Scale, value: float, shown: str) -> None:
    html = page(tmp_path, [ok("a", value, scale=scale)], scale=str(scale))
    assert f"<dd>{shown}</dd>" in html
    assert data_of(html)[0]["aspects"][0]["high"] == scale.high


def test_on_a_scale_where_less_is_better_level_zero_is_the_highest_number(tmp_path: Path) -> None:
    rows = data_of(page(tmp_path, [ok("a", 95.0, scale=Scale(0, 100, "down"))]))[0]["rows"]
    assert rows[0]["scores"][0]["level"] == 0  # type: ignore[index]


def test_answers_that_look_like_numbers_keep_their_order(tmp_path: Path) -> None:
    words = [str(k) for k in range(10, 0, -1)]
    data = data_of(page(tmp_path, [ok("a", 3, words=words)]))[0]
    assert data["answer_sets"] == [words]
    assert data["rows"][0]["scores"][0]["answers"] == 0  # type: ignore[index]
    assert len(data["rows"][0]["scores"][0]["shares"]) == 10  # type: ignore[index]
    assert data["aspects"][0]["words"] == list(LEVEL_WORDS)


def test_scores_without_interval(tmp_path: Path) -> None:
    html = page(tmp_path, [ok("a", 3, half=None)])
    held = data_of(html)[0]["rows"][0]["scores"][0]  # type: ignore[index]
    assert (held["low"], held["high"]) == (None, None)
    assert "This model gives no intervals." in html


def test_a_score_that_is_no_number_in_json_is_null(tmp_path: Path) -> None:
    broken = Score(3.0, None, None, MOS, {"bad": 1.0, "good": 0.0}, float("nan"), float("inf"))
    data = data_of(page(tmp_path, [Row("a", "a", "ok", scores={"quality": broken})]))[0]
    assert data["rows"][0]["scores"][0]["spread"] is None  # type: ignore[index]
    assert data["rows"][0]["scores"][0]["outside"] is None  # type: ignore[index]


def test_all_failed(tmp_path: Path) -> None:
    html = page(tmp_path, [failed("a"), failed("b")], scale="0..100")
    text = " ".join(" ".join(Elements(html).text).split())
    assert "0 pictures scored" in text
    assert "2 failed" in text
    assert "No picture could be scored." in html
    assert data_of(html)[0]["aspects"][0]["high"] == 100


def test_empty_table(tmp_path: Path) -> None:
    html = page(tmp_path, [])
    assert "There was no picture to score." in html
    assert 'id="failures"' not in html


@pytest.mark.parametrize(("n", "is_open"), [(20, True), (21, False)])
def test_many_failures_start_closed(tmp_path: Path, n: int, is_open: bool) -> None:
    tags = Elements(page(tmp_path, [failed(f"{k}") for k in range(n)])).tags
    assert [("open" in attributes) for tag, attributes in tags if tag == "details"] == [is_open]


def test_folders_in_the_order_they_come_with_their_means(tmp_path: Path) -> None:
    rows = [ok("b/2/x.jpg", 2), ok("b/10/x.jpg", 1), ok("a/x.jpg", 4), ok("b/2/y.jpg", 3), failed("c/x.jpg")]
    folders = data_of(page(tmp_path, rows))[0]["folders"]
    assert [(folder["name"], folder["rows"]) for folder in folders] == [
        ("b/2", [0, 3]),
        ("b/10", [1]),
        ("a", [2]),
    ]
    assert folders[0]["means"] == [{"value": 2.5, "level": 1}]


def test_one_folder_is_no_comparison(tmp_path: Path) -> None:
    assert 'id="folders"' not in page(tmp_path, [ok("a/x.jpg", 2), ok("a/y.jpg", 3)])


def test_more_than_sixty_folders_are_counted(tmp_path: Path) -> None:
    html = page(tmp_path, [ok(f"{k}/x.jpg", 2) for k in range(63)])
    assert len(data_of(html)[0]["folders"]) == 60
    assert "And 3 more folders." in html


def test_thumbnails_are_small_jpegs_and_a_lost_picture_has_none(tmp_path: Path, photo: Path) -> None:
    import base64
    import io

    html = page(
        tmp_path, [ok("a", 3, path=str(photo)), failed("b"), ok("c", 3, path=str(tmp_path / "lost.jpg"))]
    )
    pictures = data_of(html)[1]
    assert pictures[1:] == [None, None]
    with Image.open(io.BytesIO(base64.b64decode(pictures[0] or ""))) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (256, 128))


def test_thumbnails_stop_at_their_limit_and_the_page_says_so(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [ok("a", 3, path=str(photo)), failed("b")] + [ok(f"{k}", 3, path=str(photo)) for k in range(30)]
    weight = len(data_of(page(tmp_path, rows[:1]))[1][0] or "")
    monkeypatch.setattr(thumbnails, "MAX_THUMBNAIL_BYTES", 3 * weight + weight // 2)
    html = page(tmp_path, rows)
    pictures = data_of(html)[1]
    assert [k for k, picture in enumerate(pictures) if picture] == [0, 2, 3]
    assert "Thumbnails shown for the first 3 pictures;" in html


@pytest.mark.parametrize(("n", "side"), [(1, 256), (1_500, 256), (1_501, 160), (10_000, 96), (99_999, 96)])
def test_the_more_pictures_the_smaller_each(n: int, side: int) -> None:
    assert thumbnails.size_of_each(n)[0] == side


def test_thumbnails_stand_in_blocks_in_the_order_of_the_rows(tmp_path: Path, photo: Path) -> None:
    rows = [failed(f"{k}") if k % 3 else ok(f"{k}", 3, path=str(photo)) for k in range(450)]
    html = page(tmp_path, rows)
    assert [k for k, picture in enumerate(data_of(html)[1]) if picture] == list(range(0, 450, 3))
    blocks = [
        attributes for tag, attributes in Elements(html).tags if attributes.get("class") == "thumbnails"
    ]
    assert [block["data-length"] for block in blocks] == ["200", "200", "200"]


def test_top_shows_the_best_and_counts_the_failures(tmp_path: Path) -> None:
    rows = [ok("a", 2), failed("b"), ok("c", 5), ok("d", 3), ok("e", 3)]
    path = tmp_path / "report.html"
    write_report(Rows(rows), path, top=2)
    html = path.read_text(encoding="utf-8")
    text = " ".join(" ".join(Elements(html).text).split())
    assert [row["id"] for row in data_of(html)[0]["rows"]] == ["c", "d"]  # of equal ones the earlier
    assert "4 pictures scored for quality by mini , 1 failed . Below are the 2 best by quality." in text
    assert "Mean 4.00" in text
    chosen = [attributes["value"] for _, attributes in Elements(html).tags if "selected" in attributes]
    assert chosen == ["best:0"]


def test_top_is_by_the_aspect_that_sorts_and_may_be_more_than_there_are(tmp_path: Path) -> None:
    def both(name: str, quality: float, aesthetics: float) -> Row:
        return Row(name, name, "ok", scores={"quality": score(quality), "aesthetics": score(aesthetics)})

    rows = [both("a", 1, 5), both("b", 5, 1)]
    path = tmp_path / "report.html"
    write_report(Rows(rows, aspects=["quality", "aesthetics"]), path, sort="aesthetics", top=1)
    assert [row["id"] for row in data_of(path.read_text())[0]["rows"]] == ["a"]
    write_report(Rows(rows, aspects=["quality", "aesthetics"]), path, top=9)
    assert [row["id"] for row in data_of(path.read_text())[0]["rows"]] == ["a", "b"]
    assert "the 2 best by quality" in path.read_text()


def test_top_where_less_is_better_takes_the_lowest(tmp_path: Path) -> None:
    rows = [ok(name, value, scale=Scale(0, 100, "down")) for name, value in (("a", 90.0), ("b", 10.0))]
    path = tmp_path / "report.html"
    write_report(Rows(rows), path, top=1)
    assert [row["id"] for row in data_of(path.read_text())[0]["rows"]] == ["b"]


def test_top_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="top must be at least 1, not 0"):
        write_report(Rows([ok("a", 3)]), tmp_path / "report.html", top=0)
    assert not list(tmp_path.iterdir())


def test_without_script_the_first_hundred_are_listed(tmp_path: Path) -> None:
    html = page(tmp_path, [ok(f"{k}.jpg", 1 + k / 40) for k in range(150)], sort="quality")
    listed = html.split("<noscript>")[2].split("</noscript>")[0]
    assert re.findall(r"<bdi>(\d+)\.jpg</bdi>", listed) == [str(k) for k in range(149, 49, -1)]
    assert "<td>4.70</td>" in listed  # 148.jpg: 1 + 148 / 40


@pytest.mark.parametrize(("sort", "chosen"), [("quality", "best:0"), ("name", "name")])
def test_first_sort(tmp_path: Path, sort: str, chosen: str) -> None:
    tags = Elements(page(tmp_path, [ok("a", 3)], sort=sort)).tags
    assert [attributes["value"] for tag, attributes in tags if "selected" in attributes] == [chosen]


def test_unknown_sort_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown sort 'qualty'; did you mean 'quality'"):
        page(tmp_path, [ok("a", 3)], sort="qualty")
    assert not list(tmp_path.iterdir())


def test_a_page_that_cannot_be_written_is_one_line_and_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_report(Rows([ok("a", 3)]), tmp_path / "missing" / "report.html")


def test_writing_leaves_no_other_file_behind(tmp_path: Path) -> None:
    page(tmp_path, [ok("a", 3)])
    page(tmp_path, [ok("b", 3)])
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_page_has_no_name_of_a_machine_and_no_time(tmp_path: Path) -> None:
    html = page(tmp_path, [ok("a", 3, path="photos/a.jpg")])
    assert str(tmp_path) not in html
    assert not re.search(r"20\d\d-\d\d-\d\d", html)


def test_constants_agree_with_the_style() -> None:
    source = Path(score_report.__file__).with_name("_style.css.j2").read_text(encoding="utf-8")
    tones = {int(tone) for tone in re.findall(r"--tone-(\d): light-dark", source)}
    assert tones == set(range(score_report.N_TONES))
