"""Agreement of two scorers against pairs and ranks counted one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.evaluation.comparison.agreement import SameOrder, disagreements, percentile_ranks, same_order

FEW_VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30)


def counted(a, b):
    told = alike = 0
    for i in range(len(a)):
        for j in range(i):
            if a[i] != a[j] and b[i] != b[j]:
                told += 1
                alike += (a[i] < a[j]) == (b[i] < b[j])
    return told, alike


@given(FEW_VALUES)
def test_pairs_are_counted(rows):
    a, b = zip(*rows, strict=True)
    told, alike = counted(a, b)
    found = same_order(a, b)
    assert (found.n_pairs, found.n_pairs + found.n_tied) == (told, len(a) * (len(a) - 1) // 2)
    if told:
        assert found.share == alike / told
    else:
        assert math.isnan(found.share)


@given(FEW_VALUES)
def test_it_does_not_matter_who_is_first_and_a_scorer_agrees_with_itself(rows):
    a, b = np.array(rows, dtype=np.float64).T
    assert same_order(a, b) == same_order(b, a) or math.isnan(same_order(a, b).share)
    if np.ptp(a):
        assert same_order(a, 2 * a + 1).share == 1
        assert same_order(a, -a).share == 0


def test_large_numbers_of_pairs_are_exact():
    rng = np.random.default_rng(0)
    a = rng.permutation(30_000)
    b = a.copy()
    b[[0, 1]] = b[[1, 0]]
    changed = 2 * (abs(a[0] - a[1]) - 1) + 1  # a swap turns this many pairs round
    pairs = 30_000 * 29_999 // 2
    assert same_order(a, b) == SameOrder((pairs - changed) / pairs, pairs, 0)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_percentile_ranks_are_counted(values):
    n = len(values)
    expected = [(sum(v < x for v in values) + sum(v == x for v in values) / 2) / n for x in values]
    assert percentile_ranks(values).tolist() == pytest.approx(expected)


def test_the_rows_furthest_apart_come_first():
    scores = {
        "a": np.array([1.0, 2.0, 3.0, 4.0]),
        "b": np.array([4.0, 20.0, 3.0, 100.0]),
        "c": np.array([0.0, 0.0, 0.0, 0.0]),
    }
    found = disagreements({name: scores[name] for name in "ab"}, [5.0, 5.0, 1.0, 2.0])
    # By a the rows rank 1 2 3 4, by b 2 3 1 4; earlier rows come first among equals.
    assert [one.row for one in found] == [2, 0, 1]
    assert (found[0].gap, found[0].label_rank) == (0.5, 0.125)
    assert found[0].ranks == {"a": 0.625, "b": 0.125}
    assert [one.row for one in disagreements(scores, [1, 2, 3, 4], most=3)] == [2, 0, 3]
