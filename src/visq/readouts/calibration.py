"""Applies a calibration to scores: the 90 % interval. Fitting one is `visq.evaluation`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import ModelError
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
    def from_table(cls, table: Mapping[str, Any]) -> Calibration:
        """Read `[calibration.ASPECT]` of a model.toml.

        Raises:
            ModelError: a field is missing or no positive number.
        """
        try:
            made = cls(
                float(table["half_width"]),
                float(table["nominal"]),
                str(table["population"]),
                str(table.get("note", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"model.toml: calibration lacks a usable {error}") from error
        if not (made.half_width > 0 and 0 < made.nominal < 1):
            raise ModelError(f"model.toml: calibration of half-width {made.half_width} at {made.nominal}")
        return made

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
