"""Floors and ceilings: what the group alone says of the label, and what raters' disagreement allows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.data.folds import group_folds
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import groupings, maker_of
from visq.evaluation.intervals import group_bootstrap
from visq.metrics import srcc

_COLUMNS = ("generator", "model", "source", "domain", "camera", "distortion", "method", "kind")
_LEAST_ROWS = 50
_HIGH = 0.3  # lower end of the floor's SRCC from which it is a finding and no note
_FOLDS = 5
_RESAMPLES = 300
_DRAWS = 20
_MOST_VALUES = 50


def group_floor(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """How far the mean label of a row's generator, source or kind comes, fitted on other folds, unseen."""
    for one in sets:
        at, labels = one.labelled()
        if at.size < _LEAST_ROWS or np.unique(labels).size < 2:
            continue
        found = groupings(one)
        groups = [(found[0].values[i] if found else None) or f"row {i}" for i in at]
        if len(set(groups)) < _FOLDS:
            continue
        folds = group_folds(groups, _FOLDS, salt="visq check ")
        for column, values in _columns(one, at):
            yield from _floor(one, column, mean_of_others(values, labels, folds), labels, groups)


def _floor(
    one: CheckedSet,
    column: str,
    floored: NDArray[np.float64],
    labels: NDArray[np.float64],
    groups: Sequence[str],
) -> Iterator[Finding]:
    if np.unique(floored).size < 2:
        return
    rng = np.random.default_rng(0)
    interval = group_bootstrap(srcc, [floored, labels], groups, n_resamples=_RESAMPLES, rng=rng)
    value = srcc(floored, labels)
    yield Finding(
        "group-floor",
        "warning" if interval.low > _HIGH else "note",
        f"{one.name}: {column} alone, its mean label on other folds, reaches SRCC {value:.3f} "
        f"[{interval.low:.3f}, {interval.high:.3f}] (n = {labels.size}, {interval.n_groups} groups); report "
        "it beside every figure, and SRCC within its values",
        (one.name,),
        (),
        {"srcc": value, "low": interval.low, "high": interval.high, "n": int(labels.size)},
    )


def _columns(one: CheckedSet, at: NDArray[np.int64]) -> Iterator[tuple[str, list[str]]]:
    stated = [name for name in one.rows[0].cells if name.casefold() in _COLUMNS]
    for name in stated:
        values = [one.rows[i].cells.get(name, "") for i in at]
        if 1 < len(set(values)) <= at.size / 10:
            yield f"column {name!r}", values
    if not stated and not one.is_yes_or_no:  # names that tell a yes or no are another check's
        makers = [maker_of(one.rows[i].file or one.rows[i].id) or "" for i in at]
        if 1 < len(set(makers)) <= min(_MOST_VALUES, at.size / 10):
            yield "what stands before the number in the file name", makers


def mean_of_others(
    values: Sequence[str], labels: NDArray[np.float64], folds: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Each row predicted by the mean label of the rows with its value on the other folds.

    Args:
        values: [n].
        labels: float64 [n].
        folds: int [n].

    Returns:
        float64 [n]; the mean of all rows of the other folds where none of them has the value.
    """
    sums: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for value, label, fold in zip(values, labels, folds, strict=True):
        for key in ((value, int(fold)), (value, -1)):
            sums[key][0] += float(label)
            sums[key][1] += 1
    overall = {int(fold): float(labels[folds != fold].mean()) for fold in np.unique(folds)}
    found = []
    for value, fold in zip(values, folds, strict=True):
        total, n = (a - b for a, b in zip(sums[value, -1], sums[value, int(fold)], strict=True))
        found.append(total / n if n else overall[int(fold)])
    return np.array(found)


def rater_ceiling(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """SRCC that the raters' own disagreement lets anybody reach.

    Source:
        The mean of n raters has the standard error std / sqrt n. A scorer that knew the true opinions would
        correlate with the labels about as the labels do with themselves and such noise once more
        (attenuation, Spearman 1904); simulated here, mean of 20 draws.
    """
    for one in sets:
        rows = [
            (label, std, _number(row.cells.get("n_ratings", "")))
            for row, label, std in zip(one.rows, one.labels, one.stds, strict=True)
            if label is not None and std is not None
        ]
        if len(rows) < _LEAST_ROWS:
            continue
        labels, stds, raters = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
        is_known = bool(np.isfinite(raters).all() and (raters > 0).all())
        noise, rng = (stds / np.sqrt(raters) if is_known else stds), np.random.default_rng(0)
        draws = [srcc(labels + rng.normal(size=labels.size) * noise, labels) for _ in range(_DRAWS)]
        value = float(np.mean(draws))
        if math.isnan(value):
            continue
        known = f"the labels' standard errors let no scorer be expected above SRCC {value:.3f}"
        unknown = (
            f"one rater alone would reach about SRCC {value:.3f} against these means, by their stds; how "
            "many raters there were is not known, so no ceiling follows"
        )
        yield Finding(
            "rater-ceiling",
            "note",
            f"{one.name}: {known if is_known else unknown} (n = {labels.size})",
            (one.name,),
            (),
            {"srcc": value, "n": int(labels.size), "raters_known": int(is_known)},
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
