"""The plots of a comparison: differences with intervals, scores of two runs side by side. Knows no page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from visq.evaluation.comparison.pairing import STATISTICS
from visq.evaluation.figures.scored import Float64Array, ScoredSet
from visq.evaluation.runs.folder import Run
from visq.reports import plots
from visq.reports.figure_words import NOTHING, count, ends_written, level_written, title_of, written
from visq.reports.set_plots import Plot, tenths

Values = Mapping[str, Any]  # values that JSON holds

MOST_SCATTERS = 6
_CLEAR_TONE, _OPEN_TONE = 4, 2
_NAME = 7  # of a run, where two stand in one line


def differences(comparison: Values) -> Iterator[Plot]:
    """Differences with intervals: of two runs a line for each set, of more a plot for each set.

    Args:
        comparison: what `compare_runs` returns.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    sets = comparison["sets"]
    only_pair = len(comparison.get("runs") or ()) == 2
    for together in [sets] if only_pair else [[one] for one in sets]:
        for statistic in STATISTICS:
            found = [
                (one, pair, pair[statistic])
                for one in together
                for pair in one["pairs"]
                if (pair.get(statistic) or {}).get("difference") is not None
            ]
            if found:
                yield _differences(comparison, statistic, found, only_pair=only_pair)


def _differences(
    comparison: Values, statistic: str, found: Sequence[tuple[Values, Values, Values]], *, only_pair: bool
) -> Plot:
    title = title_of(statistic)[0]
    lines = [
        plots.line_of(
            str(one["name"]) if only_pair else _short_name(pair),
            {**test, "value": test["difference"]},
            _CLEAR_TONE if _is_clear(test) else _OPEN_TONE,
        )
        for one, pair, test in found
    ]
    margin = (comparison.get("settings") or {}).get("margin")
    svg = plots.intervals(lines, f"difference in {title}", _signed, reference=0.0, margin=margin)
    rows = [
        (
            str(one["name"] if only_pair else f"{pair['a']} less {pair['b']}"),
            _signed(test["difference"]),
            ends_written(test, sign=True) or NOTHING,
        )
        for one, pair, test in found
    ]
    first, whose = found[0][1], f"{title}: {found[0][0]['name']}"
    caption = f"{first['a']} less {first['b']} on each set" if only_pair else "First run less second"
    caption += f", with {level_written(comparison.get('settings') or {})} interval. {_READING}"
    if margin is not None:
        caption += f" In the grey band, {margin:g} to each side, a difference would not matter."
    head = ("set" if only_pair else "runs", "difference", "interval")
    return Plot(f"Differences in {title if only_pair else whose}", caption, svg, head, rows)


_READING = (
    "Right of the dashed line the first one is better. "
    "Differences that hold after Holm's adjustment are green, the others grey."
)


def _short_name(pair: Values) -> str:
    """Two names that fit a line; the numbers beside the plot hold them in full."""
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
