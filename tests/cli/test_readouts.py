"""`visq readouts` as a process: the table, JSON, exit codes, one line an error."""

from __future__ import annotations

import json

import pytest

from photos import make_photos
from visq.cli.readouts_table import readouts_lines

WORDS = ("--aspect", "quality", "--resamples", "100")

OWN = """\
[noise]
about = "grain"
levels = ["noisy", "clean"]
questions = ["How noisy is this image?"]
stem = "The image is"
"""


@pytest.fixture
def rated(tmp_path):
    paths = sorted(make_photos(tmp_path / "photos", 12).rglob("*.png"), key=lambda path: int(path.stem))
    rows = "".join(f"{path.relative_to(tmp_path)},{1 + k / 3},s{k // 2}\n" for k, path in enumerate(paths))
    (tmp_path / "rated.csv").write_text(f"path,mos,scene\n{rows}", encoding="utf-8")
    (tmp_path / "bare.csv").write_text("path\nphotos/home/0.png\n", encoding="utf-8")
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    return tmp_path / "rated.csv"


def test_the_shipped_model_s_read_outs_side_by_side(visq, rated):
    run = visq("readouts", "rated.csv", "--label-scale", "1..5", "--group", "scene", "--out", "v.csv", *WORDS)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].endswith("quality; intervals of 95 %, 100 resamples of groups")
    assert lines[2] == (
        "rated: 12 read, 0 failed of 12; 6 groups by scene; errors in units of labels on 1..5"
    )
    assert lines[3].split()[:3] == ["read-out", "n", "SRCC"]
    assert [line.split()[0] for line in lines[4:13]] == [
        *("levels", "integers", "decimals", "decimals-greedy", "decimals-one-path", "contrast", "text"),
        *("onealign", "q-bench"),
    ]
    assert lines[4].split()[1] == "*"
    assert lines[6].split()[1] == "!"
    assert [line.split()[1:3] for line in lines[7:9]] == [["~", "!"]] * 2
    assert lines[-1] == (
        "* the model's own read-out; ~ a monitor: to be watched, never a score; "
        "! not to be taken at its word, for the reason above"
    )
    assert any(line.startswith("  ! decimals: not trained for it, not to be trusted") for line in lines)
    assert run.stderr.splitlines()[-1] == "visq: values of every picture: v.csv"


def test_json_is_one_line_and_nothing_else_is_said(visq, rated, tiny):
    run = visq("readouts", "rated.csv", "--model", tiny, "--json", "--quiet", *WORDS)
    assert (run.returncode, run.stderr) == (0, "")
    report = json.loads(run.stdout)
    assert (report["format"], report["kind"]) == (1, "readouts")
    assert [row["readout"] for row in report["sets"][0]["readouts"]] == ["levels", "onealign"]
    assert readouts_lines(report)[2].startswith("rated: 12 read, 0 failed of 12; every row by itself")
    assert readouts_lines(report)[-1] == "* the model's own read-out"  # a mark that no row has is not told


def test_failed_pictures_leave_3_and_are_named(visq, rated, tiny, tmp_path):
    broken = sorted((tmp_path / "photos").rglob("3.png"))[0]
    broken.write_bytes(b"no picture")
    run = visq("readouts", "rated.csv", "--model", tiny, *WORDS)
    assert run.returncode == 3
    assert "11 read, 1 failed of 12" in run.stdout
    assert any(line.startswith("visq: failed: ") and "3.png" in line for line in run.stderr.splitlines())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "Missing argument"),
        (("rated.csv", "--readout", "level"), 2, "unknown read-out 'level'; did you mean 'levels'?"),
        (("rated.csv", "--readout", "pairwise"), 2, "compares two pictures"),
        (("rated.csv",), 2, "which aspect are the labels about? Give --aspect, one of"),
        (("rated.csv", "--model", "mina", *WORDS), 2, "unknown model 'mina'"),
        (("rated.csv", "--readout", "compare2score", *WORDS), 2, "reads inferior, worse"),
        (("rated.csv", "--model", "TINY", "--readout", "text", *WORDS), 2, "cannot be read as 'text'"),
        (("rated.csv", "--dtype", "float16", *WORDS), 2, "cannot take --dtype float16"),
        (("rated.csv", "--pixels", "..99", *WORDS), 2, "cannot take --pixels ..99"),
        (("rated.csv", "--pixels", "99", *WORDS), 2, "not of the form MIN..MAX"),
        (("rated.csv", "--attention", "eager", *WORDS), 2, "cannot take --attention eager"),
        (("rated.csv", "--device-map", "auto", *WORDS), 2, "cannot take --device-map auto"),
        (("rated.csv", "--device-map", "auto", "--device", "cpu", *WORDS), 2, "give one of them"),
        (("rated.csv", "--temperature", "0", *WORDS), 2, "temperature must be a finite number above 0"),
        (("rated.csv", "--dialect", "onealing", *WORDS), 2, "did you mean 'onealign'?"),
        (("rated.csv", "--dialect", "deqa", "--readout", "integers", *WORDS), 2, "in the words of 'deqa'"),
        (("rated.csv", "--aspect", "own.toml"), 2, "model 'mini' does not score 'noise'"),
        (("rated.csv", "--aspect", "own.toml#nois"), 2, "did you mean 'noise'?"),
        (("rated.csv", "--aspect", "gone.toml"), 2, "'gone.toml' does not exist"),
        (("rated.csv", "--dtype", "float", *WORDS), 2, "float"),
        (("rated.csv", "--out", "v.txt", *WORDS), 2, "use an ending of .csv"),
        (("rated.csv", "--label-scale", "5", *WORDS), 2, "scale '5' is not of the form LOW..HIGH"),
        (("nowhere.csv", *WORDS), 1, "no such file: 'nowhere.csv'"),
        (("bare.csv", *WORDS), 1, "no column of quality"),
        (("rated.csv", "--label", "nil", *WORDS), 1, "no column 'nil'"),
        (("rated.csv", "--out", "nowhere/v.csv", *WORDS), 1, "no folder 'nowhere'"),
        (("rated.csv", "--out", "bare.csv", *WORDS), 1, "exists; choose another --out, or --overwrite"),
    ],
)
def test_one_line_says_what_is_wrong(visq, rated, tiny, words, code, message):
    run = visq("readouts", *[str(tiny) if word == "TINY" else word for word in words])
    assert (run.returncode, run.stdout) == (code, ""), run.stderr
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    if "Usage" not in run.stderr:
        assert len(run.stderr.splitlines()) == 1
