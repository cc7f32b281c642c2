"""Figures of labels 0 and 1, against scikit-learn, whichever way the labels point."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from run_folders import make_set
from visq.core.scales import Scale
from visq.evaluation.figures.measured import Settings
from visq.evaluation.figures.set_figures import set_figures

SHARE, FORGED = Scale(0, 1), Scale(0, 1, "down")


def detector(label_scale=SHARE, n=200, **fields):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n).astype(float)
    probability = np.clip(0.5 + 0.3 * (labels - 0.5) + 0.2 * rng.normal(size=n), 0, 1)
    one = make_set("a", labels, probability, label_scale=label_scale, aspect="authenticity")
    return replace(one, **({"score_scale": SHARE} | fields)), probability


def figures_of(one):
    return set_figures(one, settings=Settings(200))["figures"]


def test_figures_agree_with_scikit_learn():
    one, p = detector()
    found, called = figures_of(one), p >= 0.5
    wanted = {
        "auroc": metrics.roc_auc_score(one.labels, p),
        "ap": metrics.average_precision_score(one.labels, p),
        "accuracy": metrics.accuracy_score(one.labels, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(one.labels, called),
        "f1": metrics.f1_score(one.labels, called),
    }
    for name, value in wanted.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-12)
        assert found[name]["low"] < value < found[name]["high"]
    fpr, tpr, _ = metrics.roc_curve(one.labels, p, drop_intermediate=False)
    assert found["tpr_at_fpr_05"]["value"] == pytest.approx(tpr[fpr <= 0.05].max())
    assert found["tpr_at_fpr_05"]["max_fpr"] == 0.05
    assert "srcc" not in found


def test_label_1_for_forged_is_still_what_is_found():
    """Scores are higher for what is better, so where 1 is worse the probability of 1 is turned round."""
    one, p = detector(label_scale=FORGED)
    found = figures_of(replace(one, scores=1 - p))
    assert found["ap"]["value"] == pytest.approx(metrics.average_precision_score(one.labels, p), abs=1e-12)
    assert found["f1"]["value"] == pytest.approx(metrics.f1_score(one.labels, p >= 0.5), abs=1e-12)


def test_calibration_and_bins():
    one, p = detector()
    report = set_figures(one, settings=Settings(100))
    bins = np.clip(np.ceil(p * 15), 1, 15)
    gaps = [(bins == b).sum() * abs(one.labels[bins == b].mean() - p[bins == b].mean()) for b in set(bins)]
    assert report["figures"]["ece"]["value"] == pytest.approx(sum(gaps) / 200, abs=1e-12)
    assert math.isnan(report["figures"]["ece"]["low"])
    assert "no interval" in report["figures"]["ece"]["note"]
    assert sum(entry["n"] for entry in report["reliability"]) == 200
    assert report["within"] == report["levels"] == []


def test_scores_that_are_no_probabilities_have_no_figures_at_half():
    one, _ = detector(score_scale=None)
    report = set_figures(one, settings=Settings(100))
    assert math.isnan(report["figures"]["accuracy"]["value"])
    assert "--score-scale 0..1" in report["figures"]["accuracy"]["note"]
    assert report["figures"]["auroc"]["value"] > 0.5
    assert report["reliability"] == []


def test_scores_on_another_scale_are_brought_to_probabilities():
    one, p = detector()
    found = figures_of(replace(one, scores=1 + 4 * p, score_scale=Scale(1, 5)))
    assert found["f1"]["value"] == pytest.approx(metrics.f1_score(one.labels, p >= 0.5), abs=1e-12)


def test_one_class_alone_says_why():
    one, _ = detector()
    found = figures_of(replace(one, labels=np.ones(200)))
    assert math.isnan(found["auroc"]["value"])
    assert found["auroc"]["note"] == "all labels are 1: there is no second class to tell apart"
    assert found["accuracy"]["value"] > 0  # exists


def test_ratings_of_authenticity_are_ratings():
    one, _ = detector()
    found = figures_of(replace(one, labels=one.labels * 3 + 1))
    assert "srcc" in found
    assert "auroc" not in found
