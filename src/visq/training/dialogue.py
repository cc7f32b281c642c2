"""What `mini` is asked and what it answers, as words and as tokens. Knows no picture and no score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visq.aspects import aspect, comparison, describing
from visq.core.errors import DataError
from visq.training.facts import SLOTS, sentence
from visq.training.tokenizer import ASSISTANT, END, IMAGE, SPECIALS, USER

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Turn:
    """A question and what may be answered.

    Attributes:
        question: about one picture, or about two.
        stem: the words an answer continues; may be empty.
        answers: what may follow the stem, worst to best; each begins as it does after the stem.
    """

    question: str
    stem: str
    answers: tuple[str, ...]


RATING_DIALECT = "visq-rating"
RATINGS = aspect("quality", RATING_DIALECT).answers
DESCRIBE = Turn(describing("facts").question, "", ())


def level_turn(name: str) -> Turn:
    """The aspect's own question, stem and level words."""
    asked = aspect(name)
    return Turn(asked.questions[0], asked.stem, tuple(f" {word}" for word in asked.levels))


def rating_turn(name: str) -> Turn:
    """The same as a whole number 1..10, in the words that `visq score --readout integers` asks in."""
    asked = aspect(name, RATING_DIALECT)
    return Turn(asked.questions[0], asked.opening, asked.answers)


def pair_turn(name: str) -> Turn:
    """Which of two pictures has more of an aspect."""
    asked = comparison(name)
    if asked is None:
        raise DataError(f"there are no words to compare two pictures in {name!r}; train without it")
    return Turn(asked.question, asked.stem, tuple(f" {answer}" for answer in asked.answers))


def all_words(aspects: Sequence[str]) -> Iterator[str]:
    """Every sentence of the dialogue, for learning a vocabulary."""
    for name in aspects:
        for turn in (level_turn(name), rating_turn(name), pair_turn(name)):
            yield turn.question
            yield from (f"{turn.stem}{answer}." for answer in turn.answers)
    yield DESCRIBE.question
    yield from (sentence([third] * len(SLOTS)) for third in range(3))


@dataclass(frozen=True)
class Encoded:
    """A turn as tokens.

    Attributes:
        prompt: up to and with the stem, pictures' places included.
        answers: answer -> its tokens, terminator not included.
        stop: tokens that end an answer: the full stop and the end of the turn.
    """

    prompt: tuple[int, ...]
    answers: Mapping[str, tuple[int, ...]]
    stop: tuple[int, int]


def encode(tokenizer: Tokenizer, turn: Turn, pictures: int, places: int) -> Encoded:
    """Tokens of a turn: user, places of the pictures, question, assistant, stem.

    Args:
        tokenizer: of `learn_tokenizer`.
        turn: question, stem, answers.
        pictures: how many the question is about.
        places: visual tokens of one.
    """

    def ids(text: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(text, add_special_tokens=False).ids)

    user, assistant, image, end = (SPECIALS.index(word) for word in (USER, ASSISTANT, IMAGE, END))
    prompt = (user, *(image,) * (pictures * places), *ids(turn.question), assistant, *ids(turn.stem))
    (stop,) = ids(".")
    return Encoded(prompt, {answer: ids(answer) for answer in turn.answers}, (stop, end))
