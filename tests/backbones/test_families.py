"""Whose words a model of a known name was trained with."""

from __future__ import annotations

from pathlib import Path

import pytest

from visq.aspects import dialects
from visq.backbones.families import known_dialect, trained_names
from visq.core import toml


@pytest.mark.parametrize(
    ("names", "dialect"),
    [
        (["q-future/one-align"], "onealign"),
        (["q-future/Q-ReAlign-Pro-9B"], "q-realign"),
        (["q-future/Q-ReAlign-Mini-0.8B@0123abcd"], "q-realign"),
        (["models/Q-ReAlign-Lite-4B/"], "q-realign"),
        (["zhiyuanyou/DeQA-Score-Mix3"], "deqa"),
        (["MingxingLi/RealQA-models", "Qwen/Qwen2-VL-7B-Instruct"], "realqa"),
        (["Qwen/Qwen2.5-VL-7B-Instruct"], None),
        (["mine", "q-future/one-align"], "onealign"),
        ([""], None),
    ],
)
def test_a_name_tells_the_words(names: list[str], dialect: str | None) -> None:
    assert known_dialect(names) == dialect


def test_every_family_speaks_a_dialect_that_exists() -> None:
    from importlib import resources

    text = resources.files("visq.backbones").joinpath("families.toml").read_text(encoding="utf-8")
    for family in toml.loads(text)["family"]:
        assert family["dialect"] in dialects()
        assert family["source"]
        assert all(name == name.lower() for name in family["names"])


def test_a_folder_goes_by_where_it_is_from(tmp_path: Path) -> None:
    origins = {
        "pulled": 'name = "q-future/one-align"\n',
        "merged": 'base = "Qwen2"\n[[adapter]]\nname = "first"\n[[adapter]]\nname = "deqa-lora"\n',
        "broken": "name = 7\n",
        "other": "[",
    }
    for name, text in origins.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "origin.toml").write_text(text, encoding="utf-8")
    of = {name: trained_names([tmp_path / name]) for name in (*origins, "none")}

    assert of == {
        "pulled": ["q-future/one-align"],
        "merged": ["merged", "deqa-lora", "first", "Qwen2"],
        "broken": ["broken"],
        "other": ["other"],
        "none": ["none"],
    }
    assert trained_names([tmp_path / "pulled", tmp_path / "lora"]) == ["lora", "q-future/one-align"]
    assert known_dialect(of["merged"]) == "deqa"
