"""The figures of read-outs side by side, each over the rows it has a score for. Knows arrays, no model.

How an interval or a test comes about is `evaluation.statistics`; the figures themselves are `visq.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from visq.core.errors import InputError
from visq.evaluation.figures.measured import Figure, Measured, Settings
from visq.evaluation.figures.scored import Float64Array, ScoredSet
from visq.evaluation.readouts.candidates import Candidate
from visq.evaluation.readouts.reader import Outcome, Read
from visq.evaluation.statistics.differences import holm, paired_difference
from visq.evaluation.statistics.intervals import FEWEST_GROUPS
from visq.metrics import calibration_error, rmse, srcc

MOST_OUTSIDE = 0.5
"""Median probability on no answer above which the model would rather have said something else."""

MOST_UNREAD = 0.5
"""The same of texts without a score."""


def readout_figures(
    candidates: Sequence[Candidate],
    scored: Mapping[str, ScoredSet],
    outcomes: Sequence[Mapping[str, Outcome]],
    settings: Settings,
) -> list[dict[str, Any]]:
    """A row for each read-out, the model's own first.

    Args:
        candidates: the read-outs.
        scored: read-out -> labels and its scores.
        outcomes: what was read of each picture of the set.
        settings: how intervals are made.

    Returns:
        Rows as the report holds them; a number that does not exist is nan.
    """
    first = candidates[0].name
    rows = []
    for one in candidates:
        measured = Measured(scored[one.name].kept(scored[one.name].is_scored), settings)
        x, y = measured.rows.scores, measured.rows.mos
        told = [outcome for of_picture in outcomes if (outcome := of_picture.get(one.name)) is not None]
        rows.append(
            {
                "readout": one.name,
                "is_default": one.name == first,
                "is_monitor": one.is_monitor,
                "dialect": one.asked.aspect.dialect,
                "question": one.asked.aspect.questions[0],
                "scale": str(one.scale),
                "n_answers": len(one.answers) or None,
                "most_tokens": one.asked.most_tokens if one.asked.writes else None,
                "source": None if one.formula is None else one.formula.source,
                "n_scored": measured.n,
                "n_unread": sum(not isinstance(outcome, Read) for outcome in told),
                "first_unread": next((str(o) for o in told if not isinstance(o, Read)), None),
                "srcc": measured.correlation("srcc", x, y),
                "plcc": measured.correlation("plcc", x, y),
                "difference": None
                if one.name == first
                else _against(scored[one.name], scored[first], settings, tested=not one.is_monitor),
                **_calibration(measured),
                **_sureness([outcome for outcome in told if isinstance(outcome, Read)], len(told)),
            }
        )
    _adjust([row["difference"] for row in rows if row["difference"] is not None])
    return rows


def _against(one: ScoredSet, default: ScoredSet, settings: Settings, *, tested: bool) -> dict[str, Any]:
    """SRCC less that of the default read-out, on the rows that both scored; no p where it is not tested."""
    both = one.is_scored & default.is_scored
    a, b = one.kept(both), default.kept(both)
    n, n_groups = len(a), len(set(a.groups.tolist()))
    nothing = dict.fromkeys(("value", "low", "high", "p_value", "p_adjusted"), math.nan)
    about: dict[str, Any] = nothing | {"n": n, "n_groups": n_groups, "note": None}
    if n < 2:
        return about | {"note": "a correlation needs 2 rows"}
    found = paired_difference(
        srcc,
        a.scores,
        b.scores,
        a.mos,
        a.groups,
        n_resamples=settings.resamples,
        level=settings.level,
        rng=np.random.default_rng(settings.seed),
    )
    about["value"] = found.difference
    if n_groups < FEWEST_GROUPS:
        return about | {"note": f"no test: {n_groups} groups are too few, it takes {FEWEST_GROUPS}"}
    if found.standard_error == 0 and found.difference == 0:
        return about | {"low": 0.0, "high": 0.0, "note": "the same order: there is nothing to test"}
    about |= {"low": found.interval.low, "high": found.interval.high}
    return about | {"p_value": found.p_value} if tested else about


def _adjust(differences: Sequence[dict[str, Any]]) -> None:
    """P-values for being several, all read-outs of a set together; those without a test do not count."""
    adjusted = holm([found["p_value"] for found in differences])
    for found, p_value in zip(differences, adjusted, strict=True):
        found["p_adjusted"] = p_value


def _calibration(measured: Measured) -> dict[str, Figure]:
    """How far scores can be taken at their word, in the unit of the labels."""
    moved = measured.rows.scores_in_label_unit
    names = ("calibration_error", "bias", "rmse")
    if moved is None or not measured.n:
        reason = "no row has a score" if not measured.n else "the labels' scale is not known (--label-scale)"
        return {name: measured.missing(reason) for name in names}
    mos = measured.rows.mos
    note = "the map is fitted on these very labels; no interval is made of it"
    error = measured.mean((moved - mos) ** 2, np.sqrt)
    return {
        "calibration_error": measured.figure(calibration_error(moved, mos), None, note=note),
        "bias": measured.mean(moved - mos, note="mean of score less label"),
        "rmse": error | {"value": rmse(moved, mos)},
    }


def _sureness(told: Sequence[Read], n: int) -> dict[str, Any]:
    """What the answers themselves say of how far a read-out can be trusted."""
    split = [one.is_split for one in told if one.is_split is not None]
    outside, elsewhere = (_known(told, name) for name in ("outside", "elsewhere"))
    return {
        "outside": _of(np.mean, outside),
        "outside_median": _of(np.median, outside),
        "elsewhere_median": _of(np.median, elsewhere),
        "split": sum(split) / len(split) if split else math.nan,
        "distrust": _distrust(_of(np.median, outside), _of(np.median, elsewhere), n - len(told), n),
    }


def _known(told: Sequence[Read], name: str) -> Float64Array:
    found = [getattr(one, name) for one in told]
    return np.array([number for number in found if number is not None], dtype=np.float64)


def _of(function: Callable[[Float64Array], Any], values: Float64Array) -> float:
    return float(function(values)) if values.size else math.nan


def _distrust(outside: float, elsewhere: float, n_unread: int, n: int) -> str | None:
    """Why a read-out is not to be trusted, or its values are not; or None."""
    if elsewhere > MOST_OUTSIDE:
        share = f"half of the pictures have {_floored(elsewhere)} or more of the probability on no answer"
        return f"not trained for it, not to be trusted: {share}"
    if n_unread > MOST_UNREAD * n:
        return f"not trained for it, not to be trusted: {n_unread} of {n} answers give no score"
    if outside > MOST_OUTSIDE:
        share = f"half of the pictures have {_floored(outside)} or more of the probability on others"
        return f"not trained for these answers alone, mind its values: {share} of the same question"
    return None


def _floored(share: float) -> str:
    return f"{math.floor(100 * share) / 100:.2f}"


def costs(seconds: Mapping[str, Sequence[float]], default: str) -> dict[str, dict[str, Any]]:
    """What each read-out costs when it is asked for by itself.

    Args:
        seconds: read-out -> seconds of the model, a number a picture.
        default: the read-out that the others are measured by.

    Returns:
        Read-out -> `ms` and `ratio` (to the default), medians over pictures, and `n_pictures`.
    """
    base = np.array(seconds.get(default, ()))
    return {
        name: {
            "ms": 1000 * float(np.median(found)),
            "ratio": float(np.median(np.array(found) / base)),
            "n_pictures": len(found),
        }
        for name, found in seconds.items()
    }


def scored_as(scored: ScoredSet, values: Sequence[Outcome | None]) -> ScoredSet:
    """The set with the scores of one read-out.

    Args:
        scored: labels, and failures of pictures that no read-out saw.
        values: of each row; None for those pictures.
    """
    errors, kinds = list(scored.errors), list(scored.kinds)
    for i, one in enumerate(values):
        if isinstance(one, InputError):
            errors[i], kinds[i] = str(one), one.kind

    def column(name: str) -> Float64Array:
        found = [getattr(one, name) if isinstance(one, Read) else None for one in values]
        return np.array([math.nan if number is None else number for number in found], dtype=np.float64)

    return replace(
        scored,
        scores=column("value"),
        spread=column("spread"),
        outside=column("outside"),
        errors=tuple(errors),
        kinds=tuple(kinds),
    )
