"""SRCC inside parts: against a plain loop over parts, and over resamples drawn row by row."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from run_folders import make_set
from visq.evaluation.figures.measured import Measured, Settings
from visq.evaluation.figures.protocols import protocol
from visq.evaluation.figures.within import floor_figure, within_figures
from visq.evaluation.statistics.differences import paired_difference
from visq.metrics import srcc

AGIQA, AVA = protocol("agiqa3k"), protocol("ava")


def generated(n_groups=40, per_group=5, seed=0, **columns):
    """Every prompt was given to every generator, as in AGIQA-3K."""
    rng = np.random.default_rng(seed)
    generator = np.tile([f"g{i}" for i in range(per_group)], n_groups)
    level = np.tile(np.arange(per_group), n_groups).astype(float)
    labels = np.round(level + rng.normal(size=level.size), 2)
    groups = np.repeat([f"p{i}" for i in range(n_groups)], per_group)
    one = make_set("a", labels, labels + rng.normal(size=level.size), groups=groups, group_column="group")
    return replace(one, columns={"generator": generator, **columns})


def spearman(one, rows):
    return stats.spearmanr(one.scores[rows], one.labels[rows]).statistic


def test_within_generators_is_the_mean_over_them():
    one = generated()
    entry = within_figures(Measured(one, Settings(200)), AGIQA, [])[0]
    assert (entry["column"], entry["about"], entry["n_parts"]) == ("generator", "inside each generator", 5)
    wanted = [spearman(one, one.columns["generator"] == f"g{i}") for i in range(5)]
    assert [part["srcc"] for part in entry["parts"]] == pytest.approx(wanted, abs=1e-12)
    assert entry["mean"]["value"] == pytest.approx(np.mean(wanted), abs=1e-12)
    assert entry["median"] == pytest.approx(np.median(wanted), abs=1e-12)
    assert [part["n"] for part in entry["parts"]] == [40] * 5


def test_the_interval_draws_whole_groups_for_all_parts_at_once():
    one, draws = generated(), 60
    entry = within_figures(Measured(one, Settings(draws, seed=7)), AGIQA, [])[0]
    members = [np.flatnonzero(one.groups == f"p{i}") for i in range(40)]
    rng, means = np.random.default_rng(7), []
    for _ in range(draws):
        rows = np.concatenate([members[g] for g in rng.integers(0, 40, 40)])
        parts = [rows[one.columns["generator"][rows] == f"g{i}"] for i in range(5)]
        means.append(np.mean([spearman(one, part) for part in parts]))
    assert [entry["mean"]["low"], entry["mean"]["high"]] == pytest.approx(
        np.quantile(means, [0.025, 0.975]).tolist(), abs=1e-9
    )


def test_within_groups_draws_groups_whole():
    one, draws = generated(), 60
    entry = within_figures(Measured(one, Settings(draws, seed=7)), None, [])[0]
    assert (entry["column"], entry["about"], entry["n_parts"]) == ("group", "inside each group", 40)
    of_group = np.array([spearman(one, one.groups == f"p{i}") for i in range(40)])
    rng = np.random.default_rng(7)
    means = [of_group[rng.integers(0, 40, 40)].mean() for _ in range(draws)]
    assert [entry["mean"]["low"], entry["mean"]["high"]] == pytest.approx(
        np.quantile(means, [0.025, 0.975]).tolist(), abs=1e-12
    )


def test_small_and_constant_parts_are_left_out_and_counted():
    one = generated(n_groups=8)
    sizes = [6, 6, 6, 6, 6, 8, 2]
    groups = np.repeat([f"p{i}" for i in range(7)], sizes)
    scores = one.scores.copy()
    scores[30:38] = 2.0
    entry = within_figures(Measured(replace(one, groups=groups, scores=scores), Settings(50)), None, [])[0]
    assert (entry["n_parts"], entry["n_small"], entry["n_constant"]) == (5, 1, 1)
    assert [part["name"] for part in entry["parts"]] == ["p0", "p1", "p2", "p3", "p4"]
    assert not math.isnan(entry["mean"]["low"])  # groups without a part are drawn too, and weigh nothing


def test_an_interval_that_misses_its_parts_too_often_is_none():
    one = generated(n_groups=6)
    groups = np.array([f"p{i}" if i < 2 else f"lone {k}" for k, i in enumerate([0] * 5 + [1] * 5 + [2] * 20)])
    entry = within_figures(Measured(replace(one, groups=groups), Settings(50)), None, [])[0]
    assert math.isnan(entry["mean"]["low"])
    assert entry["mean"]["note"] == "no interval: 5 of 50 resamples have no such figure"


def test_groups_of_one_row_have_nothing_inside():
    labels = np.arange(30.0)
    one = make_set("a", labels, labels, groups=[f"g{i}" for i in range(30)], group_column="scene")
    assert within_figures(Measured(one, Settings(50)), None, []) == []


def test_unit_bands_of_ava():
    rng = np.random.default_rng(0)
    labels = rng.uniform(3, 7, 300)
    one = make_set("a", labels, labels + rng.normal(size=300))
    entry = within_figures(Measured(one, Settings(100)), AVA, [])[0]
    assert entry["column"] == "band"
    assert [part["name"] for part in entry["parts"]] == ["3..4", "4..5", "5..6", "6..7"]
    inside = (labels >= 4) & (labels < 5)
    assert entry["parts"][1]["srcc"] == pytest.approx(spearman(one, inside), abs=1e-12)
    assert entry["parts"][1]["low"] < entry["parts"][1]["srcc"] < entry["parts"][1]["high"]


def test_bands_between_empty_stretches_are_named_by_the_labels_in_them():
    rng = np.random.default_rng(0)
    labels = np.concatenate([rng.uniform(2, 3.5, 60), rng.uniform(4.7, 5.3, 60), rng.uniform(6.5, 8, 60)])
    one = make_set("a", labels, labels + rng.normal(size=180))
    (entry,) = within_figures(Measured(one, Settings(50)), None, [[3.5, 4.7], [5.3, 6.5]])
    assert [part["n"] for part in entry["parts"]] == [60, 60, 60]
    assert entry["parts"][0]["name"] == f"{labels[:60].min():.4g}..{labels[:60].max():.4g}"
    assert entry["mean"]["value"] < spearman(one, np.ones(180, bool)) - 0.2


def test_the_last_edge_belongs_to_the_last_band():
    labels = np.array([9.0, 9.5, 10.0, 8.0, 8.5, 8.9])
    one = make_set("a", labels, labels**2)
    (entry,) = within_figures(Measured(one, Settings(50)), AVA, [])
    assert [(part["name"], part["n"]) for part in entry["parts"]] == [("8..9", 3), ("9..10", 3)]


def test_names_with_numbers_are_in_their_order():
    one = generated(n_groups=30, per_group=4)
    generator = np.tile(["sd10", "sd9", "a", "sd1.5"], 30)
    entry = within_figures(Measured(replace(one, columns={"generator": generator}), Settings(50)), AGIQA, [])[
        0
    ]
    assert [part["name"] for part in entry["parts"]] == ["a", "sd1.5", "sd9", "sd10"]


def test_the_floor_is_the_mean_of_the_generator_on_other_folds():
    fold = np.repeat([str(i % 4) for i in range(40)], 5)
    one = generated(fold=fold)
    found = floor_figure(Measured(one, Settings(100)), "generator")["floor_generator_srcc"]
    predicted = [
        np.mean(one.labels[(fold != fold[i]) & (one.columns["generator"] == one.columns["generator"][i])])
        for i in range(200)
    ]
    assert found["value"] == pytest.approx(stats.spearmanr(predicted, one.labels).statistic, abs=1e-12)
    assert found["low"] < found["value"] < found["high"]
    assert "no pixels" in found["note"]
    expected = paired_difference(
        srcc, one.scores, predicted, one.labels, one.groups, n_resamples=100, rng=np.random.default_rng(0)
    )
    told = found["difference"]
    assert (told["value"], told["p"]) == (expected.difference, expected.p_value)
    assert (told["low"], told["high"]) == (expected.interval.low, expected.interval.high)


def test_a_generator_of_one_fold_falls_back_on_the_mean_of_all():
    fold = np.array(["0"] * 4 + ["1"] * 4)
    one = make_set("a", [1, 2, 3, 4, 5, 6, 7, 8.0], np.arange(8.0))
    one = replace(one, columns={"generator": np.array(list("aabbccdd")), "fold": fold})
    found = floor_figure(Measured(one, Settings(50)), "generator")["floor_generator_srcc"]
    assert found["value"] == pytest.approx(stats.spearmanr([6.5] * 4 + [2.5] * 4, one.labels).statistic)
    few = replace(one, groups=np.array(list("aabbccdd")), group_column="scene")
    found = floor_figure(Measured(few, Settings(50)), "generator")["floor_generator_srcc"]["difference"]
    assert found["value"] > 1
    assert math.isnan(found["low"])


def test_without_folds_there_is_no_floor():
    assert floor_figure(Measured(generated(), Settings(50)), "generator") == {}
    assert floor_figure(Measured(generated(fold=np.repeat("0", 200)), Settings(50)), "generator") == {}
