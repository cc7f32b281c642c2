"""Splits by group: whole groups to parts, balanced by label and domain. Knows arrays: no file, no picture."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError, InputError
from visq.core.types import IntArray

MAX_BINS = 10
"""Most label bins, and most different labels that are taken as classes."""

_ROWS_A_BIN = 3  # of each part: with fewer a bin cannot be shared out
_TRAINING = ("train", "training")


@dataclass(frozen=True)
class Strata:
    """Labels as classes, or as bins of equal mass.

    Attributes:
        codes: int64 [n], the stratum of each row, 0..n_strata - 1.
        kind: `classes` where there are at most 10 different labels, else `bins`.
        names: of the strata: the class, or the lowest and highest label of the bin.
        values: float64 [n], the labels as numbers; None where they are words.
    """

    codes: IntArray
    kind: Literal["classes", "bins"]
    names: tuple[str, ...]
    values: NDArray[np.float64] | None


@dataclass(frozen=True)
class Giant:
    """A group with more rows than the smallest part should have.

    Attributes:
        group: its name.
        n: its rows.
        part: where it went.
    """

    group: str
    n: int
    part: str


@dataclass(frozen=True)
class Assignment:
    """Which part each row went to; no group stands in two.

    Attributes:
        parts: names of the parts, in the order asked for.
        codes: int64 [n], position of each row's part in `parts`.
        giants: groups too large for the smallest part, largest first.
    """

    parts: tuple[str, ...]
    codes: IntArray
    giants: tuple[Giant, ...] = ()

    @property
    def names(self) -> list[str]:
        """The part of each row, [n]."""
        return [self.parts[code] for code in self.codes.tolist()]


def label_strata(
    labels: Sequence[str], n_parts: int, where: Callable[[int], str] = lambda i: f"label {i + 1}"
) -> Strata:
    """Labels as strata: classes where there are at most 10 different ones, else bins of equal mass.

    Equal labels share a bin. There are fewer bins where a part would get fewer than three rows of each.

    Args:
        labels: [n], text as the table has it, none empty.
        n_parts: parts that will share the rows out.
        where: what errors call the label at a position.

    Raises:
        DataError: more than 10 different labels, and one is no finite number.

    Example:
        >>> label_strata(["0", "1", "1.0", "0"], 2).names
        ('0', '1')
    """
    values = _numbers(labels)
    if values is None:
        words = [text.strip() for text in labels]
        names = sorted(set(words))
        if len(names) > MAX_BINS:
            at = next(i for i, text in enumerate(words) if _number(text) is None)
            raise DataError(
                f"{where(at)}: {words[at]!r} is no number, and there are {len(names)} different labels; "
                f"balance numbers, or at most {MAX_BINS} classes"
            )
        code = {name: i for i, name in enumerate(names)}
        return Strata(np.array([code[word] for word in words], dtype=np.int64), "classes", tuple(names), None)
    distinct, codes = np.unique(values, return_inverse=True)
    if distinct.size <= MAX_BINS:
        return Strata(codes.astype(np.int64), "classes", tuple(f"{v:g}" for v in distinct), values)
    n_bins = min(MAX_BINS, max(2, values.size // (_ROWS_A_BIN * n_parts)))
    smaller = np.searchsorted(np.sort(values), values, side="left")
    kept, bins = np.unique(n_bins * smaller // values.size, return_inverse=True)
    inside = [values[bins == b] for b in range(kept.size)]
    return Strata(bins.astype(np.int64), "bins", tuple(f"{v.min():g}..{v.max():g}" for v in inside), values)


def _numbers(labels: Sequence[str]) -> NDArray[np.float64] | None:
    found = [_number(text) for text in labels]
    if any(value is None for value in found):
        return None
    return np.array(found, dtype=np.float64)


def _number(text: str) -> float | None:
    """A finite number, or None; float() also takes 1_000, which no table means."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def spread_groups(
    groups: Sequence[str],
    shares: Mapping[str, float],
    strata: Sequence[IntArray] = (),
    *,
    seed: str,
) -> Assignment:
    """Send whole groups to parts so that each part gets its share of the rows and of every stratum.

    Groups go one by one, largest first, each to the part that is then the least out of balance. Where shares
    differ, a group with more rows than the smallest part is to have goes to the training part: the one
    called `train` or `training`, else the largest. The same groups and seed give the same parts in any
    order of rows. Time grows with the rows, not with their square.

    Args:
        groups: [n], the group of each row, n >= 1.
        shares: name of each part -> its share of the rows, above 0; two or more, 1 together.
        strata: int [n] each: what is to be balanced, such as label bins, or domains as codes.
        seed: text that decides between groups of one size.

    Raises:
        InputError: fewer than two parts, a share that is none, or fewer groups than parts.
        DataError: a part would stay empty, since its share is smaller than the groups.

    Source:
        Greedy descent on the sum of (n_pc - t_pc)^2 / (t_pc f_c) over parts p and strata c, with n the rows
        there, t = share of p x rows of c, and f one less than the strata of c's family, so that ten bins of
        labels weigh as much as two classes; largest first as in Graham 1969. Stratified folds: Sechidis,
        Tsoumakas and Vlahavas 2011.

    Example:
        >>> spread_groups(["cat", "dog", "cat", "owl"], {"train": 0.5, "test": 0.5}, seed="visq").names
        ['train', 'test', 'train', 'test']
    """
    check_shares(shares)
    distinct, group_of = _numbered(groups)
    if len(distinct) < len(shares):
        raise InputError(
            f"{len(shares)} parts need {len(shares)} groups, and there are {len(distinct)}; ask for fewer"
        )
    sizes = np.bincount(group_of)
    order = sorted(range(len(distinct)), key=lambda g: (-int(sizes[g]), _digest(seed, distinct[g])))
    board = _Board(group_of, list(shares.values()), [np.zeros(group_of.size, dtype=np.int64), *strata])
    names = tuple(shares)
    fixed, large = _giant_part(shares), min(shares.values()) * group_of.size
    part_of, giants = np.empty(len(distinct), dtype=np.int64), []
    for g in order:
        is_giant = bool(sizes[g] > large)
        part_of[g] = fixed if is_giant and fixed is not None else board.best(g)
        board.put(g, int(part_of[g]))
        if is_giant:
            giants.append(Giant(distinct[g], int(sizes[g]), names[part_of[g]]))
    empty = sorted(set(range(len(names))) - set(part_of.tolist()))
    if empty:
        raise DataError(
            f"part {names[empty[0]]!r} gets no group: its share is smaller than the groups are; ask for more"
        )
    return Assignment(names, part_of[group_of], tuple(giants))


def _numbered(groups: Sequence[str]) -> tuple[list[str], IntArray]:
    """The distinct groups, and the number of each row's: int64 [n]."""
    number: dict[str, int] = {}
    codes = np.array([number.setdefault(group, len(number)) for group in groups], dtype=np.int64)
    return list(number), codes


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse shares that make no split.

    Raises:
        InputError: fewer than two parts, a share outside 0..1, or shares that do not add up to 1.
    """
    if len(shares) < 2:
        raise InputError(f"a split has two parts or more, not {list(shares)!r}")
    for name, share in shares.items():
        if not 0 < share < 1:
            raise InputError(f"part {name!r} has share {share:g}; a share lies between 0 and 1")
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-9:  # shares are typed as decimals: 0.7 + 0.1 + 0.2 is not 1 to the last bit
        raise InputError(f"shares add up to {total:g}, not to 1: {', '.join(shares)}")


def _giant_part(shares: Mapping[str, float]) -> int | None:
    """Where groups go that are too large for the smallest part; None: all are equal, none is for training."""
    names = [name.casefold() for name in shares]
    for wanted in _TRAINING:
        if wanted in names:
            return names.index(wanted)
    values = list(shares.values())
    return None if max(values) - min(values) < 1e-9 else values.index(max(values))


def _digest(seed: str, group: str) -> bytes:
    """SHA-256 of seed and group, told apart by a NUL; surrogates (undecodable names) are let through."""
    return hashlib.sha256(f"{seed}\0{group}".encode("utf-8", "surrogatepass")).digest()


class _Board:
    """Rows of each stratum in each part so far, and what every group would add.

    Plain lists: a group has few strata, so that arrays would cost more than they save.
    """

    def __init__(self, group_of: IntArray, shares: Sequence[float], families: Sequence[IntArray]) -> None:
        offsets = np.cumsum([0, *(int(codes.max()) + 1 for codes in families)])
        cells = [codes + offset for codes, offset in zip(families, offsets[:-1], strict=True)]
        n_cells = int(offsets[-1])
        totals = np.bincount(np.concatenate(cells), minlength=n_cells)
        keys = np.concatenate([group_of * n_cells + cell for cell in cells])
        kept, counts = np.unique(keys, return_counts=True)
        self._starts = np.searchsorted(kept // n_cells, np.arange(group_of.max() + 2)).tolist()
        self._cells, self._counts = (kept % n_cells).tolist(), counts.tolist()
        freedom = np.repeat([max(1, int(codes.max())) for codes in families], np.diff(offsets))
        wanted = [np.where(totals > 0, share * totals * freedom, 1.0) for share in shares]
        self._inverse = [(1 / target).tolist() for target in wanted]
        self._rows = [[0] * n_cells for _ in shares]

    def best(self, group: int) -> int:
        """The part whose distance from its targets grows least, less what is the same for all."""
        span = slice(self._starts[group], self._starts[group + 1])
        cells, counts = self._cells[span], self._counts[span]
        costs = []
        for rows, inverse in zip(self._rows, self._inverse, strict=True):
            cost = 0.0
            for cell, count in zip(cells, counts, strict=True):
                cost += count * (count + 2 * rows[cell]) * inverse[cell]
            costs.append(cost)
        return costs.index(min(costs))

    def put(self, group: int, part: int) -> None:
        """Count a group's rows to a part."""
        rows = self._rows[part]
        for i in range(self._starts[group], self._starts[group + 1]):
            rows[self._cells[i]] += self._counts[i]
