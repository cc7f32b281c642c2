"""`visq calibrate` as a person meets it: real processes, exit codes, one line an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import tiny_model
from photos import VisqRun, make_photos
from rated_world import edited, make_rated

WORDS = [
    "--aspect",
    "quality",
    "--label-scale",
    "0..100",
    "--group",
    "scene",
    "--label",
    "mos",
    "--map",
    "linear",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    make_rated(root)
    tiny_model.add_goldens(tiny_model.make(root / "tiny"))
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """The folder `visq` runs in: ratings.csv, img/, tiny/."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_calibrated_copy_is_written_checked_and_scored_with(visq: VisqRun, world: Path) -> None:
    run = visq("calibrate", "tiny", "ratings.csv", *WORDS, "--out", "ours")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].startswith("tiny, quality: 180 of 180 rows; map 54 (18 groups), interval 72 (24 groups)")
    assert lines[1].startswith("holds for    pictures like those of ratings.csv")
    assert [line.split()[0] for line in lines[2:6]] == ["map", "half-width", "coverage", "by"]
    assert "promise: 0.9 to 0.980" in lines[3]
    assert "visq score PHOTOS --model ours" in run.stderr
    assert visq("models", "show", "ours", "--check").returncode == 0
    make_photos(world / "photos", 3)
    scored = visq("score", "photos", "--model", "ours")
    assert scored.returncode == 0
    # The population stands beside the scores.
    assert "intervals of quality hold for: pictures like those of ratings.csv: 180 rated" in scored.stderr
    assert "linear" in visq("models", "show", "ours").stdout, "the map is part of the model"
    assert "intervals of aesthetics hold for: test pictures" in scored.stderr


def test_json_holds_everything_and_nothing_is_written_without_out(visq: VisqRun, world: Path) -> None:
    before = sorted(path.name for path in world.iterdir())
    run = visq("calibrate", "tiny", "ratings.csv", *WORDS, "--interval", "by-level", "--json", "--quiet")
    assert (run.returncode, run.stderr) == (0, "")
    report = json.loads(run.stdout)
    assert (report["format"], report["kind"], report["aspect"]) == (1, "calibration", "quality")
    assert report["command"].startswith("visq calibrate tiny ratings.csv")
    assert [level["level"] for level in report["levels"]] == tiny_model.LEVELS
    assert report["coverage"]["rows"]["n"] == 54
    assert sorted(path.name for path in world.iterdir()) == before
    loud = visq("calibrate", "tiny", "ratings.csv", *WORDS)
    assert "nothing written; name a new model folder with --out" in loud.stderr


def test_abstaining_is_a_curve_or_there_is_nothing_to_abstain_by(visq: VisqRun, world: Path) -> None:
    run = visq("calibrate", "tiny", "ratings.csv", *WORDS, "--abstain", "--quiet")
    lines = run.stdout.splitlines()
    at = lines.index(
        "no width to abstain by: all intervals are equally wide; --interval by-level makes them differ"
    )
    assert lines[at + 1] == "putting aside the pictures of largest spread:"
    assert lines[at + 2].split() == ["kept", "n", "most", "MAE", "RMSE", "coverage"]
    assert lines[at + 3].split()[:2] == ["1.00", "54"]


def test_asked_for_by_level_nobody_is_sent_to_by_level(visq: VisqRun, world: Path) -> None:
    words = [*WORDS, "--interval", "by-level", "--abstain"]
    run = visq("calibrate", "tiny", "ratings.csv", *words, "--out", "ours")
    said = "no width to abstain by: all intervals are equally wide; no level has the groups for a width of"
    assert said in run.stdout
    text = (world / "ours" / "model.toml").read_text() + (world / "ours" / "README.md").read_text()
    assert "by level" not in text
    assert "in each level" not in text
    assert "half_widths" not in text


def test_a_split_of_the_table_is_two_words(visq: VisqRun, world: Path) -> None:
    words = [*WORDS, "--split", "set", "fit=train,test=val", "--json", "--quiet"]
    report = json.loads(visq("calibrate", "tiny", "ratings.csv", *words).stdout)
    assert report["split"] == "column set: fit train, test val"
    assert report["parts"]["test"]["n"] == 60


def test_pictures_that_fail_end_with_code_3(visq: VisqRun, world: Path) -> None:
    edited(world / "ratings.csv", lambda rows: rows[0].update(image="img/none.png"))
    run = visq("calibrate", "tiny", "edited.csv", *WORDS)
    assert run.returncode == 3
    assert "partial: 1 rated pictures have no score and take no part (1 missing)" in run.stderr


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["tiny", "none.csv"], 1, "no such file: 'none.csv'"),
        (["tinny", "ratings.csv"], 2, "unknown model 'tinny'"),
        (["tiny", "ratings.csv", "--aspect", "qualty"], 2, "did you mean 'quality'?"),
        (["tiny", "ratings.csv", "--map", "isotone"], 2, "unknown kind of map 'isotone'; did you mean"),
        (["tiny", "ratings.csv", "--interval", "wide"], 2, "unknown kind of interval 'wide'"),
        (["tiny", "ratings.csv", "--nominal", "90"], 2, "nominal coverage lies between 0 and 1, not at 90"),
        (["tiny", "ratings.csv", "--label-scale", "5"], 2, "not of the form LOW..HIGH"),
        (["tiny", "ratings.csv", "--split", "set", "train"], 2, "write fit=NAME,test=NAME after the column"),
        (["tiny", "ratings.csv", "--split", "set", "fit=a,test=a"], 2, "fit and test are both 'a'"),
        (["tiny", "ratings.csv", "--population", " "], 2, "--population is one line of words"),
        (["tiny", "ratings.csv", "--out", "tiny"], 1, "'tiny' exists; name a new folder"),
        (["tiny", "ratings.csv", "--out", "no/ours"], 1, "no folder 'no'"),
        (["tiny", "ratings.csv", "--label-scale", "1..5"], 1, "lies outside 1..5; mend one of the two"),
        (["tiny", "ratings.csv", "--nominal", "0.97"], 1, "a coverage of 0.97 takes 33 or more"),
    ],
)
def test_a_mistake_is_one_line(visq: VisqRun, world: Path, words: list[str], code: int, text: str) -> None:
    run = visq("calibrate", *WORDS, *words, "--quiet")  # the last of two equal options counts
    assert run.returncode == code
    assert text in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert run.stdout == ""
