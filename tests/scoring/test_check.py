"""`check_model`: goldens worked out by hand pass, and whatever is wrong in goldens.toml is one line."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_model
from broken_toml import broken
from visq.core import toml
from visq.core.errors import ModelError
from visq.scoring.check import check_model


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with goldens."""
    return tiny_model.add_goldens(tiny_model.make(tmp_path_factory.mktemp("checked") / "m"))


def goldens(folder: Path) -> dict:
    return toml.loads((folder / "goldens.toml").read_text(encoding="utf-8"))


def test_goldens_worked_by_hand_pass(checked: Path) -> None:
    report = check_model(str(checked))
    assert report.passed, report.lines
    assert sum("golden tensor" in line for line in report.lines) == 2
    assert sum("grey.png" in line for line in report.lines) == 2


@pytest.mark.parametrize("kind", ["picture", "tensor"])
def test_a_golden_that_is_off_fails(checked: Path, tmp_path: Path, kind: str) -> None:
    folder = Path(shutil.copytree(checked, tmp_path / "m"))
    table = goldens(folder)
    table[kind][0]["quality"] = 4.9 if kind == "picture" else [0.0, 0.0, 0.0, 0.0, 9.0]
    tiny_model.write_toml(folder / "goldens.toml", table)
    report = check_model(str(folder))
    assert not report.passed
    assert sum(line.startswith("FAILED") for line in report.lines) == 1


def test_a_model_that_gives_no_numbers_fails(tmp_path: Path) -> None:
    folder = tiny_model.add_goldens(tiny_model.make(tmp_path / "m", constant=float("nan")))
    report = check_model(str(folder))
    assert all(line.startswith("FAILED") for line in report.lines if "differs" in line)


@pytest.mark.parametrize(
    ("kind", "key", "value", "match"),
    [
        ("picture", "file", 3, r"'picture\[0\].file' is 3; wanted text"),
        ("picture", "file", "../grey.png", r"'picture\[0\].file' is '../grey.png'; wanted a path inside"),
        ("picture", "file", "none.png", r"check picture 'none.png': no such file"),
        ("picture", "file", "model.toml", r"model.toml is not the picture its goldens were made with"),
        ("picture", "sha256", 3, r"'picture\[0\].sha256' is 3; wanted text"),
        ("picture", "tolerance", "a", r"'picture\[0\].tolerance' is 'a'; wanted a finite number, 0 or more"),
        ("picture", "tolerance", float("nan"), r"tolerance' is nan; wanted a finite number, 0 or more"),
        ("picture", "tolerance", -1, r"tolerance' is -1; wanted a finite number, 0 or more"),
        ("picture", "quality", "x", r"'picture\[0\].quality' is 'x'; wanted a finite number"),
        ("tensor", "quality", [0.0, 1.0], r"'tensor\[0\].quality' is \[0.0, 1.0\]; wanted 5 finite numbers"),
        (
            "tensor",
            "size",
            [9, 9],
            r"'tensor\[0\].size' is \[9, 9\]; wanted the size in model.toml, \[8, 8\]",
        ),
    ],
)
def test_a_wrong_golden_is_one_line_that_names_it(
    checked: Path, tmp_path: Path, kind: str, key: str, value: object, match: str
) -> None:
    folder = Path(shutil.copytree(checked, tmp_path / "m"))
    table = goldens(folder)
    table[kind][0][key] = value
    tiny_model.write_toml(folder / "goldens.toml", table)
    with pytest.raises(ModelError, match=match) as caught:
        check_model(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"picture = '\xff'", r"cannot read goldens.toml: 'utf-8' codec"),
        (b"picture = 3", r"'picture' is 3; wanted tables, each written \[\[picture\]\]"),
        (b"picture = [3]", r"'picture' is \[3\]; wanted tables"),
        (b"picture = []", r"has no \[\[picture\]\]; a missing golden proves nothing"),
        (None, r"cannot read goldens.toml: no such file"),
    ],
)
def test_goldens_that_are_no_goldens(
    checked: Path, tmp_path: Path, content: bytes | None, match: str
) -> None:
    folder = Path(shutil.copytree(checked, tmp_path / "m"))
    (folder / "goldens.toml").unlink()
    if content is not None:
        (folder / "goldens.toml").write_bytes(content)
    with pytest.raises(ModelError, match=match):
        check_model(str(folder))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_one_wrong_value_gives_a_report_or_one_line(checked: Path, data: st.DataObject) -> None:
    table = data.draw(broken(goldens(checked)))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(checked, folder, dirs_exist_ok=True)
        tiny_model.write_toml(Path(folder, "goldens.toml"), table)
        error = None
        try:
            assert len(check_model(folder).lines) >= 4
        except ModelError as caught:
            error = caught
    assert "\n" not in str(error)
