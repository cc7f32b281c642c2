"""Runs the checks over manifests: reads rows, looks at pictures once, gathers findings. Judges nothing."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visq.core.scales import Scale
from visq.core.version import __version__
from visq.data.columns import LABEL_COLUMNS, group_columns, label_column, named, std_column
from visq.data.groups import joined_groups
from visq.data.loose import LooseRow, loose_rows
from visq.data.tables import FlatTable
from visq.evaluation.checks import CHECKS
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.pictures import Embed, picture_facts
from visq.evaluation.protocols import Protocol, protocols_for
from visq.evaluation.run_folder import parse_label_scale, without_nan

FORMAT = 1
_ASPECTS = ("quality", "aesthetics", "consistency", "authenticity")
_SPLIT = re.compile(r"(split|set|subset|fold|partition)(_?\d+)?$")
_ORDER = {"error": 0, "warning": 1, "note": 2}
_NO_TABLES: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class CheckOptions:
    """What is said about the manifests; None lets the table say it.

    Attributes:
        aspect: what the labels are about.
        label: column of the labels.
        group: column or columns of groups, separated by commas.
        split: column or columns that tell parts apart, separated by commas.
        protocol: name of a protocol for all sets, or one for each, separated by commas.
        label_scale: `1..5`, or `100..0` where lower is better.
        format: name of the tables' format.
        pictures: look at the pictures too.
        embed: what a model sees in a picture, for duplicates in its features; None leaves them out.
        trained_on: tables `trained_on` of a model whose training lists are compared.
    """

    aspect: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    protocol: str | None = None
    label_scale: str | None = None
    format: str | None = None
    pictures: bool = True
    embed: Embed | None = None
    trained_on: Sequence[dict[str, Any]] = _NO_TABLES


@dataclass(frozen=True)
class CheckReport:
    """What was found.

    Attributes:
        findings: errors first, then warnings, then notes.
        sets: what was checked.
        checks: names of the checks that ran.
    """

    findings: tuple[Finding, ...]
    sets: tuple[CheckedSet, ...]
    checks: tuple[str, ...] = field(default=())

    @property
    def n_findings(self) -> int:
        """Errors and warnings; notes do not count."""
        return sum(finding.severity != "note" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON can hold it, every finding with all its rows."""
        return {
            "format": FORMAT,
            "kind": "check",
            "visq": __version__,
            "checks": list(self.checks),
            "sets": [_about(one) for one in self.sets],
            "n_findings": self.n_findings,
            "findings": [
                {
                    "check": finding.check,
                    "severity": finding.severity,
                    "message": finding.message,
                    "sets": list(finding.sets),
                    "figures": without_nan(finding.figures),
                    "rows": list(finding.rows),
                }
                for finding in self.findings
            ],
        }


def _about(one: CheckedSet) -> dict[str, Any]:
    return {
        "name": one.name,
        "manifest": one.manifest,
        "manifest_sha256": one.manifest_sha256,
        "format": one.format,
        "protocol": one.protocol,
        "aspect": one.aspect,
        "label_column": one.label_column,
        "split_columns": list(one.splits),
        "n_rows": len(one),
        "n_labelled": sum(label is not None for label in one.labels),
        "n_pictures": sum(facts.error is None for facts in one.facts),
    }


def check_sets(
    manifests: Sequence[str | os.PathLike[str]],
    options: CheckOptions | None = None,
    *,
    on_progress: Callable[[int], None] = lambda done: None,
) -> CheckReport:
    """Run every check over one or more manifests, together, since leaks lie between them.

    Args:
        manifests: tables of any kind that visq reads.
        options: what is said about them.
        on_progress: called with the number of pictures looked at.

    Raises:
        InputError: a manifest is missing or cannot be read.
        DataError: a manifest is no table, or lacks a column that was named.
        UnknownName: no such protocol or format.
        MissingExtra: scikit-learn or SciPy is not installed.
    """
    chosen = options or CheckOptions()
    protocols = protocols_for(chosen.protocol, len(manifests))
    names = set_names([os.fspath(path) for path in manifests])
    sets, done = [], 0
    for path, name, protocol in zip(manifests, names, protocols, strict=True):
        one = read_set(path, name, protocol, chosen, _after(done, on_progress))
        done += len(one.facts)
        sets.append(one)
    findings = [finding for name in CHECKS for finding in CHECKS.get(name)(sets)]
    findings.sort(key=lambda finding: _ORDER[finding.severity])
    return CheckReport(tuple(findings), tuple(sets), tuple(CHECKS))


def _after(before: int, on_progress: Callable[[int], None]) -> Callable[[int], None]:
    return lambda done: on_progress(before + done)


def set_names(paths: Sequence[str]) -> list[str]:
    """The shortest ends of paths, without endings, that tell the sets apart; two parts where one is no name.

    Example:
        >>> set_names(["a/koniq/test.json", "a/spaq/test.json", "x/live.csv"])
        ['koniq/test', 'spaq/test', 'live']
    """
    parts = [Path(path).with_suffix("").parts for path in paths]
    found = []
    for own in parts:
        n = (
            2
            if own[-1].casefold() in ("labels", "index", "data", "train", "test", "val") and len(own) > 1
            else 1
        )
        while n < len(own) and sum(other[-n:] == own[-n:] for other in parts) > 1:
            n += 1
        found.append("/".join(own[-n:]).lstrip("/"))
    return [name if found.count(name) == 1 else f"{name}#{i + 1}" for i, name in enumerate(found)]


def read_set(
    path: str | os.PathLike[str],
    name: str,
    protocol: Protocol | None,
    options: CheckOptions,
    on_progress: Callable[[int], None] = lambda done: None,
) -> CheckedSet:
    """One manifest with its labels, groups, splits and facts about its pictures."""
    table, rows = loose_rows(path, format=options.format, need_files=options.pictures)
    aspect, label = _label(table, protocol, options)
    labels = [_number(row.cells.get(label, "")) if label else None for row in rows]
    scale, intervals = _scale(protocol, options, labels)
    std = std_column(table.columns, aspect or "", label) if label else None
    any_file = options.pictures and any(row.path is not None for row in rows)
    trained = [
        entry for entry in options.trained_on if aspect is None or entry.get("aspect") in (aspect, None)
    ]
    return CheckedSet(
        name=name,
        manifest=os.fspath(path),
        format=table.format,
        aspect=aspect,
        label_column=label,
        rows=rows,
        labels=labels,
        stds=[_number(row.cells.get(std, "")) if std else None for row in rows],
        groups=_groups(table, rows, protocol, options),
        splits=_splits(table, rows, options),
        titles=(name, *((protocol.title, protocol.name) if protocol else ())),
        manifest_sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        label_scale=scale,
        intervals=intervals,
        protocol=protocol.name if protocol else None,
        facts=picture_facts([row.path for row in rows], embed=options.embed, on_progress=on_progress)
        if any_file
        else (),
        trained_on=trained,
    )


def _label(
    table: FlatTable, protocol: Protocol | None, options: CheckOptions
) -> tuple[str | None, str | None]:
    """Aspect and column of the labels; None, None where the table has none and nobody named one."""
    at = {name.casefold() for name in table.columns}
    aspect = options.aspect or (protocol.aspects[0] if protocol else None)
    aspect = aspect or next((name for name in _ASPECTS if name in at), None)
    wanted = options.label
    if wanted is None and protocol is not None and aspect is not None:
        wanted = next((c for c in protocol.label_columns.get(aspect, ()) if c.casefold() in at), None)
    if wanted is None and (aspect is None or aspect not in at) and not at & set(LABEL_COLUMNS):
        return aspect, None
    return aspect, label_column(table.shown, table.columns, aspect or "label", wanted)


def _scale(
    protocol: Protocol | None, options: CheckOptions, labels: Sequence[float | None]
) -> tuple[Scale | None, Any]:
    form = protocol.form_of([label for label in labels if label is not None]) if protocol else None
    if options.label_scale is not None:
        return parse_label_scale(options.label_scale), None
    return (form.scale, form.intervals) if form else (None, None)


def _groups(
    table: FlatTable, rows: Sequence[LooseRow], protocol: Protocol | None, options: CheckOptions
) -> list[str | None]:
    group = options.group
    if group is None and protocol is not None:
        at = {name.casefold(): name for name in table.columns}
        group = next((at[c.casefold()] for c in protocol.group_columns if c.casefold() in at), None)
    columns = group_columns(table.shown, table.columns, group)
    if not columns:
        return [None] * len(rows)
    cells = [[row.cells.get(table.columns[k], "").strip() for row in rows] for k in columns]
    if len(cells) == 1:
        return [cell or None for cell in cells[0]]
    return list(joined_groups(cells))


def _splits(table: FlatTable, rows: Sequence[LooseRow], options: CheckOptions) -> dict[str, list[str]]:
    if options.split is not None:
        columns = [table.columns[named(table.shown, table.columns, w)] for w in options.split.split(",")]
    else:
        columns = [name for name in table.columns if _SPLIT.fullmatch(name.casefold())]
    return {name: [row.cells.get(name, "").strip() for row in rows] for name in columns}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
