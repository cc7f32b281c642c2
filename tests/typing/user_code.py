"""Code as people write it, checked by `mypy --strict` and never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import visq
from visq.metrics import srcc


def worst(folder: Path, limit: float) -> list[str]:
    """Names of the pictures whose quality is surely below a limit."""
    with visq.score(folder, aspect="quality", out="scores.csv", overwrite=True) as table:
        rows: Iterator[visq.Row] = table.rows
        return [row.id for row in rows if row.status == "ok" and _high(row) < limit]


def _high(row: visq.Row) -> float:
    score = row.scores["quality"]
    high: float | None = score.high
    return score.value if high is None else high


def agreement(paths: list[str], ratings: list[float]) -> float:
    """How well scores order pictures as people did."""
    samples = [visq.Sample(id=path, path=path) for path in paths]
    with visq.load("mini", aspects=["quality"], scale="0..100") as scorer:
        found = [row.scores["quality"].value for row in scorer.stream(samples)]
    return srcc(found, ratings)


def report(inputs: list[str]) -> int:
    """A page beside a table; what cannot be mended here is said in one line."""
    try:
        table: visq.Table = visq.score(inputs, report="report.html", sort="aesthetics")
    except visq.VisqError as error:
        raise SystemExit(str(error)) from error
    return table.n_failed


def kind_of(error: visq.InputError) -> str:
    """The failure in a word."""
    return error.kind
