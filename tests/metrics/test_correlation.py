"""Correlations against definitions written out by hand."""

from __future__ import annotations

import math
import statistics
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from published_logits import published
from visq.core.errors import DataError, InputError, MissingExtra, UnknownName
from visq.metrics.correlation import krcc, pair_accuracy, plcc, plcc_fitted, srcc

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


@pytest.mark.parametrize("figure", [srcc, plcc, krcc])
def test_constant_scores_have_no_correlation(figure):
    # The mean of three 0.1 is not 0.1 in float64: a test of the variance against 0 would miss this.
    assert np.isnan(figure([0.1, 0.1, 0.1], [1, 2, 3]))
    assert np.isnan(figure([1, 2, 3], [7, 7, 7]))


def test_values_a_hair_apart_still_correlate():
    # Their mean, 1 - 2^-54, is rounded to 1.
    assert plcc([1.0 - 2**-53, 1.0], [0.0, 1.0]) == pytest.approx(1.0, abs=1e-15)
    assert plcc([1e8, 1e8 + 1, 1e8 + 2], [1, 2, 3]) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("figure", [srcc, plcc, krcc, plcc_fitted, pair_accuracy])
def test_what_is_no_pair_is_an_error(figure):
    with pytest.raises(DataError, match="2 predicted scores, 3 opinion scores"):
        figure([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="at least 2 pairs, not 1"):
        figure([1], [1])
    with pytest.raises(DataError, match="at least 2 pairs, not 0"):
        figure([], [])
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
    with pytest.raises(MissingExtra, match=r"visq\[eval\]"):
        krcc([1, 2], [1, 2])


def naive_krcc(x, y):
    """Tau-b by looking at every pair."""
    signs = [(a > b) - (a < b) for i, a in enumerate(x) for b in x[:i]]
    others = [(a > b) - (a < b) for i, a in enumerate(y) for b in y[:i]]
    agreement = sum(s * t for s, t in zip(signs, others, strict=True))
    return agreement / (sum(map(abs, signs)) * sum(map(abs, others))) ** 0.5


def naive_pair_accuracy(x, y, gap):
    wins, n = 0.0, 0
    for i in range(len(x)):
        for j in range(len(x)):
            if y[i] - y[j] > gap:
                n += 1
                wins += 1.0 if x[i] > x[j] else 0.5 if x[i] == x[j] else 0.0
    return wins / n if n else math.nan


@given(PAIRS)
def test_krcc_agrees_with_every_pair_looked_at(pairs):
    x, y = zip(*pairs, strict=True)
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    assert krcc(x, y) == pytest.approx(naive_krcc(x, y), abs=1e-12)


def test_krcc_by_hand():
    # 3 of 3 pairs differ in y, 2 in x, both ordered alike: 2 / sqrt(2 * 3).
    assert krcc([5, 5, 9], [1, 2, 3]) == pytest.approx(2 / 6**0.5, abs=1e-15)
    assert krcc([1, 2], [3, 1]) == -1


@given(PAIRS, st.sampled_from([0.0, 0.1, 0.3, 1.0]))
def test_pair_accuracy_agrees_with_every_pair_looked_at(pairs, gap):
    x, y = zip(*pairs, strict=True)
    y = [v / 10 for v in y]  # tenths: gaps that float64 rounds either way
    assert pair_accuracy(x, y, min_gap=gap) == pytest.approx(
        naive_pair_accuracy(x, y, gap), abs=1e-15, nan_ok=True
    )


def test_pair_accuracy_by_hand():
    assert pair_accuracy([1, 2], [3, 4]) == 1
    assert pair_accuracy([2, 1], [3, 4]) == 0
    assert pair_accuracy([7, 7, 7], [1, 2, 3]) == 0.5
    assert pair_accuracy([1, 3, 2], [1, 2, 3]) == 2 / 3
    assert pair_accuracy([1, 3, 2], [1, 2, 3], min_gap=1) == 1  # a gap of just 1 does not count
    assert math.isnan(pair_accuracy([1, 2, 3], [7, 7, 7]))
    assert math.isnan(pair_accuracy([1, 2, 3], [1, 2, 3], min_gap=2))
    for gap in (-0.1, math.nan, math.inf):
        with pytest.raises(InputError, match="min_gap"):
            pair_accuracy([1, 2], [1, 2], min_gap=gap)


def test_pair_accuracy_counts_many_rows_with_little_memory():
    n = 200_000  # pairs of floats would take 160 GB
    x = np.random.default_rng(5).permutation(n)
    # Halves turned about: pairs across them (n/2)^2 are lost, of n (n - 1) / 2.
    y = (x + n // 2) % n
    assert pair_accuracy(x, y) == pytest.approx(1 - (n / 2) ** 2 / (n * (n - 1) / 2), abs=1e-12)


def logistic4(x, b1, b2, b3, b4):
    return (b1 - b2) / (1 + np.exp(-(x - b3) / b4)) + b2


def logistic5(x, b1, b2, b3, b4, b5):
    return b1 * (0.5 - 1 / (1 + np.exp(b2 * (x - b3)))) + b4 * x + b5


CURVES = {"logistic4": logistic4, "logistic5": logistic5}
TRUE = {"logistic4": (4.5, 1.5, 55.0, 8.0), "logistic5": (3.0, 0.2, 55.0, 0.02, 2.0)}


@pytest.mark.parametrize("fit", CURVES)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_fit_finds_the_curve_it_was_made_with(fit, sign):
    x = np.linspace(0, 100, 60)  # a 0..100 scale, where start values meant for 0..1 fail
    result = plcc_fitted(x, sign * CURVES[fit](x, *TRUE[fit]), fit=fit)
    b = list(TRUE[fit])
    turned = {"logistic4": [-b[0], -b[1], *b[2:]], "logistic5": [-b[0], b[1], b[2], -b[3], -b[-1]]}[fit]
    assert result.converged
    assert result.reason == ""
    assert result.value == pytest.approx(1, abs=1e-9)
    assert result.n_parameters == len(result.parameters) == len(b)
    assert result.parameters == pytest.approx(b if sign > 0 else turned, rel=1e-4)


def noisy(seed, n=150):
    rng = np.random.default_rng(seed)
    x = rng.uniform(20, 80, n)
    return x, logistic4(x, 4.5, 1.2, 50, 7) + rng.normal(0, 0.5, n)


@pytest.mark.parametrize("seed", range(5))
def test_no_logistic_on_a_fine_grid_fits_better(seed):
    x, y = noisy(seed)
    best = {"logistic4": 0.0, "logistic5": 0.0}
    for centre in np.linspace(20, 80, 41):
        for width in np.geomspace(0.5, 100, 41):
            bend = 1 / (1 + np.exp(-(x - centre) / width))
            r, s, t = (np.corrcoef(u, v)[0, 1] for u, v in ((bend, y), (x, y), (bend, x)))
            best["logistic4"] = max(best["logistic4"], abs(r))
            # Multiple correlation with two regressors.
            best["logistic5"] = max(best["logistic5"], ((r * r + s * s - 2 * r * s * t) / (1 - t * t)) ** 0.5)
    for fit, curve in CURVES.items():
        result = plcc_fitted(x, y, fit=fit)
        assert result.converged
        assert best[fit] - 1e-9 <= result.value <= best[fit] + 5e-3
        mapped = curve(x, *result.parameters)
        assert result.value == pytest.approx(np.corrcoef(mapped, y)[0, 1], abs=1e-9)
    assert plcc_fitted(x, y, fit="logistic5").value >= abs(plcc(x, y)) - 1e-12  # a line is one of its curves


@pytest.mark.parametrize("fit", CURVES)
def test_units_do_not_change_a_fitted_correlation(fit):
    x, y = noisy(9)
    first = plcc_fitted(x, y, fit=fit)
    assert first == plcc_fitted(x, y, fit=fit)
    moved = plcc_fitted(0.001 * x + 3, 40 * y - 7, fit=fit)
    assert moved.value == pytest.approx(first.value, abs=1e-8)
    assert plcc_fitted(x, -y, fit=fit).value == pytest.approx(first.value, abs=1e-8)


def test_a_straight_line_is_the_limit_of_logistics():
    x = np.arange(50.0)
    for fit in CURVES:
        assert plcc_fitted(x, 2 * x + 1, fit=fit).value == pytest.approx(1, abs=1e-6)


def test_a_fit_that_does_not_converge_has_no_value():
    x, y = noisy(3)
    result = plcc_fitted(x, y, max_evaluations=1)
    assert math.isnan(result.value)
    assert not result.converged
    assert "did not converge within 1 " in result.reason
    assert len(result.parameters) == 4


@pytest.mark.parametrize("fit", CURVES)
def test_what_no_curve_can_be_fitted_to_has_a_reason(fit):
    k = plcc_fitted([1, 2], [1, 2], fit=fit).n_parameters
    for n in (2, k):
        few = plcc_fitted(range(n), range(n), fit=fit)
        assert math.isnan(few.value)
        assert few.reason == f"{n} pairs do not determine {k} parameters"
        assert not few.converged
        assert few.parameters == ()
    for x, y in (([0.1] * 9, range(9)), (range(9), [0.1] * 9)):
        flat = plcc_fitted(x, y, fit=fit)
        assert math.isnan(flat.value)
        assert "constant" in flat.reason
    assert "no float64" in plcc_fitted(np.linspace(-1, 1, 9) * 1e308, range(9), fit=fit).reason


@pytest.mark.parametrize("fit", CURVES)
def test_a_flat_curve_has_no_correlation_with_anything(fit):
    # Both values of x have the same mean of y: no curve through x explains any of it.
    assert plcc_fitted([0, 0, 0, 1, 1, 1], [1, 2, 3, 3, 1, 2], fit=fit).value == pytest.approx(0, abs=1e-12)


def test_a_misspelt_fit_lists_those_known():
    with pytest.raises(UnknownName, match=r"'logistic'.*logistic4, logistic5"):
        plcc_fitted(range(9), range(9), fit="logistic")


@pytest.mark.shared
def test_published_logits_give_their_published_figures(shared):
    rows = list(published(shared))
    assert len(rows) == 11
    for golden, x, y in rows:
        got = [str(len(x)), *(f"{figure(x, y):.4f}" for figure in (srcc, plcc, krcc)), str(len(set(x)))]
        assert got == [golden[k] for k in ("n", "srcc", "plcc", "krcc", "distinct_scores")], golden
