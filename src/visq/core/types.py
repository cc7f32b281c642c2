"""The values that pass between rooms: Sample, Picture, Prompted, Reading, Score, Row. No effects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visq.core.scales import LEVEL_WORDS, Scale

_MOST_BANDS = 7
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")

FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.integer[Any]]
Picture = NDArray[np.uint8]
"""uint8 [h, w, 3], RGB, sRGB, upright; made by `visq.media.decode` only."""


@dataclass(frozen=True)
class Sample:
    """One thing to score.

    Attributes:
        id: unique among the inputs of a run; printable text.
        path: where the picture is, as typed (may hold undecodable bytes as surrogates).
        prompt: the text a picture was made from, or None.
        group: what a split must not tear apart, or None.
        labels: aspect -> opinion score, in the data set's own unit.
        stds: aspect -> standard deviation of the raters' scores.
        extra: the other columns of a manifest, as text.
    """

    id: str
    path: str
    prompt: str | None = None
    group: str | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    stds: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prompted:
    """What a backbone is asked: prepared pixels, a question, the stem its answer continues.

    Attributes:
        pixels: uint8 [h, w, 3], already brought to the size the backbone wants.
        aspect: name of the aspect asked for.
        question: what is asked about the picture.
        stem: the words the answers continue.
        joint: what stands between a stem that does not end in a blank and an answer that does not begin with
            one: a blank, or nothing.
        more: pictures shown after the first one, where the question is about several; likewise prepared.
        end: what follows an answer directly; empty: a new line or the end of the turn, which end any answer.
            None: the answers are beginnings, which nothing has to end. Their probability is that of their
            tokens alone, and they need not exclude each other.
        unread: share of the answers' probability that may be left unread, from 0 up; 0: all is read. Answers
            left unread have the log-probability -inf, and together at most so many times the probability of
            those read. No effect on beginnings, which are all read.
    """

    pixels: Picture
    aspect: str
    question: str
    stem: str
    joint: str = " "
    more: tuple[Picture, ...] = ()
    end: str | None = "."
    unread: float = 0.0

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures the question is about, in the order they are shown."""
        return (self.pixels, *self.more)

    @property
    def blank(self) -> str:
        """What joins an answer to the stem: nothing where there is none, or where it brings its own blank."""
        return self.joint if self.stem and not self.stem[-1].isspace() else ""


@dataclass(frozen=True)
class Reading:
    """What a read-out makes of answer log-probabilities, one entry a picture.

    Attributes:
        value: float64 [n], on the read-out's scale.
        distribution: float64 [n, k], rows sum to 1, answers in the read-out's order.
        spread: float64 [n], standard deviation of the distribution, same unit as value.
        outside: float64 [n], 0..1, probability of anything that was no answer; nan where the
            model has no other answers (kind `head`).

    Example:
        >>> shares = np.array([[0.5, 0.1, 0.4], [0.0, 0.5, 0.5]])
        >>> reading = Reading(np.array([1.9, 2.5]), shares, np.array([0.94, 0.5]), np.zeros(2))
        >>> reading.top.tolist(), reading.neighbours.tolist()
        ([[0, 2], [1, 2]], [False, True])
    """

    value: FloatArray
    distribution: FloatArray
    spread: FloatArray
    outside: FloatArray

    @property
    def top(self) -> IntArray:
        """int64 [n, 2]: the two most probable answers, of equals the earlier; -1 without a distribution."""
        order = np.argsort(-self.distribution, axis=1, kind="stable")[:, :2].astype(np.int64)
        order[np.isnan(self.distribution).any(axis=1)] = -1
        return order

    @property
    def neighbours(self) -> BoolArray:
        """Whether the two of `top` stand side by side, bool [n]; where not, the model is of two minds."""
        top = self.top
        return np.asarray(np.abs(top[:, 0] - top[:, 1]) == 1)


@dataclass(frozen=True)
class Explanation:
    """What a model said of a picture before the score of an aspect was read.

    Attributes:
        text: one line of printable characters, 4,000 at most; a longer one ends in ` ...`.
        forced: visq appended the aspect's stem, since the model did not write it; None where the score was
            read apart from the text.
        contradicts: the text names levels, and none of them is within one level of the score; None where it
            names none, or the score was read apart from it.
    """

    text: str
    forced: bool | None
    contradicts: bool | None


@dataclass(frozen=True)
class Score:
    """One aspect of one picture, on `scale`.

    Attributes:
        value: the score.
        low: lower bound of the 90 % interval, clipped to the scale; None without calibration.
        high: upper bound, likewise.
        scale: what value, low, high and spread are measured on.
        distribution: answer -> share, worst to best, summing to 1. Of more than 20 answers (numbers with
            decimals) only the ten likeliest; empty where the model wrote its score as text.
        spread: standard deviation of the whole distribution, in units of the scale; None for text.
        outside: probability of no answer, 0..1; None for models that have no other answers, and for text.
        explanation: what the model said of the picture; None where it was not asked to.
    """

    value: float
    low: float | None
    high: float | None
    scale: Scale
    distribution: Mapping[str, float]
    spread: float | None
    outside: float | None
    explanation: Explanation | None = None

    @property
    def bands(self) -> tuple[str, ...]:
        """Words for equal parts of the scale, worst to best: the answers themselves, or five grades.

        Example:
            >>> Score(3.4, None, None, Scale(1, 5), {"3": 0.6, "4": 0.4}, 0.5, 0.0).bands
            ('bad', 'poor', 'fair', 'good', 'excellent')
        """
        words = tuple(self.distribution)
        are_words = 2 <= len(words) <= _MOST_BANDS and not any(word[:1].isdigit() for word in words)
        return words if are_words else LEVEL_WORDS


@dataclass(frozen=True)
class Row:
    """One sample's outcome: scores for each aspect, or a failure with its reason. Never both.

    Attributes:
        id: the sample's id.
        path: the sample's path, as typed; what is written anywhere is `printable` of it.
        status: `ok` or `failed`.
        error: one line saying why it failed; None where it did not.
        kind: a short word for the failure.
        note: what was met and survived (a corrupt orientation tag), or None.
        sha256: of the file's bytes; None where they could not be read.
        scores: aspect -> Score; empty for a failure.
    """

    id: str
    path: str
    status: Literal["ok", "failed"]
    error: str | None = None
    kind: str | None = None
    note: str | None = None
    sha256: str | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)


def printable(text: str) -> str:
    r"""Text with undecodable bytes and control characters written as escapes, so that any file can hold it.

    File names on Linux are bytes: Python shows the undecodable ones as lone surrogates, which neither
    UTF-8 nor SQLite can store, and a name may hold line breaks or terminal codes.

    Example:
        >>> printable("a\udcff\n.jpg")
        'a\\xff\\n.jpg'
    """
    # Half a character, as JSON may spell one, is no byte that could be decoded: it is an escape at once.
    whole = _HALF.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    decoded = whole.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in decoded)
