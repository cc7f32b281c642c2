"""Read-out `levels` against hand arithmetic, a naive version and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.readouts import READOUTS
from visq.readouts.levels import Levels

WORDS = ("bad", "poor", "fair", "good", "excellent")


def naive(probs: list[float]) -> tuple[float, float]:
    """Value and spread by definition."""
    total = math.fsum(probs)
    mean = math.fsum(p / total * v for p, v in zip(probs, range(1, 6), strict=True))
    return mean, math.sqrt(
        math.fsum(p / total * (v - mean) ** 2 for p, v in zip(probs, range(1, 6), strict=True))
    )


def test_by_hand_with_mass_outside() -> None:
    # (0.02*1 + 0.08*2 + 0.20*3 + 0.45*4 + 0.15*5) / 0.90 = 3.33 / 0.90; mean square 13.09 / 0.90.
    reading = Levels(WORDS).read(np.log([[0.02, 0.08, 0.20, 0.45, 0.15]]))
    assert reading.value[0] == pytest.approx(3.33 / 0.90, abs=1e-9)
    assert reading.outside[0] == pytest.approx(0.10, abs=1e-9)
    assert reading.spread[0] == pytest.approx(math.sqrt(13.09 / 0.90 - (3.33 / 0.90) ** 2), abs=1e-9)


def test_the_onealign_golden() -> None:
    """A real OneAlign answer: 4.202722, std 0.489759 from the printed logits; .800680 on 0..1."""
    logits = np.array([[10.1172, 12.5391, 15.3750, 18.4844, 17.3750]])
    for dtype in (np.float32, np.float64):
        reading = Levels(WORDS).read(logits.astype(dtype), closed_set=True)
        assert reading.value[0] == pytest.approx(4.202722, abs=1e-6)
        assert reading.spread[0] == pytest.approx(0.489759, abs=1e-6)
        assert reading.value.dtype == np.float64
    assert Levels(WORDS, Scale(0, 1)).read(logits, closed_set=True).value[0] == pytest.approx(
        0.800680, abs=1e-6
    )


def test_half_precision_logits_are_accepted_and_read_in_full_precision() -> None:
    # With fp16 arithmetic the answer would be 4.203125. These are the true fp16 logits of that answer.
    logits = np.array([[10.1171875, 12.5390625, 15.375, 18.484375, 17.375]], dtype=np.float16)
    value = Levels(WORDS).read(logits, closed_set=True).value[0]
    assert value == pytest.approx(naive([math.exp(float(x)) for x in logits[0]])[0], abs=1e-12)
    assert abs(value - 4.203125) > 1e-4


@given(st.lists(st.lists(st.floats(1e-6, 0.19), min_size=5, max_size=5), min_size=1, max_size=8))
def test_agrees_with_the_definition(rows: list[list[float]]) -> None:
    reading = Levels(WORDS).read(np.log(rows))
    for i, probs in enumerate(rows):
        value, spread = naive(probs)
        assert reading.value[i] == pytest.approx(value, abs=1e-12)
        assert reading.spread[i] == pytest.approx(spread, abs=1e-7)
        assert reading.outside[i] == pytest.approx(1 - math.fsum(probs), abs=1e-9)


@given(st.lists(st.floats(-80, 80), min_size=5, max_size=5), st.floats(-1e4, 1e4))
def test_value_lies_on_the_scale_and_a_common_shift_changes_nothing(
    logits: list[float], shift: float
) -> None:
    reading = Levels(WORDS).read([logits, [x + shift for x in logits]], closed_set=True)
    assert 1 <= reading.value[0] <= 5
    assert reading.distribution.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert reading.value[1] == pytest.approx(reading.value[0], abs=1e-9)


def test_a_closed_set_has_no_outside() -> None:
    assert np.isnan(Levels(WORDS).read(np.zeros((2, 5)), closed_set=True).outside).all()


def test_rows_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6, 5))
    together = Levels(WORDS).read(logits, closed_set=True).value
    alone = [Levels(WORDS).read(row[None], closed_set=True).value[0] for row in logits]
    assert together.tolist() == pytest.approx(alone, abs=0)


@pytest.mark.parametrize("shape", [(5,), (2, 4), (1, 5, 1)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"wanted \[n, 5\]"):
        Levels(WORDS).read(np.zeros(shape))


def test_levels_needs_different_words() -> None:
    with pytest.raises(InputError, match="two or more different words"):
        Levels(["good", "good"])


def test_it_is_registered() -> None:
    assert READOUTS.get("levels") is Levels
