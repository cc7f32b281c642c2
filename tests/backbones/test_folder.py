"""Model folders: found by name, hashed, and refused in one line where something is missing."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import tiny_model
from broken_toml import broken
from visq.backbones import find_model, shipped_models
from visq.backbones import folder as folders
from visq.core import toml
from visq.core.errors import InputError, ModelError, UnknownName
from visq.scoring.scorer import load


def test_mini_is_shipped() -> None:
    assert "mini" in shipped_models()
    assert find_model("mini").field("kind") == "answers"


def test_the_hash_covers_weights_and_description(tmp_path: Path) -> None:
    folder = tiny_model.make(tmp_path / "m")
    found = find_model(str(folder))
    parts = [hashlib.sha256((folder / name).read_bytes()).digest() for name in ("model.onnx", "model.toml")]
    assert found.sha256 == hashlib.sha256(b"".join(parts)).hexdigest()
    (folder / "model.toml").write_text((folder / "model.toml").read_text() + "\n# changed\n")
    assert find_model(str(folder)).sha256 != found.sha256


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown model 'minni'; did you mean 'mini'"):
        find_model("minni")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, r"no model\.toml in"),
        ("format = [", r"cannot read model\.toml"),
        ("format = 99", "format 99, this visq reads 1"),
        ("", "the file is empty"),
        ("a = " + "[" * 100_000, "cannot read model.toml"),
        (f"format = 0x{'f' * 9000}", "format a number of thousands of digits"),
    ],
)
def test_a_folder_without_a_usable_description(tmp_path: Path, text: str | None, match: str) -> None:
    if text is not None:
        (tmp_path / "model.toml").write_text(text)
    with pytest.raises(ModelError, match=match) as caught:
        find_model(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_missing_field_and_missing_weights_are_named(tmp_path: Path) -> None:
    folder = tiny_model.make(tmp_path / "m")
    with pytest.raises(ModelError, match=r"model\.toml has no 'aspects\.quality\.colour'"):
        find_model(str(folder)).field("aspects", "quality", "colour")
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"no .*model\.onnx"):
        _ = find_model(str(folder)).sha256


def test_a_description_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_bytes(b"format = '\xff'")
    with pytest.raises(ModelError, match=r"cannot read model\.toml: 'utf-8' codec"):
        find_model(str(tmp_path))


def test_a_name_too_long_for_a_file_is_unknown() -> None:
    with pytest.raises(UnknownName, match="unknown model"):
        find_model("x" * 5000)


WRONG = [
    ("backbone", 3, r"'backbone' is 3; wanted text"),
    ("backbone", "minni", r"'backbone': unknown backbone 'minni'; did you mean 'mini'"),
    ("readout", ["levels"], r"'readout' is \['levels'\]; wanted text"),
    ("readout", "levls", r"'readout': unknown read-out 'levls'; did you mean 'levels'"),
    ("weights", 3, r"'weights' is 3; wanted a table"),
    ("weights.file", 3, r"'weights.file' is 3; wanted text"),
    ("weights.file", "../x", r"'weights.file' is '\.\./x'; wanted a path inside the model's folder"),
    ("weights.file", "/etc/passwd", r"'weights.file' is '/etc/passwd'; wanted a path inside"),
    ("weights.file", "a\0b", r"'weights.file' is 'a\\x00b'; wanted a path inside"),
    ("weights.file", ".", r"'weights.file' is '\.'; wanted a path inside"),
    ("aspects", 3, r"'aspects' is 3; wanted a table"),
    ("aspects", {}, r"has no aspect; write a table such as \[aspects.quality\]"),
    ("aspects.beauty", {}, r"'aspects.beauty': unknown aspect 'beauty'"),
    ("aspects.quality.levels", 5, r"'aspects.quality.levels' is 5; wanted visq's own words"),
    ("aspects.quality.levels", ["a", "b", "c", "d", "e"], r"'aspects.quality.levels' is \['a'"),
    ("aspects.quality.levels", tiny_model.LEVELS[:4], r"'aspects.quality.levels' is \['bad'"),
    ("aspects.quality.scale", [0, 100], r"'aspects.quality.scale' is \[0, 100\]; wanted .* \[1, 5\]"),
    ("aspects.quality.scale", "1..5", r"'aspects.quality.scale' is '1\.\.5'; wanted .* \[1, 5\]"),
    ("calibration", 3, r"'calibration' is 3; wanted a table"),
    ("calibration.quality", 3, r"'calibration.quality' is 3; wanted a table"),
    ("calibration.qualty", {}, r"'calibration.qualty': unknown aspect of this model 'qualty'; did you mean"),
    ("calibration.quality.half_width", float("inf"), r"'calibration.quality.half_width' is inf; wanted"),
]


def change(folder: Path, field: str, value: object) -> Path:
    """Give one field of model.toml another value."""
    table = toml.loads((folder / "model.toml").read_text(encoding="utf-8"))
    *path, last = field.split(".")
    inner = table
    for key in path:
        inner = inner[key]
    inner[last] = value
    tiny_model.write_toml(folder / "model.toml", table)
    return folder


@pytest.mark.parametrize(("field", "value", "match"), WRONG)
def test_a_wrong_field_is_one_line_that_names_it(
    tmp_path: Path, field: str, value: object, match: str
) -> None:
    folder = change(tiny_model.make(tmp_path / "m"), field, value)
    with pytest.raises(ModelError, match=match) as caught:
        load(str(folder))
    assert str(caught.value).startswith(f"model {str(folder)!r}: model.toml")
    assert "\n" not in str(caught.value)


@given(broken(tiny_model.table()))
@settings(max_examples=150, deadline=None)
def test_any_one_wrong_value_gives_a_model_that_scores_or_one_line(
    tiny: Path, table: dict[str, object]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(tiny / "model.onnx", folder)
        tiny_model.write_toml(Path(folder, "model.toml"), table)
        error = None
        try:
            with load(folder, threads=1) as scorer:
                scores = scorer.score_pictures([scorer.prepare(np.full((5, 9, 3), 200, np.uint8))])
                assert all(1 <= score.value <= 5 for score in scores[0].values())
        except (ModelError, InputError) as caught:
            error = caught
    assert not isinstance(error, UnknownName)
    assert "\n" not in str(error)


@pytest.mark.parametrize("readout", ["text", "integers", "level"])
def test_a_readout_that_scores_no_level_words_is_one_line(tmp_path: Path, readout: str) -> None:
    folder = tiny_model.make(tmp_path / "m")
    text = (folder / "model.toml").read_text().replace('readout = "levels"', f'readout = "{readout}"')
    (folder / "model.toml").write_text(text)
    with pytest.raises(ModelError, match=rf"unknown read-out '{readout}'.*levels"):
        find_model(str(folder))


def test_a_hash_that_takes_long_says_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_model.make(tmp_path / "model")
    quick = find_model(str(model)).sha256
    assert not caplog.records
    plain = folders.sha256_of
    monkeypatch.setattr(folders, "SLOW_S", 0.01)
    monkeypatch.setattr(folders, "sha256_of", lambda path: (time.sleep(0.1), plain(path))[1])
    assert find_model(str(model)).sha256 == quick
    assert [one.getMessage() for one in caplog.records] == [
        f"model {str(model)!r}: reading all of its files once, for their hash"
    ]
