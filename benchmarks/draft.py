"""How far scores move when 12-megapixel JPEGs are decoded at a reduced size, and how much faster that is.

No folder of large photographs is at hand, so they are made: pictures of the folders named are enlarged to 12
megapixels (Lanczos), get grain (Gaussian, alike in the three channels) and are saved as JPEG of quality 90.
Their detail is that of the small picture; a camera's own detail, sharpening and noise are not in them. Every
picture is decoded whole and reduced, in turn, and scored by the same model; the files sit in memory.

    python benchmarks/draft.py FOLDER...                      every picture of the folders, 6 levels of grain
    python benchmarks/draft.py FOLDER... --most 150           at most so many of a folder, spread evenly
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from visq import Scorer, load
from visq.media import PICTURE_ENDINGS, decode

PIXELS = 12_000_000
GRAIN = (0, 3, 6, 10, 15, 25)
"""Standard deviations, of 255; the next picture gets the next one."""


def make(source: Path, target: Path, grain: int, rng: np.random.Generator) -> None:
    """A large JPEG of a small picture."""
    with Image.open(source) as opened:
        small = opened.convert("RGB")
    factor = (PIXELS / (small.width * small.height)) ** 0.5
    size = (round(small.width * factor), round(small.height * factor))
    pixels = np.asarray(small.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    noise = rng.standard_normal((*pixels.shape[:2], 1), dtype=np.float32) * grain
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(target, "JPEG", quality=90)


def chosen(folder: Path, most: int) -> list[Path]:
    """Pictures of a folder, spread evenly over their names."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_ENDINGS)
    return [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, min(most, len(paths))).astype(int))]


def scored(data: bytes, scorer: Scorer, at_least: int | None) -> tuple[list[float], float, float]:
    """Scores of a file, seconds to decode and squash it, and seconds with the model."""
    begun = time.perf_counter()
    pixels = scorer.prepare(decode(data, at_least=at_least).picture)
    decoded = time.perf_counter()
    (scores,) = scorer.score_pictures([pixels])
    return [s.value for s in scores.values()], decoded - begun, time.perf_counter() - begun


def main() -> None:
    """Make, score twice, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=10**6)
    words = parser.parse_args()
    sources = [path for folder in words.folders for path in chosen(folder, words.most)]
    rng = np.random.default_rng(11)
    moved, took = [], []
    with load(threads=1) as scorer, tempfile.TemporaryDirectory() as folder:
        for k, source in enumerate(sources):
            file = Path(folder) / "large.jpg"
            make(source, file, GRAIN[k % len(GRAIN)], rng)
            data = file.read_bytes()
            ways = [scorer.at_least, None]
            found = {way: scored(data, scorer, way) for way in (ways if k % 2 else ways[::-1])}
            (reduced, *fast), (whole, *slow) = (found[way] for way in ways)
            moved.append(np.subtract(reduced, whole))
            took.append([*fast, *slow])
        names = [aspect.name for aspect in scorer.aspects]
    report(np.array(moved), np.array(took), names)


def report(moved: np.ndarray, took: np.ndarray, names: list[str]) -> None:
    """Tables in Markdown."""
    grain = np.arange(len(moved)) % len(GRAIN)
    print(f"{len(moved)} pictures of 12 megapixels; at_least 640; {os.cpu_count()} CPUs, one thread\n")
    print("| aspect | grain | n | mean difference | mean absolute | largest |")
    print("| --- | --- | --- | --- | --- | --- |")
    for a, name in enumerate(names):
        for g, strength in enumerate([*GRAIN, "all"]):
            d = moved[:, a] if strength == "all" else moved[grain == g, a]
            if d.size:
                print(
                    f"| {name} | {strength} | {d.size} | {d.mean():+.4f} | {np.abs(d).mean():.4f} | "
                    f"{np.abs(d).max():.4f} |"
                )
    ms = np.median(took, axis=0) * 1000
    ratios = [took[:, 2] / took[:, 0], took[:, 3] / took[:, 1]]
    print("\n| step | reduced, ms | whole, ms | whole / reduced |\n| --- | --- | --- | --- |")
    for step, k in (("decode and squash", 0), ("the same and the model", 1)):
        low, mid, high = np.percentile(ratios[k], [5, 50, 95])
        print(f"| {step} | {ms[k]:.1f} | {ms[k + 2]:.1f} | {mid:.2f} ({low:.2f}..{high:.2f}) |")


if __name__ == "__main__":
    main()
