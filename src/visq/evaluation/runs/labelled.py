"""A labelled set: the rows of a manifest that figures are over, and what is known of them. No score."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from visq.core.errors import DataError
from visq.core.scales import Scale
from visq.core.types import Sample, printable
from visq.data.columns import group_columns, label_column, std_column
from visq.data.manifest import Manifest
from visq.data.sources import file_sha256
from visq.data.tables import read_table
from visq.evaluation.figures.detection_figures import ASPECT as DETECTION
from visq.evaluation.figures.label_scale import parse_label_scale
from visq.evaluation.figures.protocols import Protocol
from visq.evaluation.figures.scored import Float64Array, StrArray

SCORE_FORMATS = ("predictions", "pyiqa", "qbench", "qrealign", "visq")
"""Formats whose column `score` is a model's, never people's."""
SPLIT_COLUMNS = ("split", "set")
TEST_WORDS = ("test", "testing")

_LONGEST_CELL = 200  # characters; longer ones are texts, not names that figures are given within


@dataclass(frozen=True)
class LabelChoice:
    """What was asked for about labels; None takes what protocol and column names say.

    Attributes:
        label: column of the opinion scores.
        group: column of groups, or several separated by commas.
        label_scale: `1..5`, or `100..0` where lower is better.
    """

    label: str | None = None
    group: str | None = None
    label_scale: str | None = None


@dataclass(frozen=True)
class LabelledSet:
    """Rows of a manifest; `kept` are those with a label that the protocol does not leave out.

    Attributes:
        name: of the set.
        manifest: path of the manifest, as typed.
        sha256: of its bytes.
        format: what its shape is, e.g. `csv` or `qalign`.
        aspect: what its labels are about.
        protocol: how it is evaluated; None where nobody named one.
        label_column: column of the labels.
        std_column: column of the raters' std; None where there is none.
        label_scale: what labels are measured on; None where nobody said.
        group_column: where groups come from; None where every row is its own.
        rows: every row of the manifest, in its order.
        kept: positions in `rows`, ascending.
        groups: [kept], str.
        columns: name -> str [kept], the other columns, and those derived from file names.
        n_unlabelled: rows without a label.
        n_excluded: rows that the protocol leaves out.
        notes: what was decided while reading, for the reader of the report.
    """

    name: str
    manifest: str
    sha256: str
    format: str
    aspect: str
    protocol: Protocol | None
    label_column: str
    std_column: str | None
    label_scale: Scale | None
    group_column: str | None
    rows: tuple[Sample, ...]
    kept: tuple[int, ...]
    groups: StrArray
    columns: dict[str, StrArray] = field(default_factory=dict)
    n_unlabelled: int = 0
    n_excluded: int = 0
    notes: tuple[str, ...] = ()

    @property
    def samples(self) -> list[Sample]:
        """The rows kept."""
        return [self.rows[i] for i in self.kept]

    @property
    def labels(self) -> Float64Array:
        """float64 [kept], as the manifest gives them."""
        return np.array([sample.labels[self.aspect] for sample in self.samples], dtype=np.float64)

    @property
    def stds(self) -> Float64Array:
        """float64 [kept], nan where not known."""
        return np.array([sample.stds.get(self.aspect, np.nan) for sample in self.samples], dtype=np.float64)


def labelled_set(
    path: str, name: str, aspect: str, protocol: Protocol | None, choice: LabelChoice
) -> LabelledSet:
    """Read a manifest for evaluation.

    Args:
        path: the manifest.
        name: what to call the set.
        aspect: what its labels are about.
        protocol: how it is evaluated; None takes every labelled row.
        choice: what was asked for.

    Raises:
        DataError: the manifest is wrong, no column holds the labels, or no row is left.
        InputError: it cannot be read, or the scale is no scale.
    """
    table = read_table(path)
    label = _label(table.columns, printable(path), aspect, table.format, protocol, choice.label)
    std = std_column(table.columns, aspect, label)
    group = _group(table.columns, printable(path), protocol, choice.group)
    manifest = Manifest(path, labels={aspect: label}, stds={aspect: std} if std else {}, group=group)
    rows = tuple(manifest)
    notes = [f"rows that repeat an id and its file, left out: {n}"] if (n := manifest.n_repeated) else []
    is_out = _left_out(rows, protocol, notes)
    kept = tuple(i for i, row in enumerate(rows) if aspect in row.labels and not is_out[i])
    if not kept:
        raise DataError(
            f"{printable(path)}: no row has a label in column {label!r}"
            + (f" and is left by protocol {protocol.name!r}" if protocol and any(is_out) else "")
            + "; name its column with --label"
        )
    samples = [rows[i] for i in kept]
    columns = _columns(samples, protocol, notes)
    groups, group_column = _groups(samples, group, columns, protocol, notes)
    return LabelledSet(
        name=name,
        manifest=path,
        sha256=file_sha256(path),
        format=manifest.format,
        aspect=aspect,
        protocol=protocol,
        label_column=label,
        std_column=std,
        label_scale=_scale([row.labels[aspect] for row in samples], aspect, protocol, choice, notes),
        group_column=group_column,
        rows=rows,
        kept=kept,
        groups=groups,
        columns=columns,
        n_unlabelled=sum(aspect not in row.labels and not out for row, out in zip(rows, is_out, strict=True)),
        n_excluded=sum(is_out),
        notes=tuple(notes),
    )


def _label(
    names: Sequence[str], shown: str, aspect: str, format: str, protocol: Protocol | None, wanted: str | None
) -> str:
    if wanted is not None:
        return label_column(shown, names, aspect, wanted)
    usable = [name for name in names if format not in SCORE_FORMATS or name != "score"]
    known = {name.casefold(): name for name in usable}
    for candidate in () if protocol is None else protocol.label_columns.get(aspect, ()):
        if candidate in known:
            return known[candidate]
    return label_column(shown, usable, aspect)


def _group(names: Sequence[str], shown: str, protocol: Protocol | None, wanted: str | None) -> str | None:
    """The column, or columns, that groups come from; None where there is none by name."""
    if wanted is not None:
        group_columns(shown, names, wanted)
        return wanted
    known = {name.casefold(): name for name in names}
    candidates = ("group",) if protocol is None else (*protocol.group_columns, "group")
    return next((known[name] for name in candidates if name in known), None)


def _left_out(rows: Sequence[Sample], protocol: Protocol | None, notes: list[str]) -> list[bool]:
    """Rows that are no part of the set by its protocol."""
    if protocol is None:
        return [False] * len(rows)
    is_out = [_stem(row) in protocol.exclude for row in rows]
    if any(is_out):
        notes.append(f"left out, no part of {protocol.title}: {sum(is_out)} rows")
    if protocol.test_rows:
        column = _split_column(rows)
        if column is not None:
            others = [row.extra[column].strip().casefold() not in TEST_WORDS for row in rows]
            notes.append(f"left out, not marked as test by column {column!r}: {sum(others)} rows")
            is_out = [out or other for out, other in zip(is_out, others, strict=True)]
    return is_out


def _split_column(rows: Sequence[Sample]) -> str | None:
    """The column that marks some rows as test, or None."""
    for name in rows[0].extra if rows else ():
        if name.casefold() in SPLIT_COLUMNS:
            words = {row.extra[name].strip().casefold() for row in rows}
            if words & set(TEST_WORDS) and len(words) > 1:
                return name
    return None


def _columns(samples: Sequence[Sample], protocol: Protocol | None, notes: list[str]) -> dict[str, StrArray]:
    """The other columns of the rows, and those that the protocol reads from file names."""
    cells = {name: [row.extra[name] for row in samples] for name in samples[0].extra}
    if any(row.prompt for row in samples):
        cells["prompt"] = [row.prompt or "" for row in samples]
    columns = {
        name: np.array(column, dtype=np.str_)
        for name, column in cells.items()
        if max(map(len, column)) <= _LONGEST_CELL and any(column)
    }
    if protocol is None:
        return columns
    plain = {name.casefold(): name for name in columns}
    for name in (*protocol.within, "fold"):
        if name in plain and name not in columns:  # written with capitals
            columns[name] = columns.pop(plain[name])
    for name, pattern in protocol.derive.items():
        if name in plain or (name in protocol.group_columns and any(row.group for row in samples)):
            continue
        found = [pattern.fullmatch(_stem(row)) for row in samples]
        if all(found):
            columns[name] = np.array([match.group(1) for match in found if match], dtype=np.str_)
            notes.append(f"{name} is read from the file names")
    return columns


def _groups(
    samples: Sequence[Sample],
    column: str | None,
    columns: dict[str, StrArray],
    protocol: Protocol | None,
    notes: list[str],
) -> tuple[StrArray, str | None]:
    """Group of each row, and the column it is from; a row without a group is its own, and counted."""
    cells = [row.group or "" for row in samples]
    if not any(cells):
        names = () if protocol is None else protocol.group_columns
        column = next((name for name in names if name in columns), None)
        if column is None:
            return np.array([row.id for row in samples], dtype=np.str_), None
        cells = [cell.strip() for cell in columns[column].tolist()]
    if n_without := cells.count(""):
        notes.append(f"rows without a group by {column!r}, each taken as a group of its own: {n_without}")
    # Groups are stripped: none begins with a blank, and so none is called like a row without one.
    keys = [cell or f" {row.id}" for cell, row in zip(cells, samples, strict=True)]
    return np.array(keys, dtype=np.str_), column


def _scale(
    labels: Sequence[float], aspect: str, protocol: Protocol | None, choice: LabelChoice, notes: list[str]
) -> Scale | None:
    if choice.label_scale is not None:
        return parse_label_scale(choice.label_scale)
    form = None if protocol is None else protocol.form_of(labels)
    if protocol is not None and form is not None:
        if len(protocol.forms) > 1:
            notes.append(f"labels are taken as {form.about}, by their range; --label-scale says otherwise")
        return form.scale
    if aspect == DETECTION and set(labels) <= {0.0, 1.0}:
        return Scale(0.0, 1.0)
    return None


def _stem(row: Sample) -> str:
    return os.path.splitext(os.path.basename(row.path))[0]
