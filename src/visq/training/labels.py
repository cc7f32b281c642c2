"""Labels of one data set, ready to fit: opinion scores on 1..5, groups, folds. Opens no picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError, InputError
from visq.core.scales import MOS
from visq.core.types import IntArray, Sample
from visq.data.folds import check_folds
from visq.data.groups import joined_groups
from visq.data.manifest import read_manifest
from visq.data.sources import file_sha256
from visq.training.recipe import AspectRecipe


@dataclass(frozen=True)
class Labelled:
    """A data set's rows, in the order of its file; all arrays are [n].

    Attributes:
        manifest: the label file.
        ids: of the rows, as in the file.
        paths: of the pictures.
        mos: float64, opinion scores on 1..5.
        raw: float64, opinion scores on the data set's own scale.
        groups: str, what a fold does not tear apart, byte-identical pictures joined.
        folds: int64, the fixed folds.
        column: str, the column that the floor asks for; empty where none is.
        n_joined: groups that were joined with another because of byte-identical pictures.
        sha256: of the label file.
    """

    manifest: Path
    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    mos: NDArray[np.float64]
    raw: NDArray[np.float64]
    groups: NDArray[np.str_]
    folds: IntArray
    column: NDArray[np.str_]
    n_joined: int
    sha256: str


def read_labelled(aspect: AspectRecipe, data: Path) -> Labelled:
    """Read the label file of an aspect.

    Raises:
        InputError: there is no such file.
        DataError: a column, a label or a fold is missing or unusable, or a fold tears a group apart.
    """
    wanted, path = aspect.data, data / aspect.data.manifest
    if not path.is_file():
        raise InputError(f"{path}: no such label file; data= wants the folder that holds it", kind="missing")
    samples = list(read_manifest(path, labels={aspect.name: wanted.label}, group=wanted.group))
    rows = [row for row in samples if aspect.name in row.labels]
    if not rows:
        raise DataError(f"{path}: no row has a label in column {wanted.label!r}")
    folds = np.array([_fold(row, wanted.fold, path) for row in rows])
    groups = [_group(row, wanted.group, path) for row in rows]
    joined = joined_groups([groups, _cells(rows, wanted.same, path)])
    check_folds(joined, folds)
    raw = np.array([row.labels[aspect.name] for row in rows])
    return Labelled(
        manifest=path,
        ids=tuple(row.id for row in rows),
        paths=tuple(Path(row.path) for row in rows),
        mos=wanted.scale.convert(raw, MOS),
        raw=raw,
        groups=np.array(joined),
        folds=folds,
        column=np.array(_cells(rows, aspect.floor.get("column"), path)),
        n_joined=len(set(groups)) - len(set(joined)),
        sha256=file_sha256(path),
    )


def _group(row: Sample, column: str | None, path: Path) -> str:
    if column is None:
        return row.id
    if row.group is None:
        raise DataError(f"{path}, row {row.id!r}, column {column!r}: empty; every row needs its group")
    return row.group


def _fold(row: Sample, column: str, path: Path) -> int:
    text = _cells([row], column, path)[0]
    if not text.isdecimal():
        raise DataError(f"{path}, row {row.id!r}, column {column!r}: {text!r} is no number of a fold")
    return int(text)


def _cells(rows: Sequence[Sample], column: str | None, path: Path) -> list[str]:
    if column is None:
        return [""] * len(rows)
    if column not in rows[0].extra:
        raise DataError(f"{path}: no column {column!r}, which the recipe needs")
    return [row.extra[column] for row in rows]
