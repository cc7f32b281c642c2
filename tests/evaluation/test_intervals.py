"""The group bootstrap: coverage on simulated groups, and its plain form written out."""

from __future__ import annotations

import numpy as np
import pytest

from visq.core.errors import DataError, InputError
from visq.evaluation import group_bootstrap


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
