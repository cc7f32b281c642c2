"""Shapes of published tables, one file each: a raw record becomes flat text cells.

A format knows keys and columns of one shape; it opens no file and knows no score's meaning. A table whose
shape is none of these is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from visq.core.registry import Registry

FORMATS = Registry(
    "format",
    {
        "agiqa3k": "visq.data.formats.agiqa3k:FORMAT",
        "forensic": "visq.data.formats.forensic:FORMAT",
        "idealo": "visq.data.formats.idealo:FORMAT",
        "llamafactory": "visq.data.formats.llamafactory:FORMAT",
        "predictions": "visq.data.formats.predictions:FORMAT",
        "pyiqa": "visq.data.formats.pyiqa:FORMAT",
        "qalign": "visq.data.formats.qalign:FORMAT",
        "qbench": "visq.data.formats.qbench:FORMAT",
        "qrealign": "visq.data.formats.qrealign:FORMAT",
        "visq": "visq.data.formats.visq_rows:FORMAT",
    },
)


class Number(str):
    """A number of a JSON file, with the digits it was written with."""

    __slots__ = ()


class RecordError(Exception):
    """A record that is not of its format; the message says what is wrong, the reader adds file and row."""


@dataclass(frozen=True)
class Format:
    """One shape of table.

    Attributes:
        name: in `FORMATS`.
        about: what writes it, for people.
        matches: whether a table with these columns (or keys of its first object) is of this shape.
        flat: one record to cells under visq's column names: `image`, `id`, `score`, `std`, `group`, ...;
            RecordError where it is not of this shape. Cells of one table may differ from row to row.
        header: names of the columns where the file has none of its own; empty where it has.
    """

    name: str
    about: str
    matches: Callable[[Collection[str]], bool]
    flat: Callable[[Mapping[str, Any]], dict[str, str]]
    header: tuple[str, ...] = ()


def recognised(columns: Collection[str]) -> Format | None:
    """The format with these columns, or None where it is none of them."""
    for name in FORMATS:
        found: Format = FORMATS.get(name)
        if found.matches(columns):
            return found
    return None


def required(record: Mapping[str, Any], key: str) -> Any:  # any JSON value
    """A value that must be there.

    Raises:
        RecordError: it is not.
    """
    if key not in record:
        raise RecordError(f"no {key!r}; it has {', '.join(map(repr, record)) or 'nothing'}")
    return record[key]


def text_of(record: Mapping[str, Any], key: str) -> str:
    """A text that must be there, stripped.

    Raises:
        RecordError: it is not there, or no text.
    """
    value = required(record, key)
    if not isinstance(value, str):
        raise RecordError(f"{key!r} is no text: {value!r}")
    return str(value).strip()


def number_cells(value: object, key: str) -> dict[str, str]:
    """Cells of a score: `score`, stripped, and `score_kind`, `number` or `text` as it was written.

    Raises:
        RecordError: it is neither.
    """
    if value is None:
        return {"score": "", "score_kind": ""}
    if isinstance(value, Number | int | float) and not isinstance(value, bool):
        return {"score": str(value), "score_kind": "number"}
    if isinstance(value, str):
        # A trailing blank is kept in the kind: a reader that does not strip fails on it.
        kind = "text" if value == value.strip() else "text with blanks"
        return {"score": value.strip(), "score_kind": kind}
    raise RecordError(f"{key!r} is no number: {value!r}")
