"""Promise 2: killed at any moment, nothing done is lost or done twice. Every kill is a real one."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from photos import make_photos

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork")
HERE = Path(__file__).parent
N_PHOTOS = 150


def start(photos: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """A run of the shipped model: slow enough a picture for a kill to find it at work."""
    command = [sys.executable, "-m", "visq", "score", str(photos), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--batch", "2", *more], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def scores(out: Path) -> list[tuple[str, float]]:
    with out.open(encoding="utf-8", newline="") as file:
        return [(row["id"], float(row["quality"])) for row in csv.DictReader(file)]


def journalled(out: Path) -> list[str]:
    """Ids in the journal; an unreadable journal fails the test. None yet is no row."""
    path = out.with_name(out.name + ".visq-journal")
    if not path.exists():
        return []
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'row'").fetchone()
        return [] if found is None else [i for (i,) in db.execute("SELECT id FROM row")]
    finally:
        db.close()


def wal_state(out: Path) -> tuple[int, int]:
    """Changes whenever the journal is written; the journal itself is locked by the run."""
    wal = out.with_name(out.name + ".visq-journal-wal")
    return (wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else (0, 0)


def until_at_work(process: subprocess.Popen[str], out: Path, before: tuple[int, int]) -> None:
    """Wait until a run writes to its journal, or is over."""
    deadline = time.monotonic() + 60
    while wal_state(out) == before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_at_random_moments(tmp_path: Path, n_kills: int) -> None:
    """Half of the kills fall anywhere, start included; half fall after the run has begun its work."""
    photos = make_photos(tmp_path / "photos", N_PHOTOS)
    whole = tmp_path / "whole.csv"
    begun = time.monotonic()
    first = start(photos, whole)
    until_at_work(first, whole, (0, 0))
    start_s = time.monotonic() - begun
    assert finish(first)[0] == 0
    work_s = time.monotonic() - begun - start_s
    moments = random.Random()  # every run draws other moments: any of them must do
    kills, tables, useful = 0, 0, 0
    while kills < n_kills:
        tables += 1
        out = tmp_path / f"{tables}.csv"
        code = None
        while code != 0:
            before, state = len(journalled(out)), wal_state(out)
            process = start(photos, out)
            if kills < n_kills:
                if kills % 2:
                    until_at_work(process, out, state)
                    delay_s = moments.uniform(0, work_s)
                else:
                    delay_s = moments.uniform(0, start_s + work_s)
                try:
                    process.wait(timeout=delay_s)
                except subprocess.TimeoutExpired:
                    process.kill()
                    kills += 1
            code, said = finish(process)
            after = journalled(out)
            assert len(set(after)) == len(after) >= before  # nothing done is lost
            if code == 0 and 0 < before < N_PHOTOS:
                assert f"{before} of them in an earlier run" in said  # nothing is done twice
            useful += code != 0 and before < len(after) < N_PHOTOS
        assert [i for i, _ in scores(out)] == [i for i, _ in scores(whole)]
        assert [s for _, s in scores(out)] == pytest.approx([s for _, s in scores(whole)], abs=1e-5)
    assert useful > n_kills // 10  # kills that fell into the work, not only into the start


def test_killed_at_twenty_random_moments_and_resumed_equals_one_run(tmp_path: Path) -> None:
    kill_at_random_moments(tmp_path, 20)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_at_two_hundred_random_moments_and_resumed_equals_one_run(tmp_path: Path) -> None:
    kill_at_random_moments(tmp_path, 200)


def test_killed_after_every_journal_call_and_resumed_equals_one_run(tiny: Path, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", 10)
    (photos / "trip" / "broken.jpg").write_bytes(b"x")
    command = [sys.executable, str(HERE / "kill_at_every_call.py"), str(tiny), str(photos), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["calls"] > 40
    assert found["died"] == found["calls"]
    assert found["wrong"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_valid_table_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    photos = make_photos(tmp_path / "photos", 300)
    out = tmp_path / "s.csv"
    process = start(photos, out)
    for _ in range(4):
        until_at_work(process, out, wal_state(out))
    assert process.poll() is None, "finished before it could be stopped"
    process.send_signal(number)
    code, said = finish(process)
    assert code == 130
    assert "Traceback" not in said
    done = scores(out)
    assert 1 <= len(done) < 300
    assert finish(start(photos, out))[0] == 0
    assert scores(out)[: len(done)] == done
    assert len(scores(out)) == 300


def test_a_second_run_on_the_same_table_is_refused_in_one_line(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", 300)
    out = tmp_path / "s.csv"
    first = start(photos, out)
    until_at_work(first, out, (0, 0))
    assert first.poll() is None
    code, said = finish(start(photos, out, "--quiet"))
    assert (code, said.count("\n")) == (1, 1)
    assert "is being written by another visq" in said
    assert finish(first)[0] == 0
    assert len(scores(out)) == 300
