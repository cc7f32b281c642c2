"""Fits on some folds and predicts others: out-of-fold values, floors, coverage. Knows arrays only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError
from visq.core.scales import expectation, gaussian_levels
from visq.evaluation import RotatedCoverage, half_width, rotated_coverage
from visq.evaluation.statistics.conformal import Predict, Rows
from visq.metrics import srcc
from visq.training.labels import Labelled
from visq.training.recipe import AspectRecipe, Recipe
from visq.training.ridge import fit_ridge

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class FoldScores:
    """What fits on some folds say of the others; all values on 1..5.

    Attributes:
        values: float64 [n], out-of-fold scores of the model.
        floored: float64 [n], of what sees no pixels, fitted on the same folds.
        by_fold: srcc of the model in each fold, folds in order.
        coverage: of split conformal intervals, by rotation.
        half_width: shipped: the conformal quantile of all out-of-fold residuals.
    """

    values: Float64Array
    floored: Float64Array
    by_fold: tuple[float, ...]
    coverage: RotatedCoverage
    half_width: float


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


def settings(recipe: Recipe) -> Settings:
    """The numbers of a recipe that its figures depend on."""
    return Settings(
        ridge=float(recipe.field("head", "ridge")),
        level_std=float(recipe.field("head", "level_std")),
        nominal=float(recipe.field("figures", "nominal")),
        level=float(recipe.field("figures", "level")),
        n_resamples=int(recipe.field("figures", "resamples")),
        n_draws=int(recipe.field("figures", "draws")),
        seed=int(recipe.field("seed")),
    )


def score_folds(
    features: NDArray[np.float32], labelled: Labelled, floor: Predict, settings: Settings
) -> FoldScores:
    """Out-of-fold scores of one aspect, and what its interval covers.

    Args:
        features: float32 [n, d].
        labelled: the rows' labels, groups and folds.
        floor: what sees no pixels.
        settings: numbers of the recipe.
    """
    predict = linear_levels(features, labelled.mos, settings)
    values, floored = (out_of_fold(p, labelled.folds) for p in (predict, floor))
    of_fold = [labelled.folds == fold for fold in np.unique(labelled.folds)]
    coverage = rotated_coverage(
        predict,
        labelled.mos,
        labelled.groups,
        labelled.folds,
        coverage=settings.nominal,
        n_draws=settings.n_draws,
        n_resamples=settings.n_resamples,
        rng=settings.rng(),
    )
    return FoldScores(
        values=values,
        floored=floored,
        by_fold=tuple(srcc(values[at], labelled.mos[at]) for at in of_fold),
        coverage=coverage,
        half_width=half_width(np.abs(values - labelled.mos), settings.nominal),
    )


def linear_levels(features: NDArray[np.float32], mos: Float64Array, settings: Settings) -> Predict:
    """The model of the recipe: ridge, then the mean of the level distribution around it, on 1..5."""
    linear = ridge_on(features, mos, settings.ridge)

    def predict(fitted: Rows, asked: Rows) -> Float64Array:
        return level_mean(linear(fitted, asked), settings.level_std)

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


def floor_of(aspect: AspectRecipe, labelled: Labelled, sizes: Float64Array) -> Predict:
    """The floor a recipe names for an aspect.

    Args:
        aspect: whose recipe names it.
        labelled: the rows.
        sizes: float64 [n, 3], bytes of the file, height and width of the picture in px.

    Raises:
        DataError: there is no floor of this kind.
    """
    floors = {
        "column-mean": lambda: column_mean(labelled.column, labelled.mos),
        "file": lambda: file_ridge(sizes, labelled.mos, float(aspect.floor["ridge"])),
    }
    kind = aspect.floor.get("kind")
    if kind not in floors:
        raise DataError(f"aspect {aspect.name!r}: floor of kind {kind!r}; known: {', '.join(floors)}")
    return floors[kind]()


def ridge_on(features: NDArray[Any], mos: Float64Array, strength: float) -> Predict:
    """Ridge regression on features [n, d], fitted on some rows and asked for others."""

    def predict(fitted: Rows, asked: Rows) -> Float64Array:
        return fit_ridge(features[fitted], mos[fitted], strength)(features[asked])

    return predict


def file_ridge(sizes: Float64Array, mos: Float64Array, strength: float) -> Predict:
    """Floor: ridge on log bytes, width, height and width / height of the file."""
    n_bytes, height, width = sizes.T
    columns = np.column_stack([np.log(n_bytes), width, height, width / height])
    return ridge_on(columns, mos, strength)


def out_of_fold(predict: Predict, folds: NDArray[np.integer[Any]]) -> Float64Array:
    """float64 [n]: each row predicted by a fit on all other folds than its own."""
    values = np.empty(folds.size)
    for fold in np.unique(folds):
        asked = np.flatnonzero(folds == fold)
        values[asked] = predict(np.flatnonzero(folds != fold), asked)
    return values
