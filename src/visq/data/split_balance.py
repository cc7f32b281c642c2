"""What a split reached: rows, groups, labels and domains of its parts; torn groups. Knows arrays: no file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from visq.data.splits import Strata


def balance(
    parts: Sequence[str],
    groups: Sequence[str],
    *,
    wanted: Mapping[str, float] | None = None,
    strata: Strata | None = None,
    domains: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """One entry a part: how large it is and how alike it is to the whole.

    Args:
        parts: [n], the part of each row; rows of the empty part are left out.
        groups: [n].
        wanted: part -> share of the rows asked for; also the order. By default parts in order of their names.
        strata: of the labels.
        domains: [n].

    Returns:
        For each part {name, wanted, n, share, n_groups, label_mean, label_std, strata: {name: n},
        domains: {name: n}}; what was not asked for is None. label_std is the population's.

    Example:
        >>> [part["n_groups"] for part in balance(["a", "b", "a"], ["x", "y", "x"])]
        [1, 1]
    """
    names, at = np.asarray(parts, dtype=object), np.asarray(groups, dtype=object)
    order = list(wanted) if wanted is not None else sorted(set(parts) - {""})
    n = int((names != "").sum())
    tables = []
    for name in order:
        inside = np.flatnonzero(names == name)
        values = None if strata is None or strata.values is None else strata.values[inside]
        tables.append(
            {
                "name": name,
                "wanted": None if wanted is None else wanted[name],
                "n": inside.size,
                "share": inside.size / n if n else math.nan,
                "n_groups": len(set(at[inside].tolist())),
                "label_mean": None if values is None else _mean(values),
                "label_std": None if values is None else float(values.std()) if values.size else math.nan,
                "strata": None if strata is None else _strata_counts(strata, inside),
                "domains": None if domains is None else _counts([domains[i] for i in inside.tolist()]),
            }
        )
    return tables


def _mean(values: Any) -> float:
    return float(values.mean()) if values.size else math.nan


def _strata_counts(strata: Strata, rows: Any) -> dict[str, int]:
    counts = np.bincount(strata.codes[rows], minlength=len(strata.names)).tolist()
    return dict(zip(strata.names, counts, strict=True))


def _counts(names: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def torn_groups(groups: Sequence[str], parts: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Groups that stand in two parts -> positions of the first two rows that show it, in order of the rows.

    Example:
        >>> torn_groups(["cat", "owl", "cat"], ["train", "train", "test"])
        {'cat': (0, 2)}
    """
    first: dict[str, int] = {}
    torn: dict[str, tuple[int, int]] = {}
    for i, (group, part) in enumerate(zip(groups, parts, strict=True)):
        before = first.setdefault(group, i)
        if parts[before] != part:
            torn.setdefault(group, (before, i))
    return torn
