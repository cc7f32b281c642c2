"""Made pictures from dark to light, and ratings of them by scene. For tests."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

N_SCENES, SIZE = 60, 3
Row = dict[str, object]


def make_rated(root: Path, *, n_scenes: int = N_SCENES, seed: int = 0) -> Path:
    """`ratings.csv` with image, mos (0..100), scene, set; three pictures of about equal light a scene."""
    rng = np.random.default_rng(seed)
    (root / "img").mkdir(parents=True)
    rows: list[Row] = []
    for scene in range(n_scenes):
        light = rng.uniform(0.05, 0.95)
        for _ in range(SIZE):
            name = f"img/{len(rows)}.png"
            level = float(np.clip(light + rng.normal(0, 0.03), 0, 1))
            pixels = np.clip(255 * level + rng.normal(0, 6, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name)
            mos = float(np.clip(20 + 60 * level + rng.normal(0, 6), 0, 100))
            part = "train" if scene % 3 else "val"
            rows.append({"image": name, "mos": round(mos, 3), "scene": f"s{scene}", "set": part})
    write(root / "ratings.csv", rows)
    return root / "ratings.csv"


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a CSV with the columns of the first."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def edited(path: Path, change: Callable[[list[Row]], object], name: str = "edited.csv") -> Path:
    """A copy beside the table with rows changed in place by `change`."""
    with path.open(newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    change(rows)
    write(path.with_name(name), rows)
    return path.with_name(name)
