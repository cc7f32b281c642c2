"""Checked reading of words, ranges and choices in a TOML table. Knows no aspect and no file."""

from __future__ import annotations

from collections.abc import Sequence

from visq.core.errors import InputError, ModelError
from visq.core.fields import Fields, shown
from visq.core.scales import Scale

_LARGEST_VERSION = 10**6


def refusal(table: Fields, key: str, text: str) -> ModelError:
    """The error for a value that is of the right type and wrong all the same."""
    return ModelError(f"{table.about}: {table.where(key)!r} {text}")


def refuse_unknown(table: Fields, keys: Sequence[str]) -> None:
    """Refuse a key that the table may not hold.

    Raises:
        ModelError: there is one; the message offers the nearest.
    """
    for key in table.values:
        if key not in keys:
            raise table.unknown(key, "key", key, keys)


def read_texts(table: Fields, key: str, least: int) -> tuple[str, ...]:
    """A list of different texts without spaces around them.

    Raises:
        ModelError: it is missing, shorter than `least`, holds something else, or a text twice.
    """
    found = table.value(key)
    plural = "text" if least == 1 else "texts"
    if not (isinstance(found, list) and len(found) >= least and all(map(_is_text, found))):
        raise table.wrong(key, f"a list of {least} or more {plural} without spaces around them")
    for i, text in enumerate(found):
        if text in found[:i]:
            raise refusal(table, key, f"has {shown(text)} twice; leave one out")
    return tuple(found)


def read_stem(table: Fields) -> str:
    """The words an answer continues.

    Raises:
        ModelError: it is missing, no text, or has a space before or behind it.
    """
    stem = table.text("stem")
    if stem != stem.strip():
        raise refusal(
            table, "stem", f"is {shown(stem)}; leave the space out: the answer brings it (see 'joint')"
        )
    return stem


def read_joint(table: Fields) -> str:
    """What stands between stem and answer: a space unless the table says nothing does."""
    joint = table.values.get("joint", " ")
    if joint not in ("", " "):
        raise table.wrong("joint", "one space or an empty text")
    return str(joint)


def read_end(table: Fields) -> str:
    """What follows the answer: a full stop unless the table says something else; may be empty."""
    end = table.values.get("end", ".")
    if not isinstance(end, str):
        raise table.wrong("end", "text, which may be empty")
    return end


def read_choice(table: Fields, key: str, known: Sequence[str]) -> str:
    """One of the words known; the first of them where the table is silent."""
    return table.choice(key, key, known) if key in table else known[0]


def read_whole(table: Fields, key: str, default: int, most: int) -> int:
    """A whole number 1..most."""
    found = table.values.get(key, default)
    if type(found) is not int or not 1 <= found <= most:
        raise table.wrong(key, f"a whole number from 1 to {most}")
    return found


def read_version(table: Fields) -> int:
    """The version of the table's words: 1 unless it says otherwise."""
    return read_whole(table, "version", 1, _LARGEST_VERSION)


def read_scale(table: Fields) -> Scale | None:
    """The scale, if the table has one.

    Raises:
        ModelError: it is not two numbers, the lower one first.
    """
    if "scale" not in table:
        return None
    low, high = table.numbers("scale", 2, "two numbers, the lower one first, such as [1, 5]")
    try:
        return Scale(low, high)
    except InputError as error:
        raise refusal(table, "scale", f"is {shown(table.value('scale'))}: {error}") from error


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value == value.strip()
