"""A small world to train in: a random trunk, two sets of tiny pictures, the shipped recipe made small."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from naive_mobilenet import random_trunk
from visq.training import recipes_available

N_PICTURES = 30


def make_world(root: Path) -> Path:
    """`data/` with both label files, `trunk.safetensors`, and both recipes at 32 px."""
    rng = np.random.default_rng(11)
    rows = [make_row(root / "data", i, rng) for i in range(N_PICTURES)]
    write_rows(root / "data/agiqa3k/labels.csv", [quality for quality, _ in rows])
    write_rows(root / "data/ava/labels.csv", [aesthetics for _, aesthetics in rows])
    save_file(random_trunk(), root / "trunk.safetensors")
    source = recipes_available()["mini-head"]
    text = (
        source.read_text()
        .replace("size = [320, 320]", "size = [32, 32]")
        .replace("resamples = 1000", "resamples = 200")
    )
    (root / "recipes").mkdir()
    (root / "recipes/mini-head.toml").write_text(
        text.replace("draft640;squash320", "draft64;squash32").replace("draws = 100", "draws = 3")
    )
    (root / "recipes/mini-head.md.j2").write_bytes(source.with_suffix(".md.j2").read_bytes())
    causal = recipes_available()["mini"]
    (root / "recipes/mini.toml").write_text(_small(causal.read_text()))
    (root / "recipes/mini.md.j2").write_bytes(causal.with_suffix(".md.j2").read_bytes())
    return root


_SMALLER = {
    "hidden_size = 256": "hidden_size = 32",
    "num_hidden_layers = 2": "num_hidden_layers = 1",
    "num_attention_heads = 4": "num_attention_heads = 2",
    "num_key_value_heads = 4": "num_key_value_heads = 2",
    "intermediate_size = 672": "intermediate_size = 48",
    "vocabulary = 1536": "vocabulary = 500",
    "pictures = 32": "pictures = 8",
    "crop = 288": "crop = 28",
    "ladders = 8": "ladders = 1",
    "quality = 48, aesthetics = 80": "quality = 1, aesthetics = 2",
    "rungs = 6": "rungs = 4",
    "tested = 40": "tested = 2",
    "epochs = 3\ntrunk_lr = 0.0": "epochs = 0.7\ntrunk_lr = 0.0",
    "epochs = 3\ntrunk_lr = 3e-4": "epochs = 0.4\ntrunk_lr = 3e-4",
}


def _small(recipe: str) -> str:
    for written, smaller in _SMALLER.items():
        assert recipe.count(written) == 1, written
        recipe = recipe.replace(written, smaller)
    return recipe


def make_row(data: Path, i: int, rng: np.random.Generator) -> tuple[dict[str, object], dict[str, object]]:
    """One picture for both data sets, its row in each: lighter pictures have higher labels."""
    name, light = f"images/{i}.png", i / N_PICTURES
    pixels = np.clip(255 * light + rng.normal(0, 30, (20 + i % 3, 24, 3)), 0, 255).astype(np.uint8)
    for folder in ("agiqa3k", "ava"):
        (data / folder / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(data / folder / name)
    generator, fold = "ab"[i % 2], i // 2 % 5
    quality = {
        "image": name,
        "group": f"p{i // 2}",
        "generator": generator,
        "duplicate_set": "",
        "fold": fold,
    }
    score = (2.0, 4.6, 7.0)[i % 3] + 0.8 * light
    return {**quality, "quality": 4 * light}, {"image": name, "score": score, "fold": fold}


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def edit_rows(path: Path, change) -> None:
    """Rewrite a label file; `change` gets the list of rows and gives the new one."""
    with path.open(newline="") as file:
        write_rows(path, change(list(csv.DictReader(file))))
