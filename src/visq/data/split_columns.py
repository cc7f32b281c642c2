"""What a split is asked for, and the columns of a table that it needs. Knows cells as text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visq.core.errors import DataError, InputError
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, group_columns, named, positions
from visq.data.groups import joined_groups
from visq.data.splits import check_shares
from visq.data.tables import FlatTable

SPLIT, FOLD, INNER, SEED, REASON = "split", "fold", "inner_fold_", "split_seed", "split_reason"
_ADDED = re.compile(rf"{SPLIT}|{FOLD}|{INNER}\d+|{SEED}|{REASON}")


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
        replace: columns of an earlier split are left out, all but the official one, instead of refused.
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
        asked = [f"--{name}" for name in ("shares", "folds", "official") if getattr(self, name) is not None]
        if len(asked) != 1:
            given = " and ".join(asked) or "none"
            raise InputError(f"a split is by --shares, --folds or --official: give one, not {given}")
        if self.shares is not None:
            check_shares(self.shares)
        if self.nested is not None and self.folds is None:
            raise InputError("--nested gives the inner folds of outer ones: give --folds too")
        for name, number in (("folds", self.folds), ("nested", self.nested)):
            if number is not None and number < 2:
                raise InputError(f"--{name} must be 2 or more, not {number}")
        if not (self.seed.strip() and self.seed.isprintable()):
            raise InputError("--seed is a text that can be printed; write a word or a number")

    @property
    def adds(self) -> list[str]:
        """Names of the columns that the split adds."""
        names = [] if (self.official or "").strip().casefold() == SPLIT else [SPLIT]
        if self.folds is not None:
            names.append(FOLD)
            names += [f"{INNER}{k}" for k in range(self.folds if self.nested else 0)]
        return [*names, SEED, REASON]

    def leaves_out(self, column: str) -> bool:
        """Whether a column of the table is an earlier split's that has to go."""
        name = column.casefold()
        is_kept = not self.replace or name == (self.official or "").strip().casefold()
        return not is_kept and _ADDED.fullmatch(name) is not None


class SplitColumns:
    """The columns that a split needs, read once; every list is [n].

    Attributes:
        rows: row numbers as errors give them.
        group_names: columns the groups come from; empty where every row is a group of its own.
        groups: the group of each row, those that share a picture made one.
        n_joined: groups that became one with another because they share a picture.
        names: for each row the names it goes by: its id, its files.
        label: cells, or None.
        domains: cells, or None.
        official: cells of the official column, or None.
    """

    def __init__(self, table: FlatTable, request: SplitRequest) -> None:
        self._shown, columns = table.shown, table.columns
        at = _positions(table, request)
        cells: dict[int, list[str]] = {column: [] for column in sorted(set().union(*at.values()))}
        self.rows: list[int] = []
        for row, found in table:
            self.rows.append(row)
            for column, kept in cells.items():
                kept.append(found[column].strip())
        if not self.rows:
            raise DataError(f"{self._shown} has no rows to split")
        of = {what: [cells[column] for column in found] for what, found in at.items()}
        self.group_names = tuple(columns[column] for column in at["group"])
        self._refuse_empty(of["group"], " and ".join(self.group_names), "group")
        self._refuse_empty(of["label"], request.label or "", "label")
        self.groups, self.n_joined = _groups(of["group"] or of["id"] or of["file"], of["file"], self.rows)
        self.names = list(zip(*of["id"], *of["file"], strict=True)) or [()] * len(self.rows)
        self.label, self.domains, self.official = (
            next(iter(of[what]), None) for what in ("label", "domain", "official")
        )

    def where(self, i: int) -> str:
        """File and row of position i, for errors."""
        return f"{self._shown}, row {self.rows[i]}"

    def _refuse_empty(self, columns: Sequence[Sequence[str]], name: str, what: str) -> None:
        for i, row in enumerate(zip(*columns, strict=True)):
            if not any(row):
                raise DataError(f"{self.where(i)}, column {name!r}: empty; every row needs its {what}")


def _positions(table: FlatTable, request: SplitRequest) -> dict[str, tuple[int, ...]]:
    """What is needed -> positions of its columns; several only for groups and files."""
    shown, names = table.shown, table.columns
    at = {"group": group_columns(shown, names, request.group)}
    ids, at["file"] = (
        tuple(i for i, name in enumerate(names) if name.casefold() in known)
        for known in (ID_COLUMNS, FILE_COLUMNS)
    )
    at["id"] = ids if len(ids) == 1 else ()  # which of several is meant nobody said
    for what, column in (("label", request.label), ("domain", request.domain)):
        at[what] = () if column is None else (named(shown, names, column),)
    official = (request.official or "").strip()
    is_column = bool(official) and official.casefold() in positions(shown, names)
    at["official"] = (named(shown, names, official),) if is_column else ()
    return at


def _groups(
    given: Sequence[Sequence[str]], files: Sequence[Sequence[str]], rows: Sequence[int]
) -> tuple[list[str], int]:
    """The group of each row, and how many were joined by a picture they share.

    A group of several values is named by the least of them, so that the order of rows does not matter.
    """
    if not given:
        return [f"row {row}" for row in rows], 0
    # A file and a group of one name are different things; ./a.jpg and a.jpg are one.
    pictures = [[f"\0{os.path.normpath(name)}" if name else "" for name in column] for column in files]
    before = given[0] if len(given) == 1 and all(given[0]) else joined_groups(given)
    joined = joined_groups([before, *pictures]) if pictures else list(before)
    least: dict[str, str] = {}
    for cells in zip(joined, *given, strict=True):
        name = min((cell for cell in cells[1:] if cell), default=cells[0])
        least[cells[0]] = min(name, least.get(cells[0], name))
    return [least[group] for group in joined], len(set(before)) - len(least)
