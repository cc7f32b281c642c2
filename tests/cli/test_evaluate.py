"""`visq evaluate` as a process: what is printed, exit codes, one line an error, Ctrl-C."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from photos import make_photos


@pytest.fixture
def ratings(tmp_path, photos):
    """Twelve labelled pictures, lighter is better, two of a scene."""
    return rate(tmp_path / "ratings.csv", photos, 12)


def rate(path, photos, n):
    files = sorted(photos.rglob("*.png"), key=lambda file: int(file.stem))[:n]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mos", "prompt"])
        for i, found in enumerate(files):
            writer.writerow([found.relative_to(path.parent), 1 + 4 * (i + (i % 3) / 2) / n, f"p{i // 2}"])
    return path


@pytest.fixture
def table(tmp_path):
    """Labels and scores of 150 pictures that are nowhere, so that only tables can be evaluated."""
    rng = np.random.default_rng(0)
    labels = np.round(rng.uniform(1, 5, 150), 2)
    rows = [f"{i}.png,{label},{label + rng.normal(0, 0.4):.3f}\n" for i, label in enumerate(labels)]
    (tmp_path / "t.csv").write_text("image,mos,x\n" + "".join(rows))
    (tmp_path / "two.csv").write_text("image,niqe,brisque\n0.png,1,2\n")
    return "t.csv"


WORDS = ("--aspect", "quality", "--resamples", "100")


def test_a_table_with_intervals_comes_out(visq, ratings, tiny):
    run = visq("evaluate", "ratings.csv", "--model", tiny, "--label-scale", "1..5", *WORDS)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].endswith("quality; intervals of 95 %, 100 resamples of groups")
    assert lines[2] == "ratings: 12 scored, 0 failed of 12; every row by itself"
    assert lines[3].split()[0] == "SRCC"
    assert lines[3].split()[2].startswith("[0.")
    assert any(line.split()[:1] == ["RMSE"] for line in lines)
    notices = run.stderr.splitlines()
    assert "visq: ratings: n = 12: too few to tell good scorers apart; mind the intervals" in notices
    assert any("give --group prompt" in line for line in notices)


def test_groups_are_named(visq, ratings, tiny):
    run = visq("evaluate", "ratings.csv", "--model", tiny, "--group", "prompt", "--quiet", *WORDS)
    assert "6 groups by prompt" in run.stdout
    assert run.stderr == ""


def test_json_is_one_line(visq, table):
    run = visq("evaluate", table, "--scores", table, "--score", "x", "--json", *WORDS)
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    report = json.loads(line)
    assert report["sets"][0]["figures"]["srcc"]["value"] > 0.8
    assert report["command"] == "visq evaluate t.csv --scores t.csv --score x --json " + " ".join(WORDS)


def test_two_sets_and_their_mean(visq, table, tmp_path):
    (tmp_path / "u.csv").write_text((tmp_path / table).read_text())
    run = visq("evaluate", table, "u.csv", "--scores", table, "--scores", "u.csv", "--score", "x", *WORDS)
    assert run.returncode == 0, run.stderr
    assert "mean over sets (unweighted mean of Fisher z, transformed back)" in run.stdout


def test_failed_rows_leave_3_and_are_said(visq, ratings, photos, tiny):
    (photos / "home" / "0.png").write_bytes(b"no picture")
    run = visq("evaluate", "ratings.csv", "--model", tiny, *WORDS)
    assert run.returncode == 3
    assert "11 scored, 1 failed of 12, PARTIAL" in run.stdout
    assert "visq: ratings: partial: 11 of 12 rows have a score" in run.stderr


def test_a_run_folder_and_its_page(visq, ratings, tiny, tmp_path):
    words = ("evaluate", "ratings.csv", "--model", tiny, "--out", "runs/a", *WORDS)
    run = visq(*words)
    assert run.returncode == 0, run.stderr
    assert run.stderr.splitlines()[-1] == "visq: report: runs/a/report.html, and report.json beside it"
    names = {path.name for path in (tmp_path / "runs" / "a").iterdir()}
    assert {"config.toml", "scores.parquet", "report.json", "report.html", "events.jsonl"} <= names
    page = (tmp_path / "runs" / "a" / "report.html").read_text(encoding="utf-8")
    assert "ratings" in page
    again = visq("evaluate", "--config", "runs/a/config.toml", "--out", "runs/b")
    assert again.returncode == 0, again.stderr
    assert again.stdout == run.stdout
    other = visq(*words[:-1], "150")
    assert other.returncode == 1
    assert (
        "was made with --resamples 100, this run has 150; choose another --out, or --overwrite"
        in other.stderr
    )
    assert visq(*words[:-1], "150", "--overwrite").returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to evaluate: name a manifest"),
        (("t.csv", "--aspect", "qualty"), "unknown aspect 'qualty'; did you mean 'quality'?"),
        (("t.csv", "--aspect", "quality", "--protocol", "konig"), "unknown protocol 'konig'; did you mean"),
        (("t.csv", "--aspect", "quality", "--model", "mina"), "unknown model 'mina'"),
        (("t.csv",), "which aspect are the labels about? Give --aspect, one of"),
        (("t.csv", "t.csv", "--aspect", "quality"), "is named twice"),
        (
            ("t.csv", "--scores", "t.csv", "--model", "mini"),
            "--model scores pictures and --scores takes a table",
        ),
        (("t.csv", "--scores", "t.csv", "--batch", "4"), "--batch is for a model and has no effect here"),
        (("t.csv", "--label-scale", "5"), "scale '5' is not of the form LOW..HIGH"),
        (("t.csv", "--overwrite"), "need --out"),
        (("t.csv", "--config", "c.toml"), "--config says all of what is evaluated: leave out the manifests"),
        (("--config", "c.toml", "--seed", "0"), "--config says all of what is evaluated: leave out --seed"),
        (("t.csv", "--lable", "mos"), "No such option"),
    ],
)
def test_words_that_cannot_be_meant_leave_2(visq, table, words, message):
    run = visq("evaluate", *words)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere.csv", "--aspect", "quality"), "no such file: 'nowhere.csv'"),
        (("t.csv", "--aspect", "quality", "--label", "nil"), "no column 'nil'"),
        (("t.csv", "--aspect", "quality"), "no row has a score; the first one failed with: no such file"),
        (("--config", "c.toml"), "no such config: 'c.toml'"),
        (
            ("t.csv", "--aspect", "quality", "--scores", "two.csv"),
            "which column holds the scores of quality?",
        ),
        (("t.csv", "--aspect", "quality", "--out", "t.csv"), "it is a file; --out names a folder"),
    ],
)
def test_what_cannot_be_done_leaves_1(visq, table, words, message):
    run = visq("evaluate", *words)
    assert (run.returncode, run.stdout) == (1, ""), run.stderr
    assert message in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
def test_ctrl_c_leaves_130_and_the_same_command_goes_on(visq, tmp_path):
    rate(tmp_path / "many.csv", make_photos(tmp_path / "many", 60), 60)
    words = ["evaluate", "many.csv", "--out", "run", "--batch", "1", "--workers", "1", *WORDS]
    run = subprocess.Popen(
        [sys.executable, "-m", "visq", *words], cwd=tmp_path, text=True, stderr=subprocess.PIPE
    )
    wal, states, deadline = tmp_path / "run" / "rows.jsonl.visq-journal-wal", set(), time.monotonic() + 60
    while run.poll() is None and len(states) < 5:
        assert time.monotonic() < deadline
        states.add(wal.stat().st_mtime_ns if wal.exists() else 0)
        time.sleep(0.002)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 130
    assert "the same command goes on from here" in said
    assert visq(*words).returncode == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert report["sets"][0]["n_scored"] == 60
