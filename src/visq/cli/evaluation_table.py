"""An evaluation as lines of text: figures with intervals, what they say. Knows the report's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from visq.reports.figure_words import title_of

_WIDTH = 38
_NAMED = 4
_TOLD = ("no interval: ", "interval from ")


def evaluation_lines(report: Mapping[str, Any]) -> list[str]:
    """The report as a table for a terminal.

    Args:
        report: as report.json holds it.
    """
    lines = [_about_source(report)]
    for one in report["sets"]:
        lines += ["", *_set(one)]
    for key, which in (("mean", ""), ("mean_in_domain", " that the model was trained on")):
        lines += _mean(report[key] or {}, which)
    return lines


def _mean(means: Mapping[str, Any], which: str) -> Iterator[str]:
    if not means:
        return
    yield ""
    yield f"mean over sets{which} ({next(iter(means.values()))['how']})"
    for name, mean in means.items():
        value = f"{mean['value']:>8.4f}" if mean["value"] is not None else f"{'-':>8} ({mean['note']})"
        yield f"  {title_of(name)[0]:<{_WIDTH}}{value}  {mean['n_sets']} sets"


def _about_source(report: Mapping[str, Any]) -> str:
    source = report["source"]
    what = f"{source['name']} ({source['model_hash'][:8]})" if source["model_hash"] else source["name"]
    level = 100 * report["settings"]["level"]
    resamples = report["settings"]["resamples"]
    return f"{what}, {report['aspect']}; intervals of {level:g} %, {resamples} resamples of groups"


def _set(one: Mapping[str, Any]) -> Iterator[str]:
    units = (
        f"{one['n_groups']} groups by {one['group_column']}" if one["group_column"] else "every row by itself"
    )
    title = f" ({one['title']})" if one["title"] else ""
    partial = ", PARTIAL" if one["partial"] else ""
    yield (
        f"{one['name']}{title}: {one['n_scored']} scored, {one['n_failed']} failed of {one['n_expected']}"
        f"{partial}; {units}"
    )
    for name, figure in one["figures"].items():
        if figure["value"] is not None:
            yield f"  {title_of(name)[0]:<{_WIDTH}}{_value(figure)}{_differs(figure, one)}"
    for entry in one["within"]:
        n = f"{entry['n_parts']} parts"
        yield f"  {'SRCC ' + entry['about']:<{_WIDTH}}{_value(entry['mean'])}  mean of {n}"
    yield from _told(one["figures"])
    yield from (f"  {line}" for line in one["verdict"])


def _told(figures: Mapping[str, Any]) -> Iterator[str]:
    """Why which figures have no interval, or one of fewer resamples; and fits at the limit."""
    said: dict[str, list[str]] = {}
    for name, figure in figures.items():
        if figure["value"] is None:
            continue
        parts = [part for part in (figure["note"] or "").split("; ") if part.startswith(_TOLD)]
        if figure.get("at_limit"):
            parts.append("the best curve lies at the edge of what is searched")
        for part in parts:
            said.setdefault(part, []).append(title_of(name)[0])
    for part, names in said.items():
        more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
        yield f"  {part} ({', '.join([*names[:_NAMED], *more])})"


def _value(figure: Mapping[str, Any]) -> str:
    text = f"{figure['value']:>8.4f}"
    return text if figure["low"] is None else f"{text} [{figure['low']:.4f}, {figure['high']:.4f}]"


def _differs(figure: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """The number of rows, where it is not that of the set."""
    return "" if figure["n"] == one["n_scored"] else f"  n = {figure['n']}"
