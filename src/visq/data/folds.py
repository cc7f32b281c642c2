"""Fixed folds by group. Knows names of groups only: no pictures, no labels, no randomness."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from visq.core.errors import DataError, InputError
from visq.core.types import IntArray


def group_folds(groups: Sequence[str], n_folds: int, *, salt: str) -> IntArray:
    """Folds for cross-validation that tear no group apart, the same on every machine and in any row order.

    The groups are spread evenly, not the rows: folds differ by one group at most, and by more rows where
    groups differ in size.

    Args:
        groups: [n], the group of each row.
        n_folds: 2..number of distinct groups.
        salt: text in front of each group's name; another salt gives other folds.

    Returns:
        int64 [n], 0..n_folds - 1, the fold of each row.

    Raises:
        InputError: fewer than two folds, or more folds than groups.

    Source:
        fold = (rank of SHA-256(salt + group), as UTF-8, among the distinct groups) modulo n_folds.

    Example:
        >>> group_folds(["cat", "dog", "cat", "owl"], 3, salt="visq").tolist()
        [1, 2, 1, 0]
    """
    distinct = set(groups)
    if n_folds < 2:
        raise InputError(f"{n_folds} folds; cross-validation needs at least 2")
    if n_folds > len(distinct):
        raise InputError(
            f"{n_folds} folds need {n_folds} groups, and there are {len(distinct)}; ask for fewer"
        )
    ranked = sorted(distinct, key=lambda group: (_digest(salt + group), group))
    fold_of = {group: rank % n_folds for rank, group in enumerate(ranked)}
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def _digest(text: str) -> bytes:
    """SHA-256 of a text; surrogates (undecodable file names) are let through instead of failing."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def check_folds(groups: Sequence[str], folds: Sequence[int] | IntArray) -> None:
    """Make sure that every group stands in one fold.

    Args:
        groups: [n], the group of each row.
        folds: int [n], the fold of each row, paired with groups by position.

    Raises:
        DataError: lengths differ, or a group stands in two folds; the message names the first such group.

    Example:
        >>> check_folds(["cat", "dog", "cat"], [0, 1, 0])
    """
    if len(groups) != len(folds):
        raise DataError(f"{len(groups)} groups but {len(folds)} folds; each row needs both")
    fold_of: dict[str, int] = {}
    for group, fold in zip(groups, folds, strict=True):
        first = fold_of.setdefault(group, int(fold))
        if first != int(fold):
            raise DataError(
                f"group {group!r} stands in folds {first} and {int(fold)}; keep a group in one fold"
            )
