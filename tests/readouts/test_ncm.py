"""The published digit-wise expectation: its goldens, and what is wrong with it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from readouts.toy_language import by_table
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.readouts.decimals import Decimals
from visq.readouts.ncm import ncm, one_path

READOUT = Decimals(scale=Scale(1, 5))


def belief(mean: float, std: float) -> np.ndarray:
    """A normal belief on 1.00..5.00, discretised: density at each number, normalised."""
    weights = [math.exp(-0.5 * ((1 + i / 100 - mean) / std) ** 2) for i in range(401)]
    return np.array(weights) / math.fsum(weights)


def ask_of(*beliefs: np.ndarray):
    with np.errstate(divide="ignore"):
        return READOUT.characters.next_of(np.log(np.array(beliefs)))


@pytest.mark.parametrize(
    ("mean", "std", "exact", "digits", "greedy"),
    [
        (3.50, 0.20, 3.500, 3.500, 3.50),
        (3.98, 0.05, 3.980, 4.330, 3.98),
        (4.00, 0.10, 4.000, 3.599, 4.00),
        (3.05, 0.10, 3.050, 2.812, 3.05),
    ],
)
def test_the_carry_table(mean: float, std: float, exact: float, digits: float, greedy: float) -> None:
    """SPEC 2.4.2, computed there with a discretised normal belief; to 0.001."""
    shares = belief(mean, std)
    ask = ask_of(shares)
    assert READOUT.read(np.log(shares + 1e-300)[None]).value[0] == pytest.approx(exact, abs=5e-4)
    assert one_path(ask, 1)[0] == pytest.approx(digits, abs=5e-4)
    assert READOUT.greedy(ask, 1)[0][0] == pytest.approx(greedy, abs=1e-12)


@pytest.mark.parametrize(
    ("std", "rms", "most", "rms_greedy"),
    [
        (0.05, 0.088, 0.45, 0.003),
        (0.1, 0.111, 0.41, 0.003),
        (0.2, 0.129, 0.34, 0.011),
        (0.5, 0.078, 0.14, 0.095),
    ],
)
def test_one_path_is_worse_than_greedy_text_for_sure_models(
    std: float, rms: float, most: float, rms_greedy: float
) -> None:
    """SPEC 2.4.2, last row: means spread evenly over 1.2..4.8. Which means is not said: with 361 or 3,601 of
    them the rms moves by .0005, the largest by .037; with these 121 by as much again.
    """
    beliefs = [belief(1.2 + i / 100 + 0.0003, std) for i in range(0, 361, 3)]
    ask = ask_of(*beliefs)
    exact = np.array(beliefs) @ READOUT.values
    errors = one_path(ask, len(beliefs)) - exact
    assert math.sqrt(np.mean(errors**2)) == pytest.approx(rms, abs=0.006)
    assert np.abs(errors).max() == pytest.approx(most, abs=0.04)
    greedy = READOUT.greedy(ask, len(beliefs))[0] - exact
    assert math.sqrt(np.mean(greedy**2)) == pytest.approx(rms_greedy, abs=0.004)


@pytest.mark.parametrize(("three", "expected"), [(0.5 + 1e-9, 4.48), (0.5 - 1e-9, 3.52)])
def test_a_tie_of_whole_digits_breaks_the_one_path(three: float, expected: float) -> None:
    """SPEC 2.9: the exact value is 4.00; one path gives 3.5 + .98 or 3.5 + .02, as the tie breaks."""
    shares = np.zeros(401)
    shares[[298, 302]] = three, 1 - three
    ask = ask_of(shares)
    assert one_path(ask, 1)[0] == pytest.approx(expected, abs=1e-6)
    with np.errstate(divide="ignore"):
        exact = READOUT.read(np.log(shares)[None]).value[0]
    assert exact == pytest.approx(4.0, abs=1e-6)


def test_ncm_by_hand() -> None:
    # Along the label 3.4: E(whole) = .75*3 + .25*4, E(tenths) = .5*4 + .5*6; 7.0-style labels end there.
    # Of the digits only: what the model says beside them (x) is left out of the softmax.
    model = by_table(
        {"": {"3": 0.6, "4": 0.2, ".": 0.2}, "3.": {"4": 0.1, "6": 0.1}, "3.4": {"2": 0.5, "7": 0.5}}
    )
    short, full = ncm(model, ["3.4"]), ncm(model, ["3.42"])
    assert short.value[0] == pytest.approx(3.25 + 0.5)
    assert short.ncm[0] == pytest.approx((3.75 - 3.4) ** 2)
    assert full.value[0] == pytest.approx(3.25 + 0.5 + 0.045)
    # Without the label's digits 3, 4 and 2: .25*4 + .1 * .5*6 + .01 * .5*7, nothing renormalised.
    assert full.value_without_label[0] == pytest.approx(1 + 0.3 + 0.035)
    assert full.ncm_star[0] == pytest.approx((1.335 - 3.42) ** 2)
    both = ncm(model, ["3.4", "3.42"])
    assert both.value.tolist() == [short.value[0], full.value[0]]


def test_a_perfect_model_has_an_ncm_star_of_the_label_squared() -> None:
    """SPEC 2.4.1: n* = 0 for a perfect model."""
    shares = np.zeros(401)
    shares[244] = 1
    found = ncm(ask_of(shares), ["3.44"])
    assert found.ncm[0] == pytest.approx(0, abs=1e-12)
    assert found.value_without_label[0] == pytest.approx(0, abs=1e-12)
    assert found.ncm_star[0] == pytest.approx(3.44**2)


@pytest.mark.parametrize("label", ["75.31", "7", "7.", "7.000", "-1.0", "7,0", ""])
def test_labels_the_formula_cannot_read_are_refused(label: str) -> None:
    with pytest.raises(InputError, match="is not one digit, a point and one or two digits"):
        ncm(by_table({}), [label])


def test_no_digit_possible_is_nan() -> None:
    assert math.isnan(one_path(by_table({"": {".": 1.0}}), 1)[0])
