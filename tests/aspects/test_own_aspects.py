"""A user's aspects from a TOML file: five lines are enough, and every mistake is one line of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from broken_toml import broken
from visq.aspects import Aspect, every_aspect, own_aspects
from visq.core.errors import InputError
from visq.core.numbers import MOST_DECIMALS
from visq.core.toml_text import toml_text
from visq.readouts.decimals import Decimals
from visq.scoring.asked import Asked

FIVE_LINES = """\
[sharpness]
about = "how sharp the subject is"
levels = ["blurred", "soft", "sharp"]
questions = ["How would you rate the sharpness of this image?"]
stem = "The sharpness of the image is"
"""
EVERY_KEY = {
    "noise": {
        "about": "grain",
        "kind": "decimals",
        "scale": [0, 2.5],
        "decimals": 1,
        "version": 3,
        "questions": ["How noisy is it, from {low} to {high}?", "Noise?"],
        "stem": "Noise: <",
        "joint": "",
        "end": ">",
        "picture": "after",
        "source": "nobody",
    }
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my.toml"


def read(file: Path, text: str | bytes) -> list[Aspect]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return own_aspects(file)


def test_five_lines_are_an_aspect(file: Path) -> None:
    assert FIVE_LINES.count("\n") == 5
    (found,) = read(file, FIVE_LINES)
    assert (found.name, found.dialect, found.version, found.kind) == ("sharpness", "own", 1, "levels")
    assert (found.scale.low, found.scale.high) == (1, 5)
    assert found.sentence(found.levels[0]) == "The sharpness of the image is blurred."


def test_every_key_counts(file: Path) -> None:
    (found,) = read(file, toml_text(EVERY_KEY))
    assert (found.about, found.version, found.kind, found.decimals) == ("grain", 3, "decimals", 1)
    assert (found.picture, found.source, found.levels) == ("after", "nobody", ())
    assert found.questions == ("How noisy is it, from 0 to 2.5?", "Noise?")
    assert found.sentence(found.answers[-1]) == "Noise: <2.5>"
    assert len(found.answers) == 26


def test_several_aspects_come_in_the_order_of_the_file(file: Path) -> None:
    text = FIVE_LINES + FIVE_LINES.replace("[sharpness]", "[a-second-one]")
    assert [found.name for found in read(file, text)] == ["sharpness", "a-second-one"]


# What is written instead of what, and the line that answers it.
MISTAKES = [
    ("levels =", "level =", r"'sharpness.level': unknown key 'level'; did you mean 'levels'\?"),
    ('about = "how sharp the subject is"\n', "", r"has no 'sharpness.about'"),
    ('levels = ["blurred", "soft", "sharp"]\n', "", r"has no 'sharpness.levels'"),
    (
        'questions = ["How would you rate the sharpness of this image?"]\n',
        "",
        r"has no 'sharpness.questions'",
    ),
    ('stem = "The sharpness of the image is"\n', "", r"has no 'sharpness.stem'"),
    (
        '["blurred", "soft", "sharp"]',
        '["sharp"]',
        r"'sharpness.levels' is \['sharp'\]; wanted a list of 2 or more",
    ),
    ('["blurred", "soft", "sharp"]', "[]", r"'sharpness.levels' is \[\]; wanted a list of 2 or more texts"),
    ('"soft", "sharp"', '"sharp", "sharp"', r"'sharpness.levels' has 'sharp' twice; leave one out"),
    ('"soft"', "3", r"'sharpness.levels' is \['blurred', 3, 'sharp'\]; wanted"),
    ('"soft"', '" soft"', r"'sharpness.levels' is .*without spaces around them"),
    ('["blurred", "soft", "sharp"]', '"sharp"', r"'sharpness.levels' is 'sharp'; wanted a list"),
    ('image?"]', 'image?", ""]', r"'sharpness.questions' is .*; wanted a list of 1 or more text"),
    (
        '["How would you rate the sharpness of this image?"]',
        "[]",
        r"'sharpness.questions' is \[\]; wanted a list",
    ),
    ('image is"', 'image is "', r"'sharpness.stem' is 'The sharpness of the image is '; leave the space out"),
    ('"The sharpness of the image is"', '""', r"'sharpness.stem' is ''; wanted text"),
    ('"The sharpness of the image is"', "7", r"'sharpness.stem' is 7; wanted text"),
    ('"how sharp the subject is"', "true", r"'sharpness.about' is True; wanted text"),
    (
        "stem =",
        "scale = [5, 1]\nstem =",
        r"'sharpness.scale' is \[5, 1\]: a scale runs from a lower to a higher",
    ),
    (
        "stem =",
        "scale = [2, 2]\nstem =",
        r"'sharpness.scale' is \[2, 2\]: a scale runs from a lower to a higher",
    ),
    (
        "stem =",
        'scale = "1..5"\nstem =',
        r"'sharpness.scale' is '1..5'; wanted two numbers, the lower one first",
    ),
    ("stem =", "scale = [1, 3, 5]\nstem =", r"'sharpness.scale' is \[1, 3, 5\]; wanted two numbers"),
    ("stem =", "version = 0\nstem =", r"'sharpness.version' is 0; wanted a whole number from 1 to"),
    ("stem =", "version = true\nstem =", r"'sharpness.version' is True; wanted a whole number"),
    ("stem =", 'joint = "  "\nstem =', r"'sharpness.joint' is '  '; wanted one space or an empty text"),
    ("stem =", "end = 1\nstem =", r"'sharpness.end' is 1; wanted text, which may be empty"),
    (
        "stem =",
        'picture = "befor"\nstem =',
        r"'sharpness.picture': unknown picture 'befor'; did you mean 'before'",
    ),
    ("stem =", 'kind = "level"\nstem =', r"'sharpness.kind': unknown kind 'level'; did you mean 'levels'"),
    ("stem =", 'kind = "integers"\nstem =', r"'sharpness.levels' means nothing where kind is 'integers'"),
    ("stem =", "decimals = 2\nstem =", r"'sharpness.decimals' means nothing where kind is 'levels'"),
    ("[sharpness]", "[quality]", r"visq has an aspect 'quality' already; choose another name"),
    ("[sharpness]", "[authenticity]", r"visq has an aspect 'authenticity' already"),
    (
        "[sharpness]",
        "[Sharpness]",
        r"'Sharpness' is no name of an aspect; wanted lower-case words joined by hyphens",
    ),
    ("[sharpness]", '["a,b"]', r"'a,b' is no name of an aspect"),
    ("[sharpness]\n", "", r"'about' is 'how sharp the subject is'; wanted a table, written \[about\]"),
    ("[sharpness]", "[sharpness", r"is not TOML: .*line 1"),
]


@pytest.mark.parametrize(("before", "after", "said"), MISTAKES)
def test_each_mistake_has_its_own_line(file: Path, before: str, after: str, said: str) -> None:
    assert before in FIVE_LINES
    with pytest.raises(InputError, match=said) as caught:
        read(file, FIVE_LINES.replace(before, after))
    assert str(caught.value).startswith(f"aspect file {os.fspath(file)!r}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "keys", "said"),
    [
        ("integers", {"scale": [0.5, 5]}, r"'noise.scale' is 0.5..5; wanted ends of at most 0 decimals"),
        ("decimals", {"scale": [0, 1e6]}, r"'noise.scale' is 0..1000000; wanted .*at most 100,000 numbers"),
        ("decimals", {"decimals": 4}, r"'noise.decimals' is 4; wanted a whole number from 1 to 3"),
        ("integers", {"decimals": 1}, r"'noise.decimals' means nothing where kind is 'integers'"),
    ],
)
def test_numbers_that_cannot_be_answered_are_refused(
    file: Path, kind: str, keys: dict[str, Any], said: str
) -> None:
    table = {"about": "grain", "kind": kind, "questions": ["Noise?"], "stem": "Noise:"} | keys
    with pytest.raises(InputError, match=said):
        read(file, toml_text({"noise": table}))


def test_the_most_decimals_of_an_aspect_are_those_that_its_readout_reads(file: Path) -> None:
    table = {"about": "grain", "kind": "decimals", "questions": ["Noise?"], "stem": "Noise:", "scale": [0, 1]}
    (found,) = read(file, toml_text({"noise": table | {"decimals": MOST_DECIMALS}}))
    asked = Asked(found, "decimals")

    assert asked.answers[1] == "0." + "0" * (MOST_DECIMALS - 1) + "1"
    with pytest.raises(InputError, match="decimals"):
        Decimals(scale=found.scale, decimals=MOST_DECIMALS + 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"has no aspect; write a table such as \[sharpness\]"),
        (b"\xff\xfe", r"is not TOML: .*utf-8"),
        ("a = " + "[" * 5000, r"is not TOML"),
        ("a = " + "9" * 5000, r"is not TOML"),
    ],
)
def test_a_file_that_is_no_table_of_aspects_is_one_line(file: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read(file, text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"aspect file '.*no.toml' does not exist; give a TOML file"
    ) as caught:
        own_aspects(tmp_path / "no.toml")
    assert caught.value.kind == "missing"
    with pytest.raises(InputError, match=r"is not a file; give a TOML file"):
        own_aspects(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs fifos")
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "my.toml")
    with pytest.raises(InputError, match="is not a file"):
        own_aspects(tmp_path / "my.toml")


@given(broken(EVERY_KEY))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_read_or_one_line(tmp_path: Path, table: dict[str, Any]) -> None:
    try:
        text = toml_text(table)
    except InputError:  # a value that TOML has no place for
        return
    (tmp_path / "my.toml").write_text(text, encoding="utf-8")
    refused = ""
    found: list[Aspect] = []
    try:
        found = own_aspects(tmp_path / "my.toml")
    except InputError as error:
        refused = str(error)
    assert "\n" not in refused
    assert bool(found) != bool(refused)
    assert all(one.answers and one.questions and one.stem == one.stem.strip() for one in found)


def test_a_shipped_aspect_is_a_file_that_users_could_have_written(file: Path) -> None:
    """The five lines of the docs and visq's own tables are one format."""
    for shipped in every_aspect():
        table = {
            "about": shipped.about,
            "kind": shipped.kind,
            "scale": [shipped.scale.low, shipped.scale.high],
            "questions": list(shipped.questions),
            "stem": shipped.stem,
            "joint": shipped.joint,
            "end": shipped.end,
            "picture": shipped.picture,
            "levels": list(shipped.levels) or None,
            "decimals": shipped.decimals or None,
        }
        (found,) = read(file, toml_text({"mine": table}))
        assert (found.answers, found.questions) == (shipped.answers, shipped.questions)
        assert [found.sentence(x) for x in "ab"] == [shipped.sentence(x) for x in "ab"]
