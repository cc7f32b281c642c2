"""Read-out `contrast`: two opposite words, or two sets of words, to the share of the positive one.

Knows numbers only: no pictures, no tokens, no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from visq.core.errors import InputError
from visq.core.scales import Scale, level_values
from visq.core.types import Reading
from visq.readouts.expectation import (
    Float64Array,
    Level,
    checked_logprobs,
    checked_temperature,
    pooled,
    read_expectation,
    word_groups,
)

SHARE = Scale(0.0, 1.0)
"""Where probabilities lie."""


class Contrast:
    """Probability of the positive of two answers (good against poor, yes against no), given one of the two.

    Words of one side are disjoint answers, so their probabilities add up: a side with more words is favoured
    as far as the model says them.

    Args:
        answers: the negative side, then the positive one; each a word, or several that mean the same.
        scale: where certainty of the negative and of the positive lies.
        temperature: > 0; divides the sides' log-probabilities. It leaves the order of scores alone, not PLCC.

    Attributes:
        needs: the call of a backbone that answers it.
        answers: every word to ask for, the negative ones first.

    Raises:
        InputError: there are not two sides, words are empty or stand twice, or the temperature is not a
            finite number above 0.

    Source:
        value = P(positive) / (P(positive) + P(negative)): Q-Bench, arXiv 2309.14181 (good and poor).

    Example:
        >>> reading = Contrast(["poor", "good"]).read(np.log([[0.2, 0.6]]))
        >>> round(float(reading.value[0]), 6), round(float(reading.outside[0]), 6)
        (0.75, 0.2)
    """

    needs: ClassVar[str] = "answer_logprobs"

    def __init__(self, answers: Sequence[Level], scale: Scale = SHARE, *, temperature: float = 1.0) -> None:
        groups = word_groups(answers, "contrast")
        if len(groups) != 2:
            raise InputError(f"read-out 'contrast' needs a negative and a positive answer, not {answers!r}")
        self.answers = tuple(word for group in groups for word in group)
        self.scale = scale
        self.values = level_values(2, scale)
        self.temperature = checked_temperature(temperature)
        self._sizes = [len(group) for group in groups]

    def read(self, logprobs: ArrayLike, *, closed_set: bool = False) -> Reading:
        """Scores of a batch.

        Args:
            logprobs: float [n, k], natural-log probability of each answer, in the order of `answers`.
            closed_set: there are no other answers, so `outside` is nan; logits will do.

        Returns:
            A Reading on `scale`, its distribution [n, 2] over (negative, positive).

        Raises:
            InputError: the shape is not [n, k], or a row's probabilities add up to more than 1.
        """
        return read_expectation(
            self._sides(logprobs), self.values, temperature=self.temperature, closed_set=closed_set
        )

    def log_odds(self, logprobs: ArrayLike) -> Float64Array:
        """float64 [n], in nats: positive over negative, at temperature 1. It tells apart what rounds to 1.

        Args:
            logprobs: as for `read`.
        """
        sides = self._sides(logprobs)
        with np.errstate(invalid="ignore"):  # neither side possible: nan
            return np.asarray(sides[:, 1] - sides[:, 0])

    def _sides(self, logprobs: ArrayLike) -> Float64Array:
        return pooled(checked_logprobs(logprobs, ("n", len(self.answers))), self._sizes)
