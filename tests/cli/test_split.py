"""`visq split` as a person meets it: real processes, exit codes, one line an error."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from photos import VisqRun
from visq.data.folds import check_folds
from visq.data.tables import read_table


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """60 pictures of 20 scenes; `set` is an official split, `torn` is one that tears scenes apart."""
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mos", "scene", "camera", "set", "torn"])
        for i in range(60):
            sets = (["train", "test"][i // 3 % 2], ["train", "test"][i % 2])
            writer.writerow([f"{i}.jpg", i % 7 + i / 100, f"s{i // 3}", "ab"[i % 2], *sets])
    return tmp_path / "ratings.csv"


def test_a_table_is_written_and_what_was_reached_is_printed(visq: VisqRun, ratings: Path) -> None:
    words = ["split", ratings, "--label", "mos", "--group", "scene", "--domain", "camera"]
    run = visq(*words, "--out", "split.csv")
    assert run.returncode == 0
    assert run.stdout.splitlines()[0] == "60 rows, 20 groups"
    head = run.stdout.splitlines()[1].split()
    assert head == ["part", "rows", "share", "wanted", "groups", "mos", "mean", "std", "a", "b"]
    assert [line.split()[0] for line in run.stdout.splitlines()[2:]] == ["train", "val", "test"]
    assert "table: split.csv" in run.stderr
    with (ratings.parent / "split.csv").open() as file:
        rows = list(csv.DictReader(file))
    check_folds(
        [row["scene"] for row in rows], [["train", "val", "test"].index(row["split"]) for row in rows]
    )
    again = visq(*words)
    assert again.stdout == (ratings.parent / "split.csv").read_text()  # the same seed, the same table


def test_folds_as_json_and_in_parquet(visq: VisqRun, ratings: Path) -> None:
    words = ["--group", "scene", "--folds", "4", "--nested", "2", "--quiet", "--json", "--out", "f.parquet"]
    run = visq("split", ratings, *words)
    assert (run.returncode, run.stderr) == (0, "")
    report = json.loads(run.stdout)
    assert (report["kind"], report["how"], report["n_groups"]) == ("split", "folds", 20)
    assert [part["n_groups"] for part in report["parts"]] == [5, 5, 5, 5]
    assert (ratings.parent / "f.parquet").exists()


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_ids_of_many_digits_come_out_as_they_went_in(visq: VisqRun, tmp_path: Path, ending: str) -> None:
    rows = [[str(12345678901234567890 + i), "1e6" if i < 4 else f"{i}", "2.5"] for i in range(12)]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "group", "mos"], *rows])
    run = visq("split", "t.csv", "--folds", "3", "--out", f"out.{ending}")
    assert run.returncode == 0
    found = read_table(tmp_path / f"out.{ending}")
    assert [cells[:3] for _, cells in found] == rows


def test_without_out_the_table_goes_to_standard_output(visq: VisqRun, ratings: Path) -> None:
    run = visq("split", ratings, "--folds", "3", "--group", "scene")
    assert run.stdout.splitlines()[0] == "image,mos,scene,camera,set,torn,split,fold,split_seed,split_reason"
    assert len(run.stdout.splitlines()) == 61
    assert "60 rows, 20 groups" in run.stderr


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["none.csv"], 1, "no such file: 'none.csv'"),
        (["ratings.csv", "--shares", "train"], 2, "not of the form NAME=SHARE"),
        (["ratings.csv", "--shares", "a=.5,b=.6"], 2, "shares add up to 1.1, not to 1"),
        (["ratings.csv", "--shares", "a=.5,b=.5", "--folds", "3"], 2, "give one, not --shares and --folds"),
        (["ratings.csv", "--nested", "3"], 2, "give --folds too"),
        (["ratings.csv", "--seed", " "], 2, "--seed is a text"),
        (["ratings.csv", "--official", "sets"], 2, "did you mean 'set'?"),
        (["ratings.csv", "--official", "torn", "--group", "scene"], 1, "group 's0' stands in 'test'"),
        (["ratings.csv", "--group", "scenes"], 1, "no column 'scenes'"),
        (["ratings.csv", "--out", "x.xlsx"], 2, "use an ending of .csv, .tsv, .jsonl or .parquet"),
        (["ratings.csv", "--out", "no/x.csv"], 1, "no folder 'no'"),
        (["ratings.csv", "--out", "ratings.csv"], 1, "'ratings.csv' is the input and cannot be the output"),
        (["ratings.csv", "--out", "ratings.csv", "--overwrite"], 1, "is the input"),
        (["ratings.csv", "--out", "old.csv"], 1, "'old.csv' exists; choose another --out, or --overwrite"),
    ],
)
def test_a_mistake_is_one_line(visq: VisqRun, ratings: Path, words: list[str], code: int, text: str) -> None:
    (ratings.parent / "old.csv").write_text("mine")
    run = visq("split", *words, "--quiet")
    assert run.returncode == code
    assert text in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("visq: ")
    assert run.stdout == ""
    assert (ratings.parent / "old.csv").read_text() == "mine"


def test_overwrite_writes_over_a_table(visq: VisqRun, ratings: Path) -> None:
    (ratings.parent / "old.csv").write_text("mine")
    run = visq("split", ratings, "--official", "set", "--group", "scene", "--out", "old.csv", "--overwrite")
    assert run.returncode == 0
    assert (ratings.parent / "old.csv").read_text().startswith("image,mos")
