"""Any table file as rows of text cells: CSV, TSV, JSON, Parquet. Knows no column's meaning and no picture.

JSON may be an array, one object a line, or objects written one after another without a separator, as some
evaluation scripts leave them; one reader takes all three. Numbers keep their digits as written.
"""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from visq.core.errors import DataError, InputError
from visq.core.optional import pyarrow
from visq.core.registry import unknown_name
from visq.core.types import printable
from visq.data.cells import cell_text, plain
from visq.data.dataset_info import described
from visq.data.formats import FORMATS, Format, RecordError, recognised
from visq.data.json_objects import json_objects

__all__ = ["DEFECT", "ENDINGS", "FlatTable", "cell_text", "open_text", "plain", "read_table", "table_kind"]

ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
DEFECT = "defect"
"""Column that says what is wrong with a row, where a table is read loosely; one of the table's own that is
called so becomes `source_defect` there."""

_FIRST_ROW = "the first row has to name the columns"
LINE_LIMIT = 1 << 22  # characters; without it a file without line breaks would be read whole


class FlatTable:
    """A table of text cells that can be walked many times; every walk reads the file anew, row by row.

    Memory: one row (Parquet: one batch of 4,096), and the names of the columns.

    Attributes:
        path: the file.
        kind: `csv`, `tsv`, `json` or `parquet`.
        format: a name of `FORMATS` where the shape is one of them, else the kind.
        columns: names of the columns, stripped; a column of a CSV may have no name.

    Args:
        path: a regular file; anything else could not be read twice.
        format: a name of `FORMATS`, or None to recognise the shape by its columns.
        strict: refuse a row that is wrong. False lets it through, with the reason in a column `defect`.

    Raises:
        UnknownName: no format of that name.
        InputError: the file is missing, not regular or unreadable, or has an ending no table has.
        DataError: it is no such table; the message gives the row.
        MissingExtra: Parquet without pyarrow.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, format: str | None = None, strict: bool = True
    ) -> None:
        self.path = os.fspath(path)
        self.shown = printable(self.path)
        self.strict = strict
        if format is not None and format not in FORMATS:
            raise unknown_name("format", format, FORMATS)
        _check_regular(self.path)
        self.kind = table_kind(self.path)
        about = described(self.path) if format in (None, "llamafactory") else None
        self._rename = about.plain if about else None
        chosen = "llamafactory" if about else format
        self._format: Format | None = FORMATS.get(chosen) if chosen else None
        self._names = self._header()
        if self._format is None:
            self._format = recognised(self._names, self.kind)
        self.format = self._format.name if self._format else self.kind
        self.columns = self._found_columns()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Row numbers as a person counts them in that file (a header is row 1), and cells as in `columns`."""
        if self._format is None and self.kind in ("csv", "tsv"):
            yield from self._text_rows()
            return
        for row, cells in self._flat():
            yield row, [cells.get(name, "") for name in self.columns]

    # --- columns ---------------------------------------------------------------------------------------

    def _header(self) -> tuple[str, ...]:
        """Names of columns: a CSV's first row, a Parquet's schema, the keys of JSON's first object."""
        if self.kind in ("csv", "tsv"):
            for _, cells in self._records():
                if not any(cell.strip() for cell in cells):
                    raise DataError(f"{self.shown}, row 1: no column names; {_FIRST_ROW}")
                return self._own(cell.strip() for cell in cells)
            raise DataError(f"{self.shown} is empty; {_FIRST_ROW}")
        if self.kind == "parquet":
            return self._own(self._parquet_names())
        for _, record in json_objects(self.path, self.shown):
            return self._own(record)
        raise DataError(f"{self.shown} holds no object; a table in JSON is a list of objects")

    def _own(self, names: Iterable[str]) -> tuple[str, ...]:
        """The table's own names, none of them mistaken for that of the column of defects."""
        if self.strict:
            return tuple(names)
        return tuple(f"source_{name}" if name.casefold() == DEFECT else name for name in names)

    def _found_columns(self) -> tuple[str, ...]:
        if self._format is None and self.kind != "json":
            named = self._names
            return named if self.strict or self.kind == "parquet" else (*named, DEFECT)
        found: dict[str, None] = {}
        for _, cells in self._flat():
            found.update(dict.fromkeys(cells))
        return tuple(found)

    # --- rows ------------------------------------------------------------------------------------------

    def _flat(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Rows as name -> cell, in the names of the format where there is one."""
        for row, record in self._raw():
            yield row, self._cells(row, record)

    def _cells(self, row: int, record: Mapping[str, Any]) -> Mapping[str, str]:
        try:
            record = self._rename(record) if self._rename else record
            return self._format.cells(record) if self._format else plain(record)
        except RecordError as error:
            if self.strict:
                raise DataError(f"{self.shown}, row {row}: {error}") from None
            found = self._format.loose_cells(record) if self._format else plain(record)
            return found | {DEFECT: str(error)}

    def _raw(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        if self.kind == "json":
            for row, record in json_objects(self.path, self.shown):
                yield row, self._renamed(record)
        elif self.kind == "parquet":
            yield from self._parquet_rows()
        else:
            names = self._names
            if self._format is not None and self._format.header:
                names = self._format.header
            keys = names if self.strict else (*names, DEFECT)
            for row, cells in self._text_rows(names):
                yield row, dict(zip(keys, cells, strict=True))

    def _renamed(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        return record if self.strict else dict(zip(self._own(record), record.values(), strict=True))

    def _text_rows(self, names: tuple[str, ...] | None = None) -> Iterator[tuple[int, list[str]]]:
        """Rows of a CSV with content, all as long as the header."""
        names = self._names if names is None else names
        has_header = names is self._names
        for row, cells in self._records():
            # One call for the usual row; the whole row is looked at only where its first cell is blank.
            if (row == 1 and has_header) or not ((cells and cells[0].strip()) or any(map(str.strip, cells))):
                continue
            wrong = ""
            if len(cells) != len(names):
                wrong = f"{len(cells)} cells, but the header has {len(names)}"
            if wrong and self.strict:
                raise DataError(
                    f"{self.shown}, row {row}: {wrong}; put cells that hold separators in quotation marks"
                )
            if not self.strict:
                padded = [*cells, *([""] * len(names))]
                cells = [*padded[: len(names)], wrong]
            yield row, cells

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """All records of a CSV, counted from 1: a quoted line break does not start a new one."""
        row = 0
        try:
            with open_text(self.path) as file:
                # strict: a stray quotation mark is an error, not a cell that swallows the rest of the file.
                reader = csv.reader(_lines(file), delimiter=self._delimiter(file), strict=True)
                for cells in reader:
                    row += 1
                    yield row, cells
        except (csv.Error, _BadTextError) as error:
            raise DataError(f"{self.shown}, row {row + 1}: {_advice(error)}") from None
        except OSError as error:
            raise InputError(
                f"cannot read {self.shown}: {error.strerror or error}", kind="unreadable"
            ) from error

    def _delimiter(self, file: io.TextIOWrapper) -> str:
        header = file.readline(LINE_LIMIT)
        file.seek(0)
        if self.kind == "tsv":
            return "\t"
        return next((mark for mark in ",;\t" if mark in header), ",")

    def _parquet_names(self) -> list[str]:
        pa = pyarrow()
        try:
            schema = pa.parquet.read_schema(self.path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.shown} is no Parquet file that can be read: {_first_line(error)}"
            ) from None
        # Pictures kept inside a table are no cells of text.
        names = [field.name for field in schema if not _is_binary(pa, field.type)]
        if repeated := next((name for i, name in enumerate(names) if name in names[:i]), None):
            raise DataError(f"{self.shown}: column {repeated!r} stands twice; rename one of the two")
        return names

    def _parquet_rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        pa = pyarrow()
        names, row = self._parquet_names(), 0
        try:
            with pa.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=4096, columns=names):
                    for record in batch.to_pylist():
                        row += 1
                        yield row, dict(zip(self._names, map(record.get, names), strict=True))
        # Besides its own errors: text that is no UTF-8, times that Python has no value for.
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(f"{self.shown}, after row {row}: {_first_line(error)}") from None


def read_table(path: str | os.PathLike[str], *, format: str | None = None, strict: bool = True) -> FlatTable:
    """A table by its ending and shape; see `FlatTable`."""
    return FlatTable(path, format=format, strict=strict)


def table_kind(path: str) -> str:
    """How a table is written: by its ending; another text is JSON if it begins with an object or a list.

    A `.txt` with a tab in its first line is a TSV.

    Raises:
        InputError: no table has this ending.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    with open_text(path) as file:
        begin = file.read(1024)
    if begin.lstrip()[:1] in ("{", "["):
        return "json"
    if ending == ".txt" and "\t" in begin.partition("\n")[0]:
        return "tsv"
    known = ", ".join(ENDINGS)
    raise InputError(f"{printable(path)!r} is no table by its ending; known are {known}")


class _BadTextError(Exception):
    """A line that is no text we read; its message says what to do."""


def _check_regular(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(f"no such file: {path!r}", kind="missing") from None
    except OSError as error:
        raise InputError(f"cannot read {path!r}: {error.strerror or error}", kind="unreadable") from error
    if not stat.S_ISREG(mode):
        raise InputError(f"{path!r} is not a regular file; a manifest is read twice", kind="unreadable")


def open_text(path: str) -> io.TextIOWrapper:
    """A file as text; undecodable bytes come in as surrogates, so that the row of the first one is known."""
    try:
        return open(path, encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise InputError(
            f"cannot read {printable(path)}: {error.strerror or error}", kind="unreadable"
        ) from error


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    while line := file.readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT:
            raise _BadTextError(f"a line of more than {LINE_LIMIT} characters; is this a CSV file?")
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError:
                raise _BadTextError("not UTF-8; save the table as CSV UTF-8") from None
        if "\0" in line:
            raise _BadTextError("a NUL byte; save the table as CSV UTF-8")
        yield line


def _advice(error: Exception) -> str:
    """What the csv module says, with what to do about it."""
    if isinstance(error, _BadTextError):
        return str(error)
    if "field limit" in str(error):
        return (
            f"a cell of more than {csv.field_size_limit()} characters; shorten it or close its quotation mark"
        )
    return f"{error}; check the quotation marks"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _is_binary(pa: Any, kind: Any) -> bool:
    types = pa.types
    if types.is_struct(kind):  # a picture of Hugging Face: {bytes, path}
        return any(_is_binary(pa, kind.field(i).type) for i in range(kind.num_fields))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_binary(pa, kind.value_type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))
