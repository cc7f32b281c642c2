"""Which column of a table holds what: ids, files, labels, their spread. Knows names, and no cell."""

from __future__ import annotations

from collections.abc import Sequence

from visq.core.errors import DataError
from visq.core.types import printable

ID_COLUMNS = ("id", "image_id")
FILE_COLUMNS = ("image", "path", "file", "filename", "img_path", "image_path", "dist_img")
LABEL_COLUMNS = ("score", "mos", "label", "mean", "gt_score")
"""Columns that may hold opinion scores where none is called like the aspect."""


def positions(shown: str, names: Sequence[str]) -> dict[str, int]:
    """Column name without case -> position; columns without a name are not reachable, and left out."""
    if not any(names):
        raise DataError(f"{shown}, row 1: no column names; the first row has to name the columns")
    at: dict[str, int] = {}
    for i, name in enumerate(names):
        if name and at.setdefault(name.casefold(), i) != i:
            raise DataError(f"{shown}: column {name!r} stands twice; rename one of the two")
    return at


def only(shown: str, what: str, known: Sequence[str], names: Sequence[str]) -> int | None:
    """The one column with a known name, or None."""
    found = [i for i, name in enumerate(names) if name.casefold() in known]
    if len(found) > 1:
        raise DataError(
            f"{shown}: {len(found)} columns could hold {what}: {listed([names[i] for i in found])}; keep one"
        )
    return found[0] if found else None


def listed(names: Sequence[str]) -> str:
    """Names for a message, cut after eight."""
    return ", ".join(printable(name) for name in names[:8]) + (", ..." if len(names) > 8 else "")


def named(shown: str, names: Sequence[str], column: str) -> int:
    """Position of a column by its name, without regard to case and surrounding blanks.

    Raises:
        DataError: there is none of this name.
    """
    at = positions(shown, names)
    if column.strip().casefold() not in at:
        raise DataError(f"{shown}: no column {column!r}; columns: {listed(names)}")
    return at[column.strip().casefold()]


def group_columns(shown: str, names: Sequence[str], group: str | None) -> tuple[int, ...]:
    """Positions of the columns that groups come from: those named, separated by commas; by default `group`.

    Raises:
        DataError: there is none of a name.
    """
    at = positions(shown, names)
    if group is None:
        return (at["group"],) if "group" in at else ()
    words = [group] if group.strip().casefold() in at else group.split(",")
    return tuple(named(shown, names, word) for word in words)


def label_column(shown: str, names: Sequence[str], aspect: str, wanted: str | None = None) -> str:
    """The column with the opinion scores of an aspect.

    Args:
        shown: how errors call the table.
        names: its columns.
        aspect: name of the aspect.
        wanted: the column asked for; None takes the one called like the aspect, else the only one of
            `LABEL_COLUMNS`.

    Raises:
        DataError: there is none, or there are several; the message lists the candidates.

    Example:
        >>> label_column("t.csv", ["ID", "Score"], "aesthetics")
        'Score'
    """
    if wanted is not None:
        return names[named(shown, names, wanted)]
    at = positions(shown, names)
    if aspect.casefold() in at:
        return names[at[aspect.casefold()]]
    found = [names[at[name]] for name in LABEL_COLUMNS if name in at]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"{shown}: {len(found)} columns could hold scores of {aspect}: {listed(found)}; "
            "name one with --label"
        )
    known = ", ".join((aspect, *LABEL_COLUMNS))
    raise DataError(
        f"{shown}: no column of {aspect} (one of {known}); name one with --label; columns: {listed(names)}"
    )


def std_column(names: Sequence[str], aspect: str, label: str) -> str | None:
    """The column with the standard deviations of the raters' scores, or None.

    Example:
        >>> std_column(["image", "quality", "quality_std"], "quality", "quality")
        'quality_std'
    """
    at = {name.casefold(): name for name in names}
    wanted = (f"{aspect}_std", f"{label}_std", f"std_{label}", "std", "mos_std", "sd", "score_std")
    return next((at[name.casefold()] for name in wanted if name.casefold() in at), None)
