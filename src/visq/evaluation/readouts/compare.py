"""Readouts: labelled sets and a model, to every read-out that fits, side by side. Knows no console.

Which read-outs those are is `candidates.py`; what they read, `reader.py`; the figures are `figures.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from visq.backbones import Backbone
from visq.core.errors import InputError, VisqError
from visq.core.scales import MOS
from visq.core.types import Row, printable
from visq.core.version import __version__
from visq.data.sources import set_names
from visq.evaluation.figures.label_scale import scale_text
from visq.evaluation.figures.measured import Settings
from visq.evaluation.figures.protocols import Protocol, protocols_for
from visq.evaluation.figures.scored import LIMIT_KIND, ScoredSet
from visq.evaluation.readouts.candidates import Candidate, candidates_of, check_names, question_of
from visq.evaluation.readouts.figures import costs, readout_figures, scored_as
from visq.evaluation.readouts.reader import Outcome, Reader
from visq.evaluation.readouts.values import check_out, write_values
from visq.evaluation.runs.config import EvaluateOptions
from visq.evaluation.runs.evaluate import aspect_of
from visq.evaluation.runs.folder import without_nan
from visq.evaluation.runs.labelled import LabelChoice, LabelledSet, labelled_set
from visq.evaluation.runs.score_source import Stopped, training_data
from visq.evaluation.runs.scored_sets import by_model, samples_to_score, scored_id
from visq.evaluation.runs.set_warnings import training_warnings
from visq.scoring.asked import USAGE, Wanted
from visq.scoring.cpus import cpu_limit
from visq.scoring.model import Machine, Opened, open_model
from visq.scoring.pipeline import Plan, run
from visq.scoring.untyped import chosen, naming_variables

FORMAT = 1
_BATCH = 8
_NO_PIXELS = np.zeros((1, 1, 3), dtype=np.uint8)


@dataclass(frozen=True)
class ReadoutOptions:
    """What is read, and how; the words of `visq readouts`.

    Attributes:
        manifests: one labelled set each.
        model: a shipped model, a model folder, or a folder in transformers' layout; None takes the
            environment's, else `mini`.
        readouts: names; None takes all that fit.
        aspect: what is scored, or a TOML file of one's own, `own.toml#NAME`; None takes what protocol or
            columns say.
        dialect: whose words all of them are asked in; None takes the model's own, and for other kinds of
            answers the first that fit.
        temperature: of read-outs that have one; None takes the environment's, else 1.
        protocol: names separated by commas, one for all sets or one for each.
        labels: column, group and scale of the labels.
        machine: what a chat model runs on.
        limit: rows of each set.
        settings: how intervals are made.
        out: file for the values of every picture; None keeps nothing.
        overwrite: write over that file.
        batch: pictures handed to the model at a time.
        workers: threads that decode; None takes as many as there are CPUs.
    """

    manifests: tuple[str, ...]
    model: str | None = None
    readouts: tuple[str, ...] | None = None
    aspect: str | None = None
    dialect: str | None = None
    temperature: float | None = None
    protocol: str | None = None
    labels: LabelChoice = field(default_factory=LabelChoice)
    machine: Machine = field(default_factory=Machine)
    limit: int | None = None
    settings: Settings = field(default_factory=Settings)
    out: Path | None = None
    overwrite: bool = False
    batch: int | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        check_names(self.readouts or ())
        self.of_evaluation()  # refuses what an evaluation would
        self._words()  # refuses what nobody has words for

    def wanted(self, protocols: Sequence[Protocol | None]) -> Wanted:
        """The one aspect that is asked for, in which words.

        Raises:
            UnknownName, InputError: as `aspect_of`.
        """
        words = self._words()
        return words if words.own else replace(words, aspects=(aspect_of(self.of_evaluation(), protocols),))

    def _words(self) -> Wanted:
        aspects = None if self.aspect is None else (self.aspect,)
        found = Wanted(aspects, dialect=self.dialect, temperature=self.temperature)
        if len(found.own) > 1:
            raise InputError(
                f"{self.aspect!r} holds {len(found.own)} aspects; name one, as in "
                f"{self.aspect}#{next(iter(found.own))}",
                kind=USAGE,
            )
        return found

    def of_evaluation(self) -> EvaluateOptions:
        """The part that an evaluation has, too."""
        return EvaluateOptions(
            self.manifests,
            aspect=self.aspect,
            protocol=self.protocol,
            labels=self.labels,
            limit=self.limit,
            settings=self.settings,
        )


@dataclass(frozen=True)
class ReadoutComparison:
    """Read-outs side by side.

    Attributes:
        report: as JSON holds it; a number that does not exist is None.
        sets: of each set, read-out -> labels and its scores.
    """

    report: Mapping[str, Any]
    sets: tuple[Mapping[str, ScoredSet], ...]

    @property
    def is_partial(self) -> bool:
        """Whether a labelled picture was read by no read-out."""
        return any(one["failed"] for one in self.report["sets"])


def compare_readouts(
    options: ReadoutOptions,
    *,
    command: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, failed: None,
    stop: Callable[[], bool] = lambda: False,
) -> ReadoutComparison:
    """Read every picture once and in every way.

    Args:
        options: see ReadoutOptions.
        command: kept in the report.
        on_progress: called after each batch with pictures done and pictures failed.
        stop: asked between pictures; True ends the run early.

    Raises:
        Stopped: `stop` ended the run.
        InputError: a read-out that was asked for does not fit, no picture can be read, or `out` cannot be
            written.
        DataError: a manifest is wrong.
        UnknownName: no such model, aspect, read-out or protocol.
        ModelError: the model cannot be loaded.
        MissingExtra: what figures, Parquet or a chat model need is not installed.
    """
    protocols = protocols_for(options.protocol, len(options.manifests))
    wanted = options.wanted(protocols)
    (aspect,) = wanted.names or ()
    if options.out is not None:
        check_out(options.out, options.manifests, overwrite=options.overwrite)
    asked = zip(options.manifests, set_names(options.manifests), protocols, strict=True)
    sets = [labelled_set(path, name, aspect, one, options.labels) for path, name, one in asked]
    found = chosen(options.model, wanted, options.machine)
    with naming_variables(found.used):
        opened = open_model(found.folder, found.wanted, found.machine, cpu_limit())
    try:
        candidates, left_out = _fitting(opened, options.readouts, found.wanted)
        pieces = _several_tokens(opened.backbone, candidates)
        reader = Reader(opened.backbone, candidates, MOS)
        rows, outcomes = _read(reader, sets, options, on_progress, stop)
    finally:
        opened.backbone.close()
    base = [by_model(one, rows, n_sets=len(sets), scale=MOS, limit=options.limit) for one in sets]
    told = [[outcomes.get(scored_id(one, sample, len(sets))) for sample in one.samples] for one in sets]
    scored = [
        {one.name: scored_as(of_set, [(p or {}).get(one.name) for p in pictures]) for one in candidates}
        for of_set, pictures in zip(base, told, strict=True)
    ]
    trained_on = training_data(opened.folder, aspect)
    entries = [
        _entry(
            labelled, of_set, candidates, by_name, [p for p in pictures if p], trained_on, options.settings
        )
        for labelled, of_set, by_name, pictures in zip(sets, base, scored, told, strict=True)
    ]
    report = without_nan(
        {
            "format": FORMAT,
            "kind": "readouts",
            "visq": __version__,
            "command": None if command is None else printable(command),
            "model": _about(opened),
            "aspect": aspect,
            "scale": str(MOS),
            "settings": vars(options.settings),
            "notes": [*found.notes, *opened.notes, *left_out, *pieces],
            "cost": costs(reader.seconds, candidates[0].name),
            "sets": entries,
        }
    )
    if options.out is not None:
        write_values(options.out, report, scored)
    return ReadoutComparison(report, tuple(scored))


def _about(opened: Opened) -> dict[str, Any]:
    return {
        "name": opened.folder.name,
        "model_hash": opened.folder.sha256,
        "preprocessing": opened.backbone.preprocessing,
        "runtime": opened.backbone.runtime,
    }


def _fitting(
    opened: Opened, names: Sequence[str] | None, wanted: Wanted
) -> tuple[list[Candidate], list[str]]:
    """Read-outs that fit words and model, and what was left out and why."""
    default, backbone = opened.asked[0], opened.backbone
    closed_set, name = backbone.closed_set, opened.folder.name
    found, left_out = candidates_of(default, names, closed_set=closed_set, model=name, wanted=wanted)
    refused = {one.name: _refusal(backbone, one, default.aspect.picture) for one in found}
    for readout, error in refused.items():
        if error is not None and names is not None:
            raise error
        left_out += [] if error is None else [f"{readout} left out: {error}"]
    return [one for one in found if refused[one.name] is None], left_out


def _refusal(backbone: Backbone, one: Candidate, place: str) -> VisqError | None:
    """Why this model cannot be asked in these words; found out before a picture is read."""
    words = one.asked.aspect
    if words.picture != place:
        return InputError(
            f"{words.dialect} shows the picture {words.picture} the question, and this model sees it {place}",
            kind=USAGE,
        )
    question = question_of([one])
    try:
        backbone.expect_words(question.of(_NO_PIXELS), question.answers)
    except VisqError as error:
        return error
    return None


def _several_tokens(backbone: Any, candidates: Sequence[Candidate]) -> list[str]:
    """Where a published formula is not what its authors computed, a line each.

    Args:
        backbone: what answers; one that is no closed set tells the tokens of an answer.
        candidates: the read-outs.
    """
    notes = []
    for one in candidates if not backbone.closed_set else ():
        if one.formula is None:
            continue
        tokens = backbone.answer_tokens(question_of([one]).of(_NO_PIXELS), one.answers)
        longer = [word for word, pieces in zip(one.answers, tokens, strict=True) if len(pieces) > 1]
        if longer:
            notes.append(
                f"{one.name}: several tokens to this model, of which the published code reads the first, and "
                f"this row all: {', '.join(longer)}"
            )
    return notes


def _read(
    reader: Reader,
    sets: Sequence[LabelledSet],
    options: ReadoutOptions,
    on_progress: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> tuple[dict[str, Row], dict[str, Mapping[str, Outcome]]]:
    """Id -> row without scores, or why the picture could not be read; and id -> what was read."""
    rows: dict[str, Row] = {}
    outcomes: dict[str, Mapping[str, Outcome]] = {}
    plan = Plan(options.workers or cpu_limit(), options.batch or _BATCH, stop=stop)
    n_failed = 0
    for row in _rows(reader, sets, options.limit, plan):
        rows[row.id] = row
        if row.status == "ok":
            outcomes[row.id] = reader.found[len(outcomes)]
        n_failed += row.status == "failed"
        on_progress(len(rows), n_failed)
    if stop():
        raise Stopped(f"stopped with {len(rows)} pictures read; nothing was written")
    if not outcomes:
        first = next((row.error for row in rows.values()), "the sets are empty")
        raise InputError(f"no picture could be read; the first one failed with: {first}", kind="no-score")
    return rows, outcomes


def _rows(reader: Reader, sets: Sequence[LabelledSet], limit: int | None, plan: Plan) -> Iterator[Row]:
    outcomes = chain.from_iterable(run(samples_to_score(sets, limit), reader, plan))
    return (outcome.row for outcome in outcomes if outcome.row is not None)


def _entry(
    labelled: LabelledSet,
    base: ScoredSet,
    candidates: Sequence[Candidate],
    scored: Mapping[str, ScoredSet],
    outcomes: Sequence[Mapping[str, Outcome]],
    trained_on: Sequence[Mapping[str, Any]],
    settings: Settings,
) -> dict[str, Any]:
    """One set of the report."""
    wanted = [kind != LIMIT_KIND for kind in base.kinds]
    unread = [i for i, error in enumerate(base.errors) if error and wanted[i]]
    return {
        "name": labelled.name,
        "manifest": printable(labelled.manifest),
        "manifest_sha256": labelled.sha256,
        "label_column": labelled.label_column,
        "label_scale": scale_text(labelled.label_scale),
        "group_column": labelled.group_column,
        "n_groups": len(set(base.groups[np.array(wanted)].tolist())),
        "n_expected": sum(wanted),
        "n_read": len(outcomes),
        "failed": [{"id": str(base.ids[i]), "error": base.errors[i], "kind": base.kinds[i]} for i in unread],
        "warnings": [*training_warnings(labelled, trained_on), *labelled.notes],
        "readouts": readout_figures(candidates, scored, outcomes, settings),
    }
