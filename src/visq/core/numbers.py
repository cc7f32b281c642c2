"""Numbers as the text of an answer, and which numbers a scale offers. Knows no question and no model."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

from visq.core.errors import DataError
from visq.core.scales import Scale

MOST_DECIMALS = 3
"""Digits after the point that an answer may have."""

MAX_ANSWERS = 100_000
"""More numbers than this are no list of answers; 0.00..100.00 has 10,001."""


def number_text(value: float, decimals: int) -> str:
    """A number with so many decimals, rounded half to even on its decimal digits.

    Args:
        value: finite.
        decimals: 0 or more; 0 gives a whole number.

    Raises:
        DataError: the value is not finite.

    Source:
        Ratings of the AVA answers this reproduces are rounded so, of means with up to 9 decimals: 2.5 to 2.

    Example:
        >>> [number_text(2.5, 0), number_text(6.5, 0), number_text(7, 2), number_text(2.675, 2)]
        ['2', '6', '7.00', '2.68']
    """
    if not math.isfinite(value):
        raise DataError(f"{value} cannot be written as an answer; give a finite number")
    exact = Decimal(repr(float(value)))  # the digits people see, not the binary fraction next to them
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


def count_numbers(scale: Scale, decimals: int) -> int | None:
    """How many numbers with so many decimals the scale has, ends included; None if an end is none of them.

    Example:
        >>> count_numbers(Scale(1, 5), 2), count_numbers(Scale(0.5, 5), 0)
        (401, None)
    """
    steps = [Decimal(repr(float(end))).scaleb(decimals) for end in (scale.low, scale.high)]
    if any(step != step.to_integral_value() for step in steps):
        return None
    return int(steps[1] - steps[0]) + 1


def numbers_of(scale: Scale, decimals: int) -> tuple[str, ...]:
    """Every number of the scale with so many decimals as text, worst to best; both ends are such numbers.

    Example:
        >>> numbers_of(Scale(1, 10), 0)[-2:], numbers_of(Scale(1, 5), 2)[1]
        (('9', '10'), '1.01')
    """
    first, last = (int(Decimal(repr(float(end))).scaleb(decimals)) for end in (scale.low, scale.high))
    texts = [f"{Decimal(step).scaleb(-decimals):f}" for step in range(first, last + 1)]
    return tuple(texts if scale.direction == "up" else reversed(texts))
