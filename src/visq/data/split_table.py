"""A table with its split: reads the columns a split needs, and adds the columns it makes. Opens no picture.

Columns added: `split` (the part), `fold` (0..K-1, where folds were asked for), `inner_fold_K` (the inner fold
of each row outside outer fold K), `split_seed`, `split_reason`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visq.core.errors import DataError, InputError
from visq.core.registry import unknown_name
from visq.core.types import printable
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, group_columns, named, positions
from visq.data.groups import joined_groups
from visq.data.split_balance import balance, torn_groups
from visq.data.splits import Assignment, Strata, label_strata, spread_groups
from visq.data.tables import FlatTable, read_table

FORMAT = 1
SPLIT, FOLD, INNER, SEED, REASON = "split", "fold", "inner_fold_", "split_seed", "split_reason"
_LIST_COLUMNS = ("split", "set", "subset", "partition")


@dataclass(frozen=True)
class SplitRequest:
    """What is asked of a split; exactly one of shares, folds and official.

    Attributes:
        shares: part -> share of the rows.
        folds: number of folds.
        official: a column of the table, or a file that lists which id is in which part.
        nested: inner folds of each outer fold; only with folds.
        label: column to balance; numbers, or at most 10 classes.
        group: column, or several separated by commas, of what is never torn; by default `group`.
        domain: column to balance, such as the generator or the source.
        seed: text; another seed gives another split.
        replace: columns of the names above that the table has are replaced, not refused.
    """

    shares: Mapping[str, float] | None = None
    folds: int | None = None
    official: str | None = None
    nested: int | None = None
    label: str | None = None
    group: str | None = None
    domain: str | None = None
    seed: str = "visq"
    replace: bool = False

    def __post_init__(self) -> None:
        asked = [name for name in ("shares", "folds", "official") if getattr(self, name) is not None]
        if len(asked) != 1:
            raise InputError(f"a split is by shares, by folds or official: give one, not {asked or 'none'}")
        if self.nested is not None and self.folds is None:
            raise InputError("nested folds are inner folds of outer ones: give folds too")
        for name, number in (("folds", self.folds), ("nested", self.nested)):
            if number is not None and number < 2:
                raise InputError(f"{name} must be 2 or more, not {number}")
        if not self.seed.isprintable() or not self.seed.strip():
            raise InputError("the seed is a text that can be printed; write a word or a number")


@dataclass(frozen=True)
class SplitTable:
    """The table as it was, with the split's columns.

    Attributes:
        table: what was read; it is walked again for the rows.
        columns: all columns, in order.
        report: what was reached, as JSON holds it.
    """

    table: FlatTable
    columns: tuple[str, ...]
    report: Mapping[str, Any]
    _kept: tuple[int, ...] = field(repr=False)
    _added: Mapping[str, Sequence[str]] = field(repr=False)

    def rows(self) -> Iterator[list[str]]:
        """Cells of every row, in the order of the table; the file is read anew."""
        added = list(self._added.values())
        for i, (_, cells) in enumerate(self.table):
            yield [*(cells[at] for at in self._kept), *(column[i] for column in added)]


@dataclass(frozen=True)
class _Read:
    """The columns that a split needs, each [n]."""

    rows: list[int]
    groups: list[str]
    group_columns: tuple[str, ...]
    n_joined: int
    keys: list[tuple[str, ...]]
    label: list[str] | None
    domain: list[str] | None
    official: list[str] | None


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
    columns = _own_columns(table, request)
    read = _read(table, request)
    n_parts = len(request.shares or ()) or request.folds or 2
    strata = None if read.label is None else _strata(table, read, request, n_parts)
    if read.official is not None:
        added, assignment = _official(table, read), None
    else:
        added, assignment = _made(read, request, strata)
    kept = tuple(i for i, name in enumerate(columns) if name is not None and name not in added)
    if read.official is not None and SPLIT in table.columns:
        added = {name: cells for name, cells in added.items() if name != SPLIT}
        kept = tuple(i for i, name in enumerate(columns) if name is not None)
    names = (*(table.columns[i] for i in kept), *added)
    return SplitTable(table, names, _report(table, read, request, strata, added, assignment), kept, added)


def _own_columns(table: FlatTable, request: SplitRequest) -> list[str | None]:
    """The table's columns; None for those that the split replaces."""
    positions(table.shown, table.columns)
    made = {SPLIT, SEED, REASON}
    if request.folds is not None:
        made.add(FOLD)
    made.update(f"{INNER}{k}" for k in range(request.folds or 0) if request.nested)
    if request.official is not None:
        made.discard(SPLIT if request.official.strip().casefold() == SPLIT else "")
    clash = [name for name in table.columns if name.casefold() in made]
    if clash and not request.replace:
        raise DataError(
            f"{table.shown} has a column {clash[0]!r} already; keep it with --official {clash[0]}, rename it, "
            "or write over it in the output with --replace"
        )
    return [None if name in clash else name for name in table.columns]
