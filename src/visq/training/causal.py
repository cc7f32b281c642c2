"""Runs recipes of kind `causal`: one fit a fold, one on all of them, figures through the shipped path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import MissingExtra
from visq.core.toml_text import toml_text
from visq.core.types import Picture
from visq.scoring import Scorer, atomic_write, load
from visq.training.causal_data import LadderPool, Rated, read_ladders, read_rated
from visq.training.labels import Labelled, read_labelled
from visq.training.ladders import Kind, read_kinds
from visq.training.recipe import Paths, Progress, Recipe
from visq.training.trunk_onnx import read_trunk

_SCORED_AT_ONCE = 64


@dataclass(frozen=True)
class Data:
    """All a run reads, in memory or mapped from the cache."""

    trunk: Mapping[str, NDArray[Any]]
    trunk_sha256: str
    labelled: Mapping[str, Labelled]
    rated: Rated
    kinds: tuple[Kind, ...]
    pool: LadderPool


def read_data(recipe: Recipe, paths: Paths, on_progress: Progress) -> Data:
    """Labels, pixels and ladders of a recipe."""
    trunk, trunk_sha256 = read_trunk(paths.trunk)
    labelled = {name: read_labelled(aspect, paths.data) for name, aspect in recipe.aspects.items()}
    side = int(recipe.field("preprocessing", "size")[0])
    rated = read_rated(labelled, side, paths.cache, on_progress)
    kinds = read_kinds(recipe.field("ladders", "kinds"))
    counts = [int(recipe.field("ladders", "a_fold", name)) for name in labelled]
    seen = [kind for kind in kinds if kind.train is not None]
    rungs, seed = int(recipe.field("ladders", "rungs")), int(recipe.field("seed"))
    pool = read_ladders(rated, counts, seen, rungs, seed, paths.cache, on_progress)
    return Data(trunk, trunk_sha256, labelled, rated, kinds, pool)


def fits_of(recipe: Recipe, data: Data, paths: Paths, on_progress: Progress) -> Any:
    """What fits the recipe on chosen rows.

    Raises:
        MissingExtra: torch, transformers or accelerate is not installed.
    """
    try:
        import accelerate  # noqa: F401 (transformers' Trainer asks for it late)
        import torch
        import transformers  # noqa: F401

        from visq.backbones.trunk_torch import Trunk
        from visq.training.causal_torch import Fits, Spec, cells_of
    except ImportError as error:
        raise MissingExtra(str(error.name), "train") from error

    kept = paths.cache / "cells.npy"
    if not kept.exists():
        trunk = Trunk().eval()
        own = {k: torch.from_numpy(np.asarray(data.trunk[k], np.float32)) for k in trunk.state_dict()}
        trunk.load_state_dict(own)
        with atomic_write(kept) as partial, partial.open("wb") as file:
            np.save(file, cells_of(trunk, data.rated.pixels, on_progress))
    stages = [
        {**table, "save_steps": 40, "bf16": True, **recipe.field("loss")} for table in recipe.field("stages")
    ]
    spec = Spec(
        aspects=tuple(recipe.aspects),
        vocabulary=int(recipe.field("tokens", "vocabulary")),
        decoder=recipe.field("decoder"),
        batch=recipe.field("batch"),
        stages=stages,
        seed=int(recipe.field("seed")),
    )
    return Fits(data.rated, data.pool, data.trunk, np.load(kept, mmap_mode="r"), spec, on_progress)


def train(recipe: Recipe, paths: Paths, on_progress: Progress) -> Path:
    """Fit every fold, then all rows; what was fitted before is taken over, a killed fit goes on.

    Args:
        recipe: of kind `causal`.
        paths: where to read and write.
        on_progress: told in words where the run is.

    Returns:
        The model folder.

    Raises:
        InputError, DataError, ModelError, MissingExtra: as `visq.training.run`.
    """
    data = read_data(recipe, paths, on_progress)
    fits = fits_of(recipe, data, paths, on_progress)
    for fold in np.unique(data.rated.folds).tolist():
        fit_fold(fold, recipe, data, fits, paths.cache)
    return paths.out


def fit_fold(fold: int | None, recipe: Recipe, data: Data, fits: Any, cache: Path) -> Path:
    """The model folder of a fit on all rows but a fold's; of all rows where fold is None."""
    from visq.training.causal_folder_torch import round_to_half, write_files

    name = "all" if fold is None else f"fold{fold}"
    folder = cache / name / "model"
    if not (folder / "model.toml").exists():
        rows = np.flatnonzero(data.rated.folds != (-1 if fold is None else fold))
        fitted = fits(rows, cache / name)
        round_to_half(fitted)
        write_files(fitted, tuple(recipe.aspects), folder)
        np.save(cache / name / "limits.npy", fitted.limits)
        with atomic_write(folder / "model.toml") as partial:
            partial.write_text(toml_text(bare_table(recipe)), encoding="utf-8")
    return folder


def bare_table(recipe: Recipe) -> dict[str, Any]:
    """What model.toml says before anything is known of the model."""
    levels, scale = recipe.field("head", "levels"), recipe.field("head", "scale")
    return {
        "format": 1,
        "name": recipe.field("model", "name"),
        "kind": "answers",
        **{
            key: recipe.field("model", key)
            for key in ("version", "backbone", "readout", "description", "licence")
        },
        "preprocessing": recipe.field("preprocessing"),
        "weights": {"visual": {"file": "visual.onnx"}, "decoder": {"file": "decoder.onnx"}},
        "aspects": {name: {"scale": scale, "levels": levels} for name in recipe.aspects},
    }


def scored(folder: Path, pixels: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Scores of squashed pictures [n, side, side, 3] by a model folder, as `visq score` gives them."""
    with load(str(folder)) as scorer:
        return [dict(found) for found in _in_batches(scorer, pixels)]


def _in_batches(scorer: Scorer, pixels: NDArray[np.uint8]) -> Any:
    for start in range(0, len(pixels), _SCORED_AT_ONCE):
        block: list[Picture] = [np.array(picture) for picture in pixels[start : start + _SCORED_AT_ONCE]]
        yield from scorer.score_pictures(block)
