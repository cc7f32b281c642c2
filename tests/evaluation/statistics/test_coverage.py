"""Coverage and abstention, by hand and by counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.evaluation.statistics.coverage import (
    Covered,
    abstention_curve,
    coverage_table,
    coverage_text,
    error_table,
)

LEVELS = ("bad", "poor", "fair")


def rows(labels, half=1.0, groups=None, levels=None):
    """Scores of 0 with intervals of this half-width."""
    labels = np.asarray(labels, dtype=float)
    n = labels.size
    half = np.broadcast_to(np.asarray(half, dtype=float), n)
    return Covered(
        labels,
        np.zeros(n),
        -half,
        half,
        np.asarray(groups if groups is not None else np.arange(n)).astype(str),
        np.zeros(n, dtype=np.int64) if levels is None else np.asarray(levels),
    )


def test_shares_by_rows_by_groups_and_by_level():
    """Four rows of a in, two of b out, one of c to f each in: 8 of 10 rows, 5 of 6 groups."""
    groups, levels = list("aaaabbcdef"), [0, 0, 0, 0, 2, 2, 2, 2, 2, 2]
    found = coverage_table(
        rows([0, 1, -1, 0.5, 2, -2, 0, 0, 0, 0], groups=groups, levels=levels), LEVELS, 500, 0
    )
    assert found["rows"]["value"] == pytest.approx(8 / 10)
    assert found["groups"]["value"] == pytest.approx(5 / 6)
    assert (found["rows"]["n"], found["rows"]["n_groups"], found["width"]) == (10, 6, 2.0)
    assert found["rows"]["low"] < 8 / 10 < found["rows"]["high"]
    bad, fair = found["levels"]  # no row of level poor, no entry
    assert (bad["level"], bad["value"], bad["n"], bad["n_groups"]) == ("bad", 1.0, 4, 1)
    assert math.isnan(bad["low"])  # one group has no interval
    assert (fair["level"], fair["value"]) == ("fair", pytest.approx(4 / 6))
    assert math.isnan(fair["low"])  # five groups are too few to resample


def test_ends_of_an_interval_are_inside():
    assert rows([1.0, -1.0, 1.0000001]).inside.tolist() == [1, 1, 0]


@pytest.mark.parametrize("n", [5, 40])
def test_where_all_or_none_are_inside_the_interval_is_the_exact_one(n):
    stats = pytest.importorskip("scipy.stats")
    for label, k in ((0.0, n), (9.0, 0)):
        found = coverage_table(rows([label] * n), LEVELS, 100, 0)["rows"]
        exact = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        assert (found["low"], found["high"]) == pytest.approx((exact.low, exact.high))


def test_groups_that_are_all_half_inside_show_nothing_of_the_error():
    found = coverage_table(rows([0.0, 9.0] * 10, groups=np.repeat(np.arange(10), 2)), LEVELS, 100, 0)["rows"]
    assert found["value"] == 0.5
    assert math.isnan(found["low"])
    assert "checked: 0.500 of 20 ratings (10 groups)" in coverage_text({"rows": found}, 0.9)


def test_the_interval_covers_the_share_behind_it():
    """100 draws of 60 groups of 4 alike rows, true coverage .8: the 95 % interval holds it about so often."""
    rng, hits = np.random.default_rng(0), 0
    for seed in range(100):
        inside = np.repeat(rng.random(60) < 0.8, 4)
        found = coverage_table(
            rows(np.where(inside, 0.0, 9.0), groups=np.repeat(np.arange(60), 4)), LEVELS, 150, seed
        )["rows"]
        hits += found["low"] <= 0.8 <= found["high"]
    assert 0.88 <= hits / 100 <= 1


def test_errors_by_hand():
    found = error_table([1.0, 2.0, 4.0], [2.0, 2.0, 2.0])
    assert found == {"mae": 1.0, "rmse": pytest.approx(math.sqrt(5 / 3)), "bias": pytest.approx(1 / 3)}


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 3)), min_size=1, max_size=40))
def test_the_curve_keeps_the_least_uncertain_rows(pairs):
    doubts, labels = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    curve = abstention_curve(rows(labels), doubts)
    assert curve[0]["kept"] == 1.0
    assert [point["most"] for point in curve] == sorted({point["most"] for point in curve}, reverse=True)
    for point in curve:
        kept = [label for doubt, label in zip(doubts, labels, strict=True) if doubt <= point["most"]]
        assert point["n"] == len(kept)
        assert point["mae"] == pytest.approx(sum(kept) / len(kept))
        assert point["rmse"] == pytest.approx(math.sqrt(sum(v * v for v in kept) / len(kept)))
        assert point["coverage"] == pytest.approx(sum(v <= 1 for v in kept) / len(kept))


def test_where_all_are_equally_uncertain_there_is_one_point():
    curve = abstention_curve(rows([0.0, 1.0, 2.0]), [0.7, 0.7, 0.7])
    assert [(point["kept"], point["n"]) for point in curve] == [(1.0, 3)]


def test_the_words_beside_scores_name_n_and_interval():
    found = {"rows": {"value": 0.9, "low": 0.88, "high": 0.92, "n": 700, "n_groups": 70}}
    assert coverage_text(found, 0.9) == (
        "checked: 0.900 [0.880, 0.920] of 700 ratings (70 groups) outside the fit lie inside, aim 0.9"
    )
