"""Correlations against definitions written out by hand."""

from __future__ import annotations

import statistics
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from visq.core.errors import DataError, MissingExtra
from visq.metrics import plcc, srcc

PAIRS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=40)


def naive_srcc(x, y):
    def rank(v):
        return [sum(b < a for b in v) + (sum(b == a for b in v) + 1) / 2 for a in v]

    return statistics.correlation(rank(x), rank(y))


def naive_plcc(x, y):
    """By definition, in exact fractions up to the last root."""
    mx, my = Fraction(sum(x), len(x)), Fraction(sum(y), len(y))
    cov = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return float(cov) / float(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)) ** 0.5


@given(PAIRS)
def test_correlations_agree_with_their_definitions(pairs):
    x, y = zip(*pairs, strict=True)
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    assert srcc(x, y) == pytest.approx(naive_srcc(x, y), abs=1e-12)
    assert plcc(x, y) == pytest.approx(naive_plcc(x, y), abs=1e-12)


@given(PAIRS)
def test_srcc_sees_order_only(pairs):
    x, y = (np.array(v, float) for v in zip(*pairs, strict=True))
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    assert srcc(np.exp(x), y) == srcc(x, y)
    assert srcc(-x, y) == pytest.approx(-srcc(x, y), abs=1e-12)


def test_ties_take_the_mean_of_their_ranks():
    # Ranks 1.5 1.5 3 and 1 2 3: cov = 1.5, variances 1.5 and 2.
    assert srcc([5, 5, 9], [1, 2, 3]) == pytest.approx(1.5 / 3**0.5, abs=1e-15)


@pytest.mark.parametrize("figure", [srcc, plcc])
def test_a_perfect_correlation_is_one(figure):
    x = np.random.default_rng(1).normal(size=1000)
    for scale in (1.0, 1e-300, 1e300, 0.1):
        assert figure(x, x * scale) == pytest.approx(1.0, abs=1e-15)
        assert figure(x, -x * scale) == pytest.approx(-1.0, abs=1e-15)
        assert abs(figure(x, x * scale)) <= 1


@pytest.mark.parametrize("figure", [srcc, plcc])
def test_constant_scores_have_no_correlation(figure):
    # The mean of three 0.1 is not 0.1 in float64: a test of the variance against 0 would miss this.
    assert np.isnan(figure([0.1, 0.1, 0.1], [1, 2, 3]))
    assert np.isnan(figure([1, 2, 3], [7, 7, 7]))


def test_values_a_hair_apart_still_correlate():
    # Their mean, 1 - 2^-54, is rounded to 1.
    assert plcc([1.0 - 2**-53, 1.0], [0.0, 1.0]) == pytest.approx(1.0, abs=1e-15)
    assert plcc([1e8, 1e8 + 1, 1e8 + 2], [1, 2, 3]) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("figure", [srcc, plcc])
def test_what_is_no_pair_is_an_error(figure):
    with pytest.raises(DataError, match="2 predicted scores, 3 opinion scores"):
        figure([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="at least 2 pairs, not 1"):
        figure([1], [1])
    with pytest.raises(DataError, match="predicted score 1 is nan"):
        figure([1, np.nan, 3], [1, 2, 3])
    with pytest.raises(DataError, match="opinion score 2 is inf"):
        figure([1, 2, 3], [1, 2, np.inf])
    with pytest.raises(DataError, match="two lists"):
        figure([[1, 2]], [[1, 2]])


def test_missing_scipy_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtra, match=r"visq\[eval\]"):
        srcc([1, 2], [1, 2])
