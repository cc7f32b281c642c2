"""Checks of files: missing, broken, named by nobody, called what they are not. Knows facts, not pixels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from visq.core.types import printable
from visq.evaluation.checks.finding import CheckedSet, Finding, FoundRow
from visq.media import PICTURE_ENDINGS

_MEANT = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP"}


def missing_files(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Rows whose picture is not there; where none of a set is, the folder in which they were looked for."""
    for one in sets:
        missing = [i for i, row in enumerate(one.rows) if row.path is None and row.file]
        named = sum(bool(row.file) for row in one.rows)
        if one.wants_pictures and missing and not one.facts:
            file = one.rows[missing[0]].file
            folder = os.path.dirname(os.path.join(os.path.dirname(one.manifest), file)) or os.curdir
            yield Finding(
                "missing-files",
                "warning",
                f"{one.name}: none of the {named} pictures is there, such as {file!r} in {folder!r}: nothing "
                "was looked for in them; put them there, or leave them out with --no-pictures",
                (one.name,),
                one.found_rows(missing),
                {"n": len(missing)},
            )
        elif one.facts and missing:
            yield Finding(
                "missing-files",
                "error",
                f"{one.name}: {len(missing)} of {named} pictures are not there, such as "
                f"{one.rows[missing[0]].file!r}",
                (one.name,),
                one.found_rows(missing),
                {"n": len(missing)},
            )


def broken_files(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Pictures that cannot be read or decoded, and pictures whose ending says another format."""
    for one in sets:
        there = [i for i, facts in enumerate(one.facts) if one.rows[i].path is not None]
        broken = [i for i in there if one.facts[i].error is not None]
        if broken:
            kinds = Counter(one.facts[i].kind or "unknown" for i in broken)
            told = ", ".join(f"{kind} {n}" for kind, n in kinds.most_common())
            yield Finding(
                "broken-files",
                "error",
                f"{one.name}: {len(broken)} pictures cannot be used ({told}), such as "
                f"{one.rows[broken[0]].file!r}: {one.facts[broken[0]].error}",
                (one.name,),
                one.found_rows(broken),
                {"n": len(broken)},
            )
        misnamed = [i for i in there if _is_misnamed(one.rows[i].path or "", one.facts[i].format)]
        if misnamed:
            i = misnamed[0]
            yield Finding(
                "broken-files",
                "warning",
                f"{one.name}: {len(misnamed)} pictures are of another format than their ending says, such as "
                f"{one.rows[i].file!r}, a {one.facts[i].format}",
                (one.name,),
                one.found_rows(misnamed),
                {"n": len(misnamed)},
            )


def _is_misnamed(path: str, found: str) -> bool:
    # MPO is what phones write into .jpg: a JPEG with more pictures behind it.
    found = "JPEG" if found == "MPO" else found
    return bool(found) and found != _MEANT.get(os.path.splitext(path)[1].lower(), found)


def extra_files(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Pictures that lie where the named ones lie, and that no row of any set names."""
    named = {os.path.realpath(row.path) for one in sets for row in one.rows if row.path is not None}
    for one in sets:
        folders = {os.path.dirname(row.path) for row in one.rows if one.facts and row.path is not None}
        extra = [
            path
            for folder in sorted(folders)
            for path in _pictures_in(folder)
            if os.path.realpath(path) not in named
        ]
        if extra:
            yield Finding(
                "extra-files",
                "note",
                f"{one.name}: {len(extra)} pictures beside the named ones stand in no row, such as "
                f"{extra[0]!r}",
                (one.name,),
                tuple(FoundRow(printable(path), printable(path), None) for path in extra),
                {"n": len(extra)},
            )


def _pictures_in(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return  # its pictures are unreadable, and said so there
    for name in names:
        if os.path.splitext(name)[1].lower() in PICTURE_ENDINGS and not name.startswith("."):
            yield os.path.join(folder, name)
