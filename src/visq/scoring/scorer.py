"""The Scorer: a model, the aspects it is asked for, and the scale its scores are shown on.

Knows names and who serves them; no file formats, no tokens, no console.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from visq.backbones import Backbone, ModelFolder
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.core.types import Picture, Row, Sample, Score
from visq.core.version import __version__
from visq.data import Inputs
from visq.media import least_side
from visq.scoring.answers import answers_to, asked_together, scores_of
from visq.scoring.asked import Asked, Wanted, words_hash
from visq.scoring.cpus import cpu_limit
from visq.scoring.explain import Explaining, tell
from visq.scoring.given import not_empty, samples_of
from visq.scoring.journal import USUAL, Journal
from visq.scoring.model import Machine, open_model
from visq.scoring.options import RunOptions
from visq.scoring.pipeline import Plan, run
from visq.scoring.prefer import Pictured, Preference, asked_for, picture_of, preferred
from visq.scoring.table import Table
from visq.scoring.table_journal import keep_outcome, open_journal
from visq.scoring.untyped import chosen, naming_variables

_LOG = logging.getLogger(__name__)


def load(
    model: str | None = None,
    *,
    aspects: str | Sequence[str] | None = None,
    readout: str | None = None,
    temperature: float | None = None,
    dialect: str | None = None,
    scale: str | Scale | None = None,
    device: str | None = None,
    dtype: str = "auto",
    attention: str = "auto",
    pixels: str | None = None,
    remote_code: bool = False,
    device_map: str | None = None,
    threads: int | None = None,
    explain: bool = False,
) -> Scorer:
    """Load a model as a Scorer; of what is None here the environment is asked first, and a note says so.

    Args:
        model: a shipped model (`mini`, as None), a model folder, or a folder in transformers' layout.
        aspects: what to score, e.g. "quality" or ["quality", "aesthetics"]; also TOML files with aspects of
            your own, `own.toml` or `own.toml#sharpness`. None takes all the model has.
        readout: levels, integers, decimals, contrast or text; None takes what the model is made for.
        temperature: > 0; divides the log-probabilities of answers; None is 1.
        dialect: whose words, of `visq show aspects`; None takes the model's own where known, else visq's.
        scale: what scores are shown on, e.g. "0..100"; None shows 1..5, and probabilities on 0..1.
        device: `auto` (a GPU where there is one; as None), `cpu`, `cuda`, `cuda:1`, `mps`.
        dtype: `auto` (half precision on a GPU), `float32`, `float16` or `bfloat16`.
        attention: `auto`, or an implementation of transformers, such as `eager`.
        pixels: MIN..MAX of a picture before the model sees it; None leaves it to the model.
        remote_code: code that comes with the model may run. It can do anything that you can.
        device_map: in place of `device`: `auto`, `balanced`, `balanced_low_0` or `sequential`.
        threads: CPU threads for the model; None takes as many as this process may use.
        explain: each score comes with what the model says of the picture; it has to be a model that writes.

    Raises:
        UnknownName: no such model, aspect, read-out or dialect.
        ModelError: the model cannot be loaded, or does not offer an aspect.
        InputError: the scale is not LOW..HIGH, threads is below 1, or an option does not fit the model.
        MissingExtra: a chat model without torch and transformers.
    """
    names = aspects.split(",") if isinstance(aspects, str) else aspects
    wanted = Wanted(
        None if names is None else tuple(one.strip() for one in names), readout, dialect, temperature, explain
    )
    machine = Machine(device, dtype, attention, pixels, remote_code, device_map)
    found = chosen(model, wanted, machine)
    for note in found.notes:
        _LOG.warning("%s", note)
    with naming_variables(found.used):
        return open_scorer(found.folder, found.wanted, found.machine, scale, threads, notes=found.notes)


def open_scorer(
    model: str | ModelFolder,
    wanted: Wanted,
    machine: Machine,
    scale: str | Scale | None,
    threads: int | None = None,
    *,
    notes: Sequence[str] = (),
) -> Scorer:
    """As `load`, of options that were checked beforehand, `notes` on them; the environment is not asked."""
    shown = Scale.parse(scale) if isinstance(scale, str) else scale
    opened = open_model(model, wanted, machine, cpu_limit() if threads is None else threads)
    said, ways = (*notes, *opened.notes), opened.explaining
    return Scorer(opened.folder, opened.backbone, opened.asked, shown, notes=said, explaining=ways)


class Scorer:
    """Scores pictures; a context manager that frees the model when closed.

    Invariant: a picture's scores depend on its pixels and `identity` alone, never on batch, order, threads or
    neighbours.

    Attributes:
        identity: what scores depend on, as kept in every table.
        at_least: what `visq.media.decode` takes, so that a file gives this model one set of pixels.
        aspects: what is scored.
        scales: aspect -> what its scores are shown on.
        calibration: aspect -> what its 90 % interval holds for, in one line; lacks aspects without one.
        running_on: device, dtype, attention and way of answering of a chat model, in one line; else empty.
        notes: what was chosen for the user, and what no interval is given for, a line each.
    """

    def __init__(
        self,
        folder: ModelFolder,
        backbone: Backbone,
        asked: Sequence[Asked],
        scale: Scale | None = None,
        *,
        notes: Sequence[str] = (),
        explaining: Sequence[Explaining] = (),
    ) -> None:
        self.aspects = tuple(one.aspect for one in asked)
        self.scales = {one.aspect.name: one.shown_on(scale) for one in asked}
        self._asked = tuple(asked)
        self._explaining = tuple(explaining)
        behind = {way.asked.aspect.name for way in explaining if not way.is_apart}
        self._backbone = backbone
        self.at_least = least_side(backbone.preprocessing)
        self._calibrations = {
            one.aspect.name: found
            for one in asked
            if (found := folder.calibration(one.aspect.name))
            and one.is_usual(folder.readout)
            and one.aspect.name not in behind
        }
        self.calibration = {name: found.about for name, found in self._calibrations.items()}
        shown = list(self.scales.values())
        self.identity = _identity(folder, backbone, asked, shown, explain=bool(explaining))
        self.running_on = getattr(backbone, "chosen", "")
        self.notes = (*notes, *self._without_calibration(folder))

    def _without_calibration(self, folder: ModelFolder) -> list[str]:
        """What is said of aspects that get no interval."""
        lost = [name for name in self._names if folder.calibration(name) and name not in self.calibration]
        never = [name for name in self._names if not folder.calibration(name)]
        said = []
        if lost:
            said.append(
                f"the calibration of {folder.name} holds for read-out {folder.readout} as it is: no interval "
                f"is given for {', '.join(lost)}"
            )
        if never:
            said.append(f"{folder.name} has no calibration for {', '.join(never)}: no interval is given")
        return said

    @property
    def _names(self) -> list[str]:
        return [found.name for found in self.aspects]

    def prepare(self, picture: Picture) -> Picture:
        """Bring a picture, decoded with `at_least`, to the pixels the model wants."""
        return self._backbone.prepare(picture)

    def score_pictures(self, pixels: Sequence[Picture]) -> list[Mapping[str, Score]]:
        """Scores of prepared pictures.

        Args:
            pixels: n pictures as `prepare` returns them.

        Returns:
            n mappings from aspect to Score, on `scales`.

        Raises:
            InputError: a picture has no score, because it does not fit the memory, or because the model wrote
                none; its `kind` says which.
        """
        found = []
        for one in self.attempt(pixels):
            if isinstance(one, InputError):
                raise one
            found.append(one)
        return found

    def attempt(self, pixels: Sequence[Picture]) -> list[Mapping[str, Score] | InputError]:
        """Scores of prepared pictures, or why one has none: a picture that fails leaves the others alone.

        Args:
            pixels: n pictures as `prepare` returns them.

        Returns:
            n mappings from aspect to Score, or the error in place of one.
        """
        scores: list[dict[str, Score]] = [{} for _ in pixels]
        told, failures = tell(self._backbone, self._asked, self._explaining, pixels)
        for group in asked_together(self._asked):
            left = [i for i in range(len(pixels)) if i not in failures]
            if not left:
                break
            batch = [told[i][one.aspect.name].question for i in left for one in group]
            answered, failed = answers_to(self._backbone, group, batch)
            for k, one in enumerate(group):
                of_one = {
                    number // len(group): why for number, why in failed.items() if number % len(group) == k
                }
                found = scores_of(
                    one,
                    answered[k :: len(group)],
                    of_one,
                    scale=self.scales[one.aspect.name],
                    calibration=self._calibrations.get(one.aspect.name),
                    closed_set=self._backbone.closed_set,
                )
                for i, score in zip(left, found, strict=True):
                    if isinstance(score, InputError):
                        failures.setdefault(i, score)
                    else:
                        scores[i][one.aspect.name] = told[i][one.aspect.name].beside(score, one.aspect)
        return [
            failures.get(i) or {name: of_picture[name] for name in self._names}
            for i, of_picture in enumerate(scores)
        ]

    def prefer(self, a: Pictured, b: Pictured, aspect: str | None = None, *, tie: float = 0.0) -> Preference:
        """Which of two pictures has more of an aspect, asked in both orders; see `Preference`.

        Args:
            a: a file's path, a Sample, or a decoded picture, uint8 [h, w, 3] RGB.
            b: likewise.
            aspect: one of those scored; None takes the first.
            tie: 0..1, margins of at most it are ties.

        Raises:
            UnknownName: the aspect is not among those scored.
            InputError: a picture cannot be read, `tie` is out of range, the pair does not fit the memory, or
                the model was loaded to explain.
        """
        if self._explaining:
            raise InputError("prefer explains nothing; load the model without explain")
        asked = asked_for(self._asked, aspect)
        pixels = [self.prepare(picture_of(one, self.at_least)) for one in (a, b)]
        calibration = self._calibrations.get(asked.aspect.name)
        scale = self.scales[asked.aspect.name]
        return preferred(self._backbone, asked, pixels, scale=scale, calibration=calibration, tie=tie)

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
        samples = not_empty(samples_of(inputs))
        if out is not None and isinstance(samples, Inputs):
            samples.refuse_as_output(out)
        journal = open_journal(out, self.identity, overwrite=chosen.overwrite)
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
                    keep_outcome(outcome, journal)
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


def _identity(
    folder: ModelFolder, backbone: Backbone, asked: Sequence[Asked], scales: Sequence[Scale], *, explain: bool
) -> dict[str, Any]:
    """What scores depend on; of what was added later only what is not `USUAL`, so that older tables go on."""
    found: dict[str, Any] = {
        "model": folder.name,
        "model_hash": folder.sha256,
        "readout": _alike(one.readout for one in asked),
        "preprocessing": backbone.preprocessing,
        "runtime": backbone.runtime,
        "version": __version__,
        "aspects": [one.aspect.name for one in asked],
        "scale": _alike(map(str, scales)),
    }
    later = {
        "temperature": asked[0].temperature,
        "dialect": _alike(one.aspect.dialect for one in asked),
        "words": words_hash(asked),
        "explain": explain,
    }
    return found | {name: value for name, value in later.items() if value != USUAL[name]}


def _alike(words: Iterable[str]) -> str:
    """The word that all share, or all words."""
    found = list(words)
    return found[0] if len(set(found)) == 1 else ",".join(found)
