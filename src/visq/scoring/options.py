"""How a folder is scored, checked before anything is opened. Knows no model and no picture."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from visq.core.errors import InputError


@dataclass(frozen=True)
class RunOptions:
    """How a folder is scored; only `limit` decides what is scored, nothing here changes a score.

    Attributes:
        out: the table to write (.csv, .jsonl) and resume from; None keeps nothing on disk.
        batch: pictures handed to the model at a time.
        workers: threads that decode; None takes as many as there are CPUs.
        limit: score only the first so many inputs.
        overwrite: start anew where a table exists.
        retry_failed: try the failures of an earlier run again.
    """

    out: str | os.PathLike[str] | None = None
    batch: int = 8
    workers: int | None = None
    limit: int | None = None
    overwrite: bool = False
    retry_failed: bool = False

    def __post_init__(self) -> None:
        for name, most in (("batch", 4096), ("workers", 1024), ("limit", sys.maxsize)):
            number = getattr(self, name)
            if number is not None and not 1 <= number <= most:
                raise InputError(f"{name} must be 1 to {most}, not {number}")
        if self.overwrite and self.retry_failed:
            raise InputError("--overwrite starts anew and --retry-failed goes on: give one of them")
        if self.out is None and (self.overwrite or self.retry_failed):
            raise InputError(
                "--overwrite and --retry-failed need --out: without a table there is no earlier run"
            )
