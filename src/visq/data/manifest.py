"""Manifests: a CSV table to Samples. Knows columns and file names only: no pixels, no model, no folds."""

from __future__ import annotations

import csv
import functools
import io
import logging
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from visq.core.errors import DataError, InputError
from visq.core.types import Sample, printable
from visq.media import PICTURE_ENDINGS

ID_COLUMNS = ("id", "image_id")
FILE_COLUMNS = ("image", "path", "file", "filename")

NO_LABELS: Mapping[str, str] = MappingProxyType({})

_EXPORTED = re.compile(r"[0-9]+\.0")  # 1001.0: what a spreadsheet makes of the id 1001
_LINE_LIMIT = 1 << 22  # characters; without it a file without line breaks would be read whole
_log = logging.getLogger(__name__)


def read_manifest(
    path: str | os.PathLike[str],
    *,
    labels: Mapping[str, str] = NO_LABELS,
    group: str | None = None,
    prompt: str | None = None,
) -> Iterator[Sample]:
    """Samples of a CSV manifest, in its order; what is wrong with the table is raised by the call itself.

    See `Manifest` for the form of the file.

    Args:
        path: the CSV file; pictures are looked for relative to its folder.
        labels: aspect -> column that holds its opinion score.
        group: column of groups; by default `group`, where there is one.
        prompt: column of prompts; by default `prompt`, where there is one.

    Returns:
        An iterator of Samples. A picture that is not there has one too: the run makes a failure of it.

    Raises:
        DataError: the table is wrong; the message gives file, row and column.
        InputError: the file cannot be read.
    """
    return iter(Manifest(path, labels=labels, group=group, prompt=prompt))


class Manifest:
    """A checked CSV manifest that can be walked many times; every walk reads the file anew.

    The file: UTF-8 with or without byte order mark, any line ends, cells separated by `,` (by `;` where the
    header has no `,`). Column names count without case and surrounding blanks. Ids come from `id` or
    `image_id`, files from `image`, `path`, `file` or `filename`; one of the two serves as both. Ids are text
    and kept to the letter, but where every cell of the column reads like `1001.0` (a spreadsheet's export)
    the `.0` goes. A file is looked for by its exact name, then with a picture's ending added, then both ways
    without regard to case. Rows without any content are passed over; rows that repeat an id and its file
    are left out and logged.

    Memory: the check (construction) keeps one entry an id to find repeats, and drops it; a walk keeps one
    row, the numbers of repeated rows and the listings of at most 256 folders, and lists a folder only where
    a name does not match exactly.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        labels: Mapping[str, str] = NO_LABELS,
        group: str | None = None,
        prompt: str | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self._shown = printable(self.path)
        self._columns = _find_columns(self._shown, self._header(), labels, group, prompt)
        self._check()

    def __len__(self) -> int:
        """Number of Samples found when the manifest was checked."""
        return self._n_samples

    def __iter__(self) -> Iterator[Sample]:
        folder = os.path.dirname(self.path)
        listing = functools.lru_cache(maxsize=256)(_listing)
        for row, cells in self._rows():
            if row in self._repeated:
                continue
            try:
                path = _find_file(os.path.join(folder, self._cell(cells, self._columns.file)), listing)
            except _AmbiguousError as error:
                raise DataError(f"{self._shown}, row {row}: {error}") from None
            yield self._sample(row, cells, path)

    def _sample(self, row: int, cells: Sequence[str], path: str) -> Sample:
        columns = self._columns
        return Sample(
            id=printable(self._cell(cells, columns.id)),
            path=path,
            prompt=_filled(cells, columns.prompt),
            # Stripped: a blank at the end must not tear a group apart.
            group=(_filled(cells, columns.group) or "").strip() or None,
            labels=self._labels(row, cells),
            extra={name: cells[at] for name, at in columns.extra},
        )

    def _cell(self, cells: Sequence[str], column: int) -> str:
        """An id or a file name, without the `.0` of a spreadsheet's export."""
        return cells[column][:-2] if column in self._exported else cells[column]

    def _labels(self, row: int, cells: Sequence[str]) -> dict[str, float]:
        found = {}
        for aspect, column in self._columns.labels.items():
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

    def _header(self) -> list[str]:
        for _, cells in self._records():
            return [name.strip() for name in cells]
        raise DataError(f"{self._shown} is empty; the first row has to name the columns")

    def _check(self) -> None:
        """First pass: every cell that will be needed, repeats, and whether ids are a spreadsheet's export."""
        columns = self._columns
        exported = {columns.id, columns.file}
        first: dict[str, tuple[int, str]] = {}
        repeated = set()
        for row, cells in self._rows():
            self._labels(row, cells)
            exported = {column for column in exported if _EXPORTED.fullmatch(cells[column])}
            # Losing `.0` everywhere makes no two cells equal, so raw cells can be compared.
            if self._repeats(first, row, cells):
                repeated.add(row)
        self._exported = frozenset(exported if first else ())
        self._repeated = frozenset(repeated)
        self._n_samples = len(first)
        if self._exported:
            names = " and ".join(repr(columns.names[column]) for column in sorted(self._exported))
            _log.info(
                "%s: all cells of column %s end in .0 (a spreadsheet's export); read without",
                self._shown,
                names,
            )
        if repeated:
            _log.warning("%s: %d rows repeat an id and its file and are left out", self._shown, len(repeated))

    def _repeats(self, first: dict[str, tuple[int, str]], row: int, cells: Sequence[str]) -> bool:
        """Whether an earlier row has this id and file; an id with two files is an error."""
        columns = self._columns
        for column in (columns.id, columns.file):
            if not cells[column].strip():
                name = columns.names[column]
                raise DataError(
                    f"{self._shown}, row {row}, column {name!r}: empty; name a picture or delete the row"
                )
        name, file = printable(cells[columns.id]), os.path.normpath(cells[columns.file])
        row_before, file_before = first.setdefault(name, (row, file))
        if file_before != file:
            raise DataError(
                f"{self._shown}, rows {row_before} and {row}: id {name!r} stands for {file_before!r} "
                f"and for {file!r}; give each picture its own id"
            )
        return row_before != row

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows with content and their numbers as in a spreadsheet, where the header is row 1."""
        n_columns = len(self._columns.names)
        for row, cells in self._records():
            if row == 1 or not any(cell.strip() for cell in cells):
                continue
            if len(cells) != n_columns:
                raise DataError(
                    f"{self._shown}, row {row}: {len(cells)} cells, but the header has {n_columns}; "
                    "put cells that hold separators in quotation marks"
                )
            yield row, cells

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """All records, counted from 1: a quoted line break does not start a new one."""
        row = 0
        try:
            with _open(self.path) as file:
                header = file.readline(_LINE_LIMIT)
                file.seek(0)
                delimiter = ";" if ";" in header and "," not in header else ","
                # strict: a stray quotation mark is an error, not a cell that swallows the rest of the file.
                for cells in csv.reader(_lines(file), delimiter=delimiter, strict=True):
                    row += 1
                    yield row, cells
        except (csv.Error, _BadTextError) as error:
            raise DataError(f"{self._shown}, row {row + 1}: {_advice(error)}") from None
        except OSError as error:
            raise InputError(
                f"cannot read {self._shown}: {error.strerror or error}", kind="unreadable"
            ) from error


@dataclass(frozen=True)
class _Columns:
    """Where each part of a Sample stands; positions count from 0."""

    names: tuple[str, ...]
    id: int
    file: int
    group: int | None
    prompt: int | None
    labels: Mapping[str, int]
    extra: tuple[tuple[str, int], ...]


def _filled(cells: Sequence[str], column: int | None) -> str | None:
    """A cell as it is, or None where there is no such column or nothing in it."""
    return cells[column] if column is not None and cells[column].strip() else None


def _find_columns(
    shown: str, names: Sequence[str], labels: Mapping[str, str], group: str | None, prompt: str | None
) -> _Columns:
    at = _positions(shown, names)

    def named(column: str) -> int:
        if column.strip().casefold() not in at:
            raise DataError(f"{shown}: no column {column!r}; columns: {_listed(names)}")
        return at[column.strip().casefold()]

    id_column, file_column = (
        _only(shown, "ids", ID_COLUMNS, names),
        _only(shown, "files", FILE_COLUMNS, names),
    )
    main = id_column if id_column is not None else file_column
    if main is None:
        known = ", ".join(ID_COLUMNS + FILE_COLUMNS)
        raise DataError(f"{shown}: no column of ids or files (one of {known}); columns: {_listed(names)}")
    group_at = at.get("group") if group is None else named(group)
    prompt_at = at.get("prompt") if prompt is None else named(prompt)
    label_at = {aspect: named(column) for aspect, column in labels.items()}
    file_at = main if file_column is None else file_column
    used = {main, file_at, group_at, prompt_at, *label_at.values()}
    extra = tuple((name, i) for i, name in enumerate(names) if i not in used and name)
    return _Columns(tuple(names), main, file_at, group_at, prompt_at, label_at, extra)


def _positions(shown: str, names: Sequence[str]) -> dict[str, int]:
    """Column name without case -> position; columns without a name are not reachable, and left out."""
    if not any(names):
        raise DataError(f"{shown}, row 1: no column names; the first row has to name the columns")
    at: dict[str, int] = {}
    for i, name in enumerate(names):
        if name and at.setdefault(name.casefold(), i) != i:
            raise DataError(f"{shown}: column {name!r} stands twice; rename one of the two")
    return at


def _only(shown: str, what: str, known: Sequence[str], names: Sequence[str]) -> int | None:
    """The one column with a known name, or None."""
    found = [i for i, name in enumerate(names) if name.casefold() in known]
    if len(found) > 1:
        raise DataError(
            f"{shown}: {len(found)} columns could hold {what}: {_listed([names[i] for i in found])}; keep one"
        )
    return found[0] if found else None


def _listed(names: Sequence[str]) -> str:
    """Names for a message, cut after eight."""
    return ", ".join(printable(name) for name in names[:8]) + (", ..." if len(names) > 8 else "")


class _BadTextError(Exception):
    """A line that is no text we read; its message says what to do."""


class _AmbiguousError(Exception):
    """Two files fit a name equally well."""


def _open(path: str) -> io.TextIOWrapper:
    """A regular file opened as text; anything else could not be read twice, and a fifo would hang."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(f"no such file: {path!r}", kind="missing") from None
    if not stat.S_ISREG(mode):
        raise InputError(f"{path!r} is not a regular file; a manifest is read twice", kind="unreadable")
    # Undecodable bytes come in as surrogates, so that the row of the first one is known.
    return open(path, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    while line := file.readline(_LINE_LIMIT):
        if len(line) == _LINE_LIMIT:
            raise _BadTextError(f"a line of more than {_LINE_LIMIT} characters; is this a CSV file?")
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


def _find_file(path: str, listing: Callable[[str], Mapping[str, Sequence[str]]]) -> str:
    """The file meant by `path`, or `path` itself where there is none.

    Raises:
        _AmbiguousError: two files fit equally well.
    """
    if os.path.lexists(path) and not os.path.isdir(path):
        return path
    folder, name = os.path.split(path)
    folded = name.casefold()
    near = listing(folder).get(folded, ())
    steps: tuple[Iterable[str], ...] = (
        (found for found in near if os.path.splitext(found)[0] == name),
        (found for found in near if found.casefold() == folded),
        near,
    )
    for step in steps:
        found = sorted(step)
        if len(found) > 1:
            raise _AmbiguousError(f"{name!r} could be {found[0]!r} or {found[1]!r}; write the full name")
        if found:
            return os.path.join(folder, found[0])
    return path


def _listing(folder: str) -> dict[str, list[str]]:
    """Files of a folder by case-folded name and, for pictures, by case-folded name without ending."""
    index: dict[str, list[str]] = {}
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = [entry.name for entry in entries if not entry.is_dir()]
    except (OSError, ValueError):
        return index  # no such folder: its pictures become failures of the run
    for name in names:
        stem, ending = os.path.splitext(name.casefold())
        index.setdefault(name.casefold(), []).append(name)
        if ending in PICTURE_ENDINGS:
            index.setdefault(stem, []).append(name)
    return index
