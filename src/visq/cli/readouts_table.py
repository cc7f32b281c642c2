"""Read-outs side by side as lines of text. Knows the report's words; computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_HEADS = (
    *("read-out", "n", "SRCC", "PLCC", "SRCC less own", "p (Holm)", "calibration error"),
    *("bias", "outside", "split", "ms", "cost", "answers"),
)
FITTED = "the map is fitted"
"""How the note begins of a figure that never has an interval."""

MARKS = (
    ("is_default", "*", "the model's own read-out"),
    ("is_monitor", "~", "a monitor: to be watched, never a score"),
    ("distrust", "!", "not to be taken at its word, for the reason above"),
)
"""What marks a row: which of its fields, the mark, and what the mark says."""

_LEFT = 1  # columns of words; the others hold numbers


def readouts_lines(report: Mapping[str, Any]) -> list[str]:
    """The report as a table for a terminal.

    Args:
        report: as `--json` prints it.
    """
    model, settings = report["model"], report["settings"]
    lines = [
        f"{model['name']} ({model['model_hash'][:8]}), {report['aspect']}; intervals of "
        f"{100 * settings['level']:g} %, {settings['resamples']} resamples of groups"
    ]
    for one in report["sets"]:
        lines += ["", *_set(one, report["cost"])]
    rows = [row for one in report["sets"] for row in one["readouts"]]
    told = [f"{mark} {what}" for name, mark, what in MARKS if any(row[name] for row in rows)]
    return [*lines, "", "; ".join(told)]


def _set(one: Mapping[str, Any], cost: Mapping[str, Any]) -> Iterator[str]:
    units = (
        f"{one['n_groups']} groups by {one['group_column']}" if one["group_column"] else "every row by itself"
    )
    unit = "of labels" if one["label_scale"] is None else f"of labels on {one['label_scale']}"
    yield (
        f"{one['name']}: {one['n_read']} read, {len(one['failed'])} failed of {one['n_expected']}; {units}; "
        f"errors in units {unit}"
    )
    yield from _columns([_HEADS, *(_row(row, cost.get(row["readout"])) for row in one["readouts"])])
    for row in one["readouts"]:
        if row["distrust"]:
            yield f"  ! {row['readout']}: {row['distrust']}"
        for reason in _missing(row):
            yield f"  {row['readout']}: {reason}"


def _missing(row: Mapping[str, Any]) -> Iterator[str]:
    """Why figures or their intervals do not exist, each reason once."""
    figures = [row[name] for name in ("srcc", "plcc", "difference", "calibration_error") if row[name]]
    lacking = [found["note"] for found in figures if found["value"] is None or found["low"] is None]
    told = (note for note in lacking if note and not note.startswith(FITTED))
    yield from dict.fromkeys(told)


def _row(row: Mapping[str, Any], cost: Mapping[str, Any] | None) -> tuple[str, ...]:
    found = row["difference"]
    answers = str(row["n_answers"]) if row["n_answers"] else f"<= {row['most_tokens']} tokens"
    marks = [mark for name, mark, _ in MARKS if row[name]]
    return (
        " ".join([row["readout"], *marks]),
        str(row["n_scored"]),
        _figure(row["srcc"]),
        _figure(row["plcc"]),
        "own" if found is None else _figure(found, sign="+"),
        "" if found is None else _number(found["p_adjusted"], ".3f"),
        _number(row["calibration_error"]["value"], ".3f"),
        _number(row["bias"]["value"], "+.3f"),
        _number(row["outside"], ".3f"),
        _number(row["split"], ".3f"),
        "-" if cost is None else _number(cost["ms"], ".1f"),
        "-" if cost is None else f"{_number(cost['ratio'], '.2f')} x",
        answers,
    )


def _figure(figure: Mapping[str, Any], sign: str = "") -> str:
    if figure["value"] is None:
        return "-"
    text = _number(figure["value"], f"{sign}.3f")
    if figure["low"] is None:
        return text
    return f"{text} [{_number(figure['low'], f'{sign}.3f')}, {_number(figure['high'], f'{sign}.3f')}]"


def _number(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Words to the left, numbers to the right, two blanks between columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if i < _LEFT else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()
