"""The arithmetic all read-outs of answers share: log-probabilities to shares, value, spread, outside.

Knows numbers only: not what the answers say, no tokens, no model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import InputError
from visq.core.types import Reading

Float64Array = NDArray[np.float64]
Level: TypeAlias = "str | Sequence[str]"
"""What stands for one value: a word, or several words that mean the same."""

_MOST = 1.01  # of a sum of probabilities; float32 and low-precision models stay far below


def checked_temperature(temperature: float) -> float:
    """A temperature that can divide log-probabilities.

    Raises:
        InputError: it is not a finite number above 0.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature must be a finite number above 0, not {temperature!r}")
    return float(temperature)


def word_groups(levels: Sequence[Level], readout: str) -> tuple[tuple[str, ...], ...]:
    """Each level's words, none of them twice.

    Raises:
        InputError: there are fewer than two levels, or a word is empty or stands twice.
    """
    wanted = f"read-out {readout!r} needs two or more different words, not {levels!r}"
    if isinstance(levels, str) or len(levels) < 2:
        raise InputError(wanted)
    groups = tuple((level,) if isinstance(level, str) else tuple(level) for level in levels)
    words = [word for group in groups for word in group]
    if not all(groups) or not all(words) or len(set(words)) != len(words):
        raise InputError(wanted)
    return groups


def checked_logprobs(logprobs: ArrayLike, shape: Sequence[int | str]) -> Float64Array:
    """Log-probabilities in full precision, row after row in memory.

    Args:
        logprobs: float, of any strides and precision.
        shape: what is wanted, `n` first, e.g. ("n", 5).

    Returns:
        float64 of that shape, C-contiguous: in another order sums are rounded otherwise, and a row's score
        would depend on its neighbours.

    Raises:
        InputError: the shape is another, or a number is plus infinity.
    """
    try:
        logs = np.ascontiguousarray(logprobs, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"logprobs are no array of numbers; wanted [{_commas(shape)}]") from None
    if np.ndim(logprobs) != len(shape) or logs.shape[1:] != tuple(shape[1:]):
        raise InputError(f"logprobs have shape {np.shape(logprobs)}; wanted [{_commas(shape)}]")
    if np.isposinf(logs).any():
        raise InputError(f"logprobs of row {int(np.argwhere(np.isposinf(logs))[0, 0])} hold inf")
    return logs


def pooled(logs: Float64Array, sizes: Sequence[int]) -> Float64Array:
    """float64 [n, k]: log-probability of each level; its words are disjoint events, so they add up."""
    if len(sizes) == logs.shape[1]:
        return logs
    starts = np.cumsum([0, *sizes[:-1]])
    with np.errstate(invalid="ignore"):  # nan stays nan
        return np.ascontiguousarray(np.logaddexp.reduceat(logs, starts, axis=1))


def shares(logs: Float64Array, temperature: float = 1.0) -> Float64Array:
    """float64 [n, k], rows summing to 1: p^(1/T), normalised; nan for a row without any possible answer."""
    peak = logs.max(axis=1, keepdims=True)
    # A row of nothing but -inf is 0/0, and a tiny temperature turns a difference into -inf: both are meant.
    with np.errstate(invalid="ignore", over="ignore"):
        weights = np.exp((logs - peak) / temperature)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def outside(logs: Float64Array) -> Float64Array:
    """float64 [n], 0..1: what the answers' probabilities leave of 1, at temperature 1.

    Raises:
        InputError: a row's probabilities add up to more than 1: these are no log-probabilities.
    """
    peak = logs.max(axis=1, keepdims=True)
    # exp(peak) of raw logits may overflow; the sum is then inf, and refused below.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        total = np.exp(logs - np.where(np.isneginf(peak), 0.0, peak)).sum(axis=1)
        told = np.where(np.isneginf(peak[:, 0]), 0.0, np.exp(peak[:, 0] + np.log(total)))
    if (told > _MOST).any():
        row = int(np.flatnonzero(told > _MOST)[0])
        raise InputError(
            f"probabilities of row {row} add up to {told[row]:.4g}; give log-probabilities, not logits"
        )
    # Rounding may leave a sum of float32 probabilities a hair above 1.
    return np.clip(1.0 - told, 0.0, 1.0)


def moments(distribution: Float64Array, values: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Mean and standard deviation of each row.

    Args:
        distribution: float64 [n, k], rows summing to 1.
        values: float64 [k], ascending or descending.

    Returns:
        Two float64 [n]; the mean lies within `values`.
    """
    # Row by row, not by a matrix product, whose rounding depends on how many rows there are.
    value = np.clip((distribution * values).sum(axis=1), values.min(), values.max())
    variance = (distribution * (values - value[:, None]) ** 2).sum(axis=1)
    return value, np.sqrt(variance)


def read_expectation(
    logs: Float64Array, values: Float64Array, *, temperature: float, closed_set: bool
) -> Reading:
    """A Reading of answers with values.

    Args:
        logs: float64 [n, k], natural-log probability of each answer (any logits where the set is closed).
        values: float64 [k], what each answer stands for.
        temperature: divides `logs` in the distribution; `outside` is the model's own, at 1.
        closed_set: there are no other answers, so `outside` is nan.

    Source:
        value = sum v P / sum P, spread^2 = sum (v - value)^2 P / sum P, outside = 1 - sum P.
    """
    distribution = shares(logs, temperature)
    value, spread = moments(distribution, values)
    left = np.full(len(logs), np.nan) if closed_set else outside(logs)
    return Reading(value, distribution, spread, left)


def _commas(shape: Sequence[int | str]) -> str:
    return ", ".join(map(str, shape))
