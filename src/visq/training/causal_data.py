"""What the causal model is trained on: rated pictures of all aspects, their facts, ladders of photographs.

Knows no model. Everything that takes long is kept in the cache; what belongs to one fold is chosen later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.types import Picture
from visq.media import preprocessing_id, squash
from visq.scoring import atomic_write
from visq.training.facts import facts
from visq.training.labels import Labelled, read_labelled
from visq.training.ladders import Kind, read_kinds, rungs
from visq.training.pixels import kept_pixels, read_picture
from visq.training.recipe import Paths, Progress, Recipe
from visq.training.trunk_onnx import read_trunk


@dataclass(frozen=True)
class Rated:
    """Rated pictures of all aspects, aspect after aspect; arrays are [n].

    Attributes:
        paths: of the pictures.
        pixels: uint8 [n, side, side, 3].
        aspect: place of each picture's aspect.
        mos: float64, 1..5.
        folds: int64.
        facts: float64 [n, 5].
    """

    paths: tuple[Path, ...]
    pixels: NDArray[np.uint8]
    aspect: NDArray[np.int64]
    mos: NDArray[np.float64]
    folds: NDArray[np.int64]
    facts: NDArray[np.float64]


@dataclass(frozen=True)
class LadderPool:
    """Ladders of photographs of all folds.

    Attributes:
        pixels: uint8 [m, rungs, side, side, 3], the original first.
        rows: int64 [m], which rated picture each is of.
        kinds: of each.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    kinds: tuple[Kind, ...]


def read_rated(labelled: Mapping[str, Labelled], side: int, cache: Path, on_progress: Progress) -> Rated:
    """Decode and squash every rated picture, once.

    Raises:
        DataError: a picture cannot be read.
    """
    paths = tuple(path for one in labelled.values() for path in one.paths)
    on_progress(f"pixels of {len(paths)} pictures")
    identity = f"{preprocessing_id(side, side)};visq {version('visq')};pillow {version('pillow')}"
    pixels = kept_pixels(cache, identity, paths, lambda _, path: squash(read_picture(path, side), side, side))
    return Rated(
        paths,
        pixels,
        np.concatenate([np.full(one.mos.size, k) for k, one in enumerate(labelled.values())]),
        np.concatenate([one.mos for one in labelled.values()]),
        np.concatenate([one.folds for one in labelled.values()]),
        _kept_facts(kept_beside(pixels, "facts"), pixels),
    )


def kept_beside(pixels: NDArray[np.uint8], what: str) -> Path:
    """The file for something made of kept pixels, named after theirs, so that it is made anew with them."""
    assert isinstance(pixels, np.memmap) and pixels.filename is not None  # noqa: S101, PT018 (kept_pixels' own)
    path = Path(pixels.filename)
    return path.with_name(f"{what}-{path.name}")


def _kept_facts(kept: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    if not kept.exists():
        with atomic_write(kept) as partial, partial.open("wb") as file:
            np.save(file, np.stack([facts(picture) for picture in pixels]))
    return np.asarray(np.load(kept))


def read_ladders(
    rated: Rated,
    counts: Sequence[int],
    kinds: Sequence[Kind],
    n_rungs: int,
    seed: int,
    cache: Path,
    on_progress: Progress,
) -> LadderPool:
    """Distort photographs drawn from every fold alike, each by one kind.

    Args:
        rated: the pictures.
        counts: of ladders a fold, for each aspect.
        kinds: those training may see; ladders take them in turn.
        n_rungs: of a ladder, the original counted.
        seed: of what is drawn.
        cache: where the pixels are kept.
        on_progress: told in words where it is.
    """
    rng = np.random.default_rng([seed, 2])
    rows = []
    for aspect, count in enumerate(counts):
        for fold in np.unique(rated.folds):
            there = np.flatnonzero((rated.aspect == aspect) & (rated.folds == fold))
            rows += rng.choice(there, count, replace=False).tolist()
    chosen = [kinds[k % len(kinds)] for k in range(len(rows))]
    side = rated.pixels.shape[1]

    def ladder(k: int, path: Path) -> Picture:
        own = np.random.default_rng([seed, 3, k])
        strengths = chosen[k].draw(n_rungs - 1, own)
        picture = read_picture(path, side)
        return np.concatenate(
            [squash(picture, side, side)[None], rungs(picture, chosen[k].name, strengths.tolist(), side, own)]
        )

    on_progress(f"{len(rows)} ladders")
    made = preprocessing_id(side, side)
    identity = f"ladders {seed} {n_rungs} {made} {counts} {kinds} pillow {version('pillow')}"
    pixels = kept_pixels(cache, identity, [rated.paths[row] for row in rows], ladder)
    return LadderPool(pixels, np.array(rows), tuple(chosen))


@dataclass(frozen=True)
class Data:
    """All a run reads, in memory or mapped from the cache."""

    trunk: Mapping[str, NDArray[Any]]
    trunk_sha256: str
    labelled: Mapping[str, Labelled]
    rated: Rated
    kinds: tuple[Kind, ...]
    pool: LadderPool


def read_data(recipe: Recipe, paths: Paths, on_progress: Progress) -> Data:
    """Labels, pixels and ladders of a recipe."""
    trunk, trunk_sha256 = read_trunk(paths.trunk)
    labelled = {name: read_labelled(aspect, paths.data) for name, aspect in recipe.aspects.items()}
    side = int(recipe.field("preprocessing", "size")[0])
    rated = read_rated(labelled, side, paths.cache, on_progress)
    kinds = read_kinds(recipe.field("ladders", "kinds"))
    counts = [int(recipe.field("ladders", "a_fold", name)) for name in labelled]
    seen = [kind for kind in kinds if kind.train is not None]
    rungs, seed = int(recipe.field("ladders", "rungs")), int(recipe.field("seed"))
    pool = read_ladders(rated, counts, seen, rungs, seed, paths.cache, on_progress)
    return Data(trunk, trunk_sha256, labelled, rated, kinds, pool)
