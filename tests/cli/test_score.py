"""`visq score` as a person meets it: real processes, exit codes, one line an error, results on stdout."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hostile
from photos import VisqRun, make_photos


def test_a_folder_is_scored_and_printed(visq: VisqRun, photos: Path) -> None:
    run = visq("score", photos)
    assert run.returncode == 0
    lines = run.stdout.splitlines()
    assert lines[0].split() == ["quality", "aesthetics", "picture"]
    assert len(lines) == 13
    assert lines[1].endswith("home/0.png")
    assert "12 scored, 0 failed" in run.stderr
    assert "srgb" not in run.stdout  # notices go to standard error


def test_json_is_one_object_a_line_and_sorted_best_first(visq: VisqRun, photos: Path, tiny: Path) -> None:
    run = visq("score", photos, "--model", tiny, "--json", "--quiet", "--sort", "quality")
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    values = [row["scores"]["quality"]["value"] for row in rows]
    assert len(rows) == 12
    assert values == sorted(values, reverse=True)
    assert run.stderr == ""


def test_top_prints_the_best_by_the_first_aspect_or_by_sort(
    visq: VisqRun, photos: Path, tiny: Path, tmp_path: Path
) -> None:
    (photos / "broken.jpg").write_bytes(b"x")
    told = ("score", photos, "--model", tiny, "--out", "s.csv")
    run = visq(*told, "--top", "3", "--report", "r.html")
    every = [json.loads(line) for line in visq(*told, "--json").stdout.splitlines()]
    best = {
        aspect: sorted((row for row in every if row["scores"]), key=lambda r: -r["scores"][aspect]["value"])
        for aspect in ("quality", "aesthetics")
    }
    assert run.returncode == 3
    assert "12 scored, 1 failed" in run.stderr
    names = [line.split()[-1] for line in run.stdout.splitlines()[1:]]
    assert names == [row["id"] for row in best["quality"][:3]]
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 14  # the table keeps every row
    assert "Below are the 3 best by quality" in " ".join((tmp_path / "r.html").read_text("utf-8").split())
    lines = visq(*told, "--top", "5", "--sort", "aesthetics", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in best["aesthetics"][:5]]
    assert len(visq(*told, "--top", "99", "--json").stdout.splitlines()) == 12  # a failure is no best one


def test_names_come_from_standard_input(visq: VisqRun, photos: Path, tiny: Path) -> None:
    names = "photos/home/0.png\nphotos/gone.png\n"
    run = visq("score", "-", "--model", tiny, "--json", "--quiet", input=names)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(row["id"], row["status"], row["kind"]) for row in rows] == [
        ("photos/home/0.png", "ok", None),
        ("photos/gone.png", "failed", "missing"),
    ]
    assert run.returncode == 3


def test_a_finished_run_says_so_and_gives_the_same_exit_code(visq: VisqRun, photos: Path, tiny: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"x")
    first = visq("score", photos, "--model", tiny, "--out", "s.csv")
    second = visq("score", photos, "--model", tiny, "--out", "s.csv")
    assert (first.returncode, second.returncode) == (3, 3)
    assert "nothing new to score; 12 scored, 1 failed in the earlier run" in second.stderr


def test_a_report_is_written(visq: VisqRun, photos: Path, tiny: Path, tmp_path: Path) -> None:
    run = visq("score", photos, "--model", tiny, "--report", "r.html", "--quiet")
    assert run.returncode == 0
    assert "home/0.png" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["phots"], 1, "no such file or folder: 'phots'; did you mean 'photos'?"),
        (["empty"], 1, "nothing to score"),
        (["photos/*.gif"], 1, "no file matches 'photos/*.gif'"),
        (["photos", "--aspect", "qualty"], 2, "unknown aspect 'qualty'; did you mean 'quality'?"),
        (["photos", "--model", "minni"], 2, "unknown model 'minni'; did you mean 'mini'?"),
        (["photos", "--model", "empty"], 1, "no model.toml in 'empty'"),
        (["photos", "--scale", "5"], 2, "scale '5' is not of the form LOW..HIGH"),
        (["photos", "--scale", "5..1"], 2, "from a lower to a higher number"),
        (["photos", "--out", "s.txt"], 2, "use an ending of .csv, .jsonl, .parquet"),
        (["photos", "--out", "no/s.csv"], 1, "no folder 'no'"),
        (["photos", "--out", "no/s.csv", "--model", "nowhere"], 1, "no folder 'no'"),  # before it is loaded
        (["photos", "--report", "r.pdf"], 2, "does not end in .html"),
        (["photos", "--sort", "quality", "--aspect", "aesthetics"], 2, "only aesthetics will be scored"),
        (["photos", "--top", "0"], 2, "top must be at least 1, not 0"),
        (["photos", "--overwrite"], 2, "need --out"),
        (["photos", "--out", "s.csv", "--overwrite", "--retry-failed"], 2, "give one of them"),
        (["mine.csv"], 1, "mine.csv"),
        (["photos", "--out", "taken.csv"], 1, "exists and has no journal"),
    ],
)
def test_bad_input_is_one_line_and_the_right_exit_code(
    visq: VisqRun, photos: Path, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine.csv").write_text("colour\nred\n")
    (tmp_path / "taken.csv").write_text("mine\n")
    run = visq("score", *words, "--quiet")
    assert run.returncode == code, run.stderr
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""


@pytest.mark.parametrize("words", [["--sharpness"], ["--batch", "0"], ["--limit", "many"]])
def test_a_misspelt_option_is_refused(visq: VisqRun, photos: Path, words: list[str]) -> None:
    run = visq("score", photos, *words)
    assert run.returncode == 2
    assert words[0] in run.stderr
    assert "Traceback" not in run.stderr


def test_all_failed_is_exit_1(visq: VisqRun, tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"")
    run = visq("score", "x.jpg", "--model", tiny)
    assert run.returncode == 1
    assert "the file is empty" in run.stdout


def test_a_hostile_folder_is_scored_to_the_end(visq: VisqRun, tmp_path: Path) -> None:
    """Promise 4 and point "Bad input": every kind of broken file, a failure row each with its reason."""
    (tmp_path / "bad").mkdir()
    expected = hostile.build(tmp_path / "bad")
    run = visq("score", "bad", "--out", "s.jsonl", "--report", "r.html")
    assert run.returncode == 3, run.stderr
    assert "Traceback" not in run.stderr
    rows = {}
    for line in (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows[row["id"]] = row
    from visq.core.types import printable

    wanted = {printable(name): what for name, what in expected.items() if what != "skipped"}
    assert set(rows) == set(wanted)
    for name, what in wanted.items():
        found = rows[name]
        assert (found["status"] if what == "ok" else f"failed:{found['kind']}") == what, (name, found)
        assert what == "ok" or (found["error"] and "\n" not in found["error"])
    assert "not scored:" in run.stderr
    assert "hidden" in run.stderr


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_picture_is_a_failure(visq: VisqRun, photos: Path, tiny: Path) -> None:
    (photos / "home" / "0.png").chmod(0)
    run = visq("score", photos, "--model", tiny, "--json", "--quiet")
    assert json.loads(run.stdout.splitlines()[0])["kind"] == "unreadable"


def test_nearly_equal_scores_are_said(visq: VisqRun, tmp_path: Path) -> None:
    import tiny_model

    make_photos(tmp_path / "many", 25)
    model = tiny_model.make(tmp_path / "flat", constant=0.0)
    assert "nearly all quality scores are equal" in visq("score", "many", "--model", model).stderr
    few = visq("score", "many", "--model", model, "--limit", "10").stderr
    assert "nearly all" not in few


def test_a_model_without_calibration_says_so_once(visq: VisqRun, photos: Path, tmp_path: Path) -> None:
    import tiny_model

    model = tiny_model.make(tmp_path / "bare", calibrated=False)
    said = visq("score", photos, "--model", model).stderr
    assert said.count("no calibration for quality, aesthetics") == 1


def test_a_reader_that_goes_away_is_no_traceback(photos: Path, tiny: Path) -> None:
    command = f"{sys.executable} -m visq score {photos} --model {tiny} --json --quiet | head -n 1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert run.stdout.count("\n") == 1
    assert "Traceback" not in run.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_while_printing_is_one_line(photos: Path, tiny: Path) -> None:
    command = [sys.executable, "-m", "visq", "score", str(photos), "--model", str(tiny), "--json", "--quiet"]
    with open("/dev/full", "w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "No space left" in run.stderr


def test_a_progress_bar_is_drawn_on_a_terminal(photos: Path, tiny: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "visq", "score", str(photos), "--model", str(tiny)]
    process = subprocess.Popen(command, stderr=follower, stdout=subprocess.DEVNULL)
    os.close(follower)
    said = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        said += chunk
    os.close(leader)
    assert process.wait(timeout=60) == 0
    assert b"12/12" in said


def test_a_read_only_folder_is_one_line(visq: VisqRun, photos: Path, tiny: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    run = visq("score", photos, "--model", tiny, "--out", folder / "s.csv", "--quiet")
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1


def test_names_the_terminal_cannot_show_are_escaped(photos: Path, tiny: Path) -> None:
    (photos / "home" / "0.png").rename(photos / "home" / "é漢.png")
    command = [sys.executable, "-m", "visq", "score", str(photos), "--model", str(tiny), "--quiet"]
    run = subprocess.run(
        command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert r"\xe9\u6f22.png" in run.stdout


@pytest.mark.parametrize("words", ["models list", "models show mini", "show aspects", "score photos --quiet"])
def test_no_command_ends_with_a_traceback_on_a_full_disk(photos: Path, tmp_path: Path, words: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    command = f"{sys.executable} -m visq {words} > /dev/full"
    run = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "cannot write to standard output: No space left" in run.stderr


@pytest.mark.parametrize(
    ("redirection", "code"), [(">&-", 0), ("2>&-", 0), ("2>/dev/full", 0), ("<&-", 0), ("- <&-", 2)]
)
def test_closed_streams_are_no_traceback(
    photos: Path, tiny: Path, tmp_path: Path, redirection: str, code: int
) -> None:
    inputs = "" if redirection.startswith("-") else "photos"
    command = f"{sys.executable} -m visq score --model {tiny} {inputs} {redirection}"
    run = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr


def handles_sigterm(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.2, 0.4])
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see the handlers in place")
def test_a_signal_at_any_time_is_exit_130_without_a_traceback(
    photos: Path, tmp_path: Path, number: signal.Signals, after_s: float
) -> None:
    make_photos(tmp_path / "many", 300)
    command = [sys.executable, "-m", "visq", "score", str(tmp_path / "many"), "--report", "r.html"]
    process = subprocess.Popen(
        command, cwd=tmp_path, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    while not handles_sigterm(process.pid):  # before that Python itself is still starting
        assert process.poll() is None
        time.sleep(0.002)
    time.sleep(after_s)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["m.csv", "--out", "m.csv", "--overwrite"], 1, "is an input and cannot be the output"),
        (["m.csv", "--out", "m.csv", "--model", "nowhere"], 1, "is an input and cannot be the output"),
        (["photo.html", "--report", "photo.html"], 1, "exists and is no report of visq"),
        (["photos", "--out", "s.csv", "--report", "page.html"], 1, "exists and is no report of visq"),
        (["photos", "--limit", "99999999999999999999999"], 2, "limit must be 1 to"),
        (["photos", "--scale", "0..1e308"], 2, "its ends at most"),
        (["table.xlsx"], 1, "spreadsheets are not read"),
        (["photos", "--model", ""], 2, "unknown model ''"),
    ],
)
def test_outputs_that_would_destroy_something_and_odd_numbers(
    visq: VisqRun, photos: Path, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "m.csv").write_text("path\nphotos/home/0.png\n")
    (tmp_path / "table.xlsx").write_text("path\n")
    (tmp_path / "page.html").write_text("<p>my own page</p>")
    (tmp_path / "photo.html").write_bytes((photos / "home" / "0.png").read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    run = visq("score", *words, "--quiet")
    assert run.returncode == code, run.stderr
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before
