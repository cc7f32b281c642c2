"""What labels look like and how scores lie beside them: histogram, residuals, bins. Knows arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.scales import LEVEL_WORDS, LevelIntervals
from visq.evaluation.figures.empty_stretches import empty_stretches
from visq.evaluation.figures.measured import Measured
from visq.evaluation.figures.scored import Float64Array, ScoredSet
from visq.evaluation.statistics.resampled_sums import resampled_sums

N_BARS = 20
N_BINS = 10


def label_facts(scored: ScoredSet) -> dict[str, Any]:
    """Mean, spread, ends and histogram of all labels, failed rows included, and the stretches without any."""
    labels = scored.labels
    if not labels.size:
        nothing = dict.fromkeys(("mean", "std", "min", "max"), math.nan)
        return nothing | {"histogram": {"edges": [], "counts": []}, "n_distinct": 0, "empty": []}
    low, high = float(labels.min()), float(labels.max())
    scale = scored.label_scale
    ends = (low, high) if scale is None else (min(low, scale.low), max(high, scale.high))
    counts, edges = np.histogram(labels, N_BARS, ends)
    return {
        "mean": float(labels.mean()),
        "std": float(labels.std(ddof=1)) if labels.size > 1 else math.nan,
        "min": low,
        "max": high,
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "n_distinct": int(np.unique(labels).size),
        "empty": [list(stretch) for stretch in empty_stretches(labels)],
    }


def level_residuals(rows: ScoredSet, intervals: LevelIntervals | None) -> list[dict[str, Any]]:
    """Score less label by the label's level, in the labels' unit; none where a scale is not known.

    Args:
        rows: rows with scores.
        intervals: what cuts the labels into levels.
    """
    moved = rows.scores_in_label_unit
    if moved is None or intervals is None:
        return []
    residuals, levels = moved - rows.mos, intervals.level(rows.labels)
    found = []
    for i, word in enumerate(LEVEL_WORDS):
        inside = residuals[levels == i]
        found.append(
            {
                "level": word,
                "n": int(inside.size),
                "mean_residual": float(inside.mean()) if inside.size else math.nan,
                "std_residual": float(inside.std(ddof=1)) if inside.size > 1 else math.nan,
            }
        )
    return found


def score_bins(measured: Measured) -> list[dict[str, Any]]:
    """Ten bins of about equally many scores, and the mean label in each with its interval over groups.

    Equal scores share a bin. Labels are turned so that higher is better.
    """
    rows = measured.rows
    if measured.n < 2 * N_BINS:
        return []
    bins = _equal_mass(rows.scores)
    n_bins = int(bins.max()) + 1
    inside = (bins[:, None] == np.arange(n_bins)).astype(np.float64)  # [n, bins]
    centre = float(rows.mos.mean())
    columns = np.concatenate([inside, inside * (rows.mos - centre)[:, None]], axis=1)
    sums = resampled_sums(columns, measured.members, measured.settings.resamples, measured.rng())
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may miss a bin: nan, and left out
        means = centre + sums[:, n_bins:] / sums[:, :n_bins]
    found = []
    for i in range(n_bins):
        here = bins == i
        low, high, _ = measured.ends(means[:, i])
        found.append(
            {
                "score_mean": float(rows.scores[here].mean()),
                "label_mean": float(rows.mos[here].mean()),
                "n": int(here.sum()),
                "low": low,
                "high": high,
            }
        )
    return found


def _equal_mass(scores: Float64Array) -> NDArray[np.int64]:
    """Bin of each score, int64 [n]: by the share of smaller ones, so that equal scores share a bin."""
    smaller = np.searchsorted(np.sort(scores), scores, side="left")
    return np.unique(N_BINS * smaller // scores.size, return_inverse=True)[1].reshape(-1).astype(np.int64)
