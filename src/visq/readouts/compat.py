"""What published scorers compute from logits, to compare with theirs. Knows no tokens: the logits are given.

The numbers are in `compat.toml`, each with its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike

from visq.core import toml
from visq.core.registry import unknown_name
from visq.core.types import Reading
from visq.readouts.expectation import Float64Array, checked_logprobs, moments, read_expectation, shares


@dataclass(frozen=True)
class Published:
    """A published read-out: a softmax over a closed set of logits, then a weighted mean.

    Attributes:
        name: of its table in `compat.toml`.
        answers: whose logits it takes, worst to best.
        values: what each stands for.
        temperature: the logits are divided by it.
        source: where it was published.
    """

    name: str
    answers: tuple[str, ...]
    values: tuple[float, ...]
    temperature: float
    source: str

    def read(self, logits: ArrayLike) -> Reading:
        """The published formula in full precision.

        Args:
            logits: float [n, k], in the order of `answers`; log-probabilities give the same.

        Returns:
            A Reading in the unit of `values`; `outside` is nan, since the formula has none.

        Raises:
            InputError: the shape is not [n, k].

        Example:
            >>> logits = [[10.1172, 12.5391, 15.3750, 18.4844, 17.3750]]
            >>> round(float(published("onealign").read(logits).value[0]), 6)
            4.202722
        """
        logs = checked_logprobs(logits, ("n", len(self.answers)))
        return read_expectation(logs, np.array(self.values), temperature=self.temperature, closed_set=True)

    def read_half(self, logits: ArrayLike) -> Float64Array:
        """What a float16 model prints: probabilities and their mean in float16, in steps of 0.0039 near 4.2.

        Args:
            logits: float [n, k], as for `read`; rounded to float16 first.

        Returns:
            float64 [n], in the unit of `values`.
        """
        logs = checked_logprobs(np.asarray(logits, dtype=np.float16), ("n", len(self.answers)))
        halves = shares(logs, self.temperature).astype(np.float16).astype(np.float64)
        value, _ = moments(halves, np.array(self.values))
        return value.astype(np.float16).astype(np.float64)


@lru_cache(maxsize=1)
def _tables() -> dict[str, Published]:
    text = resources.files("visq.readouts").joinpath("compat.toml").read_text(encoding="utf-8")
    return {
        name: Published(
            name,
            tuple(table["answers"]),
            tuple(map(float, table["values"])),
            float(table["temperature"]),
            table["source"],
        )
        for name, table in toml.loads(text).items()
    }


def published(name: str) -> Published:
    """A published read-out by its name in `compat.toml` (`onealign`, `deqa`, `q-realign`, ...).

    Raises:
        UnknownName: there is none of this name; the message offers the nearest.
    """
    tables = _tables()
    if name not in tables:
        raise unknown_name("published read-out", name, tables)
    return tables[name]


def published_names() -> list[str]:
    """Names of the published read-outs, in the order of `compat.toml`."""
    return list(_tables())
