"""Pictures to features through the trunk's ONNX graph, kept in a cache. Knows no label and no aspect."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from visq.backbones.mini import open_graph
from visq.core.errors import DataError, InputError
from visq.core.types import Picture
from visq.media import Decoded, decode, least_side, preprocessing_id, squash
from visq.scoring import atomic_write
from visq.scoring.cpus import cpu_limit
from visq.training.recipe import Progress

CHUNK = 64
"""Pictures whose features are kept in one file: what a killed run may lose."""

SAY_EVERY = 8 * CHUNK


@dataclass(frozen=True)
class Features:
    """What the trunk and the file say about pictures, in the order they were given.

    Attributes:
        pooled: float32 [n, d], pooled activations.
        sizes: float64 [n, 3], bytes of the file, height and width of the picture in px.
    """

    pooled: NDArray[np.float32]
    sizes: NDArray[np.float64]


@dataclass(frozen=True)
class Extractor:
    """The feature graph, ready to run; every picture runs alone, so its features depend on nothing else.

    Attributes:
        graph: bytes of the ONNX graph, `pixels` to `features`.
        size: height and width the graph wants, px.
        identity: of graph, preprocessing and versions; part of every key in the cache.
        cache: folder for what was computed; made where it is missing.
    """

    graph: bytes
    size: tuple[int, int]
    identity: str
    cache: Path

    def __call__(self, paths: Sequence[Path], what: str, on_progress: Progress) -> Features:
        """Features of pictures, from the cache where they are there.

        Raises:
            DataError: a picture cannot be read; the message says which.
        """
        _make_cache(self.cache)
        session, parts = open_graph(self.graph), []
        with ThreadPoolExecutor(cpu_limit()) as threads:
            for start in range(0, len(paths), CHUNK):
                if start % SAY_EVERY == 0:
                    on_progress(f"{what}: {start} of {len(paths)} pictures")
                parts.append(self._chunk(paths[start : start + CHUNK], session, threads))
        return Features(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _chunk(
        self, paths: Sequence[Path], session: Any, threads: ThreadPoolExecutor
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        contents = list(threads.map(_read, paths))
        key = hashlib.sha256(self.identity.encode())
        for content in contents:
            key.update(hashlib.sha256(content).digest())
        kept = self.cache / f"{key.hexdigest()}.npz"
        known = _load(kept)
        if known is not None:
            return known
        rows = list(threads.map(self._one, paths, contents, [session] * len(paths)))
        pooled, sizes = (np.stack(column) for column in zip(*rows, strict=True))
        with atomic_write(kept) as partial:
            _save(partial, pooled, sizes)
        return pooled, sizes

    def _one(
        self, path: Path, content: bytes, session: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        try:
            decoded = _decoded(content, self.size)
        except InputError as error:
            raise DataError(f"{path}: {error}; a labelled picture has to be readable") from error
        pixels = squash(decoded.picture, *self.size)
        pooled = session.run(["features"], {"pixels": pixels[None]})[0][0]
        return pooled, np.array([len(content), *decoded.size], dtype=np.float64)


def prepare(content: bytes, size: tuple[int, int]) -> Picture:
    """uint8 [height, width, 3]: pixels as the model sees them, from the bytes of a picture file."""
    return squash(_decoded(content, size).picture, *size)


def _decoded(content: bytes, size: tuple[int, int]) -> Decoded:
    return decode(content, at_least=least_side(preprocessing_id(*size)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; a labelled picture has to be readable") from error


def _load(kept: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
    """What an earlier run kept; None where it kept nothing, or a crash of the machine left half a file."""
    try:
        with kept.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["pooled"], arrays["sizes"]
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None


def _save(partial: Path, pooled: NDArray[np.float32], sizes: NDArray[np.float64]) -> None:
    with partial.open("wb") as out:
        np.savez(out, pooled=pooled, sizes=sizes)


def _make_cache(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Features come from pictures of unclear licence: they are not to be committed by accident.
    (folder / ".gitignore").write_text("*\n")
