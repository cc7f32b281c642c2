"""RealQA's digit-by-digit expectation along one path, and NCM: monitors beside `decimals`, never scores.

The tenths are conditioned on one whole digit but added as if they were not, so near whole numbers the formula
is off by up to 0.45 where the exact expectation is right. Knows next-piece probabilities only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visq.core.errors import InputError
from visq.readouts.expectation import Float64Array, shares
from visq.readouts.tree import Ask, NextLogprobs, answered

DIGITS = tuple(ord(digit) for digit in "0123456789")
POINT = ord(".")

_WEIGHTS = (1.0, 0.1, 0.01)
_LABEL = re.compile(r"([0-9])\.([0-9])([0-9])?")


@dataclass(frozen=True)
class Ncm:
    """NCM and NCM* of a batch, as published.

    Attributes:
        value: float64 [n], n = E(whole) + 0.1 E(tenths) + 0.01 E(hundredths), along the label's digits.
        ncm: float64 [n], (n - label)^2.
        value_without_label: float64 [n], n*: the same with the label's own digits weighted 0.
        ncm_star: float64 [n], (n* - label)^2; a perfect model has n* = 0, so this is label^2 for it.
    """

    value: Float64Array
    ncm: Float64Array
    value_without_label: Float64Array
    ncm_star: Float64Array


def one_path(
    ask: NextLogprobs, n: int, *, digits: Sequence[int] = DIGITS, point: int = POINT
) -> Float64Array:
    """The digit-wise expectation along the greedy path, as the published code reads a score.

    Args:
        ask: how probable the next pieces are (`Decimals.characters.next_of` where only whole answers are).
        n: rows of the batch.
        digits: the pieces of 0 to 9.
        point: the piece of the decimal point.

    Returns:
        float64 [n]; of numbers written d.dd only. nan where no digit is possible.

    Source:
        github.com/AMAP-ML/RealQA, modeling_qwen2_vl.py (commit d0b1781): softmax over the ten digits alone,
        at the whole, the tenths and the hundredths.
    """
    paths: list[tuple[int, ...]] = [()] * n
    value = np.zeros(n)
    for place, weight in enumerate(_WEIGHTS):
        found = _digit_shares(ask, paths, digits)
        value += weight * (found * np.arange(10)).sum(axis=1)
        best = [digits[int(digit)] for digit in found.argmax(axis=1)]
        end = (point,) if place == 0 else ()
        paths = [(*path, digit, *end) for path, digit in zip(paths, best, strict=True)]
    return value


def ncm(
    ask: NextLogprobs, labels: Sequence[str], *, digits: Sequence[int] = DIGITS, point: int = POINT
) -> Ncm:
    """NCM and NCM* along the digits of the labels.

    Args:
        ask: how probable the next pieces are.
        labels: of each row, the opinion score as the model was to write it: `3.44`, or `7.0`.
        digits: the pieces of 0 to 9.
        point: the piece of the decimal point.

    Raises:
        InputError: a label is not one digit, a point and one or two digits; the published code reads 75.31 as
            5.31.

    Source:
        As `one_path`; a place the label does not have adds 0.
    """
    said = [_digits_of(label) for label in labels]
    paths: list[tuple[int, ...]] = [()] * len(said)
    value, without = np.zeros(len(said)), np.zeros(len(said))
    for place, weight in enumerate(_WEIGHTS):
        rows = [row for row, label in enumerate(said) if place < len(label)]
        true = np.array([said[row][place] for row in rows], np.int64)
        found = _digit_shares(ask, [paths[row] for row in rows], digits, rows)
        expected = (found * np.arange(10)).sum(axis=1)
        value[rows] += weight * expected
        without[rows] += weight * (expected - true * found[np.arange(len(rows)), true])
        end = (point,) if place == 0 else ()
        for row, digit in zip(rows, true, strict=True):
            paths[row] = (*paths[row], digits[int(digit)], *end)
    wanted = np.array([float(label) for label in labels])
    return Ncm(value, (value - wanted) ** 2, without, (without - wanted) ** 2)


def _digit_shares(
    ask: NextLogprobs,
    paths: Sequence[tuple[int, ...]],
    digits: Sequence[int],
    rows: Sequence[int] | None = None,
) -> Float64Array:
    """float64 [n, 10]: softmax over the ten digits, whatever else the model would rather say."""
    of = range(len(paths)) if rows is None else rows
    asks = [Ask(row, path, tuple(digits)) for row, path in zip(of, paths, strict=True)]
    return shares(np.array(answered(ask, asks)).reshape(len(asks), 10))


def _digits_of(label: str) -> list[int]:
    found = _LABEL.fullmatch(label)
    if found is None:
        raise InputError(f"label {label!r} is not one digit, a point and one or two digits")
    return [int(digit) for digit in found.groups() if digit is not None]
