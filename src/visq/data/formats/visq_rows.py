"""Format `visq`: the rows that visq itself writes as JSON, with the scores of all aspects in one object."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from visq.data.cells import cell_text
from visq.data.formats import Format, RecordError, brief, required

_PARTS = ("value", "low", "high", "spread", "outside")


def matches(columns: Collection[str]) -> bool:
    """The keys of docs/reference.md, section JSON."""
    return {"id", "path", "status", "scores", "model_hash"} <= set(columns)


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: id, path, and as in visq's CSV: ASPECT, ASPECT_low, ..., ASPECT_scale. The rest stays."""
    scores = required(record, "scores")
    if not isinstance(scores, Mapping):
        raise RecordError(f"'scores' is no object: {brief(scores)}")
    cells = {key: cell_text(required(record, key)) for key in ("id", "path")}
    for aspect, score in scores.items():
        cells |= _score_cells(aspect, score)
    return cells


def _score_cells(aspect: str, score: object) -> dict[str, str]:
    if not (isinstance(score, Mapping) and "value" in score and "scale" in score):
        raise RecordError(f"the score of {aspect!r} has no value and scale")
    scale = score["scale"]
    if not (isinstance(scale, list | tuple) and len(scale) == 2):
        raise RecordError(f"the scale of {aspect!r} has no two ends: {brief(scale)}")
    cells = {aspect if part == "value" else f"{aspect}_{part}": cell_text(score.get(part)) for part in _PARTS}
    cells[f"{aspect}_distribution"] = cell_text(score.get("distribution"))
    return cells | {f"{aspect}_scale": "..".join(map(cell_text, scale))}


FORMAT = Format(
    "visq",
    "rows of visq in JSON",
    matches,
    flat,
    ("id", "path", "scores"),
    names={"id": "id", "path": "path"},
)
