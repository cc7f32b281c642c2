"""Ridge: against gradient conditions and scikit-learn-free hand arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.training.ridge import fit_ridge


@given(st.integers(3, 12), st.integers(1, 20), st.integers(0, 99))
def test_the_penalised_error_has_no_slope_left(n, d, seed):
    """Both forms (n < d and n >= d): the gradient of |y - Zw - b|^2 + s |w|^2 is zero at the solution."""
    rng = np.random.default_rng(seed)
    x, y, strength = rng.normal(3, 2, (n, d)), rng.normal(size=n), 0.7
    found = fit_ridge(x, y, strength)
    std = x.std(axis=0)
    error = y - found(x)
    z, w = (x - x.mean(axis=0)) / std, found.weights * std
    np.testing.assert_allclose(z.T @ error, strength * w, atol=1e-9)
    assert error.sum() == pytest.approx(0, abs=1e-9)


def test_both_forms_agree_where_a_column_is_doubled():
    """A column twice, each at half strength, is the column once; doubling takes n >= d to n < d."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 4)), rng.normal(size=5)
    once, twice = fit_ridge(x, y, 1.0), fit_ridge(np.hstack([x, x]), y, 2.0)
    np.testing.assert_allclose(twice(np.hstack([x, x])), once(x), atol=1e-12)


def test_constant_features_are_not_read():
    x = np.column_stack([[0.0, 1.0, 2.0, 5.0], np.full(4, 0.1)])
    found = fit_ridge(x, [1.0, 2.0, 3.0, 4.0], 1.0)
    assert found.weights[1] == 0
    assert found([[1.0, 0.1]]) == found([[1.0, 99.0]])


def test_units_of_features_do_not_matter():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    unit = np.array([1e-3, 1.0, 1e4])
    np.testing.assert_allclose(fit_ridge(x * unit, y, 3.0)(x * unit), fit_ridge(x, y, 3.0)(x), atol=1e-10)
