"""Sums over resamples against the slow way: every resample's rows gathered, the figure computed of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from visq.evaluation.statistics.resampled_sums import resampled_mean, resampled_sums
from visq.evaluation.statistics.resampling import members_of, resampled


def rng():
    return np.random.default_rng(5)


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=30))
def test_sums_are_those_of_the_rows_drawn(rows):
    groups, columns = [g for g, *_ in rows], np.array([values for _, *values in rows])
    members = members_of(groups, [len(rows)])
    found = resampled_sums(columns, members, 20, rng())
    for k in range(2):
        slow = resampled(lambda column: column.sum(), [columns[:, k]], members, 20, rng())
        np.testing.assert_allclose(found[:, k], slow, rtol=0, atol=1e-10)


def test_means_are_those_of_the_rows_drawn():
    source = np.random.default_rng(1)
    y = 1e4 + source.normal(size=60)
    members = members_of(np.arange(60) // 4, [60])
    slow = resampled(np.mean, [y], members, 300, rng())
    np.testing.assert_allclose(resampled_mean(y, members, 300, rng()), slow, rtol=1e-13)
