"""Read-out `integers`: whole numbers such as 1 to 10 to a score. Knows no pictures, no tokens, no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from visq.core.scales import Scale
from visq.readouts.decimals import Decimals

TEN = Scale(1.0, 10.0)
"""The scale of AVA and of most questions for a rating."""


class Integers(Decimals):
    """Expectation over whole numbers, each a whole answer: `1` and `10` are different answers.

    A read-out of first (or last) tokens gives what the model says of `10` to `1` (or to `0`).

    Args:
        answers: whole numbers as text, worst to best; None takes every one on `scale`.
        scale: what the numbers are on.
        temperature: > 0; divides the log-probabilities of whole answers.

    Raises:
        InputError: as for Decimals.

    Example:
        >>> import numpy as np
        >>> reading = Integers(["1", "9", "10"]).read(np.log([[0.06, 0.40, 0.54]]))
        >>> round(float(reading.value[0]), 6)
        9.06
    """

    name: ClassVar[str] = "integers"

    def __init__(
        self, answers: Sequence[str] | None = None, scale: Scale = TEN, *, temperature: float = 1.0
    ) -> None:
        # Few enough to be read in one pass.
        super().__init__(answers, scale, decimals=0, temperature=temperature, tolerance=0)
