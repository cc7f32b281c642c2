"""`visq compare` as a process: real run folders, files written, exit codes, one line an error."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from run_folders import make_run, make_set, scorers
from visq.cli import compare
from visq.cli.console import UsageMistake
from visq.core.errors import VisqError


@pytest.fixture
def visq_compare(visq):
    """Runs `visq compare WORDS...` with tmp_path as its working folder."""
    return lambda *words: visq("compare", *map(str, words))


@pytest.fixture
def runs(tmp_path):
    """Three runs of one set; the third is poor and failed on one picture."""
    rng = np.random.default_rng(0)
    labels, xs, groups = scorers(rng, 90, (0.4, 0.4, 2.0), per_group=3)
    xs[1] = xs[0] + 0.1 * rng.normal(size=90)  # hardly another scorer
    xs[2][5] = np.nan
    for name, x in zip(("one", "two", "poor"), xs, strict=True):
        one = make_set("koniq", labels, x, groups=groups, group_column="scene")
        cost = {"pictures_per_s": 12.5} if name == "one" else None
        make_run(tmp_path / "runs" / name, [one], cost=cost)
    return tmp_path / "runs"


def test_verdicts_and_a_table_come_out(visq_compare, runs):
    run = visq_compare("runs/one", "runs/two", "runs/poor")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].startswith("koniq SRCC, one against two: n = 89: cannot tell .")
    assert "koniq SRCC, one against poor: n = 89: ." in lines[2]
    assert "differ (Holm p" in lines[2]
    assert lines[6] == ""
    assert lines[7].split() == ["model", "koniq", "SRCC", "koniq", "PLCC", "pictures/s"]
    assert [line.split()[0] for line in lines[8:]] == ["one", "two", "poor"]
    assert lines[8].endswith("12.5")
    assert lines[9].endswith("not measured")
    notices = run.stderr.splitlines()
    assert "visq: koniq: run 'poor' is partial, 89 of 90 rows scored" in notices
    assert all(line.startswith("visq: ") for line in notices)
    assert visq_compare("runs/one", "runs/two", "runs/poor", "--quiet").stderr == ""


def test_json_is_one_object(visq_compare, runs):
    run = visq_compare("runs/one", "runs/two", "--json", "--margin", ".02", "--names", "A, B", "--seed", "4")
    found = json.loads(run.stdout)
    assert run.stdout.count("\n") == 1
    assert [one["name"] for one in found["runs"]] == ["A", "B"]
    assert (found["settings"]["margin"], found["settings"]["seed"]) == (0.02, 4)
    assert found["sets"][0]["pairs"][0]["srcc"]["equivalence"]["margin"] == 0.02
    assert found["command"].endswith("compare runs/one runs/two --json --margin .02 --names 'A, B' --seed 4")


def test_a_folder_is_written_and_written_again(visq_compare, runs, tmp_path):
    out = tmp_path / "new" / "comparison"
    run = visq_compare("runs/one", "runs/two", "--out", out)
    assert run.returncode == 0, run.stderr
    names = ["comparison.csv", "comparison.html", "comparison.json", "comparison.md"]
    assert sorted(path.name for path in out.iterdir()) == names
    found = json.loads((out / "comparison.json").read_text())
    assert found["kind"] == "comparison"
    with (out / "comparison.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    assert "| one | **0." in (out / "comparison.md").read_text()
    assert "comparison.html" in run.stderr
    assert visq_compare("runs/one", "runs/poor", "--out", out).returncode == 0
    assert "poor" in (out / "comparison.md").read_text()


def test_what_is_not_ours_is_not_written_over(visq_compare, runs, tmp_path):
    (tmp_path / "file").write_text("mine")
    run = visq_compare("runs/one", "runs/two", "--out", "file")
    assert (run.returncode, run.stderr) == (1, "visq: cannot write into 'file': it is no folder\n")
    (tmp_path / "mine").mkdir()
    for name, text in (("comparison.md", "mine"), ("comparison.json", "[1, 2]")):
        (tmp_path / "mine" / name).write_text(text)
        run = visq_compare("runs/one", "runs/two", "--out", "mine")
        assert run.returncode == 1
        assert "exists and is not of visq compare; choose another folder" in run.stderr
        assert (tmp_path / "mine" / name).read_text() == text


def test_published_figures_are_read_again(visq_compare):
    """SRCC on 41 pictures of AADB, as two papers' readers were shown them."""
    run = visq_compare("--published", "A=.7288", "B=.6557", "--n", 41)
    assert run.returncode == 0, run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    assert lines[1:3] == [["A", "0.7288", "[.514,", ".858]"], ["B", "0.6557", "[.409,", ".813]"]]
    shown = {line[0]: line[1:] for line in lines[4:-1]}
    assert shown["0.5"] == [".521", "about", "730"]
    assert shown["0.7"] == [".434", "about", "500"]
    assert shown["0.8"] == [".351", "about", "350"]
    assert shown["0.9"][0] == ".198"
    assert run.stdout.splitlines()[-1].startswith("n = 41: cannot tell .729 from .656; about 96 to 730")
    twice = visq_compare("--published", "A=.7288", "--published", "B=.6557", "--n", 41)
    assert twice.stdout == run.stdout
    told = visq_compare(
        "--published", "A=.7288", "B=.6557", "--n", 41, "--rho", ".65...9", "--json", "--statistic", "plcc"
    )
    found = json.loads(told.stdout)
    assert [one["rho"] for one in found["between"]] == [0.65, 0.7, 0.8, 0.9]
    assert found["figures"]["A"]["method"] == "fisher-z"
    assert round(found["between"][1]["p"], 2) == 0.38  # Meng's own form
    one = json.loads(visq_compare("--published", "A=.7", "B=.6", "--n", 41, "--rho", "0.8", "--json").stdout)
    assert [at["rho"] for at in one["between"]] == [0.8]
    impossible = visq_compare("--published", "A=.9", "B=.2", "--n", 3, "--rho", ".99")
    assert impossible.stdout.splitlines()[-1].startswith("n = 3: no test of")


PUBLISHED = ["--published", "A=.7", "B=.8"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "two runs or more, not 0"),
        (["runs/one"], 2, "two runs or more, not 1"),
        (["runs/one", "runs/one"], 2, "'runs/one' is given twice"),
        (["runs/one", "runs/nowhere"], 1, "'runs/nowhere' is no finished run"),
        (["runs/one", "runs/two", "--margin", "0"], 2, "in 0..1; not 0"),
        (["runs/one", "runs/two", "--names", "A"], 2, "2 runs need as many different names"),
        (["runs/one", "runs/two", "--n", "4"], 2, "--n is for --published"),
        (["runs/one", "runs/two", "--rho", "4"], 2, "--rho is for --published"),
        (["runs/one", "runs/two", "--statistic", "srcc"], 2, "--statistic is for --published"),
        ([*PUBLISHED, "--margin", ".1", "--n", "4"], 2, "--margin has no effect on published figures"),
        ([*PUBLISHED, "--out", "x", "--n", "4"], 2, "--out has no effect on published figures"),
        (PUBLISHED, 2, "need --n"),
        ([*PUBLISHED, "C=.5", "--n", "4"], 2, "two at a time, not 3"),
        (["--published", "A=.7", "A=.8", "--n", "4"], 2, "'A' is given twice"),
        (["--published", "A=.7", ".8", "--n", "4"], 2, "'.8' is not of the form NAME=FIGURE"),
        (["--published", "A=.7", "B=x", "--n", "4"], 2, "'B=x' is not of the form NAME=FIGURE"),
        ([*PUBLISHED, "--n", "4", "--rho", "x"], 2, "'x' is not of the form LOW..HIGH"),
        ([*PUBLISHED, "--n", "4", "--rho", ".9...5"], 2, "is not of the form LOW..HIGH"),
        ([*PUBLISHED, "--n", "4", "--statistic", "krcc"], 2, "srcc or plcc, not 'krcc'"),
    ],
)
def test_mistakes_say_what_is_wrong(runs, monkeypatch, capsys, words, code, said):
    app = typer.Typer()
    app.command()(compare.compare)
    monkeypatch.chdir(runs.parent)
    with pytest.raises(UsageMistake if code == 2 else VisqError) as error:
        app(words, standalone_mode=False)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


def test_a_misuse_leaves_with_2_and_a_missing_run_with_1(visq_compare, runs):
    for words, code in ((["runs/one"], 2), (["runs/one", "runs/nowhere"], 1)):
        run = visq_compare(*words)
        assert (run.returncode, run.stderr.count("\n"), run.stdout) == (code, 1, "")


def test_runs_that_do_not_go_together(visq_compare, runs, tmp_path):
    labels = np.arange(12.0)
    make_run(tmp_path / "looks", [make_set("koniq", labels, labels)], aspect="aesthetics")
    run = visq_compare("runs/one", "looks")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "different aspects are not compared: quality in 'one', aesthetics in 'looks'" in run.stderr
    make_run(tmp_path / "other", [make_set("koniq", labels, labels)])
    run = visq_compare("runs/one", "other")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "the label is" in run.stderr
    (tmp_path / "other" / "report.json").write_text("{")
    run = visq_compare("runs/one", "other")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "is a damaged run" in run.stderr


def test_help_shows_examples_and_loads_nothing_heavy(visq_compare):
    run = visq_compare("--help")
    assert run.returncode == 0
    assert "visq compare runs/a runs/b" in run.stdout
    code = (
        "import sys, visq.cli.compare; print([m for m in ('numpy', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_folder_nobody_may_make_is_one_line(visq_compare, runs, tmp_path):
    (tmp_path / "file").write_text("")
    run = visq_compare("runs/one", "runs/two", "--out", Path("file") / "below")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "cannot make 'file/below': Not a directory" in run.stderr
