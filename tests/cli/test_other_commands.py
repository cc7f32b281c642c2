"""`visq show`, `models`, `train` and help: every example runs, every mistake is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_model
from photos import VisqRun
from visq.cli.console import results
from visq.readouts import READOUTS
from visq.readouts.compat import published_names
from visq.scoring.asked import MONITORS


def test_help_names_the_commands(visq: VisqRun) -> None:
    run = visq("--help")
    assert run.returncode == 0
    for command in ("score", "show", "train", "models"):
        assert command in run.stdout


@pytest.mark.parametrize("command", [["score"], ["show"], ["train"], ["models", "show"], ["models", "list"]])
def test_every_command_shows_examples(visq: VisqRun, command: list[str]) -> None:
    run = visq(*command, "--help")
    assert run.returncode == 0
    assert f"visq {' '.join(command)}" in run.stdout


def test_the_version_is_printed(visq: VisqRun) -> None:
    import visq as package

    assert visq("--version").stdout.strip() == package.__version__


def test_aspects_are_shown_with_their_words(visq: VisqRun) -> None:
    said = visq("show", "aspects").stdout
    assert "How would you rate the quality of this image?" in said
    assert "bad, poor, fair, good, excellent" in said


def test_readouts_are_shown_with_what_they_make_of_answers(visq: VisqRun) -> None:
    said = visq("show", "readouts").stdout
    names = [line.split()[0] for line in said.splitlines() if line]
    assert names == [*READOUTS, "monitors,", *MONITORS, "published,", *published_names()]
    assert "bad = 1, poor = 2, fair = 3, good = 4, excellent = 5" in said
    assert "arXiv 2312.17090" in visq("show", "readouts", "onealign").stdout
    assert visq("show", "readouts", "integers").stdout.startswith("integers: Expectation over whole numbers")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "colours"], 2, "nothing to show under 'colours'; known: aspects, readouts"),
        (["show", "readouts", "lvels"], 2, "unknown read-out 'lvels'; did you mean 'levels'?"),
        (["models", "show", "minni"], 2, "did you mean 'mini'"),
        (["train", "mini-hed"], 2, "did you mean 'mini-head'"),
        (["train", "mini-head"], 1, "needs data="),
        (["train", "mini-head", "data"], 2, "not of the form KEY=VALUE"),
        (["train", "mini-head", "dta=x", "trunk=y", "out=z"], 2, "dta"),
    ],
)
def test_mistakes_are_one_line(visq: VisqRun, words: list[str], code: int, said: str) -> None:
    run = visq(*words)
    assert run.returncode == code, run.stderr
    assert said in run.stderr
    assert run.stderr.count("\n") == 1


def test_models_are_listed_with_their_licence(visq: VisqRun) -> None:
    said = visq("models", "list").stdout
    assert "mini" in said
    assert "Apache-2.0" in said


def test_a_model_is_shown_with_what_it_was_trained_on(visq: VisqRun) -> None:
    said = visq("models", "show", "mini").stdout
    for word in ("trained_on", "AGIQA-3K", "half_width", "MobileNetV2", "terms"):
        assert word in said


def test_mini_passes_its_check(visq: VisqRun) -> None:
    run = visq("models", "show", "mini", "--check")
    assert run.returncode == 0, run.stdout
    assert "FAILED" not in run.stdout
    assert "reads for quality, after 'The quality of the image is': bad = ' bad' (" in run.stdout
    assert "astronaut.jpg" in run.stdout
    assert "batch of" in run.stdout


def copy_of_mini(folder: Path) -> Path:
    import shutil

    from visq.backbones import shipped_models

    shutil.copytree(shipped_models()["mini"], folder)
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("goldens.toml", "quality = 2.", "quality = 3.", "FAILED"),
        ("goldens.toml", 'sha256 = "', 'sha256 = "00', "is not the picture its goldens were made with"),
        ("goldens.toml", "[[picture]]", "[[photo]]", "has no [[picture]]"),
        ("model.toml", '"visual.onnx"\nsha256 = "', '"visual.onnx"\nsha256 = "00', "FAILED weights"),
    ],
)
def test_a_check_that_should_fail_fails(
    visq: VisqRun, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    folder = copy_of_mini(tmp_path / "other")
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    run = visq("models", "show", folder, "--check")
    assert run.returncode == 1
    assert said in run.stdout + run.stderr


def test_a_model_without_goldens_does_not_pass(visq: VisqRun, tmp_path: Path) -> None:
    run = visq("models", "show", tiny_model.make(tmp_path / "m"), "--check")
    assert run.returncode == 1
    assert "goldens.toml" in run.stderr


def test_an_error_of_another_file_is_not_blamed_on_standard_output(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"), results():
        (tmp_path / "missing").unlink()
