"""Kills a run after every single SQL call of its journal, resumes it, and compares. Run by test_kill.py.

A process of its own, because it forks: the parent loads nothing with threads; each child scores, or dies.
Prints one JSON object: how many calls there were, how many runs really died, and what went wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import visq.scoring.journal as journal
import visq.scoring.scorer  # imported before forking, so that a child starts at once


class DyingConnection(sqlite3.Connection):
    """Counts calls of execute and executemany; after call number `die_after` the process is gone."""

    die_after = -1
    calls = 0

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        cursor = super().execute(*arguments)
        self.count()
        return cursor

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        cursor = super().executemany(*arguments)
        self.count()
        return cursor

    @classmethod
    def count(cls) -> None:
        cls.calls += 1
        if cls.calls == cls.die_after:
            os.kill(os.getpid(), signal.SIGKILL)


def score(model: str, photos: str, out: Path) -> None:
    with visq.scoring.scorer.load(model, threads=1) as scorer:
        scorer.score(photos, visq.scoring.scorer.RunOptions(out, batch=3, workers=2)).close()


def in_child(work: Callable[[], None]) -> int:
    """Exit status of a forked child that does the work; negative for the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def dying(model: str, photos: str, out: Path, after: int) -> Callable[[], None]:
    def work() -> None:
        connect = sqlite3.connect
        DyingConnection.die_after = after
        journal.sqlite3.connect = lambda *a, **k: connect(*a, factory=DyingConnection, **k)  # type: ignore[assignment]
        score(model, photos, out)
        out.with_suffix(".calls").write_text(str(DyingConnection.calls))

    return work


def main(model: str, photos: str, folder: Path) -> None:
    whole = folder / "whole.csv"
    assert in_child(dying(model, photos, whole, -1)) == 0
    n_calls = int(whole.with_suffix(".calls").read_text())
    died, wrong = 0, []
    for after in range(1, n_calls + 1):
        out = folder / f"{after}.csv"
        died += in_child(dying(model, photos, out, after)) == -signal.SIGKILL
        resumed = in_child(lambda out=out: score(model, photos, out))  # type: ignore[misc]
        if resumed != 0 or out.read_bytes() != whole.read_bytes():
            wrong.append(after)
    print(json.dumps({"calls": n_calls, "died": died, "wrong": wrong}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
