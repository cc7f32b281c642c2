"""What in a table is the score: a column, or a form of columns of logits. Knows cells, no label."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from visq.core.errors import InputError
from visq.core.scales import LEVEL_WORDS, Scale
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, LABEL_COLUMNS, listed

Cells = Mapping[str, str]

_SOFTMAX = re.compile(r"softmax\((.+)\)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_LOGIT = "logit_"
_ENDS = Scale(0.0, 1.0)


@dataclass(frozen=True)
class ScoreForm:
    """How a row's score is had.

    Attributes:
        name: as people type it: a column, `good-poor`, `softmax(good,poor)`, `softmax(good=1,poor=0)`.
        scale: what the score is measured on; None where the form does not say.
        read: cells of a row -> the score; None where the row has none. ValueError where a cell is no number.
    """

    name: str
    scale: Scale | None
    read: Callable[[Cells], float | None]


def score_form(columns: Sequence[str], aspect: str, wanted: str | None, shown: str) -> ScoreForm:
    """The form asked for, or the one that the columns leave no doubt about.

    Args:
        columns: of the table.
        aspect: what the scores are about.
        wanted: a column or a form; None takes the column called like the aspect, else `score`, else the
            softmax over the logits of level words, else the only column whose name says nothing else.
        shown: how errors call the table.

    Returns:
        The form. A softmax is over the words named alone, its score their weighted mean: without weights the
        words run from best to worst in equal steps, 1 to 0.

    Raises:
        InputError: no column or form of this name, or nothing is said and several columns could hold it.

    Example:
        >>> form = score_form(["image", "logit_good", "logit_poor"], "quality", None, "t.csv")
        >>> form.name, form.read({"logit_good": "1.5", "logit_poor": "1.5"})
        ('softmax(good,poor)', 0.5)
    """
    known = {name.casefold(): name for name in columns}
    if wanted is not None:
        return _named(wanted.strip(), known, shown, columns)
    for name in (aspect, "score"):
        is_made = name == "score" and any(column.startswith(_LOGIT) for column in known)
        if name in known and not is_made:
            return _column(known[name])
    words = [word for word in reversed(LEVEL_WORDS) if f"{_LOGIT}{word}" in known]
    if len(words) == len(LEVEL_WORDS):
        return _named(f"softmax({','.join(words)})", known, shown, columns)
    if {"good", "poor"} <= set(words):
        return _named("softmax(good,poor)", known, shown, columns)
    if "score" in known:
        return _column(known["score"])
    others = [name for name in columns if not _says_something_else(name)]
    if len(others) == 1:
        return _column(others[0])
    raise InputError(
        f"{shown}: which column holds the scores of {aspect}? Name one with --score; "
        f"columns: {listed(columns)}"
    )


def _says_something_else(name: str) -> bool:
    folded = name.casefold()
    return not folded or folded in (*ID_COLUMNS, *FILE_COLUMNS, *LABEL_COLUMNS, "sha256", "task")


def _named(wanted: str, known: Mapping[str, str], shown: str, columns: Sequence[str]) -> ScoreForm:
    if wanted.casefold() in known:
        return _column(known[wanted.casefold()])
    softmax = _SOFTMAX.fullmatch(wanted)
    if softmax:
        return _softmax(wanted, softmax.group(1), known, shown)
    first, dash, second = wanted.partition("-")
    if dash and first and second:
        better, worse = _logit(first, known, shown), _logit(second, known, shown)
        return ScoreForm(wanted, None, lambda cells: _difference(cells, better, worse))
    raise InputError(
        f"{shown} has no column {wanted!r}; give one, or a form such as good-poor or softmax(good,poor); "
        f"columns: {listed(columns)}"
    )


def _softmax(name: str, inside: str, known: Mapping[str, str], shown: str) -> ScoreForm:
    words, weights = [], []
    parts = [part.strip() for part in inside.split(",")]
    for i, part in enumerate(parts):
        word, is_weighted, weight = part.partition("=")
        words.append(_logit(word.strip(), known, shown))
        weights.append(_weight(weight, name) if is_weighted else 1 - i / max(1, len(parts) - 1))
    if len(words) < 2 or len(set(words)) < len(words):
        raise InputError(f"{name!r} needs two different words or more, such as softmax(good,poor)")
    n_weighted = sum("=" in part for part in parts)
    if n_weighted not in (0, len(parts)):
        raise InputError(f"{name!r}: give every word a weight, or none")
    scale = _ENDS if min(weights) >= 0 and max(weights) <= 1 else None
    return ScoreForm(name, scale, lambda cells: _expectation(cells, words, weights))


def _weight(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name!r}: {text!r} is no weight; write softmax(good=1,poor=0)")
    return number


def _logit(word: str, known: Mapping[str, str], shown: str) -> str:
    """The column of a word's logit: `logit_WORD`, or the word itself."""
    for name in (f"{_LOGIT}{word.casefold()}", word.casefold()):
        if _WORD.fullmatch(word) and name in known:
            return known[name]
    raise InputError(f"{shown} has no logits of {word!r} (a column 'logit_{word}')")


def _difference(cells: Cells, better: str, worse: str) -> float | None:
    one, other = number(cells[better]), number(cells[worse])
    return None if one is None or other is None else one - other


def _expectation(cells: Cells, columns: Sequence[str], weights: Sequence[float]) -> float | None:
    logits = [number(cells[name]) for name in columns]
    found = [logit for logit in logits if logit is not None]
    if len(found) < len(logits):
        return None
    shares = [math.exp(logit - max(found)) for logit in found]
    return sum(w * share for w, share in zip(weights, shares, strict=True)) / sum(shares)


def _column(name: str) -> ScoreForm:
    """A column; where visq's own tables name its scale beside it, the reader of the table takes that."""
    return ScoreForm(name, None, lambda cells: number(cells[name]))


def number(text: str) -> float | None:
    """A cell's finite number; None where it is empty.

    Raises:
        ValueError: it is something else.
    """
    if not text.strip():
        return None
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value
