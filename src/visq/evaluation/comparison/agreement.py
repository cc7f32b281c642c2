"""How far scorers agree with each other, and on which pictures least. Knows arrays; no truth but for show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.metrics import krcc

Float64Array = NDArray[np.float64]
MOST_SHOWN = 24
"""Pictures that two scorers disagree on most, as many as one looks at."""


@dataclass(frozen=True)
class SameOrder:
    """How two scorers order pairs of pictures.

    Attributes:
        share: 0..1, of the pairs that both tell apart, those that they order alike; nan where there is none.
        n_pairs: pairs that both tell apart.
        n_tied: pairs to which one of them or both give the same score twice.
    """

    share: float
    n_pairs: int
    n_tied: int


def same_order(a: ArrayLike, b: ArrayLike) -> SameOrder:
    """Count the pairs that two scorers order alike, in n log n.

    Args:
        a: float [n], n >= 2, finite; scores of the first scorer.
        b: float [n], finite; of the second, the same rows.

    Returns:
        Share and numbers of pairs.

    Raises:
        DataError: lengths differ, n < 2, or a value is not finite.
        MissingExtra: scipy is not installed.

    Source:
        P + Q = n (n - 1) / 2 - ties in a - ties in b + ties in both, by counting; and
        P - Q = tau_b sqrt((pairs - ties in a)(pairs - ties in b)), the definition of Kendall 1945, rounded to
        the whole number that it is. The share is P / (P + Q).

    Example:
        >>> same_order([1, 2, 3, 3], [1, 3, 2, 2])
        SameOrder(share=0.6, n_pairs=5, n_tied=1)
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    tau = krcc(x, y)
    pairs = _pairs(np.array([x.size]))
    in_x, in_y = (_pairs(np.unique(v, return_counts=True)[1]) for v in (x, y))
    in_both = _pairs(np.unique(np.stack([x, y]), axis=1, return_counts=True)[1])
    told = pairs - in_x - in_y + in_both
    if math.isnan(tau) or told == 0:
        return SameOrder(math.nan, told, pairs - told)
    surplus = round(tau * math.sqrt(pairs - in_x) * math.sqrt(pairs - in_y))
    return SameOrder((told + surplus) / (2 * told), told, pairs - told)


def _pairs(sizes: NDArray[np.int64]) -> int:
    return int((sizes.astype(np.int64) * (sizes.astype(np.int64) - 1) // 2).sum())


def percentile_ranks(values: ArrayLike) -> Float64Array:
    """Share of the values below each one, ties counted half, itself too: in 0..1, and 0.5 on average.

    Args:
        values: float [n], finite.

    Returns:
        float64 [n], (rank - 1/2) / n with the mean rank of ties.

    Example:
        >>> percentile_ranks([3.0, 1.0, 2.0, 2.0]).tolist()
        [0.875, 0.125, 0.5, 0.5]
    """
    _, of_row, sizes = np.unique(
        np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True
    )
    below = np.cumsum(sizes) - sizes
    return np.asarray(((below + sizes / 2) / of_row.size)[of_row.reshape(-1)], dtype=np.float64)


@dataclass(frozen=True)
class Disagreement:
    """One picture that scorers place differently.

    Attributes:
        row: its position.
        ranks: scorer -> 0..1, percentile rank of its score.
        label_rank: 0..1, percentile rank of its opinion score.
        gap: 0..1, largest rank less smallest.
    """

    row: int
    ranks: Mapping[str, float]
    label_rank: float
    gap: float


def disagreements(
    scores: Mapping[str, Float64Array], mos: ArrayLike, *, most: int = MOST_SHOWN
) -> list[Disagreement]:
    """The rows that scorers place furthest apart, by percentile ranks, so that their scales do not matter.

    Args:
        scores: scorer -> float64 [n], the same rows.
        mos: float [n], opinion scores, higher is better; only ranked and handed on.
        most: how many rows at most.

    Returns:
        Rows in order of their gap, largest first, earlier rows first among equals; none without a gap.
    """
    ranks = {name: percentile_ranks(values) for name, values in scores.items()}
    stacked, of_label = np.stack(list(ranks.values())), percentile_ranks(mos)
    gaps = stacked.max(axis=0) - stacked.min(axis=0)
    order = np.argsort(-gaps, kind="stable")[:most]
    return [
        Disagreement(
            int(i), {name: float(r[i]) for name, r in ranks.items()}, float(of_label[i]), float(gaps[i])
        )
        for i in order
        if gaps[i] > 0
    ]
