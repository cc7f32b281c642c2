"""Figures of labels 0 and 1 (authenticity): how well scores find the rows labelled 1. Knows arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from visq.core.scales import Scale
from visq.evaluation.figures.measured import Figure, Measured
from visq.evaluation.figures.scored import Float64Array, ScoredSet
from visq.metrics import (
    accuracy,
    auroc,
    average_precision,
    balanced_accuracy,
    ece,
    f1,
    reliability,
    tpr_at_fpr,
)

ASPECT = "authenticity"
THRESHOLD = 0.5
"""On a probability; a threshold chosen on these rows would look too good."""
RATES = {"tpr_at_fpr_01": 0.01, "tpr_at_fpr_05": 0.05}
_ROWS = 4_000_000
_BINS = 15


def is_detection(scored: ScoredSet) -> bool:
    """Whether the set's labels are classes: the aspect is authenticity and every label 0 or 1."""
    return scored.aspect == ASPECT and bool(np.isin(scored.labels, (0.0, 1.0)).all())


def detection_figures(measured: Measured) -> dict[str, Figure]:
    """Figures that find the rows labelled 1, whichever way their scale points.

    Args:
        measured: rows whose labels are 0 or 1.

    Returns:
        `auroc`, `ap`, true positive rates, and, where scores are probabilities, figures at 0.5 and `ece`.
    """
    labels, scores = measured.rows.labels, _towards_label_1(measured.rows)
    found = {
        "auroc": _figure(measured, auroc, scores, labels),
        "ap": _figure(measured, average_precision, scores, labels),
    }
    for name, rate in RATES.items():
        found[name] = _figure(measured, partial(_tpr, max_fpr=rate), scores, labels) | {"max_fpr": rate}
    probability = _probability(measured.rows)
    at_half = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "f1": f1}
    if probability is None:
        reason = "scores are no probabilities: their scale is not known (--score-scale 0..1)"
        return found | {name: measured.missing(reason) for name in (*at_half, "ece")}
    for name, statistic in at_half.items():
        at = partial(statistic, threshold=THRESHOLD)
        found[name] = _figure(measured, at, probability, labels) | {"threshold": THRESHOLD}
    return found | {"ece": _ece(measured, probability, labels) | {"bins": _BINS}}


def _figure(
    measured: Measured, statistic: Callable[..., float], scores: Float64Array, labels: Float64Array
) -> Figure:
    found = measured.slow(statistic, [scores, labels], budget=_ROWS)
    if measured.n and math.isnan(found["value"]) and labels.min() == labels.max():
        return found | {"note": f"all labels are {labels[0]:g}: there is no second class to tell apart"}
    return found


def _ece(measured: Measured, probability: Float64Array, labels: Float64Array) -> Figure:
    """ECE is too high by chance alone, and a resample's by more: quantiles of resamples miss the true one."""
    if measured.n < 1:
        return measured.missing("needs 1 rows")
    value = ece(probability, labels)
    return measured.figure(value, None, note="no interval: chance lifts it, and resamples twice over")


def _tpr(scores: Float64Array, labels: Float64Array, *, max_fpr: float) -> float:
    return tpr_at_fpr(scores, labels, max_fpr).tpr


def _points_down(rows: ScoredSet) -> bool:
    return rows.label_scale is not None and rows.label_scale.direction == "down"


def _towards_label_1(rows: ScoredSet) -> Float64Array:
    """Scores turned towards label 1: a score is higher for what is better, a label need not be."""
    return -rows.scores if _points_down(rows) else rows.scores


def _probability(rows: ScoredSet) -> Float64Array | None:
    """Probability of label 1; None where the scores' scale is not known."""
    if rows.score_scale is None:
        return None
    better = Scale(0.0, 1.0, "down" if _points_down(rows) else "up")
    return np.clip(rows.score_scale.convert(rows.scores, better), 0.0, 1.0)


def detection_reliability(measured: Measured) -> list[dict[str, Any]]:
    """Bins of equal width of the probability, and the share of label 1 in each; none for other scores."""
    probability = _probability(measured.rows)
    if probability is None or not probability.size:
        return []
    table = reliability(probability, measured.rows.labels, bins=_BINS)
    bins = zip(table.confidence, table.share, table.counts, strict=True)
    return [
        {"score_mean": mean, "label_mean": share, "n": n, "low": math.nan, "high": math.nan}
        for mean, share, n in bins
        if n
    ]
