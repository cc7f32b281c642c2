"""Opens a tree of answers only where it matters to the score, with a bound on what is left unopened.

Knows numbers and a function that says how probable next pieces are; no model, no tokenizer. Backbones that
run all answers in one pass have no need of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visq.core.errors import InputError
from visq.core.types import FloatArray, IntArray, Reading
from visq.readouts.expectation import Float64Array, moments, outside, shares
from visq.readouts.tree import AnswerTree, Ask, NextLogprobs, answered


@dataclass(frozen=True)
class TreeReading(Reading):
    """A Reading of a tree that was opened in part; an unopened node's mass is spread evenly over its answers.

    Attributes:
        error: float64 [n], in units of the value, guaranteed: what opening all of the tree could change the
            value by, rounding aside.
        spread_error: float64 [n], likewise what it could change the spread by.
        unread: float64 [n], 0..1, probability of the nodes never opened; `outside` is too low by at most it,
            and where it is 0 the distribution is exact too.
        n_asked: int64 [n], nodes opened, the root among them.
    """

    error: FloatArray
    spread_error: FloatArray
    unread: FloatArray
    n_asked: IntArray


def read_tree(
    tree: AnswerTree, values: Float64Array, ask: NextLogprobs, n: int, *, tolerance: float, temperature: float
) -> TreeReading:
    """Open the tree of each row until its value is known to within a tolerance.

    Rows are asked for together, level by level, but which nodes a row opens depends on that row alone.

    Args:
        tree: k answers.
        values: float64 [k], what each stands for.
        ask: how probable the next pieces are.
        n: rows of the batch.
        tolerance: >= 0, in units of the values: what `error` may be (`spread_error` may be more). 0 opens
            all that has any probability.
        temperature: > 0, of the distribution over whole answers.

    Raises:
        InputError: tolerance is not a number from 0 up, or `ask` answers with another shape.
    """
    if not tolerance >= 0:
        raise InputError(f"tolerance must be a number from 0 up, not {tolerance!r}")
    spans = _Spans(tree, values)
    walks = [_Walk(spans, temperature) for _ in range(n)]
    while True:
        wanted = [(row, node) for row, walk in enumerate(walks) for node in walk.worth_opening(tolerance)]
        if not wanted:
            return _reading(walks, values, temperature)
        asks = [Ask(row, tree.paths[node], tree.following[node]) for row, node in wanted]
        for (row, node), logs in zip(wanted, answered(ask, asks), strict=True):
            walks[row].open(node, logs)


class _Spans:
    """What is known of each node without asking: how many answers lie below it, and from where to where."""

    def __init__(self, tree: AnswerTree, values: Float64Array) -> None:
        self.tree = tree
        self.count = np.array([len(below) for below in tree.below], np.float64)
        self.low = np.array([values[below].min() for below in tree.below])
        self.high = np.array([values[below].max() for below in tree.below])
        self.mean = np.array([values[below].mean() for below in tree.below])
        self.values = values


class _Walk:
    """One row's way through the tree: finished answers, and the nodes reached but not opened."""

    def __init__(self, spans: _Spans, temperature: float) -> None:
        self._spans = spans
        self._temperature = temperature
        self.leaves: Float64Array = np.full(spans.tree.n_answers, -np.inf)
        self.reached = {0: 0.0}  # node -> natural-log probability of saying the pieces up to it
        self.n_asked = 0
        self.error = np.nan

    def open(self, node: int, logs: Float64Array) -> None:
        tree = self._spans.tree
        before = self.reached.pop(node)
        self.n_asked += 1
        for child, log in zip(tree.children[node], logs[: len(tree.children[node])], strict=True):
            if log != -np.inf:
                self.reached[child] = before + float(log)
        if tree.ends[node] >= 0:
            self.leaves[tree.ends[node]] = before + logs[-1]

    def worth_opening(self, tolerance: float) -> list[int]:
        """Nodes whose opening brings the error towards the tolerance; none once it is there."""
        if self.n_asked == 0:
            return [0]  # whatever the tolerance: the middle of a scale is no reading
        nodes, kept, most, sums = self._masses()
        if np.isnan(sums).any():  # nan from the backbone, or nothing possible at all
            self.error = np.nan
            return []
        mass, total = sums
        low, high, mean = (getattr(self._spans, end)[nodes] for end in ("low", "high", "mean"))
        value = (total + (kept * mean).sum()) / (mass + kept.sum())
        self.error = max(
            _farthest(mass, total, most, high) - value, value + _farthest(mass, -total, most, -low)
        )
        if not nodes.size or self.error <= tolerance:
            self.error = max(self.error, 0.0) if nodes.size else 0.0
            return [] if tolerance else nodes.tolist()
        stakes = most * np.maximum(np.abs(high - value), np.abs(low - value))
        order = np.argsort(-stakes, kind="stable")
        # Leaving out nodes of stakes s moves the value by 2 sum(s) / mass at most: the smallest set that, as
        # far as is known now, brings that below the tolerance. What it cannot know, the next round sees.
        left = np.cumsum(stakes[order][::-1])[::-1]
        n_open = max(1, int((left > tolerance / 2 * (mass + kept.sum())).sum()))
        return [int(node) for node in nodes[order[:n_open]]]

    def spread_error(self, value: float, spread: float) -> float:
        """How far from `spread` the standard deviation of the whole tree can be."""
        nodes, _, most, (mass, _) = self._masses()
        if not nodes.size or np.isnan(mass):
            return 0.0 if spread == spread else np.nan
        low, high = self._spans.low[nodes], self._spans.high[nodes]
        # The mean square about `value` is bounded as the mean is; the variance is that less the square of how
        # far the mean is from `value`, which is at most the error.
        finished = float((self._weights() * (self._spans.values - value) ** 2).sum())
        farthest = np.maximum(np.abs(high - value), np.abs(low - value)) ** 2
        nearest = np.maximum(0.0, np.maximum(low - value, value - high)) ** 2
        most_square = _farthest(mass, finished, most, farthest)
        least_square = -_farthest(mass, -finished, most, -nearest) - self.error**2
        return float(max(np.sqrt(most_square) - spread, spread - np.sqrt(max(0.0, least_square)), 0.0))

    @property
    def unread(self) -> float:
        return float(sum(np.exp(log) for log in self.reached.values()))

    def evenly_spread(self) -> Float64Array:
        """float64 [k], log-probability of each answer, an unopened node's evenly spread over its own."""
        logs = self.leaves.copy()
        for node, log in self.reached.items():
            below = self._spans.tree.below[node]
            with np.errstate(invalid="ignore"):  # a backbone's nan stays nan
                logs[below] = np.logaddexp(logs[below], log - np.log(len(below)))
        return logs

    def _masses(self) -> tuple[IntArray, Float64Array, Float64Array, tuple[float, float]]:
        """Unopened nodes; what they weigh, spread evenly and at most; of the finished, mass and value x mass.

        At temperature T an answer weighs P^(1/T). N answers that share P weigh N (P/N)^(1/T) if they share
        evenly, and never more than the larger of that (T >= 1, concave) and P^(1/T) (T < 1, convex).
        """
        nodes = np.array(list(self.reached), np.int64)
        logs = np.array(list(self.reached.values()))
        if not np.isfinite(self._peak):
            return nodes, logs, logs, (np.nan, np.nan)
        most = np.exp((logs - self._peak) / self._temperature)
        evenly = most * self._spans.count[nodes] ** (1.0 - 1.0 / self._temperature)
        weights = self._weights()
        sums = float(weights.sum()), float((weights * self._spans.values).sum())
        return nodes, evenly, np.maximum(evenly, most), sums

    @property
    def _peak(self) -> float:
        return float(np.max([*self.reached.values(), *self.leaves]))  # nan if any is

    def _weights(self) -> Float64Array:
        """float64 [k], not normalised: what the finished answers weigh."""
        return np.asarray(np.exp((self.leaves - self._peak) / self._temperature))


def _farthest(mass: float, total: float, most: Float64Array, ends: Float64Array) -> float:
    """The largest mean that masses of 0 to `most`, placed at `ends`, can make of (total, mass).

    The best choice takes whole masses from the farthest end on until one would pull the mean back.
    """
    order = np.argsort(-ends, kind="stable")
    masses = mass + np.concatenate([[0.0], np.cumsum(most[order])])
    totals = total + np.concatenate([[0.0], np.cumsum((most * ends)[order])])
    possible = masses > 0
    return float(np.max(totals[possible] / masses[possible], initial=-np.inf))


def _reading(walks: Sequence[_Walk], values: Float64Array, temperature: float) -> TreeReading:
    logs = np.array([walk.evenly_spread() for walk in walks]).reshape(len(walks), len(values))
    distribution = shares(logs, temperature)
    value, spread = moments(distribution, values)
    return TreeReading(
        value,
        distribution,
        spread,
        outside(logs),
        error=np.array([walk.error for walk in walks]),
        spread_error=np.array(
            [walk.spread_error(*row) for walk, *row in zip(walks, value, spread, strict=True)]
        ),
        unread=np.array([walk.unread for walk in walks]),
        n_asked=np.array([walk.n_asked for walk in walks], np.int64),
    )
