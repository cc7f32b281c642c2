"""Format `pyiqa`: scores that pyiqa's script saves, a name and a number a row. Opens no file.

Source: chaofengc/IQA-PyTorch, inference_iqa.py --save_file; separated by commas, by tabs in early versions.
pyiqa's scores point either way and have many scales; the table says neither.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.formats import Format, RecordError, text_of

_HEADER = ("image", "score")


def matches(columns: Collection[str]) -> bool:
    """Two columns, the second of which is called like a number: there is no header."""
    names = list(columns)
    return len(names) == 2 and _is_number(names[1]) and not _is_number(names[0])


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image and score."""
    score = text_of(record, "score")
    if not _is_number(score):
        raise RecordError(f"{score!r} is no score")
    return {"image": text_of(record, "image"), "score": score}


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


FORMAT = Format(
    "pyiqa",
    "pyiqa: name and score, without a header",
    matches,
    flat,
    _HEADER,
    ("csv", "tsv"),
    _HEADER,
    names={"image": "image"},
)
