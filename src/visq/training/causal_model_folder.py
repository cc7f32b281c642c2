"""Writes the folder of a causal model: files of its fit, model.toml, goldens, card. Fits nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.aspects import aspect
from visq.backbones import find_model
from visq.backbones.mini_causal import MiniCausal
from visq.core.toml_text import toml_text
from visq.core.types import Prompted
from visq.evaluation import group_bootstrap
from visq.metrics import plcc, srcc
from visq.scoring import atomic_write, load
from visq.scoring.check import golden_tensor
from visq.training.beside import Other, adjusted, beside_table, compared
from visq.training.card import card_text
from visq.training.causal_data import Data
from visq.training.causal_figures import answers_table, ladder_table, slot_table
from visq.training.causal_measured import MeasuredFold, measured_aspects
from visq.training.crossfit import settings
from visq.training.features import prepare
from visq.training.inside import Inside, parts_of
from visq.training.model_folder import (
    FORMULA,
    PACKAGES,
    PICTURE_TOLERANCE,
    TENSOR_TOLERANCE,
    MeasuredAspect,
    calibration_table,
    figures_table,
    provenance,
    short,
    trained_on,
)
from visq.training.recipe import Recipe
from visq.training.shared_weights import TENSORS

VISUAL, DECODER = "visual.onnx", "decoder.onnx"
MEAN = "what two models would give together; not shipped"
ROTATION = "scores by the fit without the row's fold; calibrated on one fold, tested on the next, rotated"


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
        "weights": {
            "visual": {"file": VISUAL},
            "decoder": {"file": DECODER},
            "tensors": {"file": TENSORS},  # which both graphs read
        },
        "aspects": {name: {"scale": scale, "levels": levels} for name in recipe.aspects},
    }


def write_causal(
    out: Path,
    whole: Path,
    recipe: Recipe,
    data: Data,
    measured: Sequence[MeasuredFold],
    others: Mapping[str, Sequence[Other]],
    pictures: Mapping[str, bytes],
    cache: Path,
) -> None:
    """The model folder: files of the fit on all rows, goldens, card and check pictures, model.toml last."""
    table = bare_table(recipe)
    for part, spec in table["weights"].items():
        spec["sha256"] = hashlib.sha256((whole / table["weights"][part]["file"]).read_bytes()).hexdigest()
    numbers = settings(recipe)
    aspects = measured_aspects(recipe, data, measured, numbers, cache)
    values = np.concatenate([fold.ladders for fold in measured])
    table |= {
        "calibration": {name: calibration_table(recipe, fit) for name, fit in aspects.items()},
        "figures": {name: figures_table(fit, ROTATION) for name, fit in aspects.items()},
        "beside": _beside(aspects, others),
        "ladders": {
            "photographs": len(values),
            "part": ladder_table(values, data.kinds, list(recipe.aspects), numbers.level, numbers.seed),
        },
        "moved": [
            {"change": change, "aspect": name, **_moved(change, k, measured, aspects[name])}
            for change in measured[0].moved
            for k, name in enumerate(recipe.aspects)
        ],
        "outside": {
            name: _outside(np.concatenate([fold.outside[:, k] for fold in measured]))
            for k, name in enumerate(recipe.aspects)
        },
        "between_aspects": _between_aspects(recipe, data, measured),
        "without_chosen": _without_chosen(recipe, aspects),
        "answers": [_answers(k, recipe, data, measured) for k in range(len(recipe.aspects))],
        "sentences": slot_table(
            np.concatenate([fold.stated for fold in measured]),
            np.concatenate([fold.truth for fold in measured]),
        ),
        "trained_on": [trained_on(name, fit) for name, fit in aspects.items()],
        "selection": recipe.field("selection"),
        "provenance": provenance(
            recipe, data.trunk_sha256, (*PACKAGES, "torch", "transformers", "tokenizers")
        ),
    }
    files = {path.name: path.read_bytes() for path in sorted(whole.iterdir()) if path.name != "model.toml"}
    files |= {f"pictures/{name}": content for name, content in pictures.items()}
    files["goldens.toml"] = toml_text(goldens(recipe, whole, pictures)).encode()
    files["README.md"] = card_text(recipe, table, sum(map(len, files.values()))).encode()
    files["model.toml"] = toml_text(table).encode()
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_bytes(content)


def _beside(
    aspects: Mapping[str, MeasuredAspect], others: Mapping[str, Sequence[Other]]
) -> dict[str, list[dict[str, Any]]]:
    """Aspect -> the model against each other scorer, and against its own mean with the first of them."""
    rows = {}
    for name, fit in aspects.items():
        first, *more = others[name]
        mean = Other(f"mean of this model and {first.name}", MEAN, (fit.folds.values + first.values) / 2)
        inside = Inside(fit.labelled.mos, parts_of(fit.recipe, fit.labelled))
        scorers = [first, mean, *more]
        rows[name] = compared(fit.folds.values, scorers, fit.labelled, inside, fit.evaluated.settings)
    return {name: beside_table(some) for name, some in adjusted(rows).items()}


def _moved(change: str, k: int, measured: Sequence[MeasuredFold], fit: MeasuredAspect) -> dict[str, Any]:
    """How far scores of one aspect move when a picture is saved again."""
    far = np.abs(np.concatenate([fold.moved[change][:, k] for fold in measured]))
    beyond = float((far > fit.folds.half_width).mean())
    return {
        "n": far.size,
        "mean": short(far.mean()),
        "largest": short(far.max()),
        "beyond_interval": short(beyond),
    }


def _without_chosen(recipe: Recipe, aspects: Mapping[str, MeasuredAspect]) -> list[dict[str, Any]]:
    """Figures without the fold that settings were chosen on: what that choice can have flattered is gone."""
    fold, rows = int(recipe.field("selection", "chosen_on")), []
    for name, fit in aspects.items():
        at = np.flatnonzero(fit.labelled.folds != fold)
        values, numbers = fit.folds.values[at], fit.evaluated.settings
        entry: dict[str, Any] = {"aspect": name, "fold": fold, "n": at.size}
        inside = Inside(fit.labelled.mos, parts_of(fit.recipe, fit.labelled))
        for what, statistic, truth in (
            ("srcc", srcc, fit.labelled.mos[at]),
            ("within", inside, at.astype(np.float64)),
        ):
            found = group_bootstrap(
                statistic,
                [values, truth],
                fit.labelled.groups[at],
                level=numbers.level,
                n_resamples=numbers.resamples,
                rng=np.random.default_rng(numbers.seed),
            )
            entry |= {
                what: short(statistic(values, truth)),
                f"{what}_low": short(found.low),
                f"{what}_high": short(found.high),
            }
        rows.append(entry)
    return rows


def _answers(k: int, recipe: Recipe, data: Data, measured: Sequence[MeasuredFold]) -> dict[str, Any]:
    """What its other answers are worth for one aspect: whole numbers, and which of two pictures."""
    name, rated = list(recipe.aspects)[k], data.rated
    rows, values, ratings = (
        np.concatenate([getattr(fold, what) for fold in measured]) for what in ("rows", "values", "ratings")
    )
    at = rated.aspect[rows] == k
    by_row = np.full(len(rated.mos), np.nan)
    by_row[rows] = values[:, k]
    pairs, margins, agree = (
        np.concatenate([getattr(fold, what) for fold in measured]) for what in ("pairs", "margins", "agree")
    )
    gap = rated.mos[pairs[:, 0]] - rated.mos[pairs[:, 1]]
    there = (rated.aspect[pairs[:, 0]] == k) & (gap != 0)
    scored = by_row[pairs[:, 0]] - by_row[pairs[:, 1]]
    right, by_scores = ((side[there] > 0) == (gap[there] > 0) for side in (margins, scored))
    level, seed = float(recipe.field("figures", "level")), int(recipe.field("seed"))
    return {
        **answers_table(name, right, agree[there], by_scores, level, seed),
        "integers_srcc": short(srcc(ratings[at, k], rated.mos[rows][at])),
        "levels_srcc": short(srcc(values[at, k], rated.mos[rows][at])),
    }


def _outside(shares: NDArray[np.float64]) -> dict[str, Any]:
    return {"n": shares.size, "mean": short(shares.mean()), "largest": short(shares.max())}


def _between_aspects(recipe: Recipe, data: Data, measured: Sequence[MeasuredFold]) -> list[dict[str, Any]]:
    """How alike the scores of two aspects are, on the pictures of each data set, scored out of fold."""
    names = list(recipe.aspects)
    rows = np.concatenate([fold.rows for fold in measured])
    values = np.concatenate([fold.values for fold in measured])
    return [
        {
            "pictures": recipe.aspects[name].data.title,
            "n": int(at.sum()),
            "aspects": [names[one], names[other]],
            "plcc": short(plcc(values[at, one], values[at, other])),
        }
        for k, name in enumerate(names)
        for at in [data.rated.aspect[rows] == k]
        for one, other in combinations(range(len(names)), 2)
    ]


def goldens(recipe: Recipe, folder: Path, pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """goldens.toml as a table: scores of the check pictures, log-probabilities of a made-up tensor."""
    height, width = recipe.field("preprocessing", "size")
    entries = []
    with load(str(folder), threads=1) as scorer:
        for file, content in pictures.items():
            (scores,) = scorer.score_pictures([prepare(content, (height, width))])
            entries.append(
                {
                    "file": f"pictures/{file}",
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "tolerance": PICTURE_TOLERANCE,
                    **{name: short(score.value) for name, score in scores.items()},
                }
            )
    backbone = MiniCausal(find_model(str(folder)), threads=1)
    tensor = {}
    for name in recipe.aspects:
        asked = aspect(name)
        prompted = Prompted(golden_tensor(height, width), name, asked.questions[0], asked.stem)
        (found,) = backbone.answer_logprobs([prompted], asked.levels)
        tensor[name] = [round(float(value), 5) for value in found]
    backbone.close()
    return {
        "source": f"the model as trained: ONNX Runtime {version('onnxruntime')} on a CPU, "
        f"Pillow {version('pillow')}",
        "picture": entries,
        "tensor": [
            {
                "about": f"uint8 [{height}, {width}, 3], {FORMULA}; log-probabilities, worst to best",
                "size": [height, width],
                "tolerance": TENSOR_TOLERANCE,
                **tensor,
            }
        ],
    }
