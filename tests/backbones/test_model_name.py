"""Names of models: every form, every mistake, and folders whose names hold the signs that divide."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.backbones.model_name import ModelName, Source, parse_adapter_name, parse_model_name
from visq.core.errors import UnknownName


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/one", "runs/two", "a+b", "a", "x@y", "mini", "c+d@main"):
        Path(folder).mkdir(parents=True)


def hub(name: str, revision: str | None = None) -> Source:
    return Source("hub", name, revision)


def folder(name: str) -> Source:
    return Source("folder", name)


@pytest.mark.parametrize(
    ("text", "base", "adapters"),
    [
        ("mini", Source("shipped", "mini"), ()),
        ("./mini", folder("./mini"), ()),
        ("runs/one", folder("runs/one"), ()),
        ("Qwen/Qwen2-VL-7B-Instruct", hub("Qwen/Qwen2-VL-7B-Instruct"), ()),
        ("q-future/one-align@v1.0", hub("q-future/one-align", "v1.0"), ()),
        ("org/name@refs/pr/3", hub("org/name", "refs/pr/3"), ()),
        (
            "org/name@main+runs/one+you/lora@abc",
            hub("org/name", "main"),
            (folder("runs/one"), hub("you/lora", "abc")),
        ),
        ("runs/one+runs/two", folder("runs/one"), (folder("runs/two"),)),
        ("mini+runs/two", Source("shipped", "mini"), (folder("runs/two"),)),
        ("a+b", folder("a+b"), ()),  # that folder exists; `a` with adapter `b` is not meant
        ("a+a", folder("a"), (folder("a"),)),
        ("a+b+a+b", folder("a+b"), (folder("a+b"),)),
        ("runs/one+c+d@main", folder("runs/one"), (folder("c+d@main"),)),
        ("x@y", folder("x@y"), ()),
        ("http://localhost:8000/v1#qwen", Source("server", "http://localhost:8000/v1", served="qwen"), ()),
        (
            "https://a.b/v1+x#org/name+you/lora",
            Source("server", "https://a.b/v1+x", served="org/name"),
            (hub("you/lora"),),
        ),
    ],
)
def test_every_form(text: str, base: Source, adapters: tuple[Source, ...]) -> None:
    assert parse_model_name(text, ["mini"]) == ModelName(base, adapters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minni", "unknown model 'minni'; did you mean 'mini'? Known: mini, a folder, ORG/NAME[@REV], "),
        ("", "unknown model ''; Known: mini"),
        ("runs/one/three", "unknown model 'runs/one/three'; Known"),
        ("./nothing", "unknown model './nothing'; Known"),
        ("org/name@", "unknown model 'org/name@'; Known"),
        ("org/name+", "unknown model '' in 'org/name+'; Known"),
        ("org/name+minni", "unknown model 'minni' in 'org/name+minni'; did you mean"),
        ("http://localhost/v1", "http(s)://HOST/v1#NAME"),
        ("org/na me", "unknown model 'org/na me'; Known"),
    ],
)
def test_every_mistake_is_one_line(text: str, said: str) -> None:
    with pytest.raises(UnknownName) as error:
        parse_model_name(text, ["mini"])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_adapter_alone() -> None:
    assert parse_adapter_name("runs/one") == folder("runs/one")
    assert parse_adapter_name("you/lora@1") == hub("you/lora", "1")
    with pytest.raises(UnknownName, match=r"unknown adapter 'lora'; give a folder or ORG/NAME\[@REV\]"):
        parse_adapter_name("lora")


PARTS = st.from_regex(r"\A[A-Za-z][A-Za-z0-9.-]{0,6}/[A-Za-z][A-Za-z0-9_.-]{0,6}(@[a-z0-9]{1,5})?\Z")


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_what_was_taken_apart_joins_to_what_was_typed(parts: list[str]) -> None:
    text = "+".join(parts)
    name = parse_model_name(text)
    assert str(name) == text
    assert len(name.adapters) == len(parts) - 1
