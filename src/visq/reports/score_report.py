"""One self-contained HTML page from a table of scores. Knows rows and pictures; no model, no run, no clock.

Numbers (means, bins, levels) are worked out here; how they look and behave is `score_report.html.j2`.
The same table and pictures give the same bytes.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from visq.core.registry import unknown_name
from visq.core.scales import LEVEL_WORDS, MOS, LevelIntervals, Scale, level_values
from visq.core.types import Row, Score, printable
from visq.reports.page import json_text, number, template, write_page
from visq.reports.thumbnails import thumbnails_of
from visq.scoring.table import check_top

MAX_FOLDERS = 60
MAX_OPEN_FAILURES = 20
MAX_LISTED = 100
SORT_BY_NAME = "name"
N_BINS = 20
N_TONES = 5
_BLOCK = 200  # thumbnails the page reads at a time


class ReportTable(Protocol):
    """What a report needs of a table."""

    @property
    def rows(self) -> Iterator[Row]:
        """A fresh iterator over the rows, in order, each time it is read."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What made the scores: model, model_hash, readout, preprocessing, version, aspects, scale."""

    @property
    def calibration(self) -> Mapping[str, str]:
        """Aspect -> one line on what its 90 % interval holds for; empty without calibration."""

    @property
    def command(self) -> str | None:
        """How it was run, or None."""


def write_report(
    table: ReportTable, path: str | os.PathLike[str], *, sort: str | None = None, top: int | None = None
) -> None:
    """Write a table as one HTML page that needs nothing beside itself.

    Args:
        table: rows and what made them; its pictures are read once more, for thumbnails. One that cannot be
            decoded any more gets a neutral tile.
        path: the file to write; replaced at once when the page is whole.
        sort: how the gallery is sorted at first: an aspect (best first) or `name`; None is as given.
        top: show only so many pictures, the best by `sort` or by the first aspect; None shows all. Failures
            are counted and listed all the same.

    Raises:
        UnknownName: `sort` is no aspect of the table.
        InputError: the file cannot be written, or `top` is below 1.
    """
    check_top(top)
    rows = list(table.rows)
    aspects = _aspects(table.identity, rows)
    known = [aspect.name for aspect in aspects] + [SORT_BY_NAME]
    if sort is not None and sort not in known:
        raise unknown_name("sort", sort, known)
    counts = {
        "n": len(rows),
        "failures": [row for row in rows if row.status == "failed"],
        "top": None,
    }
    if top is not None and aspects:
        by = next((aspect for aspect in aspects if aspect.name == sort), aspects[0])
        rows, sort = _best(rows, by, top), sort or by.name
        counts["top"] = {"n": len(rows), "aspect": by.name}
    write_page(path, _render(table, rows, aspects, counts, sort))


def _best(rows: Sequence[Row], aspect: _Aspect, top: int) -> list[Row]:
    """The best rows by an aspect, in the order of the table; of equal ones the earlier."""
    sign = -1 if aspect.scale.direction == "up" else 1
    scored = [i for i, row in enumerate(rows) if aspect.name in row.scores]
    best = sorted(scored, key=lambda i: sign * rows[i].scores[aspect.name].value)[:top]
    return [rows[i] for i in sorted(best)]


# --- aspects -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Aspect:
    """An aspect as the page shows it: its scale and the words of its bands, worst to best."""

    name: str
    scale: Scale
    words: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()

    @property
    def decimals(self) -> int:
        span = self.scale.high - self.scale.low
        return 2 if span <= 10 else 1 if span <= 100 else 0

    @property
    def n_bins(self) -> int:
        """About N_BINS, and a whole number of bins in each band."""
        return len(self.words) * max(1, round(N_BINS / len(self.words)))

    def text(self, value: float) -> str:
        return f"{value:.{self.decimals}f}"

    def tone(self, level: int) -> int:
        """Which of the N_TONES colours of the page stands for a level."""
        return round(level * (N_TONES - 1) / max(1, len(self.words) - 1))

    def band(self, value: float, n_bands: int) -> int:
        """Which of n equal parts of the scale holds a value, 0 (worst) to n - 1 (best)."""
        return int(LevelIntervals(self.scale, n_levels=n_bands).level([value])[0])

    def level(self, value: float) -> int:
        return self.band(value, len(self.words))


def _aspects(identity: Mapping[str, object], rows: Sequence[Row]) -> list[_Aspect]:
    """The table's aspects; scale and words come from their first score, else the identity."""
    first: dict[str, Score] = {}
    for row in rows:
        for name, score in row.scores.items():
            first.setdefault(name, score)
    named = identity.get("aspects")
    names = [str(name) for name in named] if isinstance(named, (list, tuple)) else list(first)
    shown = str(identity.get("scale", MOS)).split(",")  # one for all, or one each
    scales = [Scale.parse(text) for text in (shown if len(shown) == len(names) else shown[:1] * len(names))]
    return [_aspect(name, first.get(name), scale) for name, scale in zip(names, scales, strict=True)]


def _aspect(name: str, score: Score | None, scale: Scale) -> _Aspect:
    if score is None:
        return _Aspect(name, scale, LEVEL_WORDS)
    return _Aspect(name, score.scale, score.bands)


# --- what the template shows ---------------------------------------------------------------------------


def _summary(aspect: _Aspect, rows: Sequence[Row]) -> dict[str, object] | None:
    """Mean, median, ends and histogram of an aspect; None where no picture has a score."""
    scored = [(i, row.scores[aspect.name].value) for i, row in enumerate(rows) if aspect.name in row.scores]
    if not scored:
        return None
    values = [value for _, value in scored]
    ends = [min(scored, key=lambda pair: pair[1]), max(scored, key=lambda pair: pair[1])]
    texts = [("Lowest", ends[0]), ("Highest", ends[1])]
    return {
        "title": aspect.title,
        "n": len(values),
        "mean": aspect.text(math.fsum(values) / len(values)),
        "median": aspect.text(statistics.median(values)),
        "ends": [{"word": word, "row": i, "value": aspect.text(value)} for word, (i, value) in texts],
        "bins": _bins(aspect, values),
        "bands": [{"word": word, "tone": aspect.tone(k)} for k, word in enumerate(aspect.words)],
        "edges": [f"{edge:g}" for edge in level_values(len(aspect.words) + 1, aspect.scale).round(6)],
    }


def _bins(aspect: _Aspect, values: Sequence[float]) -> list[dict[str, object]]:
    """The bars of a histogram, worst to best: count, height as a share of the tallest, range, tone."""
    n = aspect.n_bins
    counts = [0] * n
    for place in LevelIntervals(aspect.scale, n_levels=n).level(values):
        counts[place] += 1
    edges = level_values(n + 1, aspect.scale)
    per_band = n // len(aspect.words)
    return [
        {
            "count": count,
            "height": round(count / max(counts), 4),
            "range": f"{aspect.text(edges[k])} to {aspect.text(edges[k + 1])}",
            "tone": aspect.tone(k // per_band),
        }
        for k, count in enumerate(counts)
    ]


def _folders(rows: Sequence[Row], aspects: Sequence[_Aspect]) -> list[dict[str, object]]:
    """Folders of the scored pictures' ids, in the order they come; empty where there are not two of them."""
    members: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.status == "ok":
            members.setdefault(row.id.rpartition("/")[0], []).append(i)
    if len(members) < 2:
        return []
    return [
        {"name": name, "rows": held, "means": [_mean(aspect, [rows[i] for i in held]) for aspect in aspects]}
        for name, held in members.items()
    ]


def _mean(aspect: _Aspect, rows: Sequence[Row]) -> dict[str, object] | None:
    values = [row.scores[aspect.name].value for row in rows if aspect.name in row.scores]
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    return {"value": number(mean), "level": aspect.level(mean)}


ROW_FIELDS = ("id", "path", "sha256", "status", "error", "kind", "note", "scores")
SCORE_FIELDS = ("value", "low", "high", "level", "bin", "spread", "outside", "answers", "shares")
EXPLAINED_FIELDS = ("explanation", "forced", "contradicts")
"""What a score has more where any is explained."""


def _row_data(
    row: Row, aspects: Sequence[_Aspect], answer_sets: dict[tuple[str, ...], int], *, explained: bool
) -> list[object]:
    """Values of ROW_FIELDS: names would weigh more than values, ten thousand times over."""
    scores = [
        [*_score_data(aspect, score, answer_sets), *(_explanation_data(score) if explained else ())]
        if (score := row.scores.get(aspect.name))
        else None
        for aspect in aspects
    ]
    return [row.id, printable(row.path), row.sha256, row.status, row.error, row.kind, row.note, scores]


def _score_data(aspect: _Aspect, score: Score, answer_sets: dict[tuple[str, ...], int]) -> list[object]:
    """Values of SCORE_FIELDS; answers that many scores share are named once, in `answer_sets`."""
    answers = tuple(score.distribution)
    return [
        number(score.value),
        number(score.low),
        number(score.high),
        aspect.level(score.value),
        aspect.band(score.value, aspect.n_bins),
        number(score.spread),
        number(score.outside),
        answer_sets.setdefault(answers, len(answer_sets)),
        [number(share) for share in score.distribution.values()],
    ]


def _explanation_data(score: Score) -> list[object]:
    """Values of EXPLAINED_FIELDS."""
    told = score.explanation
    return [None, None, None] if told is None else [told.text, told.forced, told.contradicts]


def _aspect_data(aspect: _Aspect) -> dict[str, object]:
    return {
        "name": aspect.name,
        "title": aspect.title,
        "low": aspect.scale.low,
        "high": aspect.scale.high,
        "direction": aspect.scale.direction,
        "decimals": aspect.decimals,
        "words": list(aspect.words),
        "tones": [aspect.tone(k) for k in range(len(aspect.words))],
    }


# --- the page ------------------------------------------------------------------------------------------


def _listed(rows: Sequence[Row], sort: str | None) -> list[Row]:
    """What is shown where no script may run: the first rows, in the order of the gallery."""
    if sort == SORT_BY_NAME:
        rows = sorted(rows, key=lambda row: row.id)
    elif sort is not None:
        rows = sorted(rows, key=lambda row: -row.scores[sort].value if sort in row.scores else math.inf)
    return list(rows[:MAX_LISTED])


def _render(
    table: ReportTable,
    rows: Sequence[Row],
    aspects: Sequence[_Aspect],
    counts: Mapping[str, object],
    sort: str | None,
) -> str:
    thumbnails, n_reached = thumbnails_of(rows)
    folders = _folders(rows, aspects)
    answer_sets: dict[tuple[str, ...], int] = {}
    explained = any(score.explanation for row in rows for score in row.scores.values())
    data = {
        "aspects": [_aspect_data(aspect) for aspect in aspects],
        "row_fields": ROW_FIELDS,
        "score_fields": SCORE_FIELDS + EXPLAINED_FIELDS if explained else SCORE_FIELDS,
        "rows": [_row_data(row, aspects, answer_sets, explained=explained) for row in rows],
        "answer_sets": list(answer_sets),
        "folders": folders[:MAX_FOLDERS],
    }
    return template("score_report.html.j2").render(
        **counts,
        listed=_listed(rows, sort),
        max_open_failures=MAX_OPEN_FAILURES,
        aspects=aspects,
        summaries=[_summary(aspect, rows) for aspect in aspects],
        n_folders=len(folders),
        max_folders=MAX_FOLDERS,
        n_reached=n_reached,
        has_intervals=any(score.low is not None for row in rows for score in row.scores.values()),
        explained=explained,
        model=table.identity.get("model"),
        identity=_identity(table.identity),
        calibration=table.calibration,
        command=table.command,
        sort=sort,
        data=json_text(data),
        thumbnails=[json_text(thumbnails[k : k + _BLOCK]) for k in range(0, len(rows), _BLOCK)],
        block_length=_BLOCK,
    )


def _identity(identity: Mapping[str, object]) -> list[tuple[str, str]]:
    """Names and values as people read them; what is None is left out."""
    return [
        (
            name.replace("_", " "),
            ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value),
        )
        for name, value in identity.items()
        if value is not None
    ]
