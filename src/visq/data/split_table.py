"""A table with its split: reads the columns a split needs, and adds the columns it makes. Opens no picture.

Columns added: `split` (the part), `fold` (0..K-1, where folds were asked for), `inner_fold_K` (the inner fold
of each row outside outer fold K), `split_seed`, `split_reason`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visq.core.errors import DataError, InputError, VisqError
from visq.core.registry import unknown_name
from visq.core.types import BoolArray, IntArray, printable
from visq.core.version import __version__
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, positions
from visq.data.sources import file_sha256
from visq.data.split_balance import balance, torn_groups
from visq.data.split_columns import FOLD, INNER, REASON, SEED, SPLIT, SplitColumns, SplitRequest
from visq.data.split_list import find_parts, read_split_list
from visq.data.splits import Assignment, Giant, Strata, label_strata, spread_groups
from visq.data.tables import FlatTable, read_table

FORMAT = 1


@dataclass(frozen=True)
class SplitTable:
    """The table as it was, with the split's columns.

    Attributes:
        table: what was read; it is walked again for the rows.
        columns: all columns, in order.
        report: what was reached, as JSON holds it.
        names: columns that hold names, and are text even where all of them are digits.
        kept: positions of the table's own columns that stay.
        added: cells of the split's columns, each [n].
    """

    table: FlatTable
    columns: tuple[str, ...]
    report: Mapping[str, Any]
    names: frozenset[str]
    kept: tuple[int, ...] = field(repr=False)
    added: Sequence[Sequence[str]] = field(repr=False)

    def rows(self) -> Iterator[list[str]]:
        """Cells of every row, in the order of the table; the file is read anew."""
        for i, (_, cells) in enumerate(self.table):
            yield [*(cells[at] for at in self.kept), *(column[i] for column in self.added)]


def parse_shares(text: str) -> dict[str, float]:
    """Read `train=.7,val=.1,test=.2`.

    Raises:
        InputError: the text is no such list, or a name stands twice.

    Example:
        >>> parse_shares("train=.8, test=.2")
        {'train': 0.8, 'test': 0.2}
    """
    shares: dict[str, float] = {}
    for word in text.split(","):
        name, _, share = (part.strip() for part in word.partition("="))
        try:
            value = float(share)
        except ValueError:
            value = float("nan")
        if not name or not name.isprintable() or name in shares or value != value:
            raise InputError(f"shares {text!r} are not of the form NAME=SHARE,...; write train=.8,test=.2")
        shares[name] = value
    return shares


def split_table(path: str | os.PathLike[str], request: SplitRequest) -> SplitTable:
    """Split a table.

    Args:
        path: any table that visq reads. Rows that name the same picture count as one group.
        request: how.

    Raises:
        UnknownName: `official` is neither a column nor a file.
        InputError: the file cannot be read, or the shares cannot be had.
        DataError: a cell is empty that must not be, a column is missing or would be written over, or an
            official split tears a group; the message gives row and column.
    """
    table = read_table(path)
    kept = _kept_columns(table, request)
    read = SplitColumns(table, request)
    official = request.official
    made = _made(read, request) if official is None else _official(table, read, official)
    added = {**made.columns, SEED: [made.seed] * len(read.rows), REASON: made.reasons}
    columns = (*(table.columns[at] for at in kept), *request.adds)
    report = _report(table, read, request, made)
    names = _name_columns(columns, read)
    return SplitTable(table, columns, report, names, kept, [added[name] for name in request.adds])


def _name_columns(columns: Sequence[str], read: SplitColumns) -> frozenset[str]:
    """The columns of ids, files, groups and parts, and of the seed, which is a text."""
    known = {*ID_COLUMNS, *FILE_COLUMNS, SPLIT, SEED}
    return frozenset(name for name in columns if name.casefold() in known) | frozenset(read.group_names)


def _kept_columns(table: FlatTable, request: SplitRequest) -> tuple[int, ...]:
    """Positions of the table's columns that stay."""
    positions(table.shown, table.columns)
    kept = tuple(at for at, name in enumerate(table.columns) if not request.leaves_out(name))
    clash = next((table.columns[at] for at in kept if table.columns[at].casefold() in request.adds), None)
    if clash is not None:
        raise DataError(
            f"{table.shown} has a column {clash!r} already; keep that split with --official {clash}, "
            "or leave the column out of the output with --replace"
        )
    return kept


@dataclass(frozen=True)
class _Split:
    """A split before it becomes a table: its columns by name, a reason for each row, what is said of it."""

    columns: dict[str, list[str]]
    seed: str
    reasons: list[str]
    kind: str
    parts: list[str]
    wanted: Mapping[str, float] | None
    strata: Strata | None
    giants: tuple[Giant, ...] = ()
    warnings: tuple[str, ...] = ()


def _made(read: SplitColumns, request: SplitRequest) -> _Split:
    folds = request.folds
    shares = request.shares or {f"fold{k}": 1 / (folds or 1) for k in range(folds or 0)}
    strata = None if read.label is None else label_strata(read.label, len(shares), read.where)
    families = [] if strata is None else [strata.codes]
    if read.domains is not None:
        # As objects: in numpy's own text every cell would take the space of the longest.
        families.append(np.unique(np.asarray(read.domains, dtype=object), return_inverse=True)[1])
    found = spread_groups(read.groups, shares, families, seed=request.seed)
    columns = {SPLIT: found.names}
    if folds is not None:
        columns[FOLD] = [str(code) for code in found.codes.tolist()]
    for k in range(folds or 0 if request.nested else 0):
        columns[f"{INNER}{k}"] = _inner(read, found.codes != k, families, request, k)
    return _Split(
        columns,
        request.seed,
        _reasons(read, request, found, strata),
        "shares" if folds is None else "folds",
        found.names,
        shares,
        strata,
        found.giants,
    )


def _inner(
    read: SplitColumns, outside: BoolArray, families: Sequence[IntArray], request: SplitRequest, k: int
) -> list[str]:
    """Inner folds of the rows outside outer fold k; empty for the rows in it."""
    at = np.flatnonzero(outside).tolist()
    n = request.nested or 0
    shares = {str(inner): 1 / n for inner in range(n)}
    inner_seed = f"{request.seed}/{INNER}{k}"
    try:
        found = spread_groups(
            [read.groups[i] for i in at], shares, [codes[at] for codes in families], seed=inner_seed
        )
    except VisqError as error:
        raise DataError(f"inner folds outside fold {k}: {error}") from None
    cells = [""] * len(read.rows)
    for i, code in zip(at, found.codes.tolist(), strict=True):
        cells[i] = str(code)
    return cells


def _reasons(
    read: SplitColumns, request: SplitRequest, found: Assignment, strata: Strata | None
) -> list[str]:
    by = [] if strata is None else [f"{request.label} ({len(strata.names)} {strata.kind})"]
    by += [] if request.domain is None else [request.domain]
    unit = " and ".join(read.group_names) or "row"
    usual = f"groups by {unit}" + (f", balanced by {' and '.join(by)}" if by else "")
    giant = {g.group: f"group of {g.n} rows, too large for the smallest part" for g in found.giants}
    return [giant.get(group, usual) for group in read.groups]


def _official(table: FlatTable, read: SplitColumns, official: str) -> _Split:
    """The split that a column or a list says, if it tears no group."""
    warnings: list[str] = []
    if read.official is not None:
        parts, source = read.official, f"column {official.strip()}"
        lacking = next((i for i, part in enumerate(parts) if not part), None)
        if lacking is not None:
            raise DataError(f"{read.where(lacking)}, column {official!r}: empty; every row needs its part")
    elif os.path.exists(official):
        parts, n_unused = _listed_parts(read, official)
        source = f"list {os.path.basename(official)}"
        if n_unused:
            warnings.append(f"{n_unused} names of {official} are not in {table.shown}")
    else:
        raise unknown_name("column or list of a split", official, table.columns)
    if len(set(parts)) < 2:
        raise DataError(f"{table.shown}: all rows are in part {parts[0]!r}; a split has two parts or more")
    _refuse_torn(read, parts, source)
    columns = {SPLIT: list(parts)}
    reasons = [f"official: {printable(source)}"] * len(parts)
    strata = None if read.label is None else label_strata(read.label, len(set(parts)), read.where)
    return _Split(columns, "", reasons, "official", list(parts), None, strata, warnings=tuple(warnings))


def _listed_parts(read: SplitColumns, path: str) -> tuple[list[str], int]:
    listing = read_split_list(path)
    found = find_parts(listing, read.names)
    parts = []
    for i, part in enumerate(found):
        if part is None:
            raise DataError(f"{read.where(i)}: {path} does not list {' or '.join(map(repr, read.names[i]))}")
        parts.append(part)
    used = {name for names in read.names for given in names for name in (given, os.path.basename(given))}
    return parts, sum(name not in used for name in listing)


def _refuse_torn(read: SplitColumns, parts: Sequence[str], source: str) -> None:
    torn = torn_groups(read.groups, parts)
    for group, (one, other) in torn.items():
        more = f", and {len(torn) - 1} more groups are torn" if len(torn) > 1 else ""
        raise DataError(
            f"{read.where(other)}: group {group!r} stands in {parts[other]!r}, and in {parts[one]!r} at row "
            f"{read.rows[one]}{more}; an official split is kept as it is: check --group, or make a split anew"
        )


def _report(table: FlatTable, read: SplitColumns, request: SplitRequest, made: _Split) -> dict[str, Any]:
    def reached(parts: Sequence[str], wanted: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
        return balance(parts, read.groups, wanted=wanted, strata=made.strata, domains=read.domains)

    inner = {name: cells for name, cells in made.columns.items() if name.startswith(INNER)}
    return {
        "format": FORMAT,
        "kind": "split",
        "visq": __version__,
        "manifest": table.shown,
        "manifest_sha256": file_sha256(table.path),
        "how": made.kind,
        "seed": made.seed or None,
        "group_columns": list(read.group_names),
        "label_column": request.label,
        "label_strata": None if made.strata is None else made.strata.kind,
        "domain_column": request.domain,
        "n_rows": len(read.rows),
        "n_groups": len(set(read.groups)),
        "n_joined": read.n_joined,
        "parts": reached(made.parts, made.wanted),
        "inner": {name: reached(cells) for name, cells in inner.items()},
        "giants": [{"group": g.group, "n": g.n, "part": g.part} for g in made.giants],
        "warnings": [*made.warnings, *_warnings(table, read, made)],
    }


def _warnings(table: FlatTable, read: SplitColumns, made: _Split) -> list[str]:
    found = []
    if not read.group_names:
        found.append(
            f"{table.shown} names no groups: only rows of one picture stay together; if pictures share "
            "a scene, a prompt or a clip, name its column with --group"
        )
    if read.n_joined:
        found.append(f"{read.n_joined} groups share a picture with another and count as one with it")
    for giant in made.giants:
        share = giant.n / len(read.rows)
        found.append(
            f"group {giant.group!r} has {giant.n} rows ({share:.1%}), more than the smallest part should "
            f"have; it is in {giant.part!r}"
        )
    return found
