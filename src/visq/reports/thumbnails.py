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

THUMBNAIL_PX = 256
THUMBNAIL_QUALITY = 80
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
    room = MAX_THUMBNAIL_BYTES
    with (
        ThreadPoolExecutor(max_workers=N_WORKERS) as pool,
        closing(_in_order(pool, paths)) as made,
    ):
        for n_done, thumbnail in enumerate(made):
            room -= len(thumbnail or "")
            if room < 0:
                return found, n_done
            found[n_done] = thumbnail
    return found, None


def _in_order(pool: ThreadPoolExecutor, paths: Iterable[str]) -> Generator[str | None, None, None]:
    """Thumbnails in the order of their paths, with few pictures in memory at a time."""
    pending: deque[Future[str | None]] = deque()
    try:
        for path in paths:
            pending.append(pool.submit(_thumbnail, path))
            if len(pending) > DECODES_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _thumbnail(path: str) -> str | None:
    """A small JPEG of a picture in base64, or None where it cannot be decoded any more."""
    if not path:
        return None
    try:
        picture = Image.fromarray(decode(path).picture)
    except InputError:
        return None
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
