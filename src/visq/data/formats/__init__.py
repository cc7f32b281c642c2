"""Shapes of published tables, one file each: a raw record becomes flat text cells.

A format knows keys and columns of one shape; it opens no file and knows no score's meaning. A table whose
shape is none of these is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from visq.core.registry import Registry
from visq.data.cells import Number, cell_text
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, LABEL_COLUMNS, listed

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


class RecordError(Exception):
    """A record that is not of its format; the message says what is wrong, the reader adds file and row."""


RECORDS = ("json", "parquet")
"""How tables are written whose cells have types."""


@dataclass(frozen=True)
class Format:
    """One shape of table.

    Attributes:
        name: in `FORMATS`.
        about: what writes it, for people.
        matches: whether a table with these columns (or keys of its first object) is of this shape.
        flat: one record to cells under visq's column names: `image`, `id`, `score`, `std`, `group`, ...;
            RecordError where it is not of this shape. Cells of one table may differ from row to row.
        uses: keys that `flat` has taken up; what else a record holds stays beside it.
        kinds: how such tables are written (`csv`, `tsv`, `json`, `parquet`); a table written another way is
            of this shape only if its user says so.
        header: names of the columns where the file has none of its own; empty where it has.
        names: keys that name the row or its picture -> what `flat` calls them, the most trusted first.
    """

    name: str
    about: str
    matches: Callable[[Collection[str]], bool]
    flat: Callable[[Mapping[str, Any]], dict[str, str]]
    uses: tuple[str, ...] = ()
    kinds: tuple[str, ...] = RECORDS
    header: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def cells(self, record: Mapping[str, Any]) -> dict[str, str]:
        """One record as cells: what `flat` makes of it, and all other values under their own names.

        A name that is taken, or would be mistaken for an id or a file, gets `source_` before it.

        Raises:
            RecordError: it is not of this shape.
        """
        cells = self.flat(record)
        taken = {name.casefold() for name in (*cells, *ID_COLUMNS, *FILE_COLUMNS)}
        for key, value in record.items():
            if key not in self.uses:
                cells[f"source_{key}" if key.casefold() in taken else key] = cell_text(value)
        return cells

    def loose_cells(self, record: Mapping[str, Any]) -> dict[str, str]:
        """A record that is not of this shape as cells that stand beside those of records that are.

        What names it keeps its column; a key that `flat` would have taken up, or that would be mistaken for
        an id, a file or a label, gets `source_` before it.
        """
        cells: dict[str, str] = {}
        for key, name in self.names.items():
            if key in record:
                cells.setdefault(name, _first_name(record[key]))
        taken = {name.casefold() for name in (*self.uses, *ID_COLUMNS, *FILE_COLUMNS, *LABEL_COLUMNS)}
        for key, value in record.items():
            if key not in self.names:
                cells[f"source_{key}" if key.casefold() in taken else key] = cell_text(value)
        return cells


def _first_name(value: object) -> str:
    """A name, or the first of a list of them, as it stands."""
    return cell_text(value[0] if isinstance(value, list) and value else value).strip()


def recognised(columns: Collection[str], kind: str) -> Format | None:
    """The format with these columns, for a table written as `kind`, or None where it is none of them."""
    for name in FORMATS:
        found: Format = FORMATS.get(name)
        if kind in found.kinds and found.matches(columns):
            return found
    return None


def required(record: Mapping[str, Any], key: str) -> Any:  # any JSON value
    """A value that must be there.

    Raises:
        RecordError: it is not.
    """
    if key not in record:
        raise RecordError(f"no {key!r}; it has {listed([*map(repr, record)]) or 'nothing'}")
    return record[key]


def text_of(record: Mapping[str, Any], key: str) -> str:
    """A text that must be there, stripped.

    Raises:
        RecordError: it is not there, or no text.
    """
    value = required(record, key)
    if not isinstance(value, str):
        raise RecordError(f"{key!r} is no text: {brief(value)}")
    return str(value).strip()


def number_cells(value: object, key: str) -> dict[str, str]:
    """Cells of a score: `score`, stripped, and `score_kind`, `number` or `text` as it was written.

    Raises:
        RecordError: it is neither.
    """
    if value is None:
        return {"score": "", "score_kind": ""}
    if isinstance(value, Number | int | float | Decimal) and not isinstance(value, bool):
        return {"score": str(value), "score_kind": "number"}
    if isinstance(value, str):
        # A trailing blank is kept in the kind: a reader that does not strip fails on it.
        written = "text" if value == value.strip() else "text with blanks"
        return {"score": value.strip(), "score_kind": written}
    raise RecordError(f"{key!r} is no number: {brief(value)}")


def brief(value: object) -> str:
    """A value for a message, cut after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
