"""The contract of a backbone, as far as a model needs it today. A protocol: no code is inherited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from visq.core.types import FloatArray, Picture, Prompted


class Backbone(Protocol):
    """What answers. An implementation keeps: the same picture gives the same numbers in any batch.

    Attributes:
        preprocessing: how pixels are prepared, e.g. `srgb;draft640;squash320-bicubic`; part of every
            result, and by `least_side` also what decides how far JPEGs are reduced.
        runtime: what computes, e.g. `onnxruntime`; part of every result.
        closed_set: the model has no other answers than those asked for, so no `outside`.
        aspects: names of the aspects it answers for.
        capabilities: the calls it offers, of `answer_logprobs`, `generate` and `embed`.
        describes: it was trained to describe pictures where visq's own question is asked; may be missing.
    """

    preprocessing: str
    runtime: str
    closed_set: bool
    aspects: tuple[str, ...]
    capabilities: frozenset[str]

    def prepare(self, picture: Picture) -> Picture:
        """Bring a decoded picture to the pixels this model wants; safe to call from many threads."""
        ...

    def expect_words(self, asked: Prompted, answers: Sequence[str]) -> None:
        """Refuse a question, or answers to it, that it cannot take; the pixels are not looked at.

        Raises:
            InputError: it would never answer.
        """
        ...

    def answers_each(self, batch: Sequence[Prompted], answers: Sequence[Sequence[str]]) -> list[FloatArray]:
        """Of each question float32 [k]: natural-log probability of each of its own whole answers.

        What is left unread, where the question lets it be, is -inf; which answers that is hangs on their
        question alone. Of beginnings, which nothing has to end, all are read.

        Questions about one picture, the same array in several of them, cost one look at it.
        """
        ...

    def answer_logprobs(self, batch: Sequence[Prompted], answers: Sequence[str]) -> FloatArray:
        """float32 [n, k]: `answers_each` where all questions have the same answers."""
        ...

    def generate(self, batch: Sequence[Prompted], most: int = 64, until: str = "") -> list[str]:
        """What the model says after each stem, in `most` tokens at most; over once it has said `until`."""
        ...

    def embed(self, batch: Sequence[Picture]) -> FloatArray:
        """float32 [n, d]: what the model sees in prepared pictures, for telling which are the same."""
        ...

    def close(self) -> None:
        """Free memory and threads; the backbone is unusable afterwards."""
        ...
