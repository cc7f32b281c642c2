"""Runs the checks over manifests: reads rows, looks at pictures once, gathers findings. Judges nothing."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visq.aspects import names as aspect_names
from visq.core.errors import DataError
from visq.core.registry import unknown_name
from visq.core.scales import LevelIntervals, Scale
from visq.core.types import Picture, printable
from visq.core.version import __version__
from visq.data.columns import LABEL_COLUMNS, group_columns, label_column, named, std_column
from visq.data.groups import joined_groups
from visq.data.loose import LooseRow, loose_rows
from visq.data.sources import file_sha256, set_names
from visq.data.tables import FlatTable
from visq.evaluation.checks import CHECKS
from visq.evaluation.checks.columns import ASPECTS, are_numbers, number
from visq.evaluation.checks.finding import CheckedSet, Finding, PictureFacts
from visq.evaluation.checks.names import folder_of, stem_of
from visq.evaluation.checks.pictures import Embed, Rate, picture_facts
from visq.evaluation.checks.shortcuts import ask_for_packages
from visq.evaluation.figures.label_scale import parse_label_scale
from visq.evaluation.figures.protocols import Protocol, protocols_for
from visq.evaluation.runs.folder import without_nan

FORMAT = 1
_SPLIT = re.compile(r"(split|set|subset|fold|partition)(_?\d+)?")
_MOST_PARTS = 100  # values of a split column that nobody named: more are names of something else
_ORDER = {"error": 0, "warning": 1, "note": 2}
_NO_TABLES: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class CheckOptions:
    """What is said about the manifests; None lets the table say it.

    Attributes:
        aspect: what the labels are about.
        label: column of the labels.
        group: column or columns of groups, separated by commas.
        prompt: column of prompts; rows that share one are one group too.
        split: column or columns that tell parts apart, separated by commas.
        protocol: name of a protocol for all sets, or one for each, separated by commas.
        label_scale: `1..5`, or `100..0` where lower is better.
        format: name of the tables' format.
        pictures: look at the pictures too.
        embed: what a model sees in a picture, for duplicates in its features; None leaves them out.
        rate: what a model scores a picture, for labels that run against it; None leaves that out.
        at_least: how large the model wants JPEGs decoded, as `visq.media.decode` takes it.
        trained_on: tables `trained_on` of a model whose training lists are compared.
    """

    aspect: str | None = None
    label: str | None = None
    group: str | None = None
    prompt: str | None = None
    split: str | None = None
    protocol: str | None = None
    label_scale: str | None = None
    format: str | None = None
    pictures: bool = True
    embed: Embed | None = None
    rate: Rate | None = None
    at_least: int | None = None
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
                    "files": [found.file for found in finding.at],
                    "row_numbers": [found.row for found in finding.at],
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
        DataError: a manifest is no table, has no row, or lacks a column that was named.
        UnknownName: no such aspect, protocol or format.
        MissingExtra: scikit-learn or SciPy is not installed.
    """
    chosen = options or CheckOptions()
    known = {*ASPECTS, *aspect_names()}
    if chosen.aspect is not None and chosen.aspect not in known:
        raise unknown_name("aspect", chosen.aspect, known)
    checks = [CHECKS.get(name) for name in CHECKS]
    ask_for_packages()  # before pictures are looked at for minutes
    protocols = protocols_for(chosen.protocol, len(manifests))
    names = set_names([os.fspath(path) for path in manifests])
    sets, done = [], 0
    for path, name, protocol in zip(manifests, names, protocols, strict=True):
        one = read_set(path, name, protocol, chosen, _after(done, on_progress))
        done += len(one.facts)
        sets.append(one)
    findings = [finding for check in checks for finding in check(sets)]
    findings.sort(key=lambda finding: _ORDER[finding.severity])
    return CheckReport(tuple(findings), tuple(sets), tuple(CHECKS))


def _rate_as(rate: Rate, aspect: str) -> Callable[[Picture], float | None]:
    return lambda picture: rate(picture, aspect)


def _facts(
    paths: Sequence[str | None],
    options: CheckOptions,
    aspect: str | None,
    on_progress: Callable[[int], None],
) -> Sequence[PictureFacts]:
    rate = None if options.rate is None else _rate_as(options.rate, aspect or "quality")
    at_least = options.at_least
    return picture_facts(paths, embed=options.embed, rate=rate, at_least=at_least, on_progress=on_progress)


def _after(before: int, on_progress: Callable[[int], None]) -> Callable[[int], None]:
    return lambda done: on_progress(before + done)


def read_set(
    path: str | os.PathLike[str],
    name: str,
    protocol: Protocol | None,
    options: CheckOptions,
    on_progress: Callable[[int], None] = lambda done: None,
) -> CheckedSet:
    """One manifest with its labels, groups, splits and facts about its pictures."""
    table, rows = loose_rows(path, format=options.format, need_files=options.pictures)
    if not rows:
        raise DataError(f"{table.shown} names columns and has no row; there is nothing to check")
    aspect, label = _label(table, rows, protocol, options)
    labels = [number(row.cells.get(label, "")) if label else None for row in rows]
    scale, intervals = _scale(protocol, options, labels)
    std = std_column(table.columns, aspect or "", label) if label else None
    any_file = options.pictures and any(row.path is not None for row in rows)
    paths = [row.path for row in rows] if any_file else []
    return CheckedSet(
        name=printable(name),
        manifest=printable(os.fspath(path)),
        format=table.format,
        aspect=aspect,
        label_column=label,
        rows=rows,
        labels=labels,
        stds=[number(row.cells.get(std, "")) if std else None for row in rows],
        groups=_groups(table, rows, protocol, options),
        splits=_splits(table, rows, options),
        titles=_titles(path, name, protocol, rows),
        manifest_sha256=file_sha256(path),
        label_scale=scale,
        intervals=intervals,
        protocol=protocol.name if protocol else None,
        facts=_facts(paths, options, aspect, on_progress) if paths else (),
        trained_on=[
            entry for entry in options.trained_on if aspect is None or entry.get("aspect") in (aspect, None)
        ],
        wants_pictures=options.pictures,
        groups_named=options.group is not None,
    )


def _label(
    table: FlatTable, rows: Sequence[LooseRow], protocol: Protocol | None, options: CheckOptions
) -> tuple[str | None, str | None]:
    """Aspect and column of the labels; None, None where the table has none and nobody named one."""
    at = {name.casefold(): name for name in table.columns}
    aspect = options.aspect or (protocol.aspects[0] if protocol else None)
    aspect = aspect or next((name for name in ASPECTS if name in at), None)
    wanted = options.label
    if wanted is None and protocol is not None and aspect is not None:
        wanted = next((c for c in protocol.label_columns.get(aspect, ()) if c.casefold() in at), None)
    if wanted is None and (aspect is None or aspect not in at):
        known = [name for name in LABEL_COLUMNS if name in at]
        if not known:
            return aspect, at.get("dmos")
        others = [name for name in known if name != "score"]
        if len(known) == 2 and len(others) == 1:
            # Beside labels, scores are a model's: Q-Bench's logits, predictions.
            wanted = others[0] if are_numbers(rows, at[others[0]]) else "score"
    return aspect, label_column(table.shown, table.columns, aspect or "label", wanted)


def _scale(
    protocol: Protocol | None, options: CheckOptions, labels: Sequence[float | None]
) -> tuple[Scale | None, LevelIntervals | None]:
    """What labels are measured on, as said or by the protocol; its level intervals, if it is that scale."""
    form = protocol.form_of([label for label in labels if label is not None]) if protocol else None
    scale = parse_label_scale(options.label_scale) if options.label_scale is not None else None
    if form is None:
        return scale, None
    return scale or form.scale, form.intervals if scale in (None, form.scale) else None


def _groups(
    table: FlatTable, rows: Sequence[LooseRow], protocol: Protocol | None, options: CheckOptions
) -> list[str | None]:
    group = options.group
    if group is None and protocol is not None:
        at = {name.casefold(): name for name in table.columns}
        group = next((at[c.casefold()] for c in protocol.group_columns if c.casefold() in at), None)
    columns = list(group_columns(table.shown, table.columns, group))
    if options.prompt is not None:
        columns.append(named(table.shown, table.columns, options.prompt))
    if not columns:
        return _derived_groups(rows, protocol)
    cells = [[row.cells.get(table.columns[k], "").strip() for row in rows] for k in columns]
    if len(cells) == 1:
        return [cell or None for cell in cells[0]]
    return list(joined_groups(cells))


def _derived_groups(rows: Sequence[LooseRow], protocol: Protocol | None) -> list[str | None]:
    """Groups by the protocol's pattern on file names, where it has one for a column of groups."""
    patterns = protocol.derive if protocol is not None else {}
    names = protocol.group_columns if protocol is not None else ()
    pattern = next((patterns[name] for name in names if name in patterns), None)
    if pattern is None:
        return [None] * len(rows)
    found = [pattern.fullmatch(stem_of(row.file or row.id)) for row in rows]
    return [match.group(1) if match else None for match in found]


def _splits(table: FlatTable, rows: Sequence[LooseRow], options: CheckOptions) -> dict[str, list[str]]:
    if options.split is not None:
        columns = [table.columns[named(table.shown, table.columns, w)] for w in options.split.split(",")]
        return {name: _cells(rows, name) for name in columns}
    columns = [name for name in table.columns if _SPLIT.fullmatch(name.casefold())]
    found = {name: _cells(rows, name) for name in columns}
    return {name: cells for name, cells in found.items() if len(set(cells)) <= _MOST_PARTS}


def _titles(
    path: str | os.PathLike[str], name: str, protocol: Protocol | None, rows: Sequence[LooseRow]
) -> tuple[str, ...]:
    """What the set may be called: its name, its folder, its protocol, the folder its pictures lie in."""
    own = Path(path).absolute()
    folders = Counter(folder_of(row.file).partition("/")[0] for row in rows if row.file)
    told = [
        *name.split("/"),
        own.parent.name,
        *(folder for folder, n in folders.items() if n > len(rows) / 2),
    ]
    if protocol is not None:
        told += [protocol.title, protocol.name]
    return tuple(dict.fromkeys(printable(title) for title in told if title))


def _cells(rows: Sequence[LooseRow], name: str) -> list[str]:
    return [row.cells.get(name, "").strip() for row in rows]
