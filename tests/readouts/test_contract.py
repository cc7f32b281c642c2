"""What every read-out of answer log-probabilities keeps, over all that are registered."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.readouts import READOUTS

OF_ANSWERS = {
    "levels": (["bad", "poor", "fair", "good", "excellent"], Scale(1, 5)),
    "integers": (None, Scale(1, 10)),
    "decimals": (None, Scale(1, 5)),
    "contrast": (["poor", "good"], Scale(0, 1)),
    "pairwise": (["B", "tie", "A"], Scale(0, 1)),
}


def make(name: str, **options: Any) -> Any:
    return READOUTS.get(name)(*OF_ANSWERS[name], **options)


def shape(name: str, readout: Any, n: int) -> tuple[int, ...]:
    k = len(readout.answers)
    return (n, 2, k) if name == "pairwise" else (n, k)


def random_logprobs(name: str, readout: Any, n: int, seed: int, sharpness: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=shape(name, readout, n)) * sharpness
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.log(shares / (shares.sum(axis=-1, keepdims=True) * (1 + rng.uniform(0, 1))))


def test_all_are_tested_here_or_read_text() -> None:
    assert set(READOUTS) == {*OF_ANSWERS, "text"}


@pytest.mark.parametrize("name", OF_ANSWERS)
@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 30.0]), st.sampled_from([0.2, 1.0, 100.0]))
def test_a_reading_is_whole(name: str, seed: int, sharpness: float, temperature: float) -> None:
    readout = make(name, temperature=temperature)
    reading = readout.read(random_logprobs(name, readout, 5, seed, sharpness))
    scale = readout.scale
    assert ((scale.low <= reading.value) & (reading.value <= scale.high)).all()
    assert reading.distribution.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert (reading.distribution >= 0).all()
    assert (reading.spread >= 0).all()
    assert (reading.spread <= (scale.high - scale.low) / 2 + 1e-12).all()
    assert ((reading.outside >= 0) & (reading.outside <= 1)).all()
    for i, (first, second) in enumerate(reading.top):
        row = reading.distribution[i].tolist()
        assert row[first] == max(row)
        assert row[second] == sorted(row)[-2]
        assert reading.neighbours[i] == (abs(first - second) == 1)
    for array in (reading.value, reading.distribution, reading.spread, reading.outside):
        assert array.dtype == np.float64


@pytest.mark.parametrize("name", OF_ANSWERS)
@settings(max_examples=15)
@given(st.integers(0, 10_000), st.permutations(range(6)))
def test_a_row_is_read_alike_in_any_batch_order_and_memory(name: str, seed: int, order: list[int]) -> None:
    readout = make(name)
    logs = random_logprobs(name, readout, 6, seed, 2.0)
    whole = readout.read(logs)
    strided = np.repeat(logs, 3, axis=0)[1::3]
    for other in (readout.read(logs[order]), readout.read(np.asfortranarray(logs[order]))):
        assert other.value.tolist() == whole.value[order].tolist()
        assert other.spread.tolist() == whole.spread[order].tolist()
        assert other.outside.tolist() == whole.outside[order].tolist()
    assert readout.read(strided).value.tolist() == whole.value.tolist()
    for i in range(6):
        assert readout.read(logs[i : i + 1]).value[0] == whole.value[i]


@pytest.mark.parametrize("name", ["levels", "integers", "decimals", "contrast"])
@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.1, 5))
def test_more_for_the_best_answer_is_a_higher_score(name: str, seed: int, more: float) -> None:
    readout = make(name)
    logits = random_logprobs(name, readout, 1, seed, 1.0)
    raised = logits.copy()
    raised[0, -1] += more
    before, after = (readout.read(x, closed_set=True).value[0] for x in (logits, raised))
    assert after > before


@pytest.mark.parametrize("name", OF_ANSWERS)
def test_bad_numbers_are_one_line(name: str) -> None:
    for temperature in (0.0, -2.0, math.nan, math.inf):
        with pytest.raises(InputError, match="temperature must be a finite number above 0"):
            make(name, temperature=temperature)
    readout = make(name)
    for wrong in (np.zeros(3), np.zeros((2, 99)), np.zeros((1, 3, len(readout.answers))), "abc", None):
        with pytest.raises(InputError, match=r"logprobs .*wanted \[n, ") as raised:
            readout.read(wrong)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", OF_ANSWERS)
def test_no_rows_and_a_closed_set(name: str) -> None:
    readout = make(name)
    assert readout.read(np.zeros(shape(name, readout, 0))).value.shape == (0,)
    assert np.isnan(readout.read(np.zeros(shape(name, readout, 2)), closed_set=True).outside).all()


@pytest.mark.parametrize("name", ["integers", "decimals", "contrast"])
def test_level_words_are_refused_by_read_outs_of_other_answers(name: str) -> None:
    # A model folder may name any read-out; its aspect's level words must not be taken for numbers or sides.
    with pytest.raises(InputError, match=f"read-out '{name}' needs") as raised:
        READOUTS.get(name)(("bad", "poor", "fair", "good", "excellent"), Scale(1, 5))
    assert "\n" not in str(raised.value)
