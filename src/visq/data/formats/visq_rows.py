"""Format `visq`: the rows that visq itself writes as JSON, with the scores of all aspects in one object."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.formats import Format, RecordError, required

_PARTS = ("value", "low", "high", "spread", "outside")


def matches(columns: Collection[str]) -> bool:
    """The keys of docs/reference.md, section JSON."""
    return {"id", "path", "status", "scores", "model_hash"} <= set(columns)


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row with the columns of visq's CSV: ASPECT, ASPECT_low, ..., ASPECT_scale."""
    scores = required(record, "scores")
    if not isinstance(scores, Mapping):
        raise RecordError(f"'scores' is no object: {scores!r}")
    cells = {key: "" if value is None else str(value) for key, value in record.items() if key != "scores"}
    for aspect, score in scores.items():
        if not (isinstance(score, Mapping) and "value" in score and "scale" in score):
            raise RecordError(f"the score of {aspect!r} has no value and scale")
        for part in _PARTS:
            value = score.get(part)
            cells[aspect if part == "value" else f"{aspect}_{part}"] = "" if value is None else str(value)
        shares = {word: float(share) for word, share in (score.get("distribution") or {}).items()}
        cells[f"{aspect}_distribution"] = json.dumps(shares)
        low, high = score["scale"]
        cells[f"{aspect}_scale"] = f"{low}..{high}"
    return cells


FORMAT = Format("visq", "rows of visq in JSON", matches, flat)
