"""Conformal half-widths where rows come in groups, and by level of the score. Knows arrays, no model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError
from visq.evaluation.statistics.conformal import half_width

Float64Array = NDArray[np.float64]

MIN_GROUPS = 30
"""Groups a level needs for a half-width of its own: with 30 the coverage it brings has a std of .05 at .9."""


@dataclass(frozen=True)
class LevelWidth:
    """The half-width of one level of the predicted score.

    Attributes:
        n: rows of this level that residuals were taken from.
        n_groups: their groups.
        half_width: of the intervals, unit of the residuals.
        is_own: whether it was found on this level's rows; if not, it is that of all rows.
    """

    n: int
    n_groups: int
    half_width: float
    is_own: bool


def group_half_width(residuals: ArrayLike, groups: ArrayLike, coverage: float = 0.9) -> float:
    """Half the width of the interval that covers a new row of a new group with at least this probability.

    Groups weigh alike however many rows they have. Holds for any model and any distribution, where the new
    group is exchangeable with these and the new row is drawn evenly from its rows (rows within a group may
    depend on each other in any way): the probability lies in [coverage, coverage + 2 / (groups + 1)], its
    upper end without ties. Where every row is its own group, this is `half_width`.

    Args:
        residuals: float [n], |truth - prediction| on rows the model was not fitted on, finite.
        groups: [n], the group of each row.
        coverage: 0..1, the probability wanted.

    Returns:
        The smallest residual that carries the weight wanted, in their unit; inf with too few groups.

    Raises:
        DataError: no residuals, one is negative or not finite, or lengths differ.
        InputError: coverage is not between 0 and 1.

    Source:
        The coverage quantile of sum_k sum_i delta(r_ki) / ((K + 1) n_k) + delta(inf) / (K + 1), with K
        groups and n_k rows of group k; Lee, Barber and Willett 2023 (arXiv 2306.06342), hierarchical
        conformal prediction. One row drawn a group instead: Dunn, Wasserman and Ramdas 2023
        (arXiv 1809.07441).

    Example:
        >>> group_half_width([0.1, 0.9, 0.2, 0.3], ["a", "a", "b", "c"], 0.5)
        0.3
    """
    values, names = np.asarray(residuals, dtype=np.float64).reshape(-1), np.asarray(groups)
    half_width(values, coverage)  # its checks, and its words for what is wrong
    if names.size != values.size:
        raise DataError(f"{values.size} residuals but {names.size} groups; each row needs both")
    _, of_row, sizes = np.unique(names, return_inverse=True, return_counts=True)
    # Whole numbers: a sum of float weights can miss the rank by its last bit.
    whole = math.lcm(*{int(size) for size in sizes})
    wanted = Fraction(str(coverage)) * (sizes.size + 1) * whole
    order, weight = np.argsort(values, kind="stable"), 0
    for row, size in zip(order.tolist(), sizes[of_row][order].tolist(), strict=True):
        weight += whole // size
        if weight >= wanted:
            return float(values[row])
    return math.inf


def level_half_widths(
    residuals: ArrayLike,
    groups: ArrayLike,
    levels: ArrayLike,
    n_levels: int,
    coverage: float = 0.9,
    *,
    min_groups: int = MIN_GROUPS,
) -> tuple[LevelWidth, ...]:
    """One half-width for each level of the predicted score (Mondrian); that of all rows where it has too few.

    A level with a half-width of its own keeps the promise of `group_half_width` by itself: for a new row
    drawn evenly from a new group's rows of this level. A level without one keeps none by itself.

    Args:
        residuals: float [n], |truth - prediction|, finite.
        groups: [n], the group of each row.
        levels: int [n], 0..n_levels - 1, the level of the predicted score, known without the truth.
        n_levels: how many there are.
        coverage: 0..1, the probability wanted.
        min_groups: groups a level needs for a half-width of its own.

    Returns:
        One entry a level, lowest first.

    Raises:
        DataError: as `group_half_width`.
        InputError: as `group_half_width`.

    Source:
        Vovk, Gammerman and Shafer 2005, section 4.5 (Mondrian conformal predictors).
    """
    values, names, codes = np.asarray(residuals), np.asarray(groups), np.asarray(levels)
    pooled = group_half_width(values, names, coverage)
    found = []
    for level in range(n_levels):
        at = codes == level
        n_groups = np.unique(names[at]).size
        own = n_groups >= max(1, min_groups)
        width = group_half_width(values[at], names[at], coverage) if own else pooled
        own = own and math.isfinite(width)
        found.append(LevelWidth(int(at.sum()), n_groups, width if own else pooled, own))
    return tuple(found)


def groups_needed(coverage: float) -> int:
    """Groups without which `group_half_width` is infinite: n / (n + 1) >= coverage."""
    share = Fraction(str(coverage))
    return math.ceil(share / (1 - share))
