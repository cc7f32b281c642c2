"""Fits a calibration on one part of rated rows and checks it on another. Knows arrays, no model and no file.

Three parts, none of which shares a group with another: `map` fits the map to opinion scores, `interval` gives
the residuals of the conformal interval, `test` measures coverage and errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError, InputError
from visq.core.registry import unknown_name
from visq.core.scales import Scale
from visq.data.folds import group_folds
from visq.data.split_balance import torn_groups
from visq.evaluation.calibration.rated_rows import RatedRows
from visq.evaluation.calibration.value_map import MapKind, check_rows, fit_map
from visq.evaluation.statistics.coverage import (
    Covered,
    abstention_curve,
    coverage_table,
    coverage_text,
    error_table,
)
from visq.evaluation.statistics.group_conformal import (
    MIN_GROUPS,
    group_half_width,
    groups_needed,
    level_half_widths,
)
from visq.metrics import srcc
from visq.readouts.calibration import Calibration, ValueMap, levels_of, widths_of

IntervalKind = Literal["constant", "by-level"]
MAP, INTERVAL, TEST = "map", "interval", "test"
BOOTSTRAP_SEED = 0

_WANDERS = 0.04  # std of the coverage brought, from one interval part to another, above which it is said

# Tenths of the groups: the interval takes most, since the coverage it brings hangs on how many it has.
_TENTHS = {MAP: 3, INTERVAL: 4, TEST: 3}


@dataclass(frozen=True)
class FitSettings:
    """How a calibration is fitted.

    Attributes:
        map: `isotonic`, `linear` or `none`.
        interval: `constant`, or `by-level` of the predicted score.
        nominal: coverage aimed at, 0..1.
        seed: text that decides which groups go to which part.
        resamples: of the intervals round the coverage found.
    """

    map: MapKind = "isotonic"
    interval: IntervalKind = "constant"
    nominal: float = 0.9
    seed: str = "visq"
    resamples: int = 1000

    def __post_init__(self) -> None:
        for name, value, kinds in (
            ("kind of map", self.map, get_args(MapKind)),
            ("kind of interval", self.interval, get_args(IntervalKind)),
        ):
            if value not in kinds:
                raise unknown_name(name, value, kinds)
        if not 0 < self.nominal < 1:
            raise InputError(f"nominal coverage lies between 0 and 1, not at {self.nominal:g}")
        if self.resamples < 1:
            raise InputError(f"resamples must be 1 or more, not {self.resamples}")


@dataclass(frozen=True)
class FittedCalibration:
    """A calibration, and what is known of it.

    Attributes:
        calibration: to be applied to scores.
        report: parts, widths, coverage, errors, abstention, warnings; values that JSON holds, nan included.
    """

    calibration: Calibration
    report: Mapping[str, Any]


def own_parts(groups: Sequence[str], settings: FitSettings) -> NDArray[np.str_]:
    """Parts by a hash of seed and group: three tenths of the groups map, four interval, three test.

    A hash and not a balanced split, since the promise of the interval needs groups that are exchangeable.

    Raises:
        InputError: fewer than ten groups.
    """
    return _named(groups, {k: _TENTHS[k] for k in (MAP, INTERVAL, TEST)}, settings)


def parts_of(rows: RatedRows, fit: str, test: str, settings: FitSettings) -> NDArray[np.str_]:
    """Parts by a column: rows called `fit` (shared out by hash where there is a map), rows called `test`.

    Raises:
        DataError: no row has one of the names, or a group stands in both.
        InputError: too few groups to share out.
    """
    cells = rows.cells.tolist()
    for name in (fit, test):
        if name not in cells:
            known = ", ".join(sorted(set(cells))[:8])
            raise DataError(f"no rated row is in part {name!r} of the split; there are: {known}")
    wanted = [cell if cell in (fit, test) else "" for cell in cells]
    used = [i for i, cell in enumerate(wanted) if cell]
    torn = torn_groups([str(rows.groups[i]) for i in used], [wanted[i] for i in used])
    for group, (one, other) in torn.items():
        raise DataError(
            f"group {group!r} stands in {wanted[used[one]]!r} and in {wanted[used[other]]!r} "
            f"(rows {rows.ids[used[one]]!r} and {rows.ids[used[other]]!r}): the check would be none"
        )
    parts = np.array([TEST if cell == test else "" for cell in wanted], dtype="U8")
    fitted = np.array([cell == fit for cell in wanted])
    parts[fitted] = _named(rows.groups[fitted].tolist(), {k: _TENTHS[k] for k in (MAP, INTERVAL)}, settings)
    return parts


def _named(groups: Sequence[str], tenths: Mapping[str, int], settings: FitSettings) -> NDArray[np.str_]:
    n, n_groups = sum(tenths.values()), len(set(groups))
    if n_groups < n:
        raise InputError(
            f"{n_groups} groups of rated pictures to share out into {', '.join(tenths)}: it takes {n} or more"
        )
    names = np.repeat(list(tenths), list(tenths.values()))
    if settings.map == "none":
        names[names == MAP] = INTERVAL
    return np.asarray(names[group_folds(groups, n, salt=f"{settings.seed}/calibrate/")], dtype="U8")


def check_parts(rows: RatedRows, parts: NDArray[np.str_], settings: FitSettings) -> None:
    """Refuse parts that are too small to be fitted or checked, whatever the scores.

    Args:
        rows: with or without scores.
        parts: str [n], `map`, `interval`, `test`, or empty.
        settings: how it is to be fitted.

    Raises:
        DataError: a part has too few rows or groups.
    """
    for name in (INTERVAL, TEST):
        if name not in parts:
            raise DataError(f"the part {name!r} has no rows: rate more pictures, or name another split")
    n_groups, needed = np.unique(rows.groups[parts == INTERVAL]).size, groups_needed(settings.nominal)
    if n_groups < needed:
        raise DataError(
            f"the interval part has {n_groups} groups, and a coverage of {settings.nominal:g} takes {needed} "
            "or more; rate pictures of more groups, or lower --nominal"
        )
    check_rows(settings.map, int((parts == MAP).sum()))


def fit_calibration(
    rows: RatedRows,
    parts: NDArray[np.str_],
    settings: FitSettings,
    *,
    scale: Scale,
    levels: Sequence[str],
    population: str,
) -> FittedCalibration:
    """Fit map and interval, and check them.

    Args:
        rows: with scores and ratings on `scale`.
        parts: str [n], `map`, `interval`, `test`, or empty for rows left out.
        settings: how.
        scale: the aspect's own.
        levels: its level words, worst first.
        population: the pictures it will hold for, in words.

    Raises:
        DataError: a part has too few rows or groups, ratings do not rise with the scores, or all residuals
            are 0.
    """
    check_parts(rows, parts, settings)
    at = {name: np.flatnonzero(parts == name) for name in (MAP, INTERVAL, TEST)}
    mapped = fit_map(settings.map, rows.scores[at[MAP]], rows.ratings[at[MAP]])
    bare = Calibration(1.0, settings.nominal, population, map=mapped)
    widths = _widths(rows, at[INTERVAL], bare, settings, scale, levels)
    calibration = Calibration(
        widths["half_width"],
        settings.nominal,
        population,
        note=widths["guarantee"],
        map=mapped,
        half_widths=tuple(level["half_width"] for level in widths["levels"]) if _is_by_level(widths) else (),
    )
    checked = _checked(rows, at[TEST], calibration, settings, scale, levels)
    report = {
        "settings": {
            "map": settings.map,
            "interval": settings.interval,
            "nominal": settings.nominal,
            "seed": settings.seed,
            "resamples": settings.resamples,
        },
        "parts": {name: _size(rows, found) for name, found in at.items()},
        "n_left_out": int((parts == "").sum()),
        "map": None if mapped is None else _map_table(mapped),
        **widths,
        **checked,
    }
    calibration = replace(calibration, checked=coverage_text(report["coverage"], settings.nominal))
    return FittedCalibration(calibration, {**report, "warnings": _warnings(report, settings)})


def _size(rows: RatedRows, at: NDArray[np.int64]) -> dict[str, int]:
    return {"n": int(at.size), "n_groups": int(np.unique(rows.groups[at]).size)}


def _map_table(mapped: ValueMap) -> dict[str, Any]:
    return {
        "kind": mapped.kind,
        "scores": list(mapped.scores),
        "labels": list(mapped.labels),
        "slope": mapped.slope,
    }


def _widths(
    rows: RatedRows,
    at: NDArray[np.int64],
    bare: Calibration,
    settings: FitSettings,
    scale: Scale,
    levels: Sequence[str],
) -> dict[str, Any]:
    """Half-widths of the interval part, and the promise they keep."""
    values, groups = bare.value(rows.scores[at], scale), rows.groups[at]
    residuals = np.abs(rows.ratings[at] - values)
    width = group_half_width(residuals, groups, settings.nominal)
    if width <= 0:
        raise DataError("scores equal ratings on the interval part: there is no error to calibrate")
    table = []
    if settings.interval == "by-level":
        found = level_half_widths(
            residuals, groups, levels_of(values, scale, len(levels)), len(levels), settings.nominal
        )
        if min(level.half_width for level in found) <= 0:
            raise DataError("scores equal ratings on a whole level: take the constant interval")
        table = [
            {
                "level": name,
                "n": level.n,
                "n_groups": level.n_groups,
                "half_width": level.half_width,
                "is_own": level.is_own,
            }
            for name, level in zip(levels, found, strict=True)
        ]
    widths: dict[str, Any] = {"half_width": width, "levels": table}
    n_groups, by_level = int(np.unique(groups).size), _is_by_level(widths)
    return widths | {"guarantee": _guarantee(rows, n_groups, settings.nominal, by_level=by_level)}


def _is_by_level(widths: Mapping[str, Any]) -> bool:
    """Whether any level has a width of its own; else the interval is the constant one, whatever was asked."""
    return any(level["is_own"] for level in widths["levels"])


def _guarantee(rows: RatedRows, n_groups: int, nominal: float, *, by_level: bool) -> str:
    """Which promise holds, to the word."""
    if rows.group_column is None:
        text, most = f"a new picture exchangeable with {n_groups} others", nominal + 1 / (n_groups + 1)
    else:
        text = f"a picture of a new group, exchangeable with {n_groups} others by {rows.group_column}"
        most = nominal + 2 / (n_groups + 1)
    if by_level:
        return f"promise: {nominal:g} or more for {text}, in each level of the score with a width of its own"
    return f"promise: {nominal:g} to {min(most, 1.0):.3f} (without ties) for {text}"


def _checked(
    rows: RatedRows,
    at: NDArray[np.int64],
    calibration: Calibration,
    settings: FitSettings,
    scale: Scale,
    levels: Sequence[str],
) -> dict[str, Any]:
    """Coverage, errors before and after the map, and what abstaining would save, on the test part."""
    values, ratings = calibration.value(rows.scores[at], scale), rows.ratings[at]
    low, high = calibration.interval(values, scale)
    codes = levels_of(values, scale, len(levels))
    tested = Covered(ratings, values, low, high, rows.groups[at], codes)
    by = {"spread": rows.spread[at]}
    if calibration.half_widths:
        by = {"half_width": widths_of(codes, calibration.half_widths), **by}
    curves = {name: abstention_curve(tested, u) for name, u in by.items() if not np.isnan(u).any()}
    return {
        "coverage": coverage_table(tested, levels, settings.resamples, BOOTSTRAP_SEED),
        "errors": {
            "before": error_table(rows.scores[at], ratings),
            "after": error_table(values, ratings),
            "srcc": srcc(values, ratings) if at.size > 1 else math.nan,
        },
        "abstention": {name: curve for name, curve in curves.items() if len(curve) > 1},
    }


def _warnings(report: Mapping[str, Any], settings: FitSettings) -> list[str]:
    found = []
    share, nominal = report["coverage"]["rows"], settings.nominal
    if share["high"] < nominal or share["low"] > nominal:
        found.append(
            f"coverage on the test part is {share['value']:.3f} [{share['low']:.3f}, {share['high']:.3f}], "
            f"away from {nominal:g}"
        )
    n_groups = report["parts"][INTERVAL]["n_groups"]
    wanders = math.sqrt(nominal * (1 - nominal) / (n_groups + 2))  # std of the beta distribution it follows
    if wanders > _WANDERS:
        found.append(
            f"the interval comes from {n_groups} groups: the coverage it brings varies by about "
            f"{wanders:.2f} from one such set to another"
        )
    shared = [level["level"] for level in report["levels"] if not level["is_own"]]
    if shared:
        found.append(
            f"levels with fewer than {MIN_GROUPS} groups have the half-width of all rows, and no promise of "
            f"their own: {', '.join(shared)}"
        )
    return found
