"""Read-out `levels`: level words to a score. Knows numbers only: no pictures, no tokens, no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from visq.core.errors import InputError
from visq.core.scales import MOS, Scale, level_values
from visq.core.types import Reading


class Levels:
    """Expectation over level words, renormalised over the words asked for; what is left is `outside`.

    Args:
        answers: level words, worst to best.
        scale: where the worst and the best word lie.

    Source:
        Q-Align, arXiv 2312.17090, equation 1 (closed-set softmax, then the weighted mean of the levels).
    """

    def __init__(self, answers: Sequence[str], scale: Scale = MOS) -> None:
        if len(answers) < 2 or len(set(answers)) != len(answers):
            raise InputError(f"read-out 'levels' needs two or more different words, not {list(answers)!r}")
        self.answers = tuple(answers)
        self.scale = scale

    def read(self, logprobs: ArrayLike, *, closed_set: bool = False) -> Reading:
        """Scores of a batch.

        Args:
            logprobs: float [n, k], natural-log probability of each answer, in the order of `answers`.
            closed_set: the model has no other answers than these, so that `outside` does not exist (nan)
                and the rows need no probability left over.

        Returns:
            A Reading on `scale`; a row of nan logprobs gives nan.

        Raises:
            InputError: the shape is not [n, k].

        Example:
            >>> probs = [[0.02, 0.08, 0.20, 0.45, 0.15]]
            >>> reading = Levels(["bad", "poor", "fair", "good", "excellent"]).read(np.log(probs))
            >>> round(float(reading.value[0]), 6), round(float(reading.outside[0]), 6)
            (3.7, 0.1)
        """
        # float64: half-precision softmax moves scores in the third decimal.
        logs = np.asarray(logprobs, dtype=np.float64)
        if logs.ndim != 2 or logs.shape[1] != len(self.answers):
            raise InputError(f"logprobs have shape {logs.shape}; wanted [n, {len(self.answers)}]")
        peak = logs.max(axis=1, keepdims=True)
        weights = np.exp(logs - peak)  # [n, k]
        total = weights.sum(axis=1, keepdims=True)
        distribution = weights / total
        values = level_values(len(self.answers), self.scale)
        # Row by row, not by a matrix product, whose rounding depends on how many rows there are.
        value = (distribution * values).sum(axis=1)
        variance = (distribution * (values - value[:, None]) ** 2).sum(axis=1)
        if closed_set:
            outside = np.full(len(logs), np.nan)
        else:
            # Rounding may leave a sum of float32 probabilities a hair above 1.
            outside = np.clip(1.0 - np.exp(peak[:, 0] + np.log(total[:, 0])), 0.0, 1.0)
        return Reading(value, distribution, np.sqrt(variance), outside)
