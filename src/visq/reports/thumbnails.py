"""Small JPEGs of a table's pictures as base64 text, within a limit of bytes. Knows no page and no score."""

from __future__ import annotations

import base64
import io
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from PIL import Image

from visq.core.errors import InputError
from visq.core.types import Row
from visq.media import decode

MAX_THUMBNAIL_BYTES = 24_000_000
"""What all thumbnails of a page may weigh, as base64 text in the page."""

THUMBNAIL_SIZES = ((1_500, 256, 80), (4_500, 160, 75), (10_000, 96, 60))
"""Up to how many pictures; longer side of each, px; JPEG quality. Those of most photographs then stay within
the limit: on 82 of AVA and AGIQA-3K, 9,900 of the smallest weigh 24 MB."""

N_WORKERS = 4
DECODES_AHEAD = 2 * N_WORKERS


def thumbnails_of(rows: Sequence[Row]) -> tuple[list[str | None], int | None]:
    """Thumbnails in base64, one a row, until the page would grow too large.

    Returns:
        The thumbnails, None where there is none; and how many pictures they cover, None for all.
    """
    found: list[str | None] = [None] * len(rows)
    wanted = [i for i, row in enumerate(rows) if row.status == "ok"]
    made, n_reached = thumbnails_of_paths([rows[i].path for i in wanted])
    for i, thumbnail in zip(wanted, made, strict=True):
        found[i] = thumbnail
    return found, n_reached


def thumbnails_of_paths(paths: Sequence[str]) -> tuple[list[str | None], int | None]:
    """Thumbnails in base64, one a path, until the page would grow too large.

    Args:
        paths: of pictures; empty text where none is known.

    Returns:
        The thumbnails, None where there is none; and how many paths they cover, None for all.
    """
    found: list[str | None] = [None] * len(paths)
    side, quality = size_of_each(len(paths))
    room = MAX_THUMBNAIL_BYTES
    with (
        ThreadPoolExecutor(max_workers=N_WORKERS) as pool,
        closing(_in_order(pool, paths, side, quality)) as made,
    ):
        for n_done, thumbnail in enumerate(made):
            room -= len(thumbnail or "")
            if room < 0:
                return found, n_done
            found[n_done] = thumbnail
    return found, None


def _in_order(
    pool: ThreadPoolExecutor, paths: Iterable[str], side: int, quality: int
) -> Generator[str | None, None, None]:
    """Thumbnails in the order of their paths, with few pictures in memory at a time."""
    pending: deque[Future[str | None]] = deque()
    try:
        for path in paths:
            pending.append(pool.submit(_thumbnail, path, side, quality))
            if len(pending) > DECODES_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def size_of_each(n: int) -> tuple[int, int]:
    """Longer side and JPEG quality of each of n thumbnails."""
    sizes = [(side, quality) for most, side, quality in THUMBNAIL_SIZES if n <= most]
    return sizes[0] if sizes else THUMBNAIL_SIZES[-1][1:]


def _thumbnail(path: str, side: int, quality: int) -> str | None:
    """A small JPEG of a picture in base64, or None where it cannot be decoded any more."""
    if not path:
        return None
    try:
        picture = Image.fromarray(decode(path, at_least=2 * side).picture)
    except InputError:
        return None
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
