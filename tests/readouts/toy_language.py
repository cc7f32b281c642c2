"""A language model one can compute by hand: next pieces after each path, by table or at random."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from visq.readouts.tree import END, Ask

PIECES = (*(ord(c) for c in "0123456789."), END)


def by_table(table: Mapping[str, Mapping[str, float]]):
    """Next pieces by a table, path -> piece -> probability; `$` ends an answer; what is left out is 0."""

    def ask(asks: Sequence[Ask]):
        found = []
        for one in asks:
            probs = table.get("".join(map(chr, one.path)), {})
            spelt = ["$" if piece == END else chr(piece) for piece in one.following]
            found.append([math.log(probs[p]) if probs.get(p) else -math.inf for p in spelt])
        return found

    return ask


class Random:
    """Each row of each path has its own distribution over the digits, the point, the end and all else."""

    def __init__(self, seed: int, sharpness: float = 1.0, loose: float = 0.1) -> None:
        self._seed = seed
        self._sharpness = sharpness
        self._loose = loose
        self.n_calls = 0

    def probs(self, row: int, path: tuple[int, ...]) -> dict[int, float]:
        rng = np.random.default_rng([self._seed, row, len(path), *path])
        logits = rng.normal(size=len(PIECES) + 1) * self._sharpness
        logits[-1] += math.log(self._loose)  # all else
        weights = [math.exp(x) for x in logits]
        return {piece: w / math.fsum(weights) for piece, w in zip(PIECES, weights[:-1], strict=True)}

    def __call__(self, asks: Sequence[Ask]):
        self.n_calls += 1
        return [[math.log(self.probs(a.row, a.path)[piece]) for piece in a.following] for a in asks]

    def whole(self, row: int, answer: str) -> float:
        """Probability of a whole answer: that of each character in turn, then that of its end."""
        path: tuple[int, ...] = ()
        told = 1.0
        for character in answer:
            told *= self.probs(row, path)[ord(character)]
            path = (*path, ord(character))
        return told * self.probs(row, path)[END]
