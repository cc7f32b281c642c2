"""Numbers as answers: rounding, and every number of a scale, against integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError
from visq.core.numbers import count_numbers, number_text, numbers_of
from visq.core.scales import Scale


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (2.5, 0, "2"),  # AVA 332710 (SPEC 3.10)
        (6.5, 0, "6"),  # AVA 547913 (SPEC 3.10)
        (7, 2, "7.00"),
        (10, 2, "10.00"),
        (1.005, 2, "1.00"),  # the float lies below 1.005, and its digits are what people see: a tie, to even
        (1.015, 2, "1.02"),
        (2.675, 2, "2.68"),
        (-0.001, 2, "0.00"),
        (1e-7, 2, "0.00"),
        (1e16, 0, "10000000000000000"),
    ],
)
def test_numbers_are_rounded_half_to_even_on_their_digits(value: float, decimals: int, text: str) -> None:
    assert number_text(value, decimals) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(DataError, match="cannot be written as an answer; give a finite number"):
        number_text(value, 2)


@given(st.integers(-(10**6), 10**6), st.integers(0, 4))
def test_a_number_that_has_so_many_decimals_is_written_exactly(step: int, decimals: int) -> None:
    text = number_text(step / 10**decimals, decimals)
    assert Fraction(text) == Fraction(step, 10**decimals)
    assert len(text.partition(".")[2]) == decimals


@given(st.integers(-500, 500), st.integers(1, 900), st.integers(0, 2))
def test_every_number_of_a_scale_is_there_once_and_in_order(low: int, n: int, decimals: int) -> None:
    step = Fraction(1, 10**decimals)
    first, last = low * step, (low + n) * step
    if last - first <= Fraction(1, 10):  # shorter than a scale may be
        return
    scale = Scale(float(first), float(last))
    found = numbers_of(scale, decimals)
    assert [Fraction(text) for text in found] == [first + k * step for k in range(n + 1)]
    assert count_numbers(scale, decimals) == n + 1


def test_a_scale_that_points_down_has_its_best_number_last() -> None:
    assert numbers_of(Scale(1, 3, "down"), 0) == ("3", "2", "1")


def test_ends_that_cannot_be_written_are_seen() -> None:
    assert count_numbers(Scale(0.5, 5), 0) is None
    assert count_numbers(Scale(0.5, 5), 1) == 46
