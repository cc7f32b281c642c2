"""The logistic fit: its slopes by differences, its curve by its equation, and curves at the edge."""

from __future__ import annotations

import math

import numpy as np
import pytest

from published_logits import published
from visq.metrics import plcc, plcc_fitted
from visq.metrics.logistic import _descend, _Shapes, fit_logistic

CURVES = {
    "logistic4": lambda x, b1, b2, b3, b4: (b1 - b2) / (1 + np.exp(-(x - b3) / b4)) + b2,
    "logistic5": lambda x, b1, b2, b3, b4, b5: b1 * (0.5 - 1 / (1 + np.exp(b2 * (x - b3)))) + b4 * x + b5,
}


@pytest.mark.parametrize("has_line", [False, True])
@pytest.mark.parametrize("shape", [(0.1, -0.5), (-0.7, 1.2), (0.95, -3.0), (0.0, 3.2), (-0.999, 0.1)])
def test_the_slope_is_that_of_differences(has_line, shape):
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=80), 1)
    shapes = _Shapes(x, x + rng.normal(size=80), has_line=has_line)
    here, slope = shapes.cost(np.array(shape))
    assert 0 < here <= 0.5
    for i, step in enumerate(1e-6 * np.eye(2)):
        rise = shapes.cost(np.array(shape) + step)[0] - shapes.cost(np.array(shape) - step)[0]
        assert slope[i] == pytest.approx(rise / 2e-6, rel=1e-4, abs=1e-8)


def kinds(rng, n):
    yield rng.normal(size=n) * 1e-3 - 10
    yield np.round(rng.normal(size=n), 1)
    yield rng.integers(0, 6, n).astype(float)
    yield np.exp(2 * rng.normal(size=n))
    yield rng.standard_cauchy(n)
    yield 1e6 + rng.uniform(size=n)


@pytest.mark.parametrize("fit", CURVES)
@pytest.mark.parametrize("n", [12, 300])
def test_the_parameters_are_those_of_the_curve_behind_the_value(fit, n):
    rng = np.random.default_rng(n)
    for i, x in enumerate(kinds(rng, n)):
        z = (x - x.mean()) / x.std()
        for y in (np.tanh(2 * z) + rng.normal(size=n), rng.normal(size=n) - z):
            found = plcc_fitted(x, y, fit=fit)
            assert found.converged, (i, found)
            with np.errstate(over="ignore"):
                mapped = CURVES[fit](x, *found.parameters)
            assert found.value == pytest.approx(np.corrcoef(mapped, y)[0, 1], abs=1e-6), (i, found)
            assert found.parameters[3 if fit == "logistic4" else 1] > 0
            if fit == "logistic5":
                assert found.value >= abs(plcc(x, y)) - 1e-9


def test_an_exponential_a_step_and_a_line_lie_at_the_edge_and_say_so():
    x = np.linspace(-2, 2, 60)
    for y in (np.exp(x), -np.exp(-x), 2 * x + 1, np.where(x < 0.1, 1.0, 4.0)):
        found = plcc_fitted(x, y)
        assert found.converged
        assert found.value == pytest.approx(1, abs=1e-6)
        assert found.at_limit or y[0] == y[1]  # two scores hold a step that is not the narrowest
    assert not plcc_fitted(x, np.tanh(x)).at_limit


def test_no_step_between_two_scores_fits_better():
    """Every cut looked at: a narrow curve between the right two scores is easily missed."""
    rng = np.random.default_rng(7)
    x = np.round(rng.normal(size=200), 1)
    y = rng.normal(size=200) + 2.0 * (x > 0.55)
    cuts = [np.corrcoef(x > cut, y)[0, 1] for cut in np.unique(x)[:-1] + 0.05]
    assert plcc_fitted(x, y).value >= max(np.abs(cuts)) - 1e-9


def test_a_fit_may_start_in_several_wells():
    """A weak wide curve and a strong narrow one: from the middle alone only the first would be found."""
    x = np.linspace(0, 1, 400)
    y = 0.2 * np.tanh(2 * (x - 0.4)) + 1.0 / (1 + np.exp(-(x - 0.93) / 0.002))
    assert plcc_fitted(x, y, fit="logistic5").value > 0.99


def test_rows_count_as_often_as_they_are_there():
    x, y = np.arange(12.0), np.array([0, 1, 0, 2, 1, 3, 4, 3, 6, 5, 6, 6.0])
    for fit in CURVES:
        once, twice = (plcc_fitted(np.tile(x, k), np.tile(y, k), fit=fit) for k in (1, 2))
        assert twice.value == pytest.approx(once.value, abs=1e-9)


def test_why_a_fit_has_no_value():
    x, y = np.arange(9.0), np.array([0, 2, 1, 3, 5, 4, 8, 6, 7.0])
    assert fit_logistic(x, y, "logistic4", 1).reason == "the fit did not converge within 1 evaluations"
    assert fit_logistic(x, y, "logistic4", 1000).reason == ""
    shape, cost, reason = _descend(_Kink(), np.array([0.5, 0.5]), 10_000)
    assert reason == "the fit did not converge: rounding hides the way"
    assert cost < 1e-9
    assert shape[0] == pytest.approx(0, abs=1e-9)


class _Kink:
    """A cost that is as steep at its bottom as elsewhere."""

    def cost(self, shape):
        return float(np.abs(shape).sum()), np.sign(shape)

    def unit(self, shape):
        return np.ones(2)


@pytest.mark.shared
@pytest.mark.parametrize("fit", CURVES)
def test_published_logits_are_fitted(shared, fit):
    for golden, scores, labels in published(shared):
        x, y = np.array(scores), np.array(labels)
        found = plcc_fitted(x, y, fit=fit)
        assert found.converged, golden
        assert float(golden["plcc"]) - 1e-4 <= found.value <= math.sqrt(explained_by_groups(x, y)) + 1e-9
        assert all(math.isfinite(b) for b in found.parameters)


def explained_by_groups(x, y):
    """Share of the squares that any function of x could take up."""
    _, group = np.unique(x, return_inverse=True)
    means = np.bincount(group, weights=y) / np.bincount(group)
    return np.sum((means[group] - y.mean()) ** 2) / np.sum((y - y.mean()) ** 2)
