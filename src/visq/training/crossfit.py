"""Fits on some folds and predicts others: out-of-fold values, floors, figures. Knows arrays only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.scales import expectation, gaussian_levels
from visq.evaluation import Interval, RotatedCoverage, group_bootstrap, half_width, rotated_coverage
from visq.evaluation.conformal import Predict, Rows
from visq.metrics import plcc, srcc
from visq.training.features import Features
from visq.training.labels import Labelled
from visq.training.ridge import fit_ridge

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A figure and its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Within:
    """Rank correlation inside parts of a data set.

    Attributes:
        parts: name -> srcc inside.
        mean: of the parts, with its interval.
        median: of the parts.
    """

    parts: Mapping[str, float]
    mean: Figure
    median: float


@dataclass(frozen=True)
class AspectFigures:
    """All that is reported of one aspect; correlations are of pooled out-of-fold values.

    Attributes:
        srcc: of the model.
        plcc: of the model, raw.
        by_fold: srcc in each fold, folds in order.
        floor_srcc: of what sees no pixels, fitted on the same folds.
        floor_plcc: likewise.
        within: inside generators or bands of scores.
        coverage: of split conformal intervals, by rotation.
        half_width: shipped: the conformal quantile of all out-of-fold residuals.
        lowest: smallest value given, on 1..5.
        highest: largest value given.
    """

    srcc: Figure
    plcc: Figure
    by_fold: tuple[float, ...]
    floor_srcc: Figure
    floor_plcc: Figure
    within: Within
    coverage: RotatedCoverage
    half_width: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Settings:
    """Numbers of the recipe that the figures depend on."""

    ridge: float
    level_std: float
    nominal: float
    level: float
    n_resamples: int
    n_draws: int
    seed: int

    def rng(self) -> np.random.Generator:
        """A fresh generator: every figure has the same resamples, whichever is computed first."""
        return np.random.default_rng(self.seed)


def measure(
    features: NDArray[np.float32],
    labelled: Labelled,
    floor: Predict,
    parts: NDArray[np.str_],
    settings: Settings,
) -> AspectFigures:
    """Every figure of one aspect.

    Args:
        features: float32 [n, d].
        labelled: the rows' labels, groups and folds.
        floor: what sees no pixels.
        parts: str [n], the part of the data set each row belongs to.
        settings: numbers of the recipe.
    """
    predict = linear_levels(features, labelled.mos, settings)
    values, floored = (out_of_fold(p, labelled.folds) for p in (predict, floor))
    folds, residuals = np.unique(labelled.folds), np.abs(values - labelled.mos)
    return AspectFigures(
        srcc=_figure(srcc, [values, labelled.mos], labelled, settings),
        plcc=_figure(plcc, [values, labelled.mos], labelled, settings),
        by_fold=tuple(srcc(values[labelled.folds == f], labelled.mos[labelled.folds == f]) for f in folds),
        floor_srcc=_figure(srcc, [floored, labelled.mos], labelled, settings),
        floor_plcc=_figure(plcc, [floored, labelled.mos], labelled, settings),
        within=_within(values, labelled, parts, settings),
        coverage=rotated_coverage(
            predict,
            labelled.mos,
            labelled.groups,
            labelled.folds,
            coverage=settings.nominal,
            n_draws=settings.n_draws,
            n_resamples=settings.n_resamples,
            rng=settings.rng(),
        ),
        half_width=half_width(residuals, settings.nominal),
        lowest=float(values.min()),
        highest=float(values.max()),
    )


def linear_levels(features: NDArray[np.float32], mos: Float64Array, settings: Settings) -> Predict:
    """The model of the recipe: ridge, then the mean of the level distribution around it, on 1..5."""

    def predict(fitted: Rows, asked: Rows) -> Float64Array:
        scores = fit_ridge(features[fitted], mos[fitted], settings.ridge)(features[asked])
        return level_mean(scores, settings.level_std)

    return predict


def level_mean(scores: Float64Array, level_std: float) -> Float64Array:
    """float64 [n]: mean of the five-level distribution around linear scores [n]; stays inside 1..5."""
    return expectation(gaussian_levels(scores, level_std))


def column_mean(column: NDArray[np.str_], mos: Float64Array) -> Predict:
    """Floor: the mean label of fitted rows with the same value of a column; of all of them where none has."""

    def predict(fitted: Rows, asked: Rows) -> Float64Array:
        rows = {value: fitted[column[fitted] == value] for value in np.unique(column[fitted])}
        means = {value: float(mos[at].mean()) for value, at in rows.items()}
        overall = float(mos[fitted].mean())
        return np.array([means.get(value, overall) for value in column[asked]])

    return predict


def file_ridge(features: Features, mos: Float64Array, strength: float) -> Predict:
    """Floor: ridge on log bytes, width, height and width / height of the file."""
    n_bytes, height, width = features.sizes.T
    columns = np.column_stack([np.log(n_bytes), width, height, width / height])

    def predict(fitted: Rows, asked: Rows) -> Float64Array:
        return fit_ridge(columns[fitted], mos[fitted], strength)(columns[asked])

    return predict


def out_of_fold(predict: Predict, folds: NDArray[np.integer[Any]]) -> Float64Array:
    """float64 [n]: each row predicted by a fit on all other folds than its own."""
    values = np.empty(folds.size)
    for fold in np.unique(folds):
        asked = np.flatnonzero(folds == fold)
        values[asked] = predict(np.flatnonzero(folds != fold), asked)
    return values


def bands(scores: Float64Array, edges: list[list[float]]) -> NDArray[np.str_]:
    """The band `LOW..HIGH` (both ends inside) of each score, str [n]; empty outside all bands."""
    names = np.full(scores.size, "", dtype="U32")
    for low, high in edges:
        names[(scores >= low) & (scores <= high)] = f"{low:g}..{high:g}"
    return names


def _figure(
    statistic: Callable[..., float], arrays: list[NDArray[Any]], labelled: Labelled, settings: Settings
) -> Figure:
    interval = group_bootstrap(
        statistic,
        arrays,
        labelled.groups,
        n_resamples=settings.n_resamples,
        level=settings.level,
        rng=settings.rng(),
    )
    return Figure(statistic(*arrays), interval)


def _within(values: Float64Array, labelled: Labelled, parts: NDArray[np.str_], settings: Settings) -> Within:
    names = [name for name in np.unique(parts) if name]

    def each(values: Float64Array, mos: Float64Array, parts: NDArray[np.str_]) -> list[float]:
        # A resample may hold no two different rows of a part: then there is no order inside it.
        inside = [parts == name for name in names]
        return [srcc(values[at], mos[at]) if at.sum() > 1 else float("nan") for at in inside]

    def mean(*arrays: Any) -> float:
        return float(np.mean(each(*arrays)))

    found = each(values, labelled.mos, parts)
    return Within(
        parts=dict(zip([str(name) for name in names], found, strict=True)),
        mean=_figure(mean, [values, labelled.mos, parts], labelled, settings),
        median=float(np.median(found)),
    )
