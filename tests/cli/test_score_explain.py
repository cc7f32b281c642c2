"""`visq score --explain` as a person meets it: exit codes, one line an error, what is printed and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from photos import VisqRun, make_photos
from visq.cli.score import _explained
from visq.core.scales import MOS
from visq.core.types import Explanation, Score


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos", 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--readout", "text"], "keeps no explanation; leave one of the two out"),
        (["--model", "HEAD"], "writes nothing and cannot explain its scores; leave --explain out, or use"),
        (["--explian"], "No such option: --explian"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    photos: Path, tiny: Path, visq: VisqRun, words: list[str], said: str
) -> None:
    typed = [str(tiny) if word == "HEAD" else word for word in words]
    done = visq("score", photos, "--explain", *typed)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 or "explian" in said


def test_the_sentence_stands_under_its_picture_and_in_every_file(photos: Path, visq: VisqRun) -> None:
    out, page = photos.parent / "s.csv", photos.parent / "r.html"
    done = visq("score", photos, "--explain", "--out", out, "--report", page)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("    The details are ") for line in lines[2::2])
    assert (
        "visq: explanations of quality and aesthetics are asked for in a question of their own" in done.stderr
    )
    assert "quality_explanation" in out.read_text(encoding="utf-8").splitlines()[0]
    assert lines[2].strip() in page.read_text(encoding="utf-8")
    plain = visq("score", photos, "--out", out)
    assert plain.returncode == 1
    assert "was made with explain True" in plain.stderr
    as_json = visq("score", photos, "--explain", "--json", "--quiet")
    told = [
        json.loads(line)["scores"]["quality"]["explanation"]["text"] for line in as_json.stdout.splitlines()
    ]
    assert told == [line.strip() for line in lines[2::2]]


def test_texts_that_differ_stand_under_their_aspects_with_their_marks() -> None:
    def score(text: str, contradicts: bool | None) -> Score:
        return Score(3.0, None, None, MOS, {}, None, None, Explanation(text, False, contradicts))

    scores = {"quality": score("Excellent.", True), "aesthetics": score("Fair.", False)}
    assert list(_explained(scores)) == ["quality: Excellent. (contradicts the score)", "aesthetics: Fair."]
    assert list(_explained({})) == []
