"""Histogram, empty stretches, residuals by level, bins of scores: against plain counting."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_folders import make_set
from visq.core.scales import LevelIntervals, Scale
from visq.evaluation.figures.label_facts import label_facts, level_residuals, score_bins
from visq.evaluation.figures.measured import Measured, Settings


def test_stretches_without_labels_are_named():
    rng = np.random.default_rng(0)
    labels = np.concatenate([rng.uniform(2, 3.5, 60), rng.uniform(4.7, 5.3, 60), rng.uniform(6.5, 8, 60)])
    facts = label_facts(make_set("a", labels, labels))
    assert facts["empty"] == [
        [pytest.approx(labels[:60].max()), pytest.approx(labels[60:120].min())],
        [pytest.approx(labels[60:120].max()), pytest.approx(labels[120:].min())],
    ]
    assert label_facts(make_set("a", np.sort(rng.normal(size=300)), np.ones(300)))["empty"] == []
    # Means of votes, as KonIQ's, have a gap beside the round number that many votes agree on.
    votes = np.sort(np.concatenate([np.linspace(1, 3, 4000), np.linspace(3.01, 5, 4000)]))
    assert label_facts(make_set("a", votes, votes))["empty"] == []


def test_histogram_counts_every_label():
    labels = [0.0, 0.1, 2.5, 5.0, 5.0]
    facts = label_facts(make_set("a", labels, [math.nan] * 5, label_scale=Scale(0, 5)))
    assert facts["histogram"]["edges"][0] == 0
    assert facts["histogram"]["edges"][-1] == 5
    assert facts["histogram"]["counts"] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (facts["min"], facts["max"], facts["n_distinct"]) == (0.0, 5.0, 4)
    assert facts["mean"] == pytest.approx(2.52)
    assert facts["std"] == pytest.approx(np.std(labels, ddof=1))


def test_labels_outside_their_scale_are_in_the_histogram():
    facts = label_facts(make_set("a", [1.0, 7.0], [1, 2], label_scale=Scale(1, 5)))
    assert facts["histogram"]["edges"][-1] == 7
    assert sum(facts["histogram"]["counts"]) == 2


def test_residuals_stand_at_their_level():
    scale = Scale(0, 100)
    one = make_set("a", [10.0, 15.0, 50.0, 95.0], [1.0, 2.0, 3.0, 5.0], label_scale=scale)
    one = replace(one, score_scale=Scale(1, 5))
    found = level_residuals(one, LevelIntervals(scale))
    assert [entry["level"] for entry in found] == ["bad", "poor", "fair", "good", "excellent"]
    assert [entry["n"] for entry in found] == [2, 0, 1, 0, 1]
    assert found[0]["mean_residual"] == pytest.approx((-10 + 10) / 2)
    assert found[0]["std_residual"] == pytest.approx(math.sqrt(200))
    assert found[4]["mean_residual"] == pytest.approx(5)
    assert math.isnan(found[1]["mean_residual"])


def test_levels_of_dmos_start_at_the_high_end():
    scale = Scale(0, 100, "down")
    one = replace(make_set("a", [95.0, 5.0], [1.0, 5.0], label_scale=scale), score_scale=Scale(1, 5))
    found = level_residuals(one, LevelIntervals(scale))
    assert [entry["n"] for entry in found] == [1, 0, 0, 0, 1]
    assert [found[0]["mean_residual"], found[4]["mean_residual"]] == pytest.approx([-5, 5])


def test_without_scales_there_are_no_residuals():
    assert level_residuals(make_set("a", [1.0, 2.0], [1.0, 2.0]), LevelIntervals(Scale(1, 5))) == []


@given(st.lists(st.integers(0, 30), min_size=20, max_size=80))
def test_bins_hold_every_row_and_equal_scores_share_one(scores):
    labels = [s + 0.5 for s in scores]
    bins = score_bins(Measured(make_set("a", labels, scores), Settings(50)))
    assert sum(entry["n"] for entry in bins) == len(scores)
    assert [entry["score_mean"] for entry in bins] == sorted({entry["score_mean"] for entry in bins})
    for entry in bins:
        assert entry["label_mean"] == pytest.approx(entry["score_mean"] + 0.5)
        assert entry["n"] >= 1


def test_ten_bins_with_an_interval_each():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=400)
    one = make_set("a", labels, labels + rng.normal(size=400), groups=np.arange(400) // 2, group_column="g")
    bins = score_bins(Measured(one, Settings(200)))
    assert [entry["n"] for entry in bins] == [40] * 10
    order = np.argsort(one.scores)
    assert bins[0]["label_mean"] == pytest.approx(labels[order[:40]].mean())
    assert all(entry["low"] < entry["label_mean"] < entry["high"] for entry in bins)
    assert score_bins(Measured(one.kept(np.arange(400) < 19), Settings(50))) == []
