"""The page of an evaluation as text: what it says, of whatever run; escaping, limits. Opens no browser."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from doubles import HOSTILE
from html_reading import Node, read, table_rows
from reports.made_runs import entry, figure, figures, nothing_known, run, scored_set
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.evaluation.figures.measured import Settings
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.figures.set_figures import set_figures
from visq.evaluation.runs.folder import Run, read_run, write_run
from visq.metrics import plcc, plcc_fitted
from visq.reports import thumbnails
from visq.reports.evaluation_report import write_evaluation_page
from visq.reports.set_plots import logistic4

PLAIN = scored_set()


def html_of(tmp_path: Path, found: Run) -> str:
    path = tmp_path / "report.html"
    write_evaluation_page(found, path)
    return path.read_text(encoding="utf-8")


def page(tmp_path: Path, found: Run) -> Node:
    return read(html_of(tmp_path, found))


@pytest.fixture(scope="module")
def plain_html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a plain run."""
    return html_of(tmp_path_factory.mktemp("plain"), one_set())


@pytest.fixture
def plain(plain_html: str) -> Node:
    """The same, read."""
    return read(plain_html)


def one_set(scored: ScoredSet = PLAIN, **changes: Any) -> Run:
    return run(scored, entries=[entry(scored, **changes)])


def named(*names: str, **changes: Any) -> ScoredSet:
    n = len(names)
    return scored_set(n, failed=1, ids=list(names), groups=np.array(names, dtype=np.str_), **changes)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    ramp = np.linspace(0, 255, 600, dtype=np.uint8)
    Image.fromarray(np.stack([np.tile(ramp, (300, 1))] * 3, axis=2)).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


# --- what it says ----------------------------------------------------------------------------------------


def test_the_head_counts_and_marks_what_is_partial(tmp_path: Path, plain: Node) -> None:
    top = plain.one("p", class_="lead")
    assert top.text == "mini , quality: koniq, 297 of 300 labelled pictures scored. 3 failed . partial"
    whole = scored_set(failed=0)
    assert "partial" not in page(tmp_path, one_set(whole)).one("p", class_="lead").text


def test_warnings_come_before_any_figure(tmp_path: Path) -> None:
    html = html_of(tmp_path, one_set(warnings=["the model was trained on these very rows"]))
    known = read(html).one("section", class_="known")
    assert known.text == "To be known first the model was trained on these very rows"
    assert (
        html.index("trained on these very rows")
        < html.index("Scores rank the pictures")
        < html.index("<table")
    )


def test_every_figure_stands_in_the_table_with_its_interval_n_and_groups(plain: Node) -> None:
    table = plain.one("section", id="set-1").all("table", class_="compact")[0]
    head, *rows = table_rows(table)
    assert head == ["Figure", "Value", "95 % interval", "0 to 1", "n", "Groups", "How"]
    assert len(rows) == len(figures())
    assert rows[0] == [
        "SRCC rank correlation with what people said",
        "0.871",
        "[0.841, 0.901]",
        "",
        "300",
        "60",
        "percentile, 1,000 resamples",
    ]
    by_title = {row[0].split(" after")[0]: row for row in rows}
    assert by_title["PLCC, 5-parameter fit"][1] == "\N{EN DASH}"
    assert by_title["PLCC, 5-parameter fit"][6] == "the fit did not converge"
    assert by_title["PLCC, 4-parameter fit"][2] == ""


@pytest.mark.parametrize(("value", "title", "at"), [(0.5, "0 to 1", 50), (-0.5, "\N{MINUS SIGN}1 to 1", 25)])
def test_the_little_scale_shows_where_a_figure_lies(
    tmp_path: Path, value: float, title: str, at: float
) -> None:
    table = page(tmp_path, one_set(figures={"srcc": figure(value, 0.1)})).all("table", class_="compact")[0]
    assert table_rows(table)[0][3] == title
    mark, band = table.one("rect", class_="mark").attributes, table.one("rect", class_="interval").attributes
    assert float(mark["x"] or "") + 0.75 == pytest.approx(at)
    assert float(band["x"] or "") + float(band["width"] or "") / 2 == pytest.approx(at)


def test_every_plot_has_a_caption_and_its_numbers_as_a_table(plain: Node) -> None:
    found = plain
    plots = found.all("figure")
    titles = [plot.all("h3")[0].text for plot in plots]
    assert titles == [
        "Scores and labels",
        "Reliability",
        "Residuals by level",
        "Labels",
        "Scores",
        "Within generator",
        "Within group",
    ]
    for plot in plots:
        assert plot.one("figcaption").text.endswith(".")
        assert plot.all("svg")[0].attributes["aria-hidden"] == "true"
        assert len(table_rows(plot.one("table"))) > 1


def test_counts_of_histograms_add_up_to_the_rows(plain: Node) -> None:
    plots = {plot.all("h3")[0].text: plot for plot in plain.all("figure")}
    for title, n in (("Labels", 300), ("Scores", 297), ("Scores and labels", 297)):
        rows = table_rows(plots[title].one("table"))[1:]
        assert sum(int(row[1]) for row in rows) == n


def test_the_drawn_curve_is_the_fit_that_the_figure_is_of() -> None:
    rows = PLAIN.kept(PLAIN.is_scored)
    fitted = plcc_fitted(rows.scores, rows.mos, fit="logistic4")
    curve = logistic4(rows.scores, fitted.parameters)
    assert plcc(curve, rows.mos) == pytest.approx(fitted.value, abs=1e-6)
    # By hand: half-way between the ends in the middle, and no overflow far out.
    assert logistic4(np.array([-1e6, 3.0, 1e6]), (90.0, 10.0, 3.0, 0.5)).tolist() == [10.0, 50.0, 90.0]


def test_a_fit_that_did_not_converge_is_not_drawn(tmp_path: Path) -> None:
    broken = figures(plcc_logistic4=figure(None, None, parameters=[1.0, 2.0, 3.0, 4.0], converged=False))
    first = page(tmp_path, one_set(figures=broken)).all("figure")[0]
    assert "logistic" not in first.text
    assert not [path for path in first.all("path") if path.attributes.get("stroke") == "var(--tone-0)"]


def test_the_identity_is_drawn_only_where_both_scales_are_known(tmp_path: Path) -> None:
    assert "dashed line" in page(tmp_path, one_set()).all("figure")[0].text
    unknown = scored_set(label_scale=None)
    assert "dashed line" not in page(tmp_path, one_set(unknown)).all("figure")[0].text


def test_labels_that_point_down_are_said_to_be_turned(tmp_path: Path) -> None:
    down = scored_set(label_scale=Scale(0, 100, "down"))
    first = page(tmp_path, one_set(down)).all("figure")[0]
    assert "label, turned: higher is better" in [text.text for text in first.all("text")]


def test_empty_stretches_of_labels_are_said(tmp_path: Path) -> None:
    labels = entry(PLAIN)["labels"] | {"empty": [[3.5, 4.7]]}
    found = page(tmp_path, one_set(labels=labels))
    assert "None lies between 3.500 and 4.700" in found.text


def test_worst_and_most_uncertain_pictures_are_there_with_their_numbers(plain: Node) -> None:
    found = plain
    shots = found.all("li", class_="shot")
    assert len(shots) == 24
    residuals = 25 * (PLAIN.scores - 1) - PLAIN.labels
    furthest = int(np.nanargmax(np.abs(residuals)))
    assert shots[0].one("bdi", class_="name").text == str(PLAIN.ids[furthest])
    assert f"{abs(residuals[furthest]):.2f} too" in shots[0].text
    assert shots[12].one("bdi", class_="name").text == str(PLAIN.ids[int(np.nanargmax(PLAIN.spread))])


def test_failures_are_listed_with_reason_and_kind(plain: Node) -> None:
    (table,) = plain.all("table", class_="failures")
    assert table_rows(table)[1:] == [
        [f"photos/{i:05}.jpg", "truncated JPEG: 12 of 900 bytes", "truncated"] for i in (297, 298, 299)
    ]


@pytest.mark.parametrize(("n", "is_open"), [(20, True), (21, False)])
def test_many_failures_start_closed(tmp_path: Path, n: int, is_open: bool) -> None:
    found = page(tmp_path, one_set(scored_set(60, failed=n)))
    assert [("open" in part.attributes) for part in found.all("details", class_="more")] == [is_open, False]


def test_more_than_a_thousand_failures_are_counted(tmp_path: Path) -> None:
    found = page(tmp_path, one_set(scored_set(1100, failed=1080)))
    (table,) = found.all("table", class_="failures")
    assert len(table_rows(table)) == 1001
    assert "And 80 more; scores.parquet holds all." in found.text


def test_how_it_was_made(plain: Node) -> None:
    made = plain.one("section", id="made").text
    for part in (
        "3c" * 32,
        "cd" * 32,
        "koniq.csv",
        "visq evaluate koniq.csv",
        "levels",
        "23.76",
        "Seed 0",
        'sets = ["koniq"]',
    ):
        assert part in made


# --- several sets ----------------------------------------------------------------------------------------


def test_three_sets_are_summed_up_with_the_mean_first(tmp_path: Path) -> None:
    sets = [scored_set(60, name=name, seed=k) for k, name in enumerate(("koniq", "spaq", "kadid"))]
    entries = [entry(one, figures=figures(srcc=figure(0.5 + 0.1 * k))) for k, one in enumerate(sets)]
    found = page(tmp_path, run(*sets, entries=entries))
    summary = found.one("section", id="summary")
    rows = table_rows(summary.all("table")[0])
    assert [row[0].split(" unweighted")[0] for row in rows] == [
        "Set",
        "Mean of 3 sets",
        "koniq partial",
        "spaq partial",
        "kadid partial",
    ]
    assert rows[0][1:] == ["SRCC", "PLCC", "n", "Groups", "Failed"]
    assert rows[1][1:3] == ["0.870", "0.870"]
    assert [row[1] for row in rows[2:]] == [
        "0.500 [0.470, 0.530]",
        "0.600 [0.570, 0.630]",
        "0.700 [0.670, 0.730]",
    ]
    assert len(summary.all("figure")) == 2
    links = {link.attributes["href"] for link in found.all("a")}
    assert {f"#{one}" for one in ("summary", "set-1", "set-2", "set-3", "made")} <= links
    ids = {node.attributes["id"] for node in found.all() if "id" in node.attributes}
    assert {str(link)[1:] for link in links} <= ids


def test_captions_name_the_level_of_the_report(tmp_path: Path) -> None:
    settings = {"resamples": 1000, "level": 0.9, "method": "percentile", "seed": 0}
    text = page(tmp_path, run(PLAIN, settings=settings)).text
    assert "Bars are 90 % intervals." in text
    assert "95 %" not in text


def test_sets_trained_on_have_a_mean_of_their_own_and_one_without_a_value_says_why(tmp_path: Path) -> None:
    sets = [scored_set(60, name=name, seed=k) for k, name in enumerate(("koniq", "spaq", "kadid", "ava"))]
    known = {"srcc": {"value": 0.9, "n_sets": 2, "how": "Fisher z", "note": None}}
    other = {"srcc": {"value": None, "n_sets": 2, "how": "Fisher z", "note": "no Fisher z"}}
    found = page(tmp_path, run(*sets, mean=other, mean_in_domain=known))
    rows = table_rows(found.one("section", id="summary").all("table")[0])
    assert rows[1][:2] == ["Mean of 2 sets Fisher z; no Fisher z", "\N{EN DASH}"]
    assert rows[2][:2] == ["Mean of 2 sets trained on Fisher z", "0.900"]


def test_ids_are_unique_and_headings_do_not_skip_a_level(tmp_path: Path) -> None:
    for sets in ((PLAIN,), (PLAIN, scored_set(50, name="spaq"))):
        found = page(tmp_path, run(*sets))
        ids = [node.attributes["id"] for node in found.all() if "id" in node.attributes]
        assert len(ids) == len(set(ids))
        levels = [int(node.tag[1]) for node in found.all() if re.fullmatch("h[1-6]", node.tag)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_warnings_of_several_sets_name_their_set(tmp_path: Path) -> None:
    sets = [PLAIN, scored_set(50, name="spaq")]
    entries = [entry(sets[0]), entry(sets[1], warnings=["with only 10 groups, intervals are too short"])]
    known = page(tmp_path, run(*sets, entries=entries)).one("section", class_="known")
    assert "spaq: with only 10 groups" in known.text


# --- whatever the run holds ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_rows_and_none(tmp_path: Path, n: int) -> None:
    scored = scored_set(n, failed=0)
    bare = entry(
        scored, figures=figures(srcc=figure(None, note="needs 2 rows")), within=[], levels=[], reliability=[]
    )
    found = page(tmp_path, run(scored, entries=[bare]))
    assert "There is no rank correlation: needs 2 rows." in found.text
    assert len(found.all("figure")) == (3 if n else 0)


def test_all_rows_failed(tmp_path: Path) -> None:
    scored = scored_set(10, failed=10)
    bare = entry(
        scored, figures={"srcc": figure(None, note="needs 2 rows")}, within=[], levels=[], reliability=[]
    )
    found = page(tmp_path, run(scored, entries=[bare]))
    assert "0 of 10 labelled pictures scored" in found.text
    assert len(table_rows(found.all("table", class_="failures")[0])) == 11
    assert [figure.all("h3")[0].text for figure in found.all("figure")] == ["Labels"]


def test_no_set_at_all(tmp_path: Path) -> None:
    assert "There was no set to evaluate." in page(tmp_path, run()).text


def test_constant_scores_and_labels(tmp_path: Path) -> None:
    same = scored_set(
        50, failed=0, scores=np.full(50, 3.0), labels=np.full(50, 40.0), spread=np.full(50, 0.5)
    )
    found = page(tmp_path, one_set(same, reliability=[], levels=[]))
    assert "All are equal." in found.text
    assert "The model is equally sure of all pictures" in found.text


def test_every_number_may_be_null(tmp_path: Path) -> None:
    sets = [PLAIN, scored_set(40, name="spaq")]
    report = nothing_known(run(*sets).report)
    found = run(*sets, entries=report["sets"], **{k: v for k, v in report.items() if k != "sets"})
    text = page(tmp_path, found).text
    assert "None" not in text.replace("None lies", "")
    assert "nan" not in text


def test_figures_as_they_are_computed_make_a_page(tmp_path: Path) -> None:
    for scored in (PLAIN, scored_set(label_scale=None), scored_set(8, failed=7), scored_set(3, failed=0)):
        computed = set_figures(scored, None, Settings(resamples=50))
        text = page(tmp_path, run(scored, entries=[entry(scored, **computed)])).text
        assert "nan" not in text
        assert "None" not in text


def test_absent_parts_are_left_out(tmp_path: Path) -> None:
    bare = {key: entry(PLAIN)[key] for key in ("name", "n_expected", "n_scored", "n_failed", "partial")}
    found = run(PLAIN, entries=[bare], source=None, cost=None, settings=None, command=None)
    assert "297 of 300" in page(tmp_path, found).text


def test_nan_in_a_report_that_was_never_written_is_a_dash(tmp_path: Path) -> None:
    broken = figures(srcc=figure(None, note="constant") | {"value": float("nan"), "low": float("nan")})
    assert "There is no rank correlation: constant." in page(tmp_path, one_set(figures=broken)).text


def test_detection_shows_scores_of_both_labels(tmp_path: Path) -> None:
    labels = np.arange(50) % 2.0
    scored = scored_set(
        50,
        failed=0,
        labels=labels,
        scores=np.linspace(0, 1, 50),
        label_scale=Scale(0, 1),
        score_scale=Scale(0, 1),
    )
    held = {"auroc": figure(0.93), "ece": figure(0.04)}
    found = page(tmp_path, one_set(scored, figures=held, levels=[], within=[]))
    titles = [plot.all("h3")[0].text for plot in found.all("figure")]
    assert titles == ["Scores of label 0", "Scores of label 1", "Reliability", "Labels"]
    assert "tell which is which in 93 % of cases" in found.text


def test_many_parts_are_a_histogram_and_few_are_lines(plain: Node) -> None:
    plots = {plot.all("h3")[0].text: plot for plot in plain.all("figure")}
    shown = [text.text for text in plots["Within generator"].all("text")]
    assert {"generator-0", "generator-1", "generator-2"} <= set(shown)
    assert "How many parts have which." in plots["Within group"].text
    assert len(table_rows(plots["Within group"].one("table"))) == 61


# --- safety ----------------------------------------------------------------------------------------------


def test_hostile_names_add_no_element_and_no_handler(tmp_path: Path, photo: str) -> None:
    tame_names = [re.sub("[^/]", "x", name) + str(k) for k, name in enumerate(HOSTILE)]
    trees = []
    for names in (tame_names, HOSTILE):
        shown = (photo,) * len(names)
        sets = [named(*names, name=names[0], paths=shown), named(*names, name=names[1])]
        entries = [entry(one, population=names[2], warnings=[names[4]], title=names[1]) for one in sets]
        for one in entries:
            one["within"][0] |= {"column": names[0], "about": names[1]}
            one["within"][0]["parts"][0]["name"] = names[4]
            one["levels"][0]["level"] = names[1]
        source = {"kind": "model", "name": names[0], "file": names[4]}
        trees.append(
            page(tmp_path, run(*sets, entries=entries, source=source, command=names[4], aspect=names[1]))
        )
    tame, wild = trees
    assert [node.tag for node in wild.all()] == [node.tag for node in tame.all()]
    assert [list(node.attributes) for node in wild.all()] == [list(node.attributes) for node in tame.all()]
    assert len(wild.all("script")) == 1
    assert not [name for node in wild.all() for name in node.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>.jpg" in wild.text
    assert "evil\\u202egpj.exe" in wild.text
    assert "{{7*7}}{% raw %}.jpg" in wild.text


def test_nothing_is_fetched_and_only_what_the_policy_names_can_run(tmp_path: Path, photo: str) -> None:
    scored = scored_set(30, paths=(photo,) * 30)
    html = html_of(tmp_path, one_set(scored))
    assert not re.search(r"https?://", html)
    found = read(html)
    for node in found.all():
        assert node.tag not in {"iframe", "object", "embed", "base"}
        assert "style" not in node.attributes
        assert (node.attributes.get("href") or "#")[0] == "#" or node.attributes["href"] == "data:,"
        assert (node.attributes.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in html
    assert "unsafe" not in html


def test_no_name_of_a_machine_and_no_time(plain_html: str) -> None:
    html = plain_html
    assert "/tmp" not in html
    assert not re.search(r"20\d\d-\d\d-\d\d", html)
    assert "matplotlib" not in html


# --- limits ----------------------------------------------------------------------------------------------


def test_same_run_gives_the_same_bytes(tmp_path: Path, photo: str) -> None:
    found = one_set(scored_set(600, paths=(photo,) * 600))
    assert html_of(tmp_path, found) == html_of(tmp_path, found)


def test_a_run_read_back_from_disk_gives_the_page_of_the_one_in_memory(tmp_path: Path) -> None:
    scored = scored_set(60)
    found = run(scored)
    write_run(tmp_path / "mini", found.config, found.report, found.sets)
    assert html_of(tmp_path, read_run(tmp_path / "mini")) == html_of(tmp_path, found)


def test_ten_thousand_rows_make_a_small_page(tmp_path: Path, photo: str) -> None:
    n = 10_000
    html = html_of(tmp_path, one_set(scored_set(n, paths=(photo,) * n)))
    assert len(html) < 1_500_000


def test_each_picture_is_read_once_and_a_lost_one_has_a_neutral_tile(tmp_path: Path, photo: str) -> None:
    paths = tuple(photo if i % 2 else "" for i in range(40))
    found = page(tmp_path, one_set(scored_set(40, paths=paths)))
    shots = found.all("li", class_="shot")
    for shot in shots:
        alt = [image.attributes["alt"] for image in shot.all("img")]
        words = [word.text for word in shot.all("span", class_="word")]
        assert (alt, words) in (
            ([f"Preview of {shot.one('bdi', class_='name').text}"], []),
            ([], ["no preview"]),
        )
    assert any(shot.all("img") for shot in shots)


def test_previews_stop_at_their_limit_and_the_page_says_so(
    tmp_path: Path, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = []
    for k in range(40):
        several.append(str(tmp_path / f"{k}.png"))
        Path(several[-1]).write_bytes(Path(photo).read_bytes())
    (one,), _ = thumbnails.thumbnails_of_paths([photo])
    assert one is not None
    monkeypatch.setattr(thumbnails, "MAX_THUMBNAIL_BYTES", 5 * len(one) + 1)
    found = page(tmp_path, one_set(scored_set(40, paths=tuple(several))))
    n = len({image.attributes["alt"] for image in found.all("img")})
    assert n == 5
    assert "Previews are shown for the first 5 pictures" in found.text


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_evaluation_page(one_set(), tmp_path / "missing" / "report.html")


def test_writing_replaces_and_leaves_no_other_file(tmp_path: Path) -> None:
    html_of(tmp_path, one_set())
    html_of(tmp_path, one_set(replace(PLAIN, name="other")))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "other" in (tmp_path / "report.html").read_text(encoding="utf-8")
