"""Three ways to one thing: what a network says after every token of trees of answers. Knows no text.

`tree`: the shared beginning once, with a cache; then all trees that follow it in one run, each token seeing
its own ancestors only. `rows`: the beginning once; its cache repeated for every tree, and that for every
answer, each a row of its own: for networks that carry a state from token to token, and for attention that
takes no mask of ours. `whole`: every answer with all that precedes it, no cache: for what can do neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visq.backbones.chat_prompt import Tokens
from visq.backbones.chat_torch import Network, Places, Seen, Strand
from visq.backbones.tree import Tree, grow

TREE_TOKENS = 1024
"""Tokens of trees after one beginning that are run at once; a mask grows with their square."""

TOLERANCE = 0.05
"""Largest distance of hidden states between two ways, as a share of their length, for both to be one thing.

bfloat16 rounds to 0.4 %, which some dozens of layers carry to 1 or 2 %; a token that sees a wrong one, or
stands in a wrong place, moves them by tens of per cent.
"""


@dataclass(frozen=True)
class Branches:
    """A beginning, and the trees that follow it: each begins with one token or more of its own.

    Attributes:
        start: the beginning, with its picture.
        trees: a question's last tokens and the answers to it.
    """

    start: Strand
    trees: tuple[Tree, ...]


Found = dict[tuple[int, int], Tensor]
"""(number of the beginning, number of its tree) -> float [m, d], at the tree's `at`."""

Way = Callable[[Network, Any, Sequence[Branches], int], Found]
"""Takes what `begin` gives for it, and leaves it as it was."""


def begin(network: Network, way: str, starts: Sequence[Strand]) -> Seen | None:
    """Run beginnings; what is remembered of them, or None where the way has no use for it.

    Raises:
        NotImplementedError: the network has no cache.
    """
    if way == "whole":
        return None
    places = Places.of([(row, 0) for row in range(len(starts))])
    _, seen = network.start(starts, places, remember=True)
    if seen is None or seen.cache is None:
        raise NotImplementedError("it has none")
    return seen


def by_tree(network: Network, seen: Seen, batch: Sequence[Branches], most: int) -> Found:
    """One run for all trees; more where they are large.

    Args:
        network: whose attention takes a mask of ours.
        seen: the beginnings.
        batch: b beginnings with their trees.
        most: unused; the batch is run at once.
    """
    passes = [_parcels(branches.trees) for branches in batch]
    found: Found = {}
    for number in range(max(map(len, passes))):
        parcel = [of[number] if number < len(of) else [] for of in passes]
        found |= _forest(network, seen, [b.trees for b in batch], parcel)
    return found


def _forest(
    network: Network, seen: Seen, trees: Sequence[Sequence[Tree]], parcels: Sequence[Sequence[int]]
) -> Found:
    """Run some trees of each row after what was seen, which is left as it was."""
    sizes = [sum(len(of[k].ids) for k in parcel) for of, parcel in zip(trees, parcels, strict=True)]
    b, t = len(parcels), max(sizes)
    ids, depths = torch.zeros(2, b, t, dtype=torch.long)
    mask = torch.zeros(b, t, dtype=torch.bool)
    # What is padding sees itself: a row of a softmax that sees nothing is no number.
    allowed = torch.eye(t, dtype=torch.bool).repeat(b, 1, 1)
    owners: list[tuple[int, int]] = []
    pairs: list[tuple[int, int]] = []
    for row, parcel in enumerate(parcels):
        begin = 0
        for k in parcel:
            tree = trees[row][k]
            span = slice(begin, begin + len(tree.ids))
            ids[row, span], depths[row, span] = torch.from_numpy(tree.ids), torch.from_numpy(tree.positions)
            mask[row, span] = True
            allowed[row, span, span] = torch.from_numpy(tree.allowed)
            pairs += [(row, begin + int(at)) for at in tree.at]
            owners += [(row, k)] * len(tree.at)
            begin += len(tree.ids)
    hidden, _ = network.go_on(seen, ids, mask, depths, Places.of(pairs), allowed)
    seen.cache.crop(-t)
    return _by_owner(owners, hidden)


def _parcels(trees: Sequence[Tree]) -> list[list[int]]:
    """Numbers of trees, so many together as TREE_TOKENS allow."""
    parcels: list[list[int]] = [[]]
    size = 0
    for k, tree in enumerate(trees):
        if parcels[-1] and size + len(tree.ids) > TREE_TOKENS:
            parcels.append([])
            size = 0
        parcels[-1].append(k)
        size += len(tree.ids)
    return parcels


def by_rows(network: Network, seen: Seen, batch: Sequence[Branches], most: int) -> Found:
    """The cache of a beginning repeated for its trees, and that of a tree's trunk for its answers.

    Args:
        network: whose cache can be repeated.
        seen: the beginnings.
        batch: b beginnings with their trees.
        most: tokens of a run at most, those in the cache counted.
    """
    owners = [(row, k) for row, branches in enumerate(batch) for k in range(len(branches.trees))]
    # A state that runs on over padding is another state: only trunks of one length go together.
    by_length: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, k in owners:
        by_length[_trunk(batch[row].trees[k])].append((row, k))
    found: Found = {}
    for length, alike in by_length.items():
        for some in _chunks(alike, max(1, most // (seen.mask.shape[1] + length))):
            trees = {owner: batch[owner[0]].trees[owner[1]] for owner in some}
            ids = torch.tensor(np.array([tree.ids[:length] for tree in trees.values()]))
            after = seen.pick([row for row, _ in some])
            ends, after = network.go_on(
                after, ids, torch.ones_like(ids, dtype=torch.bool), torch.arange(length).expand(ids.shape),
                Places.of([(n, length - 1) for n in range(len(some))]),
            )  # fmt: skip
            parts = _answer_rows(network, after, list(trees.values()), most)
            found |= {owner: torch.stack([ends[n], *parts[n]]) for n, owner in enumerate(some)}
    return found


def _answer_rows(network: Network, seen: Seen, trees: Sequence[Tree], most: int) -> list[list[Tensor]]:
    """Of each tree m - 1 float [d]: at its answers' tokens, every answer a row after its tree's trunk."""
    rows = [(n, path) for n, tree in enumerate(trees) for path in _paths(tree)]
    parts: list[dict[int, Tensor]] = [{} for _ in trees]
    longest = max((len(path) for _, path in rows), default=0)
    for some in _chunks(rows, max(1, most // (seen.mask.shape[1] + longest))):
        shape = len(some), max(len(path) for _, path in some)
        ids, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.bool)
        for row, (n, path) in enumerate(some):
            ids[row, : len(path)] = torch.from_numpy(trees[n].ids[path])
            mask[row, : len(path)] = True
        pairs = [(row, column) for row, (_, path) in enumerate(some) for column in range(len(path))]
        hidden, _ = network.go_on(
            seen.pick([n for n, _ in some]), ids, mask, torch.arange(shape[1]).expand(shape), Places.of(pairs)
        )
        nodes = [(n, int(node)) for n, path in some for node in path]
        for (n, node), one in zip(nodes, hidden, strict=True):
            parts[n].setdefault(node, one)
    return [[part[int(at)] for at in tree.at[1:]] for tree, part in zip(trees, parts, strict=True)]


def whole(network: Network, seen: None, batch: Sequence[Branches], most: int) -> Found:
    """Every answer alone, with its question, its picture and the words before it; no cache.

    Args:
        network: any.
        seen: unused.
        batch: b beginnings with their trees.
        most: tokens of a run at most, where it holds more than one sequence.
    """
    owners = [
        (row, k, path)
        for row, branches in enumerate(batch)
        for k, tree in enumerate(branches.trees)
        for path in list(_paths(tree)) or [np.empty(0, np.int64)]
    ]
    nodes: defaultdict[tuple[int, int], dict[int, Tensor]] = defaultdict(dict)
    longest = max(len(batch[row].start.ids) + len(batch[row].trees[k].ids) for row, k, _ in owners)
    for some in _chunks(owners, max(1, most // longest)):
        strands, pairs, names = [], list[tuple[int, int]](), list[tuple[int, int, int]]()
        for n, (row, k, path) in enumerate(some):
            start, tree = batch[row].start, batch[row].trees[k]
            trunk = _trunk(tree)
            told = np.concatenate([np.arange(trunk), path])
            strands.append(Strand((*start.ids, *tree.ids[told].tolist()), start.place, start.look))
            first = len(start.ids) + trunk - 1
            pairs += [(n, first + j) for j in range(len(path) + 1)]
            names += [(row, k, int(node)) for node in (trunk - 1, *path)]
        hidden, _ = network.start(strands, Places.of(pairs), remember=False)
        for (row, k, node), one in zip(names, hidden, strict=True):
            nodes[row, k].setdefault(node, one)
    return {
        owner: torch.stack([of[int(at)] for at in batch[owner[0]].trees[owner[1]].at])
        for owner, of in nodes.items()
    }


WAYS: Mapping[str, Way] = {"tree": by_tree, "rows": by_rows, "whole": whole}
"""From the fastest to the one that every network can go."""


def find_way(network: Network, config: Any, sample: Tokens) -> tuple[str, str]:
    """The fastest way that gives what the plain one gives, tried on a few tokens; and why no faster one.

    Args:
        network: to be tried.
        config: of the language model.
        sample: twelve different tokens of plain text.

    Returns:
        A name in WAYS, and a reason; empty for the first way.
    """
    one, fork, left, right, other = sample[7:12]
    tree = grow(sample[5:7], ((one,), (fork, left), (fork, right), (other,)))
    tried = [Branches(Strand(sample[:5]), (tree,))]
    wanted = whole(network, None, tried, 1 << 20)[0, 0].float()
    reason = ""
    for name in ("tree", "rows"):
        against = _stands_against(network, config) if name == "tree" else ""
        against = against or _differs(name, network, tried, wanted)
        if not against:
            return name, reason
        reason = against
    return "whole", reason


def _stands_against(network: Network, config: Any) -> str:
    kinds = set(getattr(config, "layer_types", None) or ())
    other = sorted(kinds - {"full_attention"})
    if other:
        return f"its layers are {', '.join(other)}"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return "its attention reaches back only so far"
    if network.attention not in ("sdpa", "eager"):
        return f"attention {network.attention} takes no mask of ours"
    return ""


def _differs(way: str, network: Network, tried: Sequence[Branches], wanted: Tensor) -> str:
    try:
        seen = begin(network, way, [branches.start for branches in tried])
        found = WAYS[way](network, seen, tried, 1 << 20)[0, 0].float()
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError, LookupError) as error:
        # A foreign network's own refusal, of any kind: it is reason enough for the next way.
        line = next(iter(str(error).splitlines()), type(error).__name__)
        return f"its cache does not serve: {line}"
    distance = float((found - wanted).norm() / wanted.norm())
    return "" if distance <= TOLERANCE else f"it then gives other numbers, {distance:.0%} away"


def _trunk(tree: Tree) -> int:
    """Number of tokens before the answers."""
    return int(tree.at[0]) + 1


def _paths(tree: Tree) -> Iterator[Any]:
    """int64 [depth] each: every answer that is no beginning of another, as indices into the tree."""
    trunk = _trunk(tree)
    for node in range(trunk, len(tree.ids)):
        if not tree.allowed[node + 1 :, node].any():
            path = np.flatnonzero(tree.allowed[node])
            yield path[path >= trunk]


def _by_owner(owners: Sequence[tuple[int, int]], hidden: Tensor) -> Found:
    rows: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row, owner in enumerate(owners):
        rows[owner].append(row)
    return {owner: hidden[at] for owner, at in rows.items()}


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
