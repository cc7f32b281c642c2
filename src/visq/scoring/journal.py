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

from visq.core.errors import InputError

USUAL: Mapping[str, Any] = {"temperature": 1.0, "dialect": "visq", "words": None, "explain": False}
"""What an identity does not name where it is so: keys that came later, so that older tables go on."""

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

# What SQLite says -> what has happened, and what to do.
_MEANING = (
    ("locked", "is being written by another visq; wait for it, or choose another --out"),
    ("readonly", "or its journal cannot be written: no permission; choose another --out"),
    ("unable to open", "cannot be written: no permission to make its journal; choose another --out"),
    ("disk is full", "cannot be written: the disk is full; no row is lost, free space and run again"),
    ("disk I/O", "cannot be written: the disk is full or fails; no row is lost, mend it and run again"),
    ("closed database", "is closed; read its rows before closing it"),
    ("not a database", "has a damaged journal beside it; --overwrite starts anew"),
    ("malformed", "has a damaged journal beside it; --overwrite starts anew"),
)


@dataclass(frozen=True)
class Stamp:
    """What tells that a file has not changed: its size in bytes and its time of change in nanoseconds."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Known:
    """What the journal knows of an id from an earlier walk.

    Attributes:
        path: of the file then, as typed.
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

    Invariant: a row is whole, and belongs to the identity the journal was opened with. A walk is one pass
    over the inputs; rows of earlier walks stay until a walk that met every input drops those it did not meet.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, object], *, overwrite: bool = False) -> None:
        self.path = path
        self._met_only = False
        with _translated(path):
            try:
                self._open(identity, overwrite=overwrite)
            except _DamagedError:
                if not overwrite or path is None:
                    raise
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{path}{suffix}").unlink(missing_ok=True)
                self._open(identity, overwrite=False)

    def _open(self, identity: Mapping[str, object], *, overwrite: bool) -> None:
        # "" is SQLite's own temporary file, deleted on close: a run without --out keeps nothing.
        self._db = sqlite3.connect(self.path or "", timeout=0.5, isolation_level=None)
        try:
            if self.path is not None:
                # Exclusive: a second process on the journal is refused; the lock dies with its holder.
                self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            self._begin_walk(identity, overwrite=overwrite)
            self._db.execute("COMMIT")
        except BaseException as error:
            self._db.close()
            odd = isinstance(error, sqlite3.DatabaseError | ValueError | KeyError)
            if odd and not _is_about_access(error):
                raise _DamagedError(str(error)) from error
            raise

    def _begin_walk(self, identity: Mapping[str, object], *, overwrite: bool) -> None:
        """Make or check tables, and count this walk; undone as a whole if anything is wrong."""
        if overwrite:
            self._db.execute("DROP TABLE IF EXISTS about")
            self._db.execute("DROP TABLE IF EXISTS row")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        about = dict(self._db.execute("SELECT key, value FROM about"))
        if about:
            if about["format"] != str(_FORMAT):
                raise KeyError(f"format {about['format']}")
            _refuse_other_identity(self.path, json.loads(about["identity"]), dict(identity))
        self.walk = int(about["walk"]) + 1 if about else 1
        fresh = {"format": str(_FORMAT), "identity": json.dumps(identity), "walk": str(self.walk)}
        self._db.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", fresh.items())

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
        return Known(json.loads(path), stamp, sha256, status == "failed", walk == self.walk)

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
        # Paths as JSON: SQLite's text cannot hold the undecodable bytes of a file name.
        path, sha256, status = json.dumps(row["path"]), row["sha256"], row["status"]
        self._db.execute(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row["id"], position, self.walk, path, size, mtime_ns, sha256, status, json.dumps(row)),
        )

    def keep(self, position: int, stamp: Stamp | None, id_: str, path: str) -> None:
        """Take over the row of an input that has not changed; only its place and path are new."""
        size, mtime_ns = (None, None) if stamp is None else (stamp.size, stamp.mtime_ns)
        (data,) = self._db.execute("SELECT data FROM row WHERE id = ?", (id_,)).fetchone()
        moved = json.dumps(json.loads(data) | {"path": path})
        self._db.execute(
            "UPDATE row SET position = ?, walk = ?, path = ?, size = ?, mtime_ns = ?, data = ? WHERE id = ?",
            (position, self.walk, json.dumps(path), size, mtime_ns, moved, id_),
        )

    def drop_unmet(self) -> int:
        """After a walk over every input: remove the rows it did not meet; returns how many."""
        with self.transaction():
            return self._db.execute("DELETE FROM row WHERE walk != ?", (self.walk,)).rowcount

    def put_unmet_last(self, n_met: int, *, hidden: bool) -> None:
        """After a walk that ended early: rows it did not meet come behind the n it met, or are not shown.

        They stay in the journal either way, and the next walk takes them over.
        """
        with self.transaction():
            self._db.execute(
                "UPDATE row SET position = position + ? WHERE walk != ?",
                (n_met, self.walk),
            )
        self._met_only = hidden

    def rows(self, *, sort: str | None = None) -> Iterator[dict[str, Any]]:
        """Rows as they were put, in the order of the inputs, or by one aspect's value, best first.

        Failures come last where sorted. Memory stays constant: rows are read a page at a time, or, sorted,
        in an order SQLite makes on its own.
        """
        with _translated(self.path):
            yield from self._by_value(sort) if sort else self._by_position()

    @property
    def _shown(self) -> str:
        return f"walk = {self.walk}" if self._met_only else "TRUE"

    def _by_position(self) -> Iterator[dict[str, Any]]:
        last: tuple[int, str] = (-1, "")
        query = (
            f"SELECT position, id, data FROM row WHERE (position, id) > (?, ?) AND {self._shown} "
            "ORDER BY position, id LIMIT ?"
        )
        while page := self._db.execute(query, (*last, _PAGE)).fetchall():
            for position, id_, data in page:
                last = (position, id_)
                yield json.loads(data)

    def _by_value(self, aspect: str) -> Iterator[dict[str, Any]]:
        path = f'$.scores."{aspect}".value'
        ids = self._db.execute(
            f"SELECT id FROM row WHERE {self._shown} "
            "ORDER BY json_extract(data, ?) IS NULL, json_extract(data, ?) DESC, position",
            (path, path),
        )
        for (id_,) in ids:
            (data,) = self._db.execute("SELECT data FROM row WHERE id = ?", (id_,)).fetchone()
            yield json.loads(data)

    def counts(self) -> tuple[int, int]:
        """How many rows are scored, and how many failed."""
        query = f"SELECT status, COUNT(*) FROM row WHERE {self._shown} GROUP BY status"
        with _translated(self.path):
            found = dict(self._db.execute(query))
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


class _DamagedError(Exception):
    """The file is no journal, or not one that this version can read."""


def _is_about_access(error: BaseException) -> bool:
    """Whether SQLite could not reach the file, as against not understanding what is in it."""
    words = ("locked", "readonly", "unable to open", "disk is full", "disk I/O")
    return isinstance(error, sqlite3.Error) and any(word in str(error) for word in words)


def _refuse_other_identity(path: Path | None, old: dict[str, Any], new: dict[str, Any]) -> None:
    """The table was made otherwise: mixing would put scores of two kinds into one file."""
    for key in sorted(old.keys() | new.keys()):
        was, now = (one.get(key, USUAL.get(key)) for one in (old, new))
        if was != now:
            raise InputError(
                f"{_table_name(path)} was made with {key} {_words(was)}, this run has "
                f"{_words(now)}; choose another --out, or --overwrite to start anew",
                kind="output",
            )


def _words(value: object) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _table_name(path: Path | None) -> str:
    return "this table" if path is None else repr(str(path).removesuffix(".visq-journal"))


@contextmanager
def _translated(path: Path | None) -> Iterator[None]:
    """SQLite's errors as ours, with what to do."""
    name = _table_name(path)
    try:
        yield
    except _DamagedError as error:
        raise InputError(
            f"{name} has a damaged journal beside it ({error}); --overwrite starts anew", kind="output"
        ) from error
    except sqlite3.Error as error:
        meaning = next((text for words, text in _MEANING if words in str(error)), None)
        advice = meaning or f"cannot use its journal ({error}); choose another --out"
        raise InputError(f"{name} {advice}", kind="output") from error
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}", kind="output") from error
