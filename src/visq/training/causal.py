"""Runs recipes of kind `causal`: one fit a fold, one on all of them, figures through the shipped path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import MissingExtra
from visq.core.toml_text import toml_text
from visq.scoring import atomic_write
from visq.training.beside import Other, read_other
from visq.training.causal_data import Data, kept_beside, read_data
from visq.training.causal_measured import measure_fold
from visq.training.causal_model_folder import bare_table, write_causal
from visq.training.dialogue import all_words
from visq.training.mini_head import linear_head_scores
from visq.training.model_folder import read_check_pictures
from visq.training.recipe import Paths, Progress, Recipe
from visq.training.tokenizer import word_list

FITTED_BY = (
    "seed",
    "preprocessing",
    "head",
    "tokens",
    "decoder",
    "labels",
    "batch",
    "stages",
    "loss",
    "ladders",
)
"""Fields of the recipe that fits and their scores depend on; the others are words and intervals."""

FIT_FORMAT = 1
"""Raised whenever the code of training, distorting or measuring changes what comes out."""


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
        raise MissingExtra(str(error.name), "vlm") from error

    kept = kept_beside(data.rated.pixels, f"cells-{data.trunk_sha256[:12]}")
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
        labels=recipe.field("labels"),
        batch=recipe.field("batch"),
        stages=stages,
        seed=int(recipe.field("seed")),
    )
    return Fits(data.rated, data.pool, data.trunk, np.load(kept, mmap_mode="r"), spec, on_progress)


def train(recipe: Recipe, paths: Paths, on_progress: Progress) -> Path:
    """Fit every fold, then all rows; what was fitted or measured before is taken over, a killed fit goes on.

    Args:
        recipe: of kind `causal`.
        paths: where to read and write; fits and measurements stay in the cache.
        on_progress: told in words where the run is.

    Returns:
        `paths.out`, the model folder; `model.toml` is written last.

    Raises:
        InputError, DataError, ModelError, MissingExtra: as `visq.training.run`.
    """
    pictures = read_check_pictures(recipe, paths.pictures)
    data = read_data(recipe, paths, on_progress)
    fits = fits_of(recipe, data, paths, on_progress)
    cache = paths.cache / f"fits-{identity(recipe, data)[:16]}"
    measured = []
    for fold in np.unique(data.rated.folds).tolist():
        on_progress(f"fold {fold}")
        folder = fit_fold(fold, recipe, data, fits, cache)
        measured.append(measure_fold(fold, folder, recipe, data, cache))
    on_progress("all folds together")
    whole = fit_fold(None, recipe, data, fits, cache)
    heads = linear_head_scores(recipe, data.trunk, data.labelled, paths, on_progress)
    on_progress("figures and card")
    others = others_of(recipe, data, heads, paths.beside)
    write_causal(paths.out, whole, recipe, data, measured, others, pictures, cache)
    return paths.out


def others_of(
    recipe: Recipe, data: Data, heads: Mapping[str, NDArray[np.float64]], folder: Path | None
) -> dict[str, list[Other]]:
    """Aspect -> what stands beside the model: the linear head, and the scorers whose tables were given."""
    head, given = recipe.field("beside", "head"), recipe.field("beside", "tables") if folder else []
    return {
        name: [
            Other(head["name"], head["about"], heads[name]),
            *(read_other(table, name, labelled, folder) for table in given if folder),
        ]
        for name, labelled in data.labelled.items()
    }


def identity(recipe: Recipe, data: Data) -> str:
    """SHA-256 of what a fit depends on: numbers of the recipe, words, trunk, labels, pixels; others are not.

    What the code of training does is in it as FIT_FORMAT alone; libraries and machines are not.
    """
    numbers = json.dumps([list(recipe.aspects), *(recipe.field(key) for key in FITTED_BY)], sort_keys=True)
    words = json.dumps([FIT_FORMAT, *word_list(), *all_words(list(recipe.aspects))])
    parts = [numbers, words, data.trunk_sha256, kept_beside(data.rated.pixels, "").name]
    parts += [kept_beside(data.pool.pixels, "").name, *(one.sha256 for one in data.labelled.values())]
    return hashlib.sha256(";".join(parts).encode()).hexdigest()


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
