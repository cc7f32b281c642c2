"""Calibrates a model on rated pictures: scores, parts, fit, check, copy of its folder. Prints nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.aspects import Aspect
from visq.aspects import aspect as find_aspect
from visq.backbones import ModelFolder, find_model
from visq.core.errors import DataError, InputError, ModelError, UnknownName
from visq.core.types import printable
from visq.core.version import __version__
from visq.data.manifest import Manifest
from visq.data.sources import file_sha256
from visq.evaluation.calibration.fit import (
    FitSettings,
    check_parts,
    fit_calibration,
    own_parts,
    parts_of,
)
from visq.evaluation.calibration.folder import write_calibrated
from visq.evaluation.calibration.rated_rows import Columns, Progress, RatedRows, rated_rows
from visq.evaluation.figures.label_scale import parse_label_scale, scale_text
from visq.evaluation.runs.training_titles import title_naming
from visq.readouts import Calibration

FORMAT = 1
IN_SAMPLE = "the model was trained on these pictures, so that errors on new ones are larger than it says"


@dataclass(frozen=True)
class CalibrationRequest:
    """What is asked of a calibration.

    Attributes:
        aspect: name; None takes the model's only one, or the only one that names a column.
        columns: of ratings, groups and parts; `split` goes with `fit` and `test`.
        fit: value of the split column whose rows are fitted on; None makes parts by group.
        test: value whose rows coverage is checked on.
        label_scale: `1..5`, or `100..0` where lower is better; None is the aspect's own scale.
        population: which pictures it will hold for, in words; None takes the manifest's name and its ratings.
        scores: table of `visq score` to take scores from; None scores the pictures.
        settings: how it is fitted.
    """

    aspect: str | None = None
    columns: Columns = field(default_factory=Columns)
    fit: str | None = None
    test: str | None = None
    label_scale: str | None = None
    population: str | None = None
    scores: str | None = None
    settings: FitSettings = field(default_factory=FitSettings)

    def __post_init__(self) -> None:
        given = [self.columns.split is not None, self.fit is not None, self.test is not None]
        if any(given) and not all(given):
            raise InputError(
                "a split is a column and the names of two parts: --split COLUMN fit=NAME,test=NAME"
            )
        if self.fit is not None and self.fit == self.test:
            raise InputError(
                f"fit and test are both {self.fit!r}: coverage is checked where nothing was fitted"
            )
        if self.population is not None and not (self.population.strip() and self.population.isprintable()):
            raise InputError("--population is one line of words")


@dataclass(frozen=True)
class Calibrated:
    """A calibration of one aspect of a model.

    Attributes:
        folder: the model as it was.
        aspect: name.
        calibration: what is applied to its scores.
        report: everything known of it, as JSON holds it but for nan.
    """

    folder: ModelFolder
    aspect: str
    calibration: Calibration
    report: Mapping[str, Any]

    def write(self, out: str | os.PathLike[str]) -> None:
        """Write a copy of the model's folder that holds this calibration; the model itself stays as it is.

        Raises:
            InputError: `out` exists, or cannot be written.
            ModelError: the model does not give its own golden scores.
        """
        write_calibrated(self.folder, self.aspect, self.calibration, self.report, Path(out))


def calibrate(
    model: str,
    manifest: str | os.PathLike[str],
    request: CalibrationRequest | None = None,
    *,
    on_progress: Progress = lambda done, failed: None,
) -> Calibrated:
    """Fit a map to opinion scores and a conformal interval on rated pictures, and check them on others.

    Args:
        model: a shipped model or a model folder.
        manifest: table of pictures and ratings.
        request: what is asked.
        on_progress: told rows done and failed.

    Raises:
        UnknownName: no such model or aspect.
        InputError: a file cannot be read, or there are too few groups.
        DataError: ratings that cannot be used.
        ModelError: the model cannot be loaded.

    Source:
        Split conformal: Lei et al. 2018; groups: Lee, Barber and Willett 2023; by level: Vovk et al. 2005.
    """
    wanted = request or CalibrationRequest()
    folder = find_model(model)
    if not folder.is_described:
        raise ModelError(f"model {model!r} has no model.toml, in which a calibration is kept; write one")
    asked = _aspect(folder, wanted.aspect, manifest)
    scale = None if wanted.label_scale is None else parse_label_scale(wanted.label_scale)
    rows = rated_rows(
        manifest,
        folder,
        asked,
        wanted.columns,
        label_scale=scale,
        scores=wanted.scores,
        before_scoring=lambda rated: check_parts(rated, _parts(rated, wanted)[0], wanted.settings),
        on_progress=on_progress,
    )
    if not rows.ids:
        raise DataError(f"{printable(os.fspath(manifest))}: none of its rated pictures could be scored")
    parts, by = _parts(rows, wanted)
    population = wanted.population or _population(manifest, rows, wanted.label_scale, asked)
    fitted = fit_calibration(
        rows, parts, wanted.settings, scale=asked.scale, levels=asked.levels, population=population
    )
    digest = file_sha256(manifest)
    trained = _trained_on(folder, asked.name, manifest, digest)
    calibration = fitted.calibration
    if trained is not None:
        calibration = replace(calibration, note=f"{calibration.note}; but {IN_SAMPLE}")
    report = {
        "format": FORMAT,
        "kind": "calibration",
        "visq": __version__,
        "model": folder.name,
        "model_hash": folder.sha256,
        "aspect": asked.name,
        "manifest": os.path.basename(printable(os.fspath(manifest))),
        "manifest_sha256": digest,
        "label_scale": scale_text(scale or asked.scale),
        "split": by,
        "population": population,
        "trained_on": trained,
        **_counts(rows),
        **fitted.report,
        "warnings": [*_warnings(folder, rows, wanted, trained), *fitted.report["warnings"]],
    }
    return Calibrated(folder, asked.name, calibration, report)


def _parts(rows: RatedRows, request: CalibrationRequest) -> tuple[NDArray[np.str_], str]:
    """The part of each row, and how it came about, in words."""
    if request.fit is None or request.test is None:
        return own_parts(rows.groups.tolist(), request.settings), "groups, by a hash of seed and group"
    parts = parts_of(rows, request.fit, request.test, request.settings)
    return parts, f"column {request.columns.split}: fit {request.fit}, test {request.test}"


def _counts(rows: RatedRows) -> dict[str, Any]:
    return {
        "label_column": rows.label,
        "group_column": rows.group_column,
        "n_rows": rows.n_rows,
        "n_unrated": rows.n_unrated,
        "n_scored": len(rows.ids),
        "n_failed": sum(rows.failures.values()),
        "failures": dict(rows.failures),
    }


def _aspect(folder: ModelFolder, name: str | None, manifest: str | os.PathLike[str]) -> Aspect:
    if name is not None:
        asked = find_aspect(name)
        if name not in folder.aspects:
            offered = ", ".join(folder.aspects)
            raise UnknownName(f"model {folder.name!r} does not score {name!r}; it scores {offered}")
        return asked
    if len(folder.aspects) == 1:
        return find_aspect(folder.aspects[0])
    columns = {column.casefold() for column in Manifest(manifest).columns}
    named = [one for one in folder.aspects if one in columns]
    if len(named) != 1:
        raise InputError(
            f"model {folder.name!r} scores {', '.join(folder.aspects)}: say which one the ratings are of "
            "with --aspect"
        )
    return find_aspect(named[0])


def _population(
    manifest: str | os.PathLike[str], rows: RatedRows, label_scale: str | None, asked: Aspect
) -> str:
    name = os.path.basename(printable(os.fspath(manifest)))
    low, high = rows.ratings.min(), rows.ratings.max()
    scale = f", ratings on {label_scale} brought to {asked.scale}" if label_scale else f" on {asked.scale}"
    return f"pictures like those of {name}: {len(rows.ids)} rated {low:.2f} to {high:.2f}{scale}"


def _trained_on(
    folder: ModelFolder, aspect: str, manifest: str | os.PathLike[str], digest: str
) -> str | None:
    """The title of the training data that this manifest is, by the hash of its file or by its name."""
    listed = [
        table for table in folder.fields.tables("trained_on") if table.values.get("aspect", aspect) == aspect
    ]
    titles = [str(table.values.get("title", "")) for table in listed]
    for table, title in zip(listed, titles, strict=True):
        if table.values.get("labels_sha256") == digest:
            return title
    path = Path(manifest).resolve()
    return title_naming([path.stem, path.parent.name], titles)


def _warnings(
    folder: ModelFolder, rows: RatedRows, request: CalibrationRequest, trained: str | None
) -> list[str]:
    found = []
    if trained is not None:
        found.append(
            f"model {folder.name!r} was trained on these pictures ({trained}): its errors on them are too "
            "small, and so is every interval made of them; use pictures it has not seen"
        )
    if request.label_scale is None:
        found.append("ratings are taken to be on the scale of the aspect; say otherwise with --label-scale")
    if rows.group_column is None:
        found.append(
            "no column of groups: every picture counts as one; if pictures share a scene or a prompt, name "
            "its column with --group"
        )
    n_failed = sum(rows.failures.values())
    if n_failed:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(rows.failures.items()))
        found.append(f"partial: {n_failed} rated pictures have no score and take no part ({kinds})")
    return found
