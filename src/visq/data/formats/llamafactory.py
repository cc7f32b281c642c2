"""Format `llamafactory`: rows to train on, sharegpt or alpaca, one picture or a pair. Opens no file.

Source: hiyouga/LLaMA-Factory, data/README.md. What upstream only warns of is refused here: placeholders that
do not match the pictures, turns that do not alternate, rows without pictures.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from visq.data.cells import cell_text
from visq.data.formats import Format, RecordError, brief, required
from visq.data.formats.predictions import number_in

_LEVEL = re.compile(r"Rating Level:\s*(\d+)")
_TURNS = ("conversations", "messages")
_ASKED = ("instruction", "prompt", "input", "query")
_ANSWER = ("output", "response")
# Who may speak at odd and at even turns: people and their tools, the model and its calls.
_SIDES = (("human", "user", "observation"), ("gpt", "assistant", "function_call", "function"))


def matches(columns: Collection[str]) -> bool:
    """Pictures beside turns or an instruction."""
    return "images" in columns and any(key in columns for key in (*_TURNS, "instruction", "prompt"))


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image, images (JSON), question, answer, the score and level in it, chosen and rejected."""
    images = required(record, "images")
    images = [images] if isinstance(images, str) else images
    if not (isinstance(images, list) and images and all(isinstance(i, str) and i.strip() for i in images)):
        raise RecordError(f"'images' names no picture: {brief(images)}")
    asked, answers = _texts(record)
    question, answer = "\n".join(filter(None, asked)), answers[-1]
    if (found := sum(text.count("<image>") for text in (*asked, *answers))) != len(images):
        raise RecordError(f"{found} <image> in the text for {len(images)} pictures")
    level = _LEVEL.search(answer)
    cells = {
        "image": images[0].strip(),
        "images": cell_text(images),
        "n_images": str(len(images)),
        "question": question.replace("<image>", "").strip(),
        "answer": answer,
        "score": number_in(answer) or "",
        "level": level.group(1) if level else "",
    }
    for key in ("chosen", "rejected"):
        if key in record:
            value = record[key]
            said = value.get("value", value.get("content")) if isinstance(value, Mapping) else value
            cells[key] = cell_text(said)
    return cells


def _texts(record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is asked, and what is answered; the last answer is empty where the row is a pair."""
    key = next((name for name in _TURNS if name in record), None)
    return (
        _alpaca(record) if key is None else _sharegpt(record[key], is_pair=record.get("chosen") is not None)
    )


def _alpaca(record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    before = record.get("history") or []
    if not (
        isinstance(before, list) and all(isinstance(turns, list) and len(turns) == 2 for turns in before)
    ):
        raise RecordError(f"'history' is no list of questions and answers: {brief(before)}")
    asked = [*(pair[0] for pair in before), *(record.get(name) for name in _ASKED)]
    answer = next((record[name] for name in _ANSWER if name in record), None)
    return [cell_text(text) for text in asked], [
        cell_text(text) for text in (*(p[1] for p in before), answer)
    ]


def _sharegpt(turns: object, *, is_pair: bool) -> tuple[list[str], list[str]]:
    if not (isinstance(turns, list) and turns and all(isinstance(turn, Mapping) for turn in turns)):
        raise RecordError("the conversation is no list of turns")
    said = [
        (cell_text(turn.get("from", turn.get("role"))), cell_text(turn.get("value", turn.get("content"))))
        for turn in turns
    ]
    said = [(role, text) for role, text in said if role != "system"]
    _check_turns([role for role, _ in said], is_pair=is_pair)
    texts = [text for _, text in said]
    return texts[::2], [*texts[1::2], *([""] if is_pair else [])]


def _check_turns(roles: Sequence[str], *, is_pair: bool) -> None:
    for i, role in enumerate(roles):
        if role not in _SIDES[i % 2]:
            raise RecordError(f"turn {i + 1} is by {brief(role)}; turns alternate and begin with a human")
    if len(roles) % 2 != is_pair:
        raise RecordError(f"{len(roles)} turns; a row ends with {'a question' if is_pair else 'an answer'}")


FORMAT = Format(
    "llamafactory",
    "LLaMA-Factory: sharegpt or alpaca rows with pictures",
    matches,
    flat,
    uses=("images", *_TURNS, *_ASKED, *_ANSWER, "history", "chosen", "rejected"),
    names={"images": "image"},
)
