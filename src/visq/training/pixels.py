"""Pictures brought to the model's size once, in a file that training maps into memory. Knows no label."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError, InputError
from visq.core.types import Picture
from visq.media import Decoded, decode, least_side, preprocessing_id
from visq.scoring import atomic_write
from visq.scoring.cpus import cpu_limit

_BLOCK = 64


def read_picture(path: Path, side: int) -> Picture:
    """A labelled picture, decoded as for scoring.

    Args:
        path: of the file.
        side: of the model's pictures, px.

    Raises:
        DataError: it cannot be read; the message says which.
    """
    return _decoded(path, least_side(preprocessing_id(side, side))).picture


def _decoded(path: Path, at_least: int | None) -> Decoded:
    try:
        return decode(path.read_bytes(), at_least=at_least)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; a labelled picture has to be readable") from error
    except InputError as error:
        raise DataError(f"{path}: {error}; a labelled picture has to be readable") from error


def file_sizes(paths: Sequence[Path]) -> NDArray[np.float64]:
    """float64 [n, 3]: bytes of the file, height and width of the picture in px."""

    def size(path: Path) -> tuple[float, float, float]:
        height, width = _decoded(path, at_least=1).size
        return float(path.stat().st_size), float(height), float(width)

    with ThreadPoolExecutor(cpu_limit()) as threads:
        return np.array(list(threads.map(size, paths)))


def kept_pixels(
    cache: Path, identity: str, paths: Sequence[Path], make: Callable[[int, Path], Picture]
) -> NDArray[np.uint8]:
    """Pixels made of pictures, from a file in the cache, which is written where it is missing.

    Args:
        cache: folder; made where it is missing.
        identity: of all that the pixels depend on but the files.
        paths: of n pictures.
        make: index and path -> uint8 array, of one shape for all; called in threads.

    Returns:
        uint8 [n, ...], mapped from the file, read-only.
    """
    key = hashlib.sha256(identity.encode())
    for path in paths:
        key.update(hashlib.sha256(path.read_bytes()).digest())
    kept = cache / f"pixels-{key.hexdigest()[:24]}.npy"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        (cache / ".gitignore").write_text("*\n")  # pixels of pictures of unclear licence: not to be committed
        with atomic_write(kept) as partial:
            _write(partial, len(paths), _made(paths, make))
    mapped: NDArray[np.uint8] = np.load(kept, mmap_mode="r")
    return mapped


def _made(paths: Sequence[Path], make: Callable[[int, Path], Picture]) -> Iterable[Picture]:
    with ThreadPoolExecutor(cpu_limit()) as threads:
        for start in range(0, len(paths), _BLOCK):
            block = range(start, min(start + _BLOCK, len(paths)))
            yield from threads.map(make, block, (paths[k] for k in block))


def _write(partial: Path, n: int, rows: Iterable[Picture]) -> None:
    out: np.memmap[Any, np.dtype[np.uint8]] | None = None
    for k, row in enumerate(rows):
        if out is None:
            out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(n, *row.shape))
        out[k] = row
    if out is not None:
        out.flush()
