"""The pipeline: order, bounds, failures, early stop; scores equal whatever batch and workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from photos import make_photos
from visq.core.errors import InputError
from visq.core.scales import MOS
from visq.core.types import Picture, Sample, Score
from visq.scoring import load
from visq.scoring.pipeline import Plan, run


class CountingScorer:
    """Scores a picture by its mean; counts how many prepared pictures are alive at most."""

    at_least = None

    def __init__(self) -> None:
        self.prepared = 0
        self.scored = 0
        self.most = 0
        self.batches: list[int] = []
        self._lock = threading.Lock()

    def prepare(self, picture: Picture) -> Picture:
        with self._lock:
            self.prepared += 1
            self.most = max(self.most, self.prepared - self.scored)
        return picture

    def attempt(self, pixels: Sequence[Picture]) -> list[Mapping[str, Score] | InputError]:
        self.scored += len(pixels)
        self.batches.append(len(pixels))
        return [{"quality": Score(float(p.mean()) / 64 + 1, None, None, MOS, {}, 0.0, None)} for p in pixels]


def samples_of(folder: Path) -> list[Sample]:
    return [Sample(p.name, str(p)) for p in sorted(folder.rglob("*.png"))]


@pytest.mark.parametrize(("workers", "batch"), [(1, 1), (2, 3), (5, 8), (3, 100)])
def test_outcomes_come_in_the_order_of_the_samples(tmp_path: Path, workers: int, batch: int) -> None:
    samples = samples_of(make_photos(tmp_path / "p", 25))
    scorer = CountingScorer()
    outcomes = [o for batch_ in run(samples, scorer, Plan(workers, batch)) for o in batch_]
    assert [o.sample.id for o in outcomes] == [s.id for s in samples]
    assert [o.position for o in outcomes] == list(range(25))
    assert all(o.row is not None and o.row.status == "ok" for o in outcomes)
    assert max(scorer.batches) <= batch


def test_memory_is_bounded_by_the_window_and_samples_are_read_as_needed(tmp_path: Path) -> None:
    samples = samples_of(make_photos(tmp_path / "p", 60))
    taken = 0

    def stream() -> Iterator[Sample]:
        nonlocal taken
        for sample in samples:
            taken += 1
            yield sample

    scorer = CountingScorer()
    walk = run(stream(), scorer, Plan(workers=2, batch=3))
    next(walk)
    assert taken <= 2 + 2 * 3 + 3  # window and the first batch, not all 60
    for _ in walk:
        pass
    assert scorer.most <= 2 + 2 * 3 + 3
    assert taken == 60


def test_a_failure_among_good_pictures_is_a_row_in_its_place(tmp_path: Path) -> None:
    samples = samples_of(make_photos(tmp_path / "p", 6))
    (tmp_path / "broken.jpg").write_bytes(b"no picture at all")
    samples[2:2] = [
        Sample("broken", str(tmp_path / "broken.jpg")),
        Sample("gone", str(tmp_path / "gone.jpg")),
    ]
    outcomes = [o for batch in run(samples, CountingScorer(), Plan(2, 2)) for o in batch]
    rows = [o.row for o in outcomes if o.row is not None]
    assert [row.status for row in rows] == ["ok", "ok", "failed", "failed", "ok", "ok", "ok", "ok"]
    assert rows[2].kind == "not-a-picture"
    assert rows[2].sha256 is not None
    assert rows[3].kind == "missing"
    assert rows[3].sha256 is None
    assert not rows[2].scores


def test_stop_ends_the_run_early_with_whole_outcomes(tmp_path: Path) -> None:
    samples = samples_of(make_photos(tmp_path / "p", 40))
    seen: list[str] = []
    plan = Plan(2, 2, stop=lambda: len(seen) >= 6)
    for batch in run(samples, CountingScorer(), plan):
        seen += [o.sample.id for o in batch]
    assert 6 <= len(seen) < 40
    assert seen == [s.id for s in samples[: len(seen)]]


def test_closing_the_run_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    walk = run(samples_of(make_photos(tmp_path / "p", 30)), CountingScorer(), Plan(4, 2))
    next(walk)
    walk.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(("workers", "batch", "threads"), [(1, 1, 1), (2, 5, 2), (4, 32, 3)])
def test_minis_scores_are_the_same_bits_in_any_batch_and_on_any_threads(
    tmp_path: Path, workers: int, batch: int, threads: int
) -> None:
    samples = samples_of(make_photos(tmp_path / "p", 12, side=30))
    with load("mini", threads=1) as scorer:
        alone = [row for s in samples for o in run([s], scorer, Plan(1, 1)) for row in [o[0].row]]
    with load("mini", threads=threads) as scorer:
        order = samples[::-1]
        together = [o.row for b in run(order, scorer, Plan(workers, batch)) for o in b][::-1]
    assert together == alone
