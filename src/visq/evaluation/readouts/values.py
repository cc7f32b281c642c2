"""What every read-out made of every picture, as a table or as JSON with the report. Computes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from visq.core.errors import InputError
from visq.evaluation.figures.scored import LIMIT_KIND, ScoredSet
from visq.evaluation.runs.folder import without_nan
from visq.scoring import atomic_write
from visq.scoring.flat_files import FLAT_ENDINGS, write_flat

_ABOUT = ("set", "id", "path", "group", "label")
_OF_READOUT = ("", "_spread", "_outside", "_error")
JSON = ".json"


def check_out(out: Path, manifests: Sequence[str], *, overwrite: bool) -> None:
    """Refuse a file that could not be written, or should not, before a picture is read.

    Raises:
        InputError: its ending is none of these, there is no such folder, it exists, or it is a manifest.
    """
    if out.suffix.lower() not in (*FLAT_ENDINGS, JSON):
        known = ", ".join(FLAT_ENDINGS)
        raise InputError(f"cannot write {out.name!r}; use an ending of {known} or {JSON}", kind="usage")
    if not out.absolute().parent.is_dir():
        raise InputError(f"cannot write {str(out)!r}: no folder {str(out.parent)!r}", kind="output")
    if any(Path(manifest).resolve() == out.resolve() for manifest in manifests):
        raise InputError(f"--out {str(out)!r} is one of the manifests", kind="usage")
    if out.is_dir() or (out.exists() and not overwrite):
        raise InputError(f"{str(out)!r} exists; choose another --out, or --overwrite", kind="output")


def write_values(out: Path, report: Mapping[str, Any], sets: Sequence[Mapping[str, ScoredSet]]) -> None:
    """Write a row a labelled picture: label, group, and of each read-out value, spread, outside and error.

    Args:
        out: its ending says how; `.json` holds the report, too, with the rows as `pictures`.
        report: as JSON holds it.
        sets: of each set, read-out -> its scores.

    Raises:
        InputError: the file cannot be written.
    """
    if out.suffix.lower() == JSON:
        pictures = [dict(zip(columns(sets[0]), row, strict=True)) for row in _rows(sets)]
        with atomic_write(out) as partial, partial.open("w", encoding="utf-8") as file:
            json.dump(
                without_nan({**report, "pictures": pictures}), file, ensure_ascii=False, allow_nan=False
            )
            file.write("\n")
        return
    write_flat(
        out,
        columns(sets[0]),
        lambda: ([_cell(value) for value in row] for row in _rows(sets)),
        names=("set", "id", "path", "group"),
    )


def columns(readouts: Mapping[str, ScoredSet]) -> list[str]:
    """Names of the columns: the picture, then four for each read-out, under its name."""
    return [*_ABOUT, *(f"{name}{what}" for name in readouts for what in _OF_READOUT)]


def _rows(sets: Sequence[Mapping[str, ScoredSet]]) -> Iterator[list[Any]]:
    for by_name in sets:
        first = next(iter(by_name.values()))
        for i, kind in enumerate(first.kinds):
            if kind == LIMIT_KIND:
                continue
            about = [first.name, first.ids[i], first.paths[i], first.groups[i], first.labels[i]]
            told = [
                value
                for one in by_name.values()
                for value in (one.scores[i], one.spread[i], one.outside[i], one.errors[i] or None)
            ]
            yield [*about, *told]


def _cell(value: Any) -> str:
    """Every digit of a number, since whoever checks wants the same figures; nothing for what is not there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)
