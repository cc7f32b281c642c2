"""One figure of one set: its value, its interval over groups, the form reports hold it in. Knows arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from visq.core.types import BoolArray
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.statistics.intervals import FEWEST_GROUPS, check_request, ends_of
from visq.evaluation.statistics.resampled_sums import resampled_mean
from visq.evaluation.statistics.resampling import Float64Array, Groups, members_of, resampled
from visq.metrics import plcc, srcc

Figure = dict[str, Any]
"""value, low, high, n, n_groups, n_resamples, n_undefined, method, note, and what a figure has besides."""

FEWEST_RESAMPLES = 200
"""Of fewer resamples the ends of a 95 % interval are chance; none is given then."""


@dataclass(frozen=True)
class Settings:
    """How intervals are made.

    Attributes:
        resamples: how many resamples of groups.
        level: 0..1, nominal coverage.
        seed: of the draws; every figure draws the same groups.
    """

    resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        check_request(self.resamples, self.level, "percentile")


@dataclass(frozen=True)
class Measured:
    """The rows of a set that figures are over, and how their intervals are made.

    Attributes:
        rows: the scored set without its failures.
        settings: see Settings.
    """

    rows: ScoredSet
    settings: Settings

    @cached_property
    def members(self) -> list[Groups]:
        """Rows of each group."""
        return members_of(self.rows.groups, [len(self.rows)])

    @property
    def n(self) -> int:
        """Rows with a score."""
        return len(self.rows)

    def kept(self, rows: BoolArray) -> Measured:
        """The same with some of its rows."""
        return Measured(self.rows.kept(rows), self.settings)

    def rng(self) -> np.random.Generator:
        """A fresh source of draws, the same for every figure."""
        return np.random.default_rng(self.settings.seed)

    def correlation(self, name: str, x: Float64Array, y: Float64Array, *, note: str | None = None) -> Figure:
        """`srcc` or `plcc` of two columns, with interval."""
        if self.n < 2:
            return self.missing("a correlation needs 2 rows")
        statistic = srcc if name == "srcc" else plcc
        value = float(statistic(x, y))
        if math.isnan(value):
            which = "scores" if x.min() == x.max() else "labels"
            return self.missing(f"all {which} are equal: there is no order to agree with")
        count, rng = self.settings.resamples, self.rng()
        return self.figure(value, resampled(statistic, [x, y], self.members, count, rng), note=note)

    def mean(
        self,
        values: Float64Array,
        transform: Callable[[Any], Any] = lambda mean: mean,
        *,
        note: str | None = None,
    ) -> Figure:
        """A function of the mean of one number a row, with interval."""
        if self.n < 1:
            return self.missing("no row has what this needs")
        drawn = resampled_mean(values, self.members, self.settings.resamples, self.rng())
        return self.figure(float(transform(np.mean(values))), transform(drawn), note=note)

    def slow(
        self, statistic: Callable[..., float], columns: Sequence[Any], *, budget: int, needs: int = 1
    ) -> Figure:
        """Any statistic, with an interval from as many resamples as `budget` rows allow, or none.

        Args:
            statistic: of the columns; nan where it does not exist.
            columns: arrays [n], paired by row.
            budget: rows that all resamples together may hold.
            needs: rows below which the statistic does not exist.
        """
        if self.n < needs:
            return self.missing(f"needs {needs} rows")
        value = float(statistic(*columns))
        if math.isnan(value):
            return self.missing("it does not exist on these rows")
        count = min(self.settings.resamples, budget // self.n)
        if count < min(FEWEST_RESAMPLES, self.settings.resamples):
            return self.figure(value, None, note=f"no interval: {self.n} rows are too many to resample it")
        values = resampled(statistic, columns, self.members, count, self.rng())
        fewer = f"interval from {count} resamples" if count < self.settings.resamples else None
        return self.figure(value, values, note=fewer)

    def figure(
        self, value: float, resampled_values: Float64Array | None, *, note: str | None = None, **more: object
    ) -> Figure:
        """A figure as reports hold it; where there is no interval the note says why."""
        low = high = math.nan
        n_resamples = n_undefined = 0
        if resampled_values is not None:
            low, high, reason = self.ends(resampled_values)
            note = "; ".join(text for text in (note, reason) if text) or None
            if len(self.members) >= FEWEST_GROUPS:
                n_resamples, n_undefined = resampled_values.size, int(np.isnan(resampled_values).sum())
        return {
            "value": value,
            "low": low,
            "high": high,
            "n": self.n,
            "n_groups": len(self.members) if self.n else 0,
            "n_resamples": n_resamples,
            "n_undefined": n_undefined,
            "method": None if math.isnan(low) else "percentile",
            "note": note,
            **more,
        }

    def ends(self, values: Float64Array) -> tuple[float, float, str | None]:
        """Ends of a resampled figure; nan, nan and why where there are none."""
        return ends_of(values, self.settings.level, len(self.members))

    def missing(self, reason: str) -> Figure:
        """A figure that does not exist, and why."""
        nothing = dict.fromkeys(("low", "high"), math.nan)
        counts = {"n": self.n, "n_groups": len(self.members) if self.n else 0}
        return {
            "value": math.nan,
            **nothing,
            **counts,
            "n_resamples": 0,
            "n_undefined": 0,
            "method": None,
            "note": reason,
        }
