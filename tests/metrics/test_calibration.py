"""Calibration against loops over definitions, a search over a grid, and sums by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError
from visq.metrics.calibration import (
    Isotonic,
    Reliability,
    Temperature,
    calibration_error,
    ece,
    fit_isotonic,
    fit_temperature,
    reliability,
)

TENTHS = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 1)), min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(st.integers(-5, 5), st.integers(-9, 9)), min_size=1, max_size=25)


def naive_ece(members):
    """Over lists of (probability, outcome), in exact fractions."""
    n = sum(len(bin_) for bin_ in members)
    return float(
        sum(abs(sum(y for _, y in bin_) - sum(p for p, _ in bin_)) for bin_ in members) / Fraction(n)
    )


@given(TENTHS, st.sampled_from([1, 2, 5, 10]))
def test_equal_width_agrees_with_its_definition(rows, bins):
    exact = [(Fraction(p, 10), y) for p, y in rows]
    members = [
        [(p, y) for p, y in exact if Fraction(b, bins) < p <= Fraction(b + 1, bins) or (b == 0 == p)]
        for b in range(bins)
    ]
    table = reliability([p / 10 for p, _ in rows], [y for _, y in rows], bins=bins)
    assert table.counts == tuple(len(bin_) for bin_ in members)
    assert table.ece == pytest.approx(naive_ece(members), abs=1e-14)
    assert ece([p / 10 for p, _ in rows], [y for _, y in rows], bins=bins) == table.ece


@given(TENTHS, st.integers(1, 12), st.randoms(use_true_random=False))
def test_equal_mass_agrees_with_its_definition_in_any_order(rows, bins, random):
    members = {}
    for p, y in rows:
        smaller = sum(q < p for q, _ in rows)
        members.setdefault(bins * smaller // len(rows), []).append((Fraction(p, 10), y))
    members = [members[b] for b in sorted(members)]
    random.shuffle(rows)
    p, y = [p / 10 for p, _ in rows], [y for _, y in rows]
    table = reliability(p, y, bins=bins, binning="equal-mass")
    assert table.counts == tuple(len(bin_) for bin_ in members)
    assert table.lower == tuple(float(min(bin_)[0]) for bin_ in members)
    assert table.upper == tuple(float(max(bin_)[0]) for bin_ in members)
    assert ece(p, y, bins=bins, binning="equal-mass") == pytest.approx(naive_ece(members), abs=1e-14)


def test_reliability_by_hand():
    p, y = [0.25, 0.25, 0.75, 1.0], [0, 1, 1, 1]
    assert reliability(p, y, bins=2) == Reliability(
        "equal-width", (0.0, 0.5), (0.5, 1.0), (2, 2), (0.25, 0.875), (0.5, 1.0)
    )
    assert ece(p, y, bins=2) == 0.5 * 0.25 + 0.5 * 0.125
    # Ranks 0 0 2 3 of 4 in 4 bins: the tie leaves bin 1 empty, so it is not there.
    assert reliability(p, y, bins=4, binning="equal-mass") == Reliability(
        "equal-mass", (0.25, 0.75, 1.0), (0.25, 0.75, 1.0), (2, 1, 1), (0.25, 0.75, 1.0), (0.5, 1.0, 1.0)
    )


def test_an_edge_is_its_decimal_and_belongs_to_the_bin_below():
    assert reliability([], [], bins=10).upper == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert reliability([0.0, 0.3, 0.1 * 3], [0, 0, 0], bins=10).counts == (1, 0, 1, 1, 0, 0, 0, 0, 0, 0)


def test_bins_that_are_empty_have_no_mean():
    table = reliability([0.1, 0.9], [0, 1], bins=3)
    assert table.counts == (1, 0, 1)
    assert np.isnan([table.confidence[1], table.share[1]]).all()
    assert table.ece == pytest.approx(0.1, abs=1e-15)


@pytest.mark.parametrize("binning", ["equal-width", "equal-mass"])
def test_few_rows_constants_and_one_class(binning):
    assert np.isnan(ece([], [], binning=binning))
    assert sum(reliability([], [], binning=binning).counts) == 0
    assert ece([0.25], [1], binning=binning) == 0.75
    assert ece([0.25, 0.75], [0, 1], binning=binning) == 0.25
    assert ece([0.25] * 4, [0, 0, 0, 1], binning=binning) == 0.0
    assert ece([0.0, 1.0], [0, 1], binning=binning) == 0.0
    assert ece([1.0, 1.0], [0, 0], binning=binning) == 1.0


def test_equal_mass_spreads_distinct_values_evenly():
    table = reliability(np.random.default_rng(3).random(1000), np.ones(1000), bins=7, binning="equal-mass")
    assert set(table.counts) <= {142, 143}
    assert sum(table.counts) == 1000


def test_what_is_no_probability_is_an_error():
    with pytest.raises(DataError, match=r"probability 1 is 1\.5; it must be in 0\.\.1"):
        ece([0.5, 1.5], [0, 1])
    with pytest.raises(DataError, match="probability 0 is nan"):
        ece([np.nan], [0])
    with pytest.raises(DataError, match=r"label 0 is 0\.5"):
        ece([0.5], [0.5])
    with pytest.raises(DataError, match="probability and label come in pairs, not 1 and 2"):
        reliability([0.5], [0, 1])
    for bins in (0, 2.5, True):
        with pytest.raises(DataError, match="bins is"):
            ece([0.5], [0], bins=bins)
    with pytest.raises(DataError, match="'width' is unknown; one of equal-width, equal-mass"):
        ece([0.5], [0], binning="width")


def naive_nll(logits, labels, temperature):
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        total -= row[label] / temperature - math.log(sum(math.exp(z / temperature) for z in row))
    return total / len(labels)


@given(st.integers(0, 2**32 - 1))
def test_no_temperature_on_a_grid_is_better(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(60, 3)) * 3
    labels = [int(rng.choice(3, p=np.exp(z / 2) / np.exp(z / 2).sum())) for z in logits]
    fit = fit_temperature(logits, labels)
    assert fit.converged
    assert fit.nll == pytest.approx(naive_nll(logits, labels, fit.value), abs=1e-12)
    for factor in (0.5, 0.9, 0.999, 1.001, 1.1, 2.0):
        assert fit.nll <= naive_nll(logits, labels, fit.value * factor)


def test_temperature_by_hand():
    # 3 of 4 rows right at a gap of 2: sigmoid(2 / T) = 3/4, so T = 2 / log 3.
    fit = fit_temperature([[0, 2]] * 4, [1, 1, 1, 0])
    assert fit.converged
    assert float(fit) == pytest.approx(2 / math.log(3), abs=1e-14)
    assert fit.nll == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4, abs=1e-14)
    assert fit([[5, 7]]) == pytest.approx(np.array([[0.25, 0.75]]), abs=1e-14)


def test_temperature_scales_with_the_logits():
    logits, labels = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 4
    logits[np.arange(50), labels] += 1
    one, two = fit_temperature(logits, labels), fit_temperature(logits * 8 + 3, labels)
    assert two.value == pytest.approx(8 * one.value, rel=1e-12)


def test_a_best_temperature_outside_the_bounds_is_no_convergence():
    right = fit_temperature([[0, 2]], [1])
    assert (right.value, right.converged) == (0.01, False)
    assert right.nll == pytest.approx(0, abs=1e-15)
    wrong = fit_temperature([[0, 2], [0, 1]], [0, 0])
    assert (wrong.value, wrong.converged) == (100.0, False)
    narrow = fit_temperature([[0, 2]] * 4, [1, 1, 1, 0], bounds=(0.5, 1.5))
    assert (narrow.value, narrow.converged) == (1.5, False)
    # So far apart that the softmax is exactly 0 and 1 at either bound.
    far = fit_temperature([[0, 1e6]] * 2, [1, 1])
    assert (far.value, far.converged) == (0.01, False)


def test_equal_logits_have_no_temperature():
    fit = fit_temperature([[1, 1], [3, 3]], [0, 1])
    assert math.isnan(fit.value)
    assert not fit.converged
    assert fit.nll == math.log(2)
    assert np.isnan(fit([[1, 2]])).all()


def test_what_is_no_row_of_logits_is_an_error():
    with pytest.raises(DataError, match=r"logit \(1, 0\) is nan"):
        fit_temperature([[0, 1], [np.nan, 1]], [0, 1])
    with pytest.raises(DataError, match=r"label 1 is 2\.0; it must be a class in 0\.\.1"):
        fit_temperature([[0, 1], [0, 1]], [0, 2])
    with pytest.raises(DataError, match=r"label 0 is 0\.5"):
        fit_temperature([[0, 1]], [0.5])
    with pytest.raises(DataError, match="1 rows, labels of shape"):
        fit_temperature([[0, 1]], [0, 1])
    with pytest.raises(DataError, match="at least 1 row, not 0"):
        fit_temperature(np.empty((0, 2)), [])
    with pytest.raises(DataError, match="at least 2 classes"):
        fit_temperature([[1], [2]], [0, 0])
    with pytest.raises(DataError, match="at least 2 classes"):
        Temperature(1.0, True, 0.0)([1, 2])
    for bounds in ((0, 1), (2, 1), (1, np.inf), (np.nan, 1)):
        with pytest.raises(DataError, match="bounds are"):
            fit_temperature([[0, 1]], [1], bounds=bounds)


def naive_isotonic(rows):
    """The fit at each x: max over a <= i of the min over b >= i of the mean of y in a..b."""
    xs = sorted({x for x, _ in rows})
    ys = {x: [y for z, y in rows if z == x] for x in xs}

    def mean(a, b):
        inside = [y for x in xs[a : b + 1] for y in ys[x]]
        return Fraction(sum(inside), len(inside))

    k = range(len(xs))
    return {xs[i]: max(min(mean(a, b) for b in k if b >= i) for a in k if a <= i) for i in k}


@given(PAIRS, st.randoms(use_true_random=False))
def test_isotonic_agrees_with_the_max_min_formula_in_any_order(rows, random):
    expected = naive_isotonic(rows)
    random.shuffle(rows)
    fit = fit_isotonic([x for x, _ in rows], [y for _, y in rows])
    xs = list(expected)
    assert fit(xs) == pytest.approx(np.array([float(v) for v in expected.values()]), abs=1e-12)
    assert (np.diff(fit.values) > 0).all()
    assert (np.diff(fit.starts) > 0).all()
    assert (np.diff(fit(np.linspace(-7, 7, 99))) >= 0).all()


def test_isotonic_by_hand():
    fit = fit_isotonic([3, 1, 2, 4, 4], [1, 0, 2, 4, 6])
    assert fit == Isotonic((1.0, 2.0, 4.0), (0.0, 1.5, 5.0))
    # Outside: the end values; between: the step that began last; at a start: that step.
    assert fit([-9, 1, 1.99, 2, 3.5, 4, 99]).tolist() == [0, 0, 0, 1.5, 1.5, 5, 5]
    assert fit(2.5).shape == ()
    assert fit([[1, 4]]).shape == (1, 2)


def test_isotonic_of_few_pairs_and_constants():
    assert fit_isotonic([7], [3]) == Isotonic((7.0,), (3.0,))
    assert fit_isotonic([1, 2], [3, 4]) == Isotonic((1.0, 2.0), (3.0, 4.0))
    assert fit_isotonic([1, 2], [4, 3]) == Isotonic((1.0,), (3.5,))
    assert fit_isotonic([5, 5, 5], [0, 0, 3]) == Isotonic((5.0,), (1.0,))
    assert fit_isotonic([1, 2, 3], [0.1] * 3) == Isotonic((1.0,), (0.1,))


def test_what_is_no_pair_is_an_error():
    with pytest.raises(DataError, match="at least 1 pair, not 0"):
        fit_isotonic([], [])
    with pytest.raises(DataError, match="fitted to pairs"):
        fit_isotonic([1, 2], [1])
    with pytest.raises(DataError, match="x value 1 is nan"):
        fit_isotonic([1, np.nan], [1, 2])
    with pytest.raises(DataError, match="y value 0 is inf"):
        fit_isotonic([1, 2], [np.inf, 2])
    with pytest.raises(DataError, match="value 0 is nan"):
        fit_isotonic([1], [1])([np.nan])


@given(PAIRS)
def test_the_calibration_error_is_what_a_rising_map_removes(pairs):
    fitted = naive_isotonic(pairs)
    removed = sum(Fraction(x - y) ** 2 - (fitted[x] - y) ** 2 for x, y in pairs) / Fraction(len(pairs))
    found = calibration_error([x for x, _ in pairs], [y for _, y in pairs])
    assert found**2 == pytest.approx(float(removed), abs=1e-12)


@given(PAIRS, st.integers(-3, 3))
def test_scores_that_were_calibrated_have_no_error_and_a_shift_is_all_of_it(pairs, shift):
    x, y = np.array(pairs, dtype=float).T
    calibrated = fit_isotonic(x, y)(x)
    assert calibration_error(calibrated, y) == pytest.approx(0, abs=1e-6)
    assert calibration_error(calibrated + shift, y) == pytest.approx(abs(shift), abs=1e-6)


def test_the_calibration_error_of_four_pictures_by_hand():
    # y falls from 2 to 1 at x = 2 and 3: one step, and with 1.5 before it 1.5 for the first three
    assert calibration_error([1, 2, 3, 4], [1.5, 2, 1, 5]) ** 2 == pytest.approx(
        ((0.5**2 + 0**2 + 2**2 + 1**2) - (0**2 + 0.5**2 + 0.5**2 + 0**2)) / 4
    )
