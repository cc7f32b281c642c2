"""What every test may use: a folder of small pictures, a tiny model, and a way to run `visq` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
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


def make_photos(folder: Path, n: int, *, side: int = 12) -> Path:
    """n pictures `trip/0.png` ..., each a little lighter than the one before, with some texture."""
    rng = np.random.default_rng(3)
    for i in range(n):
        base = 255 * (i + 1) / (n + 1)
        pixels = np.clip(base + rng.normal(0, 8, (side, side, 3)), 0, 255).astype(np.uint8)
        path = folder / ("trip" if i % 2 else "home") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


VisqRun = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def visq(tmp_path: Path) -> VisqRun:
    """Runs `visq WORDS...` in a process of its own, with tmp_path as its working folder."""

    def run(*words: str | os.PathLike[str], **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "visq", *map(os.fspath, words)]
        settings: dict[str, object] = {"cwd": tmp_path, "text": True, "capture_output": True, "timeout": 120}
        return subprocess.run(command, check=False, **(settings | options))  # type: ignore[call-overload,no-any-return]

    return run
