"""Scales: what a number is measured on, and how levels and scores turn into each other. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core import toml
from visq.core.errors import DataError, InputError
from visq.core.registry import unknown_name

LEVEL_WORDS = ("bad", "poor", "fair", "good", "excellent")
"""The five grades of ITU-R BT.500, worst to best."""

LEVEL_VALUES = (1.0, 2.0, 3.0, 4.0, 5.0)
"""Values of the levels on 1..5, worst to best. OneAlign's other set (0, .25, .5, .75, 1) is `Scale(0, 1)`."""


_LARGEST, _SHORTEST = 1e9, 0.1


def _end(number: float) -> str:
    """1, not 1.0; and every digit, since two scales are told apart by what is written of them."""
    whole = math.isfinite(number) and number == int(number)
    return str(int(number)) if whole else repr(float(number))


@dataclass(frozen=True)
class Scale:
    """Ends of a scale and its direction; `low < high` always.

    Attributes:
        low: lowest possible score.
        high: highest possible score.
        direction: `up` where higher is better, `down` for DMOS (LIVE and CSIQ; not KADID-10k,
            whose column called DMOS is higher-is-better).
    """

    low: float
    high: float
    direction: Literal["up", "down"] = "up"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"a scale runs from a lower to a higher number, not {self}")
        if max(abs(self.low), abs(self.high)) > _LARGEST or self.high - self.low < _SHORTEST:
            raise InputError(
                f"a scale is at least {_SHORTEST:g} long, its ends at most {_LARGEST:g} from 0: not {self}"
            )
        if self.direction not in ("up", "down"):
            raise InputError(f"a scale's direction is 'up' or 'down', not {self.direction!r}")

    @classmethod
    def parse(cls, text: str) -> Scale:
        """Read `LOW..HIGH`, such as `1..5` or `0..100`.

        Raises:
            InputError: the text is no such pair.
        """
        low, dots, high = text.partition("..")
        try:
            if not dots:
                raise ValueError
            return cls(float(low), float(high))
        except ValueError:
            raise InputError(f"scale {text!r} is not of the form LOW..HIGH; write 1..5 or 0..100") from None

    def __str__(self) -> str:
        return f"{_end(self.low)}..{_end(self.high)}"

    def convert(self, values: ArrayLike, to: Scale) -> NDArray[np.float64]:
        """Map scores of this scale linearly onto another, turning them round where directions differ.

        Args:
            values: float [...], scores on this scale; not clipped.
            to: the scale wanted.

        Returns:
            float64 [...], scores on `to`.

        Example:
            >>> Scale(0, 1).convert([0.80068], Scale(1, 5)).round(6).tolist()
            [4.20272]
            >>> Scale(0, 100, "down").convert([0.0, 25.0], Scale(1, 5)).tolist()
            [5.0, 4.0]
        """
        share = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        if self.direction != to.direction:
            share = 1.0 - share
        return np.asarray(to.low + share * (to.high - to.low), dtype=np.float64)


MOS = Scale(1.0, 5.0)
"""The scale visq shows unless asked otherwise."""


@dataclass(frozen=True)
class LevelIntervals:
    """Equal intervals that turn a data set's scores into levels (Q-Align, arXiv 2312.17090, section 3.1).

    The interval belongs to the data set, is the same for every split, and is never the lowest and highest
    score of whatever rows are at hand: Q-Align's KADID-10k test file, cut otherwise than its
    training file, gives the same score different words. Scores outside it go to the end levels.

    Attributes:
        scale: ends of the interval and its direction; level 0 is always the worst.
        inclusive: which edge of an interval belongs to it. `upper`: m + k w belongs to the lower level
            (KonIQ, KADID files); `lower`: s >= m + k w, in float64, belongs to the upper one (SPAQ files).
        n_levels: how many levels.
    """

    scale: Scale
    inclusive: Literal["upper", "lower"] = "upper"
    n_levels: int = 5

    def __post_init__(self) -> None:
        if self.inclusive not in ("upper", "lower"):
            raise InputError(f"inclusive edge is 'upper' or 'lower', not {self.inclusive!r}")

    def level(self, scores: ArrayLike) -> NDArray[np.int64]:
        """Levels of scores, 0 (worst) to n_levels - 1 (best).

        Args:
            scores: float [n], on the data set's scale, finite.

        Returns:
            int64 [n].

        Raises:
            DataError: a score is not finite; the message gives its position.

        Source:
            level k (1..5) when m + (k-1) w < s <= m + k w, w = (M - m) / 5; s = m belongs to level 1.

        Example:
            >>> LevelIntervals(Scale(0, 100)).level([0, 20, 20.0001, 80, 80.0001]).tolist()
            [0, 0, 1, 3, 4]
        """
        values = np.asarray(scores, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise DataError(f"score {int(bad[0])} is {values.flat[bad[0]]}; levels need finite scores")
        low, high = self.scale.low, self.scale.high
        edges = low + np.arange(1, self.n_levels) * ((high - low) / self.n_levels)
        if self.scale.direction == "down":
            # Turned round: the best level starts at the low end, so "upper" keeps meaning the larger number.
            side: Any = "left" if self.inclusive == "upper" else "right"
            return (self.n_levels - 1 - np.searchsorted(edges, values, side=side)).astype(np.int64)
        side = "left" if self.inclusive == "upper" else "right"
        return np.searchsorted(edges, values, side=side).astype(np.int64)


@lru_cache(maxsize=1)
def _named() -> dict[str, LevelIntervals]:
    raw = toml.loads(resources.files("visq.core").joinpath("scales.toml").read_text(encoding="utf-8"))
    named = {}
    for name, entry in raw.items():
        low, high = entry["scale"]
        named[name] = LevelIntervals(Scale(low, high, entry.get("direction", "up")), entry["inclusive"])
    return named


def level_intervals(name: str) -> LevelIntervals:
    """The level intervals of a rating data set by its name in `scales.toml` (`koniq`, `spaq`, `ava`, ...).

    Raises:
        UnknownName: there is none of this name; the message offers the nearest.

    Example:
        >>> level_intervals("spaq").level([18.8, 75.1]).tolist()
        [1, 3]
    """
    try:
        return _named()[name]
    except KeyError:
        raise unknown_name("data set", name, _named()) from None


def expectation(distribution: ArrayLike, scale: Scale = MOS) -> NDArray[np.float64]:
    """Score of a distribution over equally spaced levels, worst to best, on any scale.

    Weights 1..5 and 0..1 (OneAlign's 1, .75, .5, .25, 0, reversed) are the scales 1..5 and 0..1:
    s5 = 1 + 4 s1 exactly.

    Args:
        distribution: float [n, k] or [k], k >= 2, rows summing to 1.
        scale: where the worst and best level lie.

    Returns:
        float64 [n] (or scalar array for one row).

    Example:
        >>> expectation([0.0, 0.0, 0.0, 0.5, 0.5], Scale(0, 100)).tolist()
        87.5
    """
    shares = np.asarray(distribution, dtype=np.float64)
    values = level_values(shares.shape[-1], scale)
    return np.asarray(shares @ values, dtype=np.float64)


def level_values(n_levels: int, scale: Scale = MOS) -> NDArray[np.float64]:
    """float64 [k]: the values of k equally spaced levels, worst to best, on a scale.

    Example:
        >>> level_values(5, Scale(0, 1)).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    ends = (scale.low, scale.high) if scale.direction == "up" else (scale.high, scale.low)
    return np.linspace(*ends, n_levels)


def gaussian_levels(
    mos: ArrayLike, std: float, values: Sequence[float] = LEVEL_VALUES
) -> NDArray[np.float64]:
    """Soft label: a Gaussian around each opinion score, evaluated at the level values and normalised.

    Args:
        mos: float [n], on the unit of `values`.
        std: standard deviation of the Gaussian, same unit, > 0.
        values: level values, worst to best.

    Returns:
        float64 [n, k], rows summing to 1.

    Example:
        >>> gaussian_levels([3.0], 0.55).round(3).tolist()
        [[0.001, 0.138, 0.722, 0.138, 0.001]]
    """
    distance = np.asarray(mos, dtype=np.float64)[:, None] - np.asarray(values, dtype=np.float64)
    exponent = -0.5 * (distance / std) ** 2
    shares = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)
