"""Paired differences against loops written out, the margin, and several tests at once."""

from __future__ import annotations

import numpy as np
import pytest

from visq.core.errors import DataError, InputError
from visq.evaluation.statistics.differences import equivalence, holm, paired_difference
from visq.evaluation.statistics.intervals import group_bootstrap
from visq.metrics import srcc


def two_scorers(rng, n_groups=40, size=3, noise=(0.6, 0.9), shared=0.5):
    """Truth, two scorers whose errors go together, and groups of rows that share an error."""
    n = n_groups * size
    groups = np.repeat(np.arange(n_groups), size)
    truth = rng.normal(size=n)
    common = shared * rng.normal(size=n_groups)[groups]
    a, b = (truth + common + s * rng.normal(size=n) for s in noise)
    return a, b, truth, groups


def written_out(a, b, truth, groups, n_resamples, rng):
    """Differences of Spearman correlations by scipy, rows gathered group by group."""
    from scipy.stats import spearmanr

    names, differences = sorted(set(groups.tolist())), []
    for _ in range(n_resamples):
        picked = rng.integers(0, len(names), len(names))
        rows = [i for g in picked for i in range(len(groups)) if groups[i] == names[g]]
        one, two = (spearmanr(x[rows], truth[rows]).statistic for x in (a, b))
        differences.append(one - two)
    return np.array(differences)


def test_the_difference_is_the_loop_written_out():
    a, b, truth, groups = two_scorers(np.random.default_rng(1))
    found = paired_difference(
        srcc, a, b, truth, groups, n_resamples=80, level=0.8, rng=np.random.default_rng(2)
    )
    loop = written_out(a, b, truth, groups, 80, np.random.default_rng(2))
    ends = tuple(np.quantile(loop, [0.1, 0.9]))
    assert (found.interval.low, found.interval.high) == pytest.approx(ends, abs=1e-10)
    assert found.p_value == min(1, 2 * min(1 + (loop <= 0).sum(), 1 + (loop >= 0).sum()) / 81)
    assert found.standard_error == pytest.approx(loop.std(ddof=1), abs=1e-10)
    assert found.difference == found.a - found.b == srcc(a, truth) - srcc(b, truth)
    assert (found.interval.n, found.interval.n_groups) == (120, 40)


def test_pairing_is_narrower_than_two_bootstraps_apart():
    a, b, truth, groups = two_scorers(np.random.default_rng(3), noise=(0.2, 0.25))
    paired = paired_difference(srcc, a, b, truth, groups, n_resamples=400, rng=np.random.default_rng(4))
    rng = np.random.default_rng(5)
    alone = paired_difference(srcc, a, -truth, truth, groups, n_resamples=400, rng=rng).standard_error
    assert paired.standard_error < alone


def test_the_same_scores_do_not_differ_and_opposite_ones_do():
    a, _, truth, groups = two_scorers(np.random.default_rng(6))
    same = paired_difference(srcc, a, a, truth, groups, n_resamples=99, rng=np.random.default_rng(0))
    assert (same.difference, same.p_value, same.interval.low, same.interval.high) == (0, 1, 0, 0)
    other = paired_difference(srcc, a, -a, truth, groups, n_resamples=99, rng=np.random.default_rng(0))
    assert other.p_value == 2 / 100  # no resample on the other side; the observed one counts
    swapped = paired_difference(srcc, -a, a, truth, groups, n_resamples=99, rng=np.random.default_rng(0))
    assert swapped.interval.high == -other.interval.low


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_of_no_difference_cover_it_on_clustered_rows(method):
    rng, trials, hits, false_alarms = np.random.default_rng(7), 150, 0, 0
    for _ in range(trials):
        a, b, truth, groups = two_scorers(rng, noise=(0.7, 0.7))
        found = paired_difference(srcc, a, b, truth, groups, n_resamples=199, method=method, rng=rng)
        hits += found.interval.low <= 0 <= found.interval.high
        false_alarms += found.p_value < 0.05
    assert 0.88 <= hits / trials <= 0.995  # nominal 0.95, standard error 0.018
    assert false_alarms / trials <= 0.12


def test_bca_of_a_difference_leaves_groups_out_of_both():
    a, b, truth, groups = two_scorers(np.random.default_rng(9), n_groups=15)
    found = paired_difference(
        srcc, a, b, truth, groups, n_resamples=99, method="bca", rng=np.random.default_rng(1)
    ).interval
    whole = group_bootstrap(
        lambda x, y, t: srcc(x, t) - srcc(y, t), [a, b, truth], groups, n_resamples=99, method="bca",
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert (found.low, found.high) == pytest.approx((whole.low, whole.high), abs=1e-10)


@pytest.mark.parametrize("gain", [0.025, 0.3])
def test_better_is_no_worse_but_not_equivalent(gain):
    a, b = np.linspace(gain - 0.17, gain + 0.17, 50), np.zeros(50)  # standard error of the mean 0.014
    found = equivalence(mean_of_scores, a, b, b, np.arange(50), rng=np.random.default_rng(3))
    assert (found.margin, found.no_worse, found.equivalent) == (0.005, True, False)
    assert found.p_value < 0.05


def test_a_difference_that_does_not_exist_is_nan():
    rng, x = np.random.default_rng(0), np.arange(6.0)
    found = paired_difference(srcc, x, np.ones(6), x, x, n_resamples=20, rng=rng)
    assert np.isnan([found.b, found.difference, found.interval.low, found.p_value]).all()
    assert found.interval.n_undefined == 20
    unknown = equivalence(srcc, x, np.ones(6), x, x, n_resamples=20, rng=rng)
    assert np.isnan(unknown.p_value)
    assert (unknown.no_worse, unknown.equivalent) == (False, False)


def mean_of_scores(scores, truth):
    return float(np.mean(scores))


def test_no_worse_than_a_margin_by_counting():
    rng = np.random.default_rng(10)
    a, b = rng.normal(0.0, 0.1, 50), np.zeros(50)
    draws = np.random.default_rng(11)
    loop = np.array([a[draws.integers(0, 50, 50)].mean() for _ in range(200)])
    low, high = np.quantile(loop, [0.1, 0.9])
    for margin in (0.9 * -low, 1.1 * -low, 2 * max(-low, high)):
        found = equivalence(
            mean_of_scores, a, b, b, np.arange(50), margin=margin, n_resamples=200, level=0.9,
            rng=np.random.default_rng(11),
        )  # fmt: skip
        assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=1e-12)
        assert found.no_worse == (low > -margin)
        assert found.equivalent == (low > -margin and high < margin)
        assert found.p_value == (1 + (loop <= -margin).sum()) / 201


def test_a_small_set_shows_neither_a_difference_nor_its_absence():
    a, b, truth, groups = two_scorers(np.random.default_rng(12), n_groups=12, noise=(0.7, 0.7))
    rng = np.random.default_rng(13)
    assert paired_difference(srcc, a, b, truth, groups, n_resamples=199, rng=rng).p_value > 0.05
    assert not equivalence(srcc, a, b, truth, groups, n_resamples=199, rng=rng).no_worse


def test_wrong_requests_are_errors():
    rng, x = np.random.default_rng(0), np.arange(4.0)
    with pytest.raises(DataError, match=r"\[4, 3, 4\] rows, 4 groups"):
        paired_difference(srcc, x, x[:3], x, x, rng=rng)
    with pytest.raises(InputError, match="beyond 0 at"):
        equivalence(srcc, x, x, x, x, margin=0, rng=rng)
    with pytest.raises(InputError, match=r"level of 0\.5"):
        equivalence(srcc, x, x, x, x, level=0.5, rng=rng)
    with pytest.raises(InputError, match="from 0 resamples"):
        paired_difference(srcc, x, x, x, x, n_resamples=0, rng=rng)


def test_holm_by_hand_and_by_rejecting_step_by_step():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))  # 3 * .01, 2 * .03, max(.06, .04)
    assert holm([]) == ()
    assert holm([0.5, 0.6]) == (1.0, 1.0)
    odd = holm([0.02, float("nan"), 0.5])
    assert odd[0] == 0.04
    assert np.isnan(odd[1])
    rng = np.random.default_rng(3)
    ps, alpha = rng.random(20) ** 4, 0.05
    rejected = set()
    for step, i in enumerate(np.argsort(ps)):  # Holm's own procedure
        if ps[i] > alpha / (20 - step):
            break
        rejected.add(int(i))
    assert rejected
    assert {i for i, p in enumerate(holm(ps.tolist())) if p <= alpha} == rejected
    with pytest.raises(DataError, match=r"p-value 1 is 1\.5"):
        holm([0.2, 1.5])
