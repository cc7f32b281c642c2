"""Where scores come from: a model that is run, or tables made elsewhere; what is known of either."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visq.backbones import ModelFolder, find_model
from visq.backbones.folder import shipped_models
from visq.core.errors import VisqError
from visq.core.types import printable
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.runs.config import EvaluateOptions
from visq.evaluation.runs.events import SCORED, STOPPED, append_event, cost, cost_of
from visq.evaluation.runs.external import Pairing, ScoreTable, paired
from visq.evaluation.runs.labelled import LabelledSet
from visq.evaluation.runs.scored_sets import by_model, by_table, samples_to_score
from visq.scoring import RunOptions
from visq.scoring.cpus import cpu_limit
from visq.scoring.scorer import open_scorer

ROWS = "rows.jsonl"
"""In a run folder: what the model said, row by row, with the journal that a killed run goes on from."""
_BATCH = 8
_MADE_BY = ("model_hash", "readout", "preprocessing", "runtime")


class Stopped(VisqError):
    """A run was stopped before its last picture; the same command goes on."""


@dataclass(frozen=True)
class Watch:
    """What a caller sees of a run, and how it ends it early.

    Attributes:
        command: kept with the rows.
        on_progress: called after each batch with rows done and rows failed in this run.
        stop: asked between pictures; True ends the run.
    """

    command: str | None = None
    on_progress: Callable[[int, int], None] = lambda done, failed: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Scores:
    """Scored sets, and what scored them.

    Attributes:
        sets: in the order of the manifests.
        source: as the report holds it.
        cost: as the report holds it; None for tables.
        trained_on: entries of the model's training data on this aspect; empty where not known.
        tables: what is known of each set's table; empty for a model.
    """

    sets: tuple[ScoredSet, ...]
    source: Mapping[str, Any]
    cost: Mapping[str, Any] | None
    trained_on: tuple[Mapping[str, Any], ...]
    tables: tuple[Mapping[str, Any], ...] = ()


def model_scores(
    sets: Sequence[LabelledSet], model: ModelFolder, options: EvaluateOptions, watch: Watch
) -> Scores:
    """Run a model over all sets, going on where an earlier run in the folder was cut off.

    Raises:
        Stopped: `watch.stop` ended the run.
        InputError: the folder holds rows of another run, or cannot be written.
    """
    aspect, folder = sets[0].aspect, options.out
    rows_path = None if folder is None else folder / ROWS
    run = RunOptions(
        out=rows_path,
        batch=options.batch or _BATCH,
        workers=options.workers,
        overwrite=options.overwrite,
        retry_failed=options.retry_failed,
    )
    with open_scorer(model, options.wanted(aspect), options.machine, None) as scorer:
        began = time.monotonic()
        samples = samples_to_score(sets, options.limit)
        with scorer.score(
            samples, run, command=watch.command, on_progress=watch.on_progress, stop=watch.stop
        ) as table:
            seconds, n_new = time.monotonic() - began, len(table) - table.taken_over
            if table.interrupted:
                append_event(folder, STOPPED, n=n_new, seconds=seconds)
                goes_on = "" if folder is None else "; the same command goes on from here"
                raise Stopped(f"stopped with {len(table)} rows scored{goes_on}")
            append_event(folder, SCORED, n=n_new, failed=table.n_failed, seconds=seconds)
            rows = {row.id: row for row in table.rows}
        identity, calibration, scale = scorer.identity, scorer.calibration.get(aspect), scorer.scales[aspect]
    trained_on = training_data(model, aspect)
    source = {
        "kind": "model",
        "name": identity["model"],
        **{key: identity[key] for key in _MADE_BY},
        "file": None,
        "sha256": None,
        "trained_on": [data["title"] for data in trained_on],
        "calibration": calibration,
    }
    spent = cost_of(n_new, seconds, cpu_limit()) if folder is None else cost(folder, cpu_limit())
    scored = [by_model(one, rows, n_sets=len(sets), scale=scale, limit=options.limit) for one in sets]
    return Scores(tuple(scored), source, spent, trained_on)


def table_scores(sets: Sequence[LabelledSet], tables: Sequence[ScoreTable], limit: int | None) -> Scores:
    """Take scores from tables, one for each set.

    Raises:
        DataError: a table has no row of its set, or predictions are not those of its rows.
    """
    pairings = [paired(table, one) for table, one in zip(tables, sets, strict=True)]
    each = zip(sets, tables, pairings, strict=True)
    scored = tuple(by_table(one, table, pairing, limit=limit) for one, table, pairing in each)
    first, *others = [table.made_by for table in tables]
    same = {key: value for key, value in first.items() if all(one.get(key) == value for one in others)}
    trained_on = training_data(_known_model(same), sets[0].aspect)
    lone = tables[0] if len(tables) == 1 else None
    source = {
        "kind": "scores",
        "name": same.get("model")
        or ", ".join(dict.fromkeys(printable(Path(table.path).stem) for table in tables)),
        **{key: same.get(key) for key in _MADE_BY},
        "file": None if lone is None else printable(lone.path),
        "sha256": None if lone is None else lone.sha256,
        "trained_on": [data["title"] for data in trained_on],
        "calibration": None,
    }
    about = tuple(_about(table, pairing) for table, pairing in zip(tables, pairings, strict=True))
    return Scores(scored, source, None, trained_on, about)


def _about(table: ScoreTable, pairing: Pairing) -> dict[str, Any]:
    """What the report says of a set's table."""
    notes = list(table.notes)
    if pairing.n_extra:
        notes.append(
            f"rows of {printable(table.path)} that belong to no row of the manifest: {pairing.n_extra}"
        )
    for way, words in (("file name", "by file name alone"), ("stem", "by file name without its ending")):
        if way in pairing.by:
            notes.append(f"scores found {words}: {pairing.by[way]}")
    return {
        "file": printable(table.path),
        "sha256": table.sha256,
        "format": table.format,
        "score": table.form,
        "n_rows": len(table.rows),
        "n_extra": pairing.n_extra,
        "found_by": dict(pairing.by),
        "notes": notes,
    }


def _known_model(made_by: Mapping[str, str]) -> ModelFolder | None:
    """The shipped model that made a table, so that its training data are known."""
    if made_by.get("model") not in shipped_models():
        return None
    found = find_model(made_by["model"])
    return found if found.sha256 == made_by.get("model_hash") else None


def training_data(model: ModelFolder | None, aspect: str) -> tuple[Mapping[str, Any], ...]:
    """Entries of the model's training data on this aspect; empty where not known."""
    entries = () if model is None else model.spec.get("trained_on", ())
    return tuple(one for one in entries if one.get("aspect", aspect) == aspect and "title" in one)
