"""Which read-outs fit an aspect: words, answers, and what makes a score of them. Asks no model.

Beside visq's own stand monitors, which are no scores, and published formulas of `readouts/compat.toml`. The
authors of those read the first token of an answer and nothing after it, so that nothing has to end an answer
here either: where an answer is one token, both are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from visq.aspects import Aspect
from visq.core.errors import InputError
from visq.core.registry import unknown_name
from visq.core.scales import Scale
from visq.core.types import FloatArray, Picture, Prompted, Reading
from visq.evaluation.readouts import monitors
from visq.readouts.compat import Published, published, published_names
from visq.scoring.asked import FITTING, MONITORS, USAGE, Asked, Wanted, choose

SHOWN_FORMULAS = ("onealign", "q-bench")
"""Published formulas that are read unless others are named: the rest are one of these on another scale."""


@dataclass(frozen=True)
class Candidate:
    """A read-out in the words of an aspect.

    Attributes:
        name: of the read-out, of the monitor, or of the published formula.
        asked: the words; those of `levels` for a published formula, of `decimals` for a monitor.
        formula: the published formula; None for what is visq's.
    """

    name: str
    asked: Asked
    formula: Published | None = None

    @property
    def is_monitor(self) -> bool:
        """Whether its values are to be watched, and are no scores."""
        return self.name in MONITORS

    @property
    def answers(self) -> tuple[str, ...]:
        """Every answer it reads; empty where the model writes."""
        return self.asked.answers if self.formula is None else self.formula.answers

    @cached_property
    def scale(self) -> Scale:
        """What its values are on."""
        if self.formula is None:
            found: Scale = self.asked.reader.scale
            return found
        return Scale(min(self.formula.values), max(self.formula.values))

    def read(self, logprobs: FloatArray, *, closed_set: bool) -> Reading:
        """A Reading on `scale` of float [n, k], in the order of `answers`; a monitor has a value alone."""
        if self.formula is not None:
            return self.formula.read(logprobs)
        found: Reading = self.asked.reader.read(logprobs, closed_set=closed_set)
        if self.is_monitor:
            nothing = np.full(len(found.value), np.nan)
            value = monitors.READ[self.name](self.asked.reader, logprobs)
            return replace(found, value=value, spread=nothing, outside=nothing)
        return found


@dataclass(frozen=True)
class Question(Asked):
    """One question, asked once for all read-outs of it: its answers are all that some of them reads.

    All its answers are read, whatever scoring leaves unread, so that every read-out is of the same numbers.

    Attributes:
        readers: the read-outs, one or more, published formulas all of them or none.
    """

    readers: tuple[Candidate, ...] = ()

    @property
    def answers(self) -> tuple[str, ...]:
        """Each answer once; empty where the model writes.

        Those of published formulas are all levels, so that what is said elsewhere hangs on no other read-out.
        """
        every = () if self.readers[0].formula is None else self.aspect.levels
        return tuple(dict.fromkeys([*every, *(answer for one in self.readers for answer in one.answers)]))

    def of(self, pixels: Picture) -> Prompted:
        """The question about one picture; nothing has to end what a published formula reads."""
        asked = replace(super().of(pixels), unread=0.0)
        return asked if self.readers[0].formula is None else replace(asked, end=None)


def question_of(readers: Sequence[Candidate]) -> Question:
    """The question that these read-outs share."""
    first = readers[0].asked
    return Question(first.aspect, first.readout, first.temperature, readers=tuple(readers))


def questions_of(candidates: Iterable[Candidate]) -> list[Question]:
    """The fewest questions that all of them can be read from; a text is a question of its own.

    So are published formulas, whose answers nothing has to end.
    """
    shared: dict[tuple[Aspect, bool, bool], list[Candidate]] = {}
    for one in candidates:
        alike = one.asked.aspect, one.asked.writes, one.formula is None
        shared.setdefault(alike, []).append(one)
    return [question_of(readers) for readers in shared.values()]


def known_readouts() -> list[str]:
    """Every name that may be asked for."""
    return [*FITTING, *MONITORS, *published_names()]


def check_names(names: Sequence[str]) -> None:
    """Refuse a name that nobody knows.

    Raises:
        UnknownName: it is no read-out; the message offers the nearest.
        InputError: it is one of two pictures.
    """
    for name in names:
        if name == "pairwise":
            Wanted(readout=name)  # says why not
        if name not in known_readouts():
            raise unknown_name("read-out", name, known_readouts())


def candidates_of(
    default: Asked,
    names: Sequence[str] | None,
    *,
    closed_set: bool,
    model: str,
    wanted: Wanted,
) -> tuple[list[Candidate], list[str]]:
    """The read-outs to be compared, the model's own first.

    Args:
        default: words and read-out that the model is made for.
        names: what is asked for; None takes all that fit.
        closed_set: the model has no other answers than the ones it is made for.
        model: its name, for messages.
        wanted: the user's own words, or whose; all read-outs are asked in them.

    Returns:
        The candidates, and what was left out and why, a line each.

    Raises:
        InputError: one that was asked for does not fit.
    """
    found, left_out = [Candidate(default.readout, default)], []
    for name in dict.fromkeys(_usual(default) if names is None else names):
        if name == default.readout:
            continue
        try:
            found.append(_candidate(name, default, wanted, closed_set=closed_set, model=model))
        except InputError as error:
            if names is not None:
                raise
            left_out.append(f"{name} left out: {error}")
    return found, left_out


def _usual(default: Asked) -> Iterator[str]:
    """All that is read unless something is named: monitors stand behind `decimals`."""
    for name in dict.fromkeys([default.readout, *FITTING]):
        yield name
        yield from MONITORS if name == "decimals" else ()
    yield from SHOWN_FORMULAS


def _candidate(name: str, default: Asked, wanted: Wanted, *, closed_set: bool, model: str) -> Candidate:
    aspect, formula = default.aspect, published(name) if name in published_names() else None
    if closed_set and not (formula and set(formula.answers) == set(default.answers)):
        raise InputError(
            f"model {model!r} answers with level words only and cannot be read as {name!r}", kind=USAGE
        )
    readout = "levels" if formula else "decimals" if name in MONITORS else name
    temperature = 1.0 if readout == "text" else default.temperature
    words = replace(wanted, readout=readout, temperature=temperature)
    (asked,) = choose(words, [aspect.name], aspect.dialect)
    if formula is not None and not set(formula.answers) <= set(asked.aspect.levels):
        raise InputError(
            f"published read-out {name!r} reads {', '.join(formula.answers)}; {aspect.name} is answered with "
            f"{', '.join(asked.aspect.levels)}",
            kind=USAGE,
        )
    if name in MONITORS:
        monitors.expect_numbers(name, asked.reader)
    return Candidate(name, asked, formula)
