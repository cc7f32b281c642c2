"""Checks of levels and conversations: words that are no levels or follow no rule, tokens without pictures.

Knows rows of text; no picture. The defects are those of published files (Q-Align's training and test lists).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visq.core.scales import LEVEL_WORDS, LevelIntervals, Scale
from visq.data.tables import DEFECT
from visq.evaluation.checks.finding import CheckedSet, Finding

_FEW = 0.01  # share of levels that may disagree with the one rule before it is said
_VIDEO = (".mp4", ".avi", ".mov", ".mkv", ".webm")
_TOKENS_OF_A_VIDEO = 8
_LEAST = 20


def levels_of(one: CheckedSet) -> list[int | None]:
    """Level of each row by its word, 0 (worst) to 4; None where it has none of the five words."""
    known = {word: k for k, word in enumerate(LEVEL_WORDS)}
    return [known.get(row.cells.get("level", "").strip().casefold()) for row in one.rows]


def level_words(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Words that are none of the five levels, and rows without one, where most rows have one."""
    for one in sets:
        levels = levels_of(one)
        if sum(level is not None for level in levels) < len(levels) / 2 or not levels:
            continue
        wrong = [i for i, level in enumerate(levels) if level is None]
        if wrong:
            words = Counter(one.rows[i].cells.get("level", "").strip() or "(blank)" for i in wrong)
            told = ", ".join(f"{word} {n}" for word, n in words.most_common(8))
            yield Finding(
                "level-words",
                "error",
                f"{one.name}, column 'level': {len(wrong)} rows have none of the five level words: {told}",
                (one.name,),
                one.row_names(wrong),
                {"n": len(wrong)},
            )


@dataclass(frozen=True)
class _Part:
    """Rows of one part of a set that have both a level and a label."""

    name: str
    at: NDArray[np.int64]
    levels: NDArray[np.int64]
    labels: NDArray[np.float64]

    def implied(self) -> tuple[float, float]:
        """Ends of the scale that fit the words best: a line through the cuts between levels."""
        cuts = [(k, _cut(self.labels, self.levels >= k)) for k in range(1, len(LEVEL_WORDS))]
        known = [(k, cut) for k, cut in cuts if cut is not None]
        if len(known) < 2:
            return float("nan"), float("nan")
        slope, start = np.polyfit([k for k, _ in known], [cut for _, cut in known], 1)
        return float(start), float(start + len(LEVEL_WORDS) * slope)

    def disagreeing(self, rule: LevelIntervals) -> NDArray[np.int64]:
        """Positions in the set whose word is not the one of a rule."""
        return np.asarray(self.at[rule.level(self.labels) != self.levels])


def level_rule(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Level words cut otherwise than the stated interval, or otherwise in one part than in another."""
    for one in sets:
        parts = [part for part in _parts(one) if part.at.size >= _LEAST]
        if not parts:
            continue
        largest = max(parts, key=lambda part: part.at.size)
        rule, where = one.intervals, "the interval of the protocol"
        if rule is None:
            low, high = largest.implied()
            if not low < high:
                continue
            rule, where = LevelIntervals(Scale(low, high)), f"the interval that fits {largest.name}"
        for part in parts:
            yield from _disagreement(one, part, rule, where)


def _disagreement(one: CheckedSet, part: _Part, rule: LevelIntervals, where: str) -> Iterator[Finding]:
    wrong = part.disagreeing(rule)
    if wrong.size <= _FEW * part.at.size:
        return
    low, high = part.implied()
    ends = f"{rule.scale.low:.4g}..{rule.scale.high:.4g}"
    share = float(wrong.size / part.at.size)
    yield Finding(
        "level-rule",
        "error" if share > 5 * _FEW else "warning",
        f"{one.name}, {part.name}: {wrong.size} of {part.at.size} level words disagree with {where} "
        f"({ends}); the words here imply {low:.3g}..{high:.3g}; use the score, not the word",
        (one.name,),
        one.row_names(wrong.tolist()),
        {"n": int(wrong.size), "share": share, "implied_low": low, "implied_high": high},
    )


def _parts(one: CheckedSet) -> list[_Part]:
    levels = levels_of(one)
    known = [i for i, level in enumerate(levels) if level is not None and one.labels[i] is not None]
    if not known:
        return []
    at = np.array(known, dtype=np.int64)
    found = np.array([levels[i] for i in known], dtype=np.int64)
    labels = np.array([one.labels[i] for i in known], dtype=np.float64)
    column = next(iter(one.splits.values()), None)
    names = np.array(["all rows" if column is None else column[i] or "(blank)" for i in known])
    return [
        _Part(str(name), at[names == name], found[names == name], labels[names == name])
        for name in np.unique(names)
    ]


def _cut(labels: NDArray[np.float64], is_above: NDArray[np.bool_]) -> float | None:
    """The label that best tells the rows above from those below; the middle of the best stretch."""
    order = np.argsort(labels, kind="stable")
    ordered, above = labels[order], is_above[order]
    if not above.any() or above.all():
        return None
    # Errors if the cut lies after i rows: those above it among the first i, those below it among the rest.
    errors = np.concatenate([[0], np.cumsum(above)])
    errors = errors + np.concatenate([np.cumsum(~above[::-1])[::-1], [0]])
    edges = np.concatenate([[True], np.diff(ordered) > 0, [True]])
    errors = np.where(edges, errors, labels.size + 1)
    best = np.flatnonzero(errors == errors.min())
    i = int(best[len(best) // 2])
    return float((ordered[max(i - 1, 0)] + ordered[min(i, labels.size - 1)]) / 2)


def image_tokens(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Questions with more or fewer picture tokens than pictures, as where two questions share a turn."""
    for one in sets:
        wrong = []
        for i, row in enumerate(one.rows):
            tokens, images = row.cells.get("n_image_tokens", ""), row.cells.get("n_images", "")
            is_video = row.file.casefold().endswith(_VIDEO)
            if tokens and int(tokens) != (_TOKENS_OF_A_VIDEO if is_video else int(images)):
                wrong.append(i)
        if wrong:
            row = one.rows[wrong[0]]
            yield Finding(
                "image-tokens",
                "error",
                f"{one.name}: {len(wrong)} questions have another number of picture tokens than pictures, "
                f"such as row {row.row}: {row.cells['n_image_tokens']} for {row.cells['n_images']}",
                (one.name,),
                one.row_names(wrong),
                {"n": len(wrong)},
            )


def id_folder(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Rows whose id names another folder than their picture lies in."""
    for one in sets:
        wrong = []
        for i, row in enumerate(one.rows):
            named = row.cells.get("source_id", "").rpartition("->")[0].rpartition("/")[0]
            if named and row.file and named != row.file.rpartition("/")[0]:
                wrong.append(i)
        if wrong:
            row = one.rows[wrong[0]]
            yield Finding(
                "id-folder",
                "warning",
                f"{one.name}: {len(wrong)} ids name another folder than their picture's, such as "
                f"{row.cells['source_id']!r} for {row.file!r}; join on the picture, not on the id",
                (one.name,),
                one.row_names(wrong),
                {"n": len(wrong)},
            )


def row_defects(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Rows that are not of their format: too many cells, a missing key, turns that do not alternate."""
    for one in sets:
        wrong = [i for i, row in enumerate(one.rows) if row.cells.get(DEFECT)]
        if wrong:
            row = one.rows[wrong[0]]
            yield Finding(
                "row-defects",
                "error",
                f"{one.name}: {len(wrong)} rows cannot be read as {one.format}, such as row {row.row}: "
                f"{row.cells[DEFECT]}",
                (one.name,),
                one.row_names(wrong),
                {"n": len(wrong)},
            )
