"""Small pictures made on the spot, and the type of the fixture that runs `visq`. For tests only."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VisqRun = Callable[..., "subprocess.CompletedProcess[str]"]


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


def shipped_photograph() -> NDArray[np.uint8]:
    """uint8 [h, w, 3]: the portrait among the shipped model's check pictures."""
    path = resources.files("visq").joinpath("models/mini/pictures/astronaut.jpg")
    with Image.open(str(path)) as image:
        return np.asarray(image.convert("RGB"))
