"""What is asked to have a score explained, where the aspect's own words do not ask for it. Knows no model."""

from __future__ import annotations

from dataclasses import dataclass

from visq.aspects.aspect import Aspect
from visq.aspects.wording import read_version, read_whole, refuse_unknown
from visq.core.fields import Fields

_KEYS = ("version", "about", "question", "tokens", "source")
_PLACE = "{question}"
_MOST_TOKENS = 4096


@dataclass(frozen=True)
class Describing:
    """A question whose answer is an explanation.

    Attributes:
        name: of it.
        version: rises when any word of it changes.
        about: one line for people.
        question: with `{question}` in the place of the aspect's own, where that is asked too.
        tokens: of the answer at most.
        source: where the words are from.
    """

    name: str
    version: int
    about: str
    question: str
    tokens: int
    source: str

    @property
    def is_about_an_aspect(self) -> bool:
        """Whether the aspect's own question is asked with it."""
        return _PLACE in self.question

    def of(self, aspect: Aspect) -> str:
        """What is asked for one aspect.

        Example:
            >>> from visq.aspects import aspect, describing
            >>> describing("general").of(aspect("quality"))[:62]
            'How would you rate the quality of this image? Before you answe'
        """
        return self.question.replace(_PLACE, aspect.questions[0])


def read_describing(table: Fields, name: str) -> Describing:
    """Such a question from its TOML table.

    Raises:
        ModelError: a key is unknown or missing, or a value is not what is wanted; the message says which.
    """
    refuse_unknown(table, _KEYS)
    return Describing(
        name=name,
        version=read_version(table),
        about=table.text("about"),
        question=table.text("question"),
        tokens=read_whole(table, "tokens", 256, _MOST_TOKENS),
        source=table.text("source"),
    )
