"""The page of a comparison: one self-contained HTML file from what `visq compare` found. Computes no figure.

What is drawn is `comparison_plots.py`; how it looks, `comparison_report.html.j2`. The same comparison and
pictures give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from visq.evaluation.comparison.pairing import CORRELATIONS, STATISTICS
from visq.evaluation.comparison.tables import best_of, statistics_of
from visq.evaluation.runs.folder import Run, without_nan
from visq.reports.comparison_plots import differences, scatters
from visq.reports.evaluation_report import named, thumbnails_by_path
from visq.reports.figure_words import (
    NOTHING,
    count,
    ends_written,
    level_written,
    p_written,
    percent,
    title_of,
    whole,
    written,
)
from visq.reports.page import template, write_page

Values = Mapping[str, Any]  # values that JSON holds

SIGNIFICANT = 0.05
MAX_WARNINGS = 60
MAX_OPEN_VERDICTS = 6
_MEANS = (("mean", "Mean of {} sets"), ("mean_in_domain", "Mean of {} sets trained on"))


def write_comparison_page(comparison: Values, runs: Sequence[Run], path: str | os.PathLike[str]) -> None:
    """Write a comparison as one HTML page that needs nothing beside itself.

    Args:
        comparison: what `compare_runs` returns.
        runs: the runs compared, in its order; their scores are drawn against each other.
        path: the file to write; replaced at once when the page is whole.

    Raises:
        MissingExtra: matplotlib is not installed.
        InputError: the file cannot be written.
    """
    found: Values = without_nan(comparison)
    names = [str(run["name"]) for run in found["runs"]]
    thumbnails, n_reached = thumbnails_by_path(
        str(one.get("path") or "") for held in found["sets"] for one in held["disagreements"]
    )
    page = template("comparison_report.html.j2").render(
        aspect=str(found.get("aspect") or NOTHING),
        names=names,
        lead=_lead(found),
        warnings=list(found.get("warnings") or ())[:MAX_WARNINGS],
        level=level_written(found.get("settings") or {}),
        sets=[_set(k, one, names, runs) for k, one in enumerate(found["sets"], start=1)],
        differences=list(differences(found)),
        tables=[_accuracy(found, names, statistic) for statistic in _used(found)],
        costs=[_cost(run, found) for run in found["runs"]],
        cost_figures=[title_of(statistic)[0] for statistic in _cost_figures(found)],
        cost_on=_cost_on(found),
        pairs=list(_pairs(found)),
        agreements=list(_agreements(found)),
        thumbnails=thumbnails,
        n_reached=n_reached,
        made=[(str(run["name"]), list(_made(run))) for run in found["runs"]],
        settings=list(named({"visq": found.get("visq")} | (found.get("settings") or {}))),
        command=found.get("command"),
        max_open_verdicts=MAX_OPEN_VERDICTS,
    )
    write_page(path, page)


def _lead(found: Values) -> str:
    rows = sum(one.get("n_common") or 0 for one in found["sets"])
    on = count(len(found["sets"]), "labelled set")
    return f"{count(len(found['runs']), 'run')} on {on}, {count(rows, 'picture')} that they share."


# --- verdicts --------------------------------------------------------------------------------------------


def _set(k: int, one: Values, names: Sequence[str], runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "key": f"set-{k}",
        "name": str(one["name"]),
        "about": " ".join(_about(one)),
        "leaders": [_leader(one, statistic) for statistic in statistics_of(one)] if len(names) > 2 else [],
        "sentences": list(_verdicts(one)),
        "scatters": list(scatters(one, names, runs)),
        "disagreements": [_disagreement(shown, names) for shown in one["disagreements"]],
    }


def _about(one: Values) -> Iterator[str]:
    told = [str(one[key]) for key in ("protocol", "population") if one.get(key)]
    if told:
        yield f"{'; '.join(told)}."
    column = one.get("group_column")
    groups = f" in {count(one.get('n_groups'), 'group')} by column {column!r}" if column else ""
    yield f"{count(one.get('n_common'), 'picture')}{groups} that all runs scored."
    only = [f"{n:,} more in {run}" for run, n in (one.get("n_only") or {}).items() if n]
    if only:
        yield f"Not compared: {', '.join(only)}."
    for run, title in (one.get("trained_on") or {}).items():
        if title:
            yield f"{run} was trained on this set ({title})."


def _leader(one: Values, statistic: str) -> str:
    """Which of several runs is the best, and which ones no test tells from it."""
    title = title_of(statistic)[0]
    found = best_of(one, statistic)
    if not found:
        return f"{title}: there are no two figures to compare."
    first, *others = found
    said = f"no test tells {', '.join(others)} from it" if others else "every other run is told apart from it"
    return (
        f"{title}: {first} is the highest with {written(one['figures'][first][statistic]['value'])}; {said}."
    )


def _verdicts(one: Values) -> Iterator[str]:
    for pair in one["pairs"]:
        for statistic in STATISTICS:
            test = pair.get(statistic)
            if test:
                start = f"{title_of(statistic)[0]}, {pair['a']} against {pair['b']}"
                said = f"{test.get('verdict') or NOTHING}{_difference(test)}."
                yield f"{start}: {said} {_of_margin(pair, test)}".rstrip()


def _difference(test: Values) -> str:
    ends = ends_written(test, sign=True)
    return f"; difference {written(test.get('difference'), sign=True)} {ends}" if ends else ""


def _of_margin(pair: Values, test: Values) -> str:
    """What holds of the margin; where nothing does, what could have been seen."""
    held = test.get("equivalence") or {}
    margin = held.get("margin")
    if margin is None:
        return ""
    if held.get("equivalent"):
        return f"Equivalent within {margin:g}."
    if _is_small(test.get("p_holm")):
        return ""
    for is_so, better, worse in ((held.get("no_worse"), "a", "b"), (held.get("b_no_worse"), "b", "a")):
        if is_so:
            return f"{pair[better]} is no more than {margin:g} worse than {pair[worse]}."
    reach = test.get("smallest_detectable")
    return "" if reach is None else f"{written(reach)} is the smallest difference likely to show here."


def _is_small(p: float | None) -> bool:
    return p is not None and p < SIGNIFICANT


# --- tables ----------------------------------------------------------------------------------------------


def _accuracy(found: Values, names: Sequence[str], statistic: str) -> dict[str, Any]:
    """A statistic of every run on every set, means first."""
    rows = []
    for key, form in _MEANS:
        mean = found.get(key)
        if mean and statistic in CORRELATIONS:
            cells = [_cell((mean["figures"].get(run) or {}).get(statistic)) for run in names]
            about = f"{', '.join(map(str, mean['sets']))}; {mean.get('how') or ''}"
            name = form.format(len(mean["sets"]))
            rows.append({"name": name, "about": about, "cells": cells, "is_mean": True})
    for one in found["sets"]:
        if statistic not in statistics_of(one):
            continue
        best = [run for in_domain in (False, True) for run in best_of(one, statistic, in_domain=in_domain)]
        trained = one.get("trained_on") or {}
        cells = [
            _cell((one["figures"].get(run) or {}).get(statistic), is_best=run in best, title=trained.get(run))
            for run in names
        ]
        about = f"n = {one.get('n_common') or 0:,}"
        rows.append({"name": str(one["name"]), "about": about, "cells": cells, "is_mean": False})
    return {"title": title_of(statistic)[0], "rows": rows}


def _cell(figure: Values | None, *, is_best: bool = False, title: str | None = None) -> dict[str, Any]:
    return {
        "value": "" if figure is None else written(figure.get("value")),
        "ends": "" if figure is None else ends_written(figure),
        "is_best": is_best,
        "note": "trained on it" if title else "",
    }


def _used(found: Values) -> list[str]:
    """The figures that any set is compared by."""
    return [name for name in STATISTICS if any(name in statistics_of(one) for one in found["sets"])]


def _cost_figures(found: Values) -> Sequence[str]:
    """The figures that stand beside the cost."""
    if found.get("mean") or not found["sets"]:
        return CORRELATIONS
    return statistics_of(found["sets"][0])


def _cost_on(found: Values) -> str:
    """Which accuracy stands beside the cost."""
    if found.get("mean"):
        return f"mean of {len(found['mean']['sets'])} sets"
    return str(found["sets"][0]["name"]) if found["sets"] else ""


def _cost(run: Values, found: Values) -> dict[str, Any]:
    cost, source = run.get("cost") or {}, run.get("source") or {}
    held = found.get("mean") or (found["sets"][0] if found["sets"] else {"figures": {}})
    figures = held["figures"].get(run["name"]) or {}
    speed = cost.get("pictures_per_s")
    return {
        "name": str(run["name"]),
        "source": str(source.get("name") or ""),
        "figures": [whole(figures.get(statistic) or {}) for statistic in _cost_figures(found)],
        "speed": "not measured" if speed is None else f"{speed:.3g}",
        "threads": "" if cost.get("threads") is None else str(cost["threads"]),
        "timed": "" if cost.get("n") is None else f"{cost['n']:,}",
    }


def _pairs(found: Values) -> Iterator[dict[str, str]]:
    for one in found["sets"]:
        for pair in one["pairs"]:
            for statistic in STATISTICS:
                test = pair.get(statistic)
                if test:
                    yield _pair(one, pair, statistic, test)


def _pair(one: Values, pair: Values, statistic: str, test: Values) -> dict[str, str]:
    held = test.get("equivalence") or {}
    return {
        "set": str(one["name"]),
        "figure": title_of(statistic)[0],
        "a": str(pair["a"]),
        "b": str(pair["b"]),
        "difference": written(test.get("difference"), sign=True),
        "ends": ends_written(test, sign=True) or NOTHING,
        "p": p_written(test.get("p")),
        "p_holm": p_written(test.get("p_holm")),
        "equivalence": _equivalence(held),
        "reach": written(test.get("smallest_detectable")),
    }


def _equivalence(held: Values) -> str:
    if not held or held.get("margin") is None:
        return NOTHING
    if held.get("equivalent"):
        said = "equivalent"
    elif held.get("no_worse"):
        said = "first no worse"
    elif held.get("b_no_worse"):
        said = "second no worse"
    else:
        said = "not shown"
    return f"{said} {ends_written(held, sign=True)}".rstrip()


def _agreements(found: Values) -> Iterator[dict[str, str]]:
    for one in found["sets"]:
        for pair in one["pairs"]:
            held = pair.get("agreement") or {}
            alike = held.get("same_order")
            yield {
                "set": str(one["name"]),
                "a": str(pair["a"]),
                "b": str(pair["b"]),
                "srcc": f"{written(held.get('srcc'))} {ends_written(held)}".rstrip(),
                "alike": NOTHING if alike is None else percent(alike),
            }


# --- pictures --------------------------------------------------------------------------------------------


def _disagreement(one: Values, names: Sequence[str]) -> dict[str, Any]:
    ranks, scores = one.get("ranks") or {}, one.get("scores") or {}
    of_label = one.get("label_rank")
    facts: list[tuple[str, str, int | None]] = [
        ("Label", f"{written(one.get('label'))}{_rank(of_label)}", None)
    ]
    facts += [
        (run, f"{written(scores.get(run))}{_rank(ranks.get(run))}", _tone(k))
        for k, run in enumerate(names)
        if run in scores
    ]
    return {
        "id": str(one["id"]),
        "path": str(one.get("path") or ""),
        "gap": "" if one.get("gap") is None else f"{percent(one['gap'])} apart by rank",
        "facts": facts,
        "label_at": None if of_label is None else round(100 * of_label, 1),
        "marks": [
            (round(100 * ranks[run], 1), _tone(k))
            for k, run in enumerate(names)
            if ranks.get(run) is not None
        ],
    }


def _tone(k: int) -> int:
    """The colour of a run's mark; neighbours are far apart."""
    return (4, 0, 2, 3, 1)[k % 5]


def _rank(rank: float | None) -> str:
    return "" if rank is None else f" (above {percent(rank)})"


def _made(run: Values) -> Iterator[tuple[str, str]]:
    yield from named({"folder": run.get("path")})
    yield from named(run.get("source") or {})
    yield from named({f"cost: {name}": value for name, value in (run.get("cost") or {}).items()})
