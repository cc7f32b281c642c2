"""The fixture of the training tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_world import make_world


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with `data/`, `trunk.safetensors` and `recipes/`, small enough to train in half a second."""
    return make_world(tmp_path)
