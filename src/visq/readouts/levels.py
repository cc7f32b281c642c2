"""Read-out `levels`: level words to a score. Knows numbers only: no pictures, no tokens, no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import InputError
from visq.core.scales import MOS, Scale, level_values
from visq.core.types import Reading
from visq.readouts.expectation import (
    Level,
    checked_logprobs,
    checked_temperature,
    pooled,
    read_expectation,
    word_groups,
)


class Levels:
    """Expectation over level words, renormalised over the words asked for; what is left is `outside`.

    Args:
        answers: levels, worst to best, two or more; each a word, or several words that mean the same.
        scale: where the worst and the best level lie.
        values: what each level stands for, worst to best, on `scale`; None spaces them evenly.
        temperature: > 0; divides the levels' log-probabilities. Scores do not go one way with it.

    Attributes:
        needs: the call of a backbone that answers it.
        answers: every word to ask for, level after level.

    Raises:
        InputError: words are empty, too few or stand twice, values do not rise from worst to best within the
            scale, or the temperature is not a finite number above 0.

    Source:
        Q-Align, arXiv 2312.17090, equation 1 (closed-set softmax, then the weighted mean of the levels).
    """

    needs: ClassVar[str] = "answer_logprobs"

    def __init__(
        self,
        answers: Sequence[Level],
        scale: Scale = MOS,
        *,
        values: Sequence[float] | None = None,
        temperature: float = 1.0,
    ) -> None:
        groups = word_groups(answers, "levels")
        self.answers = tuple(word for group in groups for word in group)
        self.scale = scale
        self.values = level_values(len(groups), scale) if values is None else _checked(values, groups, scale)
        self.temperature = checked_temperature(temperature)
        self._sizes = [len(group) for group in groups]

    def read(self, logprobs: ArrayLike, *, closed_set: bool = False) -> Reading:
        """Scores of a batch.

        Args:
            logprobs: float [n, k], natural-log probability of each answer, in the order of `answers`.
            closed_set: the model has no other answers than these, so that `outside` does not exist (nan)
                and the rows need no probability left over; logits will do.

        Returns:
            A Reading on `scale`, its distribution over the levels; a row of nan logprobs gives nan, one of
            nothing but -inf gives nan with all of it `outside`.

        Raises:
            InputError: the shape is not [n, k], or a row's probabilities add up to more than 1.

        Example:
            >>> probs = [[0.02, 0.08, 0.20, 0.45, 0.15]]
            >>> reading = Levels(["bad", "poor", "fair", "good", "excellent"]).read(np.log(probs))
            >>> round(float(reading.value[0]), 6), round(float(reading.outside[0]), 6)
            (3.7, 0.1)
        """
        logs = pooled(checked_logprobs(logprobs, ("n", len(self.answers))), self._sizes)
        return read_expectation(logs, self.values, temperature=self.temperature, closed_set=closed_set)


def _checked(values: Sequence[float], groups: Sequence[object], scale: Scale) -> NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    steps = np.diff(given) if scale.direction == "up" else -np.diff(given)
    inside = given.size and scale.low <= given.min() and given.max() <= scale.high
    if given.shape != (len(groups),) or not inside or not (steps > 0).all():
        raise InputError(
            f"read-out 'levels' needs {len(groups)} values on {scale}, worst to best, not {list(values)!r}"
        )
    return given
