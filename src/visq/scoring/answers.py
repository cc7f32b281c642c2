"""What a model answers about pictures, to Scores on the scale shown. Knows no file and no table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from visq.backbones import Backbone
from visq.backbones.chat_options import OutOfMemory
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.core.types import FloatArray, Picture, Prompted, Reading, Score
from visq.readouts import Calibration
from visq.scoring.asked import Asked

MOST_SHARES = 20
"""Answers whose shares are all kept; of more of them only the LIKELIEST."""

LIKELIEST = 10

NO_NUMBER = "the model gave no number; in half precision try --dtype float32, else please report it"
"""Why there is no score where log-probabilities are nan: an overflow of float16, or a fault of the model."""


def asked_together(asked: Sequence[Asked]) -> list[list[Asked]]:
    """Aspects that share one call, so that a backbone sees a picture once: all whose answers are read.

    Those that are written share one where they may be as long as each other.
    """
    groups: dict[int | None, list[Asked]] = {}
    for one in asked:
        groups.setdefault(one.most_tokens if one.writes else None, []).append(one)
    return list(groups.values())


def answers_of(
    backbone: Backbone, group: Sequence[Asked], pixels: Sequence[Picture]
) -> tuple[Any, Mapping[int, str]]:
    """One call for several aspects of several pictures.

    Args:
        backbone: to ask.
        group: aspects of `asked_together`.
        pixels: n prepared pictures.

    Returns:
        What was answered, n * aspects times float [k] or as many texts, a picture's aspects side by side; and
        number of the question -> why it has no answer.
    """
    return answers_to(backbone, group, [one.of(picture) for picture in pixels for one in group])


def answers_to(
    backbone: Backbone, group: Sequence[Asked], batch: Sequence[Prompted]
) -> tuple[Any, Mapping[int, str]]:
    """As `answers_of`, of questions that are at hand, a picture's aspects side by side."""
    first = group[0]
    try:
        if first.writes:
            return backbone.generate(batch, first.most_tokens), {}
        return backbone.answers_each(batch, [one.answers for one in group] * (len(batch) // len(group))), {}
    except OutOfMemory as error:  # of some pictures; all others were answered
        return error.found, error.failed


def scores_of(
    asked: Asked,
    answered: Any,
    failed: Mapping[int, str],
    *,
    scale: Scale,
    calibration: Calibration | None,
    closed_set: bool,
) -> list[Score | InputError]:
    """Scores of one aspect, or why there is none.

    Args:
        asked: aspect and read-out.
        answered: of n pictures, one or more, float [k] each or texts.
        failed: number of the picture -> why it has no answer.
        scale: what scores are shown on.
        calibration: of the aspect's own scale; None gives no interval.
        closed_set: as `Backbone` has it.
    """
    found: list[Score | InputError]
    if asked.writes:
        found = _written(asked, answered, scale)
    else:
        found = _read(asked, answered, scale, calibration, closed_set=closed_set)
    for number, reason in failed.items():
        found[number] = InputError(f"{asked.aspect.name}: {reason}", kind="out-of-memory")
    return found


def _read(
    asked: Asked, logprobs: FloatArray, scale: Scale, calibration: Calibration | None, *, closed_set: bool
) -> list[Score | InputError]:
    reading: Reading = asked.reader.read(logprobs, closed_set=closed_set)
    own: Scale = asked.reader.scale
    n = len(reading.value)
    value, low, high = reading.value, np.full(n, np.nan), np.full(n, np.nan)
    if calibration is not None:
        value = calibration.value(value, own)
        low, high = calibration.interval(value, own)
    value, low, high = (own.convert(numbers, scale) for numbers in (value, low, high))
    unit = (scale.high - scale.low) / (own.high - own.low)
    return [
        InputError(f"{asked.aspect.name}: {NO_NUMBER}", kind="not-a-number")
        if np.isnan(value[i])
        else Score(
            value=float(value[i]),
            low=_number(low[i]),
            high=_number(high[i]),
            scale=scale,
            distribution=_shares(asked.shown, reading.distribution[i]),
            spread=float(reading.spread[i] * unit),
            outside=_number(reading.outside[i]),
        )
        for i in range(n)
    ]


def _shares(answers: Sequence[str], shares: FloatArray) -> dict[str, float]:
    """Answer -> share, worst to best; of many answers the likeliest only, of equals the earlier."""
    kept: Sequence[int] = range(len(answers))
    if len(answers) > MOST_SHARES:
        kept = sorted(np.argsort(-shares, kind="stable")[:LIKELIEST].tolist())
    return {answers[k]: float(shares[k]) for k in kept}


def _written(asked: Asked, texts: Sequence[str], scale: Scale) -> list[Score | InputError]:
    reading = asked.reader.read(texts)
    values = asked.reader.scale.convert(reading.value, scale).tolist()
    return [
        Score(value, None, None, scale, {}, None, None)
        if reason is None
        else InputError(f"{asked.aspect.name}: {reason}", kind="no-score")
        for value, reason in zip(values, reading.reasons, strict=True)
    ]


def _number(value: float) -> float | None:
    return None if value != value else float(value)
