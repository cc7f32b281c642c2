"""The interval that level words imply: which lowest and highest score cut them so. Knows arrays only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
Levels = NDArray[np.int64]

_ROUNDING = 1e-9  # share of the scores' range by which a cut may miss an edge in float64


@dataclass(frozen=True)
class ImpliedInterval:
    """Ends of five equal intervals that the words of a list follow.

    Attributes:
        low: smallest and largest lower end that reproduces every word; one point where none does.
        high: smallest and largest upper end, likewise.
        n_wrong: words that even the best ends do not reproduce.
        best: the lower and upper end to use: the middle of all that fit, or the best found.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    n_wrong: int
    best: tuple[float, float]


def implied_interval(scores: Float64Array, levels: Levels, n_levels: int = 5) -> ImpliedInterval | None:
    """All ends m, M whose equal intervals give every score its level; the best ends where none do.

    Either edge of an interval may belong to it, as data sets differ in that.

    Args:
        scores: float64 [n], finite, higher is better.
        levels: int64 [n], 0 (worst) to n_levels - 1.
        n_levels: how many there are.

    Returns:
        None where the words leave an end open: fewer than three levels have scores.

    Source:
        SPEC of the rule: level k when m + k w < s <= m + (k + 1) w, w = (M - m) / n_levels (Q-Align,
        arXiv 2312.17090, section 3.1). Each border between neighbours bounds one linear function of m and M,
        so what fits is a convex polygon; its corners are crossings of two bounds.

    Example:
        >>> found = implied_interval(np.array([10.0, 30, 50, 70, 90]), np.arange(5))
        >>> found.n_wrong, found.low[0] <= 0 <= found.low[1], found.high[0] <= 100 <= found.high[1]
        (0, True, True)
    """
    if np.unique(levels).size < 3:
        return None
    order = np.argsort(scores, kind="stable")
    scores, levels = scores[order], levels[order]
    strict = [_strict_bounds(scores, levels, k) for k in range(1, n_levels)]
    slack = _ROUNDING * float(scores[-1] - scores[0])
    corners = _corners(strict, n_levels, slack)
    if any(low < high for low, high in corners):
        low, high = [m for m, _ in corners], [M for _, M in corners]
        best = (float(np.mean(low)), float(np.mean(high)))
        return ImpliedInterval((min(low), max(low)), (min(high), max(high)), 0, best)
    best, n_wrong = _best(scores, levels, n_levels, slack)
    if math.isnan(best[0]):
        return None
    return ImpliedInterval((best[0], best[0]), (best[1], best[1]), n_wrong, best)


def count_wrong(scores: Float64Array, levels: Levels, ends: tuple[float, float], n_levels: int = 5) -> int:
    """Scores whose level is another than the intervals between two ends give, either edge being allowed."""
    return int((steps_off(scores, levels, ends, n_levels) > 0).sum())


def steps_off(
    scores: Float64Array, levels: Levels, ends: tuple[float, float], n_levels: int = 5
) -> Float64Array:
    """How far each score lies outside the interval of its level, float64 [n], as a share of the whole length.

    0 inside or on an edge; the end levels are open outwards.
    """
    low, high = ends
    width = (high - low) / n_levels
    below = np.where(levels == 0, -np.inf, low + levels * width)
    above = np.where(levels == n_levels - 1, np.inf, low + (levels + 1) * width)
    outside = np.maximum(np.maximum(below - scores, scores - above), 0.0) / (high - low)
    return np.asarray(np.where(outside > _ROUNDING, outside, 0.0), dtype=np.float64)


def _strict_bounds(scores: Float64Array, levels: Levels, k: int) -> tuple[float, float]:
    """Largest score of the levels below k, smallest of those from k on: the cut lies between."""
    under, over = scores[levels < k], scores[levels >= k]
    return float(under[-1]) if under.size else -math.inf, float(over[0]) if over.size else math.inf


def _corners(bounds: Sequence[tuple[float, float]], n_levels: int, slack: float) -> list[tuple[float, float]]:
    """Corners (m, M) of low_k <= m + k (M - m) / n <= high_k for all cuts k; none if nothing fits."""
    lines = [(k / n_levels, end) for k, both in enumerate(bounds, 1) for end in both if math.isfinite(end)]
    corners = []
    for (a, at_a), (b, at_b) in combinations(lines, 2):
        if a == b:
            continue
        span = (at_b - at_a) / (b - a)  # M - m
        m = at_a - a * span
        if span >= 0 and _fits(bounds, m, span, n_levels, slack):
            corners.append((m, m + span))
    return corners


def _fits(bounds: Sequence[tuple[float, float]], m: float, span: float, n_levels: int, slack: float) -> bool:
    return all(
        low - slack <= m + k / n_levels * span <= high + slack for k, (low, high) in enumerate(bounds, 1)
    )


def _best(
    scores: Float64Array, levels: Levels, n_levels: int, slack: float
) -> tuple[tuple[float, float], int]:
    """Ends with the fewest wrong words, among those that put two cuts where fewest words cross them."""
    cuts = {k: _cut(scores, levels, k) for k in range(1, n_levels)}
    known = {k: cut for k, cut in cuts.items() if cut is not None}
    every = [known.get(k, (-math.inf, math.inf)) for k in range(1, n_levels)]
    tried = [ends for ends in _corners(every, n_levels, slack) if ends[0] < ends[1]]
    tried = tried or list(_pairs(known, n_levels))
    best, fewest = (math.nan, math.nan), scores.size + 1
    if len(tried) > 1:
        tried.append((float(np.mean([m for m, _ in tried])), float(np.mean([M for _, M in tried]))))
    for ends in tried:
        wrong = count_wrong(scores, levels, ends, n_levels)
        if wrong <= fewest:  # the middle of what fits comes last, and wins a tie
            best, fewest = ends, wrong
    return best, fewest


def _pairs(cuts: dict[int, tuple[float, float]], n_levels: int) -> Iterator[tuple[float, float]]:
    """Ends through any two cuts, at the edges and the middle of where each may lie."""
    for (a, of_a), (b, of_b) in combinations(cuts.items(), 2):
        for at_a in (*of_a, sum(of_a) / 2):
            for at_b in (*of_b, sum(of_b) / 2):
                width = (at_b - at_a) / (b - a)
                if width > 0:
                    low = at_a - a * width
                    yield low, low + n_levels * width


def _cut(scores: Float64Array, levels: Levels, k: int) -> tuple[float, float] | None:
    """The stretch between two scores where the cut below level k leaves fewest words on the wrong side."""
    above = levels >= k
    if above.all() or not above.any():
        return None
    # Wrong if the cut lies after i rows: those above it among the first i, those below it among the rest.
    wrong = np.concatenate([[0], np.cumsum(above)]) + np.concatenate([np.cumsum(~above[::-1])[::-1], [0]])
    inner = np.flatnonzero(np.diff(scores) > 0) + 1  # no cut lies between equal scores
    if not inner.size:
        return None
    at = int(inner[np.argmin(wrong[inner])])
    return float(scores[at - 1]), float(scores[at])
