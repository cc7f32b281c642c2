"""Read-out `pairwise`: both orders together, by hand and by symmetry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.readouts.pairwise import Pairwise

READOUT = Pairwise(["B", "tie", "A"])  # worst to best for the picture shown first


def read(a_first: list[float], b_first: list[float], readout: Pairwise = READOUT) -> Any:
    with np.errstate(divide="ignore"):
        return readout.read(np.log([[a_first, b_first]]))


def test_by_hand() -> None:
    # a shown first: first .6, tie .1, second .1. b shown first: first .3, tie .1, second .4.
    reading = read([0.1, 0.1, 0.6], [0.4, 0.1, 0.3])
    # Of .8: (.125, .125, .75) and, from a's side, (.375, .125, .5); their mean (.25, .125, .625).
    assert reading.distribution[0].tolist() == pytest.approx([0.25, 0.125, 0.625])
    assert reading.value[0] == pytest.approx(0.625 + 0.125 / 2)
    assert reading.margin[0] == pytest.approx(0.375)
    assert reading.order_bias[0] == pytest.approx(((0.75 - 0.125) + (0.375 - 0.5)) / 2)
    assert reading.winner.tolist() == [1]
    assert reading.orders_agree.tolist() == [True]
    assert reading.outside[0] == pytest.approx(0.2)
    assert reading.spread[0] == pytest.approx(
        math.sqrt(0.25 * 0.6875**2 + 0.125 * 0.1875**2 + 0.625 * 0.3125**2)
    )


def test_a_model_that_always_takes_the_first_has_no_winner_and_full_bias() -> None:
    reading = read([0.0, 0.0, 1.0], [0.0, 0.0, 1.0])
    assert reading.margin[0] == 0
    assert reading.winner[0] == 0
    assert reading.order_bias[0] == 1
    assert not reading.orders_agree[0]
    assert reading.value[0] == 0.5
    assert reading.neighbours.tolist() == [False]  # A and B, not the tie between them


def test_ties() -> None:
    tie = read([0.1, 0.8, 0.1], [0.1, 0.8, 0.1])
    assert (tie.winner[0], tie.margin[0], tie.orders_agree[0]) == (0, 0, True)
    # a is ahead by .2, but neither side is as probable as a tie.
    assert read([0.1, 0.6, 0.3], [0.3, 0.6, 0.1]).winner[0] == 0
    assert read([0.2, 0.35, 0.45], [0.45, 0.35, 0.2]).winner[0] == 1
    # A margin of .2 against what counts as a tie.
    for least, winner in ((0.1, 1), (0.3, 0)):
        assert read([0.4, 0.6], [0.6, 0.4], Pairwise(["B", "A"], tie=least)).winner[0] == winner


def test_five_words_are_mirrored_too() -> None:
    readout = Pairwise(["inferior", "worse", "similar", "better", "superior"])
    reading = read([0, 0, 0, 0.5, 0.5], [0.5, 0.5, 0, 0, 0], readout)
    assert reading.distribution[0].tolist() == [0, 0, 0, 0.5, 0.5]
    assert reading.value[0] == pytest.approx(0.875)
    assert reading.winner[0] == 1


@given(
    st.lists(st.lists(st.floats(-20, 0), min_size=6, max_size=6), min_size=1, max_size=4),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.sampled_from([2, 3]),
)
def test_turning_a_pair_round_turns_the_answer_round(
    rows: list[list[float]], temperature: float, k: int
) -> None:
    readout = Pairwise(["B", "tie", "A"] if k == 3 else ["B", "A"], Scale(0, 1), temperature=temperature)
    logits = np.array(rows)[:, : 2 * k].reshape(len(rows), 2, k)
    there = readout.read(logits, closed_set=True)
    back = readout.read(logits[:, ::-1], closed_set=True)
    assert back.margin.tolist() == pytest.approx((-there.margin).tolist(), abs=1e-12)
    assert back.value.tolist() == pytest.approx((1 - there.value).tolist(), abs=1e-12)
    assert back.order_bias.tolist() == pytest.approx(there.order_bias.tolist(), abs=1e-12)
    assert back.winner.tolist() == (-there.winner).tolist()
    assert back.orders_agree.tolist() == there.orders_agree.tolist()
    assert (np.abs(there.order_bias) <= 1).all()
    if k == 2:
        assert there.value.tolist() == pytest.approx(((1 + there.margin) / 2).tolist(), abs=1e-12)


def test_one_order_unread_leaves_no_winner() -> None:
    reading = READOUT.read([[[-1.0, -1.5, -2.0], [math.nan] * 3]])
    assert math.isnan(reading.margin[0])
    assert reading.winner[0] == 0
    assert not reading.orders_agree[0]


def test_bad_options_are_one_line() -> None:
    for tie in (-0.1, 1.0, math.nan):
        with pytest.raises(InputError, match="tie must be a number from 0 up to 1"):
            Pairwise(["B", "A"], tie=tie)
    with pytest.raises(InputError, match="read-out 'pairwise' needs two or more different words"):
        Pairwise(["A", "A"])
    with pytest.raises(InputError, match=r"logprobs have shape \(1, 3\); wanted \[n, 2, 3\]"):
        READOUT.read(np.zeros((1, 3)))
