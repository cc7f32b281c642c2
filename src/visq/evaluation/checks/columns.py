"""Check of what was recognised in a table at all: labels, pictures. Knows columns and cells, no picture.

A table that is read as something else than it is has no faults to find; that has to be said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from visq.data.columns import FILE_COLUMNS, listed
from visq.data.loose import LooseRow
from visq.data.tables import DEFECT
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.levels import levels_of

ASPECTS = ("quality", "aesthetics", "consistency", "authenticity")
"""Names of aspects that columns of labels are called by."""


def columns(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Tables without a column of labels or of pictures, and labels of other aspects that were left out."""
    for one in sets:
        own = [name for name in (one.rows[0].cells if one.rows else ()) if name != DEFECT]
        read = f"{len(one)} rows with {listed(own)}"
        if one.label_column is None and not any(level is not None for level in levels_of(one)):
            yield _missing(one, f"no column of labels found in {read}; name one with --label")
        if one.wants_pictures and not any(row.file or _has_name(one, i) for i, row in enumerate(one.rows)):
            known = ", ".join(FILE_COLUMNS)
            yield _missing(one, f"no column of pictures found in {read}; call it one of {known}")
        others = other_labels(one)
        if others:
            yield Finding(
                "columns",
                "note",
                f"{one.name}: labels in {', '.join(map(repr, others))} were looked at only for cells that "
                "are no numbers; check them by themselves with --label",
                (one.name,),
                (),
                {"columns": ", ".join(others)},
            )


def _missing(one: CheckedSet, told: str) -> Finding:
    return Finding("columns", "warning", f"{one.name}: {told}", (one.name,), (), {"n": len(one)})


def _has_name(one: CheckedSet, i: int) -> bool:
    return one.rows[i].id != f"row {one.rows[i].row}"


def other_labels(one: CheckedSet) -> list[str]:
    """Columns called like an aspect, mostly numbers, that are not the labels checked."""
    names = [name for name in (one.rows[0].cells if one.rows else ()) if name.casefold() in ASPECTS]
    return [name for name in names if name != one.label_column and are_numbers(one.rows, name)]


def are_numbers(rows: Sequence[LooseRow], column: str) -> bool:
    """Whether most cells of a column that are filled hold numbers."""
    cells = [cell for row in rows if (cell := row.cells.get(column, "").strip())]
    return sum(number(cell) is not None for cell in cells) > len(cells) / 2


def number(text: str) -> float | None:
    """The finite number that a cell holds, or None.

    Example:
        >>> number("1.5"), number("1_000"), number("nan")
        (1.5, None, None)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
