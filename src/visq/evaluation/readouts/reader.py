"""Asks a model once about each picture and reads the answers in every way. Knows no label and no file."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visq.backbones import Backbone
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.core.types import FloatArray, Picture, Score
from visq.evaluation.readouts.candidates import Candidate, Question, question_of, questions_of
from visq.media import least_side
from visq.readouts.expectation import outside
from visq.readouts.text import TextReading
from visq.scoring.answers import answers_of
from visq.scoring.asked import Asked

TIMED = 20
"""Pictures that every read-out is asked about by itself too, to see what it costs."""


@dataclass(frozen=True)
class Read:
    """What one read-out makes of one picture.

    Attributes:
        value: on the scale shown.
        spread: of the distribution, in units of that scale; None for text, and for monitors.
        outside: probability of anything that was no answer; None where there is none.
        is_split: whether the two likeliest answers are no neighbours; None for two answers, and for text.
        elsewhere: probability of anything that no read-out of the question asks for; None as for `outside`,
            but known of closed sets that are formulas only.
    """

    value: float
    spread: float | None = None
    outside: float | None = None
    is_split: bool | None = None
    elsewhere: float | None = None

    def score(self, scale: Scale) -> Score:
        """The same as a Score without interval and shares."""
        return Score(self.value, None, None, scale, {}, self.spread, self.outside)


Outcome = Read | InputError
"""Of one picture by one read-out; the error says why there is no value."""


@dataclass
class Reader:
    """What the pipeline takes for a scorer: it reads pictures in every way, and keeps what it read.

    A read-out may fail where others do not, so that no picture fails here: `found` has the outcomes.

    Attributes:
        backbone: to ask.
        candidates: the read-outs.
        scale: what values are shown on.
        found: of each picture that could be prepared, in order, read-out -> outcome.
        seconds: read-out -> what the model took for one picture asked for it alone, in order of the pictures.
    """

    backbone: Backbone
    candidates: Sequence[Candidate]
    scale: Scale
    found: list[dict[str, Outcome]] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        questions = questions_of(self.candidates)
        read = [one for one in questions if not one.writes]
        self._n_timed = 0
        self._calls = [*([read] if read else []), *([one] for one in questions if one.writes)]

    @property
    def at_least(self) -> int | None:
        """As `decode` takes it."""
        return least_side(self.backbone.preprocessing)

    def prepare(self, picture: Picture) -> Picture:
        """Bring a decoded picture to the pixels the model wants."""
        return self.backbone.prepare(picture)

    def attempt(self, pixels: Sequence[Picture]) -> list[Mapping[str, Score] | InputError]:
        """Read prepared pictures; the outcomes join `found`, and the pipeline gets empty rows."""
        for picture in pixels:
            self._time(picture)
        self.found += self.read(pixels)
        return [{} for _ in pixels]

    def read(self, pixels: Sequence[Picture]) -> list[dict[str, Outcome]]:
        """Read-out -> outcome, of each of n prepared pictures; one call answers all that is not written."""
        found: list[dict[str, Outcome]] = [{} for _ in pixels]
        for call in self._calls:
            answered, failed = answers_of(self.backbone, call, pixels)
            for k, question in enumerate(call):
                lost = {n // len(call): why for n, why in failed.items() if n % len(call) == k}
                for one in question.readers:
                    outcomes = self._outcomes(one, question, answered[k :: len(call)])
                    for i, outcome in enumerate(outcomes):
                        found[i][one.name] = outcome if i not in lost else _out_of_memory(lost[i])
        return found

    def _outcomes(self, one: Candidate, question: Question, answered: Sequence[Any]) -> list[Outcome]:
        if question.writes:
            return self._written(one, answered)
        columns = [question.answers.index(answer) for answer in one.answers]
        logprobs, closed_set = np.stack(answered), self.backbone.closed_set
        reading = one.read(logprobs[:, columns], closed_set=closed_set)
        elsewhere = np.full(len(logprobs), np.nan) if closed_set else _elsewhere(one, logprobs)
        value = one.scale.convert(reading.value, self.scale).tolist()
        unit = (self.scale.high - self.scale.low) / (one.scale.high - one.scale.low)
        of_two = len(reading.distribution[0]) <= 2
        return [
            InputError("the model gives none of the answers any probability", kind="not-a-number")
            if math.isnan(value[i])
            else Read(
                value[i],
                _number(reading.spread[i] * unit),
                _number(reading.outside[i]),
                None if of_two else not reading.neighbours[i],
                _number(elsewhere[i]),
            )
            for i in range(len(value))
        ]

    def _written(self, one: Candidate, texts: Sequence[str]) -> list[Outcome]:
        reading: TextReading = one.asked.reader.read(list(texts))
        values = one.scale.convert(reading.value, self.scale).tolist()
        pairs = zip(values, reading.reasons, strict=True)
        return [Read(value) if why is None else InputError(why, kind="no-score") for value, why in pairs]

    def _time(self, picture: Picture) -> None:
        """Ask for each read-out by itself, one after another, so that a busy machine slows all alike."""
        if self._n_timed > TIMED:
            return
        took: dict[tuple[Asked, bool], float] = {}  # monitors ask what `decimals` asks
        for one in self.candidates:
            call = one.asked, one.formula is None
            if one.formula or call not in took:
                began = time.perf_counter()
                answers_of(self.backbone, [question_of([one])], [picture])
                took[call] = time.perf_counter() - began
            if self._n_timed:  # the first picture warms everything up
                self.seconds.setdefault(one.name, []).append(took[call])
        self._n_timed += 1


def _elsewhere(one: Candidate, logprobs: FloatArray) -> FloatArray:
    """float64 [n]: what all answers leave of 1; a beginning may hold another's probability, too."""
    logs = logprobs.astype(np.float64)
    return outside(logs) if one.formula is None else np.clip(1.0 - np.exp(logs).sum(axis=1), 0.0, 1.0)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _out_of_memory(reason: str) -> InputError:
    return InputError(reason, kind="out-of-memory")
