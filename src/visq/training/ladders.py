"""Ladders: one photograph at rising strengths of one distortion. Knows no label and no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError
from visq.core.types import Picture
from visq.media import squash
from visq.training.distortions import DISTORTIONS


@dataclass(frozen=True)
class Kind:
    """One kind of distortion as a recipe gives it.

    Attributes:
        name: of the distortion.
        train: slightest and strongest strength drawn in training; None for a kind held out.
        test: strengths of the test, slightest first.
        aspects: whose scores a training ladder puts in order.
    """

    name: str
    train: tuple[float, float] | None
    test: tuple[float, ...]
    aspects: tuple[str, ...]

    def seen(self, strength: float) -> bool:
        """Whether training may have drawn this strength or a stronger one."""
        if self.train is None:
            return False
        slightest, strongest = self.train
        return strength <= strongest if slightest < strongest else strength >= strongest

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """float64 [n]: strengths of a training ladder, evenly in the logarithm, slightest first."""
        if self.train is None:
            raise DataError(f"distortion {self.name!r} is held out of training")
        low, high = np.log(self.train)
        parts = (np.arange(n) + rng.random(n)) / n
        return np.asarray(np.exp(low + (high - low) * parts))


def read_kinds(tables: Mapping[str, Mapping[str, Any]]) -> tuple[Kind, ...]:
    """Kinds of a recipe's `[ladders.kinds]`.

    Raises:
        DataError: no such distortion.
    """
    for name in tables:
        if name not in DISTORTIONS:
            raise DataError(f"no distortion {name!r}; known: {', '.join(DISTORTIONS)}")
    return tuple(
        Kind(
            name,
            tuple(table["train"]) if "train" in table else None,
            tuple(table["test"]),
            tuple(table.get("aspects", ())),
        )
        for name, table in tables.items()
    )


def rungs(
    picture: Picture, kind: str, strengths: Sequence[float], side: int, rng: np.random.Generator
) -> Picture:
    """uint8 [n, side, side, 3]: a picture distorted at its own size at each strength, then squashed."""
    distort = DISTORTIONS[kind]
    return np.stack([squash(distort(picture, strength, rng), side, side) for strength in strengths])
