"""Every run and every pair of runs on one common set: figures, tests, agreement. Knows arrays and no file.

Groups are drawn once a set and every scorer is resampled with the same draws; a pair is the difference of two
such lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.comparison.agreement import SameOrder, same_order
from visq.evaluation.comparison.sets import CommonSet
from visq.evaluation.statistics.differences import (
    ENOUGH_FOR_INTERVALS,
    Difference,
    Equivalence,
    Resampled,
    Statistic,
    holm,
)
from visq.evaluation.statistics.intervals import FEWEST_GROUPS
from visq.evaluation.statistics.over_sets import mean_of_z
from visq.evaluation.statistics.resampling import members_of, resampled
from visq.metrics import auroc, average_precision, plcc, srcc

Float64Array = NDArray[np.float64]
Pair = tuple[str, str]

STATISTICS: Mapping[str, Statistic] = {
    "srcc": srcc,
    "plcc": plcc,
    "auroc": auroc,
    "ap": average_precision,
}
CORRELATIONS, DETECTION = ("srcc", "plcc"), ("auroc", "ap")
"""What sets of ratings are compared by, and sets of labels 0 and 1."""
LEVEL = 0.95
SIGNIFICANT = 0.05
FEW_GROUPS = 30
"""Below, intervals are said to be short; 5 to 30 clusters are few by Cameron, Gelbach and Miller 2008."""
_FEWEST_ROWS = 2  # that a correlation takes


@dataclass(frozen=True)
class PairTest:
    """One pair of runs, one statistic.

    Attributes:
        found: the paired difference, first run less second.
        held: the first run against the second one less the margin.
    """

    found: Difference
    held: Equivalence


@dataclass(frozen=True)
class Agreement:
    """How far two scorers agree with each other, whatever the truth.

    Attributes:
        srcc: between their scores, with its resamples.
        order: how they order pairs of pictures; None for fewer than two rows.
    """

    srcc: Resampled
    order: SameOrder | None


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """A set with everything that is computed on it.

    Attributes:
        rows: the set.
        n_groups: groups among its rows.
        figures: run -> statistic -> value and resamples.
        tests: pair of runs -> statistic -> test; pairs in the order of the runs.
        agreement: pair of runs -> agreement.
    """

    rows: CommonSet
    n_groups: int
    figures: Mapping[str, Mapping[str, Resampled]]
    tests: Mapping[Pair, Mapping[str, PairTest]]
    agreement: Mapping[Pair, Agreement]


def measured_set(one: CommonSet, margin: float, n_resamples: int, seed: int) -> MeasuredSet:
    """Figures, tests and agreement of all runs on a set.

    Args:
        one: the set.
        margin: > 0, the loss that would not matter.
        n_resamples: how many resamples of groups; none are drawn from fewer than six groups.
        seed: of the draws, which are those of `visq evaluate`: the same rows have the same interval, made of
            the first 1000 resamples; what is drawn beyond is for small p-values.

    Raises:
        InputError: margin makes no test.
        MissingExtra: scipy is not installed.
    """
    draws = _Draws(one, n_resamples, seed)
    names = DETECTION if one.is_detection else CORRELATIONS
    figures = {
        run: {name: draws.of(STATISTICS[name], *_columns(one, scores)) for name in names}
        for run, scores in one.scores.items()
    }
    pairs = list(combinations(one.scores, 2))
    tests = {
        (a, b): {name: _test(figures[a][name], figures[b][name], margin) for name in names} for a, b in pairs
    }
    enough = len(one) >= _FEWEST_ROWS
    agreement = {
        (a, b): Agreement(
            draws.of(srcc, one.scores[a], one.scores[b], at_most=ENOUGH_FOR_INTERVALS),
            same_order(one.scores[a], one.scores[b]) if enough else None,
        )
        for a, b in pairs
    }
    return MeasuredSet(one, draws.n_groups, figures, tests, agreement)


def _columns(one: CommonSet, scores: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Scores and truth as `visq evaluate` takes them: of a detector, scores turned towards label 1."""
    if not one.is_detection:
        return scores, one.mos
    points_down = bool((one.mos != one.labels).any())
    return (-scores if points_down else scores), one.labels


@dataclass(frozen=True)
class _Draws:
    """The same resamples of one set's groups, for any statistic of its rows."""

    one: CommonSet
    n_resamples: int
    seed: int
    members: Sequence[NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        found = members_of(self.one.groups, [len(self.one)]) if len(self.one) else []
        object.__setattr__(self, "members", found)

    @property
    def n_groups(self) -> int:
        return len(self.members)

    def of(
        self, statistic: Statistic, x: Float64Array, y: Float64Array, *, at_most: int | None = None
    ) -> Resampled:
        n = self.n_resamples if at_most is None else min(self.n_resamples, at_most)
        value, values = math.nan, np.full(n, np.nan)
        if len(x) >= _FEWEST_ROWS:
            value = float(statistic(x, y))
        if self.n_groups >= FEWEST_GROUPS:
            rng = np.random.default_rng(self.seed)
            values = resampled(statistic, [x, y], self.members, n, rng)
        return Resampled(value, values, len(x), self.n_groups)


def _test(a: Resampled, b: Resampled, margin: float) -> PairTest:
    return PairTest(a.minus(b, LEVEL), a.no_worse_than(b, margin, LEVEL))


def holm_over(measured: Sequence[MeasuredSet], statistic: str) -> dict[tuple[str, Pair], float]:
    """P-values of a statistic adjusted over all sets and pairs; (set, pair) -> p, tests not made left out.

    Args:
        measured: the sets, of different names.
        statistic: a name of STATISTICS.
    """
    ps = {
        (m.rows.name, pair): tests[statistic].found.p_value
        for m in measured
        for pair, tests in m.tests.items()
        if statistic in tests
    }
    made = {key: p for key, p in ps.items() if not math.isnan(p)}
    return dict(zip(made, holm(list(made.values())), strict=True))


def mean_resampled(figures: Sequence[Resampled]) -> Resampled:
    """The mean of a correlation over sets.

    Args:
        figures: one a set, in the same order for every scorer; equally many resamples each.

    Returns:
        tanh of the unweighted mean of atanh, of the values and of each resample; nan where a correlation does
        not exist or is -1 or 1, which no mean of Fisher's z can hold.

    """
    value = mean_of_z(np.array([[figure.value] for figure in figures]))[0]
    values = mean_of_z(np.stack([_shuffled(i, figure.values) for i, figure in enumerate(figures)]))
    n, n_groups = sum(figure.n for figure in figures), sum(figure.n_groups for figure in figures)
    return Resampled(float(value), values, n, n_groups)


def _shuffled(i: int, values: Float64Array) -> Float64Array:
    """Resamples of the i-th set in an order of its own.

    All sets are drawn from one seed, so their resamples of one number would go together; the order is the
    same for every scorer, so pairs stay pairs.
    """
    return np.random.default_rng(i).permutation(values)


def warnings_about(m: MeasuredSet) -> Iterator[str]:
    """What a reader of the set's figures has to know."""
    name, column = m.rows.name, m.rows.group_column
    unit = "rows" if column is None else f"groups of {column!r}"
    if m.n_groups < FEWEST_GROUPS:
        yield f"{name}: {m.n_groups} {unit} are too few for an interval or a test; {FEWEST_GROUPS} are needed"
    elif m.n_groups < FEW_GROUPS:
        yield f"{name}: with only {m.n_groups} {unit}, intervals are too short and p-values too small"
    for run, figures in m.figures.items():
        if len(m.rows) > 1 and np.ptp(m.rows.scores[run]) == 0:
            yield f"{name}: all scores of run {run!r} are equal"
            continue
        first, chance = ("auroc", 0.5) if m.rows.is_detection else ("srcc", 0.0)
        if figures[first].interval(LEVEL).high < chance:
            yield f"{name}: scores of run {run!r} fall where labels rise; does its scale point down?"
