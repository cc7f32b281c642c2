"""Any table file as rows of text cells: CSV, TSV, JSON, Parquet. Knows no column's meaning and no picture.

JSON may be an array, one object a line, or objects written one after another without a separator, as some
evaluation scripts leave them; one reader takes all three. Numbers keep their digits as written.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any

from visq.core.errors import DataError, InputError, MissingExtra
from visq.core.registry import unknown_name
from visq.core.types import printable
from visq.data.formats import FORMATS, Format, Number, RecordError, recognised
from visq.data.json_objects import json_objects

ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
DEFECT = "defect"
"""Column that says what is wrong with a row, where a table is read loosely."""

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
        self._format: Format | None = None if format is None else FORMATS.get(format)
        self._names = self._header()
        if self._format is None:
            self._format = recognised(self._names)
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
                return tuple(cell.strip() for cell in cells)
            raise DataError(f"{self.shown} is empty; the first row has to name the columns")
        if self.kind == "parquet":
            return tuple(self._parquet_names())
        for _, record in json_objects(self.path, self.shown):
            return tuple(record)
        raise DataError(f"{self.shown} holds no object; a table in JSON is a list of objects")

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
            return self._format.flat(record) if self._format else plain(record)
        except RecordError as error:
            if self.strict:
                raise DataError(f"{self.shown}, row {row}: {error}") from None
            return plain(record) | {DEFECT: str(error)}

    def _raw(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        if self.kind == "json":
            yield from json_objects(self.path, self.shown)
        elif self.kind == "parquet":
            yield from self._parquet_rows()
        else:
            names = self._names
            if self._format is not None and self._format.header:
                names = self._format.header
            for row, cells in self._text_rows(names):
                yield row, dict(zip(names, cells, strict=False))

    def _text_rows(self, names: tuple[str, ...] | None = None) -> Iterator[tuple[int, list[str]]]:
        """Rows of a CSV with content, all as long as the header."""
        names = self._names if names is None else names
        has_header = names is self._names
        for row, cells in self._records():
            if (row == 1 and has_header) or not any(cell.strip() for cell in cells):
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
        return ";" if ";" in header and "," not in header else ","

    def _parquet_names(self) -> list[str]:
        pa = _pyarrow()
        try:
            schema = pa.parquet.read_schema(self.path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.shown} is no Parquet file that can be read: {_first_line(error)}"
            ) from None
        # Pictures kept inside a table are no cells of text.
        return [field.name for field in schema if not _is_binary(pa, field.type)]

    def _parquet_rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        pa = _pyarrow()
        row = 0
        try:
            with pa.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=4096, columns=list(self._names)):
                    for record in batch.to_pylist():
                        row += 1
                        yield row, record
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.shown}, row {row + 1}: {_first_line(error)}") from None


def read_table(path: str | os.PathLike[str], *, format: str | None = None, strict: bool = True) -> FlatTable:
    """A table by its ending and shape; see `FlatTable`."""
    return FlatTable(path, format=format, strict=strict)


def table_kind(path: str) -> str:
    """How a table is written: by its ending; another text is JSON if it begins with an object or a list.

    Raises:
        InputError: no table has this ending.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    with open_text(path) as file:
        if file.read(1024).lstrip()[:1] in ("{", "["):
            return "json"
    known = ", ".join(ENDINGS)
    raise InputError(f"{printable(path)!r} is no table by its ending; known are {known}")


def plain(record: Mapping[str, Any]) -> dict[str, str]:
    """A record's values as text cells, under their own names."""
    return {str(key): cell_text(value) for key, value in record.items()}


def cell_text(value: object) -> str:
    """One value as a cell: numbers as written, null empty, true and false as words, the rest as JSON.

    Example:
        >>> cell_text(None), cell_text(True), cell_text(2.50), cell_text(["a", 1])
        ('', 'true', '2.5', '["a", 1]')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(_loosened(value), ensure_ascii=False, default=str)


def _loosened(value: Any) -> Any:  # any JSON value
    """Nested numbers kept as text become numbers again, so that they are not written in quotation marks."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, Mapping):
        return {key: _loosened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_loosened(item) for item in value]
    return value


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
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _pyarrow() -> Any:  # pyarrow has no types
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "eval") from error
    return pyarrow
