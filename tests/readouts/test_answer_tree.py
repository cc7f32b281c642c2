"""Answers as a tree of pieces: greedy decoding in it, and next pieces as whole answers imply them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readouts.toy_language import Random, by_table
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.readouts.decimals import Decimals
from visq.readouts.tree import END, AnswerTree, Ask, decode


@pytest.mark.parametrize(
    ("scale", "nodes"), [(Scale(1, 5), 452), (Scale(1, 10), 1012), (Scale(0, 100), 11204)]
)
def test_sizes_of_the_digit_trees(scale: Scale, nodes: int) -> None:
    """SPEC 2.4.3 and 2.9: 5 + 5 + 41 + 401, 10 + 10 + 91 + 901, and 0.00..100.00."""
    assert len(Decimals(scale=scale).characters) == nodes


@pytest.mark.parametrize("pieces", [[[1], []], [[1, 2], [1, 2]]])
def test_answers_need_pieces_of_their_own(pieces: list[list[int]]) -> None:
    with pytest.raises(InputError, match="answer 1 has no pieces of its own"):
        AnswerTree(pieces)


@given(st.integers(0, 3000), st.floats(0, 5), st.floats(1e-3, 10))
def test_greedy_takes_the_best_piece_each_time(seed: int, sharpness: float, loose: float) -> None:
    model = Random(seed, sharpness, loose)
    readout = Decimals(scale=Scale(1, 3), decimals=1)
    values, found = readout.greedy(model, 1)
    path: tuple[int, ...] = ()
    for piece in [*map(ord, f"{values[0]:.1f}"), END]:
        spelt = "".join(map(chr, path))
        inside = [a for a in readout.answers if a.startswith(spelt)]
        options = {END if a == spelt else ord(a[len(spelt)]) for a in inside}
        probs = model.probs(0, path)
        # Probabilities a rounding apart are one: they may swap places as logarithms.
        assert probs[piece] >= max(probs[option] for option in options) * (1 - 1e-12)
        if found.is_certain[0]:
            assert probs[piece] >= max(*probs.values(), 1 - math.fsum(probs.values())) * (1 - 1e-12)
        path = (*path, piece)


def test_greedy_has_no_answer_where_none_is_possible() -> None:
    values, found = Decimals(scale=Scale(1, 3), decimals=1).greedy(by_table({"": {"1": 1.0}}), 1)
    assert math.isnan(values[0])
    assert found.answers[0] == -1
    assert not found.is_certain[0]


def test_other_answers_and_other_numbers_of_them_are_refused() -> None:
    readout = Decimals(scale=Scale(1, 3), decimals=1)
    with pytest.raises(InputError, match="the tree has 2 answers; read-out has 21"):
        readout.greedy(Random(0), 1, tree=AnswerTree.of_characters(["1", "2"]))
    with pytest.raises(InputError, match="1 asks for next pieces were answered in another number or shape"):
        readout.greedy(lambda asks: [[0.0]], 1)


@given(st.lists(st.floats(1e-6, 1), min_size=21, max_size=21))
def test_next_pieces_of_whole_answers_multiply_back(weights: list[float]) -> None:
    readout = Decimals(scale=Scale(1, 3), decimals=1)
    tree = readout.characters
    shares = np.array(weights) / (sum(weights) * 1.25)
    ask = tree.next_of(np.log(shares)[None])
    for answer, share in zip(readout.answers, shares, strict=True):
        pieces = [*map(ord, answer), END]
        told = [ask([Ask(0, tuple(pieces[:k]), (piece,))])[0] for k, piece in enumerate(pieces)]
        # What is outside is left out: it is not known at which piece it went.
        found = math.exp(math.fsum(float(np.asarray(one)[0]) for one in told))
        assert found == pytest.approx(share / shares.sum())
    assert decode(tree, ask, 1).answers[0] >= 0
