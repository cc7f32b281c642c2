"""Aspects are data that is complete and consistent."""

from __future__ import annotations

import pytest

from visq.aspects import aspect, names
from visq.core.errors import UnknownName


@pytest.mark.parametrize("name", names())
def test_every_aspect_is_complete(name: str) -> None:
    found = aspect(name)
    assert found.name == name
    assert found.version >= 1
    assert len(set(found.levels)) == len(found.levels) >= 2
    assert found.questions
    assert found.stem == found.stem.strip()  # the space belongs to the answer's first token
    assert found.scale.low < found.scale.high


def test_level_words_run_from_worst_to_best() -> None:
    assert aspect("quality").levels == ("bad", "poor", "fair", "good", "excellent")


def test_a_misspelt_aspect_is_answered() -> None:
    with pytest.raises(UnknownName, match="unknown aspect 'qualty'; did you mean 'quality'"):
        aspect("qualty")
