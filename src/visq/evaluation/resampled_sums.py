"""Sums over resamples of whole groups, and figures that are functions of sums. Knows arrays, no intervals.

A mean, a root mean square or a Pearson correlation needs only sums over rows. Each group's sums are made
once; a resample then adds up those of the groups it drew, instead of gathering rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.resampling import Float64Array, Groups
from visq.metrics import plcc

_TINY = 1e-6
"""A resample whose variance is below this share of the variance of all rows is computed from its rows."""


def resampled_sums(
    columns: Float64Array, members: Sequence[Groups], n_resamples: int, rng: np.random.Generator
) -> Float64Array:
    """Sums of columns over resamples: as many groups as there are, drawn with replacement.

    Args:
        columns: float64 [n, k], finite.
        members: rows of each group.
        n_resamples: how many resamples.
        rng: source of the draws; the same state draws the same groups as `resampled`.

    Returns:
        float64 [n_resamples, k].
    """
    of_group = np.stack([columns[rows].sum(axis=0) for rows in members])  # [groups, k]
    n = len(members)
    return np.stack(
        [
            np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64) @ of_group
            for _ in range(n_resamples)
        ]
    )


def resampled_mean(
    values: NDArray[np.floating], members: Sequence[Groups], n_resamples: int, rng: np.random.Generator
) -> Float64Array:
    """Means of values over resamples.

    Args:
        values: float [n], finite.
        members: rows of each group; all rows together.
        n_resamples: how many resamples.
        rng: source of the draws.

    Returns:
        float64 [n_resamples].
    """
    centre = float(np.mean(values))
    columns = np.stack([np.ones(len(values)), np.asarray(values, dtype=np.float64) - centre], axis=1)
    sums = resampled_sums(columns, members, n_resamples, rng)
    return np.asarray(centre + sums[:, 1] / sums[:, 0], dtype=np.float64)


def resampled_plcc(
    x: Float64Array, y: Float64Array, members: Sequence[Groups], n_resamples: int, rng: np.random.Generator
) -> Float64Array:
    """What `plcc` gives for each resample, to rounding.

    Args:
        x: float64 [n], finite.
        y: float64 [n], finite.
        members: rows of each group; all rows together.
        n_resamples: how many resamples.
        rng: source of the draws.

    Returns:
        float64 [n_resamples]; nan where a resample's x or y is constant.
    """
    if x.min() == x.max() or y.min() == y.max():
        return np.full(n_resamples, np.nan)
    u, v = (np.asarray((values - values.mean()) / values.std()) for values in (x, y))
    columns = np.stack([np.ones_like(u), u, v, u * u, v * v, u * v], axis=1)
    state = rng.bit_generator.state
    w, a, b, aa, bb, ab = resampled_sums(columns, members, n_resamples, rng).T
    spread_u, spread_v = aa / w - (a / w) ** 2, bb / w - (b / w) ** 2
    is_fine = np.minimum(spread_u, spread_v) > _TINY
    product = np.where(is_fine, spread_u * spread_v, 1.0)
    r = np.clip((ab / w - a * b / w**2) / np.sqrt(product), -1.0, 1.0)
    if not is_fine.all():
        rng.bit_generator.state = state
        r[~is_fine] = _from_rows(lambda rows: plcc(x[rows], y[rows]), ~is_fine, members, rng)
    return np.asarray(r, dtype=np.float64)


def _from_rows(
    statistic: Callable[[Groups], float],
    wanted: NDArray[np.bool_],
    members: Sequence[Groups],
    rng: np.random.Generator,
) -> list[float]:
    """The statistic of the rows of the resamples wanted; the others are drawn and passed over."""
    n, found = len(members), []
    for is_wanted in wanted:
        drawn = rng.integers(0, n, n)
        if is_wanted:
            rows = np.concatenate([members[g] for g in drawn])
            found.append(statistic(rows) if rows.size > 1 else math.nan)
    return found
