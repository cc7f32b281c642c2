"""Which file a name in a table stands for. Knows names on disk only: opens no file, knows no table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from visq.media import PICTURE_ENDINGS


class AmbiguousError(Exception):
    """Two files fit a name equally well."""


def find_file(path: str, listing: Callable[[str], Mapping[str, Sequence[str]]]) -> str:
    """The file meant by `path`, or `path` itself where there is none.

    Raises:
        AmbiguousError: two files fit equally well.
    """
    if os.path.lexists(path) and not os.path.isdir(path):
        return path
    folder, name = os.path.split(path)
    folded = name.casefold()
    near = listing(folder).get(folded, ())
    steps: tuple[Iterable[str], ...] = (
        (found for found in near if os.path.splitext(found)[0] == name),
        (found for found in near if found.casefold() == folded),
        near,
    )
    for step in steps:
        found = sorted(step)
        if len(found) > 1:
            raise AmbiguousError(f"{name!r} could be {found[0]!r} or {found[1]!r}; write the full name")
        if found:
            return os.path.join(folder, found[0])
    return path


def folder_listing(folder: str) -> dict[str, list[str]]:
    """Files of a folder by case-folded name and, for pictures, by case-folded name without ending."""
    index: dict[str, list[str]] = {}
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = [entry.name for entry in entries if not entry.is_dir()]
    except (OSError, ValueError):
        return index  # no such folder: its pictures become failures of the run
    for name in names:
        stem, ending = os.path.splitext(name.casefold())
        index.setdefault(name.casefold(), []).append(name)
        if ending in PICTURE_ENDINGS:
            index.setdefault(stem, []).append(name)
    return index
