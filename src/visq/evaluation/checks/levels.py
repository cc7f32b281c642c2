"""Checks of level words: words that are no levels, and words that follow no one interval. Knows rows of text.

The defects are those of published lists: SPAQ's, KADID-10k's and LIVE's conversations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from visq.core.scales import LEVEL_WORDS
from visq.evaluation.checks.finding import CheckedSet, Finding, Severity
from visq.evaluation.checks.level_fit import (
    Float64Array,
    ImpliedInterval,
    Levels,
    implied_interval,
    steps_off,
)
from visq.metrics import srcc

LEVEL = "level"
"""The column of level words."""
_FEWEST = 20  # rows of a part: of fewer, an implied interval is too wide to contradict anything
_BORDER = 0.01  # share of the interval by which a word may miss its border: rounding of scores and ends
_MANY = 0.05  # share of wrong words from which it is another interval, and no slip


def levels_of(one: CheckedSet) -> list[int | None]:
    """Level of each row by its word, 0 (worst) to 4; None where it has none of the five."""
    known = {word: k for k, word in enumerate(LEVEL_WORDS)}
    return [known.get(row.cells.get(LEVEL, "").strip().casefold()) for row in one.rows]


def level_words(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Words that are none of the five levels, rows without one, and how many there are of each."""
    for one in sets:
        levels = levels_of(one)
        counts = Counter(level for level in levels if level is not None)
        if not levels or sum(counts.values()) < len(levels) / 2:
            continue
        wrong = [i for i, level in enumerate(levels) if level is None]
        if wrong:
            words = Counter(one.rows[i].cells.get(LEVEL, "").strip() or "(blank)" for i in wrong)
            told = ", ".join(f"{word} {n}" for word, n in words.most_common(8))
            yield Finding(
                "level-words",
                "error",
                f"{one.name}, column {LEVEL!r}: {len(wrong)} of {len(levels)} rows have none of "
                f"{', '.join(LEVEL_WORDS)} ({told}); make their words anew from the scores",
                (one.name,),
                one.found_rows(wrong),
                {"n": len(wrong), "share": len(wrong) / len(levels)},
            )
        figures = {word: counts[k] for k, word in enumerate(LEVEL_WORDS)}
        told = ", ".join(f"{word} {n}" for word, n in figures.items())
        yield Finding("level-words", "note", f"{one.name}: levels {told}", (one.name,), (), figures)


@dataclass(frozen=True)
class _Part:
    """Rows of one part of a set that have both a level and a label; arrays are [m], labels turned upwards."""

    name: str
    at: Levels
    levels: Levels
    labels: Float64Array

    def off(self, ends: tuple[float, float]) -> Float64Array:
        """How far each label lies outside its word's interval, as a share of the whole length."""
        return steps_off(self.labels, self.levels, ends)


def level_rule(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Level words cut otherwise than the stated interval, or otherwise in one part than in another.

    Where no interval is stated, the words of all parts together have to follow some equal intervals; if they
    do not, each part is held against those that fit the largest part best.
    """
    for one in sets:
        parts = [part for part in _parts(one) if part.at.size >= _FEWEST]
        if not parts or not _run_upwards(parts):
            continue  # words that run the other way are told by the check of direction
        ends, where = _stated(one), "the stated interval"
        if ends is None:
            together = _implied([part.labels for part in parts], [part.levels for part in parts])
            if together is None or together.n_wrong == 0:
                continue
            largest = max(parts, key=lambda part: part.at.size)
            fit = _implied([largest.labels], [largest.levels])
            ends, where = (together if fit is None else fit).best, f"the interval that fits {largest.name}"
        for part in parts:
            yield from _held_against(one, part, ends, where)


def _held_against(one: CheckedSet, part: _Part, ends: tuple[float, float], where: str) -> Iterator[Finding]:
    off = part.off(ends)
    wrong, n = off > 0, part.at.size
    n_wrong = int(wrong.sum())
    if not n_wrong:
        return
    n_clear = int((off > _BORDER).sum())
    implied = _implied([part.labels], [part.levels])
    told = _told(implied)
    share = n_wrong / n
    severity: Severity = "error" if share > _MANY else "warning" if n_clear or share > _BORDER else "note"
    hint = "use the scores, not the words" if share > _MANY else "make these words anew from the scores"
    yield Finding(
        "level-rule",
        severity,
        f"{one.name}, {part.name}: {n_wrong} of {n} level words ({100 * share:.2g} %) disagree with {where} "
        f"{_scale_text(one, ends)}{told}; {hint}",
        (one.name,),
        one.found_rows(part.at[wrong].tolist()),
        {
            "part": part.name,
            "n": n_wrong,
            "share": share,
            "stated_low": ends[0],
            "stated_high": ends[1],
            **_figures(implied),
        },
    )


def _told(implied: ImpliedInterval | None) -> str:
    if implied is None:
        return ""
    low, high = implied.best
    exact = "reproduces them all" if implied.n_wrong == 0 else f"fits best, with {implied.n_wrong} left over"
    return f"; {low:.4g}..{high:.4g} {exact}"


def _figures(implied: ImpliedInterval | None) -> dict[str, float | int | None]:
    if implied is None:
        return {"implied_low": None, "implied_high": None}
    return {
        "implied_low": implied.best[0],
        "implied_high": implied.best[1],
        "implied_low_from": implied.low[0],
        "implied_low_to": implied.low[1],
        "implied_high_from": implied.high[0],
        "implied_high_to": implied.high[1],
        "n_left_over": implied.n_wrong,
    }


def _scale_text(one: CheckedSet, ends: tuple[float, float]) -> str:
    stated = one.intervals
    return f"{ends[0]:.4g}..{ends[1]:.4g}" if stated is None else str(stated.scale)


def _stated(one: CheckedSet) -> tuple[float, float] | None:
    """Ends of the stated interval, turned as the labels are; None where nobody said."""
    if one.intervals is None:
        return None
    cut, scale = one.intervals.scale, one.label_scale
    if scale is None or scale.direction == "up":
        return cut.low, cut.high
    return scale.low + scale.high - cut.high, scale.low + scale.high - cut.low


def _run_upwards(parts: Sequence[_Part]) -> bool:
    """Whether better words go with higher labels; not so where all words or all labels are one."""
    levels, labels = np.concatenate([p.levels for p in parts]), np.concatenate([p.labels for p in parts])
    return bool(srcc(levels.astype(np.float64), labels) > 0)


def _implied(labels: Sequence[Float64Array], levels: Sequence[Levels]) -> ImpliedInterval | None:
    return implied_interval(np.concatenate(labels), np.concatenate(levels), len(LEVEL_WORDS))


def _parts(one: CheckedSet) -> list[_Part]:
    """Rows by the first split column that has words in every part; all together where there is none."""
    words = levels_of(one)
    at, labels = one.labelled()
    has = np.array([words[i] is not None for i in at.tolist()], dtype=np.bool_)
    at, labels = at[has], labels[has]
    if not at.size:
        return []
    levels = np.array([words[i] for i in at.tolist()], dtype=np.int64)
    column = next(iter(one.splits), None)
    if column is None:
        return [_Part("all rows", at, levels, labels)]
    cells = np.array([one.splits[column][i] or "(blank)" for i in at.tolist()], dtype=np.object_)
    return [
        _Part(f"{column} {name!r}", at[cells == name], levels[cells == name], labels[cells == name])
        for name in np.unique(cells).tolist()
    ]
