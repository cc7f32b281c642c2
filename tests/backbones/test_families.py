"""Whose words a model of a known name was trained with."""

from __future__ import annotations

import pytest

from visq.aspects import dialects
from visq.backbones.families import known_dialect
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
