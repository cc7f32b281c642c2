"""Evaluate: labelled sets and a model, or tables of scores, to a report with every figure. Knows no console.

Which rows count is `labelled.py`; where scores come from, `score_source.py` and `external.py`; the figures
are `figures.py`, the report `run_report.py`, the folder `run_folder.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visq.aspects import names as aspect_names
from visq.backbones import ModelFolder, find_model
from visq.core.errors import InputError, UnknownName, VisqError
from visq.core.registry import unknown_name
from visq.core.types import printable
from visq.core.version import __version__
from visq.data.sources import set_names
from visq.data.tables import read_table
from visq.evaluation.figures.label_scale import parse_label_scale
from visq.evaluation.figures.protocols import Protocol, protocols_for
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.runs.config import (
    EvaluateOptions,
    config_of,
    read_config,
    refuse_other,
    write_config,
)
from visq.evaluation.runs.events import BEGUN, DONE, append_event
from visq.evaluation.runs.external import ScoreTable, read_scores
from visq.evaluation.runs.folder import CONFIG, PAGE, REPORT, SCORES, write_run
from visq.evaluation.runs.labelled import labelled_set
from visq.evaluation.runs.report import report_of
from visq.evaluation.runs.score_source import Scores, Watch, model_scores, table_scores
from visq.scoring.asked import Wanted
from visq.scoring.model import plan_model
from visq.scoring.untyped import MODEL, chosen, naming_variables

_LOG = logging.getLogger(__name__)

MORE_ASPECTS = ("consistency", "authenticity")
"""Aspects that tables of scores may be about, though no model here scores them yet."""
USAGE = "usage"
"""Kind of the errors about what was asked for, as against what is on disk."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        report: as report.json holds it; a number that does not exist is None.
        sets: the scored sets, in the order of the report.
        path: the run folder; None where nothing was kept.
    """

    report: Mapping[str, Any]
    sets: tuple[ScoredSet, ...]
    path: Path | None

    @property
    def is_partial(self) -> bool:
        """Whether a row that should have a score has none."""
        return any(one["partial"] for one in self.report["sets"])


def evaluate(
    options: EvaluateOptions,
    *,
    command: str | None = None,
    expected: Mapping[str, Any] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, failed: None,
    stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Evaluate a model, or tables of scores, on labelled sets.

    With `options.out` a run that was killed or stopped goes on from its last picture, and ends equal to one
    that was not.

    Args:
        options: see EvaluateOptions.
        command: kept in the report.
        expected: a config that this has to be a repetition of; None where it need not.
        on_progress: called after each batch with rows done and rows failed in this run.
        stop: asked between pictures; True ends the run early.

    Raises:
        Stopped: `stop` ended the run.
        InputError: the folder holds another run, or a file cannot be read or written.
        DataError: a manifest or a table is wrong.
        UnknownName: no such model, aspect or protocol.
        MissingExtra: what figures or Parquet need is not installed.
    """
    protocols = protocols_for(options.protocol, len(options.manifests))
    aspect = aspect_of(options, protocols)
    model: ModelFolder | None = None
    used: tuple[str, ...] = ()
    if not options.scores:
        if expected is None:
            options, model, used = _untyped(options)
        model = _model(options, aspect, model)
    asked = zip(options.manifests, set_names(options.manifests), protocols, strict=True)
    sets = [labelled_set(path, name, aspect, one, options.labels) for path, name, one in asked]
    tables = _tables(options, aspect)
    about = None if model is None else {"name": model.name, "sha256": model.sha256}
    config = config_of(options, aspect, sets, tables, about)
    if expected is not None:
        refuse_other("the config", expected, config, "give the options themselves to evaluate that")
    said = None if command is None else printable(command)
    _claim(options, config, said)
    watch = Watch(said, on_progress, stop)
    if model is None:
        scores = table_scores(sets, tables, options.limit)
    else:
        with naming_variables(used):
            scores = model_scores(sets, model, options, watch)
    _refuse_no_score(scores)
    report = report_of(aspect, sets, scores, options.settings, watch)
    if options.out is not None:
        write_run(options.out, config, report, scores.sets)
        append_event(options.out, DONE)
    return Evaluation(report, scores.sets, options.out)


def aspect_of(options: EvaluateOptions, protocols: Sequence[Protocol | None]) -> str:
    """The aspect asked for, else that of the protocols, else the only one that a column is called after.

    Raises:
        UnknownName: there is none of this name.
        InputError: none is asked for, and neither protocols nor columns say one.
    """
    known = list(dict.fromkeys([*aspect_names(), *MORE_ASPECTS]))
    if options.aspect is not None:
        if options.aspect not in known:
            raise unknown_name("aspect", options.aspect, known)
        return options.aspect
    meant = {one.aspects[0] for one in protocols if one is not None}
    if not meant:
        columns = {name.casefold() for path in options.manifests for name in read_table(path).columns}
        meant = columns & set(known)
    if len(meant) != 1:
        wanted = f"which aspect are the labels about? Give --aspect, one of {', '.join(known)}"
        raise InputError(wanted, kind=USAGE)
    return meant.pop()


def _untyped(options: EvaluateOptions) -> tuple[EvaluateOptions, ModelFolder, tuple[str, ...]]:
    """The options with what the environment gives, which is said, the model, and the variables taken."""
    wanted = Wanted(readout=options.readout, temperature=options.temperature)
    found = chosen(options.model, wanted, options.machine)
    for note in found.notes:
        _LOG.warning("%s", note)
    machine = found.machine
    filled = replace(
        options, device=machine.device, pixels=machine.pixels, temperature=found.wanted.temperature
    )
    return filled, found.folder, found.used


def _model(options: EvaluateOptions, aspect: str, model: ModelFolder | None) -> ModelFolder:
    """The model, if it scores the aspect as is wanted: before a folder is made for what cannot be."""
    found = model or find_model(options.model or MODEL, remote_code=options.remote_code)
    if found.is_described and aspect not in found.aspects:
        raise UnknownName(
            f"model {found.name!r} does not score {aspect!r}; it scores {', '.join(found.aspects)}"
        )
    plan_model(found, options.wanted(aspect), options.machine)
    return found


def _tables(options: EvaluateOptions, aspect: str) -> list[ScoreTable]:
    scale = None if options.score_scale is None else parse_label_scale(options.score_scale)
    return [read_scores(path, aspect, score=options.score, scale=scale) for path in options.scores]


def _claim(options: EvaluateOptions, config: Mapping[str, Any], command: str | None) -> None:
    """Make the run folder, or see that it holds the same run; nothing where none is kept."""
    folder = options.out
    if folder is None:
        return
    old = _old_config(folder, overwrite=options.overwrite)
    if old is not None and not options.overwrite:
        refuse_other(repr(str(folder)), old, config, "choose another --out, or --overwrite to start anew")
    anew = old is None or options.overwrite
    if anew:
        write_config(folder, config)
        for name in (REPORT, SCORES, PAGE):  # another run's must not pass for this one's
            _remove(folder / name)
    append_event(folder, BEGUN, anew=anew, command=command, visq=__version__)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot remove {str(path)!r}: {error.strerror or error}", kind="output") from error


def _old_config(folder: Path, *, overwrite: bool) -> Mapping[str, Any] | None:
    """The config of the run in a folder; None where there is nothing in it."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"cannot write {str(folder)!r}: it is a file; --out names a folder", kind="output")
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    if not (folder / CONFIG).is_file():
        raise InputError(
            f"{str(folder)!r} is not empty and holds no run; choose another --out", kind="output"
        )
    try:
        return read_config(folder)
    except VisqError:
        if overwrite:
            return None
        raise


def _refuse_no_score(scores: Scores) -> None:
    if any(one.is_scored.any() for one in scores.sets):
        return
    first = next((error for one in scores.sets for error in one.errors if error), "the sets are empty")
    raise InputError(f"no row has a score; the first one failed with: {first}", kind="no-score")
