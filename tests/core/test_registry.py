"""The registry: names load what they stand for, unknown ones are answered with near ones."""

from __future__ import annotations

import pytest

from visq.core.errors import InputError, UnknownName
from visq.core.registry import Registry


def test_a_name_loads_its_object_only_when_asked() -> None:
    registry = Registry("thing", {"join": "os.path:join", "broken": "no_such_module:x"})
    import os

    assert registry.get("join") is os.path.join
    assert list(registry) == ["broken", "join"]  # listing imports nothing
    with pytest.raises(ModuleNotFoundError):
        registry.get("broken")


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    registry = Registry("read-out", {"levels": "m:a", "decimals": "m:b"})
    with pytest.raises(
        UnknownName, match=r"unknown read-out 'level'; did you mean 'levels'\? Known: decimals, levels"
    ):
        registry.get("level")


def test_a_name_is_registered_once() -> None:
    registry = Registry("thing", {})
    registry.add("join", "os.path:join")
    with pytest.raises(InputError, match=r"'join' is already registered as 'os\.path:join'"):
        registry.add("join", "os:sep")
