"""What every test may use: a folder of small pictures, a tiny model, and a way to run `visq` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from photos import VisqRun, make_photos

# No test is timed: the first use of a library takes longer than any deadline.
settings.register_profile("visq", deadline=None)
settings.load_profile("visq")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the project; the test is skipped without it."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data beside the project")
    return SHARED / "data"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model folder that loads at once."""
    import tiny_model

    return tiny_model.make(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pictures from dark to light, in two folders."""
    return make_photos(tmp_path / "photos", 12)


@pytest.fixture
def visq(tmp_path: Path) -> VisqRun:
    """Runs `visq WORDS...` in a process of its own, with tmp_path as its working folder."""

    def run(*words: str | os.PathLike[str], **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "visq", *map(os.fspath, words)]
        settings: dict[str, object] = {"cwd": tmp_path, "text": True, "capture_output": True, "timeout": 120}
        return subprocess.run(command, check=False, **(settings | options))  # type: ignore[call-overload,no-any-return]

    return run
