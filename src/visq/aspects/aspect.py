"""What an aspect is, and how one is read from a TOML table. Knows no file, no model, no picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from visq.aspects.wording import (
    read_choice,
    read_end,
    read_joint,
    read_scale,
    read_stem,
    read_texts,
    read_version,
    read_whole,
    refusal,
    refuse_unknown,
)
from visq.core.errors import ModelError
from visq.core.fields import Fields, shown
from visq.core.numbers import MAX_ANSWERS, MOST_DECIMALS, count_numbers, numbers_of
from visq.core.scales import MOS, Scale

Kind = Literal["levels", "integers", "decimals"]
"""What is answered: level words, whole numbers, or numbers with decimals."""

Place = Literal["before", "after"]
"""Where the picture stands in a turn, seen from the question."""

KEYS = (
    *("about", "questions", "stem", "levels", "scale", "version", "kind", "decimals"),
    *("joint", "end", "picture", "source"),
)
"""What the table of an aspect may hold."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Aspect:
    """What is scored, and how it is asked.

    The whole answer is the stem, the joint, one of the answers, and the end. Invariant: the stem does not end
    with a space, answers differ from each other, and every number of a scale can be written.

    Attributes:
        name: `quality`, `aesthetics`, ...
        version: rises when any word of it changes.
        about: one line for people.
        scale: the scale its level values, or its numbers, lie on.
        levels: level words, worst to best; empty where numbers are answered.
        questions: pool of questions; the first one is asked when scoring.
        stem: the words an answer continues; ends without a space.
        dialect: whose words these are: `visq`, `onealign`, ...; `own` for an aspect of the user's.
        kind: what is answered; the word is that of the read-out.
        decimals: of each number answered; 0 for whole numbers and for words.
        joint: between stem and answer: a space, or nothing.
        end: what follows the answer directly.
        picture: whether the picture stands before or after the question.
        template: of the whole answer where the model thinks first, for `template`; else empty.
        source: where the words are from; empty where nobody said.
    """

    name: str
    version: int
    about: str
    scale: Scale
    levels: tuple[str, ...]
    questions: tuple[str, ...]
    stem: str
    dialect: str = "visq"
    kind: Kind = "levels"
    decimals: int = 0
    joint: str = " "
    end: str = "."
    picture: Place = "before"
    template: str = ""
    source: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """Everything that may be answered, worst to best."""
        return self.levels if self.kind == "levels" else numbers_of(self.scale, self.decimals)

    @property
    def opening(self) -> str:
        """The stem as a model is asked to go on from it: before numbers with its joint, before words without.

        A blank is the beginning of a word's first token, and a token of its own before a digit (SPEC 3.2.3).
        """
        return self.stem if self.kind == "levels" else self.stem + self.joint

    def sentence(self, answer: str) -> str:
        """The whole answer, as models are trained on it.

        Example:
            >>> from visq.aspects import aspect
            >>> aspect("quality", "onealign").sentence("good")
            'The quality of the image is good.'
        """
        return f"{self.stem}{self.joint}{answer}{self.end}"


def read_aspect(table: Fields, name: str, dialect: str, keys: Sequence[str] = KEYS) -> Aspect:
    """An aspect from its TOML table.

    `about`, `questions` and `stem` are needed, and `levels` unless numbers are answered. `{low}` and `{high}`
    in a question stand for the ends of the scale.

    Args:
        table: of this aspect.
        name: of the aspect: lower-case words joined by hyphens.
        dialect: whose words these are.
        keys: what the table may hold.

    Raises:
        ModelError: a key is unknown or missing, or a value is not what is wanted; the message says which.
    """
    if not _NAME.fullmatch(name):
        wanted = "lower-case words joined by hyphens, such as [face-sharpness]"
        raise ModelError(f"{table.about}: {shown(name)} is no name of an aspect; wanted {wanted}")
    refuse_unknown(table, keys)
    kind = cast(Kind, read_choice(table, "kind", get_args(Kind)))
    scale = read_scale(table) or MOS
    decimals = read_whole(table, "decimals", 2, MOST_DECIMALS) if kind == "decimals" else 0
    _check_answers(table, kind, scale, decimals)
    return Aspect(
        name=name,
        version=read_version(table),
        about=table.text("about"),
        scale=scale,
        levels=read_texts(table, "levels", 2) if kind == "levels" else (),
        questions=tuple(_with_range(question, scale) for question in read_texts(table, "questions", 1)),
        stem=read_stem(table),
        dialect=dialect,
        kind=kind,
        decimals=decimals,
        joint=read_joint(table),
        end=read_end(table),
        picture=cast(Place, read_choice(table, "picture", get_args(Place))),
        template=table.text("template", ""),
        source=table.text("source", ""),
    )


def _check_answers(table: Fields, kind: Kind, scale: Scale, decimals: int) -> None:
    """Refuse keys that the kind has no use for, and a scale whose ends cannot be answered."""
    useless = {"levels": ("decimals",), "integers": ("decimals", "levels"), "decimals": ("levels",)}[kind]
    for key in useless:
        if key in table:
            raise refusal(table, key, f"means nothing where kind is {kind!r}; leave one of the two out")
    if kind == "levels":
        return
    n = count_numbers(scale, decimals)
    if n is None or n > MAX_ANSWERS:
        wanted = f"ends of at most {decimals} decimals and at most {MAX_ANSWERS:,} numbers between them"
        raise refusal(table, "scale", f"is {scale}; wanted {wanted}, since numbers are answered")


def _with_range(question: str, scale: Scale) -> str:
    """The question with the ends of the scale in the places meant for them."""
    low, high = str(scale).split("..")
    return question.replace("{low}", low).replace("{high}", high)
