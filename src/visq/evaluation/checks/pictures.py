"""One pass over pictures: what `visq check` has to know of them. Knows files and pixels; judges nothing."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import InputError
from visq.core.types import Picture
from visq.evaluation.checks.finding import PictureFacts
from visq.media import content_id, decode, header, read_bytes
from visq.media.fingerprint import dct_hash, difference_hash
from visq.scoring.cpus import cpu_limit

Embed = Callable[[Picture], NDArray[np.float32]]
"""What a model sees in a picture: uint8 [h, w, 3] to float32 [d]."""

Rate = Callable[[Picture, str], float | None]
"""What a model scores a picture for an aspect, higher is better; None where it does not know the aspect."""
MOST_RATED = 300
"""Pictures of a set that a model scores: enough to see which way labels point."""

MISSING = PictureFacts(None, -1, "no such file", "missing")


def picture_facts(
    paths: Sequence[str | None],
    *,
    embed: Embed | None = None,
    rate: Callable[[Picture], float | None] | None = None,
    at_least: int | None = None,
    workers: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[PictureFacts]:
    """Facts of pictures, in their order; every file is read once, a few at a time.

    Args:
        paths: [n]; None stands for a file that is not there.
        embed: features of a picture; called in worker threads. None leaves them out.
        rate: score of a picture; called likewise, for at most 300 of them, spread evenly. None leaves it out.
        at_least: as `visq.media.decode` takes it, for the pixels that the two are given.
        workers: threads; None takes one a CPU.
        on_progress: called with the number of pictures done.

    Returns:
        [n]; a picture that cannot be used has its reason.
    """
    found = []
    step = max(1, math.ceil(len(paths) / MOST_RATED))
    asked = ((path, embed, rate if i % step == 0 else None, at_least) for i, path in enumerate(paths))
    with ThreadPoolExecutor(workers or cpu_limit()) as pool:
        for facts in _in_order(pool, asked, 2 * (workers or cpu_limit()) + 2):
            found.append(facts)
            on_progress(len(found))
    return found


def _in_order(
    pool: ThreadPoolExecutor, asked: Iterable[tuple[Any, ...]], ahead: int
) -> Iterator[PictureFacts]:
    pending: deque[Future[PictureFacts]] = deque()
    for one in asked:
        pending.append(pool.submit(_facts, *one))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _facts(
    path: str | None,
    embed: Embed | None,
    rate: Callable[[Picture], float | None] | None,
    at_least: int | None,
) -> PictureFacts:
    if path is None:
        return MISSING
    try:
        data = read_bytes(path)
    except InputError as error:
        return PictureFacts(None, -1, str(error), error.kind)
    digest = content_id(data)
    try:
        picture = decode(data).picture
    except InputError as error:
        return PictureFacts(digest, len(data), str(error), error.kind)
    height, width = picture.shape[:2]
    seen = picture
    # Hashes are of all pixels; a model is given those it gets when it scores.
    if at_least is not None and min(height, width) >= 2 * at_least and (embed or rate):
        seen = decode(data, at_least=at_least).picture
    kind, luma, n_exif = _header(data)
    return PictureFacts(
        sha256=digest,
        n_bytes=len(data),
        error=None,
        kind=None,
        format=kind,
        width=width,
        height=height,
        jpeg_luma_sum=luma,
        n_exif=n_exif,
        pixel_sha256=hashlib.sha256(f"{height}x{width}:".encode() + picture.tobytes()).hexdigest(),
        dhash=difference_hash(picture),
        phash=dct_hash(picture),
        features=b"" if embed is None else unit(embed(seen)).astype(np.float16).tobytes(),
        score=None if rate is None else rate(seen),
    )


def unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features scaled to length 1; zeros stay zeros."""
    length = float(np.linalg.norm(features))
    return features / length if length > 0 else features


def _header(data: bytes) -> tuple[str, int, int]:
    """Format, sum of the luminance quantisation table (-1 without one), number of EXIF tags."""
    with header(data) as image:
        tables = getattr(image, "quantization", None) or {}
        luma = sum(tables[min(tables)]) if tables else -1
        try:
            n_exif = len(image.getexif())
        except Exception:  # noqa: BLE001  # a broken tag makes Pillow raise almost anything
            n_exif = 0
        return image.format or "", luma, n_exif
