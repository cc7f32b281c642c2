"""Answers as a tree of pieces, and what is asked of a backbone that tells next pieces.

Knows pieces as numbers (token ids, or characters); no model, no tokenizer, no values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from visq.core.errors import InputError
from visq.core.types import BoolArray, IntArray
from visq.readouts.expectation import Float64Array

END = -1
"""Stands among the next pieces for the end of the answer: whatever may follow a finished one, summed."""


@dataclass(frozen=True)
class Ask:
    """What is asked of a backbone: how probable some next pieces are.

    Attributes:
        row: picture of the batch.
        path: pieces said so far after the stem; empty right after it.
        following: pieces wanted next, each once; END for the end of the answer.
    """

    row: int
    path: tuple[int, ...]
    following: tuple[int, ...]


NextLogprobs: TypeAlias = Callable[[Sequence[Ask]], Sequence[ArrayLike]]
"""For each Ask float [len(following)]: natural-log probability, over the whole vocabulary, of each piece."""


class AnswerTree:
    """Answers that share their beginnings; each is the pieces on the way to its node, then END.

    Args:
        pieces: of each answer, one or more numbers >= 0, none of them the same for two answers.

    Attributes:
        paths: of each node, the pieces that lead to it; node 0 is the root.
        children: of each node, the nodes one piece further.
        ends: of each node, the answer that is complete there, or -1.
        below: of each node, the answers at or below it.

    Raises:
        InputError: an answer has no pieces, or two have the same.

    Example:
        >>> tree = AnswerTree.of_characters(["1", "10"])
        >>> len(tree), tree.ends, [below.tolist() for below in tree.below]
        (2, [-1, 0, 1], [[0, 1], [0, 1], [1]])
    """

    def __init__(self, pieces: Sequence[Sequence[int]]) -> None:
        self.paths: list[tuple[int, ...]] = [()]
        self.children: list[list[int]] = [[]]
        self.ends = [-1]
        self.n_answers = len(pieces)
        self._nodes: dict[tuple[int, ...], int] = {(): 0}
        below: list[list[int]] = [[]]
        for answer, path in enumerate(pieces):
            node = 0
            below[0].append(answer)
            for length in range(1, len(path) + 1):
                parent, node = node, self._nodes.setdefault(tuple(path[:length]), len(self.paths))
                if node == len(self.paths):
                    self.paths.append(tuple(path[:length]))
                    self.children[parent].append(node)
                    self.children.append([])
                    self.ends.append(-1)
                    below.append([])
                below[node].append(answer)
            if node == 0 or self.ends[node] >= 0:
                raise InputError(f"answer {answer} has no pieces of its own: {list(path)!r}")
            self.ends[node] = answer
        self.below: list[IntArray] = [np.array(answers, np.int64) for answers in below]

    @classmethod
    def of_characters(cls, answers: Sequence[str]) -> AnswerTree:
        """The tree of answers whose pieces are their characters (`ord`)."""
        return cls([[ord(character) for character in answer] for answer in answers])

    def __len__(self) -> int:
        """Nodes beside the root: positions a model must be run at, after the stem, to open all of it."""
        return len(self.paths) - 1

    @cached_property
    def following(self) -> list[tuple[int, ...]]:
        """Of each node, the pieces that may come next, END last."""
        return [
            (*(self.paths[child][-1] for child in children), *([END] if self.ends[node] >= 0 else []))
            for node, children in enumerate(self.children)
        ]

    def next_of(self, logprobs: ArrayLike) -> NextLogprobs:
        """Next pieces as whole answers imply them: for backbones that offer whole answers only.

        Mass outside the answers is left out: it is not known at which piece it went.

        Args:
            logprobs: float [n, k], natural-log probability of each whole answer.
        """
        logs = np.asarray(logprobs, dtype=np.float64)

        def mass(row: int, path: tuple[int, ...]) -> float:
            node = self._nodes.get(path)
            with np.errstate(invalid="ignore"):  # nan stays nan
                return -np.inf if node is None else float(np.logaddexp.reduce(logs[row, self.below[node]]))

        def ended(row: int, path: tuple[int, ...]) -> float:
            answer = self.ends[self._nodes[path]] if path in self._nodes else -1
            return float(logs[row, answer]) if answer >= 0 else -np.inf

        def following(ask: Ask) -> Float64Array:
            before = mass(ask.row, ask.path)
            if before == -np.inf:
                return np.full(len(ask.following), -np.inf)
            return np.array(
                [
                    (ended(ask.row, ask.path) if piece == END else mass(ask.row, (*ask.path, piece))) - before
                    for piece in ask.following
                ]
            )

        return lambda asks: [following(ask) for ask in asks]


@dataclass(frozen=True)
class Decoded:
    """What greedy decoding within a tree writes.

    Attributes:
        answers: int64 [n], positions among the answers; -1 where no answer is possible.
        is_certain: bool [n]: free greedy decoding writes the same, since at each piece the best one was at
            least as probable as all that is not in the tree taken together (the end counts as one piece).
    """

    answers: IntArray
    is_certain: BoolArray


def decode(tree: AnswerTree, ask: NextLogprobs, n: int) -> Decoded:
    """The answer reached by the most probable piece at each step; of equals the first in the tree.

    Args:
        tree: the answers.
        ask: how probable the next pieces are.
        n: rows of the batch.
    """
    answers, certain, nodes = np.full(n, -1, np.int64), np.ones(n, np.bool_), dict.fromkeys(range(n), 0)
    while nodes:
        asks = [Ask(row, tree.paths[node], tree.following[node]) for row, node in nodes.items()]
        for one, logs in zip(asks, answered(ask, asks), strict=True):
            node, best = nodes.pop(one.row), int(np.argmax(logs))
            probs = np.exp(logs)
            certain[one.row] &= bool(probs[best] >= 1.0 - probs.sum())
            if not probs[best] > 0:
                certain[one.row] = False
            elif one.following[best] == END:
                answers[one.row] = tree.ends[node]
            else:
                nodes[one.row] = tree.children[node][best]
    return Decoded(answers, certain)


def answered(ask: NextLogprobs, asks: Sequence[Ask]) -> list[Float64Array]:
    """Answers in full precision, one an Ask.

    Raises:
        InputError: their number or shape is not that of the asks.
    """
    found = [np.asarray(logs, dtype=np.float64) for logs in ask(asks)]
    if [logs.shape for logs in found] != [(len(one.following),) for one in asks]:
        raise InputError(f"{len(asks)} asks for next pieces were answered in another number or shape")
    return found
