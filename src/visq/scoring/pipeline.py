"""The pipeline: decode in worker threads, model in the caller's, outcomes in the order of the samples.

Knows batches, threads and failures; not what a score means, and no table.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from visq.core.errors import InputError
from visq.core.types import Picture, Row, Sample, Score, printable
from visq.media import content_id, decode, read_bytes
from visq.scoring.journal import Known, Stamp

_POLL_S = 0.5


class PictureScorer(Protocol):
    """What the pipeline needs of a Scorer: how large it wants JPEGs at least, and two calls."""

    @property
    def at_least(self) -> int | None:
        """As `decode` takes it."""
        ...

    def prepare(self, picture: Picture) -> Picture:
        """Called in worker threads, one picture at a time."""
        ...

    def attempt(self, pixels: Sequence[Picture]) -> list[Mapping[str, Score] | InputError]:
        """Called in the caller's thread, a batch at a time; an error stands for a picture without scores."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of one sample.

    Attributes:
        sample: the input.
        position: its place among the inputs, from 0.
        stamp: of its file; None where it could not be read.
        row: the new row; None where the one of an earlier run still holds.
    """

    sample: Sample
    position: int
    stamp: Stamp | None
    row: Row | None


@dataclass(frozen=True)
class Plan:
    """How a run goes about its work; none of it changes a score.

    Attributes:
        workers: threads that read and decode.
        batch: pictures handed to the model at a time.
        retry_failed: try earlier failures again.
        known: what an earlier run left on an id.
        stop: asked between pictures; True ends the run early.
    """

    workers: int
    batch: int
    retry_failed: bool = False
    known: Callable[[str], Known | None] = lambda _: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class _Prepared:
    """A sample after its worker: pixels for the model, or a row that is already final, or unchanged."""

    sample: Sample
    position: int
    stamp: Stamp | None
    sha256: str | None = None
    note: str | None = None
    pixels: Picture | None = None
    failure: InputError | None = None


def run(samples: Iterable[Sample], scorer: PictureScorer, plan: Plan) -> Iterator[list[Outcome]]:
    """Score samples; yields lists of outcomes in the order of the samples, each ready to be journalled.

    At most `workers + 2 * batch` pictures are under way, so memory does not depend on the number of samples.
    A picture that cannot be read or decoded becomes a failure row; nothing is dropped.
    """
    pool = ThreadPoolExecutor(plan.workers, thread_name_prefix="visq-decode")
    try:
        yield from _batches(_in_order(samples, scorer, plan, pool), scorer, plan)
    finally:
        pool.shutdown(wait=not plan.stop(), cancel_futures=True)


def _in_order(
    samples: Iterable[Sample], scorer: PictureScorer, plan: Plan, pool: ThreadPoolExecutor
) -> Iterator[_Prepared]:
    """Prepared samples in order, a bounded window ahead of the model."""
    window: deque[Future[_Prepared]] = deque()
    for position, sample in zip(count(), samples):
        if plan.stop():
            return
        known = plan.known(sample.id)
        window.append(pool.submit(_prepare, sample, position, known, scorer, plan.retry_failed))
        if len(window) >= plan.workers + 2 * plan.batch:
            yield from _next(window, plan.stop)
    while window and not plan.stop():
        yield from _next(window, plan.stop)


def _next(window: deque[Future[_Prepared]], stop: Callable[[], bool]) -> Iterator[_Prepared]:
    """The oldest sample of the window; nothing if the run is stopped while a worker hangs."""
    future = window.popleft()
    while True:
        try:
            yield future.result(timeout=_POLL_S)
        except StillRunning:
            if not stop():
                continue
        return


def _batches(prepared: Iterator[_Prepared], scorer: PictureScorer, plan: Plan) -> Iterator[list[Outcome]]:
    """Outcomes, a batch of pictures at a time; cheap ones (failed, unchanged) ride along."""
    waiting: list[_Prepared] = []
    n_pictures = 0
    for item in prepared:
        waiting.append(item)
        n_pictures += item.pixels is not None
        if n_pictures >= plan.batch or len(waiting) >= 8 * plan.batch:
            yield _score(waiting, scorer)
            waiting, n_pictures = [], 0
    if waiting:
        yield _score(waiting, scorer)


def _score(items: Sequence[_Prepared], scorer: PictureScorer) -> list[Outcome]:
    pixels = [item.pixels for item in items if item.pixels is not None]
    scores = iter(scorer.attempt(pixels) if pixels else [])
    return [
        Outcome(
            item.sample, item.position, item.stamp, _row(item, None if item.pixels is None else next(scores))
        )
        for item in items
    ]


def _row(item: _Prepared, scores: Mapping[str, Score] | InputError | None) -> Row | None:
    """The row of a sample; None where an earlier one still holds."""
    found = item.failure or scores
    if found is None:
        return None
    id_, path, sha256 = item.sample.id, item.sample.path, item.sha256
    if isinstance(found, InputError):
        return Row(id_, path, "failed", error=printable(str(found)), kind=found.kind, sha256=sha256)
    return Row(id_, path, "ok", note=item.note, sha256=sha256, scores=found)


def _prepare(
    sample: Sample,
    position: int,
    known: Known | None,
    scorer: PictureScorer,
    retry_failed: bool,
) -> _Prepared:
    """Runs in a worker: read, decode, prepare; or see that nothing changed."""
    stamp = _stamp(sample.path)
    old = None if known is None or (known.failed and retry_failed) else known
    if old is not None and old.path == sample.path and old.stamp == stamp:
        return _Prepared(sample, position, stamp)
    sha256 = None
    try:
        data = read_bytes(sample.path)
        sha256 = content_id(data)
        if old is not None and old.sha256 == sha256:
            return _Prepared(sample, position, stamp)
        decoded = decode(data, at_least=scorer.at_least)
    except InputError as failure:
        return _Prepared(sample, position, stamp, sha256, failure=failure)
    pixels = scorer.prepare(decoded.picture)
    note = "; ".join(filter(None, (decoded.note, _enlarged(decoded.size, pixels)))) or None
    return _Prepared(sample, position, stamp, sha256, note, pixels)


def _enlarged(size: tuple[int, int], pixels: Picture) -> str | None:
    """A note where both sides had to grow for the model: such a picture is as soft as a blurred one."""
    (height, width), (tall, wide) = size, pixels.shape[:2]
    if height >= tall or width >= wide:
        return None
    # No comma: people cut tables at them.
    grown = f"only {width} x {height} px and enlarged to {wide} x {tall} for the model"
    return f"{grown}; compare it with pictures of that size"


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None  # reading it will say why
    return Stamp(found.st_size, found.st_mtime_ns)
