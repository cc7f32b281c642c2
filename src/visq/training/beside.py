"""What stands beside a model on its card: other scorers of the same rows, and paired tests against them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError
from visq.evaluation import group_bootstrap, holm, paired_difference
from visq.evaluation.figures.measured import Settings
from visq.metrics import srcc
from visq.training.inside import Inside
from visq.training.labels import Labelled
from visq.training.model_folder import short

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Other:
    """Another scorer.

    Attributes:
        name: for people.
        about: what it is, and what it was fitted on.
        values: float64 [n], more is better; nan where it has no score.
    """

    name: str
    about: str
    values: Float64Array


@dataclass(frozen=True)
class Row:
    """A model and another scorer on the rows that both score.

    Attributes:
        name: of the other.
        about: of the other.
        n: rows.
        srcc: of the other, and the ends of its interval.
        model: SRCC of the model on these rows.
        difference: model minus other, and the ends of its interval.
        inside: likewise, of the mean SRCC inside each part of the set.
        p_value: of the difference.
        p_holm: likewise, adjusted for all rows of the card.
    """

    name: str
    about: str
    n: int
    srcc: tuple[float, float, float]
    model: float
    difference: tuple[float, float, float]
    inside: tuple[float, float, float]
    p_value: float
    p_holm: float = float("nan")


def compared(
    values: Float64Array, others: Sequence[Other], labelled: Labelled, inside: Inside, settings: Settings
) -> list[Row]:
    """SRCC of each other scorer, and of the model minus it, groups drawn whole.

    Args:
        values: float64 [n], the model's out-of-fold scores.
        others: on the same rows.
        labelled: the rows.
        inside: order inside their parts.
        settings: of the intervals.
    """
    rows = []
    for other in others:
        at = np.isfinite(other.values)
        theirs, ours, mos, groups = other.values[at], values[at], labelled.mos[at], labelled.groups[at]
        interval = group_bootstrap(
            srcc,
            [theirs, mos],
            groups,
            level=settings.level,
            n_resamples=settings.resamples,
            rng=np.random.default_rng(settings.seed),
        )
        found, within = (
            paired_difference(
                statistic,
                ours,
                theirs,
                truth,
                groups,
                level=settings.level,
                n_resamples=settings.resamples,
                rng=np.random.default_rng(settings.seed),
            )
            for statistic, truth in ((srcc, mos), (inside, np.flatnonzero(at).astype(np.float64)))
        )
        rows.append(
            Row(
                other.name,
                other.about,
                int(at.sum()),
                (srcc(theirs, mos), interval.low, interval.high),
                srcc(ours, mos),
                (found.difference, found.interval.low, found.interval.high),
                (within.difference, within.interval.low, within.interval.high),
                found.p_value,
            )
        )
    return rows


def beside_table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """`[[beside.ASPECT]]` of model.toml."""
    return [
        {
            "name": row.name,
            "about": row.about,
            "n": row.n,
            **_ends("srcc", row.srcc),
            "model_srcc": short(row.model),
            **_ends("difference", row.difference),
            **_ends("inside_difference", row.inside),
            "p_value": short(row.p_value),
            "p_holm": short(row.p_holm),
        }
        for row in rows
    ]


def _ends(name: str, figure: tuple[float, float, float]) -> dict[str, float]:
    value, low, high = map(short, figure)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def adjusted(rows: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """The same rows with p-values adjusted by Holm's method over all of them."""
    flat = [(name, row) for name, some in rows.items() for row in some]
    out: dict[str, list[Row]] = {name: [] for name in rows}
    for (name, row), p in zip(flat, holm([row.p_value for _, row in flat]), strict=True):
        out[name].append(replace(row, p_holm=p))
    return out


def read_other(table: Mapping[str, Any], aspect: str, labelled: Labelled, folder: Path) -> Other:
    """A scorer from a CSV file of `benchmarks/peers.py`: columns id and score, less is better.

    Args:
        table: of the recipe: name, about, and the file of each aspect.
        aspect: which of them.
        labelled: rows whose scores are wanted.
        folder: that holds the file.

    Raises:
        DataError: the file cannot be read, has no column `id` or `score`, or lacks a row.
    """
    values = _column(folder / str(table[aspect]), labelled.ids)
    return Other(str(table["name"]), str(table["about"]), -values)


def _column(path: Path, ids: Sequence[str]) -> Float64Array:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            found = {row["id"]: row["score"] for row in csv.DictReader(file)}
        return np.array([float(found[one] or "nan") for one in ids])
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path}: no scores of the labelled pictures ({error}); make it with benchmarks/peers.py"
        ) from error
