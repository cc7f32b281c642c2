"""The plots of a comparison: differences with intervals, scores of two runs side by side. Knows no page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from visq.evaluation.run_folder import Run
from visq.evaluation.scored import Float64Array, ScoredSet
from visq.reports import plots
from visq.reports.figure_words import NOTHING, count, ends_written, title_of, written
from visq.reports.set_plots import Plot, tenths

Values = Mapping[str, Any]  # values that JSON holds
STATISTICS = ("srcc", "plcc")

MOST_SCATTERS = 6
_CLEAR_TONE, _OPEN_TONE = 4, 2
_NAME = 7  # of a run, where two stand in one line


def differences(comparison: Values) -> Iterator[Plot]:
    """A plot of differences for each statistic: a line for each set and pair of runs.

    Args:
        comparison: what `compare_runs` returns.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    settings = comparison.get("settings") or {}
    level = f"{100 * (settings.get('level') or 0.95):g} %"
    only_pair = len(comparison.get("runs") or ()) == 2
    for statistic in STATISTICS:
        found = [
            (one, pair, pair[statistic])
            for one in comparison["sets"]
            for pair in one["pairs"]
            if (pair.get(statistic) or {}).get("difference") is not None
        ]
        if not found:
            continue
        title = f"Differences in {title_of(statistic)[0]}"
        lines = [
            plots.line_of(
                _short_name(one, pair, only_pair=only_pair),
                test | {"value": test["difference"]},
                _CLEAR_TONE if _is_clear(test) else _OPEN_TONE,
            )
            for one, pair, test in found
        ]
        svg = plots.intervals(lines, "difference", _signed, reference=0.0, margin=settings.get("margin"))
        rows = [
            (str(one["name"]), f"{pair['a']} less {pair['b']}", _signed(test["difference"]),
             ends_written(test, sign=True) or NOTHING)
            for one, pair, test in found
        ]  # fmt: skip
        caption = _caption(comparison, level, only_pair=only_pair)
        yield Plot(title, caption, svg, ("set", "runs", "difference", "interval"), rows)


def _caption(comparison: Values, level: str, *, only_pair: bool) -> str:
    runs = [run["name"] for run in comparison["runs"]]
    who = f"{runs[0]} less {runs[1]} on each set" if only_pair else "first run less second"
    margin = (comparison.get("settings") or {}).get("margin")
    band = (
        ""
        if margin is None
        else f" In the grey band, {margin:g} to each side, a difference would not matter."
    )
    return (
        f"{who}, with {level} interval. Right of the dashed line the first one is better. Differences that "
        f"hold after Holm's adjustment are green.{band}"
    )


def _short_name(one: Values, pair: Values, *, only_pair: bool) -> str:
    """The set where all lines are of one pair, else the pair; a table below has the full names."""
    if only_pair:
        return str(one["name"])
    return " \N{EN DASH} ".join(_cut(str(pair[side])) for side in "ab")


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}\N{HORIZONTAL ELLIPSIS}"


def _is_clear(test: Values) -> bool:
    p = test.get("p_holm")
    return p is not None and p < 0.05


def _signed(value: float) -> str:
    return written(value, sign=True)


def scatters(one: Values, names: Sequence[str], runs: Sequence[Run]) -> Iterator[Plot]:
    """Scores of two runs against each other on a set, for the first few pairs.

    Args:
        one: the set's entry in the comparison.
        names: what the comparison calls the runs.
        runs: the runs, in the same order; a pair without the set or without common rows has no plot.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    by_name = dict(zip(names, runs, strict=True))
    for pair in list(one["pairs"])[:MOST_SCATTERS]:
        held = [_set_of(by_name.get(pair[side]), str(one["name"])) for side in "ab"]
        if held[0] is None or held[1] is None:
            continue
        x, y = _common(held[0], held[1])
        if not x.size:
            continue
        form = (
            "The stronger the colour, the more pictures"
            if x.size > plots.MOST_POINTS
            else "Each point is a picture"
        )
        caption = f"{form}. {count(x.size, 'picture')} that both runs scored, each run on its own scale."
        svg = plots.scatter(x, y, str(pair["a"]), str(pair["b"]))
        head = (
            f"scores of {pair['a']}",
            "pictures",
            f"mean of {pair['b']}",
            "a tenth below",
            "a tenth above",
        )
        yield Plot(f"{pair['a']} and {pair['b']}", caption, svg, head, list(tenths(x, y)))


def _set_of(run: Run | None, name: str) -> ScoredSet | None:
    if run is None:
        return None
    return next((one for one in run.sets if one.name == name), None)


def _common(a: ScoredSet, b: ScoredSet) -> tuple[Float64Array, Float64Array]:
    kept = [one.kept(one.is_scored) for one in (a, b)]
    _, at_a, at_b = np.intersect1d(kept[0].ids, kept[1].ids, assume_unique=True, return_indices=True)
    return kept[0].scores[at_a], kept[1].scores[at_b]
