"""Split conformal intervals on absolute residuals, and their coverage. Knows arrays: no model, no file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visq.core.errors import DataError, InputError
from visq.evaluation.statistics.intervals import Interval, group_bootstrap

Rows = NDArray[np.int64]
Predict = Callable[[Rows, Rows], NDArray[np.float64]]
"""Rows to fit on, rows to predict -> float64, one value for each of the latter."""


def half_width(residuals: ArrayLike, coverage: float = 0.9) -> float:
    """Half the width of the interval that covers a new value with at least this probability.

    Holds for any model and any distribution, where the new residual and these are exchangeable.

    Args:
        residuals: float [n], |truth - prediction| on rows the model was not fitted on, finite.
        coverage: 0..1, the probability wanted.

    Returns:
        The ceil((n + 1) coverage)-th smallest residual, in their unit; inf where n is too small.

    Raises:
        DataError: no residuals, or one is negative or not finite; the message gives its position.
        InputError: coverage is not between 0 and 1.

    Source:
        Vovk, Gammerman and Shafer 2005; Lei et al. 2018 (arXiv 1604.04173), algorithm 2.

    Example:
        >>> half_width([0.1, 0.5, 0.2, 0.4, 0.3, 0.9, 0.7, 0.6, 0.8])
        0.9
    """
    values = np.sort(_checked(residuals))
    if not 0 < coverage < 1:
        raise InputError(f"coverage is a probability between 0 and 1, not {coverage:g}")
    # By its decimals, since ceil(100 * 0.55) in float64 is 56.
    rank = math.ceil(Fraction(str(coverage)) * (values.size + 1))
    return float(values[rank - 1]) if rank <= values.size else math.inf


def _checked(residuals: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(residuals, dtype=np.float64).reshape(-1)
    if not values.size:
        raise DataError("no residuals: an interval needs rows the model was not fitted on")
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise DataError(f"residual {int(bad[0])} is {values[bad[0]]}; absolute residuals are finite and >= 0")
    return values


@dataclass(frozen=True)
class RotatedCoverage:
    """Coverage of split conformal intervals, measured by turning the folds round.

    Attributes:
        coverage: 0..1, share of all rows inside their interval.
        interval: of `coverage`, by group bootstrap; the fits stay as they are.
        half_width: mean over the rotations, unit of the truth.
        coverage_a_group: 0..1, one row drawn a group in calibration and test, so that groups weigh
            alike; mean over draws.
        half_width_a_group: mean over rotations and draws.
    """

    coverage: float
    interval: Interval
    half_width: float
    coverage_a_group: float
    half_width_a_group: float


def rotated_coverage(
    predict: Predict,
    truth: ArrayLike,
    groups: ArrayLike,
    folds: ArrayLike,
    *,
    coverage: float = 0.9,
    n_draws: int = 100,
    n_resamples: int = 1000,
    rng: np.random.Generator,
) -> RotatedCoverage:
    """Test on each fold in turn, calibrate on the next one, fit on the rest.

    Args:
        predict: fits on the first rows, gives values for the second.
        truth: float [n], opinion scores.
        groups: [n], what a fold does not tear apart.
        folds: int [n], at least three different folds.
        coverage: 0..1, nominal.
        n_draws: draws of one row a group.
        n_resamples: resamples of the interval.
        rng: source of all draws.

    Returns:
        Coverage and half-width, over all rows and with one row a group.

    Raises:
        DataError: fewer than three folds, or lengths differ.

    Source:
        Split conformal as `half_width`; one row a group: Dunn, Wasserman and Ramdas 2023
        (arXiv 1809.07441), subsampling once.
    """
    y, names, fold = np.asarray(truth, dtype=np.float64), np.asarray(groups), np.asarray(folds)
    kinds = np.unique(fold)
    if kinds.size < 3 or not y.size == names.size == fold.size:
        raise DataError(f"rotation needs 3 folds and equal lengths: {kinds.size} folds, {y.size} rows")
    inside, widths = np.zeros(y.size), []
    single = []
    for test, calibrate in zip(kinds, np.roll(kinds, -1), strict=True):
        tested, held = np.flatnonzero(fold == test), np.flatnonzero(fold == calibrate)
        fitted = np.flatnonzero((fold != test) & (fold != calibrate))
        values = predict(fitted, np.concatenate([held, tested]))
        held_off, tested_off = np.split(np.abs(y[np.concatenate([held, tested])] - values), [held.size])
        widths.append(half_width(held_off, coverage))
        inside[tested] = tested_off <= widths[-1]
        single += [
            _one_a_group(held_off, names[held], tested_off, names[tested], coverage, rng)
            for _ in range(n_draws)
        ]
    shares, draws = (
        group_bootstrap(np.mean, [inside], names, n_resamples=n_resamples, rng=rng),
        np.array(single),
    )
    hits, totals, width = draws.mean(axis=0) if n_draws else np.full(3, np.nan)
    return RotatedCoverage(
        float(inside.mean()), shares, float(np.mean(widths)), float(hits / totals), float(width)
    )


def _one_a_group(
    held: NDArray[np.float64],
    held_groups: NDArray[np.generic],
    tested: NDArray[np.float64],
    tested_groups: NDArray[np.generic],
    coverage: float,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Rows inside, rows tested, half-width: with one row drawn from each group on both sides."""
    width = half_width(held[_draw(held_groups, rng)], coverage)
    drawn = tested[_draw(tested_groups, rng)]
    return float((drawn <= width).sum()), float(drawn.size), width


def _draw(groups: NDArray[np.generic], rng: np.random.Generator) -> Rows:
    """One row number of each group, drawn evenly."""
    order = rng.permutation(groups.size)
    return np.asarray(order[np.unique(groups[order], return_index=True)[1]], dtype=np.int64)
