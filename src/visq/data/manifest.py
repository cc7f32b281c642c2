"""Manifests: a table to Samples. Knows columns and file names only: no pixels, no model, no folds."""

from __future__ import annotations

import functools
import logging
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from visq.core.errors import DataError
from visq.core.types import Sample, printable
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, group_columns, listed, named, only, positions
from visq.data.groups import joined_groups
from visq.data.picture_files import AmbiguousError, find_file, folder_listing
from visq.data.tables import FlatTable

NO_LABELS: Mapping[str, str] = MappingProxyType({})

_EXPORTED = re.compile(r"[0-9]+\.0")  # 1001.0: what a spreadsheet makes of the id 1001
_log = logging.getLogger(__name__)


def read_manifest(
    path: str | os.PathLike[str],
    *,
    labels: Mapping[str, str] = NO_LABELS,
    stds: Mapping[str, str] = NO_LABELS,
    group: str | None = None,
    prompt: str | None = None,
    format: str | None = None,
) -> Iterator[Sample]:
    """Samples of a manifest, in its order; what is wrong with the table is raised by the call itself.

    See `Manifest` for the form of the file.

    Args:
        path: the table; pictures are looked for relative to its folder.
        labels: aspect -> column that holds its opinion score.
        stds: aspect -> column that holds the standard deviation of the raters' scores.
        group: column of groups, or several separated by commas: rows that share a value in any of them are
            one
            group; by default `group`, where there is one.
        prompt: column of prompts; by default `prompt`, where there is one.
        format: a name of `visq.data.formats.FORMATS`; None recognises it.

    Returns:
        An iterator of Samples. A picture that is not there has one too: the run makes a failure of it.

    Raises:
        DataError: the table is wrong; the message gives file, row and column.
        InputError: the file cannot be read.
    """
    return iter(Manifest(path, labels=labels, stds=stds, group=group, prompt=prompt, format=format))


class Manifest:
    """A checked manifest that can be walked many times; every walk reads the file anew.

    The file: CSV (UTF-8 with or without byte order mark, any line ends, cells separated by `,`, or by `;`
    where the header has no `,`), TSV, JSON (a list, lines, or objects one after another), Parquet, or one of
    `visq.data.formats`. Column names count without case and surrounding blanks. Ids come from `id` or
    `image_id`, files from `image`, `path`, `file`, `filename`, `img_path` or `image_path`; one of the two
    serves as both. Ids are text and kept to the letter, but where every cell of the column reads like
    `1001.0` (a spreadsheet's export) the `.0` goes. A file is looked for by its exact name, then with a
    picture's ending added, then both ways without regard to case. Rows without any content are passed over;
    rows that repeat an id and its file are left out and logged; another label in one is an error.

    Memory: the check (construction) keeps one entry an id to find repeats, and drops it; a walk keeps one
    row, the numbers of repeated rows and the listings of at most 256 folders, and lists a folder only where
    a name does not match exactly. Groups of several columns keep an entry a row.

    Attributes:
        path: the file.
        format: what its shape was recognised as, e.g. `csv` or `qalign`.
        columns: names of its columns.
        n_repeated: rows left out, since an earlier one has their id and file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        labels: Mapping[str, str] = NO_LABELS,
        stds: Mapping[str, str] = NO_LABELS,
        group: str | None = None,
        prompt: str | None = None,
        format: str | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self._shown = printable(self.path)
        self._table = FlatTable(self.path, format=format)
        self.format, self.columns = self._table.format, self._table.columns
        self._columns = _find_columns(self._shown, self.columns, labels, stds, group, prompt)
        self._check()
        self._groups = self._joined() if len(self._columns.group) > 1 else {}

    def __len__(self) -> int:
        """Number of Samples found when the manifest was checked."""
        return self._n_samples

    def __iter__(self) -> Iterator[Sample]:
        folder = os.path.dirname(self.path)
        listing = functools.lru_cache(maxsize=256)(folder_listing)
        for row, cells in self._table:
            if row in self._repeated:
                continue
            try:
                path = find_file(os.path.join(folder, self._cell(cells, self._columns.file)), listing)
            except AmbiguousError as error:
                raise DataError(f"{self._shown}, row {row}: {error}") from None
            yield self._sample(row, cells, path)

    def _sample(self, row: int, cells: Sequence[str], path: str) -> Sample:
        columns = self._columns
        return Sample(
            id=printable(self._cell(cells, columns.id)),
            path=path,
            prompt=_filled(cells, columns.prompt),
            group=self._group(row, cells),
            labels=self._numbers(columns.labels, row, cells),
            stds=self._numbers(columns.stds, row, cells),
            extra={name: cells[at] for name, at in columns.extra},
        )

    def _cell(self, cells: Sequence[str], column: int) -> str:
        """An id or a file name, without the `.0` of a spreadsheet's export."""
        return cells[column][:-2] if column in self._exported else cells[column]

    def _group(self, row: int, cells: Sequence[str]) -> str | None:
        if self._groups:
            return self._groups[row]
        # Stripped: a blank at the end must not tear a group apart.
        return next((cells[at].strip() for at in self._columns.group), "") or None

    def _joined(self) -> dict[int, str]:
        """Row -> group, where several columns say what belongs together."""
        rows = [(row, [cells[at].strip() for at in self._columns.group]) for row, cells in self._table]
        groups = joined_groups(list(zip(*(cells for _, cells in rows), strict=True)))
        return {row: group for (row, _), group in zip(rows, groups, strict=True)}

    def _numbers(self, columns: Mapping[str, int], row: int, cells: Sequence[str]) -> dict[str, float]:
        found = {}
        for aspect, column in columns.items():
            text = cells[column].strip()
            if text:
                found[aspect] = self._number(text, row, column)
        return found

    def _number(self, text: str, row: int, column: int) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        # float() also takes 1_000, which no table means.
        if not math.isfinite(value) or "_" in text:
            name = self._columns.names[column]
            raise DataError(
                f"{self._shown}, row {row}, column {name!r}: {text!r} is not a number; "
                "write a decimal or leave the cell empty"
            )
        return value

    def _check(self) -> None:
        """First pass: every cell that will be needed, repeats, and whether ids are a spreadsheet's export."""
        columns = self._columns
        exported = {columns.id, columns.file}
        first: dict[str, tuple[int, str, dict[str, float]]] = {}
        repeated = set()
        for row, cells in self._table:
            labels = self._numbers(columns.labels, row, cells)
            self._numbers(columns.stds, row, cells)
            exported = {column for column in exported if _EXPORTED.fullmatch(cells[column])}
            # Losing `.0` everywhere makes no two cells equal, so raw cells can be compared.
            if self._repeats(first, row, cells, labels):
                repeated.add(row)
        self._exported = frozenset(exported if first else ())
        self._repeated = frozenset(repeated)
        self._n_samples, self.n_repeated = len(first), len(repeated)
        if self._exported:
            names = " and ".join(repr(columns.names[column]) for column in sorted(self._exported))
            _log.info(
                "%s: all cells of column %s end in .0 (a spreadsheet's export); read without",
                self._shown,
                names,
            )
        if repeated:
            _log.warning("%s: %d rows repeat an id and its file and are left out", self._shown, len(repeated))

    def _repeats(
        self,
        first: dict[str, tuple[int, str, dict[str, float]]],
        row: int,
        cells: Sequence[str],
        labels: dict[str, float],
    ) -> bool:
        """Whether an earlier row has this id and file; an id with two files or two labels is an error."""
        columns = self._columns
        for column in (columns.id, columns.file):
            if not cells[column].strip():
                name = columns.names[column]
                raise DataError(
                    f"{self._shown}, row {row}, column {name!r}: empty; name a picture or delete the row"
                )
        name, file = printable(cells[columns.id]), os.path.normpath(cells[columns.file])
        row_before, file_before, labels_before = first.setdefault(name, (row, file, labels))
        if file_before != file:
            raise DataError(
                f"{self._shown}, rows {row_before} and {row}: id {name!r} stands for {file_before!r} "
                f"and for {file!r}; give each picture its own id"
            )
        for aspect, column in columns.labels.items():
            one, other = labels_before.get(aspect), labels.get(aspect)
            if one != other:
                said = " and ".join("none" if label is None else f"{label:g}" for label in (one, other))
                raise DataError(
                    f"{self._shown}, rows {row_before} and {row}, column {columns.names[column]!r}: id "
                    f"{name!r} has the labels {said}; keep one row, or write the mean of its ratings"
                )
        return row_before != row


@dataclass(frozen=True)
class _Columns:
    """Where each part of a Sample stands; positions count from 0."""

    names: tuple[str, ...]
    id: int
    file: int
    group: tuple[int, ...]
    prompt: int | None
    labels: Mapping[str, int]
    stds: Mapping[str, int]
    extra: tuple[tuple[str, int], ...]


def _filled(cells: Sequence[str], column: int | None) -> str | None:
    """A cell as it is, or None where there is no such column or nothing in it."""
    return cells[column] if column is not None and cells[column].strip() else None


def _find_columns(
    shown: str,
    names: Sequence[str],
    labels: Mapping[str, str],
    stds: Mapping[str, str],
    group: str | None,
    prompt: str | None,
) -> _Columns:
    at = positions(shown, names)
    id_column, file_column = only(shown, "ids", ID_COLUMNS, names), only(shown, "files", FILE_COLUMNS, names)
    main = id_column if id_column is not None else file_column
    if main is None:
        known = ", ".join(ID_COLUMNS + FILE_COLUMNS)
        raise DataError(f"{shown}: no column of ids or files (one of {known}); columns: {listed(names)}")
    group_at = group_columns(shown, names, group)
    prompt_at = at.get("prompt") if prompt is None else named(shown, names, prompt)
    label_at = {aspect: named(shown, names, column) for aspect, column in labels.items()}
    std_at = {aspect: named(shown, names, column) for aspect, column in stds.items()}
    file_at = main if file_column is None else file_column
    used = {main, file_at, *group_at, prompt_at, *label_at.values(), *std_at.values()}
    extra = tuple((name, i) for i, name in enumerate(names) if i not in used and name)
    return _Columns(tuple(names), main, file_at, group_at, prompt_at, label_at, std_at, extra)
