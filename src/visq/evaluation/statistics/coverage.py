"""How often labels lie inside intervals, over rows and by level, and what abstaining would save. Arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.evaluation.statistics.intervals import ends_of
from visq.evaluation.statistics.resampling import members_of, resampled
from visq.metrics import mae, rmse

Float64Array = NDArray[np.float64]

LEVEL = 0.95
"""Of the intervals round a coverage."""

_KEPT = tuple(share / 10 for share in range(10, 0, -1))
"""Shares of the rows that an abstention curve is drawn at, as far as ties let it."""


@dataclass(frozen=True)
class Covered:
    """Test rows with their intervals; every array is [n], on one scale.

    Attributes:
        labels: float64, the truth.
        values: float64, the scores.
        low: float64, lower ends.
        high: float64, upper ends.
        groups: str.
        levels: int64, the level of each score, 0 the worst.
    """

    labels: Float64Array
    values: Float64Array
    low: Float64Array
    high: Float64Array
    groups: NDArray[np.str_]
    levels: NDArray[np.int64]

    @property
    def inside(self) -> Float64Array:
        """float64 [n], 1 where the label lies in its interval, ends included."""
        return ((self.labels >= self.low) & (self.labels <= self.high)).astype(np.float64)


def coverage_table(rows: Covered, level_names: Sequence[str], n_resamples: int, seed: int) -> dict[str, Any]:
    """Share of labels inside, with 95 % intervals by bootstrap over groups.

    Args:
        rows: that nothing was fitted on.
        level_names: of the levels, worst first.
        n_resamples: of the bootstrap.
        seed: of its draws.

    Returns:
        `rows` and `groups` (groups weighing alike), each {value, low, high, n, n_groups}; `width`, the mean
        length of the intervals; `levels`, one such figure for each level with rows. nan where a figure or an
        interval does not exist.
    """
    inside = rows.inside
    _, of_row, sizes = np.unique(rows.groups, return_inverse=True, return_counts=True)
    levels = []
    for level, name in enumerate(level_names):
        at = rows.levels == level
        if at.any():
            share = _share([inside[at]], rows.groups[at], n_resamples, seed)
            levels.append({"level": name, **share, "width": float((rows.high - rows.low)[at].mean())})
    return {
        "rows": _share([inside], rows.groups, n_resamples, seed),
        "groups": _share([inside, 1 / sizes[of_row]], rows.groups, n_resamples, seed),
        "width": float((rows.high - rows.low).mean()),
        "levels": levels,
    }


def _share(
    columns: Sequence[Float64Array], groups: NDArray[np.str_], n_resamples: int, seed: int
) -> dict[str, float]:
    """A weighted mean and its interval by bootstrap, from six groups on.

    Where all rows are inside, or none, every resample is alike and a bootstrap has no width: then the
    interval is the exact one of as many independent trials as groups (Clopper and Pearson 1934).
    """
    n_groups, value = int(np.unique(groups).size), _mean(*columns)
    low, high, beyond = math.nan, math.nan, ((1 - LEVEL) / 2) ** (1 / n_groups)
    if 0 < value < 1:
        members, rng = members_of(groups, [len(groups)]), np.random.default_rng(seed)
        low, high, _ = ends_of(resampled(_mean, columns, members, n_resamples, rng), LEVEL, n_groups)
    elif n_groups > 1:
        low, high = (beyond, 1.0) if value == 1 else (0.0, 1 - beyond)
    return {"value": value, "low": low, "high": high, "n": int(groups.size), "n_groups": n_groups}


def _mean(values: Float64Array, weights: Float64Array | None = None) -> float:
    return float(np.average(values, weights=weights))


def error_table(values: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Mean absolute and root mean squared error, unit of the labels, and the mean of value - label."""
    bias = float(np.mean(np.asarray(values, dtype=np.float64) - np.asarray(labels, dtype=np.float64)))
    return {"mae": mae(values, labels), "rmse": rmse(values, labels), "bias": bias}


def abstention_curve(rows: Covered, uncertainty: ArrayLike) -> list[dict[str, float]]:
    """What is left when the most uncertain rows are put aside, from none of them to nine tenths.

    Args:
        rows: that nothing was fitted on.
        uncertainty: float [n], higher is less sure; known without the label.

    Returns:
        Points by falling share kept, each {kept, most (uncertainty kept), n, mae, rmse, coverage}. Rows of
        equal uncertainty stay or go together. One point, all rows, where all are equally uncertain: then
        there is nothing to abstain by.

    Source:
        Risk-coverage curve: El-Yaniv and Wiener 2010.
    """
    given, inside = np.asarray(uncertainty, dtype=np.float64), rows.inside
    points: list[dict[str, float]] = []
    for share in _KEPT:
        most = float(np.sort(given)[max(1, round(share * given.size)) - 1])
        if points and most == points[-1]["most"]:
            continue
        at = given <= most
        error = error_table(rows.values[at], rows.labels[at])
        points.append(
            {
                "kept": float(at.mean()),
                "most": most,
                "n": int(at.sum()),
                "mae": error["mae"],
                "rmse": error["rmse"],
                "coverage": float(inside[at].mean()),
            }
        )
    return points


def coverage_text(table: Mapping[str, Any], nominal: float) -> str:
    """The coverage found, in words that stand beside scores."""
    found = table["rows"]
    return (
        f"checked: {share_text(found)} of {found['n']} ratings ({found['n_groups']} groups) outside the fit "
        f"lie inside, aim {nominal:g}"
    )


def share_text(share: Mapping[str, Any]) -> str:
    """A share with its interval, or alone where it has none: `0.912 [0.880, 0.941]`."""
    ends = "" if math.isnan(share["low"]) else f" [{share['low']:.3f}, {share['high']:.3f}]"
    return f"{share['value']:.3f}{ends}"
