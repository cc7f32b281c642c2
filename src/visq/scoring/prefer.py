"""Which of two pictures has more of an aspect. Knows questions, scores and probabilities; no table."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from visq.aspects import Comparison, comparison
from visq.backbones import Backbone
from visq.backbones.chat_options import OutOfMemory
from visq.core.errors import InputError, VisqError
from visq.core.registry import unknown_name
from visq.core.scales import Scale
from visq.core.types import FloatArray, Picture, Prompted, Sample, Score, printable
from visq.media import decode
from visq.readouts import READOUTS, Calibration
from visq.scoring.answers import NO_NUMBER, scores_of
from visq.scoring.asked import Asked

_HALF_90 = 1.6448536269514722
"""Half-width of a normal distribution's 90 % interval, in standard deviations."""

_NOISE = 1e-6
"""Margins below it are ties, as in read-out `pairwise`: float32 does not tell them apart."""


Pictured = str | os.PathLike[str] | Sample | Picture
"""What can be compared: a file's path, a Sample, or a decoded picture."""

Winner = Literal["first", "second"] | None


@dataclass(frozen=True)
class Preference:
    """Which of two pictures, a and b, has more of an aspect, and how sure that is.

    A tie is a margin of at most `tie`, or of at most 1e-6; and, where a tie may be answered, one that is
    likelier than either picture.

    Attributes:
        aspect: what was compared.
        winner: `first` for a, `second` for b, None for a tie.
        margin: -1..1, probability that a is better less that b is; None where scores come without any
            uncertainty (read-out `text`), and the winner then is the higher score.
        how: `pair`: the model saw both pictures at once, in both orders; `scores`: each was scored alone, and
            the margin is that of two normal distributions round the scores.
        why: why the model was not shown both at once; empty where it was.
        scores: of a and of b, each by itself; never part of a margin by `pair`.
        orders: by `pair`, probability that a is better, with a shown first and with b shown first (half of a
            tie's probability counts for either); else None. The margin is their sum less 1.
        outside: by `pair`, 0..1, probability of anything that names no picture, the mean of both orders;
            near 1 means that the margin is not to be trusted. Else None.

    Source:
        Pairs as read-out `pairwise`. Scores: P(a better) = Phi(difference / uncertainty), Thurstone's case V
        (1927) with standard deviations of the scores' own.
    """

    aspect: str
    winner: Winner
    margin: float | None
    how: Literal["pair", "scores"]
    why: str
    scores: tuple[Score, Score]
    orders: tuple[float, float] | None
    outside: float | None

    @property
    def difference(self) -> float:
        """Score of a less that of b, in units of their scale."""
        a, b = self.scores
        return a.value - b.value

    @property
    def uncertainty(self) -> float | None:
        """Standard deviation of `difference`, as if both scores erred apart from each other; None for text.

        From the 90 % intervals where there are any: then it is that of opinion scores. Else from the spreads.
        """
        return _uncertainty(*self.scores)

    @property
    def order_bias(self) -> float | None:
        """-1..1: how much likelier the first shown is to win than the second shown; None by scores."""
        return None if self.orders is None else self.orders[0] - self.orders[1]

    @property
    def orders_agree(self) -> bool | None:
        """Whether each order by itself has the same picture ahead; None by scores."""
        if self.orders is None:
            return None
        first, second = (np.sign(share - 0.5) for share in self.orders)
        return bool(first == second)

    @property
    def contradicts(self) -> bool:
        """Whether the winner is the picture with the lower score."""
        return self.winner is not None and self.difference * (1 if self.winner == "first" else -1) < 0


def asked_for(asked: Sequence[Asked], aspect: str | None) -> Asked:
    """The aspect of this name among those scored; None is the first.

    Raises:
        UnknownName: it is not among them.
    """
    by_name = {one.aspect.name: one for one in asked}
    if aspect is not None and aspect not in by_name:
        raise unknown_name("aspect of this scorer", aspect, by_name)
    return asked[0] if aspect is None else by_name[aspect]


def picture_of(given: Pictured, at_least: int | None) -> Picture:
    """A file's picture, decoded as for scoring; a decoded picture as it is.

    Raises:
        InputError: it cannot be read, or is no picture; the message names the file.
    """
    if isinstance(given, np.ndarray):
        if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3 or 0 in given.shape:
            found = f"{given.dtype} {list(given.shape)}"
            raise InputError(f"a decoded picture is uint8 [height, width, 3], not {found}; use a path")
        return given
    path = given.path if isinstance(given, Sample) else os.fspath(given)
    try:
        return decode(path, at_least=at_least).picture
    except InputError as error:
        raise InputError(f"{printable(path)!r}: {error}", kind=error.kind) from error


def preferred(
    backbone: Backbone,
    asked: Asked,
    pixels: Sequence[Picture],
    *,
    scale: Scale,
    calibration: Calibration | None,
    tie: float,
) -> Preference:
    """Compare two prepared pictures; all that is asked about them is asked in one call.

    Args:
        backbone: to ask.
        asked: aspect, words and read-out of the scores.
        pixels: of a and of b, as `prepare` returns them.
        scale: what scores are shown on.
        calibration: of the aspect's own scale; None where there is none.
        tie: 0..1, margins of at most it are ties.

    Raises:
        InputError: `tie` is out of range, the pictures do not fit the memory, or the model wrote no score.
    """
    if not 0 <= tie < 1:
        raise InputError(f"tie must be a number from 0 up to 1, not {tie!r}")
    name = asked.aspect.name
    words = comparison(name, asked.aspect.dialect)
    pairs = [] if words is None else [_about(words, *pixels), _about(words, *reversed(pixels))]
    why = _why_not(backbone, asked, words, pairs)
    answers = () if words is None else _worst_to_best(words)
    try:
        told, shown = _answers(backbone, asked, pixels, [] if why else pairs, answers)
    except OutOfMemory as error:
        raise InputError(next(iter(error.failed.values())), kind=error.kind) from error
    closed = backbone.closed_set
    found = scores_of(asked, told, {}, scale=scale, calibration=calibration, closed_set=closed)
    scores = _expect_both(found)
    if not why:
        return _by_pair(asked, scores, np.stack(shown), answers, tie)
    return _by_scores(name, scores, why, tie)


def _why_not(backbone: Backbone, asked: Asked, words: Comparison | None, pairs: Sequence[Prompted]) -> str:
    """Why the model cannot be shown both pictures at once; empty where it can."""
    if words is None:
        found = asked.aspect
        return f"there are no words in the dialect {found.dialect!r} to compare two pictures in {found.name}"
    try:
        for pair in pairs:
            backbone.expect_words(pair, _worst_to_best(words))
    except VisqError as error:
        return str(error)
    return ""


def _about(words: Comparison, first: Picture, second: Picture) -> Prompted:
    return Prompted(first, words.aspect, words.question, words.stem, words.joint, (second,))


def _worst_to_best(words: Comparison) -> tuple[str, ...]:
    """From the second shown is better to the first is, as `pairwise` wants them; a tie in the middle.

    With what follows them up to the full stop: that one ends an answer for any model.
    """
    first, second, *tie = ((answer + words.end).removesuffix(".") for answer in words.answers)
    return (second, *tie, first)


def _answers(
    backbone: Backbone,
    asked: Asked,
    pixels: Sequence[Picture],
    pairs: Sequence[Prompted],
    answers: Sequence[str],
) -> tuple[Sequence[FloatArray] | Sequence[str], list[FloatArray]]:
    """What is answered about each picture, and about each pair."""
    singles = [asked.of(one) for one in pixels]
    if asked.writes:
        told = backbone.generate(singles, asked.most_tokens)
        return told, backbone.answers_each(pairs, [answers] * len(pairs))
    of_each = [asked.answers] * len(singles) + [answers] * len(pairs)
    found = backbone.answers_each([*singles, *pairs], of_each)
    return found[: len(singles)], found[len(singles) :]


def _expect_both(found: Sequence[Score | InputError]) -> tuple[Score, Score]:
    for one in found:
        if isinstance(one, InputError):
            raise one
    a, b = (one for one in found if isinstance(one, Score))
    return a, b


def _by_pair(
    asked: Asked, scores: tuple[Score, Score], logprobs: FloatArray, answers: Sequence[str], tie: float
) -> Preference:
    name, temperature = asked.aspect.name, asked.temperature
    reading = READOUTS.get("pairwise")(answers, tie=tie, temperature=temperature).read(logprobs[None])
    margin, bias = float(reading.margin[0]), float(reading.order_bias[0])
    if math.isnan(margin):
        raise InputError(f"{name}: {NO_NUMBER}", kind="not-a-number")
    orders = (1 + margin + bias) / 2, (1 + margin - bias) / 2
    winner = _winner(int(reading.winner[0]))
    return Preference(name, winner, margin, "pair", "", scores, orders, float(reading.outside[0]))


def _by_scores(name: str, scores: tuple[Score, Score], why: str, tie: float) -> Preference:
    difference, std = scores[0].value - scores[1].value, _uncertainty(*scores)
    margin = None if std is None else _share_above(difference, std)
    ahead, least = (difference, _NOISE) if margin is None else (margin, max(tie, _NOISE))
    winner = _winner(0 if abs(ahead) <= least else ahead)
    return Preference(name, winner, margin, "scores", why, scores, None, None)


def _winner(ahead: float) -> Winner:
    if ahead == 0:
        return None
    return "first" if ahead > 0 else "second"


def _share_above(difference: float, std: float) -> float:
    """P(x > 0) - P(x < 0) of a normal distribution; of one without a width the sign of its place."""
    return math.erf(difference / (std * math.sqrt(2))) if std > 0 else float(np.sign(difference))


def _uncertainty(a: Score, b: Score) -> float | None:
    stds = [std for std in map(_std, (a, b)) if std is not None]
    return math.hypot(*stds) if len(stds) == 2 else None


def _std(score: Score) -> float | None:
    """By the side of the interval that the scale has not clipped, or the spread of the answers."""
    if score.low is None or score.high is None:
        return score.spread
    return max(score.value - score.low, score.high - score.value) / _HALF_90
