"""What a network goes on to say: the likeliest token each time. Knows tokens; no text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from visq.backbones.chat_torch import Network, Places, Strand


def say(
    network: Network,
    strands: Sequence[Strand],
    ends: Collection[int],
    most: int,
    *,
    cached: bool,
    is_over: Callable[[Sequence[int]], bool] = lambda _: False,
) -> list[list[int]]:
    """Tokens that follow each sequence, until its turn ends.

    Args:
        network: to run.
        strands: b sequences.
        ends: tokens that end a turn; they are not part of what is said.
        most: tokens at most, 1 or more.
        cached: whether the network can go on from its memory; else every token is a run over all before it.
        is_over: whether a sequence that was said ends with its newest token.

    Returns:
        b lists of tokens.
    """
    told: list[list[int]] = [[] for _ in strands]
    done = [False] * len(strands)
    found, seen = network.start(strands, _last(strands), remember=cached)
    for step in range(most):
        tokens = network.likeliest(found)
        for row, token in enumerate(tokens.tolist()):
            if not done[row] and token not in ends:
                told[row].append(token)
            done[row] = done[row] or token in ends or is_over(told[row])
        if step == most - 1 or all(done):
            break
        if seen is None:
            longer = [
                replace(strand, ids=(*strand.ids, *row)) for strand, row in zip(strands, told, strict=True)
            ]
            found, _ = network.start(longer, _last(longer), remember=False)
        else:
            found, seen = network.go_on(seen, tokens[:, None], *_one_more(len(strands)))
    return told


def ending_with(until: str, said: Callable[[Sequence[int]], str]) -> Callable[[Sequence[int]], bool]:
    """Whether the newest of some tokens completes a text; never, where it is empty.

    Args:
        until: the text.
        said: the text of tokens.
    """
    most = len(until.encode())  # no token is less than a byte
    return lambda tokens: bool(until) and until in said(tokens[-most:])


def _one_more(b: int) -> tuple[Tensor, Tensor, Places]:
    """Mask and depths of one token a row, and the places of all of them."""
    one = (b, 1)
    places = Places.of([(row, 0) for row in range(b)])
    return torch.ones(one, dtype=torch.bool), torch.zeros(one, dtype=torch.long), places


def _last(strands: Sequence[Strand]) -> Places:
    return Places.of([(row, len(strand.ids) - 1) for row, strand in enumerate(strands)])
