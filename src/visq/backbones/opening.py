"""Which whole answers are worth reading, by the probability of their tokens. Knows numbers only.

A whole answer is never more probable than its tokens, which a model tells of all answers at little cost: only
beginnings are run. Its end has to be read at its last token, and most of the tokens of many answers are last
ones. So those of unlikely answers are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visq.core.types import FloatArray, IntArray


class Opening:
    """The answers to one question, opened from the likeliest on until the rest may be left unread.

    Args:
        told: float64 [k], natural-log probability of each answer's tokens, its end left out.
        unread: what the answers not opened may weigh, as a share of the probability of those opened.

    Attributes:
        logprobs: float64 [k], of whole answers; -inf of those not opened.

    Example:
        >>> opening = Opening(np.log([0.01, 0.6, 0.3, 0.09]), 0.05)
        >>> opening.worth_reading().tolist()
        [1, 2, 3]
        >>> opening.add([1, 2, 3], np.log([0.1, 0.05, 0.01]))  # ends are rare, so that 0.01 is no small share
        >>> opening.worth_reading().tolist()
        [0]
    """

    def __init__(self, told: FloatArray, unread: float) -> None:
        self.logprobs: FloatArray = np.full(len(told), -np.inf)
        self._unread = unread
        self._order = np.argsort(-told, kind="stable")
        self._n_open = 0
        self._peak = told.max()
        weights = self._weights(told[self._order])
        # Of each number of answers opened, what their tokens weigh, and at most what is left.
        self._first = np.cumsum(weights)
        self._rest = np.append(np.cumsum(weights[:0:-1])[::-1], 0.0)

    def worth_reading(self) -> IntArray:
        """Numbers of the answers to be opened next, in ascending order; none where the rest may go unread.

        At first as many as would do if every end were certain. Then ends are known: so many that what is left
        is small beside what has been read, which more answers only add to.
        """
        read = self._weights(self.logprobs).sum() if self._n_open else self._first
        enough = self._rest <= self._unread * read  # once true, true of every larger number
        wanted = 1 + int((~enough[:-1]).sum())
        return np.sort(self._order[self._n_open : wanted])

    def add(self, numbers: Sequence[int] | IntArray, logprobs: FloatArray) -> None:
        """Take what was read of answers that were worth it: natural-log probability, ends included."""
        self.logprobs[numbers] = logprobs
        self._n_open += len(numbers)

    def _weights(self, logs: FloatArray) -> FloatArray:
        """Probabilities as multiples of the likeliest one's; nan, and so all is opened, where it has none."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.exp(logs - self._peak))
