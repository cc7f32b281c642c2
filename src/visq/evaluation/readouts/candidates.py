"""Which read-outs fit an aspect: words, answers, and what makes a score of them. Asks no model.

Beside visq's own stand published formulas of `readouts/compat.toml`. Their authors read the first token of
an answer; here they are given whole answers. Where an answer is one token and ends there, both are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from visq.aspects import Aspect
from visq.core.errors import InputError
from visq.core.registry import unknown_name
from visq.core.scales import Scale
from visq.core.types import FloatArray, Reading
from visq.readouts.compat import Published, published, published_names
from visq.scoring.asked import FITTING, USAGE, Asked, Wanted, choose

SHOWN_FORMULAS = ("onealign", "q-bench")
"""Published formulas that are read unless others are named: the rest are one of these on another scale."""


@dataclass(frozen=True)
class Candidate:
    """A read-out in the words of an aspect.

    Attributes:
        name: of the read-out, or of the published formula.
        asked: the words; those of `levels` for a published formula.
        formula: the published formula; None for a read-out of visq.
    """

    name: str
    asked: Asked
    formula: Published | None = None

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
        """A Reading on `scale` of float [n, k], in the order of `answers`."""
        if self.formula is not None:
            return self.formula.read(logprobs)
        found: Reading = self.asked.reader.read(logprobs, closed_set=closed_set)
        return found


@dataclass(frozen=True)
class Question(Asked):
    """One question, asked once for all read-outs of it: its answers are all that some of them reads.

    Attributes:
        readers: the read-outs, one or more.
    """

    readers: tuple[Candidate, ...] = ()

    @property
    def answers(self) -> tuple[str, ...]:
        """Each answer once; empty where the model writes."""
        return tuple(dict.fromkeys(answer for one in self.readers for answer in one.answers))


def question_of(readers: Sequence[Candidate]) -> Question:
    """The question that these read-outs share."""
    first = readers[0].asked
    return Question(first.aspect, first.readout, first.temperature, readers=tuple(readers))


def questions_of(candidates: Iterable[Candidate]) -> list[Question]:
    """The fewest questions that all of them can be read from; a text is a question of its own."""
    shared: dict[tuple[Aspect, bool], list[Candidate]] = {}
    for one in candidates:
        shared.setdefault((one.asked.aspect, one.asked.writes), []).append(one)
    return [question_of(readers) for readers in shared.values()]


def known_readouts() -> list[str]:
    """Every name that may be asked for."""
    return [*FITTING, *published_names()]


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
    default: Asked, names: Sequence[str] | None, *, closed_set: bool, model: str
) -> tuple[list[Candidate], list[str]]:
    """The read-outs to be compared, the model's own first.

    Args:
        default: words and read-out that the model is made for.
        names: what is asked for; None takes all that fit.
        closed_set: the model has no other answers than the ones it is made for.
        model: its name, for messages.

    Returns:
        The candidates, and what was left out and why, a line each.

    Raises:
        InputError: one that was asked for does not fit.
    """
    found, left_out = [Candidate(default.readout, default)], []
    for name in dict.fromkeys([*FITTING, *SHOWN_FORMULAS] if names is None else names):
        if name == default.readout:
            continue
        try:
            found.append(_candidate(name, default, closed_set=closed_set, model=model))
        except InputError as error:
            if names is not None:
                raise
            left_out.append(f"{name} left out: {error}")
    return found, left_out


def _candidate(name: str, default: Asked, *, closed_set: bool, model: str) -> Candidate:
    aspect, formula = default.aspect, None if name in FITTING else published(name)
    if closed_set and not (formula and set(formula.answers) == set(default.answers)):
        raise InputError(
            f"model {model!r} answers with level words only and cannot be read as {name!r}", kind=USAGE
        )
    readout = name if formula is None else "levels"
    temperature = 1.0 if readout == "text" else default.temperature
    wanted = Wanted((aspect.name,), readout, temperature=temperature)
    (asked,) = choose(wanted, [aspect.name], aspect.dialect)
    if formula is not None and not set(formula.answers) <= set(asked.aspect.levels):
        raise InputError(
            f"published read-out {name!r} reads {', '.join(formula.answers)}; {aspect.name} is answered with "
            f"{', '.join(asked.aspect.levels)}",
            kind=USAGE,
        )
    return Candidate(name, asked, formula)
