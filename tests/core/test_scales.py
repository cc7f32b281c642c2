"""Scales and levels against the goldens of Q-Align's published files and hand arithmetic."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError, UnknownName
from visq.core.scales import (
    LEVEL_WORDS,
    MOS,
    LevelIntervals,
    Scale,
    expectation,
    gaussian_levels,
    level_intervals,
    level_values,
)

# Logits of a real OneAlign answer, excellent first, as printed; expected values by hand.
ONEALIGN = [17.3750, 18.4844, 15.3750, 12.5391, 10.1172]


def softmax(logits: list[float]) -> list[float]:
    total = math.fsum(math.exp(x) for x in logits)
    return [math.exp(x) / total for x in logits]


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (0, "bad"),
        (20, "bad"),
        (20.0001, "poor"),
        (40, "poor"),
        (60, "fair"),
        (80, "good"),
        (80.0001, "excellent"),
        (100, "excellent"),
    ],
)
def test_golden_levels_of_a_scale_of_0_to_100(score: float, word: str) -> None:
    assert LEVEL_WORDS[LevelIntervals(Scale(0, 100)).level([score])[0]] == word


def test_scores_outside_the_interval_go_to_the_end_levels() -> None:
    assert LevelIntervals(Scale(6.685, 85.355)).level([-3.0, 99.0]).tolist() == [0, 4]


def test_lower_edges_belong_to_the_upper_level_where_the_data_set_says_so() -> None:
    spaq = LevelIntervals(Scale(0, 94), inclusive="lower")
    # 56.4 lies below float64's 0 + 3 * 18.8 = 56.400000000000006, so it stays at "fair".
    assert spaq.level([18.8, 37.6, 56.4, 75.2]).tolist() == [1, 2, 2, 4]
    assert LevelIntervals(Scale(0, 94)).level([18.8, 37.6, 75.2]).tolist() == [0, 1, 3]


def test_dmos_turns_the_levels_round() -> None:
    up, down = LevelIntervals(Scale(0, 100)), LevelIntervals(Scale(0, 100, "down"))
    scores = [5.0, 25.0, 50.0, 75.0, 95.0]
    assert down.level(scores).tolist() == [4 - level for level in up.level(scores)]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_level_needs_a_finite_score(bad: float) -> None:
    with pytest.raises(DataError, match=r"score 1 is (nan|inf)"):
        LevelIntervals(MOS).level([3.0, bad])


@given(
    st.floats(-1e3, 1e3),
    st.floats(0.2, 1e3),
    st.integers(2, 10),
    st.lists(st.floats(-0.5, 1.5), min_size=1),
    st.sampled_from(["upper", "lower"]),
)
def test_levels_rise_with_the_score(low: float, span: float, k: int, shares: list[float], edge: str) -> None:
    intervals = LevelIntervals(Scale(low, low + span), edge, k)  # type: ignore[arg-type]
    levels = intervals.level(np.sort(np.asarray(shares)) * span + low)
    assert (np.diff(levels) >= 0).all()
    assert levels.min() >= 0
    assert levels.max() < k


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "edge", "split", "agreeing", "n"),
    [
        ("koniq", None, "train", 7045, 7046),
        ("koniq", None, "test", 2010, 2010),
        ("spaq", None, "train", 8897, 8897),
        ("spaq", None, "test", 2224, 2224),
        ("spaq", "upper", "train", 8885, 8897),
        ("spaq", "upper", "test", 2221, 2224),
        ("kadid", None, "train", 8084, 8088),
    ],
)
def test_levels_of_q_aligns_files(
    shared: Path, name: str, edge: str | None, split: str, agreeing: int, n: int
) -> None:
    """Counts of agreeing labels as stated beside the data, computed there with other code."""
    with (shared / "labels" / "qalign" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["level"]]
    intervals = level_intervals(name)
    if edge is not None:
        intervals = LevelIntervals(intervals.scale, edge)  # type: ignore[arg-type]
    words = [LEVEL_WORDS[level] for level in intervals.level([float(row["score"]) for row in rows])]
    assert len(rows) == n
    assert sum(word == row["level"] for word, row in zip(words, rows, strict=True)) == agreeing


def test_intervals_have_names_and_directions() -> None:
    assert level_intervals("csiq").level([0.0, 1.0]).tolist() == [4, 0]  # DMOS: 0 is pristine
    assert level_intervals("ava").scale == Scale(1, 10)
    with pytest.raises(UnknownName, match="unknown data set 'konik'; did you mean 'koniq'"):
        level_intervals("konik")


def test_the_worked_example_in_both_value_sets() -> None:
    probs = softmax(ONEALIGN)
    assert np.round(probs, 6).tolist() == [0.239434, 0.726093, 0.032404, 0.001901, 0.000169]
    worst_first = probs[::-1]
    assert float(expectation(worst_first, Scale(0, 1))) == pytest.approx(0.800680, abs=5e-7)
    assert float(expectation(worst_first, MOS)) == pytest.approx(4.202722, abs=5e-7)


@given(st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_the_two_value_sets_are_related_exactly(weights: list[float]) -> None:
    shares = np.asarray(weights) / sum(weights)
    s1, s5 = float(expectation(shares, Scale(0, 1))), float(expectation(shares, MOS))
    assert s5 == pytest.approx(1 + 4 * s1, abs=1e-12)
    by_hand = sum(share * value for share, value in zip(shares, (1, 2, 3, 4, 5), strict=True))
    assert s5 == pytest.approx(by_hand, abs=1e-12)


def test_level_values_of_a_scale_that_runs_down() -> None:
    assert level_values(5, Scale(0, 100, "down")).tolist() == [100.0, 75.0, 50.0, 25.0, 0.0]


@given(st.floats(-100, 100), st.floats(0.2, 50), st.floats(-50, 50), st.floats(0.2, 50), st.floats(-2, 3))
def test_there_and_back_is_the_same_score(a: float, x: float, b: float, y: float, share: float) -> None:
    one, other = Scale(a, a + x), Scale(b, b + y, "down")
    score = a + share * x
    assert float(other.convert(one.convert(score, other), one)) == pytest.approx(score, abs=1e-9)


def test_agiqa_and_ava_scales_to_mos() -> None:
    # AGIQA-3K 0..5: quality 1 + 0.8 mos; aesthetics 1 + (score - 1) 4 / 9.
    assert Scale(0, 5).convert([2.5, 4.4887], MOS).tolist() == pytest.approx([3.0, 1 + 0.8 * 4.4887])
    assert Scale(1, 10).convert([5.5], MOS).tolist() == pytest.approx([1 + 4.5 * 4 / 9])


@pytest.mark.parametrize(
    "text", ["5..1", "1-5", "..", "a..b", "1..1", "nan..5", "1..inf", "", "0..1e308", "0..1e-7"]
)
def test_a_scale_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="scale"):
        Scale.parse(text)


def test_a_scale_is_written_as_it_is_read() -> None:
    assert str(Scale.parse("0..100")) == "0..100"
    assert str(Scale.parse("-1.5..2")) == "-1.5..2"


@given(st.floats(-1e9, 1e9), st.floats(0.2, 1e8))
def test_what_is_written_of_a_scale_is_the_scale(low: float, span: float) -> None:
    assume(low + span <= 1e9)
    scale = Scale(low, low + span)
    assert Scale.parse(str(scale)) == scale


def test_soft_labels_sum_to_one_and_peak_at_the_nearest_level() -> None:
    labels = gaussian_levels([1.0, 3.2, 5.0], 0.55)
    assert labels.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert labels.argmax(axis=1).tolist() == [0, 2, 4]
    by_hand = [math.exp(-0.5 * ((3.2 - v) / 0.55) ** 2) for v in (1, 2, 3, 4, 5)]
    assert labels[1] == pytest.approx([x / sum(by_hand) for x in by_hand], abs=1e-12)


def test_unknown_edge_and_direction_are_refused() -> None:
    with pytest.raises(InputError, match="inclusive edge"):
        LevelIntervals(MOS, "both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="direction"):
        Scale(0, 1, "left")  # type: ignore[arg-type]
