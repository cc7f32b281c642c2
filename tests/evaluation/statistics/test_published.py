"""Published figures: Williams' t as a second test, simulated power, and one comparison read again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from visq.core.errors import InputError
from visq.evaluation.statistics.differences import Difference, paired_difference
from visq.evaluation.statistics.intervals import Interval
from visq.evaluation.statistics.published import (
    pictures_needed,
    published_difference,
    smallest_detectable,
    verdict,
)
from visq.metrics import plcc


def williams_p(r_a, r_b, n, rho):
    """Two-sided p of Williams' t for dependent correlations (Steiger 1980, equation 7)."""
    from scipy.stats import t

    det = 1 - r_a**2 - r_b**2 - rho**2 + 2 * r_a * r_b * rho
    below = 2 * (n - 1) / (n - 3) * det + ((r_a + r_b) / 2) ** 2 * (1 - rho) ** 3
    return 2 * t.sf(abs((r_a - r_b) * math.sqrt((n - 1) * (1 + rho) / below)), n - 3)


@pytest.mark.parametrize(
    ("r_a", "r_b", "n", "rho"),
    [(0.8, 0.7, 103, 0.6), (0.3, 0.5, 200, 0.2), (0.94, 0.93, 2015, 0.95), (0.1, -0.1, 60, -0.3)],
)
def test_another_test_of_dependent_correlations_agrees(r_a, r_b, n, rho):
    found = published_difference(r_a, r_b, n, rho, statistic="plcc").p_values[0]
    assert found == pytest.approx(williams_p(r_a, r_b, n, rho), rel=0.06, abs=0.003)
    assert published_difference(r_b, r_a, n, rho, statistic="plcc").p_values[0] == found


def test_z_by_hand():
    # r = .8, .7, rho .6, n 103: mean square .565; f = .4 / .87 = .45977; h = (1 - .25977) / .435 = 1.70168
    # z = (1.098612 - .867301) sqrt(100 / (2 * .4 * 1.70168)) = 1.98251; p = .04742
    found = published_difference(0.8, 0.7, 103, 0.6, statistic="plcc").p_values[0]
    assert found == pytest.approx(0.04742, abs=2e-5)
    # of Spearman: 1.98251 / sqrt(1 + .565 / 2) = 1.75060; p = .08001
    assert published_difference(0.8, 0.7, 103, 0.6).p_values[0] == pytest.approx(0.08001, abs=2e-5)


def test_forty_one_pictures_of_aadb_tell_nothing():
    """SRCC .6557 and .7288 of two aesthetics models on 41 pictures of AADB, published without a test.

    By Meng's own form, for Pearson correlations, p is .48, .38, .30, .15; Spearman's error is larger.
    """
    rhos = (0.5, 0.7, 0.8, 0.9)
    as_pearson = published_difference(0.7288, 0.6557, 41, rhos, statistic="plcc")
    assert as_pearson.p_values == pytest.approx((0.48, 0.38, 0.30, 0.15), abs=0.006)
    assert pictures_needed(as_pearson)[:3] == pytest.approx((590, 400, 280), rel=0.01)
    found = published_difference(0.7288, 0.6557, 41, rhos)
    assert found.p_values == pytest.approx((0.52, 0.43, 0.35, 0.20), abs=0.006)
    assert found.least_favourable == (0.5, found.p_values[0])
    assert found.most_favourable == (0.9, found.p_values[3])
    assert pictures_needed(found)[:3] == pytest.approx((730, 490, 346), rel=0.01)
    assert verdict(found) == "n = 41: cannot tell .729 from .656; about 190 to 730 pictures needed"
    assert verdict(published_difference(0.7288, 0.6557, 41, (0.5, 0.95, 0.97))) == (
        "n = 41: cannot tell .729 from .656 unless the scorers correlate .97 or more; "
        "about 59 to 730 pictures needed"
    )


@pytest.mark.parametrize(("r", "rho", "n"), [(0.9, 0.8, 1000), (0.7, 0.6, 300)])
def test_scorers_that_are_equally_good_differ_as_often_as_the_level_says(r, rho, n):
    """2,000 sets of normal scores without a difference: Meng's own form on Spearman finds too many."""
    rng, trials = np.random.default_rng(0), 2000
    pearson = [2 * math.sin(math.pi * of_ranks / 6) for of_ranks in (r, rho)]
    root = np.linalg.cholesky(
        [[1, pearson[1], pearson[0]], [pearson[1], 1, pearson[0]], [*pearson[:1] * 2, 1]]
    )
    found = {"srcc": 0, "plcc": 0}
    for _ in range(trials):
        ranks = (root @ rng.normal(size=(3, n))).argsort(axis=1).argsort(axis=1)
        both = np.corrcoef(ranks)[:2, 2]
        for name in found:
            found[name] += published_difference(*both, n, rho, statistic=name).p_values[0] < 0.05
    assert found["srcc"] / trials == pytest.approx(0.05, abs=0.012)  # standard error .005
    assert found["plcc"] / trials > 0.07


def test_fifteen_hundred_pictures_of_ava_do():
    """SRCC .7746 and .8021 on the same 1,500 pictures, before and after preference training."""
    found = published_difference(0.8021, 0.7746, 1500, (0.6, 0.9))
    assert found.p_values[0] == pytest.approx(0.04, abs=0.005)
    assert found.p_values[1] < 0.001
    assert verdict(found) == "n = 1500: .802 and .775 differ (p = .039)"
    as_pearson = published_difference(0.8021, 0.7746, 1500, 0.6, statistic="plcc").p_values[0]
    assert as_pearson == pytest.approx(0.02, abs=0.005)


def simulated_power(r_a, r_b, rho, n, trials=1500):
    """Share of simulated sets on which Williams' t, with all three correlations measured, gives p < .05."""
    rng = np.random.default_rng(5)
    root = np.linalg.cholesky([[1, r_a, r_b], [r_a, 1, rho], [r_b, rho, 1]])
    x = rng.normal(size=(trials, n, 3)) @ root.T
    x -= x.mean(axis=1, keepdims=True)
    x /= np.sqrt((x**2).sum(axis=1, keepdims=True))
    r = np.einsum("tni,tnj->tij", x, x)
    return float(np.mean(williams_p_all(r[:, 0, 1], r[:, 0, 2], n, r[:, 1, 2]) < 0.05))


def williams_p_all(r_a, r_b, n, rho):
    return np.array([williams_p(*row[:2], n, row[2]) for row in np.c_[r_a, r_b, rho]])


def test_the_number_of_pictures_has_the_power_it_promises():
    plain = {"statistic": "plcc"}
    (n,) = pictures_needed(published_difference(0.7288, 0.6557, 41, 0.8, **plain))
    assert simulated_power(0.7288, 0.6557, 0.8, n) == pytest.approx(0.8, abs=0.04)  # standard error 0.01
    gain = smallest_detectable(n, 0.6557, 0.8, **plain)
    assert gain == pytest.approx(0.7288 - 0.6557, abs=2e-4)
    assert smallest_detectable(4 * n, 0.6557, 0.8, **plain) < 0.6 * gain
    assert smallest_detectable(n, 0.6557, 0.8, power=0.9, **plain) > gain
    assert smallest_detectable(n, 0.6557, 0.8) > gain


def test_what_cannot_be_told():
    assert math.isnan(smallest_detectable(3, 0.5, 0.5))
    assert math.isnan(smallest_detectable(5, 0.9, 0.5))  # even a perfect scorer would not show
    impossible = published_difference(0.9, 0.1, 50, (0.5, 0.99))
    assert not math.isnan(impossible.p_values[0])
    assert math.isnan(impossible.p_values[1])  # who is alike in all but .01 cannot differ so much
    assert impossible.most_favourable == impossible.least_favourable == (0.5, impossible.p_values[0])
    tiny = published_difference(0.5, 0.4, 3)
    assert all(math.isnan(p) for p in tiny.p_values)
    assert math.isnan(tiny.most_favourable[1])
    assert verdict(tiny) == "n = 3: no test of .500 against .400 exists"
    same = published_difference(-0.5, -0.5, 50, 0.5)
    assert same.p_values == (1.0,)
    assert pictures_needed(same) == ()
    assert verdict(same) == "n = 50: cannot tell -.500 from -.500; no number of pictures would"
    assert "cannot tell .9412 from .9414" in verdict(published_difference(0.9412, 0.9414, 500, 0.9))


def test_wrong_requests_are_errors():
    with pytest.raises(InputError, match=r"not at 1\.3"):
        published_difference(0.5, 0.6, 40, (0.5, 1.3))
    with pytest.raises(InputError, match="between scorers that correlate 1"):
        smallest_detectable(40, 0.5, 1)
    for asked in ({"power": 1}, {"level": 0}, {"power": 0.04}):
        with pytest.raises(InputError, match="0 < level < power < 1"):
            verdict(published_difference(0.5, 0.6, 40), **asked)


def test_a_paired_comparison_in_words():
    interval = Interval(-0.01, 0.03, 0.95, 200, 50, 1000)
    found = Difference(0.81, 0.80, 0.01, interval, 0.3, 0.01)
    # (1.95996 + 0.84162)^2 = 7.8489 times (0.01 / 0.01)^-2 times 200 rows = 1,570 (and 1,600 rounded up)
    assert pictures_needed(found) == pytest.approx((1570,), abs=1)
    assert verdict(found) == "n = 200: cannot tell .810 from .800; about 1600 pictures needed"
    truth = np.random.default_rng(0).normal(size=60)
    clear = paired_difference(plcc, truth, -truth, truth, np.arange(60), rng=np.random.default_rng(1))
    assert verdict(clear) == "n = 60: 1.000 and -1.000 differ (p = .002)"
    assert pictures_needed(Difference(0.5, 0.5, 0.0, interval, 1.0, 0.0)) == ()
    nothing = Difference(math.nan, 0.5, math.nan, interval, math.nan, math.nan)
    assert verdict(nothing) == "n = 200: no test of nan against .500 exists"
