"""Checks a chat model: what it reads, what it says of shipped pictures, alone, in a batch, by transformers.

A chat model has no goldens of its own: this shows whether it answers in the words it is asked for, and proves
that its answers hang on nothing but picture and question. Knows no console.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from visq.backbones.merge import shipped_pictures
from visq.core.types import FloatArray, Picture
from visq.scoring.asked import Asked
from visq.scoring.check import CheckReport, reads
from visq.scoring.model import Opened

TOLERANCES = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}
"""By how much a score on 1..5 may differ with its neighbours in a batch. Other shapes sum in another order;
that moves what the dtype rounds, 2^-24, 2^-11 or 2^-8 of logits near 20, through some layers."""

_MOSTLY_OUTSIDE = 0.5
_WIDTH = 4  # of 1..5


def check_chat(opened: Opened, name: str) -> CheckReport:
    """Ask a model about the shipped pictures, one by one and all together, as it is asked for scores.

    Args:
        opened: a chat model and its words; stays open.
        name: of the model, for people.

    Returns:
        One line each of what was loaded, what is read, every score; whether batches change nothing, and
        whether transformers alone says the same.
    """
    chat: Any = opened.backbone
    report = CheckReport([f"loaded {name}, {chat.runtime}, {chat.chosen}", f"pictures: {chat.preprocessing}"])
    report.lines += opened.notes
    pictures = {file: chat.prepare(pixels) for file, pixels in shipped_pictures().items()}
    asked = opened.asked
    report.lines += [reads(chat, one, next(iter(pictures.values()))) for one in asked]
    alone = np.concatenate([_values(chat, [pixels], [one]) for pixels in pictures.values() for one in asked])
    together = _values(chat, list(pictures.values())[::-1], asked[::-1])[::-1]
    about = [(file, one.aspect) for file in pictures for one in asked]
    for (file, aspect), (value, outside) in zip(about, alone, strict=True):
        report.lines.append(f"{file}, {aspect.name} {value:.2f}, outside {outside:.3f}")
    if (mean := alone[:, 1].mean()) > _MOSTLY_OUTSIDE:
        report.lines.append(
            f"note: {mean:.0%} of its probability is on other answers than these words; ask it in "
            "the words it was trained with"
        )
    scales = [aspect.scale for _, aspect in about]
    widths = np.array([scale.high - scale.low for scale in scales]) / _WIDTH
    worst = float((np.abs(alone - together)[:, 0] / widths).max())
    report.add(f"alone against a batch of {len(together)}", worst, TOLERANCES[chat.dtype])
    proof = chat.prove()
    for one in proof.compared:
        report.add(one.about, one.difference, one.tolerance)
    report.lines += [f"{'FAILED':<7}{flaw}" for flaw in proof.flaws]
    report.passed &= not proof.flaws
    return report


def _values(chat: Any, pictures: Sequence[Picture], asked: Sequence[Asked]) -> FloatArray:
    """float64 [pictures * aspects, 2]: value on the aspect's scale, and probability outside."""
    pairs = [(one, pixels) for pixels in pictures for one in asked]
    found = chat.answers_each([one.of(pixels) for one, pixels in pairs], [one.answers for one, _ in pairs])
    readings = [one.reader.read(logs[None]) for (one, _), logs in zip(pairs, found, strict=True)]
    return np.array([[float(one.value[0]), float(one.outside[0])] for one in readings])
