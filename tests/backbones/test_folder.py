"""Model folders: found by name, hashed, and refused in one line where something is missing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import tiny_model
from visq.backbones import find_model, shipped_models
from visq.core.errors import ModelError, UnknownName


def test_mini_is_shipped() -> None:
    assert "mini" in shipped_models()
    assert find_model("mini").field("kind") == "head"


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
    ],
)
def test_a_folder_without_a_usable_description(tmp_path: Path, text: str | None, match: str) -> None:
    if text is not None:
        (tmp_path / "model.toml").write_text(text)
    with pytest.raises(ModelError, match=match):
        find_model(str(tmp_path))


def test_a_missing_field_and_missing_weights_are_named(tmp_path: Path) -> None:
    folder = tiny_model.make(tmp_path / "m")
    with pytest.raises(ModelError, match=r"model\.toml has no 'aspects\.quality\.colour'"):
        find_model(str(folder)).field("aspects", "quality", "colour")
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"no .*model\.onnx"):
        _ = find_model(str(folder)).sha256
