"""What figures say in sentences."""

from __future__ import annotations

import math

import pytest

from visq.evaluation.statistics.intervals import bonett_wright
from visq.evaluation.statistics.published import smallest_detectable
from visq.evaluation.statistics.verdicts import _worth, verdict_lines


def about(value, low, high, **more):
    srcc = {"value": value, "low": low, "high": high, "n": 500, "n_groups": 50, "note": "why"}
    return {"figures": {"srcc": srcc, **more.pop("figures", {})}, "within": [], "group_column": None} | more


@pytest.mark.parametrize("n", [41, 500, 20_000])
def test_an_interval_is_worth_as_many_rows_as_would_give_it(n):
    found = bonett_wright(0.7, n)
    assert _worth(0.7, found.low, found.high, 0.95) == n
    assert _worth(0.7, math.nan, math.nan, 0.95) == 0
    assert _worth(1.0, 1.0, 1.0, 0.95) == 0
    wider = bonett_wright(0.7, n, 0.99)
    assert _worth(0.7, wider.low, wider.high, 0.99) == n


def test_what_another_scorer_needs():
    found = bonett_wright(0.8, 300)
    (line,) = verdict_lines(about(0.8, found.low, found.high), 0.95)
    assert f"better by about {smallest_detectable(300, 0.8, 0.8):.3f} in SRCC" in line


def test_no_order_and_no_srcc():
    assert verdict_lines(about(0.02, -0.1, 0.14), 0.95) == [
        "SRCC 0.020 [-0.100, 0.140]: no order that 500 rows could show"
    ]
    assert verdict_lines(about(math.nan, math.nan, math.nan), 0.95) == ["there is no SRCC: why"]
    assert verdict_lines(about(0.5, math.nan, math.nan), 0.95) == []


def test_what_the_floor_leaves():
    def lines(**difference):
        floor = {"value": 0.7, "low": 0.68, "high": 0.72, "difference": difference}
        return verdict_lines(about(0.71, 0.69, 0.73, figures={"floor_generator_srcc": floor}), 0.95)

    # The two intervals overlap, and yet the paired difference may be clear.
    end = "what the generator alone tells, 0.700 [0.680, 0.720]: difference +0.010"
    assert f"SRCC is above {end} [+0.002, +0.018]" in lines(value=0.01, low=0.002, high=0.018)
    assert f"SRCC is not clearly above {end} [-0.002, +0.020]" in lines(value=0.01, low=-0.002, high=0.02)
    below = lines(value=-0.1, low=-0.2, high=-0.05)[-1]
    assert below.startswith("SRCC is below what the generator alone tells")
    nothing = lines(value=0.01, low=math.nan, high=math.nan)[-1]
    assert nothing == "the generator alone tells 0.700 [0.680, 0.720]; no test of SRCC against it exists"


def test_detectors_at_chance():
    auroc = {"value": 0.52, "low": 0.45, "high": 0.59, "n": 200}
    entry = {"figures": {"auroc": auroc}, "within": []}
    assert verdict_lines(entry, 0.95) == [
        "AUROC 0.520 [0.450, 0.590]: no better than chance, as far as 200 rows tell"
    ]
    assert verdict_lines({"figures": {"auroc": auroc | {"low": 0.51}}, "within": []}, 0.95) == []
    nothing = {"value": math.nan, "low": math.nan, "high": math.nan, "n": 200, "note": "all labels are 1"}
    assert verdict_lines({"figures": {"auroc": nothing}}, 0.95) == ["there is no AUROC: all labels are 1"]
