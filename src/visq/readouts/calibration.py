"""Applies a calibration to scores: the 90 % interval. Fitting one is `visq.evaluation`'s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.fields import Fields
from visq.core.scales import Scale


@dataclass(frozen=True)
class Calibration:
    """A conformal interval of constant half-width.

    Attributes:
        half_width: on the aspect's scale, > 0.
        nominal: the coverage aimed at, 0..1.
        population: the pictures it was fitted on, in words; it holds for pictures like these.
        note: what to know of it.
    """

    half_width: float
    nominal: float
    population: str
    note: str = ""

    @classmethod
    def from_table(cls, table: Fields) -> Calibration:
        """Read `[calibration.ASPECT]` of a model.toml.

        Raises:
            ModelError: a field is missing or not what it should be; the message names aspect and field.
        """
        half_width = table.number("half_width", "a finite number above 0")
        if half_width <= 0:
            raise table.wrong("half_width", "a finite number above 0")
        nominal = table.number("nominal", "a number between 0 and 1")
        if not 0 < nominal < 1:
            raise table.wrong("nominal", "a number between 0 and 1")
        return cls(half_width, nominal, table.text("population"), table.text("note", default=""))

    def interval(self, values: ArrayLike, scale: Scale) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds, clipped to the scale.

        Args:
            values: float [n], scores on `scale`.
            scale: the aspect's own scale (the one half_width is measured on).

        Returns:
            Two float64 [n].

        Example:
            >>> low, high = Calibration(0.7, 0.9, "demo").interval([1.2, 3.0], Scale(1, 5))
            >>> low.tolist(), high.tolist()
            ([1.0, 2.3], [1.9, 3.7])
        """
        scores = np.asarray(values, dtype=np.float64)
        low = np.clip(scores - self.half_width, scale.low, scale.high)
        return low, np.clip(scores + self.half_width, scale.low, scale.high)
