"""Format `qbench`: Q-Bench's logits of good and poor beside the opinion score. Knows keys; opens no file.

Source: Q-Future/Q-Bench, leaderboards/IQA_outputs. The score is exp(good) / (exp(good) + exp(poor)), the
closed set of two words at temperature 1; their notebook divides logits by 100 first, which changes PLCC and
not SRCC.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.formats import RECORDS, Format, RecordError, brief, number_cells, required, text_of

_POLES = (("logit_good", "logit_poor"), ("logit_high", "logit_low"))


def matches(columns: Collection[str]) -> bool:
    """A row with the logits of both poles."""
    return any(good in columns and poor in columns for good, poor in _POLES)


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image, score from the logits, gt_score. The logits stay beside it as they are."""
    image = text_of(record, "img_path" if "img_path" in record else "image")
    good, poor = next(pair for pair in (*_POLES, _POLES[0]) if pair[0] in record or pair == _POLES[0])
    gap = _number(record, poor) - _number(record, good)
    cells = {"image": image, "score": repr(_sigmoid(-gap))}
    for key in ("gt_score", "mos"):
        if key in record:
            cells["gt_score"] = number_cells(record[key], key)["score"]
    return cells


def _number(record: Mapping[str, Any], key: str) -> float:
    value = required(record, key)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RecordError(f"{key!r} is no number: {brief(value)}") from None
    if not math.isfinite(number):
        raise RecordError(f"{key!r} is {number}; a logit is finite")
    return number


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


FORMAT = Format(
    "qbench",
    "Q-Bench: logits of good and poor beside the opinion score",
    matches,
    flat,
    uses=("image", "img_path", "gt_score", "mos"),
    kinds=("csv", "tsv", *RECORDS),
    names={"img_path": "image", "image": "image"},
)
