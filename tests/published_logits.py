"""The published logits and their figures, where the development data lie beside the project."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path


def score_of(form: str, logits: dict[str, float]) -> float:
    """One row's score by the form's name in goldens.csv."""
    e, g, p = (logits.get(f"logit_{word}", math.nan) for word in ("excellent", "good", "poor"))
    if form == "good-poor":
        return g - p
    if form == "softmax(good,poor)":
        return math.exp(g - max(g, p)) / (math.exp(g - max(g, p)) + math.exp(p - max(g, p)))
    if form == "softmax(excellent,poor)":
        return math.exp(e - max(e, p)) / (math.exp(e - max(e, p)) + math.exp(p - max(e, p)))
    a, b, c = (math.exp(v - max(e, g, p)) for v in (e, g, p))
    return (a + b if "excellent+good" in form else a + 0.75 * b) / (a + b + c)


def published(data: Path) -> Iterator[tuple[dict[str, str], list[float], list[float]]]:
    """Each row of goldens.csv with the scores and labels it was computed from."""
    folder = data / "labels" / "qbench"
    with (folder / "goldens.csv").open(encoding="utf-8", newline="") as file:
        goldens = list(csv.DictReader(file))
    for golden in goldens:
        with (folder / golden["file"]).open(encoding="utf-8", newline="") as file:
            rows = [{k: float(v) for k, v in row.items() if k != "image"} for row in csv.DictReader(file)]
        yield golden, [score_of(golden["score"], row) for row in rows], [row["mos"] for row in rows]
