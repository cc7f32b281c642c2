"""The journal of a run: one SQLite file that holds every finished row. Knows rows as JSON, not their meaning.

SQLite is the journal so that we write none of our own: a row whose commit returned survives a kill.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visq.core.errors import DataError, InputError

_FORMAT = 1
_PAGE = 256
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS row (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    walk INTEGER NOT NULL,
    path TEXT NOT NULL,
    size INTEGER,
    mtime_ns INTEGER,
    sha256 TEXT,
    status TEXT NOT NULL,
    data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_position ON row (position, id);
"""


@dataclass(frozen=True)
class Stamp:
    """What tells that a file has not changed: its size in bytes and its time of change in nanoseconds."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Known:
    """What the journal knows of an id from an earlier walk.

    Attributes:
        path: printable path of the file then.
        stamp: of the file then; None where it could not be read.
        sha256: of its bytes; None where they could not be read.
        failed: its row is a failure.
        seen: this walk has met the id already.
    """

    path: str
    stamp: Stamp | None
    sha256: str | None
    failed: bool
    seen: bool


class Journal:
    """Rows by id, written in transactions; one process at a time holds the file.

    Invariant: a row is whole, and belongs to the identity the journal was opened with.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, object], *, overwrite: bool = False) -> None:
        self.path = path
        with _translated(path):
            if overwrite and path is not None:
                _remove(path)
            # "" is SQLite's own temporary file, deleted on close: a run without --out keeps nothing.
            self._db = sqlite3.connect("" if path is None else path, timeout=0.5, isolation_level=None)
            try:
                self._open(identity)
            except BaseException:
                self._db.close()
                raise

    def _open(self, identity: Mapping[str, object]) -> None:
        if self.path is not None:
            # Exclusive: a second process on the same journal is refused, and the lock dies with its holder.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        about = dict(self._db.execute("SELECT key, value FROM about"))
        if about and about.get("format") != str(_FORMAT):
            raise DataError(
                f"{self.path}: journal of format {about.get('format')}, not {_FORMAT}; use --overwrite"
            )
        if about:
            _refuse_other_identity(self.path, json.loads(about["identity"]), dict(identity))
        self.walk = int(about.get("walk", 0)) + 1
        fresh = {"format": str(_FORMAT), "identity": json.dumps(identity), "walk": str(self.walk)}
        self._db.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", fresh.items())
        self._db.execute("COMMIT")

    def known(self, id_: str) -> Known | None:
        """What is known of an id, or None."""
        with _translated(self.path):
            found = self._db.execute(
                "SELECT path, size, mtime_ns, sha256, status, walk FROM row WHERE id = ?", (id_,)
            ).fetchone()
        if found is None:
            return None
        path, size, mtime_ns, sha256, status, walk = found
        stamp = None if size is None else Stamp(size, mtime_ns)
        return Known(path, stamp, sha256, status == "failed", walk == self.walk)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside reach the disk together, or none does."""
        with _translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have rolled back already
                    self._db.execute("ROLLBACK")
                raise

    def put(self, position: int, stamp: Stamp | None, row: Mapping[str, Any]) -> None:
        """Write the finished row of an input; `row` has at least id, path, status and sha256."""
        size, mtime_ns = (None, None) if stamp is None else (stamp.size, stamp.mtime_ns)
        self._db.execute(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row["id"],
                position,
                self.walk,
                row["path"],
                size,
                mtime_ns,
                row["sha256"],
                row["status"],
                json.dumps(row),
            ),
        )

    def keep(self, position: int, stamp: Stamp | None, id_: str, path: str) -> None:
        """Take over the row of an input that has not changed; only its place and path are new."""
        size, mtime_ns = (None, None) if stamp is None else (stamp.size, stamp.mtime_ns)
        self._db.execute(
            "UPDATE row SET position = ?, walk = ?, path = ?, size = ?, mtime_ns = ?, "
            "data = json_set(data, '$.path', ?) WHERE id = ?",
            (position, self.walk, path, size, mtime_ns, path, id_),
        )

    def drop_unseen(self) -> int:
        """Remove rows whose inputs the walk just ended did not meet; returns how many."""
        with self.transaction():
            return self._db.execute("DELETE FROM row WHERE walk != ?", (self.walk,)).rowcount

    def rows(self, *, sort: str | None = None) -> Iterator[dict[str, Any]]:
        """Rows as they were put, in the order of the inputs, or by one aspect's value, best first.

        Failures come last where sorted. Memory stays constant: rows are read a page at a time, or, sorted,
        in an order SQLite makes on its own.
        """
        with _translated(self.path):
            yield from self._by_value(sort) if sort else self._by_position()

    def _by_position(self) -> Iterator[dict[str, Any]]:
        last: tuple[int, str] = (-1, "")
        while True:
            page = self._db.execute(
                "SELECT position, id, data FROM row WHERE (position, id) > (?, ?) "
                "ORDER BY position, id LIMIT ?",
                (*last, _PAGE),
            ).fetchall()
            if not page:
                return
            for position, id_, data in page:
                last = (position, id_)
                yield json.loads(data)

    def _by_value(self, aspect: str) -> Iterator[dict[str, Any]]:
        path = f'$.scores."{aspect}".value'
        ids = self._db.execute(
            "SELECT id FROM row ORDER BY json_extract(data, ?) IS NULL, json_extract(data, ?) DESC, position",
            (path, path),
        )
        for (id_,) in ids:
            (data,) = self._db.execute("SELECT data FROM row WHERE id = ?", (id_,)).fetchone()
            yield json.loads(data)

    def counts(self) -> tuple[int, int]:
        """How many rows are scored, and how many failed."""
        with _translated(self.path):
            found = dict(self._db.execute("SELECT status, COUNT(*) FROM row GROUP BY status"))
        return found.get("ok", 0), found.get("failed", 0)

    def release(self) -> None:
        """Give up the lock; rows stay readable."""
        if self.path is None:
            return
        with _translated(self.path):
            self._db.close()
            self._db = sqlite3.connect(self.path, timeout=5, isolation_level=None)

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()


def journal_path(table: Path) -> Path:
    """The journal beside a table: `scores.csv` -> `scores.csv.visq-journal`."""
    return table.with_name(table.name + ".visq-journal")


def _refuse_other_identity(path: Path | None, old: dict[str, Any], new: dict[str, Any]) -> None:
    """The table was made otherwise: mixing would put scores of two kinds into one file."""
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise InputError(
                f"{_table_name(path)} was made with {key} {_words(old.get(key))}, this run has "
                f"{_words(new.get(key))}; choose another --out, or --overwrite to start anew",
                kind="output",
            )


def _words(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _table_name(path: Path | None) -> str:
    return repr(str(path).removesuffix(".visq-journal"))


def _remove(path: Path) -> None:
    """Delete a journal nobody holds."""
    if path.exists():
        try:
            probe = sqlite3.connect(path, timeout=0.5, isolation_level=None)
            try:
                probe.execute("PRAGMA locking_mode=EXCLUSIVE")
                probe.execute("BEGIN IMMEDIATE")
                probe.execute("ROLLBACK")
            finally:
                probe.close()
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise
            # Not a database: --overwrite is the way out of a broken journal.
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


@contextmanager
def _translated(path: Path | None) -> Iterator[None]:
    """SQLite's errors as ours, with what to do."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        name = _table_name(path)
        if "locked" in text:
            message = f"{name} is being written by another visq; wait for it, or choose another --out"
        elif "full" in text or "disk I/O" in text:
            message = (
                f"{name}: the disk is full or cannot be written; no row is lost, free space and run again"
            )
        elif "closed database" in text:
            message = "this table is closed; read its rows before closing it"
        elif "not a database" in text or "malformed" in text:
            message = f"{name}: its journal {str(path)!r} is damaged ({text}); --overwrite starts anew"
        else:
            message = f"{name}: cannot use its journal: {text}"
        raise InputError(message, kind="output") from error
    except OSError as error:
        raise InputError(f"{_table_name(path)}: {error.strerror or error}", kind="output") from error
