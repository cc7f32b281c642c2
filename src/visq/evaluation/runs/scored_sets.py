"""Labelled rows and what a model or a table said of them, joined into scored sets. Computes no figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from visq.core.scales import Scale
from visq.core.types import Row, Sample, printable
from visq.evaluation.figures.scored import LIMIT_KIND, Float64Array, ScoredSet
from visq.evaluation.runs.external import Pairing, ScoredRow, ScoreTable
from visq.evaluation.runs.labelled import LabelledSet

NO_SCORE = "no-score"

_Value = Callable[[ScoredRow], float | None]


def samples_to_score(sets: Sequence[LabelledSet], limit: int | None) -> Iterator[Sample]:
    """The rows that a model has to score: the first so many of every set, under ids that do not clash.

    Args:
        sets: the labelled sets.
        limit: rows of each set; None takes all.
    """
    for one in sets:
        for sample in one.samples[:limit]:
            yield replace(sample, id=scored_id(one, sample, len(sets)))


def scored_id(one: LabelledSet, sample: Sample, n_sets: int) -> str:
    """The id of a row where several sets are scored together: `SET/ID`."""
    return sample.id if n_sets == 1 else f"{one.name}/{sample.id}"


def by_model(
    one: LabelledSet, rows: Mapping[str, Row], *, n_sets: int, scale: Scale, limit: int | None
) -> ScoredSet:
    """A scored set from rows of a run.

    Args:
        one: the labelled set.
        rows: id -> row, as scored.
        n_sets: how many sets were scored together.
        scale: what scores are measured on.
        limit: rows of the set that were scored; the others are failures of kind `limit`.
    """
    found = [
        _from_run(rows.get(scored_id(one, sample, n_sets)), one.aspect)
        if limit is None or i < limit
        else None
        for i, sample in enumerate(one.samples)
    ]
    return _joined(one, _filled(found, limit), scale)


def by_table(one: LabelledSet, table: ScoreTable, pairing: Pairing, *, limit: int | None) -> ScoredSet:
    """A scored set from a table of scores; a scale on which lower is better is turned round.

    Args:
        one: the labelled set.
        table: the table.
        pairing: its row for each row of the set.
        limit: rows of the set that count; the others are failures of kind `limit`.
    """
    missing = ScoredRow(0, "", "", None, error=f"no row in {printable(table.path)}", kind=NO_SCORE)
    found = [row or missing if limit is None or i < limit else None for i, row in enumerate(pairing.rows)]
    return _joined(one, _filled(found, limit), table.scale)


def _filled(rows: Sequence[ScoredRow | None], limit: int | None) -> list[ScoredRow]:
    beyond = ScoredRow(0, "", "", None, error=f"beyond --limit {limit}", kind=LIMIT_KIND)
    return [row or beyond for row in rows]


def _from_run(row: Row | None, aspect: str) -> ScoredRow | None:
    if row is None:
        return None
    score = row.scores.get(aspect)
    return ScoredRow(
        row=0,
        id=row.id,
        path=row.path,
        score=None if score is None else score.value,
        low=None if score is None else score.low,
        high=None if score is None else score.high,
        spread=None if score is None else score.spread,
        outside=None if score is None else score.outside,
        error=row.error or "",
        kind=row.kind or "",
        sha256=row.sha256 or "",
    )


def _joined(one: LabelledSet, rows: Sequence[ScoredRow], scale: Scale | None) -> ScoredSet:
    def column(value: _Value) -> Float64Array:
        return np.array([math.nan if value(row) is None else value(row) for row in rows], dtype=np.float64)

    scores, low, high = column(lambda r: r.score), column(lambda r: r.low), column(lambda r: r.high)
    if scale is not None and scale.direction == "down":
        scores, low, high = (scale.low + scale.high - values for values in (scores, high, low))
        scale = Scale(scale.low, scale.high)
    samples = one.samples
    return ScoredSet(
        name=one.name,
        aspect=one.aspect,
        ids=np.array([sample.id for sample in samples], dtype=np.str_),
        paths=tuple(sample.path for sample in samples),
        groups=one.groups,
        labels=one.labels,
        stds=one.stds,
        scores=scores,
        low=low,
        high=high,
        spread=column(lambda r: r.spread),
        outside=column(lambda r: r.outside),
        errors=tuple(row.error for row in rows),
        kinds=tuple(row.kind for row in rows),
        hashes=tuple(row.sha256 for row in rows),
        columns=one.columns,
        label_scale=one.label_scale,
        score_scale=scale,
        group_column=one.group_column,
        n_unlabelled=one.n_unlabelled,
        n_excluded=one.n_excluded,
    )
