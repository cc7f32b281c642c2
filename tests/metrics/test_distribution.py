"""Gaps between distributions against transport plans, numerical integrals and hand arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from visq.core.errors import DataError
from visq.metrics.distribution import (
    crps_gaussian,
    crps_levels,
    emd_r1,
    emd_r2,
    gaussian_js,
    gaussian_kl,
    gaussian_w2,
)

GAUSSIAN_GAPS = [gaussian_kl, gaussian_js, gaussian_w2]
VOTES = st.lists(
    st.tuples(*[st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(any)] * 2), min_size=1, max_size=8
)
MOMENTS = st.tuples(st.floats(1, 5), st.floats(0.2, 2), st.floats(1, 5), st.floats(0.2, 2))


def naive_emd(p, q, r):
    """By the definition, one row of lists, one level at a time."""
    return (sum(abs(sum(p[: j + 1]) - sum(q[: j + 1])) ** r for j in range(len(p))) / len(p)) ** (1 / r)


@given(VOTES)
def test_emd_agrees_with_its_definition_and_with_transport(votes):
    p, q = (np.array(v, float) for v in zip(*votes, strict=True))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    one, two = emd_r1(p, q), emd_r2(p, q)
    for i in range(len(p)):
        assert one[i] == pytest.approx(naive_emd(p[i].tolist(), q[i].tolist(), 1), abs=1e-12)
        assert two[i] == pytest.approx(naive_emd(p[i].tolist(), q[i].tolist(), 2), abs=1e-12)
        assert 5 * one[i] == pytest.approx(wasserstein_distance(range(5), range(5), p[i], q[i]), abs=1e-12)
    assert (two >= one - 1e-12).all()
    np.testing.assert_allclose(
        emd_r2(q[:, ::-1], p[:, ::-1]), two, atol=1e-12
    )  # direction and order do not matter


def test_emd_by_hand():
    ends = [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]
    assert emd_r1(*([v] for v in ends)).tolist() == [0.8]  # 4 levels far, over 5
    assert emd_r2(*([v] for v in ends)) == pytest.approx([0.8**0.5], abs=1e-15)
    # Cumulative: .5 1 1 and 0 .5 1, differences .5 .5 0.
    assert emd_r1([[0.5, 0.5, 0]], [[0, 0.5, 0.5]]) == pytest.approx([1 / 3], abs=1e-15)
    assert emd_r2([[0.5, 0.5, 0]], [[0, 0.5, 0.5]]) == pytest.approx([(0.5 / 3) ** 0.5], abs=1e-15)
    for figure in (emd_r1, emd_r2):
        assert figure([[0.2] * 5], [[0.2] * 5]).tolist() == [0]
        assert figure([[1.0]], [[1.0]]).tolist() == [0]
        assert figure(np.zeros((0, 5)), np.zeros((0, 5))).shape == (0,)


@pytest.mark.parametrize("figure", [emd_r1, emd_r2])
def test_what_is_no_distribution_is_an_error(figure):
    good = [[0.5, 0.5], [0.25, 0.75]]
    for bad in (-0.1, math.nan, math.inf):
        with pytest.raises(DataError, match="true distribution 1 has a value that is negative or not finite"):
            figure([[0.5, 0.5], [1.0, bad]], good)
    with pytest.raises(DataError, match=r"predicted distribution 1 sums to 1\.00001, not to 1; divide"):
        figure(good, [[0.5, 0.5], [0.5, 0.50001]])
    figure(good, [[0.5, 0.5], [0.5, 0.5 + 9e-7]])
    with pytest.raises(DataError, match=r"true ones of shape \(2, 2\), predicted \(1, 2\)"):
        figure(good, good[:1])
    for shape in ((2,), (2, 0), ()):
        with pytest.raises(DataError, match="rows of levels"):
            figure(np.zeros(shape), good)


def density(x, mean, std):
    return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))


def integrated_kl(mean, std, other, spread):
    """The defining integral, as a sum over a fine grid, logs written out."""
    x = np.linspace(mean - 12 * std, mean + 12 * std, 20001)
    logs = -(((x - mean) / std) ** 2) / 2 + ((x - other) / spread) ** 2 / 2 - math.log(std) + math.log(spread)
    return float((density(x, mean, std) * logs).sum() * (x[1] - x[0]))


@given(MOMENTS)
def test_gaussian_gaps_agree_with_their_integrals(moments):
    a, s, b, t = moments
    args = ([a], [s]), {"score": [b], "spread": [t]}
    assert gaussian_kl(*args[0], **args[1])[0] == pytest.approx(integrated_kl(a, s, b, t), rel=1e-6, abs=1e-8)
    middle = (a + b) / 2, math.sqrt((s * s + t * t) / 2)
    halves = integrated_kl(a, s, *middle) + integrated_kl(b, t, *middle)
    assert gaussian_js(*args[0], **args[1])[0] == pytest.approx(halves / 2, rel=1e-6, abs=1e-8)
    # The best plan moves each quantile to its like; +1 and -1 std have the normal's first two moments.
    quantiles = (((a + s) - (b + t)) ** 2 + ((a - s) - (b - t)) ** 2) / 2
    assert gaussian_w2(*args[0], **args[1])[0] == pytest.approx(math.sqrt(quantiles), abs=1e-9)


def test_gaussian_gaps_by_hand():
    # ln 2 + 5/8 - 1/2, with (1 + 2^2) / (2 * 4) = 5/8.
    assert gaussian_kl([1], [1], score=[3], spread=[2]) == pytest.approx([math.log(2) + 0.125], abs=1e-15)
    # Middle mean 2, variance 2.5: logs ln(2.5 / 2) / 2, squares (1 + 4 + 1 + 1) / 2.5 / 4, less 1/2.
    js = math.log(1.25) / 2 + 7 / 2.5 / 4 - 0.5
    assert gaussian_js([1], [1], score=[3], spread=[2]) == pytest.approx([js], abs=1e-15)
    assert gaussian_js([3], [2], score=[1], spread=[1]) == pytest.approx([js], abs=1e-15)
    assert gaussian_w2([1], [1], score=[4], spread=[5]).tolist() == [5]


@pytest.mark.parametrize("figure", GAUSSIAN_GAPS)
def test_the_same_gaussian_has_no_gap(figure):
    assert figure([3.3, 3.3], [0.1, 0.0], score=[3.3, 3.3], spread=[0.1, 0.0]).tolist() == [0, 0]
    assert figure([], [], score=[], spread=[]).shape == (0,)
    m, d = np.linspace(1, 5, 99), np.linspace(0.01, 2, 99)
    assert not figure(m, d, score=m, spread=d).any()
    near = figure(m, d, score=m, spread=np.nextafter(d, 9))
    assert ((near >= 0) & (near < 1e-12)).all()


def test_a_point_is_infinitely_far_except_to_move():
    for std, spread, score in ((0.5, 0, 3), (0, 0.5, 3), (0, 0, 4)):
        args = ([3.0], [std]), {"score": [score], "spread": [spread]}
        assert gaussian_kl(*args[0], **args[1]).tolist() == [math.inf]
        assert gaussian_js(*args[0], **args[1]).tolist() == [math.inf]
        assert gaussian_w2(*args[0], **args[1]).tolist() == [math.hypot(3 - score, std - spread)]
    assert gaussian_kl([0.0], [1e300], score=[0.0], spread=[1e-300]).tolist() == [math.inf]


@pytest.mark.parametrize("figure", GAUSSIAN_GAPS)
def test_what_are_no_moments_is_an_error(figure):
    with pytest.raises(DataError, match=r"one length, not of shape \(2,\), \(1,\)"):
        figure([1, 2], [1], score=[1, 2], spread=[1, 1])
    with pytest.raises(DataError, match="must be lists"):
        figure(1, 1, score=1, spread=1)
    with pytest.raises(DataError, match=r"mos 1 is nan; it must be finite$"):
        figure([1, math.nan], [1, 1], score=[1, 2], spread=[1, 1])
    with pytest.raises(DataError, match=r"score 0 is -inf; it must be finite$"):
        figure([1, 2], [1, 1], score=[-math.inf, 2], spread=[1, 1])
    with pytest.raises(DataError, match=r"spread 1 is -1\.0; it must be finite and not negative"):
        figure([1, 2], [1, 1], score=[1, 2], spread=[1, -1])
    with pytest.raises(DataError, match="std 0 is inf"):
        figure([1, 2], [math.inf, 1], score=[1, 2], spread=[1, 1])


@given(
    st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any),
    st.lists(st.integers(-5, 5), min_size=4, max_size=4, unique=True),
    st.floats(-7, 7),
)
def test_crps_over_levels_agrees_with_its_expectations(votes, values, mos):
    """E|X - y| - E|X - X'| / 2, one pair at a time, in fractions."""
    law = [(Fraction(n, sum(votes)), v) for n, v in zip(votes, sorted(values), strict=True)]
    far = sum(p * abs(v - Fraction(mos)) for p, v in law)
    apart = sum(p * q * abs(v - w) for p, v in law for q, w in law)
    found = crps_levels([mos], [[float(p) for p, _ in law]], values=sorted(values))
    assert found[0] == pytest.approx(float(far - apart / 2), abs=1e-12)
    assert found[0] >= 0


@given(st.floats(-3, 9), st.floats(1, 5), st.floats(0.05, 3))
def test_crps_of_a_gaussian_agrees_with_its_integral(mos, score, spread):
    from scipy.stats import norm

    law = norm(score, spread)

    def integral(of, low, high):
        x = np.linspace(low, high, 20_001)
        y = of(x)
        return float(((y[1:] + y[:-1]) * np.diff(x)).sum() / 2)

    below = integral(lambda x: law.cdf(x) ** 2, min(score - 12 * spread, mos), mos)
    above = integral(lambda x: law.sf(x) ** 2, mos, max(score + 12 * spread, mos))
    found = crps_gaussian([mos], score=[score], spread=[spread])[0]
    assert found == pytest.approx(below + above, abs=1e-6)


def test_crps_by_hand():
    # F is .5 on 3..5; mos 4: .5^2 over 3..4 and .5^2 over 4..5.
    assert crps_levels([4.0], [[0, 0, 0.5, 0, 0.5]], values=range(1, 6)).tolist() == [0.5]
    # All mass on one level: the absolute error, inside and outside of the levels.
    rows, mos = [[0, 1.0, 0]] * 4, [1.0, 2.0, 2.5, 9.0]
    assert crps_levels(mos, rows, values=[0, 2, 4]).tolist() == [1.0, 0.0, 0.5, 7.0]
    # mos 1 below both levels 2 and 4: 1 to the first, then .75^2 * 2.
    assert crps_levels([1.0], [[0.25, 0.75]], values=[2, 4]).tolist() == [1 + 1.125]
    assert crps_levels([], np.zeros((0, 3)), values=[1, 2, 3]).shape == (0,)
    assert crps_levels([3.0], [[1.0]], values=[1]).tolist() == [2.0]
    # z = 0: 2 phi(0) - 1 / sqrt pi = (sqrt 2 - 1) / sqrt pi.
    middle = (math.sqrt(2) - 1) / math.sqrt(math.pi)
    assert crps_gaussian([2.0], score=[2.0], spread=[3.0]) == pytest.approx([3 * middle], abs=1e-15)
    assert crps_gaussian([2.0, 2.0], score=[2.0, 5.0], spread=[0.0, 0.0]).tolist() == [0.0, 3.0]
    assert crps_gaussian([], score=[], spread=[]).shape == (0,)
    far = crps_gaussian([1e300, -1e300], score=[0.0, 0.0], spread=[1e-300, 1.0])
    assert far.tolist() == [1e300, 1e300]


def test_many_levels_come_close_to_the_gaussian():
    values = np.linspace(-10, 10, 4001)
    p = density(values, 0.3, 1.2)
    for mos in (-2.0, 0.0, 1.7):
        close = crps_levels([mos], [p / p.sum()], values=values)[0]
        assert close == pytest.approx(crps_gaussian([mos], score=[0.3], spread=[1.2])[0], abs=1e-4)


def test_what_has_no_crps_is_an_error():
    row = [[0.5, 0.5]]
    with pytest.raises(DataError, match="value 1 is 1 after 1; values of levels must ascend"):
        crps_levels([1.0], row, values=[1, 1])
    with pytest.raises(DataError, match="value 0 is nan; it must be finite"):
        crps_levels([1.0], row, values=[math.nan, 1])
    with pytest.raises(DataError, match="one list"):
        crps_levels([1.0], row, values=[[1, 2]])
    with pytest.raises(DataError, match="mos 0 is inf; it must be finite"):
        crps_levels([math.inf], row, values=[1, 2])
    with pytest.raises(DataError, match=r"mos \(2,\), distribution \(1, 2\) and values \(2,\) do not fit"):
        crps_levels([1.0, 2.0], row, values=[1, 2])
    with pytest.raises(DataError, match=r"values \(3,\) do not fit"):
        crps_levels([1.0], row, values=[1, 2, 3])
    with pytest.raises(DataError, match=r"predicted distribution 0 sums to 0\.9"):
        crps_levels([1.0], [[0.5, 0.4]], values=[1, 2])
    with pytest.raises(DataError, match=r"spread 0 is -1\.0; it must be finite and not negative"):
        crps_gaussian([1.0], score=[1.0], spread=[-1.0])
    with pytest.raises(DataError, match="score 0 is nan"):
        crps_gaussian([1.0], score=[math.nan], spread=[1.0])
    with pytest.raises(DataError, match="must be lists"):
        crps_gaussian([1.0], score=[1.0, 2.0], spread=[1.0])
