"""What each fit says of the fold it never saw, kept beside the fit; and the figures made of all folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.backbones import find_model
from visq.backbones.mini_causal import MiniCausal
from visq.evaluation import half_width, rotated_coverage
from visq.evaluation.figures.measured import Settings as Intervals
from visq.evaluation.statistics.conformal import Rows
from visq.metrics import srcc
from visq.scoring import atomic_write, load
from visq.scoring.cpus import cpu_limit
from visq.training.causal_data import Data
from visq.training.causal_figures import drawn_pairs, ladder_values, moves, preferences, said, sentences_said
from visq.training.crossfit import FoldScores, Settings, floor_of, out_of_fold
from visq.training.evaluated import evaluated
from visq.training.facts import thirds
from visq.training.model_folder import MeasuredAspect
from visq.training.pixels import file_sizes
from visq.training.recipe import AspectRecipe, Recipe

_MOVED = "moved "


@dataclass(frozen=True)
class MeasuredFold:
    """What the fit without a fold says of the fold.

    Attributes:
        rows: int64 [n], of `Rated`, those of the fold.
        values: float64 [n, aspects], on 1..5.
        outside: float64 [n, aspects].
        ladders: float64 [photographs, kinds, rungs, aspects].
        moved: name of a change -> float64 [photographs, aspects], how far scores move.
        stated: float64 [photographs, 5], which third each word of its sentences names; nan: no such sentence.
        truth: int64 [photographs, 5], the thirds that were measured.
        ratings: float64 [n, aspects], on 1..5, read out of whole numbers 1..10.
        pairs: int64 [m, 2], rows of pictures that it was asked to compare.
        margins: float64 [m], above 0 where it prefers the first; both orders together.
        agree: bool [m], whether both orders prefer the same one.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    outside: NDArray[np.float64]
    ladders: NDArray[np.float64]
    moved: Mapping[str, NDArray[np.float64]]
    stated: NDArray[np.float64]
    truth: NDArray[np.int64]
    ratings: NDArray[np.float64]
    pairs: NDArray[np.int64]
    margins: NDArray[np.float64]
    agree: NDArray[np.bool_]


def measure_fold(fold: int, folder: Path, recipe: Recipe, data: Data, cache: Path) -> MeasuredFold:
    """Score a fold's pictures, ladders of some of its photographs, their other files and sentences; kept."""
    kept = cache / f"fold{fold}" / "measured.npz"
    rows = np.flatnonzero(data.rated.folds == fold)
    if not kept.exists():
        limits = np.load(cache / f"fold{fold}" / "limits.npy")
        made: dict[str, Any] = _measured(rows, folder, recipe, data, limits)
        with atomic_write(kept) as partial, partial.open("wb") as file:
            np.savez(file, **made)
    with np.load(kept) as found:
        arrays = dict(found)
    moved = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_MOVED)}
    return MeasuredFold(
        rows=rows, moved={name.removeprefix(_MOVED): far for name, far in moved.items()}, **arrays
    )


def _measured(
    rows: NDArray[np.int64], folder: Path, recipe: Recipe, data: Data, limits: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    rated, side, seed = data.rated, data.rated.pixels.shape[1], int(recipe.field("seed"))
    photographs = list(recipe.aspects).index(str(recipe.field("ladders", "of")))
    drawn = np.random.default_rng([seed, 4]).permutation(rows[rated.aspect[rows] == photographs])
    some = drawn[: int(recipe.field("ladders", "tested"))]
    paths = [rated.paths[row] for row in some]
    with load(str(folder)) as scorer:
        scores = said(scorer, (np.array(rated.pixels[row]) for row in rows))
        ladders = ladder_values(scorer, paths, data.kinds, side, seed)
        moved = moves(scorer, paths, side)
    with load(str(folder), readout="integers") as scorer:
        ratings = said(scorer, (np.array(rated.pixels[row]) for row in rows)).values
    pairs = drawn_pairs(rated, rows, list(recipe.aspects), np.random.default_rng([seed, 7]))
    with load(str(folder)) as scorer:
        margins, agree = preferences(scorer, rated, pairs, list(recipe.aspects))
    backbone = MiniCausal(find_model(str(folder)), threads=cpu_limit())
    stated = sentences_said(backbone, [np.array(rated.pixels[row]) for row in some])
    backbone.close()
    return {
        "values": scores.values,
        "outside": scores.outside,
        "ladders": ladders,
        "stated": stated,
        "truth": thirds(rated.facts[some], limits),
        "ratings": ratings,
        "pairs": pairs,
        "margins": margins,
        "agree": agree,
        **{_MOVED + name: found for name, found in moved.items()},
    }


def measured_aspects(
    recipe: Recipe, data: Data, measured: Sequence[MeasuredFold], numbers: Settings, cache: Path
) -> dict[str, MeasuredAspect]:
    """Figures of every aspect over pooled out-of-fold scores, made by `visq evaluate` and `visq check`."""
    values = np.full((len(data.rated.mos), len(recipe.aspects)), np.nan)
    for fold in measured:
        values[fold.rows] = fold.values
    return {
        name: _measured_aspect(aspect, data, values[data.rated.aspect == k, k], numbers, cache)
        for k, (name, aspect) in enumerate(recipe.aspects.items())
    }


def _measured_aspect(
    aspect: AspectRecipe, data: Data, values: NDArray[np.float64], numbers: Settings, cache: Path
) -> MeasuredAspect:
    labelled = data.labelled[aspect.name]
    mos, folds = labelled.mos, labelled.folds

    def predict(fitted: Rows, asked: Rows) -> NDArray[np.float64]:
        """Each row is scored by the fit that left its own fold out, whatever the rotation calibrates on."""
        return values[asked]

    coverage = rotated_coverage(
        predict,
        mos,
        labelled.groups,
        folds,
        coverage=numbers.nominal,
        n_draws=numbers.n_draws,
        n_resamples=numbers.n_resamples,
        rng=numbers.rng(),
    )
    floored = out_of_fold(floor_of(aspect, labelled, file_sizes(labelled.paths)), folds)
    scores = FoldScores(
        values=values,
        floored=floored,
        by_fold=tuple(srcc(values[folds == fold], mos[folds == fold]) for fold in np.unique(folds)),
        coverage=coverage,
        half_width=half_width(np.abs(values - mos), numbers.nominal),
    )
    intervals = Intervals(numbers.n_resamples, numbers.level, numbers.seed)
    found = evaluated(aspect, labelled, values, floored, intervals, cache)
    return MeasuredAspect(recipe=aspect, labelled=labelled, folds=scores, evaluated=found)
