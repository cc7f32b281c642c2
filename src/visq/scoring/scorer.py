"""The Scorer: a model, the aspects it is asked for, and the scale its scores are shown on.

Knows names and who serves them; no file formats, no tokens, no console.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from visq.aspects import Aspect, aspect
from visq.backbones import BACKBONES, Backbone, ModelFolder, find_model
from visq.core.errors import DataError, InputError, UnknownName
from visq.core.scales import MOS, Scale
from visq.core.types import FloatArray, Picture, Prompted, Reading, Row, Sample, Score
from visq.core.version import __version__
from visq.data import Inputs
from visq.media import least_side
from visq.readouts import READOUTS
from visq.scoring.cpus import cpu_limit
from visq.scoring.journal import Journal, journal_path
from visq.scoring.pipeline import Outcome, Plan, run
from visq.scoring.records import to_record
from visq.scoring.table import Table, check_format


@dataclass(frozen=True)
class RunOptions:
    """How a folder is scored; only `limit` decides what is scored, nothing here changes a score.

    Attributes:
        out: the table to write (.csv, .jsonl) and resume from; None keeps nothing on disk.
        batch: pictures handed to the model at a time.
        workers: threads that decode; None takes as many as there are CPUs.
        limit: score only the first so many inputs.
        overwrite: start anew where a table exists.
        retry_failed: try the failures of an earlier run again.
    """

    out: str | os.PathLike[str] | None = None
    batch: int = 8
    workers: int | None = None
    limit: int | None = None
    overwrite: bool = False
    retry_failed: bool = False

    def __post_init__(self) -> None:
        for name, most in (("batch", 4096), ("workers", 1024), ("limit", sys.maxsize)):
            number = getattr(self, name)
            if number is not None and not 1 <= number <= most:
                raise InputError(f"{name} must be 1 to {most}, not {number}")
        if self.overwrite and self.retry_failed:
            raise InputError("--overwrite starts anew and --retry-failed goes on: give one of them")
        if self.out is None and (self.overwrite or self.retry_failed):
            raise InputError(
                "--overwrite and --retry-failed need --out: without a table there is no earlier run"
            )


def load(
    model: str = "mini",
    *,
    aspects: str | Sequence[str] | None = None,
    scale: str | Scale = MOS,
    threads: int | None = None,
) -> Scorer:
    """Load a model as a Scorer.

    Args:
        model: a shipped model (`mini`) or a model folder.
        aspects: what to score, e.g. "quality" or ["quality", "aesthetics"]; None takes all the model has.
        scale: what scores are shown on, e.g. "0..100".
        threads: CPU threads for the model; None takes as many as this process may use.

    Raises:
        UnknownName: no such model or aspect.
        ModelError: the model cannot be loaded, or does not offer an aspect.
        InputError: the scale is not LOW..HIGH, or threads is below 1.
    """
    folder = find_model(model)
    wanted = [aspect(name) for name in _names(aspects, folder)]
    shown = scale if isinstance(scale, Scale) else Scale.parse(scale)
    backbone = BACKBONES.get(folder.backbone)(folder, threads=cpu_limit() if threads is None else threads)
    return Scorer(folder, backbone, wanted, shown)


def _names(aspects: str | Sequence[str] | None, folder: ModelFolder) -> list[str]:
    offered = list(folder.aspects)
    names = aspects.split(",") if isinstance(aspects, str) else list(offered if aspects is None else aspects)
    if not names:
        raise InputError(f"no aspect to score; model {folder.name!r} scores {', '.join(offered)}")
    names = list(dict.fromkeys(name.strip() for name in names))
    for name in names:
        aspect(name)  # a misspelt aspect is answered with what visq knows, before what this model offers
        if name not in offered:
            raise UnknownName(
                f"model {folder.name!r} does not score {name!r}; it scores {', '.join(offered)}"
            )
    return names


class Scorer:
    """Scores pictures; a context manager that frees the model when closed.

    Invariant: a picture's scores depend on its pixels and `identity` alone, never on batch, order, threads or
    neighbours.

    Attributes:
        identity: what scores depend on, as kept in every table.
        at_least: what `visq.media.decode` takes, so that a file gives this model one set of pixels.
        aspects: what is scored.
        scale: what scores are shown on.
        calibration: aspect -> what its 90 % interval holds for, in one line; lacks aspects without one.
    """

    def __init__(
        self, folder: ModelFolder, backbone: Backbone, aspects: Sequence[Aspect], scale: Scale = MOS
    ) -> None:
        self.aspects = tuple(aspects)
        self.scale = scale
        self._backbone = backbone
        self.at_least = least_side(backbone.preprocessing)
        readout = folder.readout
        self._readouts = {a.name: READOUTS.get(readout)(a.levels, a.scale) for a in self.aspects}
        self._calibrations = {a.name: folder.calibration(a.name) for a in self.aspects}
        self.calibration = {
            name: found.about for name, found in self._calibrations.items() if found is not None
        }
        self.identity: dict[str, Any] = {
            "model": folder.name,
            "model_hash": folder.sha256,
            "readout": readout,
            "preprocessing": backbone.preprocessing,
            "runtime": backbone.runtime,
            "version": __version__,
            "aspects": [a.name for a in self.aspects],
            "scale": str(scale),
        }

    def prepare(self, picture: Picture) -> Picture:
        """Bring a picture, decoded with `at_least`, to the pixels the model wants."""
        return self._backbone.prepare(picture)

    def score_pictures(self, pixels: Sequence[Picture]) -> list[Mapping[str, Score]]:
        """Scores of prepared pictures.

        Args:
            pixels: n pictures as `prepare` returns them.

        Returns:
            n mappings from aspect to Score, on `scale`.
        """
        scores: list[dict[str, Score]] = [{} for _ in pixels]
        for asked in self._asked_together():
            batch = [Prompted(p, a.name, a.questions[0], a.stem) for p in pixels for a in asked]
            logprobs = self._backbone.answer_logprobs(batch, asked[0].levels)  # [n * aspects, k]
            for i, one in enumerate(asked):
                found = self._score_aspect(one, logprobs[i :: len(asked)])
                for of_picture, score in zip(scores, found, strict=True):
                    of_picture[one.name] = score
        return [{a.name: of_picture[a.name] for a in self.aspects} for of_picture in scores]

    def _asked_together(self) -> list[list[Aspect]]:
        """Aspects with the same answers share one call, so that a backbone sees a picture once."""
        groups: dict[tuple[str, ...], list[Aspect]] = {}
        for asked in self.aspects:
            groups.setdefault(asked.levels, []).append(asked)
        return list(groups.values())

    def _score_aspect(self, asked: Aspect, logprobs: FloatArray) -> list[Score]:
        reading: Reading = self._readouts[asked.name].read(logprobs, closed_set=self._backbone.closed_set)
        n = len(reading.value)
        value, low, high = reading.value, np.full(n, np.nan), np.full(n, np.nan)
        calibration = self._calibrations[asked.name]
        if calibration is not None:
            value = calibration.value(value, asked.scale)
            low, high = calibration.interval(value, asked.scale)
        value, low, high = (asked.scale.convert(numbers, self.scale) for numbers in (value, low, high))
        unit = (self.scale.high - self.scale.low) / (asked.scale.high - asked.scale.low)
        return [
            Score(
                value=float(value[i]),
                low=_number(low[i]),
                high=_number(high[i]),
                scale=self.scale,
                distribution=dict(zip(asked.levels, reading.distribution[i].tolist(), strict=True)),
                spread=float(reading.spread[i] * unit),
                outside=_number(reading.outside[i]),
            )
            for i in range(n)
        ]

    def stream(self, samples: Iterable[Sample], options: RunOptions | None = None) -> Iterator[Row]:
        """Rows of samples as they are scored, in their order; keeps nothing.

        Args:
            samples: any iterable; read as it is needed.
            options: only `batch`, `workers` and `limit` matter here.
        """
        chosen = options or RunOptions()
        plan = Plan(chosen.workers or cpu_limit(), chosen.batch)
        for outcomes in run(islice(samples, chosen.limit), self, plan):
            yield from (outcome.row for outcome in outcomes if outcome.row is not None)

    def score(
        self,
        inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Sample],
        options: RunOptions | None = None,
        *,
        command: str | None = None,
        on_progress: Callable[[int, int], None] = lambda done, failed: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Table:
        """Score inputs into a Table, resuming from `options.out` where an earlier run left off.

        Args:
            inputs: files, folders, globs, manifests, or Samples.
            options: see RunOptions.
            command: kept in the table, shown in reports.
            on_progress: called after each batch with rows done and rows failed in this run.
            stop: asked between pictures; True ends the run early and leaves a valid table.

        Raises:
            InputError: nothing to score, or the table cannot be written, is in use, or was made otherwise.
            DataError: two inputs have the same id.
        """
        chosen = options or RunOptions()
        out = None if chosen.out is None else Path(chosen.out)
        samples = _not_empty(_samples(inputs))
        if out is not None and isinstance(samples, Inputs):
            samples.refuse_as_output(out)
        journal = _open_journal(out, self.identity, overwrite=chosen.overwrite)
        try:
            table = Table(journal, self.identity, calibration=self.calibration, command=command)
            self._walk(samples, journal, table, chosen, on_progress, stop)
            if out is not None:
                table.write(out)
                journal.release()
        except BaseException:
            journal.close()
            raise
        return table

    def _walk(
        self,
        samples: Iterable[Sample],
        journal: Journal,
        table: Table,
        options: RunOptions,
        on_progress: Callable[[int, int], None],
        stop: Callable[[], bool],
    ) -> None:
        plan = Plan(options.workers or cpu_limit(), options.batch, options.retry_failed, journal.known, stop)
        walk = iter(samples)
        done = failed = 0
        for outcomes in run(islice(walk, options.limit), self, plan):
            with journal.transaction():
                for outcome in outcomes:
                    _journal(outcome, journal)
            done += len(outcomes)
            table.taken_over += sum(o.row is None for o in outcomes)
            failed += sum(o.row is not None and o.row.status == "failed" for o in outcomes)
            on_progress(done, failed)
        table.interrupted = stop()
        # Only a walk that met every input can tell which inputs are gone.
        if table.interrupted or next(walk, None) is not None:
            journal.put_unmet_last(done, hidden=not table.interrupted)
        else:
            table.vanished = journal.drop_unmet()

    def close(self) -> None:
        """Free the model."""
        self._backbone.close()

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _number(value: float) -> float | None:
    return None if value != value else float(value)


def _journal(outcome: Outcome, journal: Journal) -> None:
    sample = outcome.sample
    known = journal.known(sample.id)
    if known is not None and known.seen:
        raise DataError(f"id {sample.id!r} stands twice among the inputs; ids must be unique")
    if outcome.row is None:
        journal.keep(outcome.position, outcome.stamp, sample.id, sample.path)
    else:
        journal.put(outcome.position, outcome.stamp, to_record(outcome.row))


def _open_journal(out: Path | None, identity: Mapping[str, Any], *, overwrite: bool) -> Journal:
    """The journal of a table; refuses to write over a table that visq did not make."""
    if out is None:
        return Journal(None, identity)
    check_format(out)
    if not out.parent.is_dir():
        raise InputError(f"cannot write {str(out)!r}: no folder {str(out.parent)!r}", kind="output")
    if out.is_dir():
        raise InputError(f"cannot write {str(out)!r}: it is a folder", kind="output")
    journal = journal_path(out)
    if out.exists() and not journal.exists() and not overwrite:
        raise InputError(
            f"{str(out)!r} exists and has no journal to resume from; choose another --out, or --overwrite",
            kind="output",
        )
    return Journal(journal, identity, overwrite=overwrite)


def _samples(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Sample],
) -> Iterable[Sample]:
    """Samples as they are; names of files, folders and manifests as Inputs."""
    if isinstance(inputs, Inputs):
        return inputs
    if isinstance(inputs, str | os.PathLike):
        return Inputs([os.fspath(inputs)])
    first, items = _peek(inputs)
    if isinstance(first, Sample):
        return cast("Iterable[Sample]", items)
    return Inputs([os.fspath(cast("str | os.PathLike[str]", item)) for item in items])


def _not_empty(samples: Iterable[Sample]) -> Iterable[Sample]:
    """The samples, if there is one: a run over nothing leaves no journal and no table behind."""
    if isinstance(samples, Inputs):
        for _ in samples:
            return samples  # walked anew by the run
        skipped = samples.skipped
        raise InputError(
            f"nothing to score: no picture among the inputs ({skipped.other} files of other kinds, "
            f"{skipped.hidden} hidden); a manifest has to be named itself, not its folder",
            kind="missing",
        )
    first, items = _peek(samples)
    if first is None:
        raise InputError("nothing to score: no samples", kind="missing")
    return cast("Iterable[Sample]", items)


def _peek(items: Iterable[object]) -> tuple[object, Iterable[object]]:
    """The first item, and all of them; a generator of a million Samples is not listed for it."""
    walk = iter(items)
    head = list(islice(walk, 1))
    return (head[0] if head else None), chain(head, walk)
