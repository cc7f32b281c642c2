"""Which answers are opened, against the definition and against the value of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.backbones.opening import Opening
from visq.core.scales import Scale
from visq.readouts.decimals import Decimals

READOUT = Decimals(scale=Scale(1, 3), decimals=1, tolerance=0.05)
K = len(READOUT.answers)


def opened(told, ends, unread):
    """What an Opening reads of answers whose ends have these log-probabilities, and in how many passes."""
    opening, n_passes = Opening(told, unread), 0
    while len(numbers := opening.worth_reading()):
        assert (opening.logprobs[numbers] == -np.inf).all()  # none twice
        opening.add(numbers, (told + ends)[numbers])
        n_passes += 1
    return opening.logprobs, n_passes


def beliefs(seed, sharpness, rarity):
    """Log-probabilities of the answers' tokens, and of each one's end."""
    rng = np.random.default_rng(seed)
    told = rng.normal(size=K) * sharpness
    return told - np.logaddexp.reduce(told) - rng.exponential(), -rng.exponential(size=K) * rarity


worlds = st.builds(beliefs, st.integers(0, 100_000), st.floats(0, 8), st.sampled_from([0.0, 0.001, 0.5, 6.0]))


@given(worlds, st.sampled_from([1e-3, 0.02, 0.05, 0.4, 2.0]))
def test_a_value_is_within_the_tolerance_of_that_of_all_answers(world, tolerance):
    told, ends = world
    readout = Decimals(scale=Scale(1, 3), decimals=1, tolerance=tolerance)
    logs, n_passes = opened(told, ends, readout.unread)
    whole = np.exp(told + ends)
    exact = float((whole * readout.values).sum() / whole.sum())

    found = readout.read(logs[None])
    assert abs(found.value[0] - exact) <= tolerance * (1 + 1e-9) + 1e-12
    left = logs == -np.inf
    # What is promised: by the tokens of those left, beside the whole answers that were read.
    assert np.exp(told[left]).sum() <= readout.unread * whole[~left].sum() * (1 + 1e-9)
    assert -1e-9 <= found.outside[0] - (1 - whole.sum()) <= readout.unread + 1e-9
    assert n_passes <= 2


@given(worlds)
def test_the_likeliest_are_opened_and_no_more_than_needed(world):
    told, ends = world
    logs, n_passes = opened(told, ends, READOUT.unread)
    left = logs == -np.inf
    assert np.array_equal(logs[~left], (told + ends)[~left])
    assert told[~left].min() >= told[left].max(initial=-np.inf)
    if n_passes == 1 and (~left).sum() > 1:  # without the least of them the tokens alone would not do
        left[np.flatnonzero(~left)[told[~left].argmin()]] = True
        assert np.exp(told[left]).sum() > READOUT.unread * np.exp(told[~left]).sum()


def test_rare_ends_open_more():
    told = np.log([0.6, 0.3, 0.06, 0.04])
    sure = opened(told, np.zeros(4), 0.05)
    rare = opened(told, np.full(4, -1.0), 0.05)
    assert [(np.isfinite(logs).sum(), passes) for logs, passes in (sure, rare)] == [(3, 1), (4, 2)]


@pytest.mark.parametrize("told", [np.full(K, -np.inf), np.r_[np.nan, np.zeros(K - 1)]])
def test_where_nothing_is_known_all_is_read(told):
    assert Opening(told, 0.5).worth_reading().tolist() == list(range(K))


def test_ends_that_never_come_open_all_that_may_come():
    told = np.r_[np.zeros(3), -np.inf]
    opening = Opening(told, 0.5)
    first = opening.worth_reading()
    opening.add(first, np.full(len(first), -np.inf))
    second = opening.worth_reading()
    opening.add(second, np.full(len(second), -np.inf))
    assert sorted([*first, *second]) == [0, 1, 2]
    assert not len(opening.worth_reading())


def test_equal_answers_are_opened_from_the_first_on():
    assert Opening(np.zeros(10), 0.5).worth_reading().tolist() == list(range(7))
