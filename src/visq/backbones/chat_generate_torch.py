"""What a network goes on to say: the likeliest token each time. Knows tokens; no text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from visq.backbones.chat_torch import Network, Places, Strand


def say(
    network: Network, strands: Sequence[Strand], ends: Collection[int], most: int, *, cached: bool
) -> list[list[int]]:
    """Tokens that follow each sequence, until its turn ends.

    Args:
        network: to run.
        strands: b sequences.
        ends: tokens that end a turn; they are not part of what is said.
        most: tokens at most, 1 or more.
        cached: whether the network can go on from its memory; else every token is a run over all before it.

    Returns:
        b lists of tokens.
    """
    told: list[list[int]] = [[] for _ in strands]
    found, seen = network.start(strands, _last(strands), remember=cached)
    for step in range(most):
        tokens = network.likeliest(found)
        for row, token in enumerate(tokens.tolist()):
            told[row].append(token)
        if step == most - 1 or all(any(token in ends for token in row) for row in told):
            break
        if seen is None:
            longer = [
                replace(strand, ids=(*strand.ids, *row)) for strand, row in zip(strands, told, strict=True)
            ]
            found, _ = network.start(longer, _last(longer), remember=False)
        else:
            found, seen = network.go_on(seen, tokens[:, None], *_one_more(len(strands)))
    return [_until(row, ends) for row in told]


def _one_more(b: int) -> tuple[Tensor, Tensor, Places]:
    """Mask and depths of one token a row, and the places of all of them."""
    one = (b, 1)
    places = Places.of([(row, 0) for row in range(b)])
    return torch.ones(one, dtype=torch.bool), torch.zeros(one, dtype=torch.long), places


def _last(strands: Sequence[Strand]) -> Places:
    return Places.of([(row, len(strand.ids) - 1) for row, strand in enumerate(strands)])


def _until(tokens: Sequence[int], ends: Collection[int]) -> list[int]:
    length = next((k for k, token in enumerate(tokens) if token in ends), len(tokens))
    return list(tokens[:length])
