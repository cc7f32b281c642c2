"""A comparison as people read it: verdicts, a table in the field's layout, Markdown, CSV. Computes no figure.

Rows are models, columns are sets, each figure under its name. A model that was trained on a set stands
in another column than one that was not.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visq.evaluation.comparison.pairing import CORRELATIONS, SIGNIFICANT, STATISTICS

Comparison = Mapping[str, Any]  # what compare_runs returns

CSV_COLUMNS = ("set", "model", "statistic", "value", "low", "high", "n", "n_groups", "trained_on")
_MEANS = (("mean", False), ("mean_in_domain", True))
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~])")


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        title: set and statistic.
        figures: run -> figure, for the runs that belong in it.
        best: the best run and those that no test tells from it; empty for fewer than two runs.
    """

    title: str
    figures: Mapping[str, Mapping[str, Any]]
    best: frozenset[str]


def columns_of(comparison: Comparison) -> list[Column]:
    """The columns of the table: sets in order, SRCC before PLCC, means last.

    Args:
        comparison: what `compare_runs` returns.
    """
    found = []
    for one in comparison["sets"]:
        for in_domain in (False, True):
            runs = [run for run in one["figures"] if (one["trained_on"][run] is not None) == in_domain]
            if runs:
                found += [_column(one, statistic, runs, in_domain) for statistic in statistics_of(one)]
    for key, in_domain in _MEANS:
        if comparison[key] is not None:
            n, every = len(comparison[key]["sets"]), comparison[key]["figures"]
            name = f"mean of {n} trained on" if in_domain else f"mean of {n}"
            found += [
                Column(
                    f"{name} {s.upper()}", {run: figures[s] for run, figures in every.items()}, frozenset()
                )
                for s in CORRELATIONS
            ]
    return found


def _column(one: Mapping[str, Any], statistic: str, runs: Sequence[str], in_domain: bool) -> Column:
    figures = {run: one["figures"][run][statistic] for run in runs}
    title = f"{one['name']} {statistic.upper()}" + (" (trained on it)" if in_domain else "")
    return Column(title, figures, frozenset(best_of(one, statistic, in_domain=in_domain)))


def statistics_of(one: Mapping[str, Any]) -> list[str]:
    """Names of the figures that a set is compared by, in order.

    Args:
        one: the set's entry in the comparison.
    """
    return [name for name in STATISTICS if any(name in figures for figures in one["figures"].values())]


def best_of(one: Mapping[str, Any], statistic: str, *, in_domain: bool = False) -> list[str]:
    """The best run of a set, then those that no test tells from it; none where fewer than two have a figure.

    Args:
        one: the set's entry in the comparison.
        statistic: the figure.
        in_domain: among the runs that were trained on the set, instead of those that were not.
    """
    trained = one.get("trained_on") or {}
    known = {
        run: figures[statistic]["value"]
        for run, figures in one["figures"].items()
        if bool(trained.get(run)) == in_domain and (figures.get(statistic) or {}).get("value") is not None
    }
    if len(known) < 2:
        return []
    best = max(known, key=lambda run: known[run])
    pairs = [pair for pair in one["pairs"] if best in (pair["a"], pair["b"])]
    worse = {
        run
        for pair in pairs
        for run in (pair["a"], pair["b"])
        if _differs((pair.get(statistic) or {}).get("p_holm"))
    }
    return [best, *(run for run in known if run != best and run not in worse)]


def _differs(p: float | None) -> bool:
    return p is not None and p < SIGNIFICANT


# --- for the terminal ----------------------------------------------------------------------------------


def verdict_lines(comparison: Comparison) -> Iterator[str]:
    """One line for each set, pair and statistic: who against whom, the verdict, the difference.

    Args:
        comparison: what `compare_runs` returns.
    """
    for one in comparison["sets"]:
        for pair in one["pairs"]:
            for statistic in statistics_of(one):
                test = pair[statistic]
                start = f"{one['name']} {statistic.upper()}, {pair['a']} against {pair['b']}"
                end = f"{_difference(test)}{_within_margin(pair, test)}{_unfair(one, pair)}"
                yield f"{start}: {test['verdict']}{end}"


def _difference(test: Mapping[str, Any]) -> str:
    if test["low"] is None:
        return ""
    low, high = (short(test[end], sign=True) for end in ("low", "high"))
    return f"; difference {short(test['difference'], sign=True)} [{low}, {high}]"


def _unfair(one: Mapping[str, Any], pair: Mapping[str, Any]) -> str:
    """That one of the two knew the set, and the other, as far as is known, did not."""
    knew = [run for run in (pair["a"], pair["b"]) if one["trained_on"][run] is not None]
    return f"; {knew[0]} was trained on this set" if len(knew) == 1 else ""


def _within_margin(pair: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    """What can be said of the margin; where nothing can, how large a difference would have been seen."""
    held = test["equivalence"]
    margin = f"{held['margin']:g}".replace("0.", ".", 1)
    if held["equivalent"]:
        return f"; equivalent within {margin}"
    if _differs(test["p_holm"]):
        return ""
    for is_so, better, worse in ((held["no_worse"], "a", "b"), (held["b_no_worse"], "b", "a")):
        if is_so:
            return f"; {pair[better]} is no more than {margin} worse than {pair[worse]}"
    reach = test["smallest_detectable"]
    return "" if reach is None else f"; {short(reach)} is the smallest difference likely to show"


def table_lines(comparison: Comparison) -> Iterator[str]:
    """The table in plain text, with intervals; `*` marks what is bold in Markdown.

    Args:
        comparison: what `compare_runs` returns.
    """
    runs = [run["name"] for run in comparison["runs"]]
    columns = columns_of(comparison)
    cells = [[_plain(column, run) for column in columns] for run in runs]
    costs = [_speed(run["cost"]) for run in comparison["runs"]]
    rows = [["model", *(column.title for column in columns), "pictures/s"]]
    rows += [[run, *line, cost] for run, line, cost in zip(runs, cells, costs, strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _plain(column: Column, run: str) -> str:
    figure = column.figures.get(run)
    if figure is None:
        return ""
    if figure["value"] is None:
        return "-"
    ends = "" if figure["low"] is None else f" [{short(figure['low'])}, {short(figure['high'])}]"
    return f"{short(figure['value'])}{ends}{' *' if run in column.best else ''}"


def _speed(cost: Mapping[str, Any] | None) -> str:
    speed = None if cost is None else cost.get("pictures_per_s")
    return "not measured" if speed is None else f"{speed:.3g}"


def short(value: float, *, sign: bool = False) -> str:
    """A correlation or a difference with three decimals and no leading zero.

    Example:
        >>> short(0.8123), short(-0.004, sign=True), short(1.0)
        ('.812', '-.004', '1.000')
    """
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    return re.sub(r"(?<![0-9])0\.", ".", text)


# --- files ---------------------------------------------------------------------------------------------


def markdown(comparison: Comparison) -> str:
    """The comparison as Markdown: the table, differences, agreement, warnings.

    Args:
        comparison: what `compare_runs` returns.
    """
    parts = [
        f"# {comparison['aspect'].capitalize()}: {len(comparison['runs'])} runs compared",
        *_models(comparison),
        "## Differences",
        *_differences(comparison),
        "## Agreement between models",
        *_agreement(comparison),
    ]
    if comparison["warnings"]:
        parts += ["## To be known", "\n".join(f"- {_safe(text)}" for text in comparison["warnings"])]
    return "\n\n".join(parts) + "\n"


def _models(comparison: Comparison) -> Iterator[str]:
    columns = columns_of(comparison)
    head = ["model", *(_safe(column.title) for column in columns), "pictures/s"]
    rows = [
        [_safe(run["name"]), *(_bold(column, run["name"]) for column in columns), _speed(run["cost"])]
        for run in comparison["runs"]
    ]
    yield _grid(head, rows)
    settings = comparison["settings"]
    tests = " and ".join(f"{settings['n_tests'][s]} of {s.upper()}" for s in settings["n_tests"])
    yield (
        "Bold: the best of a column, and what the paired group bootstrap does not tell from it "
        f"({settings['resamples']} resamples, two-sided 5 %, Holm over all tests: {tests})."
    )
    yield "\n".join(f"- {_safe(one['name'])}: {_safe(_population(one))}" for one in comparison["sets"])
    if comparison["mean"]:
        names = ", ".join(comparison["mean"]["sets"])
        yield f"Mean over {_safe(names)}: {comparison['mean']['how']}."


def _population(one: Mapping[str, Any]) -> str:
    groups = "" if one["group_column"] is None else f" in {one['n_groups']} groups of {one['group_column']!r}"
    more = ", ".join(str(one[key]) for key in ("protocol", "population") if one[key])
    return f"n = {one['n_common']}{groups}" + (f"; {more}" if more else "")


def _bold(column: Column, run: str) -> str:
    figure = column.figures.get(run)
    if figure is None or figure["value"] is None:
        return "-"
    text = f"{figure['value']:.3f}"
    return f"**{text}**" if run in column.best else text


def _differences(comparison: Comparison) -> Iterator[str]:
    level = f"{100 * comparison['settings']['level']:g} %"
    head = ["set", "figure", "a", "b", "a - b", f"{level} interval", "p", "Holm p", "verdict"]
    rows = []
    for one in comparison["sets"]:
        for pair in one["pairs"]:
            for statistic in statistics_of(one):
                test = pair[statistic]
                numbers = [_signed(test["difference"]), _interval(test), _p(test["p"]), _p(test["p_holm"])]
                said = test["verdict"] + _within_margin(pair, test) + _unfair(one, pair)
                names = [one["name"], statistic.upper(), pair["a"], pair["b"]]
                rows.append([*map(_safe, names), *numbers, _safe(said)])
    yield _grid(head, rows)


def _agreement(comparison: Comparison) -> Iterator[str]:
    head = ["set", "a", "b", "SRCC between them", "pairs ordered alike"]
    rows = []
    for one in comparison["sets"]:
        for pair in one["pairs"]:
            found = pair["agreement"]
            value = "-" if found["srcc"] is None else f"{found['srcc']:.3f} {_interval(found, sign=False)}"
            alike = "-" if found["same_order"] is None else f"{100 * found['same_order']:.1f} %"
            rows.append([*map(_safe, (one["name"], pair["a"], pair["b"])), value, alike])
    yield _grid(head, rows)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _interval(ends: Mapping[str, Any], *, sign: bool = True) -> str:
    if ends["low"] is None:
        return "-"
    form = "+.3f" if sign else ".3f"
    return f"\\[{ends['low']:{form}}, {ends['high']:{form}}\\]"


def _p(p: float | None) -> str:
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _safe(text: str) -> str:
    """Text as Markdown shows it to the letter, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def csv_text(comparison: Comparison) -> str:
    """Every figure as a line of CSV; see CSV_COLUMNS.

    Args:
        comparison: what `compare_runs` returns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for one in comparison["sets"]:
        for run, figures in one["figures"].items():
            for statistic in statistics_of(one):
                writer.writerow(_csv_row(one["name"], run, statistic, figures, one["trained_on"][run]))
    for key, _ in _MEANS:
        if comparison[key] is not None:
            for run, figures in comparison[key]["figures"].items():
                for statistic in CORRELATIONS:
                    writer.writerow(_csv_row(key, run, statistic, figures, None))
    return text.getvalue()


def _csv_row(
    name: str, run: str, statistic: str, figures: Mapping[str, Any], title: str | None
) -> list[Any]:  # cells of any type
    figure = figures[statistic]
    numbers = [figure[key] for key in ("value", "low", "high", "n", "n_groups")]
    return [name, run, statistic, *("" if number is None else number for number in numbers), title or ""]
