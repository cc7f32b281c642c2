"""Writes the model folder: weights, model.toml, goldens, check pictures, card. Fits and measures nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visq.backbones.mini import open_graph
from visq.core.errors import InputError
from visq.core.toml_text import toml_text
from visq.core.types import Picture
from visq.scoring import atomic_write
from visq.scoring.check import golden_tensor
from visq.training.card import card_text
from visq.training.crossfit import FoldScores
from visq.training.evaluated import Evaluated
from visq.training.features import prepare
from visq.training.labels import Labelled
from visq.training.recipe import AspectRecipe, Recipe

if TYPE_CHECKING:
    from visq.training.mini_head import FittedAspect

FORMAT = 1
PICTURE_TOLERANCE = 0.02  # decoders differ by version
TENSOR_TOLERANCE = 1e-3  # float32 sums in another order
PACKAGES = ("visq", "numpy", "onnx", "onnxruntime", "pillow")
FORMULA = "pixel[y, x, c] = (7*y + 13*x + 101*c + (y*x)//16) % 256"
ROTATION = "fit on all folds but two, calibrate on one, test on one, rotated"
CALIBRATION_NOTE = (
    "approximate: the conformal quantile of the out-of-fold residuals of all folds, "
    "while the shipped model is fitted on all folds"
)


@dataclass(frozen=True, kw_only=True)
class MeasuredAspect:
    """One aspect: its recipe and labels, out-of-fold scores and their evaluation."""

    recipe: AspectRecipe
    labelled: Labelled
    folds: FoldScores
    evaluated: Evaluated


@dataclass(frozen=True)
class Made:
    """What a run made, before it is written.

    Attributes:
        graph: bytes of model.onnx.
        aspects: name -> fitted aspect.
        trunk_sha256: of the trunk's file.
        pictures: file name -> bytes of the check pictures.
    """

    graph: bytes
    aspects: Mapping[str, FittedAspect]
    trunk_sha256: str
    pictures: Mapping[str, bytes]


def read_check_pictures(recipe: Recipe, folder: Path) -> dict[str, bytes]:
    """Bytes of the pictures the recipe names.

    Raises:
        InputError: one is missing or cannot be read.
    """
    found = {}
    for entry in recipe.field("pictures"):
        path = folder / entry["file"]
        try:
            found[str(entry["file"])] = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: check picture of recipe {recipe.name!r}: {error.strerror}") from error
    return found


def write_folder(out: Path, recipe: Recipe, made: Made) -> None:
    """Write every file of the model folder under a temporary name first, model.toml last.

    A run killed in between leaves a folder whose model.toml has another hash of the weights, or none:
    it does not load.
    """
    table = model_table(recipe, made)
    files = {f"pictures/{name}": content for name, content in made.pictures.items()}
    files["model.onnx"] = made.graph
    files["goldens.toml"] = toml_text(goldens(recipe, made)).encode()
    files["README.md"] = card_text(recipe, table, len(made.graph)).encode()
    files["model.toml"] = toml_text(table).encode()
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_bytes(content)


def model_table(recipe: Recipe, made: Made) -> dict[str, Any]:
    """model.toml as a table: no path of this machine, no time of day."""
    return {
        "format": FORMAT,
        "name": recipe.field("model", "name"),
        "kind": recipe.kind,
        **{
            key: recipe.field("model", key)
            for key in ("version", "backbone", "readout", "description", "licence")
        },
        "preprocessing": recipe.field("preprocessing"),
        "weights": {"file": "model.onnx", "sha256": hashlib.sha256(made.graph).hexdigest()},
        "aspects": {name: _aspect(recipe, name, fit) for name, fit in made.aspects.items()},
        "calibration": {name: calibration_table(recipe, fit) for name, fit in made.aspects.items()},
        "figures": {name: figures_table(fit) for name, fit in made.aspects.items()},
        "trained_on": [trained_on(name, fit) for name, fit in made.aspects.items()],
        "selection": recipe.field("selection"),
        "provenance": provenance(recipe, made.trunk_sha256, PACKAGES),
    }


def _aspect(recipe: Recipe, name: str, fit: FittedAspect) -> dict[str, Any]:
    scale, levels = recipe.field("head", "scale"), recipe.field("head", "levels")
    features, n = fit.recipe.features, fit.head.weights.size
    return {"output": name, "scale": scale, "levels": levels, "features": features, "n_features": n}


def calibration_table(recipe: Recipe, fit: MeasuredAspect) -> dict[str, Any]:
    """`[calibration.ASPECT]` of model.toml."""
    return {
        "method": "split-conformal, absolute residuals",
        "nominal": float(recipe.field("figures", "nominal")),
        "half_width": short(fit.folds.half_width),
        "n": fit.labelled.mos.size,
        "population": fit.recipe.data.population,
        "note": CALIBRATION_NOTE,
    }


def figures_table(fit: MeasuredAspect, rotation: str = ROTATION) -> dict[str, Any]:
    """`[figures.ASPECT]` of model.toml; correlations are of pooled out-of-fold values.

    Args:
        fit: the aspect.
        rotation: in words, how folds take turns for the coverage.
    """
    found, folds = fit.evaluated, fit.folds
    figure, within = found.model["figures"]["srcc"], found.within(fit.recipe.within)
    parts = [{"name": part["name"], "srcc": short(part["srcc"])} for part in within["parts"]]
    return {
        "data": fit.recipe.data.title,
        "protocol": "pooled out-of-fold values of the fixed folds",
        "evaluation_protocol": fit.recipe.protocol,
        "interval": f"{figure['method']} bootstrap over groups",
        "level": found.settings.level,
        "n_resamples": found.settings.resamples,
        "n": figure["n"],
        "n_groups": figure["n_groups"],
        **_figure("srcc", figure),
        **_figure("plcc", found.model["figures"]["plcc"]),
        "krcc": short(found.model["figures"]["krcc"]["value"]),
        "rmse": short(found.model["figures"]["rmse"]["value"]),
        "pair_accuracy": short(found.model["figures"]["pair_accuracy"]["value"]),
        "fold_srcc": [short(value) for value in folds.by_fold],
        "fold_mean": short(float(np.mean(folds.by_fold))),
        "fold_std": short(float(np.std(folds.by_fold, ddof=1))),
        "lowest": short(folds.values.min()),
        "highest": short(folds.values.max()),
        "floor": {
            "about": fit.recipe.floor["about"],
            **_figure("srcc", found.floor["figures"]["srcc"]),
            **_figure("plcc", found.floor["figures"]["plcc"]),
            "p_value": short(found.p_value),
        },
        "within": {
            "about": within["about"],
            **_figure("mean", within["mean"]),
            "median": short(within["median"]),
            "part": parts,
        },
        "coverage": _coverage(folds, rotation),
        "check": list(found.findings),
    }


def _coverage(folds: FoldScores, rotation: str) -> dict[str, Any]:
    rotated = folds.coverage
    ends = {"value": rotated.coverage, "low": rotated.interval.low, "high": rotated.interval.high}
    return {
        "protocol": rotation,
        **_figure("pooled", ends),
        "half_width": short(rotated.half_width),
        "a_group": short(rotated.coverage_a_group),
        "half_width_a_group": short(rotated.half_width_a_group),
    }


def _figure(name: str, figure: Mapping[str, Any]) -> dict[str, float]:
    """A figure and its ends; nan where evaluation found that one does not exist."""
    value, low, high = (math.nan if figure[key] is None else figure[key] for key in ("value", "low", "high"))
    return {name: short(value), f"{name}_low": short(low), f"{name}_high": short(high)}


def short(value: float) -> float:
    """A figure as model.toml has it: four decimals."""
    return round(float(value), 4)


def trained_on(name: str, fit: MeasuredAspect) -> dict[str, Any]:
    """One `[[trained_on]]` of model.toml."""
    data, rows = fit.recipe.data, fit.labelled
    return {
        "aspect": name,
        "title": data.title,
        "n": rows.mos.size,
        "n_groups": len(set(rows.groups.tolist())),
        "n_joined": rows.n_joined,
        "folds": len(set(rows.folds.tolist())),
        "label": data.label,
        "scale": [data.scale.low, data.scale.high],
        "labels_sha256": rows.sha256,
        "population": data.population,
        "source": data.source,
        "terms": data.terms,
    }


def provenance(recipe: Recipe, trunk_sha256: str, packages: Sequence[str]) -> dict[str, Any]:
    """`[provenance]` of model.toml: command, recipe, trunk, versions of packages."""
    start = recipe.field("start")
    return {
        "command": f"visq train {recipe.name} data=DIR trunk=FILE",
        "recipe": recipe.name,
        "recipe_version": recipe.field("version"),
        "recipe_sha256": recipe.sha256,
        "seed": recipe.field("seed"),
        "trunk": start["name"],
        "trunk_source": start["source"],
        "trunk_licence": start["licence"],
        "trunk_sha256": trunk_sha256,
        **{package: version(package) for package in packages},
    }


def goldens(recipe: Recipe, made: Made) -> dict[str, Any]:
    """goldens.toml as a table: scores of the check pictures, logits of a tensor made by formula."""
    session, names = open_graph(made.graph), list(made.aspects)
    height, width = recipe.field("preprocessing", "size")
    pictures = []
    for file, content in made.pictures.items():
        logits = _logits(session, names, prepare(content, (height, width)))
        scores = {name: short(_mean_level(values)) for name, values in logits.items()}
        digest = hashlib.sha256(content).hexdigest()
        fixed = {"file": f"pictures/{file}", "sha256": digest, "tolerance": PICTURE_TOLERANCE}
        pictures.append({**fixed, **scores})
    tensor = _logits(session, names, golden_tensor(height, width))
    logits_of_tensor = {name: [round(float(v), 5) for v in values] for name, values in tensor.items()}
    return {
        "source": f"the graph as trained: ONNX Runtime {version('onnxruntime')} on a CPU, "
        f"Pillow {version('pillow')}",
        "picture": pictures,
        "tensor": [
            {
                "about": f"uint8 [{height}, {width}, 3], {FORMULA}; logits worst to best",
                "size": [height, width],
                "tolerance": TENSOR_TOLERANCE,
                **logits_of_tensor,
            }
        ],
    }


def _logits(session: Any, names: list[str], pixels: Picture) -> dict[str, NDArray[np.float32]]:
    outputs = session.run(names, {"pixels": pixels[None]})
    return {name: values[0] for name, values in zip(names, outputs, strict=True)}


def _mean_level(logits: NDArray[np.float32]) -> float:
    """Mean of the softmax over levels 1..5."""
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return float(shares @ np.arange(1, logits.size + 1) / shares.sum())
