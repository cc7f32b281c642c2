"""What is asked for an aspect, and what reads the answers: aspect, words and read-out chosen together.

Knows aspects and read-outs by name; no model, no picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from visq.aspects import Aspect, dialects, every_aspect, own_aspects
from visq.core.errors import InputError
from visq.core.registry import unknown_name
from visq.core.scales import MOS, Scale
from visq.core.types import Picture, Prompted
from visq.readouts import READOUTS

FITTING: Mapping[str, tuple[str, ...]] = {
    "levels": ("levels",),
    "integers": ("integers",),
    "decimals": ("decimals",),
    "contrast": ("levels",),
    "text": ("levels", "integers", "decimals"),
}
"""Read-out of one picture -> kinds of aspects whose answers it reads."""

MONITORS = ("decimals-greedy", "decimals-one-path")
"""What `visq readouts` shows beside `decimals`, of the same answers; never a score."""

USAGE = "usage"
"""Kind of an error about the words of a command, as against what is on disk."""

_FIVE = 5
_PROBABILITY = Scale(0, 1)
_SAID, _THOUGHT = 16, 512  # tokens of a score, and of a score after a rationale


@dataclass(frozen=True)
class Asked:
    """An aspect in the words of one dialect, and the read-out of its answers.

    Attributes:
        aspect: question, stem, answers, scale.
        readout: name of the read-out.
        temperature: of the read-out.
    """

    aspect: Aspect
    readout: str
    temperature: float = 1.0

    @cached_property
    def reader(self) -> Any:  # read-outs share no class
        """What makes scores of answers: an object of READOUTS."""
        return _READERS[self.readout](READOUTS.get(self.readout), self.aspect, self.temperature)

    @property
    def answers(self) -> tuple[str, ...]:
        """Every answer whose probability is asked for; empty where the model writes."""
        return () if self.writes else tuple(self.reader.answers)

    @property
    def shown(self) -> tuple[str, ...]:
        """What a distribution's columns stand for, worst to best."""
        return _poles(self.aspect.levels) if self.readout == "contrast" else self.aspect.answers

    @property
    def writes(self) -> bool:
        """Whether the model writes its score, so that there are no probabilities."""
        return self.readout == "text"

    def is_usual(self, readout: str) -> bool:
        """Whether it is what visq's own models are made for and calibrated by, with this read-out."""
        return (self.readout, self.temperature, self.aspect.dialect) == (readout, 1.0, "visq")

    def shown_on(self, scale: Scale | None) -> Scale:
        """What scores are shown on: the scale asked for, else 0..1 of a probability and 1..5 of all else."""
        return scale or (self.aspect.scale if self.aspect.scale == _PROBABILITY else MOS)

    @property
    def most_tokens(self) -> int:
        """How much a model may write."""
        return _THOUGHT if _thinks(self.aspect) else _SAID

    def of(self, pixels: Picture) -> Prompted:
        """The question about one picture; a model that thinks before it writes its score gets no stem."""
        found = self.aspect
        stem = "" if self.writes and _thinks(found) else found.opening
        unread = getattr(self.reader, "unread", 0.0)  # of answers that are many
        return Prompted(
            pixels, found.name, found.questions[0], stem, found.joint, end=found.end, unread=unread
        )


def _thinks(aspect: Aspect) -> bool:
    return bool(aspect.template)


def _poles(levels: Sequence[str]) -> tuple[str, str]:
    """The two words that are set against each other: `poor` and `good` of the five grades (Q-Bench).

    Of fewer levels than five the ends, since there are none beside them.
    """
    return (levels[1], levels[-2]) if len(levels) >= _FIVE else (levels[0], levels[-1])


def _text(make: Any, aspect: Aspect, _: float) -> Any:
    stem = aspect.stem if _thinks(aspect) else None
    return make(aspect.levels, aspect.scale, stem=stem, decimals=aspect.decimals or None)


_READERS: Mapping[str, Callable[[Any, Aspect, float], Any]] = {
    "levels": lambda make, a, t: make(a.levels, a.scale, temperature=t),
    "integers": lambda make, a, t: make(a.answers, a.scale, temperature=t),
    "decimals": lambda make, a, t: make(a.answers, a.scale, decimals=a.decimals, temperature=t),
    "contrast": lambda make, a, t: make(_poles(a.levels), a.scale, temperature=t),
    "text": _text,
}


@dataclass(frozen=True)
class Wanted:
    """Which words and which read-out a user asks for; checked as far as that needs no model.

    Attributes:
        aspects: names, or TOML files of one's own aspects, each whole or with `#NAME`; None takes what the
            model is made for.
        readout: a name of FITTING; None takes what the words are made for.
        dialect: whose words; None takes the model's own.
        temperature: of the read-out, > 0; None takes 1.
        explain: each score is explained.

    Raises:
        UnknownName: there is no such aspect, read-out or dialect.
        InputError: the temperature is not a finite number above 0, an aspect file cannot be used, or two
            options do not go together.
    """

    aspects: tuple[str, ...] | None = None
    readout: str | None = None
    dialect: str | None = None
    temperature: float | None = None
    explain: bool = False

    def __post_init__(self) -> None:
        from visq.readouts.expectation import checked_temperature

        if self.temperature is not None:
            checked_temperature(self.temperature)
        _expect_readout(self.readout)
        if self.dialect is not None and self.dialect not in dialects():
            raise unknown_name("dialect", self.dialect, dialects())
        if self.readout == "text" and self.temperature not in (None, 1):
            raise InputError("read-out 'text' has no temperature; leave it out", kind=USAGE)
        if self.readout == "text" and self.explain:
            raise InputError(
                "read-out 'text' reads the score from what the model writes and keeps no explanation; leave "
                "one of the two out",
                kind=USAGE,
            )
        if self.aspects is not None and not self.aspects:
            raise InputError("no aspect to score; name one, such as quality", kind=USAGE)
        for name in self.names or ():
            if name not in known_aspects() and name not in self.own:
                raise unknown_name("aspect", name, known_aspects())

    @cached_property
    def own(self) -> Mapping[str, Aspect]:
        """The user's own aspects by name, out of the files named."""
        found: dict[str, Aspect] = {}
        for name in self.aspects or ():
            path, chosen = _file_of(name)
            if path is None:
                continue
            inside = {one.name: one for one in own_aspects(path)}
            if chosen and chosen not in inside:
                raise unknown_name(f"aspect of {str(path)!r}", chosen, inside)
            for one in [inside[chosen]] if chosen else inside.values():
                if found.get(one.name, one) != one:
                    raise InputError(
                        f"two files have an aspect {one.name!r}, one of them {str(path)!r}; rename one",
                        kind=USAGE,
                    )
                found[one.name] = one
        return found

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """Names of the aspects, each once, in order."""
        if self.aspects is None:
            return None
        found: list[str] = []
        for name in self.aspects:
            path, chosen = _file_of(name)
            if path is None:
                found.append(name)
            elif chosen:
                found.append(chosen)
            else:
                found += [one.name for one in own_aspects(path)]
        return tuple(dict.fromkeys(found))


def _expect_readout(name: str | None) -> None:
    """Refuse what makes no score of one picture."""
    if name == "pairwise":
        raise InputError("read-out 'pairwise' compares two pictures and scores none", kind=USAGE)
    if name in MONITORS:
        raise InputError(
            f"{name!r} is a monitor of visq readouts and no score; use read-out 'decimals'", kind=USAGE
        )
    if name is not None and name not in FITTING:
        raise unknown_name("read-out", name, FITTING)


def known_aspects() -> list[str]:
    """Names of visq's aspects in any words."""
    return list(dict.fromkeys(found.name for found in every_aspect()))


def _file_of(name: str) -> tuple[Path | None, str]:
    """`own.toml#sharpness` as file and name; no file where it is the name of one of visq's."""
    path, _, chosen = name.partition("#")
    return (Path(path), chosen) if path.endswith(".toml") else (None, "")


def choose(wanted: Wanted, names: Sequence[str], dialect: str) -> list[Asked]:
    """Words and read-out of each aspect.

    The model's own words come first; where they do not fit the read-out, the first dialect whose words do.

    Args:
        wanted: what the user asks for.
        names: of the aspects.
        dialect: the model's own.

    Raises:
        InputError: no words fit the read-out, or not those of the dialect asked for.
    """
    if wanted.dialect is not None and all(name in wanted.own for name in names):
        raise InputError("--dialect has no effect on aspects of your own; leave it out", kind=USAGE)
    found = []
    for name in names:
        one = wanted.own[name] if name in wanted.own else _words(wanted, name, dialect)
        readout = wanted.readout or one.kind
        _expect_fitting(one, readout)
        found.append(Asked(one, readout, 1.0 if wanted.temperature is None else wanted.temperature))
    return found


def _words(wanted: Wanted, name: str, dialect: str) -> Aspect:
    """The aspect in the model's own words, else in the first that fit."""
    every = [one for one in every_aspect() if one.name == name]
    mine = next((one for one in every if one.dialect == dialect), None)
    if mine is not None and (_fits(mine, wanted.readout) or wanted.dialect is not None):
        return mine
    if wanted.dialect is not None:
        spoken = ", ".join(one.name for one in every_aspect() if one.dialect == dialect)
        raise InputError(f"dialect {dialect!r} has no words for {name!r}; it has {spoken}", kind=USAGE)
    fitting = [one for one in every if _fits(one, wanted.readout)]
    if not fitting:
        kinds = sorted({one.kind for one in every})
        raise InputError(
            f"no words for {name!r} fit read-out {wanted.readout!r}; known words give {', '.join(kinds)}",
            kind=USAGE,
        )
    return fitting[0]


def _fits(aspect: Aspect, readout: str | None) -> bool:
    return readout is None or aspect.kind in FITTING[readout]


def _expect_fitting(aspect: Aspect, readout: str) -> None:
    if not _fits(aspect, readout):
        fitting = ", ".join(name for name, kinds in FITTING.items() if aspect.kind in kinds)
        raise InputError(
            f"read-out {readout!r} does not fit {aspect.name!r} in the words of {aspect.dialect!r}, answered "
            f"in {aspect.kind}; use {fitting}",
            kind=USAGE,
        )


def words_hash(asked: Sequence[Asked]) -> str | None:
    """What tells a user's own words from others of the same name; None where all are visq's."""
    own = [one.aspect for one in asked if one.aspect.dialect == "own"]
    return hashlib.sha256(repr(own).encode()).hexdigest()[:16] if own else None
