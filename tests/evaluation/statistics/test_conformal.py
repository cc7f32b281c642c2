"""Conformal half-widths: the exact finite-sample guarantee, and the rotation by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError
from visq.evaluation import half_width, rotated_coverage


@given(st.integers(2, 60), st.sampled_from([0.5, 0.55, 0.7, 0.8, 0.9, 0.95]))
def test_coverage_of_exchangeable_residuals_is_exact(n_all, coverage):
    """Each of n + 1 different residuals is left out in turn: all are as likely to be the new one."""
    residuals = np.random.default_rng(n_all).permutation(n_all) + 0.5
    held = n_all - 1
    inside = sum(residuals[i] <= half_width(np.delete(residuals, i), coverage) for i in range(n_all))
    percent = round(coverage * 100)  # integers only: no rounding of floats in the oracle
    rank = -(-percent * (held + 1) // 100)
    assert inside == min(rank, n_all)
    assert inside >= coverage * n_all - 1e-9


def test_the_rank_is_that_of_the_decimal_number():
    # 100 * 0.55 is 55.00000000000001 in float64; its ceiling is 56.
    assert half_width(np.arange(1, 100), 0.55) == 55


def test_too_few_residuals_give_no_finite_width():
    assert half_width(np.arange(1, 9), 0.9) == math.inf
    assert half_width(np.arange(1, 10), 0.9) == 9


def test_what_is_no_residual_is_an_error():
    with pytest.raises(DataError, match="no residuals"):
        half_width([])
    with pytest.raises(DataError, match=r"residual 1 is -0\.5"):
        half_width([0.1, -0.5])
    with pytest.raises(DataError, match="residual 0 is nan"):
        half_width([np.nan])
    with pytest.raises(InputError, match="not 1"):
        half_width([0.1], 1)


def test_rotation_fits_calibrates_and_tests_on_three_different_parts():
    folds = np.repeat([0, 1, 2, 3, 4], 10)
    truth = np.random.default_rng(0).normal(size=50)
    seen = []

    def predict(fitted, asked):
        seen.append((set(folds[fitted].tolist()), folds[asked].tolist()))
        return np.zeros(asked.size)

    found = rotated_coverage(predict, truth, np.arange(50), folds, n_draws=3, rng=np.random.default_rng(1))
    assert [fitted for fitted, _ in seen] == [{2, 3, 4}, {0, 3, 4}, {0, 1, 4}, {0, 1, 2}, {1, 2, 3}]
    assert [asked[:1] + asked[-1:] for _, asked in seen] == [[1, 0], [2, 1], [3, 2], [4, 3], [0, 4]]
    # By hand: of 10 residuals the ceil(11 * 0.9) = 10th, the largest, of the next fold.
    largest = [np.abs(truth[folds == f]).max() for f in range(5)]
    inside = [np.abs(truth[folds == f]) <= largest[(f + 1) % 5] for f in range(5)]
    assert found.coverage == pytest.approx(np.mean(inside))
    assert found.half_width == pytest.approx(np.mean(largest))
    # One row a group is all rows where each row is its own group.
    assert found.coverage_a_group == pytest.approx(found.coverage)
    assert found.half_width_a_group == pytest.approx(found.half_width)


def test_one_row_a_group_lets_groups_weigh_alike():
    """One group of 60 easy rows, 39 groups of one hard row, in each fold: rows flatter, groups do not."""
    rng = np.random.default_rng(2)
    folds = np.repeat([0, 1, 2], 99)
    in_fold = np.tile(np.r_[np.zeros(60, int), np.arange(1, 40)], 3)
    groups = folds * 100 + in_fold
    truth = np.where(in_fold == 0, 0.1, 5.0) * rng.normal(size=folds.size)
    found = rotated_coverage(
        lambda fitted, asked: np.zeros(asked.size), truth, groups, folds, coverage=0.5, n_draws=50, rng=rng
    )
    assert found.half_width < 0.5 < 2 < found.half_width_a_group
    assert found.coverage_a_group == pytest.approx(0.5, abs=0.12)  # 3 folds of 40 groups


def test_coverage_of_a_fitted_model_is_the_nominal_one():
    rng = np.random.default_rng(3)
    x = rng.normal(size=2000)
    truth, folds = 2 * x + rng.standard_t(3, size=2000), np.arange(2000) % 5

    def predict(fitted, asked):
        return np.polyval(np.polyfit(x[fitted], truth[fitted], 1), x[asked])

    found = rotated_coverage(predict, truth, np.arange(2000), folds, rng=rng)
    assert found.coverage == pytest.approx(0.9, abs=0.02)  # standard error about 0.009 with calibration
    assert found.interval.low <= found.coverage <= found.interval.high


def test_rotation_needs_three_folds():
    with pytest.raises(DataError, match="2 folds, 4 rows"):
        rotated_coverage(
            lambda a, b: b, [1, 2, 3, 4], [1, 2, 3, 4], [0, 0, 1, 1], rng=np.random.default_rng()
        )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.sampled_from([0.1, 0.5, 0.55, 0.9, 0.95]))
def test_tied_residuals_are_covered_at_least_as_often(residuals, coverage):
    """The least residual that as many as are asked for do not exceed, counted one by one."""
    percent, n = round(coverage * 100), len(residuals)
    enough = [w for w in residuals if 100 * sum(r <= w for r in residuals) >= percent * (n + 1)]
    assert half_width(residuals, coverage) == min(enough, default=math.inf)
    # Each of the n in turn as the new one: covered by at least that share, ties only add to it.
    others = [residuals[:i] + residuals[i + 1 :] for i in range(n)]
    inside = sum(r <= half_width(rest, coverage) for r, rest in zip(residuals, others, strict=True) if rest)
    assert n == 1 or 100 * inside >= percent * n


def test_a_coverage_of_any_number_type_is_its_decimal():
    for coverage in (0.55, np.float64(0.55), np.float32(0.5)):
        wanted = 55 if coverage > 0.52 else 50
        assert half_width(np.arange(1, 100), coverage) == wanted


def test_rotation_agrees_with_a_plain_loop_over_uneven_folds_and_groups():
    rng = np.random.default_rng(11)
    n = 120
    groups = rng.integers(0, 40, n)
    names = np.array(["b", "c", "a", "d"])[
        groups % 4
    ]  # folds hold whole groups; their order is that of names
    x = rng.normal(size=n)
    truth = 3 * x + rng.normal(size=n)

    def predict(fitted, asked):
        return np.full(asked.size, truth[fitted].mean()) + x[asked]

    found = rotated_coverage(
        predict, truth, groups, names, coverage=0.8, n_draws=0, rng=np.random.default_rng(0)
    )
    inside, widths = 0, []
    for test, calibrate in (("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")):
        fitted = [i for i in range(n) if names[i] not in (test, calibrate)]
        middle = sum(truth[i] for i in fitted) / len(fitted)
        off = [abs(truth[i] - middle - x[i]) for i in range(n)]
        held = sorted(off[i] for i in range(n) if names[i] == calibrate)
        widths.append(held[-(-8 * (len(held) + 1) // 10) - 1])
        inside += sum(off[i] <= widths[-1] for i in range(n) if names[i] == test)
    assert found.coverage == inside / n
    assert found.half_width == pytest.approx(sum(widths) / 4, abs=1e-12)
    assert math.isnan(found.coverage_a_group)
    assert math.isnan(found.half_width_a_group)


def test_rotated_coverage_is_the_share_that_counting_promises():
    """Over many exchangeable sets: the rank over one more than the calibration rows, to 4 standard errors."""
    rng, shares = np.random.default_rng(12), []
    folds = np.repeat([0, 1, 2], 19)
    for _ in range(300):
        truth = rng.exponential(size=57)
        shares.append(
            rotated_coverage(
                lambda fitted, asked: np.zeros(asked.size), truth, np.arange(57), folds,
                coverage=0.8, n_draws=0, n_resamples=1, rng=rng,
            ).coverage
        )  # fmt: skip
    wanted = 16 / 20  # ceil(20 * .8) = 16 of 19 + 1
    assert np.mean(shares) == pytest.approx(wanted, abs=4 * np.std(shares) / 300**0.5)


def test_a_prediction_that_is_no_number_is_an_error():
    with pytest.raises(DataError, match="residual 0 is nan"):
        rotated_coverage(
            lambda fitted, asked: np.full(asked.size, np.nan),
            [1.0, 2.0, 3.0],
            [1, 2, 3],
            [0, 1, 2],
            rng=np.random.default_rng(),
        )
