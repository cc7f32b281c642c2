"""The tables of a comparison: what is bold, what stands apart, and that no name can break them."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from run_folders import make_run, make_set, scorers
from visq.evaluation.comparison.compare import compare_runs
from visq.evaluation.comparison.tables import (
    columns_of,
    csv_text,
    markdown,
    short,
    table_lines,
    verdict_lines,
)


@pytest.fixture
def three(tmp_path):
    """Two models of almost equal skill, one clearly worse; two sets, one of them known to the first model."""
    rng, noises = np.random.default_rng(1), (0.3, 0.31, 1.5)
    made = {name: scorers(rng, 200, noises) for name in ("koniq", "spaq", "kadid")}
    runs = [
        make_run(
            tmp_path / run,
            [make_set(name, labels, xs[k]) for name, (labels, xs, _) in made.items()],
            source={"trained_on": ["SPAQ"] if run == "good" else []},
            cost={"pictures_per_s": 41.26} if run == "poor" else None,
        )
        for k, run in enumerate(("good", "like", "poor"))
    ]
    return compare_runs(runs, resamples=400)  # the smallest Holm p is 9 tests times 2 / 401


def test_the_best_and_what_no_test_tells_from_it_are_bold(three):
    columns = {column.title: column for column in columns_of(three)}
    assert list(columns) == [
        "koniq SRCC", "koniq PLCC", "spaq SRCC", "spaq PLCC", "spaq SRCC (trained on it)",
        "spaq PLCC (trained on it)", "kadid SRCC", "kadid PLCC", "mean of 2 SRCC", "mean of 2 PLCC",
    ]  # fmt: skip
    for one in three["sets"]:
        pairs = {(p["a"], p["b"]): p["srcc"]["p_holm"] for p in one["pairs"]}
        assert pairs["good", "poor"] < 0.05 <= pairs["good", "like"]
    assert columns["koniq SRCC"].best == {"good", "like"}
    assert list(columns["spaq SRCC"].figures) == ["like", "poor"]
    assert columns["spaq SRCC"].best == {"like"}
    assert list(columns["spaq SRCC (trained on it)"].figures) == ["good"]
    assert columns["spaq SRCC (trained on it)"].best == columns["mean of 2 SRCC"].best == frozenset()


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_markdown_has_rows_of_models_and_named_columns(three):
    text = markdown(three)
    table = [cells(line) for line in text.split("\n\n")[1].splitlines()]
    assert table[0][:3] == ["model", "koniq SRCC", "koniq PLCC"]
    assert [row[0] for row in table[2:]] == ["good", "like", "poor"]
    assert {len(row) for row in table} == {12}
    value = three["sets"][0]["figures"]["good"]["srcc"]["value"]
    assert table[2][1] == f"**{value:.3f}**"
    assert "**" not in table[4][1]
    assert (table[2][3], table[2][-1], table[4][-1]) == ("-", "not measured", "41.3")
    assert text.startswith("# Quality: 3 runs compared\n")
    assert "Holm over all tests: 9 of SRCC and 9 of PLCC" in text
    assert "- spaq: run 'good' was trained on this set (SPAQ)" in text
    assert "Mean over koniq, kadid: unweighted mean of Fisher z" in text
    n_rows = sum(line.startswith("| koniq |") for line in text.splitlines())
    assert n_rows == 6 + 3  # differences of two statistics, and agreement, for three pairs


def test_csv_is_long_and_whole(three):
    rows = list(csv.DictReader(csv_text(three).splitlines()))
    assert len(rows) == 3 * 3 * 2 + 3 * 2
    row = next(r for r in rows if (r["set"], r["model"], r["statistic"]) == ("spaq", "good", "plcc"))
    figure = three["sets"][1]["figures"]["good"]["plcc"]
    assert [float(row[key]) for key in ("value", "low", "high")] == [
        figure[k] for k in ("value", "low", "high")
    ]
    assert (row["n"], row["n_groups"], row["trained_on"]) == ("200", "200", "SPAQ")
    assert sum(row["set"] == "mean" for row in rows) == 6


def test_lines_for_the_terminal(three):
    lines = list(verdict_lines(three))
    assert len(lines) == 18
    assert lines[2].startswith("koniq SRCC, good against poor: n = 200: ")
    assert "differ (Holm p = " in lines[2]
    assert "; difference +." in lines[2]
    told = [line.endswith("; good was trained on this set") for line in lines[6:12]]
    assert told == [True] * 4 + [False] * 2
    assert "cannot tell" in lines[0]
    assert "smallest difference likely to show" in lines[0] or "worse than" in lines[0]
    table = list(table_lines(three))
    assert len(table) == 4
    assert table[1].count(" *") == 4  # koniq and kadid, two statistics each
    assert table[0].split("  ")[0] == "model"
    assert table[0].index("pictures/s") == table[3].index("41.3") == table[1].index("not measured")


def test_what_does_not_exist_is_a_dash(tmp_path):
    labels = np.arange(8.0)
    runs = [make_run(tmp_path / r, [make_set("s", labels, x)]) for r, x in (("a", labels), ("b", 0 * labels))]
    found = compare_runs(runs, resamples=20)
    assert [column.best for column in columns_of(found)] == [frozenset()] * 2
    assert "| s | SRCC | a | b | - | - | - | - | n = 8: no test of" in markdown(found)
    assert list(table_lines(found))[2].split() == ["b", "-", "-", "not", "measured"]
    assert next(verdict_lines(found)) == "s SRCC, a against b: n = 8: no test of 1.000 against nan exists"
    assert ",b,srcc,,,,8,8," in csv_text(found)


def test_without_a_test_nothing_is_told_from_the_best(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(2), 50, (0.1, 3.0))
    groups = np.arange(50) % 5  # too few for a test
    runs = [
        make_run(tmp_path / run, [make_set("s", labels, x, groups=groups, group_column="scene")])
        for run, x in (("a", a), ("b", b))
    ]
    found = compare_runs(runs, resamples=20)
    assert [column.best for column in columns_of(found)] == [{"a", "b"}] * 2
    assert "n = 50 in 5 groups of 'scene'" in markdown(found)


def test_what_the_margin_allows_is_told(tmp_path):
    rng = np.random.default_rng(3)
    labels, (a, b), _ = scorers(rng, 150, (0.4, 0.4))
    runs = [make_run(tmp_path / run, [make_set("s", labels, x)]) for run, x in (("a", a), ("b", b))]
    said = {
        margin: next(verdict_lines(compare_runs(runs, resamples=99, margin=margin)))
        for margin in (0.001, 0.3)
    }
    assert said[0.001].endswith("is the smallest difference likely to show")
    assert said[0.3].endswith("; equivalent within .3")
    test = compare_runs(runs, resamples=99)["sets"][0]["pairs"][0]["srcc"]["equivalence"]
    ends = sorted([-test["low"], test["high"]])
    better = "a is no more than" if -test["low"] < test["high"] else "b is no more than"
    middle = next(verdict_lines(compare_runs(runs, resamples=99, margin=sum(ends) / 2)))
    assert better in middle


def test_names_cannot_break_a_table(tmp_path):
    labels = np.arange(8.0)
    runs = [make_run(tmp_path / r, [make_set("a|b", labels, labels + k)]) for k, r in enumerate("xy")]
    found = compare_runs(runs, resamples=20, names=["**x**|", "<script>\n# y"])
    text = markdown(found)
    assert "<script>" not in text.replace("\\<", "")
    assert "\n# y" not in text
    assert "| \\*\\*x\\*\\*\\| |" in text
    assert "a\\|b SRCC" in text
    rows = list(csv.reader(csv_text(found).splitlines(keepends=True)))
    assert {len(row) for row in rows} == {9}


def test_short_numbers():
    assert [short(x) for x in (0.5, -0.25, 1.0, -1.0)] == [".500", "-.250", "1.000", "-1.000"]
    assert [short(x, sign=True) for x in (0.5, -0.25, 0.0)] == ["+.500", "-.250", "+.000"]
