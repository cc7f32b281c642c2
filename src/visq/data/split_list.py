"""Official splits: lists that say which name stands in which part. Knows names: no label, no picture.

Two shapes: a JSON object of lists, {"train": [names], "test": [names]}; or a table with a column of ids or
files and a column `split`, `set`, `subset` or `partition`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence

from visq.core.errors import DataError
from visq.core.types import printable
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, listed, only
from visq.data.tables import open_text, read_table

PART_COLUMNS = ("split", "set", "subset", "partition")


def read_split_list(path: str | os.PathLike[str]) -> dict[str, str]:
    """Name -> part, in the order of the file.

    Raises:
        InputError: the file cannot be read.
        DataError: it is no such list, or a name stands in two parts.
    """
    shown = printable(os.fspath(path))
    parts: dict[str, str] = {}
    for name, part in _entries(os.fspath(path), shown):
        if parts.setdefault(name, part) != part:
            raise DataError(f"{shown}: {name!r} stands in {parts[name]!r} and in {part!r}; keep one")
    if not parts:
        raise DataError(f"{shown} lists no names")
    return parts


def find_parts(parts: Mapping[str, str], rows: Sequence[Sequence[str]]) -> list[str | None]:
    """The part of each row: by its id, its file as written, or its file without the folder.

    Args:
        parts: name -> part.
        rows: for each row the names it goes by, best first; empty ones count for nothing.

    Returns:
        One part a row; None where the list has none of its names.

    Example:
        >>> find_parts({"b.jpg": "test"}, [["1", "images/b.jpg"], ["2", "images/c.jpg"]])
        ['test', None]
    """
    found = []
    for names in rows:
        known = [name for name in names if name]
        known += [os.path.basename(name) for name in known]
        found.append(next((parts[name] for name in known if name in parts), None))
    return found


def _entries(path: str, shown: str) -> Iterator[tuple[str, str]]:
    if path.lower().endswith(".json"):
        listing = _object_of_lists(path, shown)
        if listing is not None:
            yield from ((str(name), part) for part, names in listing.items() for name in names)
            return
    table = read_table(path)
    part = only(shown, "parts", PART_COLUMNS, table.columns)
    name = next((at for at in _name_columns(shown, table.columns) if at is not None), None)
    if part is None or name is None:
        raise DataError(
            f"{shown} is no list of a split: it needs a column of ids or files, and one of "
            f"{', '.join(PART_COLUMNS)}; columns: {listed(table.columns)}"
        )
    for row, cells in table:
        if not cells[part].strip() or not cells[name].strip():
            raise DataError(f"{shown}, row {row}: a name or its part is empty")
        yield cells[name].strip(), cells[part].strip()


def _name_columns(shown: str, names: Sequence[str]) -> tuple[int | None, ...]:
    return only(shown, "ids", ID_COLUMNS, names), only(shown, "files", FILE_COLUMNS, names)


def _object_of_lists(path: str, shown: str) -> dict[str, list[object]] | None:
    """The JSON file if it is one object whose values are lists; else None, since it may be a table."""
    try:
        with open_text(path) as file:
            value = json.load(file)
    except (ValueError, RecursionError):
        return None  # read_table says what is wrong, or takes objects one after another
    if isinstance(value, dict) and value and all(isinstance(names, list) for names in value.values()):
        return value
    return None
