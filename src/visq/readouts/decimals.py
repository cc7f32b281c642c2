"""Read-out `decimals`: numbers with a fixed count of decimals to a score, exactly.

Knows numbers as text and as values: no pictures, no tokens, no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from visq.core.errors import InputError
from visq.core.numbers import MAX_ANSWERS, MOST_DECIMALS, count_numbers, numbers_of
from visq.core.scales import MOS, Scale
from visq.core.types import Reading
from visq.readouts.expectation import (
    Float64Array,
    checked_logprobs,
    checked_temperature,
    read_expectation,
)
from visq.readouts.tree import AnswerTree, Decoded, NextLogprobs, decode


class Decimals:
    """Expectation over every number of a scale written with so many decimals, each a whole answer.

    The mean is over whole numbers such as 3.98, never digit by digit along one path, which is off by up to
    0.45 where belief straddles a whole number (`visq.readouts.ncm` keeps that formula as a monitor).

    Args:
        answers: the numbers as text, worst to best, all with `decimals` decimals and on `scale`; None takes
            every one from end to end.
        scale: what the numbers are on.
        decimals: digits after the point, 0 to 3.
        temperature: > 0; divides the log-probabilities of whole answers.
        tolerance: >= 0, on `scale`: how far a value may be from that of all answers, for unlikely ones to be
            left unread.

    Attributes:
        needs: the call of a backbone that answers it.
        answers: every number to ask for, worst to best.
        values: float64 [k], what they stand for.
        unread: what a backbone may leave unread, as `Prompted.unread`: tolerance / (high - low) at a
            temperature of 1. At any other it is 0: the weights P^(1 / T) of many answers left unread are not
            bounded by their probability.

    Raises:
        InputError: an answer is no such number or in the wrong place, an end of the scale has more decimals,
            there are fewer than two numbers or over 100,000, the temperature is not finite and above 0, or
            the tolerance is not finite and from 0 up.

    Source:
        value = sum v P(v) / sum P(v) with P(v) the probability of all of v's tokens and of its end. Numbers
        as plain text: RealQA, arXiv 2503.06141; reading them by their exact expectation is visq's.

        Why the tolerance holds: let the answers read have probability R and mean r, those left unread U and
        mean u. The exact value is (R r + U u) / (R + U), and what is given is r. They differ by
        U / (R + U) |r - u|, where r and u are on the scale and U <= unread R; so by less than
        unread (high - low), which is the tolerance. `outside` is too high by U, at most `unread`; the square
        of `spread` is off by at most unread (high - low)^2, mostly too low, since it is the tails that are
        left.

    Example:
        >>> readout = Decimals(scale=Scale(1, 5))
        >>> len(readout.answers), readout.answers[:2], len(readout.characters)
        (401, ('1.00', '1.01'), 452)
    """

    name: ClassVar[str] = "decimals"
    needs: ClassVar[str] = "answer_logprobs"

    def __init__(
        self,
        answers: Sequence[str] | None = None,
        scale: Scale = MOS,
        *,
        decimals: int = 2,
        temperature: float = 1.0,
        tolerance: float = 0.002,
    ) -> None:
        if decimals not in range(MOST_DECIMALS + 1):
            raise InputError(f"read-out {self.name!r} takes 0 to {MOST_DECIMALS} decimals, not {decimals!r}")
        self.scale = scale
        self.decimals = decimals
        self.answers = self._every_number() if answers is None else self._checked(answers)
        self.values: Float64Array = np.array([float(answer) for answer in self.answers])
        self.temperature = checked_temperature(temperature)
        if not 0 <= tolerance < np.inf:
            raise InputError(f"tolerance must be a finite number from 0 up, not {tolerance!r}")
        self.unread = tolerance / (scale.high - scale.low) if self.temperature == 1 else 0.0

    @cached_property
    def characters(self) -> AnswerTree:
        """The answers as a tree of characters: right for tokenizers that split numbers into digits."""
        return AnswerTree.of_characters(self.answers)

    def read(self, logprobs: ArrayLike, *, closed_set: bool = False) -> Reading:
        """Scores of a batch.

        Args:
            logprobs: float [n, k], natural-log probability of each whole answer, in the order of `answers`;
                -inf where it was left unread.
            closed_set: there are no other answers, so `outside` is nan; logits will do.

        Returns:
            A Reading on `scale`.

        Raises:
            InputError: the shape is not [n, k], or a row's probabilities add up to more than 1.
        """
        logs = checked_logprobs(logprobs, ("n", len(self.answers)))
        return read_expectation(logs, self.values, temperature=self.temperature, closed_set=closed_set)

    def greedy(
        self, ask: NextLogprobs, n: int, *, tree: AnswerTree | None = None
    ) -> tuple[Float64Array, Decoded]:
        """The number greedy decoding writes, and how it came about.

        Args:
            ask: how probable the next pieces are; where only whole answers are known,
                `characters.next_of(logprobs)`.
            n: rows of the batch.
            tree: the answers in the pieces of `ask`, in the order of `answers`; None takes characters.

        Returns:
            float64 [n] on `scale`, nan where no answer is possible; and the Decoded.

        Raises:
            InputError: the tree is of other answers, or `ask` answers with another shape.
        """
        found = decode(self._same(tree), ask, n)
        return np.append(self.values, np.nan)[found.answers], found

    def interval(self, reading: Reading, share: float = 0.9) -> tuple[Float64Array, Float64Array]:
        """The numbers between which the middle `share` of the distribution lies.

        Args:
            reading: of this read-out.
            share: of the distribution, 0..1.

        Returns:
            Two float64 [n], numbers of `values`: the (1 - share) / 2 and the (1 + share) / 2 quantile, each
            the least number with at least so much at or below it; nan where there is no distribution.
        """
        order = np.argsort(self.values)
        reached = np.cumsum(reading.distribution[:, order], axis=1)
        missing = np.isnan(reading.value)

        def quantile(part: float) -> Float64Array:
            # The last sum may lie a hair below 1; and a hair above a quantile counts as having reached it.
            at = np.minimum((reached < part - 1e-12).sum(axis=1), len(order) - 1)
            return np.where(missing, np.nan, self.values[order][at])

        return quantile((1 - share) / 2), quantile((1 + share) / 2)

    def _same(self, tree: AnswerTree | None) -> AnswerTree:
        if tree is not None and tree.n_answers != len(self.answers):
            raise InputError(f"the tree has {tree.n_answers} answers; read-out has {len(self.answers)}")
        return self.characters if tree is None else tree

    def _every_number(self) -> tuple[str, ...]:
        n = count_numbers(self.scale, self.decimals)
        if n is None:
            raise InputError(f"scale {self.scale} cannot be written with {self.decimals} decimals")
        if n > MAX_ANSWERS:
            raise InputError(
                f"scale {self.scale} with {self.decimals} decimals has {n} numbers; "
                f"read-out {self.name!r} takes up to {MAX_ANSWERS}"
            )
        return self._checked(numbers_of(self.scale, self.decimals))

    def _checked(self, answers: Sequence[str]) -> tuple[str, ...]:
        wanted = (
            f"read-out {self.name!r} needs two or more numbers with {self.decimals} decimals "
            f"on {self.scale}, worst to best, not {_few(answers)}"
        )
        if isinstance(answers, str) or len(answers) < 2:
            raise InputError(wanted)
        try:
            values = [float(answer) for answer in answers]
        except (TypeError, ValueError):
            raise InputError(wanted) from None
        written = [f"{value:.{self.decimals}f}" for value in values]
        steps = np.diff(values) if self.scale.direction == "up" else -np.diff(values)
        on_scale = self.scale.low <= min(values) and max(values) <= self.scale.high
        if written != list(answers) or not (steps > 0).all() or not on_scale:
            raise InputError(wanted)
        return tuple(answers)


def _few(answers: Sequence[str]) -> str:
    shown = ", ".join(map(repr, answers[:8]))
    return shown + (", ..." if len(answers) > 8 else "")
