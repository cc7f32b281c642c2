"""Format `predictions`: LLaMA-Factory's generated_predictions.jsonl. Knows keys and one rule; opens no file.

Source: hiyouga/LLaMA-Factory, train/sft/trainer.py: {"prompt", "predict", "label"}, rows in the order of the
data set, no name of a picture. The number rule: the last decimal after the last stem, followed by a
terminator or the end; a stem is `score of this image is`, `final score is`, `Aesthetic Score:`; text without
any stem is taken whole if it is a number and nothing else. A text without a number has an empty score and
says so; nothing stands in for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.cells import cell_text
from visq.data.formats import Format, brief, required

_STEM = re.compile(r"(?:score of this image is|final score is|aesthetic score\s*:|rating\s*:)\s*<?\s*", re.I)
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(?=[.>\s]|<\||$)")


def matches(columns: Collection[str]) -> bool:
    """The two texts that are always there, and no name of a picture."""
    return {"predict", "label"} <= set(columns) <= {"prompt", "predict", "label"}


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: score (of the prediction, or empty), label (a number, or empty), predict, error."""
    predict, label = cell_text(required(record, "predict")), cell_text(required(record, "label"))
    score = number_in(predict)
    cells = {"score": score or "", "label": number_in(label) or "", "predict": predict}
    cells["error"] = "" if score else f"no score in {brief(predict)}"
    return cells


def number_in(text: str) -> str | None:
    """The score a text states, or None.

    Example:
        >>> number_in("Sharp, well lit. The final score is <6.59>.")
        '6.59'
        >>> number_in("3 people, no rating") is None
        True
    """
    stems = list(_STEM.finditer(text))
    if stems:
        found = _NUMBER.match(text, stems[-1].end())
        return found.group(1) if found else None
    whole = _NUMBER.fullmatch(text.strip().rstrip("."))
    return whole.group(1) if whole else None


FORMAT = Format(
    "predictions", "LLaMA-Factory: generated_predictions.jsonl", matches, flat, ("prompt", "predict", "label")
)
