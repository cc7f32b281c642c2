"""Where the journal of a table stands, whether it may be written, and what goes into it. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visq.core.errors import DataError, InputError
from visq.scoring.journal import Journal, journal_path
from visq.scoring.pipeline import Outcome
from visq.scoring.records import to_record
from visq.scoring.table import check_format


def expect_writable(out: Path, *, overwrite: bool) -> None:
    """Refuse a table that cannot be written, or that visq did not make.

    Args:
        out: of the table.
        overwrite: what is there may go.

    Raises:
        InputError: its kind is `output`, or its ending is none of a table's.
    """
    check_format(out)
    if not out.parent.is_dir():
        raise InputError(f"cannot write {str(out)!r}: no folder {str(out.parent)!r}", kind="output")
    if out.is_dir():
        raise InputError(f"cannot write {str(out)!r}: it is a folder", kind="output")
    if out.exists() and not journal_path(out).exists() and not overwrite:
        raise InputError(
            f"{str(out)!r} exists and has no journal to resume from; choose another --out, or --overwrite",
            kind="output",
        )


def open_journal(out: Path | None, identity: Mapping[str, Any], *, overwrite: bool) -> Journal:
    """The journal of a table; in memory where there is none.

    Raises:
        InputError: as `expect_writable`, or the journal is in use or of another identity.
    """
    if out is None:
        return Journal(None, identity)
    expect_writable(out, overwrite=overwrite)
    return Journal(journal_path(out), identity, overwrite=overwrite)


def keep_outcome(outcome: Outcome, journal: Journal) -> None:
    """Put what became of a sample into a journal.

    Raises:
        DataError: another input has the same id.
    """
    sample = outcome.sample
    known = journal.known(sample.id)
    if known is not None and known.seen:
        raise DataError(f"id {sample.id!r} stands twice among the inputs; ids must be unique")
    if outcome.row is None:
        journal.keep(outcome.position, outcome.stamp, sample.id, sample.path)
    else:
        journal.put(outcome.position, outcome.stamp, to_record(outcome.row))
