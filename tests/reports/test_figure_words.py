"""Figures in words: how numbers are written, what is said of a set and when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.made_runs import entry, figure, figures, nothing_known, scored_set
from visq.reports.figure_words import (
    count,
    ends_written,
    note_of,
    p_written,
    percent,
    sentences,
    title_of,
    written,
)

SET = scored_set(40)


def said(**changes: Any) -> list[str]:
    plain: dict[str, Any] = {
        "partial": False,
        "within": [],
        "levels": [],
        "verdict": [],
        "figures": {"srcc": figure(0.8)},
    }
    return list(sentences(entry(SET, **(plain | changes))))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8123, "0.812"),
        (-0.0001, "0.000"),
        (-0.25, "\N{MINUS SIGN}0.250"),
        (9.9994, "9.999"),
        (9.9996, "10.00"),
        (12.0, "12.00"),
        (123.456, "123.5"),
        (1e6, "1000000"),
        (None, "\N{EN DASH}"),
    ],
)
def test_how_numbers_are_written(value: float | None, text: str) -> None:
    assert written(value) == text


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_a_written_number_is_the_number(value: float) -> None:
    text = written(value).replace("\N{MINUS SIGN}", "-")
    assert float(text) == pytest.approx(value, abs=6e-4, rel=6e-4)


def test_signs_intervals_counts_and_shares() -> None:
    assert written(0.004, sign=True) == "+0.004"
    assert ends_written({"low": -0.1, "high": 0.2}, sign=True) == "[\N{MINUS SIGN}0.100, +0.200]"
    assert ends_written({"low": None, "high": 0.2}) == ends_written({}) == ""
    assert (count(1, "picture"), count(2015, "picture"), count(None, "group")) == (
        "1 picture",
        "2,015 pictures",
        "0 groups",
    )
    assert (percent(0.9), percent(0.9125), percent(1.0)) == ("90 %", "91.2 %", "100 %")
    assert (p_written(None), p_written(0.0004), p_written(0.05)) == ("\N{EN DASH}", "< 0.001", "0.050")


@pytest.mark.parametrize("name", [*figures(), "tpr_at_fpr_01", "auroc", "something_new"])
def test_every_figure_has_a_title(name: str) -> None:
    title, _ = title_of(name)
    assert title
    assert "_" not in title


def test_the_first_sentence_is_the_rank_correlation_with_its_interval() -> None:
    assert said()[0] == "Scores rank the pictures as people do with SRCC 0.800 [0.770, 0.830]."


@pytest.mark.parametrize(
    ("srcc", "part"),
    [
        (figure(0.01), "the interval holds 0, so no agreement is shown"),
        (figure(-0.6), "scores fall where labels rise"),
        (figure(0.8, None), "there is no interval"),
        (figure(None, note="all scores are equal"), "There is no rank correlation: all scores are equal."),
    ],
)
def test_what_is_said_of_a_doubtful_rank_correlation(srcc: dict[str, Any], part: str) -> None:
    assert part in said(figures={"srcc": srcc})[0]


def test_a_figure_that_falls_inside_parts_says_why() -> None:
    part = {"column": "generator", "about": "inside each generator", "mean": figure(0.5), "parts": []}
    assert "part of the overall figure is telling these parts apart" in said(within=[part])[1]
    part["mean"] = figure(0.79)
    assert said(within=[part])[1] == (
        "Inside each generator the mean SRCC is 0.790 [0.760, 0.820], against 0.800 over all pictures."
    )


@pytest.mark.parametrize(
    ("low", "high", "part"),
    [(0.85, 0.93, "as they should"), (0.7, 0.85, "too narrow"), (0.95, 0.99, "wider than they need")],
)
def test_coverage_is_judged_by_its_interval(low: float, high: float, part: str) -> None:
    held = figure(0.9, nominal=0.9) | {"value": (low + high) / 2, "low": low, "high": high}
    assert part in said(figures={"coverage": held})[-1]


def test_levels_tell_which_way_scores_are_wrong_and_small_errors_are_not_worth_a_word() -> None:
    residuals = [("bad", 12.0), ("fair", 30.0), ("excellent", -6.5)]
    levels = [{"level": word, "n": 9, "mean_residual": r, "std_residual": 1.0} for word, r in residuals]
    assert said(levels=levels)[-1] == (
        "Pictures that people call bad are scored 12.00 too high, "
        "those they call excellent are scored 6.500 too low, on average."
    )
    small = [each | {"mean_residual": 1.0} for each in levels]
    assert len(said(levels=small)) == 1


def test_partial_is_said_once() -> None:
    assert said(partial=True)[0].startswith("Partial: figures are over the 37 pictures with a score, of 40")
    assert not said(partial=True, warnings=["partial: 37 of 40 rows have a score"])[0].startswith("Partial")


def test_verdicts_of_the_evaluation_are_sentences_too() -> None:
    assert said(verdict=["another scorer has to be better", "there is no SRCC: constant"])[-1] == (
        "Another scorer has to be better."
    )


def test_detection_is_told_by_its_own_figure() -> None:
    assert (
        "in 93 % of cases (AUROC 0.930 [0.900, 0.960]; chance is 0.5)"
        in said(figures={"auroc": figure(0.93)})[0]
    )
    missing = figure(None, note="only one label")
    assert said(figures={"auroc": missing}) == ["There is no AUROC: only one label."]


def test_notes_hold_what_belongs_to_a_figure() -> None:
    held = figure(0.9, note="fitted", parameters=[98.0, 4.5], n_undefined=3, nominal=0.9)
    assert (
        note_of("plcc_logistic4", held)
        == "fitted; parameters 98, 4.5; aim 0.9; 3 resamples without it left out"
    )
    assert note_of("pair_accuracy_gap_25", figure(0.9, gap=25.0)) == "labels more than 25 apart"
    assert note_of("plcc_logistic5", figure(None, parameters=[])) == ""
    assert "lies at the edge of what is searched" in note_of("plcc_logistic4", held | {"at_limit": True})


def test_nothing_is_said_of_numbers_that_do_not_exist() -> None:
    text = " ".join(sentences(nothing_known(entry(SET))))
    assert "None" not in text
    assert "nan" not in text
