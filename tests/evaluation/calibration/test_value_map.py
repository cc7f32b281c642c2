"""The map from scores to ratings: monotone, order kept, against other libraries, quiet on tiny sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, UnknownName
from visq.core.scales import MOS
from visq.evaluation.calibration.value_map import fit_map
from visq.metrics import fit_isotonic, srcc


def made(n, seed=0, noise=0.4):
    """Scores between 1.2 and 4.6, ratings a bent function of them."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(1.2, 4.6, n)
    bent = 1 + 4 / (1 + np.exp(-2 * (scores - 3)))
    return scores, np.clip(bent + noise * rng.normal(size=n), 1, 5), bent


def test_the_linear_map_is_least_squares():
    x, y, _ = made(80)
    slope, start = np.polyfit(x, y, 1)
    grid = np.linspace(1.5, 4.2, 30)
    found = fit_map("linear", x, y)
    assert found(grid, MOS) == pytest.approx(np.clip(start + slope * grid, 1, 5))
    assert found.slope == found.steepest


@given(st.integers(50, 400), st.integers(0, 20))
def test_the_isotonic_map_never_goes_down_and_keeps_the_order(n, seed):
    x, y, _ = made(n, seed, noise=1.0)
    found = fit_map("isotonic", x, y)
    assert all(b > a for a, b in zip(found.scores, found.scores[1:], strict=False))
    assert all(b > a for a, b in zip(found.labels, found.labels[1:], strict=False))
    grid = np.linspace(0.5, 5.5, 200)
    mapped = found(grid, MOS)
    assert (np.diff(mapped) >= -1e-12).all()
    assert (mapped >= 1).all()
    assert (mapped <= 5).all()
    inside = (mapped > 1) & (mapped < 5)
    assert srcc(grid[inside], mapped[inside]) == pytest.approx(1.0)  # the order stays inside the scale


def test_knots_are_those_of_scikit_learn_on_bins():
    isotonic = pytest.importorskip("sklearn.isotonic")
    x, y, _ = made(250, noise=1.2)
    found = fit_map("isotonic", x, y)
    order = np.argsort(x)
    bins = np.array_split(order, 10)  # 250 different scores: ten bins of 25
    middles = [x[b].mean() for b in bins]
    fitted = isotonic.IsotonicRegression().fit_transform(middles, [y[b].mean() for b in bins])
    levels = np.unique(np.round(fitted, 9))
    assert found.labels == pytest.approx(levels.tolist())
    pooled = [
        np.concatenate([b for b, f in zip(bins, fitted, strict=True) if abs(f - v) < 1e-8]) for v in levels
    ]
    assert found.scores == pytest.approx([x[rows].mean() for rows in pooled])


def test_it_bends_where_a_line_cannot():
    x, y, _ = made(3000, noise=0.2)
    new, _, truth = made(500, seed=9, noise=0.2)
    errors = {kind: np.abs(fit_map(kind, x, y)(new, MOS) - truth).mean() for kind in ("linear", "isotonic")}
    assert errors["isotonic"] < 0.5 * errors["linear"]


def test_on_few_rows_it_follows_accidents_less_than_the_plain_isotonic_fit():
    ours, plain = [], []
    for seed in range(30):
        x, y, _ = made(60, seed, noise=0.8)
        new, _, truth = made(300, seed + 100)
        ours.append(np.mean((fit_map("isotonic", x, y)(new, MOS) - truth) ** 2))
        plain.append(np.mean((fit_isotonic(x, y)(new) - truth) ** 2))
    assert np.mean(ours) < 0.8 * np.mean(plain)


def test_equal_scores_share_a_bin():
    x = np.repeat([2.0, 3.0, 4.0], 40)
    y = np.repeat([2.5, 2.0, 4.5], 40)
    found = fit_map("isotonic", x, y)
    assert found.scores == pytest.approx((2.5, 4.0))
    assert found.labels == pytest.approx((2.25, 4.5))


def test_no_map_and_what_cannot_be_mapped():
    assert fit_map("none", [], []) is None
    x, y, _ = made(60)
    with pytest.raises(UnknownName, match="unknown kind of map 'isotone'; did you mean 'isotonic'"):
        fit_map("isotone", x, y)
    with pytest.raises(DataError, match="49 rows for an isotonic map, which takes 50 or more"):
        fit_map("isotonic", x[:49], y[:49])
    for wrong in (-y, np.full(60, 3.0)):
        with pytest.raises(DataError, match="do not rise with the model's scores on the 60 rows"):
            fit_map("linear", x, wrong)
    with pytest.raises(DataError, match="do not rise"):
        fit_map("linear", np.full(60, 3.0), y)
