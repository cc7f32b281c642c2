"""`visq show aspects`: a table of all, one in full, and a file of one's own that is checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from photos import VisqRun
from visq.aspects import every_aspect
from visq.evaluation.readouts.monitors import READ
from visq.scoring.asked import MONITORS

OWN = """\
[sharpness]
about = "how sharp the subject is"
levels = ["blurred", "soft", "sharp"]
questions = ["How would you rate the sharpness of this image?"]
stem = "The sharpness of the image is"
"""


def test_the_table_has_a_row_for_every_aspect_and_dialect(visq: VisqRun) -> None:
    lines = visq("show", "aspects").stdout.splitlines()
    assert lines[0].split() == ["aspect", "dialect", "scale", "answers", "asked", "first"]
    assert [tuple(line.split()[:2]) for line in lines[1:]] == [(a.name, a.dialect) for a in every_aspect()]
    assert len({line.index("..") for line in lines[1:]}) == 1  # columns stand under each other
    assert lines[1].split("  ")[0] == "quality"
    assert "1..10  1, 2, ... 10 " in next(line for line in lines if " rating " in line)


def test_one_aspect_is_shown_in_full_in_every_dialect(visq: VisqRun) -> None:
    said = visq("show", "aspects", "aesthetics").stdout
    for text in (
        "aesthetics, dialect visq (version 1, 1..5): how pleasing",
        "answered: The aesthetics of the image is LEVEL.",
        "    asked:    How would you rate the aesthetics of this image?",
        "              How aesthetically pleasing is this image?",
        "answered: The final score is <NUMBER>",
        "decimals: 1.00, 1.01, ... 10.00",
        "picture:  after the question",
        "composition: integers 1..10, with a reason",
        "subject-and-background: text",
        "exposure: levels",
        "two pictures, aesthetics, dialect rating (version 1)",
        "The second image is aesthetically superior.",
        "source:   Q-Future/Q-ReAlign: README.md, qalign/prompts.py",
    ):
        assert text in said
    assert "dialect deqa" not in said
    assert "authenticity" not in said


def test_a_file_of_ones_own_is_read_and_shown(visq: VisqRun, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(OWN, encoding="utf-8")
    run = visq("show", "aspects", "my.toml")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "sharpness, dialect own (version 1, 1..5): how sharp the subject is",
        "    asked:    How would you rate the sharpness of this image?",
        "    answered: The sharpness of the image is LEVEL.",
        "    levels:   blurred, soft, sharp",
        "    picture:  before the question",
    ]


def test_one_aspect_of_a_file_is_shown_as_it_is_named_for_scores(visq: VisqRun, tmp_path: Path) -> None:
    two = OWN + OWN.replace("[sharpness]", "[softness]")
    (tmp_path / "my.toml").write_text(two, encoding="utf-8")
    whole = visq("show", "aspects", "my.toml").stdout
    one = visq("show", "aspects", "my.toml#softness")
    assert one.returncode == 0, one.stderr
    assert one.stdout.startswith("softness, dialect own")
    assert "sharpness, dialect own" not in one.stdout
    assert whole.endswith(one.stdout)


def test_monitors_are_shown_beside_read_outs(visq: VisqRun) -> None:
    listed = visq("show", "readouts").stdout
    for name in MONITORS:
        assert f"\n{name} " in listed
        run = visq("show", "readouts", name)
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(f"{name}: ")
        assert "never a score" in run.stdout


def test_every_monitor_that_is_named_is_read_and_no_other() -> None:
    assert tuple(READ) == MONITORS


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["aspects", "qualty"], 2, "unknown aspect 'qualty'; did you mean 'quality'"),
        (["aspects", "good.toml#sharpnes"], 2, "unknown aspect of 'good.toml' 'sharpnes'; did you mean"),
        (["aspects", "no.toml"], 1, "aspect file 'no.toml' does not exist"),
        (
            ["aspects", "bad.toml"],
            1,
            "aspect file 'bad.toml': 'sharpness.stem' is 'The sharpness of the image is '",
        ),
        (["colours", "red"], 2, "nothing to show under 'colours'; known: aspects"),
    ],
)
def test_mistakes_are_one_line(visq: VisqRun, tmp_path: Path, words: list[str], code: int, said: str) -> None:
    (tmp_path / "good.toml").write_text(OWN, encoding="utf-8")
    (tmp_path / "bad.toml").write_text(OWN.replace('image is"', 'image is "'), encoding="utf-8")
    run = visq("show", *words)
    assert run.returncode == code, run.stderr
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""
