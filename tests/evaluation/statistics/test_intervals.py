"""The group bootstrap: coverage on simulated groups, and its plain form written out."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from visq.core.errors import DataError, InputError
from visq.evaluation.statistics.intervals import bca_ends, bonett_wright, fisher_z, group_bootstrap
from visq.evaluation.statistics.resampling import members_of, resampled
from visq.metrics import srcc


def clustered_coverage(group_of_row, n_trials=200):
    """Share of intervals of a mean that hold the true mean 0, rows correlated in groups of 5."""
    rng, n_groups, size = np.random.default_rng(20), 40, 5
    hits = 0
    for _ in range(n_trials):
        values = np.repeat(rng.normal(size=n_groups), size) + 0.3 * rng.normal(size=n_groups * size)
        interval = group_bootstrap(np.mean, [values], group_of_row(n_groups, size), n_resamples=100, rng=rng)
        hits += interval.low <= 0 <= interval.high
    return hits / n_trials


def test_intervals_over_groups_cover_and_over_rows_do_not():
    # 200 trials: standard error 0.015 at 0.95; the percentile method with 40 groups loses about 0.01.
    assert 0.88 <= clustered_coverage(lambda g, s: np.repeat(np.arange(g), s)) <= 0.99
    assert clustered_coverage(lambda g, s: np.arange(g * s)) < 0.75


def test_one_row_a_group_is_the_plain_bootstrap():
    x = np.random.default_rng(2).normal(size=30)
    rng = np.random.default_rng(3)
    plain = [float(np.median(x[rng.integers(0, 30, 30)])) for _ in range(400)]
    names = [f"row {9 * i % 31}" for i in range(30)]  # not in alphabetical order
    found = group_bootstrap(np.median, [x], names, n_resamples=400, level=0.8, rng=np.random.default_rng(3))
    assert (found.low, found.high) == tuple(np.quantile(plain, [0.1, 0.9]))
    assert (found.n, found.n_groups, found.n_resamples, found.level) == (30, 30, 400, 0.8)


def test_a_group_drawn_twice_counts_twice_and_is_never_torn():
    sizes = []

    def look(values, groups):
        counts = {g: int((groups == g).sum()) for g in set(groups.tolist())}
        assert all(counts[g] % {"a": 1, "b": 2, "c": 3}[g] == 0 for g in counts)
        assert set(values[groups == "b"].tolist()) <= {2.0, 3.0}
        sizes.append(len(values))
        return 0.0

    groups = np.array(["c", "a", "b", "b", "c", "c"])
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    found = group_bootstrap(look, [values, groups], groups, n_resamples=200, rng=np.random.default_rng(4))
    assert found.n == 6
    assert found.n_groups == 3
    assert min(sizes) == 3  # three times a
    assert max(sizes) == 9  # three times c


def test_the_same_generator_gives_the_same_interval():
    x, groups = np.random.default_rng(0).normal(size=20), np.arange(20) // 4
    one, two = (group_bootstrap(np.mean, [x], groups, rng=np.random.default_rng(5)) for _ in range(2))
    assert one == two
    assert one != group_bootstrap(np.mean, [x], groups, rng=np.random.default_rng(6))


def test_resamples_without_a_statistic_are_counted_and_too_many_give_no_interval():
    def undefined_for(share):
        draws = iter(np.linspace(0, 1, 100, endpoint=False))
        return lambda x: float("nan") if next(draws) < share else float(x.mean())

    x, rng = np.arange(10.0), np.random.default_rng(7)
    few = group_bootstrap(undefined_for(0.05), [x], x, n_resamples=100, rng=rng)
    assert few.n_undefined == 5
    assert few.low < 4.5 < few.high
    many = group_bootstrap(undefined_for(0.06), [x], x, n_resamples=100, rng=rng)
    assert many.n_undefined == 6
    assert np.isnan([many.low, many.high]).all()


def test_wrong_requests_are_errors():
    rng = np.random.default_rng(8)
    with pytest.raises(DataError, match=r"\[3\] rows, 2 groups"):
        group_bootstrap(np.mean, [[1, 2, 3]], ["a", "b"], rng=rng)
    with pytest.raises(DataError, match="0 groups"):
        group_bootstrap(np.mean, [[]], [], rng=rng)
    with pytest.raises(InputError, match="level 1"):
        group_bootstrap(np.mean, [[1]], ["a"], level=1, rng=rng)


def clustered_scores(rng, n_groups=30, size=4, digits=1):
    """Scores and truth that share a group effect, rounded so that many are tied."""
    effect = np.repeat(rng.normal(size=n_groups), size)
    truth, scores = (effect + rng.normal(size=n_groups * size) for _ in range(2))
    return np.round(scores, digits), np.round(truth, digits), np.repeat(np.arange(n_groups), size)


@pytest.mark.parametrize("digits", [0, 1, 9])
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_srcc_by_counts_is_srcc_recomputed(digits, method):
    from scipy.stats import spearmanr

    rng = np.random.default_rng(11)
    for uneven in (False, True):
        x, y, groups = clustered_scores(rng, digits=digits)
        if uneven:
            groups = rng.permutation(rng.integers(0, 25, x.size) ** 2 // 20)
        seen = []

        def plain(a, b, seen=seen):
            seen.append(float(spearmanr(a, b).statistic))
            return seen[-1]

        ask = {"n_resamples": 60, "method": method}
        slow = group_bootstrap(plain, [x, y], groups, rng=np.random.default_rng(3), **ask)
        fast = group_bootstrap(srcc, [x, y], groups, rng=np.random.default_rng(3), **ask)
        assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=1e-10)
        members = members_of(groups, [x.size])
        values = resampled(srcc, [x, y], members, 60, np.random.default_rng(3))
        assert values == pytest.approx(np.array(seen[:60]), abs=1e-10)


def test_srcc_by_counts_is_nan_where_a_resample_is_constant():
    x, y = [1, 1, 1, 2], [1, 2, 3, 4]
    found = resampled(
        srcc, [np.array(x), np.array(y)], members_of([0, 0, 0, 1], [4]), 50, np.random.default_rng(0)
    )
    draws = np.random.default_rng(0)
    drawn = [set(draws.integers(0, 2, 2).tolist()) for _ in range(50)]
    assert [bool(np.isnan(r)) for r in found] == [len(groups) == 1 for groups in drawn]
    assert np.isnan(resampled(srcc, [np.ones(3), np.arange(3)], members_of([0, 1, 2], [3]), 5, draws)).all()
    with pytest.raises(DataError, match="score 1 is nan"):
        group_bootstrap(srcc, [[1, np.nan, 2], [1, 2, 3]], [0, 1, 2], rng=draws)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_scipy_draws_the_same_intervals_of_single_rows(method):
    from scipy.stats import bootstrap

    x = np.random.default_rng(5).exponential(size=40)
    mine = group_bootstrap(
        np.mean, [x], np.arange(40), n_resamples=8000, method=method.lower(), rng=np.random.default_rng(6)
    )
    theirs = bootstrap(
        (x,), np.mean, n_resamples=8000, method=method, rng=np.random.default_rng(7)
    ).confidence_interval
    # An end near the 2.5 % quantile of 8,000 draws wanders by about 0.03 standard errors of the mean.
    within = 5 * 0.03 * x.std() / np.sqrt(40)
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=within)
    assert mine.method == method.lower()


def test_bca_ends_by_hand():
    # No bias (half below) and a symmetric jackknife: BCa is the percentile method.
    values = np.arange(100.0)
    assert bca_ends(values, 49.5, np.array([-1.0, 0.0, 1.0]), 0.8) == pytest.approx(
        tuple(np.quantile(values, [0.1, 0.9]))
    )
    # Jackknife (-3, 1, 1, 1): d = (3, -1, -1, -1), sum d^3 = 24, sum d^2 = 12, a = 24 / (6 * 12^1.5).
    a, z = 24 / (6 * 12**1.5), 1.2815515655446004
    shares = [NormalDist().cdf(s / (1 - a * s)) for s in (-z, z)]
    found = bca_ends(values, 49.5, np.array([-3.0, 1.0, 1.0, 1.0]), 0.8)
    assert found == pytest.approx(tuple(np.quantile(values, shares)), abs=1e-9)
    # 30 of 100 below: z0 = -0.5244, ends at Phi(2 z0 -+ z) without acceleration.
    shares = [NormalDist().cdf(2 * NormalDist().inv_cdf(0.3) + s) for s in (-z, z)]
    assert bca_ends(values, 29.5, np.zeros(4), 0.8) == pytest.approx(tuple(np.quantile(values, shares)))


def test_bca_has_no_interval_where_its_correction_does_not_exist():
    rng = np.random.default_rng(1)
    one = group_bootstrap(np.mean, [[1.0, 2.0]], ["a", "a"], method="bca", rng=rng)
    torn = group_bootstrap(srcc, [[1, 1, 2], [1, 2, 3]], [0, 0, 1], method="bca", rng=rng)
    outside = bca_ends(np.arange(9.0), 50.0, np.arange(3.0), 0.9)
    assert np.isnan([one.low, one.high, torn.low, torn.high, *outside]).all()
    constant = group_bootstrap(np.mean, [[2.0, 2.0, 2.0]], [0, 1, 2], method="bca", rng=rng)
    assert (constant.low, constant.high) == (2.0, 2.0)
    with pytest.raises(InputError, match="known methods: percentile, bca"):
        group_bootstrap(np.mean, [[1.0]], [0], method="basic", rng=rng)


def test_bca_covers_clustered_skew_better_than_percentiles():
    rng, hits = np.random.default_rng(30), {"percentile": 0, "bca": 0}
    for _ in range(300):
        values = np.repeat(rng.exponential(size=20), 3) + 0.1 * rng.normal(size=60)
        for method in hits:
            found = group_bootstrap(
                np.mean, [values], np.repeat(np.arange(20), 3), n_resamples=200, method=method, rng=rng
            )
            hits[method] += found.low <= 1 <= found.high
    assert 0.87 <= hits["bca"] / 300 <= 0.98  # nominal 0.95; 20 skewed groups cost about 0.03
    assert hits["bca"] >= hits["percentile"] - 3


@pytest.mark.parametrize(
    ("r", "n", "low", "high"),
    [
        (0.7288, 41, 0.514, 0.858),
        (0.6557, 41, 0.409, 0.813),
        (0.7288, 40, 0.511, 0.859),
        (0.6557, 40, 0.405, 0.815),
        (0.7746, 1500, 0.750, 0.797),
        (0.8021, 1500, 0.780, 0.822),
    ],
)
def test_bonett_wright_by_hand(r, n, low, high):
    # 0.7288: atanh = 0.92618, sqrt((1 + 0.26557) / 38) = 0.18250; tanh(0.92618 -+ 1.95996 * 0.18250)
    found = bonett_wright(r, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-4)
    assert (found.n, found.n_resamples, found.method) == (n, 0, "bonett-wright")


def test_bonett_wright_is_the_interval_of_its_authors_package():
    """The example of `ci.spear` in R's statpsych, by Bonett; its rows are in the manual."""
    y = [21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19]
    x = [67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51]
    r = srcc(x, y)
    assert r == pytest.approx(0.8699639, abs=1e-7)
    found = bonett_wright(r, 15)
    assert (found.low, found.high) == pytest.approx((0.5840951, 0.9638297), abs=1e-7)


def test_fisher_z_is_scipys_interval_of_a_pearson_correlation():
    from scipy.stats import pearsonr

    x = np.random.default_rng(8).normal(size=(2, 30))
    theirs = pearsonr(*x)
    ends = theirs.confidence_interval(0.9)
    mine = fisher_z(float(theirs.statistic), 30, 0.9)
    assert (mine.low, mine.high) == pytest.approx((ends.low, ends.high), abs=1e-12)


@pytest.mark.parametrize("closed_form", [bonett_wright, fisher_z])
def test_a_lone_correlation_without_an_interval(closed_form):
    for r, n in ((0.5, 3), (1.0, 40), (float("nan"), 40)):
        found = closed_form(r, n)
        assert np.isnan([found.low, found.high]).all()
    with pytest.raises(InputError, match=r"in -1\.\.1, not at 1\.2"):
        closed_form(1.2, 40)
    with pytest.raises(InputError, match="level 0"):
        closed_form(0.2, 40, 0)
