"""Read-out `text`: a score out of what a model wrote, or the reason why there is none. Never a default score.

For servers that give no probabilities; whoever has them reads answers instead. Knows text only, no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from visq.core.errors import InputError
from visq.core.scales import MOS, Scale, level_values
from visq.core.types import FloatArray

_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SPELLED = "|".join(_NUMBER_WORDS)
_SPELLED_FRACTION = re.compile(rf"\b({_SPELLED})\s+out\s+of\s+({_SPELLED}|[0-9]+)\b", re.IGNORECASE)
_SPELLED_FIRST = re.compile(rf"\W*({_SPELLED})\b", re.IGNORECASE)

# A number that is no part of something longer: no word, version, date, time, fraction or middle of a number.
_BEFORE = r"(?<![\w.,/])(?<![0-9]:)"
_DIGITS = r"[-+\u2212]?[0-9]+(?:,[0-9]{3})*(?:[.,][0-9]+)?"
_AFTER = r"(?![\w/]|[.,:][0-9]|-point)"
_NUMBER = re.compile(rf"{_BEFORE}(?P<number>{_DIGITS})(?P<percent>\s?%)?{_AFTER}")
_FRACTION = re.compile(
    rf"{_BEFORE}(?P<number>{_DIGITS})\s*(?:/|out\s+of)\s*(?P<whole>[0-9]+)(?:\.0+)?{_AFTER}", re.IGNORECASE
)
_THOUSANDS = re.compile(r"[-+\u2212]?[0-9]+(?:,[0-9]{3})+(?:\.[0-9]+)?")

_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_NEGATION = re.compile(r"(?:\b(?:not|no|never|hardly|neither|nor)|n['\u2019]t)(?:\s+\w+)?\s+$")
_NEGATION_REACH = 40  # characters before a word in which its negation is looked for
_OPENING = " \t\r\n*_\"'<([=:"  # what may stand between a stem and its score
_SHOWN = 40


@dataclass(frozen=True)
class TextReading:
    """Scores read out of texts; exactly one of value and reason exists for each.

    Attributes:
        value: float64 [n], on the read-out's scale; nan for a failure.
        reasons: of each text, one line saying why it gives no score, or None.
    """

    value: FloatArray
    reasons: tuple[str | None, ...]


class Text:
    """The one score a text gives, as a number, a fraction or a word.

    Where it looks: right after the last `stem`, if one is set; else within the last `<answer>...</answer>`;
    else in the whole text. What it takes: fractions (`8/10`, `eight out of 10`) before anything else; then
    numbers, the scale's own ends in `from 1 to 5` aside, and words of `answers`. A text that gives two
    different scores, or one outside the scale, or a word after `not`, is a failure.

    Args:
        answers: words, worst to best, that stand for evenly spaced scores; empty where only numbers count.
        scale: what numbers are on; a fraction is out of its `high`.
        stem: what stands right before the score, such as `The final score is <`; letter case and kinds of
            blank do not matter. A text without it is a failure.
        decimals: how many decimals a number must have, so that one cut off by a limit of tokens (`3.` of
            `3.44`) is a failure; None takes any.

    Attributes:
        needs: the call of a backbone that answers it.

    Raises:
        InputError: words stand twice, are empty or only one, the stem is blank, or decimals is negative.
    """

    needs: ClassVar[str] = "generate"

    def __init__(
        self,
        answers: Sequence[str] = (),
        scale: Scale = MOS,
        *,
        stem: str | None = None,
        decimals: int | None = None,
    ) -> None:
        words = [] if isinstance(answers, str) else [_folded(word) for word in answers]
        if (answers and len(words) < 2) or not all(words) or len(set(words)) != len(words):
            raise InputError(f"read-out 'text' needs two or more different words, or none, not {answers!r}")
        if stem is not None and not stem.strip():
            raise InputError("read-out 'text' needs a stem of words; leave it out where there is none")
        if decimals is not None and decimals < 0:
            raise InputError(f"decimals must be 0 or more, not {decimals!r}")
        self.answers = tuple(answers)
        self.scale = scale
        self.stem = stem
        self.decimals = decimals
        self._values = dict(zip(words, level_values(len(words), scale).tolist(), strict=True))
        # Longest first, so that "very good" is not read as "good" where both are answers.
        either = "|".join(map(_any_blanks, sorted(words, key=len, reverse=True)))
        self._word = re.compile(rf"(?<![\w-])(?:{either})(?![\w-])" if words else r"(?!)")
        self._stem = None if stem is None else re.compile(_any_blanks(stem.strip()), re.IGNORECASE)
        self._ends = _range_of(scale)

    def read(self, texts: Sequence[str]) -> TextReading:
        """Scores of n generated texts.

        Raises:
            InputError: what is given is not a list of texts.

        Example:
            >>> reading = Text(scale=Scale(1, 10)).read(["I give it 8 out of 10.", "Lovely!", "65.9"])
            >>> reading.value.tolist()
            [8.0, nan, nan]
            >>> reading.reasons
            (None, "no score in 'Lovely!'", "'65.9' is outside 1..10")
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InputError("read-out 'text' reads a list of generated texts")
        found = [self._score(text) for text in texts]
        return TextReading(
            np.array([np.nan if isinstance(one, str) else one for one in found], np.float64),
            tuple(one if isinstance(one, str) else None for one in found),
        )

    def _score(self, text: str) -> float | str:
        """The score of a text, or why there is none."""
        if self._stem is not None:
            return self._after_stem(text, self._stem)
        place = _answer_of(text)
        spelled = place.strip(" \t\r\n.!*\"'").casefold()
        if spelled in _NUMBER_WORDS:
            place = str(_NUMBER_WORDS.index(spelled))
        place = self._ends.sub(" ", _SPELLED_FRACTION.sub(_in_digits, place))
        fractions = list(_FRACTION.finditer(place))
        if fractions:
            return _only(map(self._fraction, fractions), place)
        folded = place.casefold()
        words = (self._named(word, folded) for word in self._word.finditer(folded))
        return _only([*map(self._number, _NUMBER.finditer(place)), *words], place)

    def _after_stem(self, text: str, stem: re.Pattern[str]) -> float | str:
        places = [found.end() for found in stem.finditer(text)]
        if not places:
            return f"no {self.stem!r} in {_quoted(text)}"
        place = _SPELLED_FRACTION.sub(_in_digits, text[places[-1] :].lstrip(_OPENING))
        spelled = _SPELLED_FIRST.match(place)
        if spelled:
            place = str(_NUMBER_WORDS.index(spelled[1].casefold())) + place[spelled.end() :]
        if found := _FRACTION.match(place):
            return self._fraction(found)
        if found := _NUMBER.match(place):
            return self._number(found)
        if found := self._word.match(place.casefold()):
            return float(self._values[_folded(found[0])])
        return f"no score after {self.stem!r} but {_quoted(place)}"

    def _fraction(self, found: re.Match[str]) -> float | str:
        if float(found["whole"]) != self.scale.high:
            return f"{_quoted(found[0])} is not out of {self.scale.high:g}, the best of {self.scale}"
        return self._on_scale(found, _plain(found["number"]))

    def _number(self, found: re.Match[str]) -> float | str:
        number = _plain(found["number"])
        if found["percent"] and (self.scale.low, self.scale.high) != (0, 100):
            return f"{_quoted(found[0])} is no score on {self.scale}"
        if self.decimals is not None and len(number.partition(".")[2]) != self.decimals:
            return f"{_quoted(found[0])} was to have {self.decimals} decimals"
        return self._on_scale(found, number)

    def _on_scale(self, found: re.Match[str], number: str) -> float | str:
        value = float(number)
        if not self.scale.low <= value <= self.scale.high:
            return f"{_quoted(found[0])} is outside {self.scale}"
        return value

    def _named(self, found: re.Match[str], text: str) -> float | str:
        before = text[max(0, found.start() - _NEGATION_REACH) : found.start()]
        if _NEGATION.search(before):
            return f"{_quoted(_NEGATION.findall(before)[0] + found[0])} is no score"
        return float(self._values[_folded(found[0])])


def _only(found: Iterable[float | str], text: str) -> float | str:
    """The one score all of them give, the first reason why one gives none, or that they differ."""
    scores = list(found)
    reasons = [score for score in scores if isinstance(score, str)]
    values = sorted({score for score in scores if not isinstance(score, str)})
    if reasons:
        return reasons[0]
    if not values:
        return f"no score in {_quoted(text)}"
    if len(values) > 1:
        shown = ", ".join(f"{value:g}" for value in values[:8])
        return f"several scores ({shown}) in {_quoted(text)}"
    return values[0]


def _answer_of(text: str) -> str:
    """What the last `<answer>...</answer>` holds; the whole text where there is none."""
    tags = list(_TAG.finditer(text))
    for opened, closed in zip(tags[-2::-1], tags[:0:-1], strict=True):
        if not opened[1] and closed[1]:
            return text[opened.end() : closed.start()]
    return text


def _in_digits(found: re.Match[str]) -> str:
    number, whole = (word.casefold() for word in found.groups())
    return " out of ".join(
        str(_NUMBER_WORDS.index(word)) if word in _NUMBER_WORDS else word for word in (number, whole)
    )


def _plain(number: str) -> str:
    """A number as Python writes it: a comma before three digits parts thousands, another is a point."""
    number = number.replace("\u2212", "-")
    return number.replace(",", "" if _THOUSANDS.fullmatch(number) else ".")


def _range_of(scale: Scale) -> re.Pattern[str]:
    """The ends of a scale named together, which are no score: `1 to 5`, `1-5`, `between 1 and 5`."""
    low, high = (rf"{re.escape(f'{end:g}')}(?:\.0+)?" for end in (scale.low, scale.high))
    joint = r"(?:to|through|and|-|\u2013|\u2014|\.\.)"
    return re.compile(rf"(?<![\w.,/-]){low}\s*{joint}\s*{high}{_AFTER}", re.IGNORECASE)


def _folded(word: str) -> str:
    return " ".join(word.casefold().split())


def _any_blanks(words: str) -> str:
    return r"\s+".join(map(re.escape, words.split()))


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "...")
