"""Read-outs `decimals` and `integers`: which answers they ask for, and what they make of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.readouts.decimals import Decimals
from visq.readouts.integers import Integers


def test_every_number_of_the_scale_is_asked_for() -> None:
    assert Integers().answers == ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
    assert Decimals(scale=Scale(1, 5)).answers == tuple(f"{i // 100}.{i % 100:02d}" for i in range(100, 501))
    assert Decimals(scale=Scale(-0.5, 0.5), decimals=1).answers[:6] == (
        "-0.5",
        "-0.4",
        "-0.3",
        "-0.2",
        "-0.1",
        "0.0",
    )
    assert Decimals(scale=Scale(0, 2, "down"), decimals=0).answers == ("2", "1", "0")
    assert Integers(["3", "5", "8"]).values.tolist() == [3, 5, 8]


@given(st.integers(0, 10_000), st.floats(0.1, 8), st.floats(0.2, 5))
def test_agrees_with_the_sum_over_all_numbers(seed: int, sharpness: float, temperature: float) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(401, 1 / sharpness)).clip(1e-12) * 0.7
    reading = Decimals(scale=Scale(1, 5), temperature=temperature).read(np.log(probs)[None])
    weights = [float(p) ** (1 / temperature) for p in probs]
    total = math.fsum(weights)
    mean = math.fsum(w * (100 + i) / 100 for i, w in enumerate(weights)) / total
    square = math.fsum(w * ((100 + i) / 100 - mean) ** 2 for i, w in enumerate(weights)) / total
    assert reading.value[0] == pytest.approx(mean, abs=1e-9)
    assert reading.spread[0] == pytest.approx(math.sqrt(square), abs=1e-7)
    assert reading.outside[0] == pytest.approx(1 - math.fsum(probs), abs=1e-9)


def test_an_interval_is_made_of_quantiles() -> None:
    readout = Integers()
    # Cumulated: .05 .05 .15 .35 .75 .95 1 ..
    probs = np.array([[0.05, 0.0, 0.1, 0.2, 0.4, 0.2, 0.05, 0.0, 0.0, 0.0]])
    with np.errstate(divide="ignore"):
        reading = readout.read(np.log(probs))
    assert [end.tolist() for end in readout.interval(reading)] == [[1], [6]]
    assert [end.tolist() for end in readout.interval(reading, 0.5)] == [[4], [5]]
    assert [end.tolist() for end in readout.interval(reading, 0.7)] == [[3], [6]]
    assert [end.tolist() for end in readout.interval(reading, 1.0)] == [[1], [7]]
    nothing = readout.read(np.full((1, 10), -np.inf))
    assert np.isnan(readout.interval(nothing)).all()


@pytest.mark.parametrize(
    ("answers", "options", "match"),
    [
        (
            ["1.0", "2.00"],
            {},
            "needs two or more numbers with 2 decimals on 1..5, worst to best, not '1.0', '2.00'",
        ),
        (["2.00", "1.00"], {}, "worst to best"),
        (["1.00", "1.00"], {}, "worst to best"),
        (["1.00", "5.01"], {}, "on 1..5"),
        (["1.00"], {}, "two or more"),
        ("1.00", {}, "two or more"),
        (["1.00", "nan"], {}, "two or more"),
        (["1.00", None], {}, "two or more"),
        (["1.00", "good"], {}, "two or more"),
        ([f"{i}" for i in range(9)], {}, r"not '0', '1', .* '7', \.\.\."),
        (None, {"decimals": 4}, "takes 0 to 3 decimals, not 4"),
        (None, {"decimals": -1}, "takes 0 to 3 decimals, not -1"),
        (None, {"scale": Scale(0.5, 5), "decimals": 0}, "scale 0.5..5 cannot be written with 0 decimals"),
        (
            None,
            {"scale": Scale(0, 100_000), "decimals": 1},
            "has 1000001 numbers; read-out 'decimals' takes up to",
        ),
    ],
)
def test_other_answers_are_refused(answers: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Decimals(answers, **options)


def test_integers_say_their_own_name() -> None:
    with pytest.raises(InputError, match=r"'integers' needs two or more numbers with 0 decimals on 1\.\.10"):
        Integers(["0", "1"])
    with pytest.raises(InputError, match=r"scale 0\.5\.\.5 cannot be written with 0 decimals"):
        Integers(scale=Scale(0.5, 5))


@given(
    st.integers(0, 10_000),
    st.floats(0.1, 8),
    st.sampled_from([Scale(1, 3), Scale(1, 3, "down"), Scale(-2, 7)]),
    st.sampled_from([0.0, 1e-3, 0.05, 2.0]),
)
def test_what_may_go_unread_moves_the_value_by_the_tolerance_at_most(
    seed: int, sharpness: float, scale: Scale, tolerance: float
) -> None:
    readout = Decimals(scale=scale, decimals=1, tolerance=tolerance)
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(len(readout.answers), 1 / sharpness)).clip(1e-12) * 0.7
    # The worst that is allowed: one end of the scale goes first.
    order = np.argsort(readout.values * rng.choice([-1, 1]))
    left = np.cumsum(probs[order]) / (probs.sum() - np.cumsum(probs[order])).clip(1e-300) <= readout.unread
    left[-1] = False
    logs = np.log(probs)
    exact = readout.read(logs[None])
    logs[order[left]] = -np.inf
    reading = readout.read(logs[None])

    assert abs(reading.value[0] - exact.value[0]) <= tolerance + 1e-12
    assert -1e-12 <= reading.outside[0] - exact.outside[0] <= readout.unread + 1e-12
    squares = reading.spread[0] ** 2, exact.spread[0] ** 2
    assert abs(squares[0] - squares[1]) <= tolerance * (scale.high - scale.low) + 1e-12


def test_the_bound_is_nearly_reached() -> None:
    """All that is read at one end, all that is left at the other: no smaller bound would hold."""
    readout = Decimals(scale=Scale(1, 3), decimals=0, tolerance=0.4)
    probs = np.array([0.2, 0.0, 0.04])
    with np.errstate(divide="ignore"):
        exact = readout.read(np.log(probs)[None]).value[0]
        given = readout.read(np.log([[0.2, 0.0, 0.0]])).value[0]
    assert readout.unread == 0.2
    assert abs(given - exact) == pytest.approx(0.4 / 1.2)  # U / (R + U) is a little below U / R


def test_all_is_read_at_other_temperatures_and_of_whole_numbers() -> None:
    assert Decimals(scale=Scale(1, 5)).unread == 0.002 / 4
    assert Decimals(scale=Scale(1, 10), tolerance=0.09).unread == pytest.approx(0.01)
    assert Decimals(scale=Scale(1, 5), temperature=0.5).unread == 0
    assert Decimals(scale=Scale(1, 5), temperature=2.0).unread == 0
    assert Integers().unread == 0


@pytest.mark.parametrize("tolerance", [-0.001, math.nan, math.inf])
def test_a_tolerance_is_a_finite_number_from_0_up(tolerance: float) -> None:
    with pytest.raises(InputError, match="tolerance must be a finite number from 0 up"):
        Decimals(tolerance=tolerance)
