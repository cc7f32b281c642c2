"""Correlations from counts of groups against the same rows written out, in exact fractions and by scipy."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError
from visq.evaluation.statistics import resampling
from visq.evaluation.statistics.counted import CountedPlcc, CountedSrcc
from visq.evaluation.statistics.resampling import left_out, members_of, resampled
from visq.metrics import plcc, srcc

WAYS = [CountedPlcc, CountedSrcc]
ROWS = st.lists(st.tuples(*[st.integers(-4, 4)] * 2, st.integers(0, 4)), min_size=2, max_size=25)


def exact(x, y):
    """Pearson by definition, in fractions up to the last root; nan where one side is constant."""
    if len(set(x)) < 2 or len(set(y)) < 2:
        return math.nan
    mx, my = Fraction(sum(x)) / len(x), Fraction(sum(y)) / len(y)
    cov = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    spread = sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)
    return float(cov) / math.sqrt(spread)


def doubled_ranks(values):
    return [2 * sum(b < a for b in values) + sum(b == a for b in values) for a in values]


def written_out(values, group, counts):
    return [v for v, g in zip(values, group, strict=True) for _ in range(counts[g])]


@given(ROWS, st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_counts_give_what_the_rows_written_out_give(rows, counts):
    x, y, names = zip(*rows, strict=True)
    group = np.unique(names, return_inverse=True)[1].reshape(-1)
    drawn = [np.array(c[: group.max() + 1]) for c in counts]
    for way, prepared in ((CountedPlcc, list), (CountedSrcc, doubled_ranks)):
        found = way(x, y, group)(drawn)
        for got, c in zip(found, drawn, strict=True):
            wanted = exact(prepared(written_out(x, group, c)), prepared(written_out(y, group, c)))
            assert got == pytest.approx(wanted, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("most", [1, 50, 3000, 40_000])
@pytest.mark.parametrize("digits", [0, 9])
def test_large_counts_overflow_nothing(most, digits):
    """Whole numbers of 4 bytes hold the sums of small counts only."""
    from scipy.stats import pearsonr, spearmanr

    rng = np.random.default_rng(most)
    x, y = np.round(rng.normal(size=(2, 12)), digits)
    group = np.arange(12) // 2
    counts = [np.array([most, 0, 1, most // 3, 2, 5]), np.array([0, 1, 0, most, 0, 0])]
    for way, oracle in ((CountedSrcc, spearmanr), (CountedPlcc, pearsonr)):
        found = way(x, y, group)(counts)
        for got, c in zip(found, counts, strict=True):
            rows = np.repeat(np.arange(12), c[group])
            assert got == pytest.approx(float(oracle(x[rows], y[rows]).statistic), abs=1e-11)


@pytest.mark.parametrize("way", WAYS)
def test_no_constant_resample_has_a_correlation_and_every_other_one_has(way):
    # In float64 0.1 + 0.2 - 0.3 is not 0, and values a hair apart are two values.
    x = np.array([0.3, 0.3, 1e8, 1e8 + 1e-7, 5e8, 0.1, 0.1])
    y = np.array([1.0, 2.0, 1.0, 2.0, 3.0, 7.0, 7.0])
    group = np.array([0, 0, 1, 1, 2, 3, 3])
    counts = [np.array(c) for c in ([3, 0, 0, 0], [0, 7, 0, 0], [0, 0, 5, 0], [0, 0, 0, 3], [1, 0, 0, 2])]
    found = way(x, y, group)(counts)
    assert np.isnan(found).tolist() == [True, False, True, True, False]
    assert found[1] == pytest.approx(1.0, abs=1e-12)
    everything_one = way(np.full(3, 0.1), np.arange(3), np.arange(3))([np.array([1, 1, 1])])
    assert np.isnan(everything_one).all()
    nothing, one_row = way(x[4:], y[4:], np.array([0, 1, 1]))([np.array([0, 0]), np.array([1, 0])])
    assert np.isnan([nothing, one_row]).all()


@pytest.mark.parametrize(
    "stretch",
    [
        lambda v: v,
        lambda v: v * 1e300,
        lambda v: v * 1e-300,
        lambda v: v + 1e9,
        lambda v: np.where(np.arange(v.size) == 3, 1e12, v),  # without this row all others are nearly one
        lambda v: np.where(np.arange(v.size) < 2, [1, -1] + [0] * (v.size - 2), v * 1e-160),
    ],
)
def test_plcc_by_counts_keeps_its_digits(stretch):
    rng = np.random.default_rng(2)
    x, y, groups = rng.normal(size=60), rng.normal(size=60), np.arange(60) // 4
    x, members = stretch(x), members_of(groups, [60])
    fast = resampled(plcc, [x, y], members, 50, np.random.default_rng(3))
    slow = resampled(lambda a, b: plcc(a, b), [x, y], members, 50, np.random.default_rng(3))
    assert fast == pytest.approx(slow, abs=1e-12)
    assert left_out(plcc, [x, y], members) == pytest.approx(
        left_out(lambda a, b: plcc(a, b), [x, y], members), abs=1e-12
    )


@pytest.mark.parametrize("statistic", [plcc, srcc])
def test_blocks_of_any_length_give_the_same(statistic):
    """70 resamples of 9 rows: a full block of 64 and a part of one."""
    rng = np.random.default_rng(4)
    x, y, members = rng.normal(size=9), rng.normal(size=9), members_of(np.arange(9), [9])
    all_of_them = resampled(statistic, [x, y], members, 70, np.random.default_rng(5))
    assert all_of_them.shape == (70,)
    few = resampled(statistic, [x, y], members, 3, np.random.default_rng(5))
    assert few.tolist() == all_of_them[:3].tolist()


def test_more_rows_than_counts_can_hold_are_recomputed(monkeypatch):
    rng = np.random.default_rng(6)
    x, y, members = rng.normal(size=20), rng.normal(size=20), members_of(np.arange(20) // 2, [20])
    fast = resampled(srcc, [x, y], members, 5, np.random.default_rng(7))
    monkeypatch.setattr(resampling, "MOST_ROWS", 19)
    monkeypatch.setattr(resampling, "_by_counts", None)  # would fail if it were called
    slow = resampled(srcc, [x, y], members, 5, np.random.default_rng(7))
    assert slow == pytest.approx(fast, abs=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_pair_is_an_error(way):
    with pytest.raises(DataError, match="predicted score 1 is nan"):
        way([1, math.nan, 2], [1, 2, 3], np.arange(3))
    with pytest.raises(DataError, match="2 predicted scores, 3 opinion scores"):
        way([1, 2], [1, 2, 3], np.arange(3))


def test_any_other_statistic_sees_the_rows_in_the_order_of_the_draws():
    groups = np.array(["c", "a", "b", "b", "c", "c"])
    members = members_of(groups, [6])
    rows, draws, seen = np.arange(6), np.random.default_rng(8), []
    by_appearance = [[0, 4, 5], [1], [2, 3]]

    def look(picked):
        seen.append(picked.tolist())
        return 0.0

    resampled(look, [rows], members, 30, np.random.default_rng(8))
    assert seen == [[row for g in draws.integers(0, 3, 3) for row in by_appearance[g]] for _ in range(30)]
