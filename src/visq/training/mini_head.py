"""Runs recipes of kind `head`: frozen trunk, ridge in closed form, one model folder. Prints nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError
from visq.evaluation.figures.measured import Settings as Intervals
from visq.training.crossfit import Settings, floor_of, linear_levels, out_of_fold, score_folds, settings
from visq.training.evaluated import evaluated
from visq.training.features import Extractor, Features
from visq.training.labels import Labelled, read_labelled
from visq.training.model_folder import Made, MeasuredAspect, read_check_pictures, write_folder
from visq.training.recipe import AspectRecipe, Paths, Progress, Recipe
from visq.training.ridge import fit_ridge
from visq.training.trunk_onnx import (
    N_FEATURES,
    N_MEANS,
    LinearHead,
    Weights,
    feature_graph,
    model_graph,
    read_trunk,
)


@dataclass(frozen=True, kw_only=True)
class FittedAspect(MeasuredAspect):
    """One aspect after its fit: what was measured of it, and the head of all folds."""

    head: LinearHead


def train(recipe: Recipe, paths: Paths, on_progress: Progress) -> Path:
    """Extract features, measure on the fixed folds, fit on all of them, write the model folder.

    Nothing is selected: every number of the recipe is used as it stands. A second run on the same files
    takes its features from the cache; a killed one goes on where it was.

    Args:
        recipe: of kind `head`.
        paths: where to read and write.
        on_progress: told in words where the run is.

    Returns:
        `paths.out`, the model folder; `model.toml` is written last.

    Raises:
        InputError, DataError, ModelError, MissingExtra: as `visq.training.run`.
    """
    weights, trunk_sha256 = read_trunk(paths.trunk)
    side = _side(recipe)
    pictures = read_check_pictures(recipe, paths.pictures)
    labelled = {name: read_labelled(aspect, paths.data) for name, aspect in recipe.aspects.items()}
    features_of = _extractor(recipe, feature_graph(weights, side), side, paths)
    fitted = {}
    for name, aspect in recipe.aspects.items():
        features = features_of(labelled[name].paths, f"features for {name}", on_progress)
        on_progress(f"fits, figures and checks of {name}")
        fitted[name] = fit_aspect(aspect, labelled[name], features, settings(recipe), paths.cache)
    graph = model_graph(weights, side, {name: fit.head for name, fit in fitted.items()})
    write_folder(paths.out, recipe, Made(graph, fitted, trunk_sha256, pictures))
    return paths.out


def linear_head_scores(
    recipe: Recipe,
    weights: Weights,
    labelled: Mapping[str, Labelled],
    paths: Paths,
    on_progress: Progress,
) -> dict[str, NDArray[np.float64]]:
    """Aspect -> float64 [n], 1..5: what linear heads on the frozen trunk say of the folds they did not see.

    Args:
        recipe: any that extends one of kind `head`.
        weights: of the trunk.
        labelled: aspect -> its rows.
        paths: where to read, and where features are kept.
        on_progress: told in words where it is.
    """
    side, numbers = _side(recipe), settings(recipe)
    features_of = _extractor(recipe, feature_graph(weights, side), side, paths)
    out = {}
    for name, aspect in recipe.aspects.items():
        rows = labelled[name]
        features = features_of(rows.paths, f"features for {name}", on_progress)
        out[name] = out_of_fold(linear_levels(_pooled(aspect, features), rows.mos, numbers), rows.folds)
    return out


def _pooled(aspect: AspectRecipe, features: Features) -> NDArray[np.float32]:
    return features.pooled[:, : N_FEATURES if aspect.features == "means+stds" else N_MEANS]


def _extractor(recipe: Recipe, graph: bytes, side: int, paths: Paths) -> Extractor:
    """The extractor of features, its cache keyed by all that features depend on but the pictures."""
    decides = [hashlib.sha256(graph).hexdigest(), str(recipe.field("preprocessing", "id"))]
    decides += [version(package) for package in ("visq", "pillow", "onnxruntime")]
    return Extractor(graph, (side, side), ";".join(decides), paths.cache)


def fit_aspect(
    aspect: AspectRecipe, labelled: Labelled, features: Features, numbers: Settings, kept: Path
) -> FittedAspect:
    """Figures by folds, and the head of all folds; tables of out-of-fold scores stay in the folder `kept`."""
    pooled = _pooled(aspect, features)
    folds = score_folds(pooled, labelled, floor_of(aspect, labelled, features.sizes), numbers)
    intervals = Intervals(numbers.n_resamples, numbers.level, numbers.seed)
    found = evaluated(aspect, labelled, folds.values, folds.floored, intervals, kept)
    ridge = fit_ridge(pooled, labelled.mos, numbers.ridge)
    head = LinearHead(ridge.weights, ridge.bias, numbers.level_std)
    return FittedAspect(recipe=aspect, labelled=labelled, folds=folds, evaluated=found, head=head)


def _side(recipe: Recipe) -> int:
    height, width = recipe.field("preprocessing", "size")
    if height != width:
        raise DataError(f"recipe {recipe.name!r}: the graph takes squares, not {height} x {width}")
    return int(height)
