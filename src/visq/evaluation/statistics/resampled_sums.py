"""Sums over resamples of whole groups, and the means they give. Knows arrays, no intervals.

A mean or a root mean square needs only sums over rows. Each group's sums are made once; a resample then adds
up those of the groups it drew, instead of gathering rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.statistics.resampling import Float64Array, Groups


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
