"""Published figures read again: AADB's two, and what cannot be meant."""

from __future__ import annotations

import math

import pytest

from visq.core.errors import InputError
from visq.evaluation.comparison.from_published import compare_published

AADB = {"SFT + DPO": 0.7288, "Q-Align": 0.6557}


def test_forty_one_pictures_of_aadb_read_again():
    """SRCC on 41 pictures, published without n, interval or test beside them."""
    found = compare_published(AADB, 41, rho_between=[0.5, 0.7, 0.8, 0.9])
    ends = {name: (round(one["low"], 3), round(one["high"], 3)) for name, one in found["figures"].items()}
    assert ends == {"SFT + DPO": (0.514, 0.858), "Q-Align": (0.409, 0.813)}
    assert [round(one["p"], 2) for one in found["between"]] == [0.52, 0.43, 0.35, 0.20]
    assert [one["pictures_needed"] for one in found["between"]][:3] == pytest.approx(
        [730, 490, 346], rel=0.01
    )
    assert found["verdict"] == "n = 41: cannot tell .729 from .656; about 190 to 730 pictures needed"
    assert found["difference"] == pytest.approx(0.0731)
    by_40 = compare_published(AADB, 40)["figures"]
    assert (round(by_40["Q-Align"]["low"], 3), round(by_40["Q-Align"]["high"], 3)) == (0.405, 0.815)
    assert "about 96 to 730 pictures" in compare_published(AADB, 41)["verdict"]


def test_plcc_has_meng_s_own_p():
    found = compare_published(AADB, 41, statistic="plcc")
    assert [round(one["p"], 2) for one in found["between"]] == [0.48, 0.44, 0.38, 0.30, 0.15, 0.05]
    assert "unless the scorers correlate .95 or more" in found["verdict"]


def test_plcc_has_fishers_interval():
    figure = compare_published({"A": 0.8, "B": 0.7}, 103, statistic="plcc")["figures"]["A"]
    z = math.atanh(0.8)
    assert figure["method"] == "fisher-z"
    assert figure["low"] == pytest.approx(math.tanh(z - 1.959964 / 10), abs=1e-6)


def test_what_cannot_occur_is_none():
    found = compare_published({"A": 0.95, "B": -0.5}, 3, rho_between=[0.9])
    assert found["between"] == [{"rho": 0.9, "p": None, "pictures_needed": None}]
    assert found["figures"]["A"]["low"] is None
    assert found["verdict"].startswith("n = 3: no test")


@pytest.mark.parametrize(
    ("figures", "n", "options", "said"),
    [
        ({"A": 0.5}, 41, {}, "two at a time, not 1"),
        ({"A": 0.5, "B": 0.6, "C": 0.7}, 41, {}, "two at a time, not 3"),
        ({"A": 0.5, "B": 0.6}, 0, {}, "over 0 pictures"),
        ({"A": 0.5, "B": 0.6}, 41, {"rho_between": []}, "0 correlations"),
        ({"A": 0.5, "B": 72.9}, 41, {}, r"'B' is given as 72\.9"),
        ({"A": 0.5, "B": float("nan")}, 41, {}, "'B' is given as nan"),
        ({"A": 0.5, "B": 0.6}, 41, {"statistic": "krcc"}, "srcc or plcc, not 'krcc'"),
        ({"A": 0.5, "B": 0.6}, 41, {"rho_between": [1.2]}, r"not at 1\.2"),
    ],
)
def test_wrong_requests_are_errors(figures, n, options, said):
    with pytest.raises(InputError, match=said):
        compare_published(figures, n, **options)
