"""Read-out `pairwise`: which of two pictures is better, asked in both orders and put together.

Knows numbers only: no pictures, no tokens, no model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from visq.core.errors import InputError
from visq.core.scales import Scale, level_values
from visq.core.types import BoolArray, FloatArray, IntArray, Reading
from visq.readouts.contrast import SHARE
from visq.readouts.expectation import (
    Float64Array,
    Level,
    checked_logprobs,
    checked_temperature,
    moments,
    outside,
    pooled,
    shares,
    word_groups,
)

_NOISE = 1e-6
"""Margins below it are ties: float32 log-probabilities do not tell them apart."""


@dataclass(frozen=True)
class PairReading(Reading):
    """A Reading of pairs (a, b) from a's side: a high value means that a is better.

    Attributes:
        winner: int64 [n]: 1 where a is better, -1 where b is, 0 for a tie (or where there is no reading).
        margin: float64 [n], -1..1: probability that a is better less that b is, the mean of both orders.
        order_bias: float64 [n], -1..1: how much more probable "the first shown is better" is than "the second
            shown is", the mean of both orders; 0 for a model that looks at the pictures only.
        orders_agree: bool [n]: each order by itself names the same winner, or each a tie.
    """

    winner: IntArray
    margin: FloatArray
    order_bias: FloatArray
    orders_agree: BoolArray


class Pairwise:
    """Preference for the first of two pictures, as the mean of the answers in both orders.

    A model that prefers the place and not the picture gets margin 0 and an order bias near 1 or -1.

    Args:
        answers: from "the second shown is better" to "the first shown is better", with or without a tie in
            the middle, or finer steps; mirrored, so that the swapped order means the same from behind. Each a
            word, or several that mean the same.
        scale: where certainty for b and for a lies; a tie is its middle.
        temperature: > 0; divides the answers' log-probabilities.
        tie: 0..1; margins of at most it are ties, as are pairs whose tie answer outweighs either side.

    Attributes:
        needs: the call of a backbone that answers it, here with two pictures a question.
        answers: every word to ask for.

    Raises:
        InputError: words are empty, too few or stand twice, or the temperature or `tie` is out of range.

    Source:
        Order averaging: each question is asked as (a, b) and as (b, a), and the distributions are averaged
        after the second is turned round.
    """

    needs: ClassVar[str] = "answer_logprobs"

    def __init__(
        self,
        answers: Sequence[Level],
        scale: Scale = SHARE,
        *,
        temperature: float = 1.0,
        tie: float = 0.0,
    ) -> None:
        groups = word_groups(answers, "pairwise")
        if not (math.isfinite(tie) and 0 <= tie < 1):
            raise InputError(f"tie must be a number from 0 up to 1, not {tie!r}")
        self.answers = tuple(word for group in groups for word in group)
        self.scale = scale
        self.values = level_values(len(groups), scale)
        self.temperature = checked_temperature(temperature)
        self.tie = tie
        self._sizes = [len(group) for group in groups]

    def read(self, logprobs: ArrayLike, *, closed_set: bool = False) -> PairReading:
        """Preferences of a batch of pairs.

        Args:
            logprobs: float [n, 2, k], natural-log probability of each answer in the order of `answers`; first
                with a shown first, then with b shown first.
            closed_set: there are no other answers, so `outside` is nan; logits will do.

        Returns:
            A PairReading on `scale`; `outside` is the mean of both orders. Reading (b, a) instead turns
            value, margin and winner round and leaves the order bias alone.

        Raises:
            InputError: the shape is not [n, 2, k], or a row's probabilities add up to more than 1.

        Example:
            >>> readout = Pairwise(["B", "tie", "A"])
            >>> reading = readout.read(np.log([[[0.1, 0.1, 0.8], [0.5, 0.1, 0.4]]]))
            >>> reading.winner.tolist(), reading.margin.round(6).tolist()
            ([1], [0.4])
            >>> reading.order_bias.round(6).tolist()
            [0.3]
        """
        logs = checked_logprobs(logprobs, ("n", 2, len(self.answers)))
        a_first, b_first = (pooled(np.ascontiguousarray(logs[:, i]), self._sizes) for i in (0, 1))
        shown, swapped = shares(a_first, self.temperature), shares(b_first, self.temperature)
        distribution = np.ascontiguousarray((shown + swapped[:, ::-1]) / 2)
        value, spread = moments(distribution, self.values)
        first, second = _margin(shown), _margin(swapped)
        margin = (first - second) / 2
        left = np.full(len(logs), np.nan) if closed_set else (outside(a_first) + outside(b_first)) / 2
        return PairReading(
            value,
            distribution,
            spread,
            left,
            winner=self._winner(distribution),
            margin=margin,
            order_bias=(first + second) / 2,
            orders_agree=(self._winner(shown) == -self._winner(swapped)) & ~np.isnan(margin),
        )

    def _winner(self, distribution: Float64Array) -> IntArray:
        against, neither, in_favour = _outcomes(distribution)
        margin = in_favour - against
        # A comparison with nan is false: no reading, no winner.
        won = (np.abs(margin) > max(self.tie, _NOISE)) & (neither <= np.maximum(against, in_favour))
        return np.where(won, np.where(margin > 0, 1, -1), 0).astype(np.int64)


def _margin(distribution: Float64Array) -> Float64Array:
    against, _, in_favour = _outcomes(distribution)
    return in_favour - against


def _outcomes(distribution: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Each float64 [n]: mass on answers for the second shown, on the middle one if any, for the first."""
    half = distribution.shape[1] // 2
    ends = distribution[:, :half], distribution[:, half:-half], distribution[:, -half:]
    against, neither, in_favour = (np.ascontiguousarray(part).sum(axis=1) for part in ends)
    return against, neither, in_favour
