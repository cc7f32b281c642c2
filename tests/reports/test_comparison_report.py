"""The page of a comparison as text: verdicts first, tables, pictures; escaping and gaps. Opens no browser."""

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
from reports.made_runs import common_set, comparison, nothing_known, pair_test, run, scored_set
from visq.core.scales import Scale
from visq.evaluation.comparison.compare import compare_runs
from visq.evaluation.comparison.tables import columns_of
from visq.evaluation.runs.folder import Run
from visq.reports.comparison_report import write_comparison_page

TWO = ("mini", "niqe")
DASH = "\N{EN DASH}"


def html_of(tmp_path: Path, found: dict[str, Any], runs: list[Run] | None = None) -> str:
    path = tmp_path / "comparison.html"
    held = [run(scored_set(60, seed=k)) for k in range(len(found["runs"]))] if runs is None else runs
    write_comparison_page(found, held, path)
    return path.read_text(encoding="utf-8")


def page(tmp_path: Path, found: dict[str, Any], runs: list[Run] | None = None) -> Node:
    return read(html_of(tmp_path, found, runs))


def table_in(found: Node, section: str, k: int = 0) -> list[list[str]]:
    return table_rows(found.one("section", id=section).all("table", class_="table")[k])


def with_test(**changes: Any) -> dict[str, Any]:
    """A comparison whose only SRCC test is this one."""
    found = comparison()
    found["sets"][0]["pairs"][0]["srcc"] = pair_test(changes.pop("difference", 0.2), **changes)
    return found


def test_the_verdict_stands_before_everything_else(tmp_path: Path) -> None:
    html = html_of(tmp_path, comparison(warnings=["runtime differs"]))
    found = read(html)
    lines = [line.text for line in found.one("section", id="verdict").all("li")]
    assert lines[0] == (
        "SRCC, mini against niqe: n = 297: .871 and .671 differ (p .001); difference +0.200 [+0.150, +0.250]."
    )
    assert html.index("mini against niqe") < html.index("runtime differs") < html.index("<table")


def test_what_holds_of_the_margin_is_said(tmp_path: Path) -> None:
    def line(**changes: Any) -> str:
        held = {
            "margin": 0.005,
            "no_worse": False,
            "b_no_worse": False,
            "equivalent": False,
            "low": None,
            "high": None,
        }
        found = with_test(difference=0.001, p=0.7, equivalence=held | changes)
        return page(tmp_path, found).one("section", id="verdict").all("li")[0].text

    assert line(equivalent=True).endswith("Equivalent within 0.005.")
    assert line(no_worse=True).endswith("mini is no more than 0.005 worse than niqe.")
    assert line(b_no_worse=True).endswith("niqe is no more than 0.005 worse than mini.")
    assert line().endswith("0.040 is the smallest difference likely to show here.")


def test_figures_stand_in_a_table_for_each_statistic_and_the_best_are_bold(tmp_path: Path) -> None:
    found = page(tmp_path, comparison())
    assert table_in(found, "figures") == [
        ["Set", "mini", "niqe"],
        ["koniq n = 297", "0.870 [0.840, 0.900]", "0.670 [0.640, 0.700]"],
    ]
    tables = found.one("section", id="figures").all("table")
    bold = [[cell.text[:5] for cell in table.all("td", class_="strong")] for table in tables]
    # SRCC differs at p = .001; PLCC at p = .6 does not, so both may be the best.
    assert bold == [["0.870"], ["0.880", "0.680"]]


def test_a_run_that_was_trained_on_the_set_is_marked_and_never_the_best(tmp_path: Path) -> None:
    found = comparison(("mini", "niqe", "onealign"))
    found["sets"][0]["trained_on"]["mini"] = "KonIQ-10k"
    table = page(tmp_path, found).one("section", id="figures").all("table")[0]
    assert table_rows(table)[1][1].endswith("trained on it")
    assert [cell.text[:5] for cell in table.all("td", class_="strong")] == ["0.670"]


def test_of_runs_trained_on_the_set_the_best_are_those_of_the_markdown(tmp_path: Path) -> None:
    found = comparison(("mini", "niqe", "onealign"))
    found["sets"][0]["trained_on"] |= dict.fromkeys(("mini", "onealign"), "KonIQ-10k")
    shown = page(tmp_path, found)
    tables = shown.one("section", id="figures").all("table")
    bold = [[cell.text[:5] for cell in table.all("td", class_="strong")] for table in tables]
    columns = [column for column in columns_of(found) if column.best]
    assert [column.title for column in columns] == [
        "koniq SRCC (trained on it)",
        "koniq PLCC (trained on it)",
    ]
    told = [
        [f"{column.figures[run]['value']:.3f}" for run in ("mini", "onealign") if run in column.best]
        for column in columns
    ]
    assert bold == told == [["0.870"], ["0.880", "0.480"]]


def test_detectors_are_compared_by_what_finds_label_1(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 80).astype(float)
    runs = []
    for k, name in enumerate(("a", "b", "c")):
        scores = np.clip(0.5 + 0.3 * (labels - 0.5) + 0.1 * (k + 1) * rng.normal(size=80), 0, 1)
        one = scored_set(
            80, failed=0, labels=labels, scores=scores, aspect="authenticity", groups=np.arange(80)
        )
        one = replace(one, label_scale=Scale(0, 1), score_scale=Scale(0, 1))
        runs.append(replace(run(one, aspect="authenticity"), path=Path(name)))
    shown = page(tmp_path, compare_runs(runs, resamples=50), runs)
    titles = [table.one("caption").text for table in shown.one("section", id="figures").all("table")]
    assert titles == ["AUROC", "AP"]
    assert table_in(shown, "cost")[0][2:4] == titles
    assert "SRCC," not in shown.one("section", id="verdict").text


def test_pairs_with_both_p_values_and_equivalence(tmp_path: Path) -> None:
    found = with_test(p=0.0004)
    found["sets"][0]["pairs"][0]["srcc"]["p_holm"] = 0.0012
    rows = table_in(page(tmp_path, found), "differences", k=-1)
    assert rows[1] == [
        "koniq , SRCC mini less niqe",
        "+0.200",
        "[+0.150, +0.250]",
        "< 0.001",
        "0.001",
        "first no worse [+0.100, +0.300]",
        "0.040",
    ]


def test_two_runs_have_a_line_for_each_set_and_three_a_plot_for_each(tmp_path: Path) -> None:
    def titles(found: dict[str, Any]) -> list[str]:
        plots = page(tmp_path, found).one("section", id="differences").all("figure")
        return [plot.one("h3").text for plot in plots]

    assert titles(comparison(TWO, ("koniq", "spaq"))) == ["Differences in SRCC", "Differences in PLCC"]
    assert titles(comparison((*TWO, "brisque"), ("koniq", "spaq"))) == [
        "Differences in SRCC: koniq",
        "Differences in PLCC: koniq",
        "Differences in SRCC: spaq",
        "Differences in PLCC: spaq",
    ]


def test_a_difference_that_does_not_hold_is_grey(tmp_path: Path) -> None:
    srcc, plcc = page(tmp_path, comparison()).one("section", id="differences").all("figure")
    assert [path for path in srcc.all("path") if path.attributes.get("stroke") == "var(--tone-4)"]
    assert not [path for path in plcc.all("path") if path.attributes.get("stroke") == "var(--tone-4)"]


def test_agreement_and_scores_side_by_side(tmp_path: Path) -> None:
    found = page(tmp_path, comparison())
    assert table_in(found, "agreement")[1] == ["koniq mini and niqe", "0.740 [0.700, 0.780]", "77 %"]
    (plot,) = found.one("section", id="agreement").all("figure")
    assert "57 pictures that both runs scored" in plot.text


def test_runs_without_the_set_or_without_common_rows_have_no_scatter(tmp_path: Path) -> None:
    other = scored_set(60, ids=[f"elsewhere/{i}.jpg" for i in range(60)])
    for runs in (
        [run(scored_set(60)), run(scored_set(60, name="spaq"))],
        [run(scored_set(60)), run(other)],
        [run(), run()],
    ):
        assert not page(tmp_path, comparison(), runs).one("section", id="agreement").all("figure")


def test_cost_stands_beside_accuracy(tmp_path: Path) -> None:
    rows = table_in(page(tmp_path, comparison()), "cost")
    assert rows[1] == [
        "mini",
        "mini",
        "0.870 [0.840, 0.900]",
        "0.880 [0.850, 0.910]",
        "23.8",
        "2",
        "297",
    ]
    assert rows[2][4:] == ["not measured", "", ""]


def test_means_come_first_and_those_trained_on_are_apart(tmp_path: Path) -> None:
    found = comparison(TWO, ("koniq", "spaq"))
    mean = {"sets": ["koniq", "spaq"], "how": "Fisher z", "figures": found["sets"][0]["figures"], "pairs": []}
    found |= {"mean": mean, "mean_in_domain": mean}
    shown = page(tmp_path, found)
    names = [row[0] for row in table_in(shown, "figures")]
    assert names[1:3] == [
        "Mean of 2 sets koniq, spaq; Fisher z",
        "Mean of 2 sets trained on koniq, spaq; Fisher z",
    ]
    assert "SRCC and PLCC: mean of 2 sets." in shown.text


def test_pictures_show_scores_and_ranks_of_every_run(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((30, 40, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    found = comparison()
    found["sets"][0]["disagreements"][0]["path"] = str(tmp_path / "a.png")
    first, second, *_ = page(tmp_path, found).one("section", id="apart").all("li", class_="shot")
    assert first.one("img").attributes["alt"] == "Preview of photos/00000.jpg"
    assert second.one("span", class_="word").text == "no preview"
    assert first.one("p", class_="why").text == "80 % apart by rank"
    facts = [(pair.one("dt").text, pair.one("dd").text) for pair in first.one("dl").all("div")]
    assert facts == [
        ("Label", "41.50 (above 30 %)"),
        ("mini", "2.000 (above 10 %)"),
        ("niqe", "3.000 (above 90 %)"),
    ]
    marks = [path.attributes["d"] for path in first.one("svg", class_="ranks").all("path")]
    assert marks[1:] == ["M30.0 1V11", "M10.0 6h0", "M90.0 6h0"]


@pytest.mark.parametrize("names", [TWO, (*TWO, "brisque"), tuple("abcdefgh")])
def test_what_compare_finds_is_a_page(tmp_path: Path, names: tuple[str, ...]) -> None:
    runs = [replace(run(scored_set(80, seed=9)), path=Path(name)) for name in names]
    rng = np.random.default_rng(0)
    for k, held in enumerate(runs[1:], start=1):
        noisy = held.sets[0].scores + 0.3 * k * rng.normal(size=80)
        runs[k] = replace(held, sets=(replace(held.sets[0], scores=noisy),))
    found = compare_runs(runs, resamples=50)
    shown = page(tmp_path, found, runs)
    n_leaders = 2 if len(names) > 2 else 0
    assert len(shown.one("section", id="verdict").all("li")) == len(names) * (len(names) - 1) + n_leaders
    assert f"against {names[1]}" in shown.text


def test_every_number_may_be_null(tmp_path: Path) -> None:
    text = page(tmp_path, nothing_known(comparison((*TWO, "brisque"), ("koniq", "spaq")))).text
    assert "None" not in text
    assert DASH in text


def test_a_comparison_as_short_as_the_contract_allows(tmp_path: Path) -> None:
    found = comparison()
    for key in ("mean", "mean_in_domain", "command"):
        del found[key]
    for key in ("trained_on", "protocol", "population"):
        del found["sets"][0][key]
    del found["sets"][0]["pairs"][0]["plcc"]
    del found["sets"][0]["pairs"][0]["srcc"]["equivalence"]["b_no_worse"]
    for one in found["sets"][0]["disagreements"]:
        del one["label_rank"]
    assert page(tmp_path, found).one("section", id="verdict").all("li")


def test_no_common_set_and_no_disagreement(tmp_path: Path) -> None:
    assert "The runs share no set." in page(tmp_path, comparison(sets=())).text
    quiet = comparison()
    quiet["sets"] = [common_set("koniq", TWO, [TWO], disagreements=[])]
    assert "rank all of its pictures alike" in page(tmp_path, quiet).text


def test_hostile_names_add_no_element_and_no_handler(tmp_path: Path) -> None:
    tame_names = [re.sub("[^/]", "x", name) + str(k) for k, name in enumerate(HOSTILE)]
    trees = []
    for names in (tame_names, HOSTILE):
        runs, sets = tuple(names[:3]), tuple(names[3:5])
        found = comparison(runs, sets, warnings=names, command=names[4], aspect=names[1])
        for one in found["sets"]:
            one |= {"population": names[0], "protocol": names[1], "group_column": names[4]}
            one["pairs"][0]["srcc"]["verdict"] = names[4]
            one["disagreements"][0] |= {"id": names[4], "path": names[5]}
        trees.append(page(tmp_path, found))
    tame, wild = trees
    assert [node.tag for node in wild.all()] == [node.tag for node in tame.all()]
    assert [list(node.attributes) for node in wild.all()] == [list(node.attributes) for node in tame.all()]
    assert not [name for node in wild.all() for name in node.attributes if name.startswith("on")]
    assert "</script><script>alert(1)</script>.jpg" in wild.text


def test_nothing_is_fetched_and_equal_comparisons_are_equal_bytes(tmp_path: Path) -> None:
    html = html_of(tmp_path, comparison())
    assert html == html_of(tmp_path, comparison())
    assert not re.search(r"https?://", html)
    assert "unsafe" not in html
    assert not [node for node in read(html).all() if "style" in node.attributes]


def test_ids_are_unique_links_lead_somewhere_and_headings_do_not_skip(tmp_path: Path) -> None:
    for found in (comparison(), comparison((*TWO, "brisque"), ("koniq", "spaq"))):
        shown = page(tmp_path, found)
        ids = [node.attributes["id"] for node in shown.all() if "id" in node.attributes]
        assert len(ids) == len(set(ids))
        assert {str(link.attributes["href"])[1:] for link in shown.all("a")} <= set(ids)
        levels = [int(node.tag[1]) for node in shown.all() if re.fullmatch("h[1-6]", node.tag)]
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_of_many_runs_the_best_is_named_first_and_pairs_can_be_opened(tmp_path: Path) -> None:
    verdict = page(tmp_path, comparison((*TWO, "brisque", "onealign"))).one("section", id="verdict")
    lines = [line.text for line in verdict.all("li")]
    assert lines[0] == "SRCC: mini is the highest with 0.870; every other run is told apart from it."
    assert lines[1] == "PLCC: mini is the highest with 0.880; no test tells niqe, brisque, onealign from it."
    assert verdict.one("summary").text == "All 12 verdicts, pair by pair"
    assert len(verdict.one("details").all("li")) == 12
    unknown = comparison((*TWO, "brisque"))
    unknown["sets"][0]["figures"] = {run: {"srcc": {"value": None}} for run in TWO}
    lines = [line.text for line in page(tmp_path, unknown).one("section", id="verdict").all("li")]
    assert lines[0] == "SRCC: there are no two figures to compare."
