"""Writes a file whole or not at all. Knows nothing of what is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visq.core.errors import InputError


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it on success and removed on failure.

    Raises:
        InputError: the folder is missing or cannot be written, or the disk is full.
    """
    target = Path(path)
    # The process id keeps two writers apart; the one that renames last wins, and either file is whole.
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"cannot write {str(target)!r}: {error.strerror or error}", kind="output") from error
    finally:
        partial.unlink(missing_ok=True)
