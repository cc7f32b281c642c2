"""Format `qalign`: conversations and label lists of Q-Align and DeQA. Opens no file, judges no word.

Shapes: {id, image, conversations}; the same with gt_score; {image or img_path, gt_score}; video rows. The
score is `gt_score`, else what stands in `id` after the last `->`. A level word is kept as it is, so that
`visq check` sees words that are no levels. Source: Q-Future/Q-Align, playground/data; zhiyuanyou/DeQA-Score,
build_soft_labels.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.cells import cell_text
from visq.data.columns import listed
from visq.data.formats import Format, RecordError, brief, number_cells, text_of

_IMAGE_KEYS = ("image", "img_path")
_TOKEN = "<|image|>"
_ANSWER = re.compile(r"\bis\s+(.+?)\.?\s*$", re.DOTALL)


def matches(columns: Collection[str]) -> bool:
    """Rows with a conversation and one picture key, or a picture and a gt_score and no scores of a model."""
    has_image = any(key in columns for key in _IMAGE_KEYS)
    has_scores = "score" in columns or any(name.startswith("logit") for name in columns)
    return has_image and not has_scores and ("conversations" in columns or "gt_score" in columns)


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image, score, score_kind, source_id, question, level, counts of pictures."""
    key = next((name for name in _IMAGE_KEYS if name in record), None)
    if key is None:
        raise RecordError(f"no 'image' and no 'img_path'; it has {listed([*map(repr, record)])}")
    images = record[key] if isinstance(record[key], list) else [text_of(record, key)]
    if not images or not all(isinstance(image, str) and image.strip() for image in images):
        raise RecordError(f"{key!r} names no picture: {brief(record[key])}")
    cells = {"image": images[0].strip(), "n_images": str(len(images))}
    cells |= _score(record)
    if "id" in record:
        cells["source_id"] = cell_text(record["id"])
    if "conversations" in record:
        cells |= _conversation(record["conversations"])
    return cells


def _score(record: Mapping[str, Any]) -> dict[str, str]:
    if "gt_score" in record:
        return number_cells(record["gt_score"], "gt_score")
    _, arrow, score = cell_text(record.get("id")).rpartition("->")
    cells = number_cells(score if arrow else None, "id")
    # An id is text by nature: that its score is written as text is no fault of the list.
    return cells | {"score_kind": "id" if arrow else ""}


def _conversation(turns: object) -> dict[str, str]:
    if not (isinstance(turns, list) and len(turns) >= 2 and all(isinstance(t, Mapping) for t in turns)):
        raise RecordError("'conversations' is no list of a question and an answer")
    asked, answered = (cell_text(turn.get("value")) for turn in turns[:2])
    found = _ANSWER.search(answered)
    return {
        "question": asked.replace(_TOKEN, "").strip(),
        "answer": answered,
        "level": found.group(1).strip() if found else "",
        "n_image_tokens": str(asked.count(_TOKEN)),
        "n_turns": str(len(turns)),
    }


# DeQA's extras (std, level_probs, ...) keep their names.
FORMAT = Format(
    "qalign",
    "Q-Align and DeQA: conversations, or lists of gt_score",
    matches,
    flat,
    uses=(*_IMAGE_KEYS, "id", "gt_score", "conversations"),
    names=dict.fromkeys(_IMAGE_KEYS, "image"),
)
