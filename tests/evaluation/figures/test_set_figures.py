"""The figures of a set against scipy and plain counting; what does not exist says why."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from run_folders import make_set
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.evaluation import group_bootstrap
from visq.evaluation.figures.measured import Measured, Settings
from visq.evaluation.figures.protocols import protocol
from visq.evaluation.figures.set_figures import set_figures
from visq.metrics import crps_gaussian, krcc, srcc

FAST = Settings(resamples=200, seed=3)
UP, DOWN, MOS = Scale(0, 5), Scale(0, 100, "down"), Scale(1, 5)


def draw(n=120, seed=0, noise=0.7):
    rng = np.random.default_rng(seed)
    labels = np.round(rng.uniform(0.2, 4.8, n), 2)
    return labels, np.clip(1 + 4 * labels / 5 + noise * rng.normal(size=n), 1, 5)


def measured_set(**fields):
    labels, scores = draw()
    one = make_set("a", labels, scores, groups=np.arange(120) // 3, group_column="scene", label_scale=UP)
    return replace(one, **({"score_scale": MOS} | fields))


def test_correlations_agree_with_scipy():
    one = measured_set()
    figures = set_figures(one, settings=FAST)["figures"]
    for name, theirs in (
        ("srcc", stats.spearmanr), ("plcc", stats.pearsonr), ("krcc", stats.kendalltau)
    ):  # fmt: skip
        assert figures[name]["value"] == pytest.approx(theirs(one.scores, one.labels).statistic, abs=1e-12)
        assert figures[name]["low"] < figures[name]["value"] < figures[name]["high"]
        assert (figures[name]["n"], figures[name]["n_groups"]) == (120, 40)
    assert figures["plcc"]["fit"] == "none"


def test_intervals_are_those_of_the_group_bootstrap():
    one = measured_set()
    figures = set_figures(one, settings=FAST)["figures"]
    for name, statistic in (("srcc", srcc), ("krcc", krcc), ("plcc", lambda x, y: np.corrcoef(x, y)[0, 1])):
        rng = np.random.default_rng(3)
        wanted = group_bootstrap(statistic, [one.scores, one.mos], one.groups, n_resamples=200, rng=rng)
        assert figures[name]["low"] == pytest.approx(wanted.low, abs=1e-9)
        assert figures[name]["high"] == pytest.approx(wanted.high, abs=1e-9)


def test_errors_are_in_the_unit_of_the_labels():
    one = measured_set(stds=np.full(120, 0.25))
    figures = set_figures(one, settings=FAST)["figures"]
    gaps = [(s - 1) * 5 / 4 - label for s, label in zip(one.scores, one.labels, strict=True)]
    assert figures["rmse"]["value"] == pytest.approx(math.sqrt(sum(g * g for g in gaps) / 120), rel=1e-12)
    assert figures["mae"]["value"] == pytest.approx(sum(map(abs, gaps)) / 120, rel=1e-12)
    assert figures["outlier_ratio"]["value"] == sum(abs(g) > 0.5 for g in gaps) / 120
    assert figures["rmse"]["low"] < figures["rmse"]["value"] < figures["rmse"]["high"]


@pytest.mark.parametrize("missing", ["label_scale", "score_scale"])
def test_without_a_scale_there_is_no_error(missing):
    figures = set_figures(measured_set(**{missing: None}), settings=FAST)["figures"]
    assert math.isnan(figures["rmse"]["value"])
    assert "--label-scale" in figures["rmse"]["note"]
    assert not math.isnan(figures["srcc"]["value"])


def test_outlier_ratio_is_over_the_rows_whose_raters_are_known():
    stds = np.where(np.arange(120) < 30, 0.25, np.nan)
    figures = set_figures(measured_set(stds=stds), settings=FAST)["figures"]
    assert figures["outlier_ratio"]["n"] == 30
    unknown = set_figures(measured_set(), settings=FAST)["figures"]["outlier_ratio"]
    assert math.isnan(unknown["value"])
    assert "std" in unknown["note"]


def test_pairs_by_counting():
    one = measured_set()
    figures = set_figures(one, settings=FAST)["figures"]
    for name, gap in (("pair_accuracy", 0.0), ("pair_accuracy_gap_10", 0.5), ("pair_accuracy_gap_50", 2.5)):
        right = pairs = 0.0
        for i, j in itertools.combinations(range(120), 2):
            if abs(one.labels[i] - one.labels[j]) > gap:
                pairs += 1
                sign = np.sign(one.scores[i] - one.scores[j]) * np.sign(one.labels[i] - one.labels[j])
                right += (1 + sign) / 2
        assert figures[name]["value"] == pytest.approx(right / pairs, abs=1e-12)
        assert figures[name]["gap"] == gap
    free = set_figures(replace(one, label_scale=None), settings=FAST)["figures"]
    assert "pair_accuracy" in free
    assert "pair_accuracy_gap_10" not in free


def test_labels_that_point_down_are_turned():
    labels, scores = draw()
    one = replace(make_set("a", 100 - 20 * labels, scores, label_scale=DOWN), score_scale=MOS)
    figures = set_figures(one, settings=FAST)["figures"]
    assert figures["srcc"]["value"] == pytest.approx(stats.spearmanr(scores, labels).statistic, abs=1e-12)
    upright = replace(make_set("a", labels, scores, label_scale=UP), score_scale=MOS)
    assert figures["rmse"]["value"] == pytest.approx(
        20 * set_figures(upright, settings=FAST)["figures"]["rmse"]["value"], rel=1e-12
    )


def test_logistic_fits_say_what_they_are_and_have_no_interval():
    figures = set_figures(measured_set(), settings=FAST)["figures"]
    for fit, n in (("logistic4", 4), ("logistic5", 5)):
        found = figures[f"plcc_{fit}"]
        assert found["converged"] is True
        assert len(found["parameters"]) == n
        assert found["value"] >= figures["plcc"]["value"] - 0.01
        assert math.isnan(found["low"])
        assert "these very labels" in found["note"]


def test_a_fit_at_the_edge_of_what_is_searched_says_so():
    x = np.linspace(0, 1, 60)
    one = make_set("a", np.exp(4 * x), x)
    assert set_figures(one, settings=FAST)["figures"]["plcc_logistic4"]["at_limit"] is True
    assert set_figures(measured_set(), settings=FAST)["figures"]["plcc_logistic4"]["at_limit"] is False


def test_a_fit_that_does_not_exist_is_no_number():
    labels, scores = [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 2.5, 3.0]
    figures = set_figures(make_set("a", labels, scores), settings=FAST)["figures"]
    assert math.isnan(figures["plcc_logistic4"]["value"])
    assert figures["plcc_logistic4"]["converged"] is False
    assert "4 pairs do not determine" in figures["plcc_logistic4"]["note"]
    assert "plcc" in figures["plcc_logistic4"]["note"]


def test_coverage_of_the_scores_own_interval():
    one = measured_set()
    one = replace(one, low=one.scores - 0.5, high=one.scores + 0.7)
    found = set_figures(one, settings=FAST)["figures"]
    inside = [
        lo <= 1 + 4 * label / 5 <= hi for lo, label, hi in zip(one.low, one.labels, one.high, strict=True)
    ]
    assert found["coverage"]["value"] == sum(inside) / 120
    assert found["coverage"]["nominal"] == 0.9
    assert found["half_width"]["value"] == pytest.approx(0.6)
    assert "coverage" not in set_figures(measured_set(), settings=FAST)["figures"]


def test_gaussian_gaps_by_hand():
    labels, n = [1.0, 2.0, 3.0, 4.0], 4
    one = make_set("a", labels, [2.0, 2.0, 3.0, 5.0], label_scale=MOS)
    one = replace(one, score_scale=MOS, stds=np.full(n, 0.5), spread=np.full(n, 0.5))
    figures = set_figures(one, settings=FAST)["figures"]
    assert figures["gaussian_kl"]["value"] == pytest.approx((2 + 0 + 0 + 2) / 4)  # gap^2 / (2 std^2)
    assert figures["gaussian_w2"]["value"] == pytest.approx(0.5)
    hit, miss = crps_gaussian([0, 1], score=[0, 0], spread=[0.5, 0.5])
    assert figures["crps_gaussian"]["value"] == pytest.approx((hit + miss) / 2)
    # On half the scale in twice as fine a unit everything is half as large, and the gaps the same.
    halved = replace(one, scores=one.scores * 0.5, spread=one.spread * 0.5, score_scale=Scale(0.5, 2.5))
    again = set_figures(halved, settings=FAST)["figures"]
    for name in ("gaussian_kl", "gaussian_js", "gaussian_w2"):
        assert again[name]["value"] == pytest.approx(figures[name]["value"], rel=1e-12)
    unrated = set_figures(replace(one, stds=np.full(n, np.nan)), settings=FAST)["figures"]
    assert unrated["crps_gaussian"] == figures["crps_gaussian"]  # needs no std of the raters
    assert "gaussian_w2" not in unrated
    pointed = set_figures(replace(one, spread=np.zeros(n)), settings=FAST)["figures"]
    assert math.isnan(pointed["gaussian_kl"]["value"])
    assert "infinite in 4 rows" in pointed["gaussian_kl"]["note"]
    assert pointed["gaussian_w2"]["value"] == pytest.approx((math.hypot(1, 0.5) * 2 + 0.5 * 2) / 4)


def test_failed_rows_are_no_part_of_a_figure():
    one = measured_set()
    scores = np.where(np.arange(120) < 20, np.nan, one.scores)
    figures = set_figures(replace(one, scores=scores), settings=FAST)["figures"]
    wanted = stats.spearmanr(one.scores[20:], one.labels[20:]).statistic
    assert figures["srcc"]["value"] == pytest.approx(wanted, abs=1e-12)
    assert figures["srcc"]["n"] == 100


def test_texts_without_a_number_count_at_the_middle_too():
    one = measured_set()
    scores = np.where(np.arange(120) < 20, np.nan, one.scores)
    kinds = tuple("no-number" if np.isnan(s) else "" for s in scores)
    figures = set_figures(replace(one, scores=scores, kinds=kinds), settings=FAST)["figures"]
    wanted = stats.spearmanr(np.where(np.isnan(scores), 3.0, scores), one.labels).statistic
    assert figures["srcc_failures_at_middle"]["value"] == pytest.approx(wanted, abs=1e-12)
    assert figures["srcc_failures_at_middle"]["n"] == 120
    assert "srcc_failures_at_middle" not in set_figures(replace(one, scores=scores))["figures"]
    unknown = set_figures(replace(one, scores=scores, kinds=kinds, score_scale=None), settings=FAST)[
        "figures"
    ]
    assert math.isnan(unknown["srcc_failures_at_middle"]["value"])
    assert "--score-scale" in unknown["srcc_failures_at_middle"]["note"]


def test_rows_that_nobody_asked_for_are_no_failed_answers():
    one = measured_set()
    scores = one.scores.copy()
    scores[3], scores[100:] = np.nan, np.nan
    kinds = ("", "", "", "out-of-scale", *[""] * 96, *["limit"] * 20)
    found = set_figures(replace(one, scores=scores, kinds=kinds), settings=FAST)["figures"]
    found = found["srcc_failures_at_middle"]
    filled = np.where(np.isnan(scores), 3.0, scores)[:100]
    assert found["n"] == 100
    assert found["value"] == pytest.approx(stats.spearmanr(filled, one.labels[:100])[0], abs=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_leave_reasons_and_no_error(n):
    one = make_set("a", np.arange(1.0, n + 1), np.arange(1.0, n + 1), label_scale=MOS)
    found = set_figures(replace(one, score_scale=MOS, stds=np.ones(n), low=np.ones(n), high=np.ones(n)))
    for name, figure in found["figures"].items():
        assert math.isnan(figure["value"]) <= bool(figure["note"]), name
    assert math.isnan(found["figures"]["srcc"]["value"]) == (n < 2)


def test_constant_scores_have_no_correlation():
    labels, _ = draw()
    figures = set_figures(make_set("a", labels, np.full(120, 3.0)), settings=FAST)["figures"]
    assert math.isnan(figures["srcc"]["value"])
    assert "all scores are equal" in figures["srcc"]["note"]
    assert figures["pair_accuracy"]["value"] == 0.5


@pytest.mark.parametrize(("n_groups", "have"), [(1, "1 group is"), (2, "2 groups are"), (5, "5 groups are")])
def test_few_groups_have_no_interval(n_groups, have):
    labels, scores = draw()
    groups = [f"g{i % n_groups}" for i in range(120)]
    one = replace(make_set("a", labels, scores, groups=groups, label_scale=MOS), score_scale=MOS)
    found = set_figures(one, settings=Settings(50))
    for name in ("srcc", "plcc", "krcc", "rmse", "pair_accuracy"):
        assert math.isnan(found["figures"][name]["low"])
        assert f"no interval: {have} too few, it takes 6" in found["figures"][name]["note"]
        assert found["figures"][name]["method"] is None
    assert all(math.isnan(one["low"]) for one in found["reliability"])


def test_resamples_that_are_all_the_same_show_no_error():
    labels = np.linspace(1, 5, 40)
    one = replace(make_set("a", labels, labels, label_scale=MOS), score_scale=MOS)
    figures = set_figures(one, settings=Settings(50))["figures"]
    for name in ("srcc", "plcc", "krcc", "rmse", "pair_accuracy"):
        assert math.isnan(figures[name]["low"])
        assert "no interval: all resamples give the same" in figures[name]["note"]


def test_slow_figures_of_many_rows_have_fewer_resamples_or_none():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=3000)
    one = make_set("a", labels, labels + rng.normal(size=3000))
    measured = Measured(one, Settings(resamples=1000))
    few = measured.slow(krcc, [one.scores, one.mos], budget=3000 * 300)
    assert (few["n_resamples"], few["note"]) == (300, "interval from 300 resamples")
    none = measured.slow(krcc, [one.scores, one.mos], budget=3000 * 100)
    assert math.isnan(none["low"])
    assert none["note"] == "no interval: 3000 rows are too many to resample it"


def test_the_same_seed_gives_the_same_report_and_another_another():
    one = measured_set()
    first, second, other = (
        repr(set_figures(one, protocol("agiqa3k"), Settings(100, seed=seed))) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_settings_that_make_no_interval_are_refused():
    with pytest.raises(InputError, match="no interval of level 1 "):
        Settings(level=1.0)
    with pytest.raises(InputError, match="from 0 resamples"):
        Settings(resamples=0)
