"""Which questions share a beginning, and which beginnings run together. Knows tokens as numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visq.backbones.chat_prompt import Tokens, Wording, shared_start
from visq.backbones.tree import Tree, grow, n_nodes
from visq.core.errors import InputError

TREE_ANSWERS = 512
"""Answers of a tree; a question with more of them is asked in several trees."""


@dataclass(frozen=True)
class Part:
    """Some answers to one question, after a shared beginning.

    Attributes:
        question: number of the question among those of the picture.
        answers: their numbers among the answers to the question.
        tree: the question's own last tokens, and the answers.
    """

    question: int
    answers: Sequence[int]
    tree: Tree


@dataclass(frozen=True)
class Beginning:
    """What some questions about the same pictures begin with, those still one token, and what follows.

    Of a question that lets answers go unread, what follows is the answers without their ends.
    """

    ids: Tokens
    place: int
    parts: tuple[Part, ...]


def beginnings(wordings: Sequence[Wording]) -> list[Beginning]:
    """Questions about one picture, those together that begin alike up to the picture and beyond.

    Args:
        wordings: of one picture, one or more.

    Raises:
        InputError: nothing stands between the picture and the answers.
    """
    for wording in wordings:
        if wording.place == len(wording.prompt) - 1:
            raise InputError("nothing stands between the picture and the answers; give a stem")
    shared = shared_start([wording.prompt for wording in wordings])
    # Every tree keeps a token of its own, at which the first token of its answers is read.
    shared = min(shared, min(len(wording.prompt) for wording in wordings) - 1)
    if shared > wordings[0].place:
        parts = tuple(part for k, wording in enumerate(wordings) for part in _first_parts(k, wording, shared))
        return [Beginning(wordings[0].prompt[:shared], wordings[0].place, parts)]
    found = []
    for k, wording in enumerate(wordings):
        last = len(wording.prompt) - 1
        found.append(Beginning(wording.prompt[:last], wording.place, tuple(_first_parts(k, wording, last))))
    return found


def _first_parts(question: int, wording: Wording, shared: int) -> list[Part]:
    ended = wording.stops is not None and not wording.unread
    return _parts(question, wording, shared, range(len(wording.answers)), ended=ended)


def _parts(
    question: int, wording: Wording, shared: int, numbers: Sequence[int], *, ended: bool = True
) -> list[Part]:
    parts = []
    for first in range(0, len(numbers), TREE_ANSWERS):
        some = numbers[first : first + TREE_ANSWERS]
        answers = [wording.answers[number] for number in some]
        parts.append(Part(question, some, grow(wording.prompt[shared:], answers, ended=ended)))
    return parts


@dataclass(frozen=True)
class Job:
    """A beginning with its picture, and of each question on it the numbers in the batch."""

    beginning: Beginning
    look: Any
    askers: tuple[tuple[int, ...], ...]
    wordings: tuple[Wording, ...]

    @property
    def n_tokens(self) -> int:
        """Tokens of the beginning, its picture's among them, and of all that may follow it at once."""
        own = sum(self._most_tokens(part) for part in self.beginning.parts)
        return len(self.beginning.ids) + len(self.look.run) - 1 + own

    def _most_tokens(self, part: Part) -> int:
        wording = self.wordings[part.question]
        if not wording.unread:
            return len(part.tree.ids)
        answers = [wording.answers[number] for number in part.answers]
        return len(wording.prompt) - len(self.beginning.ids) + n_nodes(answers)

    def parts(self, question: int, numbers: Sequence[int]) -> list[Part]:
        """Some answers to a question, to be read with their ends."""
        return _parts(question, self.wordings[question], len(self.beginning.ids), numbers)

    def stops(self, part: Part) -> Tokens:
        """Tokens that end the answers of a part; none where nothing has to."""
        return self.wordings[part.question].stops or ()

    def barred(self, part: Part) -> tuple[frozenset[int], ...]:
        """Of each answer of a part, the tokens that do not end it."""
        barred = self.wordings[part.question].barred
        return tuple(barred[number] for number in part.answers)


def job_of(
    beginning: Beginning, look: Any, askers: Sequence[tuple[int, ...]], wordings: Sequence[Wording]
) -> Job:
    """The questions that a beginning has, numbered anew."""
    kept = sorted({part.question for part in beginning.parts})
    parts = tuple(Part(kept.index(part.question), part.answers, part.tree) for part in beginning.parts)
    renumbered = Beginning(beginning.ids, beginning.place, parts)
    return Job(renumbered, look, tuple(askers[k] for k in kept), tuple(wordings[k] for k in kept))


def packs(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Numbers of things that run together: alike in size, and padded no more than `most` in all.

    Example:
        >>> packs([5, 90, 6, 5], 20)
        [[0, 3, 2], [1]]
    """
    found: list[list[int]] = []
    for number in sorted(range(len(sizes)), key=sizes.__getitem__):
        if found and sizes[number] * (len(found[-1]) + 1) <= most:
            found[-1].append(number)
        else:
            found.append([number])
    return found
