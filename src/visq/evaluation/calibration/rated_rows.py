"""Rows with a score and a rating, both on the aspect's scale, to calibrate on. Scores pictures; fits nothing.

Scores are the model's own: a map that its folder holds already is left out, so that it can be replaced.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visq.aspects import Aspect
from visq.backbones import ModelFolder
from visq.core.errors import DataError
from visq.core.scales import Scale
from visq.core.types import Sample, printable
from visq.data.columns import ID_COLUMNS, label_column, named, only
from visq.data.groups import joined_groups
from visq.data.manifest import Manifest
from visq.data.tables import read_table
from visq.scoring.asked import Asked
from visq.scoring.cpus import cpu_limit
from visq.scoring.model import open_backbone
from visq.scoring.scorer import Scorer

Float64Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Told rows done and rows failed."""

NOT_SCORED = "not-scored"


@dataclass(frozen=True)
class RatedRows:
    """Rows with a score and a rating; arrays are [n], on the aspect's own scale, higher is better.

    Attributes:
        ids: of the rows.
        scores: float64, as the model gives them, no map applied.
        ratings: float64.
        spread: float64, of the model's answers; nan where there is none.
        groups: str, rows that belong together; byte-identical pictures are one group.
        cells: the column that says which part a row is for; empty text where there is none.
        label: the column of the ratings.
        group_column: where groups come from; None where every row is one.
        n_rows: rows of the manifest.
        n_unrated: rows without a rating, which are not used.
        failures: kind -> rows that have a rating and no score.
    """

    ids: tuple[str, ...]
    scores: Float64Array
    ratings: Float64Array
    spread: Float64Array
    groups: NDArray[np.str_]
    cells: NDArray[np.str_]
    label: str
    group_column: str | None
    n_rows: int
    n_unrated: int
    failures: Mapping[str, int]


@dataclass(frozen=True)
class Columns:
    """Names of the columns wanted; None takes the usual ones (label, group) or none (split)."""

    label: str | None = None
    group: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class _Scored:
    score: float
    spread: float
    sha256: str


def rated_rows(
    manifest: str | os.PathLike[str],
    folder: ModelFolder,
    asked: Aspect,
    columns: Columns,
    *,
    label_scale: Scale | None = None,
    scores: str | os.PathLike[str] | None = None,
    before_scoring: Callable[[RatedRows], object] = lambda rows: None,
    on_progress: Progress = lambda done, failed: None,
) -> RatedRows:
    """Read a manifest, score its rated pictures, or take their scores from a table.

    Args:
        manifest: table of pictures and ratings.
        folder: the model.
        asked: the aspect.
        columns: which columns to use.
        label_scale: what ratings are measured on; by default the aspect's own scale.
        scores: a table that `visq score` made of these pictures with this model, to score nothing anew.
        before_scoring: given all rated rows while none has a score (nan), to refuse what no score can mend.
        on_progress: told how far it is.

    Raises:
        DataError: a column is missing, a group is empty, a rating lies outside its scale, or the table of
            scores is of another model.
        InputError: a file cannot be read.
        ModelError: the model cannot be loaded.
    """
    found = Manifest(manifest, group=columns.group)
    shown = printable(os.fspath(manifest))
    label = label_column(shown, found.columns, asked.name, columns.label)
    split = None if columns.split is None else found.columns[named(shown, found.columns, columns.split)]
    found = Manifest(manifest, labels={asked.name: label}, group=columns.group)
    samples = [sample for sample in found if asked.name in sample.labels]
    if not samples:
        raise DataError(f"{shown}: no row has a rating in column {label!r}")
    ratings = _on_scale(samples, asked, label_scale, shown)
    has_groups = columns.group is not None or any(name.casefold() == "group" for name in found.columns)
    groups = [_group(sample, shown, has_groups=has_groups) for sample in samples]
    cells = [_cell(sample, split, label, shown) for sample in samples]
    nothing = np.full(len(samples), np.nan)
    rows = RatedRows(
        ids=tuple(sample.id for sample in samples),
        scores=nothing,
        ratings=ratings,
        spread=nothing,
        groups=np.array(groups, dtype=np.str_),
        cells=np.array(cells, dtype=np.str_),
        label=label,
        group_column=(columns.group or "group") if has_groups else None,
        n_rows=len(found),
        n_unrated=len(found) - len(samples),
        failures={},
    )
    before_scoring(rows)
    if scores is None:
        return _scored(rows, list(_by_model(samples, folder, asked, on_progress)))
    return _scored(rows, list(_by_table(samples, folder, asked, scores)))


def _scored(rows: RatedRows, results: Sequence[_Scored | str]) -> RatedRows:
    """The rows that have a score, equal pictures in one group; the others by kind of failure."""
    kept = [i for i, result in enumerate(results) if isinstance(result, _Scored)]
    scored = [result for result in results if isinstance(result, _Scored)]
    pictures = [f"\0{one.sha256}" if one.sha256 else "" for one in scored]
    return replace(
        rows,
        ids=tuple(rows.ids[i] for i in kept),
        scores=np.array([one.score for one in scored], dtype=np.float64),
        ratings=rows.ratings[kept],
        spread=np.array([one.spread for one in scored], dtype=np.float64),
        groups=np.array(joined_groups([rows.groups[kept].tolist(), pictures]), dtype=np.str_),
        cells=rows.cells[kept],
        failures=dict(Counter(result for result in results if isinstance(result, str))),
    )


def _on_scale(samples: Sequence[Sample], asked: Aspect, given: Scale | None, shown: str) -> Float64Array:
    """Ratings on the aspect's scale; one outside the scale they are said to be on is an error."""
    scale = given or asked.scale
    raw = np.array([sample.labels[asked.name] for sample in samples], dtype=np.float64)
    bad = np.flatnonzero((raw < scale.low) | (raw > scale.high))
    if bad.size:
        unsaid = "say what ratings are measured on with --label-scale"
        advice = unsaid if given is None else "mend one of the two"
        raise DataError(
            f"{shown}, row {samples[int(bad[0])].id!r}: rating {raw[bad[0]]:g} lies outside {scale}; {advice}"
        )
    return scale.convert(raw, asked.scale)


def _group(sample: Sample, shown: str, *, has_groups: bool) -> str:
    if not has_groups:
        return sample.id
    if sample.group is None:
        raise DataError(f"{shown}, row {sample.id!r}: its group is empty; every rated row needs one")
    return sample.group


def _cell(sample: Sample, split: str | None, label: str, shown: str) -> str:
    if split is None:
        return ""
    if split not in sample.extra:
        raise DataError(f"{shown}: column {split!r} holds ids, files, groups or ratings, and no split")
    return sample.extra[split].strip()


def _by_model(
    samples: Sequence[Sample], folder: ModelFolder, asked: Aspect, on_progress: Progress
) -> Iterator[_Scored | str]:
    bare = replace(folder, calibrations={})
    words = [Asked(asked, folder.readout)]
    failed = 0
    with Scorer(bare, open_backbone(bare, words, threads=cpu_limit()), words, asked.scale) as scorer:
        for done, row in enumerate(scorer.stream(samples), start=1):
            failed += row.status == "failed"
            if row.status == "failed":
                yield row.kind or "failed"
            else:
                score = row.scores[asked.name]
                yield _Scored(
                    score.value, math.nan if score.spread is None else score.spread, row.sha256 or ""
                )
            on_progress(done, failed)


def _by_table(
    samples: Sequence[Sample], folder: ModelFolder, asked: Aspect, path: str | os.PathLike[str]
) -> Iterator[_Scored | str]:
    found = _table_scores(folder, asked, path)
    for sample in samples:
        yield found.get(sample.id, NOT_SCORED)


def _table_scores(
    folder: ModelFolder, asked: Aspect, path: str | os.PathLike[str]
) -> dict[str, _Scored | str]:
    """Score of each id, or the kind of its failure, from a table that this model made."""
    table = read_table(path)
    shown, names = table.shown, table.columns
    calibration = folder.calibration(asked.name)
    if calibration is not None and calibration.map is not None:
        raise DataError(
            f"{shown}: scores of model {folder.name!r} are mapped already; calibrate from the pictures, "
            "without --scores"
        )
    id_at = only(shown, "ids", ID_COLUMNS, names)
    if id_at is None:
        raise DataError(f"{shown}: no column of ids; give a table that visq score made")
    parts = (asked.name, f"{asked.name}_spread", f"{asked.name}_scale")
    needed = ("status", "kind", "sha256", "model_hash", *parts)
    at = {name: named(shown, names, name) for name in needed}
    scores: dict[str, _Scored | str] = {}
    for row, cells in table:
        made_by = cells[at["model_hash"]]
        if made_by != folder.sha256:
            raise DataError(
                f"{shown}, row {row}: scored by a model of hash {made_by[:8]}, not by {folder.name!r} "
                f"({folder.sha256[:8]}); score again, or name that model"
            )
        if cells[at["status"]] == "ok":
            where = f"{shown}, row {row}"
            scores[cells[id_at]] = _table_score(cells, at, asked, where)
        else:
            scores[cells[id_at]] = cells[at["kind"]] or "failed"
    return scores


def _table_score(cells: Sequence[str], at: Mapping[str, int], asked: Aspect, where: str) -> _Scored:
    texts = {name: cells[at[name]] for name in (asked.name, f"{asked.name}_spread", f"{asked.name}_scale")}
    try:
        value, spread = float(texts[asked.name]), float(texts[f"{asked.name}_spread"] or "nan")
    except ValueError:
        raise DataError(f"{where}: the score or its spread is no number: {list(texts.values())}") from None
    scale = Scale.parse(texts[f"{asked.name}_scale"])
    unit = (asked.scale.high - asked.scale.low) / (scale.high - scale.low)
    return _Scored(float(scale.convert(value, asked.scale)), spread * unit, cells[at["sha256"]])
