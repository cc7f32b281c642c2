"""Applies a calibration: a map to opinion scores, then an interval. Fitting one is `visq.evaluation`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.fields import Fields
from visq.core.scales import LevelIntervals, Scale

Float64Array = NDArray[np.float64]

N_LEVELS = 5
"""Level words of every aspect visq knows today."""

_USUAL = 0.9  # what low and high of a Row bound unless a model folder says otherwise
_LARGEST = 1e6  # far beyond any scale of opinions, and safe from overflow


@dataclass(frozen=True)
class ValueMap:
    """A map from a model's scores to opinion scores that never goes down: straight lines between knots.

    Attributes:
        kind: how it was fitted, `linear` or `isotonic`.
        scores: ascending, the model's score at each knot, on the aspect's scale; one or more.
        labels: ascending, the opinion score there, on the same scale.
        slope: >= 0, of the map below the first knot and above the last one.
    """

    kind: str
    scores: tuple[float, ...]
    labels: tuple[float, ...]
    slope: float

    def __call__(self, values: ArrayLike, scale: Scale) -> Float64Array:
        """Opinion scores that stand for scores, clipped to the scale.

        Args:
            values: float [n], the model's scores on `scale`; nan stays nan.
            scale: the aspect's own scale.

        Returns:
            float64 [n].

        Example:
            >>> ValueMap("linear", (3.0,), (2.5,), 1.5)([1.0, 3.0, 4.0], Scale(1, 5)).tolist()
            [1.0, 2.5, 4.0]
        """
        given = np.asarray(values, dtype=np.float64)
        first, last = self.scores[0], self.scores[-1]
        beyond = np.minimum(given - first, 0.0) + np.maximum(given - last, 0.0)
        return np.clip(
            np.interp(given, self.scores, self.labels) + self.slope * beyond, scale.low, scale.high
        )

    @classmethod
    def from_table(cls, table: Fields) -> ValueMap:
        """Read `[calibration.ASPECT.map]` of a model.toml.

        Raises:
            ModelError: a field is missing or not what it should be; the message names aspect and field.
        """
        kind = table.choice("kind", "kind of map", ("linear", "isotonic"))
        scores = _ascending(table, "scores", None)
        if len(set(scores)) < len(scores):
            raise table.wrong("scores", "ascending numbers, no two alike")
        labels = _ascending(table, "labels", len(scores))
        slope, wanted = table.number("slope"), f"a number from 0 to {_LARGEST:g}"
        if not 0 <= slope <= _LARGEST:
            raise table.wrong("slope", wanted)
        return cls(kind, scores, labels, slope)

    @property
    def steepest(self) -> float:
        """The steepest slope anywhere: by how much an error of the score can grow."""
        steps = np.diff(self.labels) / np.diff(self.scores)
        return float(max([self.slope, *steps.tolist()]))


@dataclass(frozen=True)
class Calibration:
    """A conformal interval round a score that may be mapped; its half-width is constant or goes by level.

    Attributes:
        half_width: on the aspect's scale, > 0.
        nominal: the coverage aimed at, 0..1.
        population: the pictures it was fitted on, in words; it holds for pictures like these.
        note: what to know of it.
        map: applied to scores first; None leaves them as they are.
        half_widths: > 0, one for each level of the score, worst to best, instead of `half_width`; or empty.
        checked: how the coverage on other pictures came out, in words; empty where nobody looked.
    """

    half_width: float
    nominal: float
    population: str
    note: str = ""
    map: ValueMap | None = None
    half_widths: tuple[float, ...] = ()
    checked: str = ""

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
        return cls(
            half_width,
            nominal,
            table.text("population"),
            table.text("note", default=""),
            ValueMap.from_table(table.table("map")) if "map" in table else None,
            _half_widths(table),
            table.text("checked", default=""),
        )

    @property
    def about(self) -> str:
        """What the scores and their interval are and hold for, in one line."""
        mapped = f"scores mapped to opinion scores ({self.map.kind})" if self.map is not None else ""
        other = f"intervals of {self.nominal:.4g}, not of 0.9" if self.nominal != _USUAL else ""
        parts = [self.population, mapped, other, self.note, self.checked]
        return "; ".join(part for part in parts if part)

    def value(self, scores: ArrayLike, scale: Scale) -> Float64Array:
        """Scores as they are shown: through the map, if there is one.

        Args:
            scores: float [n], the read-out's values on `scale`; nan stays nan.
            scale: the aspect's own scale.

        Returns:
            float64 [n]; without a map the same values.
        """
        values = np.asarray(scores, dtype=np.float64)
        return values if self.map is None else self.map(values, scale)

    def interval(self, values: ArrayLike, scale: Scale) -> tuple[Float64Array, Float64Array]:
        """Lower and upper bounds, clipped to the scale.

        Args:
            values: float [n], scores on `scale` as `value` gives them; nan has bounds nan.
            scale: the aspect's own scale (the one half-widths are measured on).

        Returns:
            Two float64 [n].

        Example:
            >>> low, high = Calibration(0.7, 0.9, "demo").interval([1.2, 3.0], Scale(1, 5))
            >>> low.tolist(), high.tolist()
            ([1.0, 2.3], [1.9, 3.7])
        """
        scores = np.asarray(values, dtype=np.float64)
        half = self._half(scores, scale)
        low = np.clip(scores - half, scale.low, scale.high)
        return low, np.clip(scores + half, scale.low, scale.high)

    def _half(self, values: Float64Array, scale: Scale) -> Float64Array | float:
        if not self.half_widths:
            return self.half_width
        return widths_of(levels_of(values, scale, len(self.half_widths)), self.half_widths)


def levels_of(values: ArrayLike, scale: Scale, n_levels: int = N_LEVELS) -> NDArray[np.int64]:
    """int64 [n]: the fifth of the scale each score lies in, worst first: the level word shown; -1 for nan."""
    scores = np.asarray(values, dtype=np.float64)
    known = np.isfinite(scores)
    levels = np.full(scores.shape, -1, dtype=np.int64)
    levels[known] = LevelIntervals(scale, n_levels=n_levels).level(scores[known])
    return levels


def widths_of(levels: NDArray[np.int64], half_widths: Sequence[float]) -> Float64Array:
    """float64 [n]: the half-width of each level; nan for level -1."""
    return np.append(np.asarray(half_widths, dtype=np.float64), np.nan)[levels]


def _half_widths(table: Fields) -> tuple[float, ...]:
    if "half_widths" not in table:
        return ()
    wanted = f"{N_LEVELS} finite numbers above 0, one a level word"
    found = table.numbers("half_widths", N_LEVELS, wanted)
    if min(found) <= 0:
        raise table.wrong("half_widths", wanted)
    return found


def _ascending(table: Fields, key: str, n: int | None) -> tuple[float, ...]:
    """As many ascending numbers as wanted; one or more where n is None."""
    found = table.value(key)
    n = max(1, len(found)) if n is None and isinstance(found, list) else n or 1
    wanted = f"{n} ascending number{'s' * (n > 1)} of at most {_LARGEST:g}"
    numbers = table.numbers(key, n, wanted)
    if max(map(abs, numbers)) > _LARGEST or any(b < a for a, b in pairwise(numbers)):
        raise table.wrong(key, wanted)
    return numbers
