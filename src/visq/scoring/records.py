"""Rows as the words of docs/reference.md: one dict a row for JSON, a flat one for CSV. No files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from visq.core.scales import Scale
from visq.core.types import Explanation, Row, Score, printable

HEAD = ("id", "path", "status", "error", "kind", "note", "sha256")
MADE_BY = ("model", "model_hash", "readout", "preprocessing", "runtime", "version")
_PARTS = ("", "_low", "_high", "_spread", "_outside", "_distribution", "_scale")
_EXPLAINED = ("_explanation", "_explanation_forced", "_explanation_contradicts")
"""What a score with an explanation has more."""
NUMBERS = ("", "_low", "_high", "_spread", "_outside")
"""The parts of a score that are numbers."""
_DIGITS = 6  # of a share, or of a score on 1..5: float32 logits mean no more


def to_record(row: Row) -> dict[str, Any]:
    """A row without what is the same for the whole run; what the journal keeps.

    Scores are rounded to six decimals of a 1..5 scale, more on a shorter scale and fewer on a longer one.
    """
    record: dict[str, Any] = {key: getattr(row, key) for key in HEAD}
    record["scores"] = {aspect: _score(score) for aspect, score in row.scores.items()}
    return record


def _score(score: Score) -> dict[str, Any]:
    digits = _DIGITS - round(math.log10((score.scale.high - score.scale.low) / 4))
    return {
        "value": _rounded(score.value, digits),
        "low": _rounded(score.low, digits),
        "high": _rounded(score.high, digits),
        "scale": [_whole(score.scale.low), _whole(score.scale.high)],
        "distribution": {word: _rounded(share) for word, share in score.distribution.items()},
        "spread": _rounded(score.spread, digits),
        "outside": _rounded(score.outside),
        **({} if score.explanation is None else {"explanation": asdict(score.explanation)}),
    }


def _rounded(number: float | None, digits: int = _DIGITS) -> float | None:
    return None if number is None else round(number, digits) + 0.0  # + 0.0: -0.0 is 0


def _whole(end: float) -> float:
    """1, not 1.0: the ends of a scale are written as people write them."""
    return int(end) if end == int(end) else end


def to_row(record: Mapping[str, Any]) -> Row:
    """The inverse of `to_record`."""
    scores = {aspect: _to_score(score) for aspect, score in record["scores"].items()}
    return Row(**{key: record[key] for key in HEAD}, scores=scores)


def _to_score(score: Mapping[str, Any]) -> Score:
    told = score.get("explanation")
    explanation = None if told is None else Explanation(**told)
    return Score(**{**score, "scale": Scale(*score["scale"]), "explanation": explanation})


def to_json(record: Mapping[str, Any], made_by: Mapping[str, Any]) -> str:
    """One line of JSON: the row with what made it, in the order of the contract."""
    whole = {key: record[key] for key in HEAD} | {"path": printable(record["path"])}
    whole |= {key: made_by[key] for key in MADE_BY}
    whole["scores"] = record["scores"]
    return json.dumps(whole, allow_nan=False)


def columns(aspects: Sequence[str], *, explained: bool = False) -> list[str]:
    """Column names of the flat form."""
    parts = _PARTS + _EXPLAINED if explained else _PARTS
    return [*HEAD, *MADE_BY, *(aspect + part for aspect in aspects for part in parts)]


def to_flat(
    record: Mapping[str, Any], made_by: Mapping[str, Any], aspects: Sequence[str], *, explained: bool = False
) -> list[Any]:
    """Values of the flat form, in the order of `columns`; None where a cell is empty."""
    n_parts = len(_PARTS) + explained * len(_EXPLAINED)
    values: list[Any] = [printable(record[key]) if key == "path" else record[key] for key in HEAD]
    values += [made_by[key] for key in MADE_BY]
    for aspect in aspects:
        score = record["scores"].get(aspect)
        values += [None] * n_parts if score is None else _flat_score(score, explained=explained)
    return values


def _flat_score(score: Mapping[str, Any], *, explained: bool) -> list[Any]:
    flat = [
        *(score[part] for part in ("value", "low", "high", "spread", "outside")),
        json.dumps(score["distribution"]),
        str(Scale(*score["scale"])),
    ]
    if explained:
        text, *marks = score["explanation"].values()
        flat += [text, *(None if mark is None else str(mark).lower() for mark in marks)]
    return flat
