"""Read-out `levels` against hand arithmetic, a naive version and properties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import MOS, Scale
from visq.readouts import READOUTS
from visq.readouts.levels import Levels

WORDS = ("bad", "poor", "fair", "good", "excellent")
ONEALIGN = [[10.1172, 12.5391, 15.3750, 18.4844, 17.3750]]  # as printed, to four decimals


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
    """SPEC 1.1, a real OneAlign answer: 4.202722, std 0.489759 from the printed logits; .800680 on 0..1."""
    logits = np.array(ONEALIGN)
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


@pytest.mark.parametrize(
    "words",
    [
        ["good", "good"],
        ["good"],
        [],
        "good",
        ["good", ""],
        [["good", "fine"], ["poor", "fine"]],
        ["good", []],
    ],
)
def test_levels_needs_different_words(words: Any) -> None:
    with pytest.raises(InputError, match="read-out 'levels' needs two or more different words, not"):
        Levels(words)


@pytest.mark.parametrize(("temperature", "value"), [(1, 4.202722), (2, 4.116057), (0.5, 4.096093)])
def test_the_onealign_golden_at_other_temperatures(temperature: float, value: float) -> None:
    """SPEC 1.1, from the printed logits of a real OneAlign answer; not monotone in temperature."""
    readout = Levels(WORDS, temperature=temperature)
    assert readout.read(ONEALIGN, closed_set=True).value[0] == pytest.approx(value, abs=1e-6)


def test_the_onealign_golden_as_a_distribution() -> None:
    """SPEC 1.1, the same answer: shares (worst to best), entropy 0.699176 nat."""
    reading = Levels(WORDS).read(ONEALIGN, closed_set=True)
    wanted = [0.000169, 0.001901, 0.032404, 0.726093, 0.239434]
    assert reading.distribution[0].tolist() == pytest.approx(wanted, abs=1e-6)
    assert -sum(p * math.log(p) for p in reading.distribution[0]) == pytest.approx(0.699176, abs=1e-6)
    assert reading.top.tolist() == [[3, 4]]
    assert reading.neighbours.tolist() == [True]


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_a_temperature_is_finite_and_above_0(temperature: float) -> None:
    with pytest.raises(InputError, match=f"temperature must be a finite number above 0, not {temperature}"):
        Levels(WORDS, temperature=temperature)


@given(
    st.lists(st.lists(st.floats(-30, 0), min_size=3, max_size=3), min_size=1, max_size=5),
    st.floats(0.05, 50),
    st.sampled_from([(1.0, 2.0, 3.0), (1.0, 1.2, 4.5), (1.5, 4.0, 5.0)]),
)
def test_other_values_and_temperatures_agree_with_the_definition(
    rows: list[list[float]], temperature: float, values: tuple[float, ...]
) -> None:
    reading = Levels(["no", "so so", "yes"], values=values, temperature=temperature).read(
        rows, closed_set=True
    )
    for i, logits in enumerate(rows):
        weights = [math.exp((x - max(logits)) / temperature) for x in logits]
        shares = [w / math.fsum(weights) for w in weights]
        mean = math.fsum(p * v for p, v in zip(shares, values, strict=True))
        square = math.fsum(p * (v - mean) ** 2 for p, v in zip(shares, values, strict=True))
        assert reading.distribution[i].tolist() == pytest.approx(shares, abs=1e-12)
        assert reading.value[i] == pytest.approx(mean, abs=1e-12)
        assert reading.spread[i] == pytest.approx(math.sqrt(square), abs=1e-7)


def test_temperature_leaves_outside_alone() -> None:
    logs = np.log([[0.02, 0.08, 0.20, 0.45, 0.15]])
    for temperature in (0.5, 1, 7):
        reading = Levels(WORDS, temperature=temperature).read(logs)
        assert reading.outside[0] == pytest.approx(0.10, abs=1e-12)


@given(st.lists(st.floats(1e-4, 1), min_size=6, max_size=6))
def test_synonyms_add_up(weights: list[float]) -> None:
    bad, poor, fair, okay, good, fine = probs = [w / (math.fsum(weights) + 0.5) for w in weights]
    readout = Levels([["bad", "poor"], "fair", ["okay", "good", "fine"]], Scale(0, 1))
    assert readout.answers == ("bad", "poor", "fair", "okay", "good", "fine")
    reading = readout.read(np.log([probs]))
    total = math.fsum(probs)
    wanted = [(bad + poor) / total, fair / total, (okay + good + fine) / total]
    assert reading.distribution[0].tolist() == pytest.approx(wanted, abs=1e-12)
    assert reading.value[0] == pytest.approx(wanted[1] / 2 + wanted[2], abs=1e-12)
    assert reading.outside[0] == pytest.approx(1 - total, abs=1e-12)


@pytest.mark.parametrize(
    ("scale", "values"),
    [
        (MOS, [1, 2]),
        (MOS, [1, 2, 2]),
        (MOS, [3, 2, 1]),
        (MOS, [0, 2, 3]),
        (MOS, [1, 2, 6]),
        (MOS, [1, math.nan, 3]),
        (Scale(0, 100, "down"), [0, 50, 100]),
    ],
)
def test_values_go_from_worst_to_best_on_the_scale(scale: Scale, values: list[float]) -> None:
    with pytest.raises(InputError, match=r"needs 3 values on .*, worst to best, not"):
        Levels(["a", "b", "c"], scale, values=values)


def test_a_scale_that_goes_down_puts_the_worst_at_its_high_end() -> None:
    for values in (None, [100, 60, 0]):
        reading = Levels(["a", "b", "c"], Scale(0, 100, "down"), values=values).read(
            np.log([[1, 1e-9, 1e-9]])
        )
        assert reading.value[0] == pytest.approx(100, abs=1e-6)


def test_logits_are_not_taken_for_log_probabilities() -> None:
    with pytest.raises(InputError, match="row 1 add up to 3; give log-probabilities, not logits"):
        Levels(["a", "b", "c"]).read([[-2.0, -2.0, -2.0], [0.0, 0.0, 0.0]])
    with pytest.raises(InputError, match="row 0 add up to inf"):
        Levels(["a", "b", "c"]).read([[900.0, 1.0, 2.0]])
    with pytest.raises(InputError, match="logprobs of row 1 hold inf"):
        Levels(["a", "b"]).read([[0.0, 1.0], [math.inf, 0.0]], closed_set=True)
    with pytest.raises(InputError, match="no array of numbers"):
        Levels(["a", "b"]).read([[0.0, 1.0], [1.0]])  # type: ignore[arg-type]


def test_what_cannot_be_said_and_what_is_unknown() -> None:
    reading = Levels(["a", "b"]).read([[-math.inf, -1.0], [-math.inf, -math.inf], [math.nan, -1.0]])
    assert reading.distribution[0].tolist() == [0, 1]
    assert np.isnan(reading.value[1:]).all()
    assert reading.outside[:2].tolist() == pytest.approx([1 - math.exp(-1), 1])
    assert math.isnan(reading.outside[2])
    assert reading.top.tolist() == [[1, 0], [-1, -1], [-1, -1]]


def test_two_minds_are_told_from_one() -> None:
    reading = Levels(WORDS).read(np.log([[0.4, 0.05, 0.05, 0.1, 0.4], [0.1, 0.2, 0.4, 0.2, 0.1]]))
    assert reading.top.tolist() == [[0, 4], [2, 1]]
    assert reading.neighbours.tolist() == [False, True]


def test_it_is_registered() -> None:
    assert READOUTS.get("levels") is Levels
