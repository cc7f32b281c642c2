from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from checked_tables import write_csv

FAULT = "row 4"


@pytest.fixture
def good(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"image": f"{i}.jpg", "mos": round(m, 3)} for i, m in enumerate(rng.normal(3, 0.6, 100))]
    return write_csv(tmp_path / "good.csv", rows)


@pytest.fixture
def bad(tmp_path):
    rows = [{"image": f"{i}.jpg", "mos": 1 + 37 * i % 100 / 30} for i in range(100)]
    for i in (2, 5, 6, 7):
        rows[i]["mos"] = "?"
    return write_csv(tmp_path / "bad.csv", rows)


def test_a_clean_table(visq, good):
    run = visq("check", good.name, "--no-pictures")
    assert (run.returncode, run.stdout) == (0, "nothing found\n")
    assert "100 rows: 0 findings" in run.stderr


def test_findings_one_a_line_with_the_first_rows(visq, bad):
    run = visq("check", bad.name, "--no-pictures", "--quiet")
    assert run.returncode == 3
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error    values")
    assert FAULT in lines[0]
    assert lines[0].endswith("[2.jpg, 5.jpg, 6.jpg and 1 more]")


def test_json_on_standard_output_and_in_a_file(visq, bad, tmp_path):
    run = visq("check", bad.name, "--no-pictures", "--json", "--out", "found.json")
    printed, written = json.loads(run.stdout), json.loads((tmp_path / "found.json").read_text())
    assert run.returncode == 3
    assert printed == written
    assert printed["findings"][0]["rows"] == ["2.jpg", "5.jpg", "6.jpg", "7.jpg"]
    assert visq("check", bad.name, "--no-pictures", "--out", "found.json").returncode == 3  # its own file


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none.csv"], 1, "no such file: 'none.csv'"),
        (["good.csv", "--label", "x"], 1, "good.csv: no column 'x'"),
        (["good.csv", "--aspect", "qualty"], 2, "did you mean 'quality'"),
        (["good.csv", "--protocol", "konic"], 2, "did you mean 'koniq'"),
        (["good.csv", "--format", "qaling"], 2, "did you mean 'qalign'"),
        (["good.csv", "--label-scale", "five"], 2, "not of the form LOW..HIGH"),
        (["good.csv", "--model", "minni"], 2, "did you mean 'mini'"),
        (["good.csv", "--out", "good.csv"], 2, "is one of the manifests"),
        (["good.csv", "--out", "taken.txt"], 1, "exists and is no report of visq check"),
        (["none.csv", "--out", "no/where.json"], 1, "cannot write 'no/where.json': no such folder"),
        (["good.csv", "--out", "deep.json"], 1, "exists and is no report of visq check"),
    ],
)
def test_what_cannot_be_meant_is_one_line(visq, good, tmp_path, words, code, message):
    (tmp_path / "taken.txt").write_text("mine")
    (tmp_path / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    run = visq("check", "--no-pictures", *words)
    assert run.returncode == code
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert message in run.stderr
    assert (tmp_path / "taken.txt").read_text() == "mine"


def test_two_lists_and_a_model(visq, good, tmp_path):
    rows = [{"image": f"{i}.jpg", "quality": 1 + i / 60} for i in range(100)]
    write_csv(tmp_path / "agiqa-3k/labels.csv", rows)
    write_csv(tmp_path / "answers.csv", [{"image": row["image"], "said": "well"} for row in rows])
    run = visq("check", "agiqa-3k/labels.csv", "answers.csv", "--no-pictures", "--model", "mini", "--quiet")
    assert run.returncode == 3
    assert "training-list" in run.stdout
    assert "AGIQA-3K, shared part" in run.stdout
    assert "share 100 pictures" in run.stdout


@pytest.mark.shared
def test_labels_upside_down_are_held_against_the_model(visq, shared, tmp_path):
    with (shared / "agiqa3k/labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::40]
    for name, turned in (("good", False), ("bad", True)):
        table = [
            {
                "image": str((shared / "agiqa3k" / row["image"]).resolve()),
                "mos": 5 - float(row["quality"]) if turned else row["quality"],
            }
            for row in rows
        ]
        write_csv(tmp_path / f"{name}.csv", table)
    run = visq("check", "bad.csv", "--quiet")
    assert "what the model scores the pictures runs against them (SRCC -0." in run.stdout
    assert "direction" not in visq("check", "good.csv", "--quiet").stdout


def test_help_shows_commands(visq):
    run = visq("check", "--help")
    assert run.returncode == 0
    assert "visq check ratings.csv" in run.stdout
