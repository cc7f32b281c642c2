"""What is read of the answers to a batch of questions: all of them, or the likely ones. Knows no text.

A question that lets answers go unread is read in passes: first the tokens of all its answers, without what
ends them; then whole answers, the likeliest first. The beginning runs once for all passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from visq.backbones.chat_answers_torch import WAYS, Branches, begin
from visq.backbones.chat_plan import Beginning, Job, Part
from visq.backbones.chat_processor_torch import Look
from visq.backbones.chat_prompt import Tokens
from visq.backbones.chat_torch import Network, Seen, Strand
from visq.backbones.opening import Opening
from visq.backbones.tree import Tree
from visq.core.types import FloatArray


def read_jobs(network: Network, way: str, jobs: Sequence[Job], most: int) -> list[list[FloatArray]]:
    """Log-probabilities of whole answers; which of them are read hangs on their own question alone.

    Args:
        network: whose answers they are.
        way: a name in WAYS.
        jobs: beginnings with their pictures and questions.
        most: tokens of a run at most, as the way takes it.

    Returns:
        Of each job, of each of its questions, float64 [k]; -inf of answers left unread.
    """
    batch = _Batch.begin(network, way, jobs, most)
    told: list[list[FloatArray]]
    told = [[np.empty(len(wording.answers)) for wording in job.wordings] for job in jobs]
    for row, part, logs in batch.read([job.beginning.parts for job in jobs]):
        told[row][part.question][part.answers] = logs
    openings = {
        (row, question): Opening(told[row][question], wording.unread)
        for row, job in enumerate(jobs)
        for question, wording in enumerate(job.wordings)
        if wording.unread
    }
    _open(batch, openings)
    for (row, question), opening in openings.items():
        told[row][question] = opening.logprobs
    return told


def _open(batch: _Batch, openings: Mapping[tuple[int, int], Opening]) -> None:
    """Read whole answers until no question has more that are worth it."""
    while True:
        parts: list[list[Part]] = [[] for _ in batch.jobs]
        for (row, question), opening in openings.items():
            parts[row] += batch.jobs[row].parts(question, opening.worth_reading().tolist())
        if not any(parts):
            return
        for row, part, logs in batch.read(parts):
            openings[row, part.question].add(part.answers, logs)


@dataclass(frozen=True)
class _Batch:
    """Jobs whose beginnings have run."""

    network: Network
    way: str
    jobs: Sequence[Job]
    most: int
    starts: Sequence[Strand]
    seen: Seen | None

    @classmethod
    def begin(cls, network: Network, way: str, jobs: Sequence[Job], most: int) -> _Batch:
        starts = [strand_of(job.beginning, job.look) for job in jobs]
        return cls(network, way, jobs, most, starts, begin(network, way, starts))

    def read(self, parts: Sequence[Sequence[Part]]) -> list[tuple[int, Part, FloatArray]]:
        """Of each of some parts of each job: number of the job, the part, float64 [k]."""
        batch = [
            Branches(start, tuple(part.tree for part in own))
            for start, own in zip(self.starts, parts, strict=True)
        ]
        found = WAYS[self.way](self.network, self.seen, batch, self.most)
        asked = [(row, k, part) for row, own in enumerate(parts) for k, part in enumerate(own)]
        logs = _read_trees(
            self.network,
            [found[row, k] for row, k, _ in asked],
            [part.tree for _, _, part in asked],
            [self.jobs[row].stops(part) for row, _, part in asked],
            [self.jobs[row].barred(part) for row, _, part in asked],
        )
        return [(row, part, log) for (row, _, part), log in zip(asked, logs, strict=True)]


def strand_of(beginning: Beginning, look: Look) -> Strand:
    """The tokens of a beginning, with all those of its picture."""
    ids, place = beginning.ids, beginning.place
    return Strand((*ids[:place], *look.run, *ids[place + 1 :]), place, look)


def _read_trees(
    network: Network,
    found: Sequence[Tensor],
    trees: Sequence[Tree],
    stops: Sequence[Tokens],
    barred: Sequence[Sequence[frozenset[int]]],
) -> list[FloatArray]:
    """Log-probabilities of whole answers.

    Args:
        network: which made `found`.
        found: of each tree, float [m, d] at its `at`.
        trees: the answers.
        stops: of each tree, tokens that end its answers, in ascending order.
        barred: of each tree, of each answer, those of its `stops` that do not end it.

    Returns:
        Of each tree, float64 [k].
    """
    offsets = np.cumsum([0, *(len(part) for part in found)])
    pairs = [
        (int(offset) + row, token)
        for offset, tree in zip(offsets, trees, strict=False)
        for steps in tree.steps
        for row, token in steps
    ]
    every = sorted({token for of in stops for token in of})
    told, ended = (
        part.double().cpu().numpy()
        for part in network.read(
            torch.cat(list(found)), torch.tensor(pairs), torch.tensor(every, dtype=torch.long)
        )
    )
    owner = np.repeat(
        np.arange(sum(len(tree.steps) for tree in trees)), [len(s) for tree in trees for s in tree.steps]
    )
    words = np.bincount(owner, weights=told)
    rows = np.concatenate([int(offset) + tree.ends for offset, tree in zip(offsets, trees, strict=False)])
    own = np.array([np.isin(every, of) for of in stops])
    over = np.where(np.repeat(own, [len(tree.steps) for tree in trees], axis=0), ended[rows], -np.inf)
    for k, tokens in enumerate(tokens for of in barred for tokens in of):
        if tokens:
            over[k, np.isin(every, list(tokens))] = -np.inf
    beginnings = np.concatenate([tree.ends < 0 for tree in trees])
    logs = words + np.where(beginnings, 0.0, np.logaddexp.reduce(over, axis=1))
    return np.split(logs, np.cumsum([len(tree.steps) for tree in trees])[:-1])
