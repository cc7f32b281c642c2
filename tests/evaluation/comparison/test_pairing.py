"""Resamples drawn once against the functions that draw for every pair; verdicts among several tests."""

from __future__ import annotations

import numpy as np
import pytest

from visq.core.errors import DataError, InputError
from visq.evaluation.comparison.pairing import mean_resampled
from visq.evaluation.statistics.differences import Difference, Resampled, equivalence, paired_difference
from visq.evaluation.statistics.intervals import Interval, group_bootstrap
from visq.evaluation.statistics.published import verdict
from visq.evaluation.statistics.resampling import members_of, resampled
from visq.metrics import plcc, srcc


def drawn(statistic, scores, truth, groups, n_resamples=80):
    members = members_of(groups, [len(truth)])
    values = resampled(statistic, [scores, truth], members, n_resamples, np.random.default_rng(3))
    return Resampled(statistic(scores, truth), values, len(truth), len(members))


@pytest.mark.parametrize("statistic", [srcc, plcc])
def test_resamples_drawn_once_give_what_is_drawn_for_each_pair(statistic):
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(20), 3)
    truth = rng.normal(size=60)
    a, b = truth + rng.normal(size=60), truth + rng.normal(size=60)
    one, other = (drawn(statistic, x, truth, groups) for x in (a, b))
    settings = {"n_resamples": 80, "level": 0.9}
    expected = paired_difference(statistic, a, b, truth, groups, rng=np.random.default_rng(3), **settings)
    assert one.minus(other, 0.9) == expected
    expected = equivalence(
        statistic, a, b, truth, groups, margin=0.02, rng=np.random.default_rng(3), **settings
    )
    assert one.no_worse_than(other, 0.02, 0.9) == expected
    expected = group_bootstrap(statistic, [a, truth], groups, rng=np.random.default_rng(3), **settings)
    assert one.interval(0.9) == expected


def test_only_resamples_of_the_same_draws_are_a_pair():
    one = Resampled(0.5, np.zeros(9), 20, 20)
    for other in (Resampled(0.5, np.zeros(8), 20, 20), Resampled(0.5, np.zeros(9), 21, 20)):
        with pytest.raises(DataError, match=r"no pair: rows, groups and resamples are \(20, 20, 9\) and"):
            one.minus(other)
    with pytest.raises(InputError, match="beyond 0 at"):
        one.no_worse_than(one, 0)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_rounding_is_no_difference(method):
    rng, truth = np.random.default_rng(1), np.random.default_rng(2).normal(size=40)
    scores = truth + rng.normal(size=40)
    for factor in (3.0, 0.1, 25.0, 7.7):
        other = factor * scores + 1
        found = paired_difference(
            plcc, scores, other, truth, np.arange(40), n_resamples=99, method=method, rng=rng
        )
        assert (found.difference, found.p_value, found.standard_error) == (0, 1, 0)
        assert (found.interval.low, found.interval.high) == (0, 0)


def test_resamples_beyond_a_thousand_are_for_p_values_only():
    rng = np.random.default_rng(0)
    values = rng.normal(0.1, 0.05, 4000)
    one, other = Resampled(0.6, values, 50, 50), Resampled(0.5, np.zeros(4000), 50, 50)
    found = one.minus(other)
    assert one.interval().high == np.quantile(values[:1000], 0.975)
    assert found.interval.low == pytest.approx(np.quantile(values[:1000], 0.025))
    assert found.interval.n_resamples == 1000
    assert found.p_value == pytest.approx(2 * (1 + (values <= 0).sum()) / 4001)


def test_a_mean_over_sets_by_hand():
    one, other = (Resampled(r, np.full(4, r), n, n) for r, n in ((0.5, 10), (0.9, 20)))
    mean = mean_resampled([one, other])
    assert mean.value == pytest.approx(0.7660, abs=1e-4)  # (.54931 + 1.47222) / 2 = 1.01076
    assert mean.values == pytest.approx([mean.value] * 4)
    assert (mean.n, mean.n_groups) == (30, 30)
    undefined = Resampled(1.0, np.array([np.nan, 0.9, 1.0, -1.0]), 20, 20)
    assert np.isnan(mean_resampled([one, undefined]).value)
    assert np.isnan(mean_resampled([one, undefined]).values).sum() == 3


def test_sets_drawn_alike_are_averaged_as_independent_ones():
    values = np.random.default_rng(4).normal(0, 0.05, 4000)
    sets = [Resampled(0.0, values, 50, 50) for _ in range(4)]  # resample by resample the same
    spread = mean_resampled(sets).values.std()
    assert spread == pytest.approx(values.std() / 2, rel=0.05)  # not values.std(), as if the four were one
    better = [Resampled(0.1, values + 0.1, 50, 50) for _ in range(4)]
    difference = mean_resampled(better).minus(mean_resampled(sets))
    assert difference.standard_error < 0.01  # pairs stay pairs


def test_among_several_tests_the_adjusted_p_decides():
    found = Difference(0.82, 0.80, 0.02, Interval(0.001, 0.04, 0.95, 200, 200, 1000), 0.03, 0.01)
    assert verdict(found) == "n = 200: .820 and .800 differ (p = .030)"
    assert verdict(found, adjusted=0.04) == "n = 200: .820 and .800 differ (Holm p = .040)"
    assert verdict(found, adjusted=0.18) == (
        "n = 200: cannot tell .820 from .800: p = .030 alone is Holm p = .180 among all comparisons"
    )
    unclear = Difference(0.82, 0.80, 0.02, found.interval, 0.2, 0.01)
    assert verdict(unclear, adjusted=1.0) == verdict(unclear)
