"""Rows of a manifest as they are, for looking for faults: no row is refused. Opens no picture."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass

from visq.core.types import printable
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, only
from visq.data.picture_files import AmbiguousError, find_file, folder_listing
from visq.data.tables import FlatTable


@dataclass(frozen=True)
class LooseRow:
    """A row of a manifest, whatever is in it.

    Attributes:
        row: its number in the file.
        id: as written; ids may repeat; the file where the cell is empty; `row N` where there is neither.
        file: the picture's name, as written.
        path: the file it stands for; None where there is none, or more than one, or nobody asked.
        cells: column -> text, as written; `defect` says what is wrong with the row itself.
    """

    row: int
    id: str
    file: str
    path: str | None
    cells: Mapping[str, str]


def loose_rows(
    path: str | os.PathLike[str], *, format: str | None = None, need_files: bool = True
) -> tuple[FlatTable, list[LooseRow]]:
    """A table and all its rows with content.

    Args:
        path: the table.
        format: a name of `visq.data.formats.FORMATS`; None recognises it.
        need_files: look for the pictures on disk.

    Raises:
        DataError: it is no table, or has two columns that could hold ids, or files.
        InputError, UnknownName, MissingExtra: as `visq.data.tables.FlatTable`.
    """
    table = FlatTable(path, format=format, strict=False)
    id_at = only(table.shown, "ids", ID_COLUMNS, table.columns)
    file_at = only(table.shown, "files", FILE_COLUMNS, table.columns)
    main = id_at if id_at is not None else file_at
    place = main if file_at is None else file_at
    folder, listing = os.path.dirname(table.path), functools.lru_cache(maxsize=256)(folder_listing)

    def on_disk(name: str) -> str | None:
        if not need_files or not name.strip():
            return None
        try:
            found = find_file(os.path.join(folder, name), listing)
        except AmbiguousError:
            return None
        return found if os.path.lexists(found) else None

    rows = []
    for row, cells in table:
        named = dict(zip(table.columns, cells, strict=True))
        # A list of labels alone has neither: its rows are called by their numbers, and no file is looked for.
        file = "" if place is None else cells[place]
        name = next(
            (cell for cell in ("" if main is None else cells[main], file) if cell.strip()), f"row {row}"
        )
        rows.append(LooseRow(row, printable(name), file, on_disk(file), named))
    return table, rows
