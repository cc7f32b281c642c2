from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from checked_tables import word_of
from visq.core.scales import LEVEL_WORDS
from visq.evaluation.checks.level_fit import count_wrong, implied_interval, steps_off


def levels_by_rule(scores, low, high):
    return np.array([LEVEL_WORDS.index(word_of(s, low, high)) for s in scores], dtype=np.int64)


@given(st.floats(-50, 50), st.floats(1, 100), st.lists(st.floats(0, 1), min_size=5, max_size=60))
def test_the_true_ends_lie_within_the_implied_ones(low, length, shares):
    scores = np.array([low + length * (share * 1.2 - 0.1) for share in shares])
    levels = levels_by_rule(scores, low, low + length)
    assume(np.unique(levels).size >= 3)
    found = implied_interval(scores, levels)
    slack = 1e-6 * length
    assert found.n_wrong == 0
    assert found.low[0] - slack <= low <= found.low[1] + slack
    assert found.high[0] - slack <= low + length <= found.high[1] + slack
    assert count_wrong(scores, levels, found.best) == 0


def test_ends_agree_with_a_search_on_a_grid():
    rng = np.random.default_rng(3)
    scores = rng.uniform(0, 10, 60).round(2)
    levels = levels_by_rule(scores, 1.0, 9.0)
    found = implied_interval(scores, levels)
    grid = [
        (m, M)
        for m in np.arange(0, 2, 0.02)
        for M in np.arange(8, 10, 0.02)
        if count_wrong(scores, levels, (m, M)) == 0
    ]
    assert min(m for m, _ in grid) == pytest.approx(found.low[0], abs=0.05)
    assert max(m for m, _ in grid) == pytest.approx(found.low[1], abs=0.05)
    assert min(M for _, M in grid) == pytest.approx(found.high[0], abs=0.05)
    assert max(M for _, M in grid) == pytest.approx(found.high[1], abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_wrong_words_are_left_over_not_followed(seed):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 100, 500)
    levels = levels_by_rule(scores, 10.0, 90.0)
    planted = rng.permutation(500)[:6]
    levels[planted] = np.where(levels[planted] < 3, levels[planted] + 2, levels[planted] - 2)
    found = implied_interval(scores, levels)
    assert found.n_wrong == 6
    assert found.best == pytest.approx((10, 90), abs=1.5)
    assert set(np.flatnonzero(steps_off(scores, levels, found.best) > 0)) == set(planted)


def test_few_levels_imply_nothing():
    assert implied_interval(np.array([1.0, 2.0]), np.array([0, 4])) is None
    assert implied_interval(np.array([]), np.array([], dtype=np.int64)) is None


def test_distance_from_the_interval_is_a_share_of_the_length():
    scores, levels = np.array([25.0, 20.0, -7.0, 99.0, 59.0]), np.array([0, 0, 0, 4, 3])
    assert steps_off(scores, levels, (0.0, 100.0)) == pytest.approx([0.05, 0, 0, 0, 0.01])


SPEC = [  # file, split, implied low, implied high; SPEC 1.1, computed there from the same files by other code
    ("koniq", "train", (6.6647, 6.7042), (85.343, 85.369)),
    ("koniq", "test", (6.625, 6.714), (85.333, 85.375)),
    ("spaq", "train", (0, 0), (94, 94)),
    ("spaq", "test", (0, 0), (94, 94)),
    ("kadid", "test", (-0.03, 0.06), (4.91, 4.97)),
]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "split", "low", "high"), SPEC)
def test_published_words_imply_the_intervals_of_the_specification(shared, name, split, low, high):
    scores, levels = published(shared, name, split)
    found = implied_interval(scores, levels)
    assert found.n_wrong == 0
    assert found.low == pytest.approx(low, abs=6e-4)
    assert found.high == pytest.approx(high, abs=6e-4)


@pytest.mark.shared
def test_kadids_training_words_follow_no_interval(shared):
    scores, levels = published(shared, "kadid", "train")
    found = implied_interval(scores, levels)
    assert (scores.size, found.n_wrong) == (8088, 4)
    assert found.best == pytest.approx((1.06, 4.89), abs=0.02)


def published(shared, name, split):
    with (shared / "labels/qalign" / f"{name}.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["level"] in LEVEL_WORDS]
    levels = np.array([LEVEL_WORDS.index(row["level"]) for row in rows], dtype=np.int64)
    return np.array([float(row["score"]) for row in rows]), levels
