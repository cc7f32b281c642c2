"""Which pictures of a set one should look at: the worst, the most uncertain. Knows rows; reads no file.

Errors are measured in the labels' unit where both scales are known, else by rank: a score of 70 and a label
of 3.1 are not subtracted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from visq.evaluation.comparison.agreement import percentile_ranks
from visq.evaluation.figures.scored import Float64Array, ScoredSet
from visq.reports.figure_words import NOTHING, percent, written

MOST = 12


@dataclass(frozen=True)
class Picture:
    """A picture to look at.

    Attributes:
        id: of its row.
        path: of its file; empty where none is known.
        said: why it is here.
        facts: names and values.
    """

    id: str
    path: str
    said: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Choice:
    """Pictures, or the reason why there are none.

    Attributes:
        how: how they were chosen, or why there are none.
        pictures: the first is the most so.
    """

    how: str
    pictures: tuple[Picture, ...] = ()


def worst(scored: ScoredSet) -> Choice:
    """The pictures whose score lies furthest from what people said.

    Args:
        scored: the set, failures included.
    """
    rows = scored.kept(scored.is_scored)
    if len(rows) < 2:
        return Choice("There are too few scored pictures to choose from.")
    moved = rows.scores_in_label_unit
    if moved is not None:
        how = (
            "Furthest from the label, in the labels' unit, after scores were moved to their scale by a line."
        )
        return Choice(how, _chosen(rows, np.abs(moved - rows.mos), _too_far(moved - rows.mos)))
    if rows.scores.min() == rows.scores.max():
        return Choice("All scores are equal: no picture is placed worse than another.")
    by_score, by_label = percentile_ranks(rows.scores), percentile_ranks(rows.mos)
    how = "Furthest apart by rank, since the scale of scores or labels is not known."
    return Choice(how, _chosen(rows, np.abs(by_score - by_label), _misplaced(by_score, by_label)))


def _too_far(gaps: Float64Array) -> Callable[[int], str]:
    def say(row: int) -> str:
        return f"{written(abs(float(gaps[row])))} too {'high' if gaps[row] > 0 else 'low'}"

    return say


def _misplaced(by_score: Float64Array, by_label: Float64Array) -> Callable[[int], str]:
    def say(row: int) -> str:
        way = "high" if by_score[row] > by_label[row] else "low"
        return f"too {way}: above {percent(by_score[row])} by score, {percent(by_label[row])} by label"

    return say


def most_uncertain(scored: ScoredSet) -> Choice:
    """The pictures that the model itself is least sure of, by spread, else by the length of the interval.

    Args:
        scored: the set, failures included.
    """
    rows = scored.kept(scored.is_scored)
    measures = (("spread", rows.spread), ("interval", rows.high - rows.low))
    known = [(name, values) for name, values in measures if np.isfinite(values).any()]
    for name, values in known:
        if _tells_apart(values):
            widest = np.where(np.isfinite(values), values, -np.inf)
            return Choice(_HOW[name], _chosen(rows, widest, _uncertain(name, values)))
    if not known:
        return Choice("These scores come without spread and without interval.")
    return Choice("The model is equally sure of all pictures, or of so many that none stands out.")


_HOW = {
    "spread": "Widest spread of the model's answers, in the scores' unit. It is not the model's error.",
    "interval": "Longest 90 % interval, in the scores' unit.",
}


def _tells_apart(values: Float64Array) -> bool:
    """Whether the largest few are larger than the others: equal lengths, cut at the scale's ends, are not."""
    known = values[np.isfinite(values)]
    most = known.max()
    return bool(known.min() < most and (known == most).sum() <= MOST)


def _uncertain(name: str, values: Float64Array) -> Callable[[int], str]:
    def say(row: int) -> str:
        return f"{name} {written(float(values[row]))}"

    return say


def _chosen(rows: ScoredSet, size: Float64Array, say: Callable[[int], str]) -> tuple[Picture, ...]:
    """The rows of largest size above 0, earlier ones first among equals."""
    order = np.argsort(-size, kind="stable")[:MOST]
    return tuple(
        Picture(str(rows.ids[i]), rows.paths[i], say(i), _facts(rows, i)) for i in order if size[i] > 0
    )


def _facts(rows: ScoredSet, i: int) -> tuple[tuple[str, str], ...]:
    label = written(float(rows.labels[i]))
    if np.isfinite(rows.stds[i]):
        label += f" \N{PLUS-MINUS SIGN} {written(float(rows.stds[i]))}"
    score = written(float(rows.scores[i]))
    if np.isfinite(rows.low[i]) and np.isfinite(rows.high[i]):
        score += f" [{written(float(rows.low[i]))}, {written(float(rows.high[i]))}]"
    group = str(rows.groups[i]) if rows.group_column is not None else ""
    return ("Label", label), ("Score", score), *((("Group", group or NOTHING),) if group else ())
