"""What tables are called among each other, and the hash of their bytes. Reads no row."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from visq.core.errors import InputError
from visq.core.types import printable

_BARE_NAMES = (
    "labels",
    "manifest",
    "data",
    "index",
    "annotation",
    "annotations",
    "train",
    "val",
    "test",
    "mos",
)
"""Names of files that say nothing of what is in them."""


def set_names(paths: Sequence[str]) -> list[str]:
    """Names of sets: the shortest ends of their paths, without ending, that tell them apart.

    A name that says nothing (`labels`, `test`) takes its folder along.

    Raises:
        InputError: a manifest is named twice.

    Example:
        >>> set_names(["/data/agiqa3k/labels.csv", "/data/ava/labels.csv", "/data/koniq.csv"])
        ['agiqa3k/labels', 'ava/labels', 'koniq']
    """
    whole = [PurePath(os.path.realpath(path)).with_suffix("").parts for path in paths]
    for i, path in enumerate(paths):
        if os.path.realpath(path) in map(os.path.realpath, paths[:i]):
            raise InputError(f"{printable(path)!r} is named twice; name every set once", kind="usage")
    length = [2 if parts[-1].casefold() in _BARE_NAMES else 1 for parts in whole]
    while True:
        names = ["/".join(parts[-n:]).lstrip("/") for parts, n in zip(whole, length, strict=True)]
        clash = [names.count(name) > 1 for name in names]
        if not any(clash):
            return [printable(name) for name in names]
        longer = [min(n + bad, len(parts)) for n, bad, parts in zip(length, clash, whole, strict=True)]
        if longer == length:  # a.csv and a.jsonl: only the ending tells them apart
            return [printable(os.path.basename(path)) for path in paths]
        length = longer


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        InputError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(
            f"cannot read {printable(os.fspath(path))!r}: {error.strerror}", kind="unreadable"
        ) from error
    return digest.hexdigest()
