"""The page of an evaluation: one self-contained HTML file from a run. Knows reports and rows, and no model.

What figures are called and say is `figure_words.py`, what is drawn `set_plots.py`, which pictures are shown
`set_pictures.py`; how all of it looks, `evaluation_report.html.j2`. No figure is computed here, and the same
run and pictures give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from visq.core.toml_text import toml_text
from visq.core.types import printable
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.runs.folder import Run, without_nan
from visq.reports import plots
from visq.reports.figure_words import (
    NOTHING,
    count,
    ends_written,
    is_bounded,
    level_written,
    note_of,
    sentences,
    title_of,
    written,
)
from visq.reports.page import template, write_page
from visq.reports.set_pictures import most_uncertain, worst
from visq.reports.set_plots import Plot, plots_of
from visq.reports.thumbnails import thumbnails_of_paths

Values = Mapping[str, Any]  # values that JSON holds

MAX_CONTENTS = 12
MAX_OPEN_FAILURES = 20
MAX_FAILURES = 1000
MAX_WARNINGS = 60
_MEANS = (("mean", ""), ("mean_in_domain", " trained on"))
_SUMMARY = ("srcc", "plcc", "krcc", "auroc")


def write_evaluation_page(run: Run, path: str | os.PathLike[str]) -> None:
    """Write a run as one HTML page that needs nothing beside itself.

    Args:
        run: as it lies on disk; pictures are looked for where its rows say. One that cannot be decoded gets a
            neutral tile.
        path: the file to write; replaced at once when the page is whole.

    Raises:
        MissingExtra: matplotlib is not installed.
        InputError: the file cannot be written.
    """
    report: Values = without_nan(run.report)
    level = level_written(report.get("settings") or {})
    sets = [
        _set(k, scored, about, level)
        for k, (scored, about) in enumerate(zip(run.sets, report["sets"], strict=True), start=1)
    ]
    thumbnails, n_reached = thumbnails_by_path(
        one.path for held in sets for choice in (held["worst"], held["uncertain"]) for one in choice.pictures
    )
    page = template("evaluation_report.html.j2").render(
        **_head(report, sets),
        sets=sets,
        summary=_summary(report, sets) if len(sets) > 1 else None,
        level=level,
        thumbnails=thumbnails,
        n_reached=n_reached,
        made=list(_made(report)),
        command=report.get("command"),
        config="\n".join(map(printable, toml_text(run.config).splitlines())),
        max_contents=MAX_CONTENTS,
        max_open_failures=MAX_OPEN_FAILURES,
    )
    write_page(path, page)


def thumbnails_by_path(paths: Iterable[str]) -> tuple[dict[str, str | None], int | None]:
    """Thumbnails of pictures, each made once; and how many paths they cover, None for all."""
    wanted = list(dict.fromkeys(paths))
    made, n_reached = thumbnails_of_paths(wanted)
    return dict(zip(wanted, made, strict=True)), n_reached


def _head(report: Values, sets: Sequence[Values]) -> dict[str, Any]:
    about = report["sets"]
    expected, scored = (sum(one.get(key) or 0 for one in about) for key in ("n_expected", "n_scored"))
    on = count(len(about), "labelled set") if len(about) != 1 else str(about[0].get("name"))
    failing = next((one["key"] for one in sets if one["failures"]), "")
    return {
        "name": str((report.get("source") or {}).get("name") or NOTHING),
        "aspect": str(report.get("aspect") or NOTHING),
        "lead": printable(f"{on}, {scored:,} of {count(expected, 'labelled picture')} scored."),
        "n_failed": sum(one.get("n_failed") or 0 for one in about),
        "first_failure": f"{failing}-failures",
        "partial": any(one.get("partial") for one in about),
        "warnings": _warnings(about),
    }


def _warnings(sets: Sequence[Values]) -> list[str]:
    """What a reader has to know first, each after the name of its set where there are several."""
    said = [
        text if len(sets) == 1 else f"{one.get('name')}: {text}"
        for one in sets
        for text in one.get("warnings") or ()
    ]
    if len(said) <= MAX_WARNINGS:
        return said
    return [*said[:MAX_WARNINGS], f"and {len(said) - MAX_WARNINGS} more; report.json holds all"]


# --- several sets ------------------------------------------------------------------------------------------


def _summary(report: Values, sets: Sequence[Values]) -> dict[str, Any]:
    """The table over sets, the mean first, and a plot of each figure that it shows."""
    about = report["sets"]
    known = [name for name in _SUMMARY if any(_figure(one, name) for one in about)]
    names = known[:2] if {"srcc", "plcc"} <= set(known) else known
    rows = [_mean_row(report[key], names, which) for key, which in _MEANS if report.get(key)]
    rows += [
        {
            "key": held["key"],
            "name": held["name"],
            "about": one.get("title"),
            "partial": one.get("partial"),
            "is_mean": False,
            "cells": [*(_cell(_figure(one, name)) for name in names), *_counts(one)],
        }
        for held, one in zip(sets, about, strict=True)
    ]
    head = [*(title_of(name)[0] for name in names), "n", "Groups", "Failed"]
    plot = [
        _over_sets(name, about, report.get("mean") or {}, level_written(report.get("settings") or {}))
        for name in names
    ]
    return {"head": head, "rows": rows, "plots": [one for one in plot if one is not None]}


def _mean_row(mean: Values, names: Sequence[str], which: str) -> dict[str, Any]:
    found = [mean.get(name) or {} for name in names]
    said = dict.fromkeys(text for one in found for text in (one.get("how"), one.get("note")) if text)
    numbers = [str(one["n_sets"]) for one in found if one.get("n_sets")]
    return {
        "key": None,
        "name": (f"Mean of {numbers[0]} sets" if len(set(numbers)) == 1 else "Mean over sets") + which,
        "about": "; ".join(said) or None,
        "partial": False,
        "is_mean": True,
        "cells": [*(written(one.get("value")) for one in found), "", "", ""],
    }


def _over_sets(name: str, about: Sequence[Values], mean: Values, level: str) -> Plot | None:
    found = [(str(one.get("name")), _figure(one, name)) for one in about]
    if all(figure.get("value") is None for _, figure in found):
        return None
    middle = (mean.get(name) or {}).get("value")
    title = title_of(name)[0]
    caption = f"{title} of each set with its {level} interval."
    if middle is not None:
        caption += " The dashed line is the mean over sets that the model was not trained on."
    lines = [plots.line_of(label, figure) for label, figure in found]
    svg = plots.intervals(lines, title, written, reference=middle)
    rows = [(label, written(figure.get("value")), ends_written(figure) or NOTHING) for label, figure in found]
    return Plot(title, caption, svg, ("set", title, "interval"), rows)


def _figure(about: Values, name: str) -> Values:
    return (about.get("figures") or {}).get(name) or {}


def _cell(figure: Values) -> str:
    return f"{written(figure.get('value'))} {ends_written(figure)}".rstrip()


def _counts(about: Values) -> tuple[str, ...]:
    return tuple(f"{about.get(key) or 0:,}" for key in ("n_scored", "n_groups", "n_failed"))


# --- one set -----------------------------------------------------------------------------------------------


def _set(k: int, scored: ScoredSet, about: Values, level: str) -> dict[str, Any]:
    figures: Mapping[str, Values] = about.get("figures") or {}
    low = _lowest(figures)
    failures = [row for row in zip(scored.ids, scored.errors, scored.kinds, strict=True) if row[1]]
    return {
        "key": f"set-{k}",
        "name": scored.name,
        "partial": about.get("partial"),
        "about": " ".join(_about(about)),
        "sentences": list(sentences(about)),
        "figures": [_figure_row(name, figure, low) for name, figure in figures.items()],
        "range_title": f"{written(low)[:2].removesuffix('.')} to 1",
        "plots": list(plots_of(scored, about, level)),
        "worst": worst(scored),
        "uncertain": most_uncertain(scored),
        "failures": failures[:MAX_FAILURES],
        "n_failed": len(failures),
        "kinds": ", ".join(f"{kind} {n}" for kind, n in (about.get("failures") or {}).items()),
        "made": list(_made_of(about)),
    }


def _about(about: Values) -> Iterator[str]:
    """Which pictures these are, and what became of their rows."""
    named = [str(about[key]) for key in ("title", "population", "list") if about.get(key)]
    if named:
        yield f"{'; '.join(named)}."
    expected, scored = about.get("n_expected") or 0, about.get("n_scored") or 0
    yield f"{count(expected, 'labelled picture')}, {scored:,} scored, {about.get('n_failed') or 0:,} failed;"
    column = about.get("group_column")
    yield (
        f"{count(about.get('n_groups'), 'group')} by column {column!r}."
        if column
        else "every picture by itself."
    )
    left_out = {"without a label": about.get("n_unlabelled"), "excluded": about.get("n_excluded")}
    said = [f"{n:,} {what}" for what, n in left_out.items() if n]
    if said:
        yield f"Left out: {', '.join(said)}."


def _lowest(figures: Mapping[str, Values]) -> float:
    """Where the little scale of a figure begins: 0, or -1 where one that is bounded falls below 0."""
    numbers = (f.get(key) for name, f in figures.items() if is_bounded(name) for key in ("value", "low"))
    return -1.0 if any(n is not None and n < 0 for n in numbers) else 0.0


def _figure_row(name: str, figure: Values, low: float) -> dict[str, Any]:
    title, about = title_of(name)
    said = [note_of(name, figure)]
    if figure.get("method"):
        said.insert(0, f"{figure['method']}, {figure.get('n_resamples') or 0:,} resamples")
    return {
        "title": title,
        "about": about,
        "value": written(figure.get("value")),
        "ends": ends_written(figure),
        "range": _range(figure, low) if is_bounded(name) else None,
        "n": "" if figure.get("n") is None else f"{figure['n']:,}",
        "groups": "" if figure.get("n_groups") is None else f"{figure['n_groups']:,}",
        "how": "; ".join(text for text in said if text),
    }


def _range(figure: Values, low: float) -> dict[str, Any] | None:
    """Places on a scale from `low` to 1, in hundredths of its length."""

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - low) / (1 - low))), 2)

    if figure.get("value") is None:
        return None
    ends = figure.get("low"), figure.get("high")
    if ends[0] is None or ends[1] is None:
        return {"at": place(figure["value"]), "left": None, "width": None}
    left = place(ends[0])
    return {"at": place(figure["value"]), "left": left, "width": round(place(ends[1]) - left, 2)}


# --- how it was made ---------------------------------------------------------------------------------------


def _made(report: Values) -> Iterator[tuple[str, str]]:
    yield from named(report.get("source") or {})
    yield from named({f"cost: {name}": value for name, value in (report.get("cost") or {}).items()})
    yield from named(report.get("settings") or {})
    yield from named({"visq": report.get("visq")})


_MADE = (
    "manifest",
    "manifest_sha256",
    "format",
    "protocol",
    "protocol_version",
    "split",
    "list",
    "published_plcc",
    "label_column",
    "std_column",
    "label_scale",
    "score_scale",
    "group_column",
    "n_rows",
    "scores",
    "sources",
)


def _made_of(about: Values) -> Iterator[tuple[str, str]]:
    yield from named({key: about.get(key) for key in _MADE})


def named(values: Values) -> Iterator[tuple[str, str]]:
    """Names and values as people read them; what is None or empty is left out."""
    for name, value in values.items():
        if value is None or value == [] or value == {}:
            continue
        yield name.replace("_", " ").capitalize(), _said(value)


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(held)}" for name, held in value.items() if held not in (None, []))
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
