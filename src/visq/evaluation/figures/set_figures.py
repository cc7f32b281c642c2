"""The figures of one scored set: which there are, over which rows, what they are called. Knows no file.

What is behind a figure (its definition and source) is `visq.metrics`; how its interval comes about is
`measured.py`. Figures within groups, residuals and bins are `within.py` and `label_facts.py`; those of labels
0 and 1 are `detection_figures.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from visq.core.scales import LevelIntervals, Scale
from visq.core.types import BoolArray
from visq.evaluation.figures.detection_figures import detection_figures, detection_reliability, is_detection
from visq.evaluation.figures.label_facts import label_facts, level_residuals, score_bins
from visq.evaluation.figures.measured import Figure, Measured, Settings
from visq.evaluation.figures.protocols import Protocol
from visq.evaluation.figures.scored import (
    LIMIT_KIND,
    NO_NUMBER_KIND,
    OUT_OF_SCALE_KIND,
    Float64Array,
    ScoredSet,
)
from visq.evaluation.figures.within import floor_figure, within_figures
from visq.metrics import (
    crps_gaussian,
    gaussian_js,
    gaussian_kl,
    gaussian_w2,
    krcc,
    mae,
    outlier_ratio,
    pair_accuracy,
    plcc_fitted,
    rmse,
)

GAPS = (0.1, 0.25, 0.5)
"""Shares of the labels' scale that the labels of a pair lie apart, for `pair_accuracy_gap_10` and so on."""

NOMINAL = 0.9
"""Coverage that the interval of a score aims at."""

OUTLIER_STDS = 2.0

_KRCC_ROWS, _PAIR_ROWS = 4_000_000, 1_000_000  # rows that all resamples may hold: about a second each


def set_figures(
    scored: ScoredSet, protocol: Protocol | None = None, settings: Settings | None = None
) -> dict[str, Any]:
    """Everything about one set that is a number.

    Args:
        scored: labels and scores of the set, failures included; figures are over the rows with a score.
        protocol: names columns and bands that figures are given within; None where there is none.
        settings: how intervals are made; None takes the defaults.

    Returns:
        `labels`, `figures`, `within`, `levels` and `reliability`, as `report.json` holds them; a figure that
        does not exist is nan with a note.

    Raises:
        MissingExtra: scipy is not installed.
    """
    measured = Measured(scored.kept(scored.is_scored), settings or Settings())
    facts = label_facts(scored)
    if is_detection(scored):
        figures = detection_figures(measured)
        return {
            "labels": facts,
            "figures": figures,
            "within": [],
            "levels": [],
            "reliability": detection_reliability(measured),
        }
    figures = _correlations(measured) | _errors(measured) | _pairs(measured)
    figures |= _distributions(measured) | _intervals(measured)
    if protocol is not None and protocol.floor is not None:
        figures |= floor_figure(measured, protocol.floor)
    if _answers_failed(scored):
        figures["srcc_failures_at_middle"] = _failures_at_middle(scored, measured.settings)
    form = None if protocol is None else protocol.form_of(scored.labels.tolist())
    intervals = form.intervals if form is not None and form.scale == scored.label_scale else None
    return {
        "labels": facts,
        "figures": figures,
        "within": within_figures(measured, protocol, facts["empty"]),
        "levels": level_residuals(measured.rows, intervals or _fifths(scored.label_scale)),
        "reliability": score_bins(measured),
    }


def _fifths(scale: Scale | None) -> LevelIntervals | None:
    return None if scale is None else LevelIntervals(scale)


def _correlations(measured: Measured) -> dict[str, Figure]:
    x, y = measured.rows.scores, measured.rows.mos
    found = {
        "srcc": measured.correlation("srcc", x, y),
        "plcc": measured.correlation("plcc", x, y) | {"fit": "none"},
        "krcc": measured.slow(krcc, [x, y], budget=_KRCC_ROWS, needs=2),
    }
    return found | {f"plcc_{fit}": _fitted(measured, fit) for fit in ("logistic4", "logistic5")}


def _fitted(measured: Measured, fit: str) -> Figure:
    """PLCC after a logistic fit: no interval, since every resample would need a fit of its own."""
    if measured.n < 2:
        return measured.missing("a correlation needs 2 rows") | {
            "fit": fit,
            "converged": False,
            "at_limit": False,
        }
    result = plcc_fitted(measured.rows.scores, measured.rows.mos, fit=fit)
    more = {
        "fit": fit,
        "converged": result.converged,
        "at_limit": result.at_limit,
        "parameters": list(result.parameters),
    }
    if not result.converged:
        return measured.missing(f"{result.reason}; see plcc, which is raw") | more
    note = "fitted on these very labels, so no property of the model; no interval is made of it"
    return measured.figure(result.value, None, note=note) | more


def _errors(measured: Measured) -> dict[str, Figure]:
    """Errors in the unit of the labels: only where it is known how to get there."""
    moved = measured.rows.scores_in_label_unit
    if moved is None:
        reason = "the labels' scale or the scores' is not known (--label-scale, --score-scale)"
        return {name: measured.missing(reason) for name in ("rmse", "mae", "outlier_ratio")}
    mos = measured.rows.mos
    gaps = moved - mos
    note = "scores moved linearly from their scale to the labels'"
    found = {
        "rmse": measured.mean(gaps**2, np.sqrt, note=note),
        "mae": measured.mean(np.abs(gaps), note=note),
    }
    if measured.n:  # the figure itself is that of visq.metrics; a mean of parts is what can be resampled
        found["rmse"]["value"], found["mae"]["value"] = rmse(moved, mos), mae(moved, mos)
    return found | {"outlier_ratio": _outlier_ratio(measured, moved)}


def _outlier_ratio(measured: Measured, moved: Float64Array) -> Figure:
    known = ~np.isnan(measured.rows.stds)
    if not known.any():
        return measured.missing("the raters' std is not known for any row")
    inside, moved = measured.kept(known), moved[known]
    mos, stds = inside.rows.mos, inside.rows.stds
    outliers = np.abs(moved - mos) > OUTLIER_STDS * stds
    note = f"share further from the label than {OUTLIER_STDS:g} std of its raters"
    found = inside.mean(outliers.astype(np.float64), note=note)
    return found | {"value": outlier_ratio(moved, mos, stds, k=OUTLIER_STDS)}


def _pairs(measured: Measured) -> dict[str, Figure]:
    x, y = measured.rows.scores, measured.rows.mos
    found = {"pair_accuracy": measured.slow(pair_accuracy, [x, y], budget=_PAIR_ROWS, needs=2) | {"gap": 0.0}}
    scale = measured.rows.label_scale
    if scale is None:
        return found
    for share in GAPS:
        gap = share * (scale.high - scale.low)

        def further_apart(a: Float64Array, b: Float64Array, gap: float = gap) -> float:
            return pair_accuracy(a, b, min_gap=gap)

        name = f"pair_accuracy_gap_{round(100 * share)}"
        found[name] = measured.slow(further_apart, [x, y], budget=_PAIR_ROWS, needs=2) | {"gap": gap}
    return found


def _distributions(measured: Measured) -> dict[str, Figure]:
    """How the score's Gaussian lies beside the label, and beside the raters' where their std is known."""
    rows = measured.rows
    has_spread, has_std = ~np.isnan(rows.spread), ~np.isnan(rows.stds)
    if rows.scores_in_label_unit is None or not has_spread.any():
        return {}
    held, moved, spread = _gaussians(measured, has_spread)
    gaps = crps_gaussian(held.rows.mos, score=moved, spread=spread)
    found = {"crps_gaussian": held.mean(gaps, note="mean over rows, the score's Gaussian against the label")}
    if not (has_spread & has_std).any():
        return found
    held, moved, spread = _gaussians(measured, has_spread & has_std)
    for name, gap in (
        ("gaussian_kl", gaussian_kl),
        ("gaussian_js", gaussian_js),
        ("gaussian_w2", gaussian_w2),
    ):
        gaps = gap(held.rows.mos, held.rows.stds, score=moved, spread=spread)
        found[name] = _mean_gap(held, gaps)
    return found


def _gaussians(measured: Measured, known: BoolArray) -> tuple[Measured, Float64Array, Float64Array]:
    """The rows that are known, their scores and their spreads in the unit of the labels."""
    held = measured.kept(known)
    unit = _length(held.rows.label_scale) / _length(held.rows.score_scale)
    return held, np.asarray(held.rows.scores_in_label_unit, dtype=np.float64), held.rows.spread * unit


def _length(scale: Scale | None) -> float:
    return math.nan if scale is None else scale.high - scale.low


def _mean_gap(measured: Measured, gaps: Float64Array) -> Figure:
    is_infinite = ~np.isfinite(gaps)
    if is_infinite.any():
        return measured.missing(f"infinite in {int(is_infinite.sum())} rows: a std of 0 lies beside another")
    return measured.mean(gaps, note="mean over rows, the label's Gaussian against the score's")


def _intervals(measured: Measured) -> dict[str, Figure]:
    """What became of the scores' own 90 % interval."""
    rows = measured.rows
    known = ~(np.isnan(rows.low) | np.isnan(rows.high))
    scales = rows.label_scale, rows.score_scale
    if scales[0] is None or scales[1] is None or not known.any():
        return {}
    inside = measured.kept(known)
    mos = Scale(scales[0].low, scales[0].high).convert(inside.rows.mos, scales[1])
    held = (inside.rows.low <= mos) & (mos <= inside.rows.high)
    widths = (inside.rows.high - inside.rows.low) / 2
    return {
        "coverage": inside.mean(held.astype(np.float64)) | {"nominal": NOMINAL},
        "half_width": inside.mean(widths, note="mean, in the unit of the scores"),
    }


def _answers_failed(scored: ScoredSet) -> bool:
    """Whether texts without a number that can be meant were among the answers, as against failed pictures."""
    return bool({NO_NUMBER_KIND, OUT_OF_SCALE_KIND} & set(scored.kinds))


def _failures_at_middle(scored: ScoredSet, settings: Settings) -> Figure:
    """SRCC with every failed row at the middle of the scale, so that failing hard rows does not pay."""
    asked = scored.kept(np.array(scored.kinds) != LIMIT_KIND)
    everyone, scale = Measured(asked, settings), scored.score_scale
    if scale is None:
        return everyone.missing("the scores' scale is not known, and so its middle is not (--score-scale)")
    middle = (scale.low + scale.high) / 2
    scores = np.where(asked.is_scored, asked.scores, middle)
    note = f"failed rows counted as {middle:g}"
    return everyone.correlation("srcc", scores, asked.mos, note=note)
