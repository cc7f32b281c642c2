"""Format `qrealign`: lines that Q-ReAlign prints, {"media", "score", "task"}. Knows keys; opens no file.

Source: Q-Future/Q-ReAlign, qalign infer --json. Its scores are on 0..1. A picture it failed on has no line.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from visq.data.cells import cell_text
from visq.data.formats import Format, number_cells, required, text_of


def matches(columns: Collection[str]) -> bool:
    """The two keys that are always there."""
    return {"media", "score"} <= set(columns)


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image, score, task."""
    cells = {"image": text_of(record, "media")} | number_cells(required(record, "score"), "score")
    return cells | {"task": cell_text(record.get("task"))}


FORMAT = Format(
    "qrealign",
    "Q-ReAlign: lines of media, score, task",
    matches,
    flat,
    ("media", "score", "task"),
    names={"media": "image"},
)
