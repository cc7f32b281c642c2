"""Has a model explain its scores before they are read. Knows questions and texts; takes no score from a text.

Where the explanation belongs to the answer, it is written first, up to the aspect's stem, and the score is
read behind both (SPEC 3.2.3). Where a model was trained to describe pictures in a question of its own, that
is asked apart, and the score is read as it is without an explanation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from visq.aspects import Aspect, describing, template
from visq.backbones import Backbone
from visq.backbones.chat_options import OutOfMemory
from visq.core.errors import InputError
from visq.core.scales import LEVEL_WORDS, LevelIntervals, Scale
from visq.core.types import Explanation, Picture, Prompted, Score, printable
from visq.scoring.asked import Asked

MOST_CHARACTERS = 4000
"""Of an explanation that is kept; the score is read after the whole of it."""

_CUT = " ..."
_NO_PIXELS = np.zeros((1, 1, 3), dtype=np.uint8)
# A full stop behind a digit may stand inside a number or number a list, so it ends no sentence here.
_SENTENCE_END = re.compile(r"""(?:(?<![0-9])\.|[!?])["')\]]*(?=\s|$)|[\u3002\uff01\uff1f]""")


@dataclass(frozen=True)
class Explaining:
    """How a model is made to explain one aspect.

    Attributes:
        asked: aspect and read-out.
        question: whose answer is the explanation.
        tokens: of it at most.
        is_apart: the score is read in a turn of its own, as it is without an explanation; else behind it.
    """

    asked: Asked
    question: str
    tokens: int
    is_apart: bool

    @property
    def until(self) -> str:
        """The text that ends an explanation: the stem, behind which the score is read; empty where apart."""
        return "" if self.is_apart else self.asked.aspect.stem

    def of(self, pixels: Picture) -> Prompted:
        """What is asked for an explanation."""
        return replace(self.asked.of(pixels), question=self.question, stem="")

    def behind(self, pixels: Picture, text: str) -> Prompted:
        """What the score is read from, once a text was written."""
        plain = self.asked.of(pixels)
        return plain if self.is_apart else replace(plain, question=self.question, stem=text + plain.stem)


def explaining(asked: Asked, *, describes: bool) -> Explaining:
    """How one aspect is explained: as its words say, else as the model was trained, else as visq asks anyone.

    Args:
        asked: aspect and read-out.
        describes: the model was trained to describe pictures in visq's own question.
    """
    found = asked.aspect
    if found.template:
        return Explaining(asked, found.questions[0], asked.most_tokens, is_apart=False)
    question = describing("facts" if describes else "general")
    return Explaining(asked, question.of(found), question.tokens, is_apart=not question.is_about_an_aspect)


def explaining_of(backbone: Backbone, asked: Sequence[Asked]) -> list[Explaining]:
    """How each aspect is explained; its words are tried on the model, since no picture was read yet.

    Raises:
        InputError, MissingExtra: the model cannot take them.
    """
    ways = [explaining(one, describes=getattr(backbone, "describes", False)) for one in asked]
    for way in ways:
        if not way.is_apart:
            backbone.expect_words(way.behind(_NO_PIXELS, "Sharp. "), way.asked.answers)
    return ways


def said_of(ways: Sequence[Explaining]) -> list[str]:
    """What people are told of it, a line for aspects that are explained alike."""
    names: dict[str, list[str]] = {}
    for way in ways:
        names.setdefault(_how(way), []).append(way.asked.aspect.name)
    return [f"explanations of {' and '.join(of)} {how}" for how, of in names.items()]


def _how(way: Explaining) -> str:
    if way.is_apart:
        return "are asked for in a question of their own; scores are those without --explain"
    if way.asked.aspect.template:
        return "come before the scores, as the model was tuned; scores differ from those without --explain"
    return (
        "are asked for in visq's words and come before the scores; scores differ from those without --explain"
    )


@dataclass(frozen=True)
class Told:
    """What a model is to be asked for a score, and what it told before.

    Attributes:
        question: the score is read from; holds the explanation where it is read behind one.
        text: the explanation as written; None where none was asked for.
        forced: the stem was appended by visq; None where the score is read apart from the text.
    """

    question: Prompted
    text: str | None = None
    forced: bool | None = None

    def beside(self, score: Score, aspect: Aspect) -> Score:
        """The score with its explanation, if there is one."""
        if self.text is None:
            return score
        against = None if self.forced is None else contradicts(self.text, aspect, score)
        return replace(score, explanation=Explanation(_shown(self.text), self.forced, against))


def tell(
    backbone: Backbone, asked: Sequence[Asked], ways: Sequence[Explaining], pixels: Sequence[Picture]
) -> tuple[list[dict[str, Told]], dict[int, InputError]]:
    """Explanations of several aspects of several pictures; a question that aspects share is asked once.

    Args:
        backbone: to ask.
        asked: the aspects.
        ways: how each is explained; empty where none is.
        pixels: n prepared pictures.

    Returns:
        Of each picture, aspect -> what was told; and number of the picture -> why it has no explanation.
    """
    found = [{one.aspect.name: Told(one.of(picture)) for one in asked} for picture in pixels]
    said = _said(backbone, ways, pixels)
    failed: dict[int, InputError] = {}
    for way in ways:
        name = way.asked.aspect.name
        for k, picture in enumerate(pixels):
            told = _told(backbone, way, picture, said[k, way.question, way.until])
            if isinstance(told, InputError):
                failed.setdefault(k, InputError(f"{name}: {told}", kind=told.kind))
            else:
                found[k][name] = told
    return found, failed


Key = tuple[int, str, str]
"""Number of the picture, question, text that ends its answer."""


def _said(
    backbone: Backbone, ways: Sequence[Explaining], pixels: Sequence[Picture]
) -> dict[Key, str | InputError]:
    """What the model says to each question about each picture, or why it says nothing."""
    together: dict[tuple[int, str], dict[Key, Prompted]] = {}
    for way in ways:
        for k, picture in enumerate(pixels):
            group = together.setdefault((way.tokens, way.until), {})
            group[k, way.question, way.until] = way.of(picture)
    said: dict[Key, str | InputError] = {}
    for (tokens, until), group in together.items():
        failed: Mapping[int, str] = {}
        try:
            texts = backbone.generate(list(group.values()), tokens, until)
        except OutOfMemory as error:  # of some pictures; all others were described
            texts, failed = error.found, error.failed
        for number, (key, text) in enumerate(zip(group, texts, strict=True)):
            why = failed.get(number)
            said[key] = text if why is None else InputError(why, kind="out-of-memory")
    return said


def _told(backbone: Backbone, way: Explaining, pixels: Picture, said: str | InputError) -> Told | InputError:
    """An explanation and the question behind it; or why there is none that a score can be read behind."""
    if isinstance(said, InputError):
        return said
    text, found, _ = said.partition(way.until) if way.until else (said, "", "")
    if not text.strip():
        return InputError("the model wrote no explanation", kind="no-explanation")
    if way.is_apart:
        return Told(way.behind(pixels, ""), text)
    if not found:
        text = f"{whole_sentences(text)} "
    question = way.behind(pixels, text)
    try:
        backbone.expect_words(question, way.asked.answers)
    except InputError as error:
        return InputError(f"no score can be read behind its explanation: {error}", kind="no-explanation")
    return Told(question, text, forced=not found)


def whole_sentences(text: str) -> str:
    """A text up to its last full sentence; as it is where it has none.

    Example:
        >>> whole_sentences("Sharp, 3.5 of 5. A bit dark! The colours are")
        'Sharp, 3.5 of 5. A bit dark!'
    """
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text.rstrip()


def contradicts(text: str, aspect: Aspect, score: Score) -> bool | None:
    """Whether a text names levels, and the nearest of them is more than one level away from the score.

    Named are the aspect's level words (the five grades where it is answered in numbers), `N/HIGH` and `N out
    of HIGH` on the aspect's scale, and numbers in places of its template that are on this scale. The score's
    level is the equal part of its scale that it lies in, as is the word beside it; of an aspect with two
    levels the other one contradicts. A text is not understood: `not good` names `good`.

    Args:
        text: of an explanation.
        aspect: explained.
        score: of the aspect, on any scale.

    Returns:
        None where the text names no level.
    """
    words = aspect.levels or LEVEL_WORDS
    numbers = list(_numbers_named(text, aspect))
    named = [*_words_named(text, words), *_level(aspect.scale, numbers, len(words))]
    if not named:
        return None
    (read,) = _level(score.scale, [score.value], len(words))
    return min(abs(level - read) for level in named) > (1 if len(words) > 2 else 0)


def _level(scale: Scale, values: Sequence[float], n_levels: int) -> list[int]:
    found: list[int] = LevelIntervals(scale, n_levels=n_levels).level(values).tolist()
    return found


def _words_named(text: str, words: Sequence[str]) -> Iterator[int]:
    for level, word in enumerate(words):
        if re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE):
            yield level


def _numbers_named(text: str, aspect: Aspect) -> Iterator[float]:
    """Numbers on the aspect's scale that a text gives as a score."""
    out_of = rf"(?<![0-9.])([0-9]{{1,4}}(?:\.[0-9]{{1,9}})?)\s?(?:/|out of)\s?{aspect.scale.high:g}(?![0-9])"
    numbers = [float(found) for found in re.findall(out_of, text)]
    if aspect.template:
        whole = template(aspect.template)
        values = whole.parse(text).values
        own = [values[part.name] for part in whole.parts if part.is_number and part.scale is None]
        numbers += [value for value in own if isinstance(value, int | float)]
    yield from (number for number in numbers if aspect.scale.low <= number <= aspect.scale.high)


def _shown(text: str) -> str:
    """As it is kept: one line of printable characters, of bounded length."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - len(_CUT)] + _CUT
