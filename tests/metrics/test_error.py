"""Errors against definitions written out by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError
from visq.metrics.error import mae, outlier_ratio, rmse

ROWS = st.lists(
    st.tuples(*[st.integers(-9, 9)] * 2, st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=40
)


@given(ROWS)
def test_errors_agree_with_their_definitions(rows):
    """In exact fractions up to the last root."""
    scores, mos, stds, counts = zip(*rows, strict=True)
    gaps = [abs(s - m) for s, m in zip(scores, mos, strict=True)]
    assert rmse(scores, mos) == pytest.approx(
        float(Fraction(sum(g * g for g in gaps), len(gaps))) ** 0.5, abs=1e-12
    )
    assert mae(scores, mos) == pytest.approx(float(Fraction(sum(gaps), len(gaps))), abs=1e-12)
    assert mae(scores, mos) <= rmse(scores, mos) + 1e-12
    n = len(gaps)
    assert outlier_ratio(scores, mos, stds) == sum(g > 2 * s for g, s in zip(gaps, stds, strict=True)) / n
    # Nine ratings of three times the spread: the same limit.
    assert outlier_ratio(scores, mos, np.array(stds) * 3, n_ratings=9) == outlier_ratio(scores, mos, stds)
    squares = sum(g * g * c > 4 * s * s for g, s, c in zip(gaps, stds, counts, strict=True)) / n
    if not any(g and g * g * c == 4 * s * s for g, s, c in zip(gaps, stds, counts, strict=True)):
        assert outlier_ratio(scores, mos, stds, n_ratings=counts) == squares


def test_errors_by_hand():
    assert rmse([3], [1]) == 2
    assert mae([3], [1]) == 2
    assert rmse([1, 1], [1, 1]) == 0
    assert mae([1, 1], [1, 1]) == 0
    assert rmse([3.0, 4.0], [0.0, 0.0]) == pytest.approx(12.5**0.5, abs=1e-15)
    for scale in (1e-300, 1e300):
        assert rmse([3 * scale, 4 * scale], [0, 0]) == pytest.approx(12.5**0.5 * scale, rel=1e-15)


def test_a_score_just_at_the_limit_is_no_outlier():
    assert outlier_ratio([4.0], [3.0], [0.5]) == 0
    assert outlier_ratio([4.0], [3.0], [0.5], k=1.96) == 1
    assert outlier_ratio([4.0], [3.0], [1.0], n_ratings=4) == 0
    assert outlier_ratio([4.0], [3.0], [1.0], n_ratings=5) == 1


def test_where_all_raters_agree_only_their_score_is_right():
    assert outlier_ratio([3.0, 3.0, 3.0], [3.0, 3.001, 4.0], [0.0, 0.0, 1.0]) == 1 / 3


@pytest.mark.parametrize("figure", [rmse, mae, lambda a, b: outlier_ratio(a, b, np.ones(len(a)))])
def test_what_is_no_pair_is_an_error(figure):
    with pytest.raises(DataError, match="an error needs pairs: 2 predicted scores, 3 opinion scores"):
        figure([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="at least 1 pairs, not 0"):
        figure([], [])
    with pytest.raises(DataError, match="predicted score 1 is nan; an error needs"):
        figure([1, math.nan], [1, 2])
    with pytest.raises(DataError, match="opinion score 0 is inf"):
        figure([1, 2], [math.inf, 2])
    with pytest.raises(DataError, match="two lists"):
        figure([[1]], [[1]])


def test_what_is_no_spread_is_an_error():
    with pytest.raises(DataError, match=r"one std a row: shape \(1,\) for 2 rows"):
        outlier_ratio([1, 2], [1, 2], [1])
    with pytest.raises(DataError, match="std 1 is -1"):
        outlier_ratio([1, 2], [1, 2], [1, -1])
    with pytest.raises(DataError, match="std 0 is nan"):
        outlier_ratio([1, 2], [1, 2], [math.nan, 1])
    with pytest.raises(DataError, match=r"n_ratings 0 is 0.*from 1 up"):
        outlier_ratio([1, 2], [1, 2], [1, 1], n_ratings=0)
    with pytest.raises(DataError, match="one n_ratings a row"):
        outlier_ratio([1, 2], [1, 2], [1, 1], n_ratings=[3])
    for k in (0, -1, math.nan, math.inf):
        with pytest.raises(InputError, match="k is"):
            outlier_ratio([1], [1], [1], k=k)
