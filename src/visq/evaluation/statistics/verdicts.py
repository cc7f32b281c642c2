"""What a set's figures say, in sentences. Knows the report's words; computes no figure of its own but one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any

from visq.evaluation.statistics.published import MOST_PICTURES, smallest_detectable

BETWEEN = 0.8
"""Correlation assumed between two scorers of the same pictures where it is not known."""


def verdict_lines(about: Mapping[str, Any], level: float) -> list[str]:
    """Sentences about one set.

    Args:
        about: its entry in the report.
        level: 0..1, nominal coverage of its intervals.
    """
    if "auroc" in about["figures"]:
        return list(_detection(about["figures"]["auroc"]))
    return [*_srcc(about, level), *_floor(about["figures"])]


def _detection(auroc: Mapping[str, Any]) -> Iterator[str]:
    if math.isnan(auroc["value"]):
        yield f"there is no AUROC: {auroc['note']}"
    elif auroc["low"] <= 0.5 <= auroc["high"]:
        yield f"AUROC {_bounds(auroc)}: no better than chance, as far as {auroc['n']} rows tell"


def _srcc(about: Mapping[str, Any], level: float) -> Iterator[str]:
    srcc = about["figures"]["srcc"]
    if math.isnan(srcc["value"]):
        yield f"there is no SRCC: {srcc['note']}"
        return
    if srcc["low"] <= 0 <= srcc["high"]:
        yield f"SRCC {_bounds(srcc)}: no order that {srcc['n']} rows could show"
        return
    n = _worth(srcc["value"], srcc["low"], srcc["high"], level)
    gain = smallest_detectable(n, abs(srcc["value"]), BETWEEN) if 4 <= n < MOST_PICTURES else math.nan
    if not math.isnan(gain):
        yield (
            f"another scorer has to be better by about {gain:.3f} in SRCC to be told apart here "
            f"(if the two correlate {BETWEEN:g})"
        )


def _worth(r: float, low: float, high: float, level: float) -> int:
    """How many independent rows would give an interval of this length; 0 where there is none.

    Rows of one group tell less than as many independent ones; the interval over groups knows how much.

    Source:
        Solved for n: atanh high - atanh low = 2 z sqrt((1 + r^2 / 2) / (n - 3)); Bonett and Wright 2000.
    """
    if math.isnan(low) or not -1 < low < high < 1:
        return 0
    error = (math.atanh(high) - math.atanh(low)) / (2 * NormalDist().inv_cdf((1 + level) / 2))
    return round(3 + (1 + r * r / 2) / error**2)


def _floor(figures: Mapping[str, Any]) -> Iterator[str]:
    for name, figure in figures.items():
        if name.startswith("floor_") and not math.isnan(figure["value"]):
            column = name.removeprefix("floor_").removesuffix("_srcc")
            found = figure["difference"]
            if math.isnan(found["low"]):
                yield f"the {column} alone tells {_bounds(figure)}; no test of SRCC against it exists"
                continue
            what = "above" if found["low"] > 0 else "below" if found["high"] < 0 else "not clearly above"
            difference = f"difference {found['value']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
            yield f"SRCC is {what} what the {column} alone tells, {_bounds(figure)}: {difference}"


def _bounds(figure: Mapping[str, Any]) -> str:
    if math.isnan(figure["low"]):
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
