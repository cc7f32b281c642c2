"""Conformal half-widths by group and by level: the guarantees, by counting and by drawing."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError
from visq.evaluation.statistics.conformal import half_width
from visq.evaluation.statistics.group_conformal import group_half_width, groups_needed, level_half_widths

COVERAGES = st.sampled_from([0.5, 0.55, 0.7, 0.8, 0.9])
SIZES = st.lists(st.integers(1, 9), min_size=2, max_size=25)


def grouped(sizes, seed=0):
    """Different residuals in groups of these sizes; a group's residuals are like each other."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    residuals = np.abs(rng.normal(size=len(sizes))[groups] + 0.3 * rng.normal(size=groups.size))
    return residuals, groups


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), COVERAGES)
def test_rows_that_are_their_own_groups_have_the_plain_half_width(residuals, coverage):
    assert group_half_width(residuals, range(len(residuals)), coverage) == half_width(residuals, coverage)


@given(SIZES, COVERAGES, st.integers(0, 5))
def test_the_width_is_the_least_residual_that_carries_the_weight(sizes, coverage, seed):
    residuals, groups = grouped(sizes, seed)

    def weight(width):
        inside = Fraction(0)
        for residual, group in zip(residuals, groups, strict=True):
            if residual <= width:
                inside += Fraction(1, (len(sizes) + 1) * sizes[group])
        return inside

    found = group_half_width(residuals, groups, coverage)
    enough = [r for r in residuals if weight(r) >= Fraction(str(coverage))]
    assert found == min(enough, default=math.inf)


@given(SIZES, COVERAGES, st.integers(0, 5))
def test_each_group_left_out_in_turn_is_covered_as_promised(sizes, coverage, seed):
    """Exact, without drawing: given all groups, each of them is as likely to be the new one."""
    residuals, groups = grouped(sizes, seed)
    shares = []
    for new in range(len(sizes)):
        width = group_half_width(residuals[groups != new], groups[groups != new], coverage)
        shares.append(np.mean(residuals[groups == new] <= width))
    found, n_held = float(np.mean(shares)), len(sizes) - 1
    assert coverage - 1e-12 <= found <= min(1.0, coverage + 2 / (n_held + 1)) + 1e-12


def test_rows_taken_as_independent_would_break_the_promise():
    """One group of many easy rows among hard groups: its rows drown the others."""
    sizes = [300] + [1] * 30
    groups = np.repeat(np.arange(31), sizes)
    residuals = np.where(groups == 0, 0.1, 5.0) * np.linspace(0.5, 1, groups.size)
    by_group = [
        np.mean([np.mean(residuals[groups == g] <= width(groups != g)) for g in range(31)])
        for width in (
            lambda at: half_width(residuals[at], 0.9),
            lambda at: group_half_width(residuals[at], groups[at], 0.9),
        )
    ]
    assert by_group[0] < 0.8 < 0.9 <= by_group[1]


@pytest.mark.parametrize(("n", "nominal"), [(9, 0.9), (37, 0.9), (100, 0.9), (100, 0.55), (41, 0.8)])
def test_mean_coverage_of_split_conformal_is_that_of_the_beta_distribution(n, nominal):
    """Of uniform residuals the coverage brought is the width itself: beta(k, n + 1 - k) over many draws."""
    n_draws, n_new = 4000, 50
    rng = np.random.default_rng(n)
    held, new = rng.random((n_draws, n)), rng.random((n_draws, n_new))
    widths = np.array([half_width(draw, nominal) for draw in held])
    k = math.ceil(round(nominal * (n + 1), 9))
    mean, variance = k / (n + 1), k * (n + 1 - k) / ((n + 1) ** 2 * (n + 2))
    assert nominal <= mean <= nominal + 1 / (n + 1)
    assert widths.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / n_draws))
    assert widths.var() == pytest.approx(variance, rel=0.15)
    # What a test set of 50 sees is beta-binomial: the same mean, a wider spread.
    seen = (new <= widths[:, None]).mean(axis=1)
    spread = (mean * (1 - mean) - variance) / n_new + variance
    assert seen.mean() == pytest.approx(mean, abs=4 * math.sqrt(spread / n_draws))
    assert seen.var() == pytest.approx(spread, rel=0.15)


def draw_groups(rng, n_groups):
    """Groups of 1 to 8 rows, rows of one group depending on each other and on its size."""
    sizes = rng.integers(1, 9, n_groups)
    groups = np.repeat(np.arange(n_groups), sizes)
    scale = (0.5 + sizes / 4)[groups]
    return np.abs(scale * (rng.normal(size=n_groups)[groups] + rng.normal(size=groups.size))), groups


def test_mean_coverage_of_a_row_of_a_new_group():
    nominal, n_held, n_draws = 0.9, 40, 3000
    rng = np.random.default_rng(1)
    weighted, single = [], []
    for _ in range(n_draws):
        residuals, groups = draw_groups(rng, n_held + 1)
        held, new = groups < n_held, groups == n_held
        weighted.append(np.mean(residuals[new] <= group_half_width(residuals[held], groups[held], nominal)))
        # One row drawn of each group: split conformal as it stands.
        order = rng.permutation(groups.size)
        drawn = order[np.unique(groups[order], return_index=True)[1]]
        single.append(residuals[drawn[-1]] <= half_width(residuals[drawn[:-1]], nominal))
    error = 4 * np.std(weighted) / math.sqrt(n_draws)
    assert nominal - error <= np.mean(weighted) <= nominal + 2 / (n_held + 1) + error
    k = math.ceil(nominal * (n_held + 1))
    exact = k / (n_held + 1)
    assert np.mean(single) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / n_draws))


@given(st.lists(st.integers(0, 2), min_size=12, max_size=60), COVERAGES)
def test_every_level_keeps_the_promise_by_itself(levels, coverage):
    """Exact: within a level each row is as likely to be the new one."""
    levels = np.array(levels)
    residuals = np.random.default_rng(levels.size).permutation(levels.size) + 0.5 + 100.0 * levels
    rows = np.arange(levels.size)
    for level in np.unique(levels):
        members = np.flatnonzero(levels == level)
        inside, n_held = 0, members.size - 1
        if n_held < groups_needed(coverage):
            continue
        for new in members:
            kept = rows != new
            widths = level_half_widths(residuals[kept], rows[kept], levels[kept], 3, coverage, min_groups=1)
            inside += residuals[new] <= widths[level].half_width
        # Left out in turn, the new row is one of n_held + 1.
        share = inside / members.size
        assert coverage - 1e-12 <= share <= coverage + 1 / (n_held + 1) + 1e-12


def test_a_level_with_few_groups_has_the_width_of_all_rows():
    levels = np.repeat([0, 1, 2], [40, 40, 5])
    residuals = np.arange(1, 86) / 10
    groups = np.arange(85)
    pooled = group_half_width(residuals, groups, 0.9)
    low, middle, rare, empty = level_half_widths(residuals, groups, levels, 4, 0.9, min_groups=30)
    assert (low.n, low.n_groups, low.is_own, low.half_width) == (
        40,
        40,
        True,
        half_width(residuals[:40], 0.9),
    )
    assert middle.half_width > low.half_width
    assert (rare.n, rare.is_own, rare.half_width) == (5, False, pooled)
    assert (empty.n, empty.n_groups, empty.is_own, empty.half_width) == (0, 0, False, pooled)
    # Rows of one group do not make a level.
    alike = level_half_widths(residuals, np.zeros(85), levels, 4, 0.5, min_groups=30)
    assert not any(level.is_own for level in alike)


@given(SIZES, st.integers(0, 5))
def test_a_higher_coverage_never_has_a_narrower_interval(sizes, seed):
    residuals, groups = grouped(sizes, seed)
    widths = [group_half_width(residuals, groups, coverage / 20) for coverage in range(1, 20)]
    assert widths == sorted(widths)


@pytest.mark.parametrize(("coverage", "needed"), [(0.9, 9), (0.5, 1), (0.95, 19), (0.8, 4), (0.55, 2)])
def test_so_many_groups_are_needed_for_a_finite_width(coverage, needed):
    assert groups_needed(coverage) == needed
    assert math.isfinite(group_half_width(np.ones(needed), np.arange(needed), coverage))
    if needed > 1:
        assert group_half_width(np.ones(needed - 1), np.arange(needed - 1), coverage) == math.inf


def test_what_is_no_residual_is_an_error():
    with pytest.raises(DataError, match="no residuals"):
        group_half_width([], [])
    with pytest.raises(DataError, match="residual 0 is nan"):
        group_half_width([np.nan], ["a"])
    with pytest.raises(DataError, match="2 residuals but 1 groups"):
        group_half_width([0.1, 0.2], ["a"])
    with pytest.raises(InputError, match="not 1"):
        group_half_width([0.1], ["a"], 1)
