"""An evaluation as lines of text: figures with intervals, what they say. Knows the report's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TITLES = {
    "srcc": "SRCC",
    "plcc": "PLCC (raw)",
    "plcc_logistic4": "PLCC, 4-parameter logistic",
    "plcc_logistic5": "PLCC, 5-parameter logistic",
    "krcc": "KRCC (tau-b)",
    "rmse": "RMSE",
    "mae": "MAE",
    "outlier_ratio": "outlier ratio",
    "pair_accuracy": "pair accuracy",
    "gaussian_kl": "KL of Gaussians",
    "gaussian_js": "JS of Gaussians",
    "gaussian_w2": "W2 of Gaussians",
    "coverage": "coverage of 90 % intervals",
    "half_width": "half-width of 90 % intervals",
    "srcc_failures_at_middle": "SRCC, failures at middle",
    "auroc": "AUROC",
    "ap": "average precision",
    "accuracy": "accuracy at .5",
    "balanced_accuracy": "balanced accuracy at .5",
    "f1": "F1 at .5",
    "tpr_at_fpr_01": "TPR at FPR 1 %",
    "tpr_at_fpr_05": "TPR at FPR 5 %",
    "ece": "ECE",
}
_WIDTH = 34


def evaluation_lines(report: Mapping[str, Any]) -> list[str]:
    """The report as a table for a terminal.

    Args:
        report: as report.json holds it.
    """
    lines = [_about_source(report)]
    for one in report["sets"]:
        lines += ["", *_set(one)]
    if report["mean"] is not None:
        n = len(report["sets"])
        lines += [
            "",
            f"mean over {n} sets ({report['mean']['srcc']['how'] if 'srcc' in report['mean'] else ''})",
        ]
        lines += [f"  {TITLES[name]:<{_WIDTH}}{mean['value']:>8.4f}" for name, mean in report["mean"].items()]
    return lines


def _about_source(report: Mapping[str, Any]) -> str:
    source = report["source"]
    what = f"{source['name']} ({source['model_hash'][:8]})" if source["model_hash"] else source["name"]
    level = round(100 * report["settings"]["level"])
    resamples = report["settings"]["resamples"]
    return f"{what}, {report['aspect']}; intervals of {level} %, {resamples} resamples of groups"


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
            yield f"  {_title(name, figure):<{_WIDTH}}{_value(figure)}{_differs(figure, one)}"
    for entry in one["within"]:
        n = f"{entry['n_parts']} parts"
        yield f"  {'SRCC ' + entry['about']:<{_WIDTH}}{_value(entry['mean'])}  mean of {n}"
    yield from (f"  {line}" for line in one["verdict"])


def _title(name: str, figure: Mapping[str, Any]) -> str:
    if name.startswith("pair_accuracy_gap_"):
        return f"pair accuracy, {figure['gap']:g} apart"
    if name.startswith("floor_"):
        return f"floor: {name.removeprefix('floor_').removesuffix('_srcc')} alone, SRCC"
    return TITLES.get(name, name)


def _value(figure: Mapping[str, Any]) -> str:
    text = f"{figure['value']:>8.4f}"
    return text if figure["low"] is None else f"{text} [{figure['low']:.4f}, {figure['high']:.4f}]"


def _differs(figure: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """The number of rows, where it is not that of the set."""
    return "" if figure["n"] == one["n_scored"] else f"  n = {figure['n']}"
