"""A tree of answers after a prompt, as one run of a causal decoder. Knows tokens as numbers only.

Shared beginnings run once: `1` and `10` share the node `1`, and all answers share the prompt. An answer's
probability is that of its tokens times that of what ends it: without the second factor `1` would hold the
probability of `10` too. Of beginnings that is what is wanted, and nothing has to end them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visq.core.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Tree:
    """A prompt and the answers that may follow it.

    Attributes:
        ids: int64 [t], tokens of the prompt, then one a node.
        positions: int64 [t], places on the way from the prompt's first token.
        allowed: bool [t, t], whether the row's token sees the column's.
        at: int64 [m], tokens whose next token is asked for: the prompt's last, then the nodes.
        steps: of each answer, (row of `at`, token) one a token.
        ends: int64 [k], of each answer the row of `at` after its last token; -1 where nothing has to end it.
    """

    ids: IntArray
    positions: IntArray
    allowed: BoolArray
    at: IntArray
    steps: tuple[tuple[tuple[int, int], ...], ...]
    ends: IntArray

    def logprobs(
        self, found: FloatArray, stops: Sequence[int], barred: Sequence[frozenset[int]]
    ) -> FloatArray:
        """float64 [k]: natural-log probability of each whole answer.

        Args:
            found: float [m, vocabulary], log-probabilities of the token after each of `at`.
            stops: tokens that end an answer.
            barred: of each answer, those of `stops` that do not end it.
        """
        logs = np.asarray(found, dtype=np.float64)
        told = np.array([sum(logs[row, token] for row, token in steps) for steps in self.steps])
        over = logs[np.ix_(self.ends, np.array(stops, np.int64))]
        for k, tokens in enumerate(barred):
            over[k, [list(stops).index(token) for token in tokens]] = -np.inf
        return np.asarray(told + np.where(self.ends < 0, 0.0, np.logaddexp.reduce(over, axis=1)))


def grow(prompt: Sequence[int], answers: Sequence[Sequence[int]], *, ended: bool = True) -> Tree:
    """The tree of some answers.

    Args:
        prompt: tokens before the answers, one or more.
        answers: tokens of each, one or more.
        ended: something has to end each answer; if not, a last token is read where it would be said, and is
            no node of the tree unless another answer goes on from it.

    Example:
        >>> tree = grow([7, 8], [[1], [1, 0]])
        >>> tree.ids.tolist(), tree.positions.tolist(), tree.at.tolist(), tree.ends.tolist()
        ([7, 8, 1, 0], [0, 1, 2, 3], [1, 2, 3], [1, 2])
        >>> grow([7, 8], [[1], [1, 0]], ended=False).ids.tolist()
        [7, 8, 1]
    """
    n = len(prompt)
    ids, parents = list(prompt), [k - 1 for k in range(n)]
    nodes: dict[tuple[int, ...], int] = {(): n - 1}
    for answer in answers:
        for length in range(1, len(answer) + ended):
            path = tuple(answer[:length])
            if path not in nodes:
                nodes[path] = len(ids)
                ids.append(answer[length - 1])
                parents.append(nodes[path[:-1]])
    positions, allowed = np.zeros(len(ids), np.int64), np.eye(len(ids), dtype=np.bool_)
    for k, parent in enumerate(parents):
        if parent >= 0:
            positions[k] = positions[parent] + 1
            allowed[k] |= allowed[parent]
    row = {node: r for r, node in enumerate(nodes.values())}
    steps = tuple(
        tuple((row[nodes[tuple(answer[:j])]], answer[j]) for j in range(len(answer))) for answer in answers
    )
    ends = np.array([row[nodes[tuple(answer)]] if ended else -1 for answer in answers], np.int64)
    return Tree(
        np.array(ids, np.int64), positions, allowed, np.array(list(nodes.values()), np.int64), steps, ends
    )


def n_nodes(answers: Sequence[tuple[int, ...]]) -> int:
    """Nodes of the tree of some answers that have to end: tokens to be run after the prompt."""
    return len({answer[:length] for answer in answers for length in range(1, len(answer) + 1)})


def barred(answers: Sequence[tuple[int, ...]], stops: Sequence[int]) -> tuple[frozenset[int], ...]:
    """Of each answer, those of `stops` that another goes on with.

    They do not end it, so that answers exclude each other.

    Example:
        >>> barred([(1,), (1, 8), (1, 8, 2)], (8, 9))
        (frozenset({8}), frozenset(), frozenset())
    """
    after: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)
    for answer in answers:
        for length in range(1, len(answer)):
            after[answer[:length]].add(answer[length])
    return tuple(frozenset(after.get(answer, set()).intersection(stops)) for answer in answers)
