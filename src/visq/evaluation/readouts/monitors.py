"""What else the answers of `decimals` say, to be watched beside its score and never taken for one.

Both read the probabilities that `decimals` reads, so they cost no call. They know no temperature: the text
that is written, and the published formula, have none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from visq.core.errors import InputError
from visq.core.types import FloatArray
from visq.readouts.decimals import Decimals
from visq.readouts.expectation import Float64Array
from visq.readouts.ncm import one_path
from visq.scoring.asked import USAGE

_ONE_PATH = re.compile(r"[0-9]\.[0-9]{2}")


def _greedy(decimals: Decimals, logprobs: FloatArray) -> Float64Array:
    """The number that the likeliest piece at each step writes."""
    value, _ = decimals.greedy(decimals.characters.next_of(logprobs), len(logprobs))
    return value


def _one_path(decimals: Decimals, logprobs: FloatArray) -> Float64Array:
    """RealQA's expectation, digit by digit along the likeliest one; may leave the scale."""
    return one_path(decimals.characters.next_of(logprobs), len(logprobs))


READ: Mapping[str, Callable[[Decimals, FloatArray], Float64Array]] = {
    "decimals-greedy": _greedy,
    "decimals-one-path": _one_path,
}
"""Monitor -> float64 [n], on the scale of the numbers, of float [n, k]; nan where no answer is possible."""


def expect_numbers(name: str, decimals: Decimals) -> None:
    """Refuse numbers that the published formula cannot read.

    Raises:
        InputError: it reads one digit, a point and two digits.
    """
    other = next((one for one in decimals.answers if not _ONE_PATH.fullmatch(one)), None)
    if name == "decimals-one-path" and other is not None:
        raise InputError(f"{name!r} reads numbers written as 3.98, and {other!r} is an answer", kind=USAGE)
