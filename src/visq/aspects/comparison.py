"""What is asked about two pictures: which has more of an aspect. Knows no file, no model, no picture."""

from __future__ import annotations

from dataclasses import dataclass

from visq.aspects.wording import read_end, read_joint, read_stem, read_texts, read_version, refuse_unknown
from visq.core.fields import Fields

_KEYS = ("version", "about", "question", "stem", "answers", "joint", "end", "template", "source")


@dataclass(frozen=True)
class Comparison:
    """A question about two pictures; it has no scale, only a preference.

    Attributes:
        aspect: what is compared.
        dialect: whose words these are.
        version: rises when any word of it changes.
        about: one line for people.
        question: about both pictures.
        stem: the words an answer continues; ends without a space.
        answers: for the first picture, for the second, and for a tie where it may be said.
        joint: between stem and answer: a space, or nothing.
        end: what follows the answer directly.
        template: of the whole answer where the model thinks first, for `template`; else empty.
        source: where the words are from.
    """

    aspect: str
    dialect: str
    version: int
    about: str
    question: str
    stem: str
    answers: tuple[str, ...]
    joint: str
    end: str
    template: str
    source: str

    def sentence(self, answer: str) -> str:
        """The whole answer, as models are trained on it."""
        return f"{self.stem}{self.joint}{answer}{self.end}"


def read_comparison(table: Fields, aspect: str, dialect: str) -> Comparison:
    """A comparison from its TOML table.

    Raises:
        ModelError: a key is unknown or missing, or a value is not what is wanted; the message says which.
    """
    refuse_unknown(table, _KEYS)
    return Comparison(
        aspect=aspect,
        dialect=dialect,
        version=read_version(table),
        about=table.text("about"),
        question=table.text("question"),
        stem=read_stem(table),
        answers=read_texts(table, "answers", 2),
        joint=read_joint(table),
        end=read_end(table),
        template=table.text("template", ""),
        source=table.text("source"),
    )
