"""Format `llamafactory`: rows to train on, sharegpt or alpaca, one picture or a pair. Opens no file.

Source: hiyouga/LLaMA-Factory, data/README.md. What upstream only warns of is refused here: placeholders that
do not match the pictures, turns that do not alternate, rows without pictures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from visq.data.formats import Format, RecordError, required
from visq.data.formats.predictions import number_in

_LEVEL = re.compile(r"Rating Level:\s*(\d+)")
_TURNS = ("conversations", "messages")


def matches(columns: Collection[str]) -> bool:
    """Pictures beside turns or an instruction."""
    return "images" in columns and any(key in columns for key in (*_TURNS, "instruction", "prompt"))


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image, images (JSON), question, answer, the score and level in it, chosen and rejected."""
    images = required(record, "images")
    if not (isinstance(images, list) and images and all(isinstance(i, str) and i.strip() for i in images)):
        raise RecordError(f"'images' names no picture: {images!r}")
    question, answer = _texts(record)
    if (found := question.count("<image>")) != len(images):
        raise RecordError(f"{found} <image> in the text for {len(images)} pictures")
    cells = {
        "image": images[0].strip(),
        "images": json.dumps([str(i) for i in images], ensure_ascii=False),
        "n_images": str(len(images)),
        "question": question.replace("<image>", "").strip(),
        "answer": answer,
        "score": number_in(answer) or "",
    }
    level = _LEVEL.search(answer)
    cells["level"] = level.group(1) if level else ""
    for key in ("chosen", "rejected"):
        if key in record:
            value = record[key]
            said = value.get("value", value.get("content", "")) if isinstance(value, Mapping) else value
            cells[key] = str(said)
    return cells


def _texts(record: Mapping[str, Any]) -> tuple[str, str]:
    """What is asked in all turns, and the last answer; empty where the answer is a pair."""
    key = next((name for name in _TURNS if name in record), None)
    if key is None:
        asked = [str(record.get(name) or "") for name in ("instruction", "input", "prompt", "query")]
        answer = str(record.get("output") or record.get("response") or "")
        return "\n".join(filter(None, asked)), answer
    turns = record[key]
    if not (isinstance(turns, list) and turns and all(isinstance(turn, Mapping) for turn in turns)):
        raise RecordError(f"{key!r} is no list of turns")
    roles = [str(turn.get("from", turn.get("role", ""))) for turn in turns]
    texts = [str(turn.get("value", turn.get("content", ""))) for turn in turns]
    _check_turns([role for role in roles if role != "system"], is_pair="chosen" in record)
    asked = [text for role, text in zip(roles, texts, strict=True) if role in ("human", "user")]
    answers = [text for role, text in zip(roles, texts, strict=True) if role in ("gpt", "assistant")]
    return "\n".join(asked), answers[-1] if answers else ""


def _check_turns(roles: Sequence[str], *, is_pair: bool) -> None:
    for i, role in enumerate(roles):
        wanted = ("human", "user") if i % 2 == 0 else ("gpt", "assistant")
        if role not in wanted:
            raise RecordError(f"turn {i + 1} is by {role!r}; turns alternate and begin with a human")
    if len(roles) % 2 != is_pair:
        raise RecordError(f"{len(roles)} turns; a row ends with {'a question' if is_pair else 'an answer'}")


FORMAT = Format("llamafactory", "LLaMA-Factory: sharegpt or alpaca rows with pictures", matches, flat)
