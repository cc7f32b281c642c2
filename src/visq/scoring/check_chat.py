"""Checks a chat model: what it reads, what it says of shipped pictures, the same alone and in a batch.

A chat model has no goldens of its own: this shows whether it answers in the words it is asked for, and proves
that its answers hang on nothing but picture and question. Knows no console.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visq.aspects import Aspect, aspect
from visq.backbones.chat import Chat
from visq.backbones.merge import shipped_pictures
from visq.core.types import FloatArray, Picture, Prompted
from visq.readouts import READOUTS
from visq.scoring.check import CheckReport, reads

ASPECTS = ("quality", "aesthetics")

TOLERANCES = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}
"""By how much a score on 1..5 may differ with its neighbours in a batch. Other shapes sum in another order;
that moves what the dtype rounds, 2^-24, 2^-11 or 2^-8 of logits near 20, through some layers."""

_MOSTLY_OUTSIDE = 0.5


def check_chat(chat: Chat, name: str) -> CheckReport:
    """Ask a model about the shipped pictures, one by one and all together.

    Args:
        chat: loaded; stays open.
        name: of the model, for people.

    Returns:
        One line each of what was loaded, what is read, every score; whether batches change nothing.
    """
    report = CheckReport([f"loaded {name}, {chat.runtime}, {chat.chosen}", f"pictures: {chat.preprocessing}"])
    if chat.adapters is not None:
        report.lines += [str(one) for one in chat.adapters.attached]
    pictures = {file: chat.prepare(pixels) for file, pixels in shipped_pictures().items()}
    asked = [aspect(one) for one in ASPECTS]
    report.lines += [reads(chat, one, next(iter(pictures.values()))) for one in asked]
    alone = [_values(chat, [pixels], [one]) for pixels in pictures.values() for one in asked]
    together = _values(chat, list(pictures.values())[::-1], asked[::-1])[::-1]
    values, outside = np.concatenate(alone).T
    about = [(file, one) for file in pictures for one in asked]
    for (file, one), value, mass in zip(about, values, outside, strict=True):
        report.lines.append(f"{file}, {one.name} {value:.2f}, outside {mass:.3f}")
    if outside.mean() > _MOSTLY_OUTSIDE:
        report.lines.append(
            f"note: {outside.mean():.0%} of its probability is on other answers than these words; ask it in "
            "the words it was trained with"
        )
    worst = float(np.abs(values - together[:, 0]).max())
    report.add(f"alone against a batch of {len(together)}", worst, TOLERANCES[chat.dtype])
    return report


def _prompted(one: Aspect, pixels: Picture) -> Prompted:
    return Prompted(pixels, one.name, one.questions[0], one.stem)


def _values(chat: Chat, pictures: Sequence[Picture], asked: Sequence[Aspect]) -> FloatArray:
    """float64 [pictures * aspects, 2]: value on 1..5, and probability outside."""
    batch = [_prompted(one, pixels) for pixels in pictures for one in asked]
    logprobs = chat.answer_logprobs(batch, asked[0].levels)
    rows = np.empty((len(batch), 2))
    for k, one in enumerate(asked):
        reading = READOUTS.get("levels")(one.levels, one.scale).read(
            logprobs[k :: len(asked)], closed_set=False
        )
        rows[k :: len(asked)] = np.stack([reading.value, reading.outside], 1)
    return rows
