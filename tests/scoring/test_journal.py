"""The journal: what is committed stays, one process at a time, another identity is refused."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from visq.core.errors import InputError
from visq.scoring.journal import Journal, Known, Stamp, journal_path

IDENTITY = {"model": "tiny", "aspects": ["quality"], "scale": "1..5"}


def record(id_: str, value: float | None = 3.0) -> dict[str, object]:
    status = "failed" if value is None else "ok"
    scores = {} if value is None else {"quality": {"value": value}}
    return {"id": id_, "path": f"p/{id_}", "status": status, "sha256": "ab", "scores": scores}


def fill(journal: Journal, *records: dict[str, object]) -> None:
    with journal.transaction():
        for position, one in enumerate(records):
            journal.put(position, Stamp(10, 20), one)


def ids(journal: Journal, **options: str) -> list[str]:
    return [row["id"] for row in journal.rows(**options)]


def test_rows_come_back_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", IDENTITY)
    fill(journal, *(record(f"{i:04}") for i in reversed(range(700))))
    assert ids(journal) == [f"{i:04}" for i in reversed(range(700))]
    assert journal.counts() == (700, 0)


def test_sorted_rows_put_the_best_first_and_failures_last(tmp_path: Path) -> None:
    journal = Journal(None, IDENTITY)
    fill(journal, record("a", 2), record("b", None), record("c", 4.5), record("d", 3))
    assert ids(journal, sort="quality") == ["c", "d", "a", "b"]


def test_a_transaction_is_whole_or_not_at_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", IDENTITY)

    def broken_off() -> None:
        with journal.transaction():
            journal.put(0, None, record("a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert ids(journal) == []
    fill(journal, record("b"))
    assert ids(journal) == ["b"]


def test_what_an_earlier_walk_knew(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j", IDENTITY)
    fill(first, record("a"), record("b", None))
    assert first.known("a") == Known("p/a", Stamp(10, 20), "ab", failed=False, seen=True)
    first.close()
    second = Journal(tmp_path / "j", IDENTITY)
    assert second.known("b") == Known("p/b", Stamp(10, 20), "ab", failed=True, seen=False)
    assert second.known("c") is None
    with second.transaction():
        second.keep(5, Stamp(11, 21), "a", "elsewhere/a")
    assert second.known("a") == Known("elsewhere/a", Stamp(11, 21), "ab", failed=False, seen=True)
    assert next(second.rows(sort="quality"))["path"] == "elsewhere/a"
    assert second.drop_unmet() == 1
    assert ids(second) == ["a"]


def test_another_identity_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    path = journal_path(tmp_path / "scores.csv")
    Journal(path, IDENTITY).close()
    with pytest.raises(
        InputError, match=r"scores\.csv' was made with aspects quality, this run has quality,aesthetics"
    ):
        Journal(path, IDENTITY | {"aspects": ["quality", "aesthetics"]})
    for key, value, said in (
        ("temperature", 2.0, "temperature 1.0, this run has 2.0"),
        ("dialect", "rating", "dialect visq, this run has rating"),
        ("words", "0123", "words none, this run has 0123"),
        ("explain", True, "explain False, this run has True"),
    ):
        with pytest.raises(InputError, match=f"was made with {said}; choose another --out"):
            Journal(path, IDENTITY | {key: value})
    Journal(path, IDENTITY | {"scale": "0..1"}, overwrite=True).close()


def test_a_second_process_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    path = journal_path(tmp_path / "scores.csv")
    journal = Journal(path, IDENTITY)
    program = (
        "import sys; from pathlib import Path; from visq.scoring.journal import Journal\n"
        "try:\n    Journal(Path(sys.argv[1]), {'model': 'tiny'}, overwrite=sys.argv[2] == '1')\n"
        "except Exception as error:\n    print(error)"
    )
    for overwrite in ("0", "1"):
        command = [sys.executable, "-c", program, str(path), overwrite]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "is being written by another visq" in said
    journal.close()


def test_rows_stay_readable_after_the_lock_is_given_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", IDENTITY)
    fill(journal, record("a"))
    journal.release()
    other = Journal(tmp_path / "j", IDENTITY)
    other.close()
    assert ids(journal) == ["a"]


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look like a file" * 20])
def test_a_damaged_journal_names_the_way_out(tmp_path: Path, content: bytes) -> None:
    path = journal_path(tmp_path / "scores.csv")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged .*--overwrite starts anew"):
        Journal(path, IDENTITY)
    Journal(path, IDENTITY, overwrite=True).close()


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "j", IDENTITY).close()
    with sqlite3.connect(tmp_path / "j") as db:
        db.execute("UPDATE about SET value = '99' WHERE key = 'format'")
    db.close()
    with pytest.raises(InputError, match=r"damaged journal.*format 99.*--overwrite"):
        Journal(tmp_path / "j", IDENTITY)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE about SET value = '{' WHERE key = 'identity'",
        "DELETE FROM about WHERE key = 'identity'",
        "DELETE FROM about WHERE key = 'walk'",
        "DROP TABLE row; CREATE TABLE row (id TEXT)",
    ],
)
def test_a_journal_with_odd_contents_is_damaged(tmp_path: Path, damage: str) -> None:
    path = journal_path(tmp_path / "s.csv")
    Journal(path, IDENTITY).close()
    db = sqlite3.connect(path)
    db.executescript(damage)
    db.close()
    with pytest.raises(InputError, match=r"s\.csv' has a damaged journal.*--overwrite starts anew"):
        Journal(path, IDENTITY)
    again = Journal(path, IDENTITY, overwrite=True)
    fill(again, record("a"))
    assert ids(again) == ["a"]


def test_undecodable_paths_survive(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", IDENTITY)
    strange = "p/\udcff\n.jpg"
    fill(journal, record("a") | {"path": strange})
    with journal.transaction():
        journal.keep(0, None, "a", strange + "2")
    assert next(journal.rows())["path"] == strange + "2"
    known = journal.known("a")
    assert known is not None
    assert known.path == strange + "2"


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    """A real limit on file size, in a process of its own."""
    program = """
import json, resource, sys
from pathlib import Path
from visq.core.errors import InputError
from visq.scoring.journal import Journal, Stamp
journal = Journal(Path(sys.argv[1]), {"model": "tiny"})
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
n = 0
try:
    while True:
        with journal.transaction():
            row = {"id": str(n), "path": "x" * 500, "status": "ok", "sha256": None, "scores": {}}
            journal.put(n, None, row)
        n += 1
except InputError as error:
    print(json.dumps([n, str(error)]))
"""
    path = tmp_path / "j"
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    n, message = json.loads(run.stdout)
    assert "the disk is full" in message
    again = Journal(path, {"model": "tiny"})
    assert n > 10
    assert ids(again) == [str(i) for i in range(n)]
