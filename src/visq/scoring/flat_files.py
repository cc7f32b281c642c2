"""Writes a table of text cells as CSV, TSV, JSON lines or Parquet, by file ending. Knows no column's meaning.

CSV and TSV hold the cells to the letter. JSON lines and Parquet have types: a column in which every cell that
is not empty is a number, and none would become another one, becomes one of numbers, its empty cells null; all
others stay text, and so do names, whatever they look like.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TextIO

from visq.core.errors import InputError
from visq.core.optional import pyarrow
from visq.scoring.files import atomic_write

FLAT_ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
Rows = Callable[[], Iterable[Sequence[str]]]
"""Gives the rows anew at each call."""

_BATCH = 4096
_EXACT = 15  # digits of a whole number that a double holds, whatever they are
# As JSON writes numbers: 007 and +1 are names, and digits beyond int64 would be lost.
_WHOLE, _NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})"), re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_Kind = Literal["whole", "number", "text"]


def check_flat_ending(path: Path) -> None:
    """Refuse an ending that no such table has.

    Raises:
        InputError: it is not one of `FLAT_ENDINGS`.
    """
    if path.suffix.lower() not in FLAT_ENDINGS:
        known = f"{', '.join(FLAT_ENDINGS[:-1])} or {FLAT_ENDINGS[-1]}"
        raise InputError(f"cannot write a table as {path.name!r}; use an ending of {known}")


def write_flat(
    path: str | os.PathLike[str], columns: Sequence[str], rows: Rows, *, names: Collection[str] = ()
) -> None:
    """Write a table, whole or not at all.

    Args:
        path: its ending says how.
        columns: names, in order.
        rows: cells in the order of the columns; asked for twice where types have to be found first.
        names: columns that hold names (ids, files, groups): text, even where all of them are digits.

    Raises:
        InputError: the ending is unknown, or the file cannot be written.
        MissingExtra: Parquet without pyarrow.
    """
    target = Path(path)
    check_flat_ending(target)
    ending = target.suffix.lower()
    with atomic_write(target) as partial:
        if ending == ".parquet":
            _write_parquet(partial, columns, rows, names)
            return
        with partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            if ending == ".jsonl":
                file.writelines(_json_lines(columns, rows, names))
            else:
                write_csv(file, columns, rows(), delimiter="\t" if ending == ".tsv" else ",")


def write_csv(
    file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]], *, delimiter: str = ","
) -> None:
    """Write a CSV into an open file."""
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def column_kinds(
    columns: Sequence[str], rows: Iterable[Sequence[str]], names: Collection[str] = ()
) -> list[_Kind]:
    """What each column can be written as: whole numbers, numbers, or text.

    Text are the columns of `names`, those without a filled cell, and those with whole numbers of more digits
    than int64 or, beside fractions, a double is sure to hold.
    """
    filled = [False] * len(columns)
    whole = [column not in names for column in columns]
    number = list(whole)
    for cells in rows:
        for i, cell in enumerate(cells):
            if cell and (whole[i] or number[i]):
                filled[i] = True
                whole[i] = whole[i] and _WHOLE.fullmatch(cell) is not None
                number[i] = number[i] and _is_double(cell)
    return [
        "text" if not f else "whole" if w else "number" if n else "text"
        for w, n, f in zip(whole, number, filled, strict=True)
    ]


def _is_double(cell: str) -> bool:
    """Whether a double can stand for it: a fraction is rounded, a whole number may be a name and is not."""
    if _NUMBER.fullmatch(cell) is None:
        return False
    digits = cell.removeprefix("-")
    return len(digits) <= _EXACT if digits.isdigit() else math.isfinite(float(cell))


def _json_lines(columns: Sequence[str], rows: Rows, names: Collection[str]) -> Iterator[str]:
    """One object a line; numbers keep their digits as written."""
    kinds = column_kinds(columns, rows(), names)
    keys = [json.dumps(name, ensure_ascii=False) for name in columns]
    for cells in rows():
        values = (
            json.dumps(cell, ensure_ascii=False) if kind == "text" else cell or "null"
            for cell, kind in zip(cells, kinds, strict=True)
        )
        pairs = (f"{key}: {value}" for key, value in zip(keys, values, strict=True))
        yield f"{{{', '.join(pairs)}}}\n"


def _write_parquet(path: Path, columns: Sequence[str], rows: Rows, names: Collection[str]) -> None:
    pa = pyarrow()
    kinds = column_kinds(columns, rows(), names)
    types = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64()}
    schema = pa.schema([(name, types[kind]) for name, kind in zip(columns, kinds, strict=True)])
    walk = iter(rows())
    with pa.parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(walk, _BATCH)):
            cells = [
                _typed(column, kind) for column, kind in zip(zip(*batch, strict=True), kinds, strict=True)
            ]
            writer.write_table(
                pa.Table.from_arrays(
                    [pa.array(c, f.type) for c, f in zip(cells, schema, strict=True)], schema=schema
                )
            )


def _typed(cells: Sequence[str], kind: _Kind) -> list[Any]:
    if kind == "text":
        return list(cells)
    make: Callable[[str], Any] = int if kind == "whole" else float
    return [make(cell) if cell else None for cell in cells]
