"""Checks for pictures that are the same: in bytes, in pixels, to the eye, to a model. Opens no file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visq.data.groups import joined_groups
from visq.evaluation.checks.finding import CheckedSet, Finding, FoundRow, PictureFacts, Severity
from visq.evaluation.checks.splits import learns
from visq.media.fingerprint import distance, near_pairs

NEAR_DHASH = 4
"""Bits of 64 within which difference hashes are searched; the DCT hash has to agree too."""
NEAR_PHASH = 8
NEAR_COSINE = 0.95
"""Cosine of two pictures' features from which a model sees the same picture.

Measured with mini's on 1,200 photographs and 2,375 generated pictures: 20 of 3.5 million pairs of different
pictures reach it, most of them plain surfaces. Of 300 pictures 79 % of mirrored copies do, 48 % of copies cut
by 5 % at each side, and 1 % of those cut by 15 %.
"""
_FLAT = 4  # bits set at most, or missing at most: a hash of a plain surface, which says nothing
_PLANES, _TABLES = 12, 32
_SEED = 7

Row = tuple[int, int]
"""Position of a set, position of a row in it."""


def exact_duplicates(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Files with the same bytes, and files with the same pixels in other bytes, under different names."""
    rows, facts = _pooled(sets)
    by_bytes = _equal(rows, facts, lambda f: f.sha256 or "")
    same_bytes = [[rows[i] for i in group] for group in by_bytes]
    yield from _findings(sets, same_bytes, "exact-duplicates", "have the same bytes")
    by_pixels = _equal(rows, facts, lambda f: f.pixel_sha256)
    # Of byte-equal files one stands for all, so that a group is told once.
    alone = [_first_of_each(group, [facts[i].sha256 or "" for i in group]) for group in by_pixels]
    same_pixels = [[rows[i] for i in group] for group in alone if len(group) > 1]
    yield from _findings(sets, same_pixels, "exact-duplicates", "have the same pixels in other bytes")


def near_duplicates(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Pictures that look the same after another compression or size."""
    rows, facts = _pooled(sets)
    at = _first_of_each(range(len(rows)), [f.pixel_sha256 for f in facts])
    at = [i for i in at if facts[i].pixel_sha256 and _FLAT < facts[i].dhash.bit_count() < 64 - _FLAT]
    dhashes, phashes = [facts[i].dhash for i in at], [facts[i].phash for i in at]
    pairs = [(at[i], at[j]) for i, j in near_pairs(dhashes, NEAR_DHASH, phashes, NEAR_PHASH)]
    groups = [[rows[i] for i in group] for group in _linked(pairs)]
    yield from _findings(sets, groups, "near-duplicates", "look the same (hashes of both kinds are near)")


def feature_duplicates(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Pictures in which a model sees the same, though their hashes differ: cut, flipped, retouched."""
    rows, facts = _pooled(sets)
    at = [i for i in _first_of_each(range(len(rows)), [f.pixel_sha256 for f in facts]) if facts[i].features]
    if len(at) < 2:
        return
    features = np.stack([np.frombuffer(facts[i].features, np.float16) for i in at]).astype(np.float32)
    pairs = [
        (at[i], at[j])
        for i, j in similar_pairs(features, NEAR_COSINE)
        if distance(facts[at[i]].dhash, facts[at[j]].dhash) > NEAR_DHASH
        or distance(facts[at[i]].phash, facts[at[j]].phash) > NEAR_PHASH
    ]
    groups = [[rows[i] for i in group] for group in _linked(pairs)]
    what = "look alike to the model's features"
    yield from _findings(sets, groups, "feature-duplicates", what, is_certain=False)


def similar_pairs(features: NDArray[np.float32], least: float) -> Iterator[tuple[int, int]]:
    """Pairs of rows whose cosine is at least `least`: enough of them to link nearly every group.

    Args:
        features: float32 [n, d], rows of length 1.
        least: -1..1.

    Returns:
        Pairs of positions, the smaller one first, each once; of one bucket at most 8 for each row.

    Source:
        Random hyperplanes (Charikar 2002): two rows at angle t share a bit with probability 1 - t / pi.
        Features are centred first, since all point the same way otherwise; that leaves about half of their
        length, so that a cosine of .95 becomes about .9 (t = .45). With 12 bits in each of 32 tables such a
        pair meets with probability 1 - (1 - .857^12)^32 = .995. Up to 2,048 rows are compared all with all.
    """
    rng = np.random.default_rng(_SEED)
    centred = features - features.mean(axis=0)
    powers = 1 << np.arange(_PLANES)
    seen: set[tuple[int, int]] = set()
    if len(features) <= _LARGEST_BUCKET:
        yield from _similar(features, np.arange(len(features)), least, seen)
        return
    for _ in range(_TABLES):
        planes = rng.normal(size=(features.shape[1], _PLANES)).astype(np.float32)
        codes = (centred @ planes > 0) @ powers
        order = np.argsort(codes, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
            yield from _similar(features, bucket, least, seen)


_LARGEST_BUCKET = 2048  # rows compared with each other; of larger buckets each part by itself
_LINKS = 8  # rows before it that a row is linked with, of one bucket


def _similar(
    features: NDArray[np.float32], bucket: NDArray[np.int64], least: float, seen: set[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    for start in range(0, bucket.size, _LARGEST_BUCKET):
        part = np.sort(bucket[start : start + _LARGEST_BUCKET])
        near = np.tril(features[part] @ features[part].T >= least, -1)
        # A few before each row link a group; thousands of plain pictures must not make millions of pairs.
        near &= np.cumsum(near, axis=1) <= _LINKS
        for i, j in zip(*np.nonzero(near), strict=True):
            pair = (int(part[j]), int(part[i]))
            if pair not in seen:
                seen.add(pair)
                yield pair


def _pooled(sets: Sequence[CheckedSet]) -> tuple[list[Row], list[PictureFacts]]:
    """Rows of all sets whose picture was decoded, each file once: that lists share one is told elsewhere."""
    rows, facts, seen = [], [], set()
    for s, one in enumerate(sets):
        for i, found in enumerate(one.facts):
            if found.error is None and one.pictures[i] not in seen:
                seen.add(one.pictures[i])
                rows.append((s, i))
                facts.append(found)
    return rows, facts


def _equal(
    rows: Sequence[Row], facts: Sequence[PictureFacts], key: Callable[[PictureFacts], str]
) -> list[list[int]]:
    """Positions with the same key, two or more each."""
    by_key: dict[str, list[int]] = defaultdict(list)
    for i in range(len(rows)):
        by_key[key(facts[i])].append(i)
    return [group for value, group in by_key.items() if value and len(group) > 1]


def _first_of_each(at: Iterable[int], keys: Sequence[str]) -> list[int]:
    """The first position of each key; `keys` are paired with `at`."""
    first: dict[str, int] = {}
    for i, value in zip(at, keys, strict=True):
        first.setdefault(value, i)
    return list(first.values())


def _linked(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Positions linked by pairs, directly or through others, each group ascending."""
    edges = [(str(i), str(j)) for i, j in pairs]
    groups: dict[str, set[int]] = defaultdict(set)
    names = joined_groups(list(zip(*edges, strict=True))) if edges else []
    for name, (i, j) in zip(names, edges, strict=True):
        groups[name] |= {int(i), int(j)}
    return [sorted(group) for group in groups.values()]


def _findings(
    sets: Sequence[CheckedSet],
    groups: Sequence[Sequence[Row]],
    check: str,
    what: str,
    *,
    is_certain: bool = True,
) -> Iterator[Finding]:
    """One finding for groups that cross a split or two sets, one for those that stay on one side.

    What is not certain (plain surfaces are all alike to features) is a step less severe.
    """
    crossing = [group for group in groups if len({_side(sets, row) for row in group}) > 1]
    inside = [group for group in groups if len({_side(sets, row) for row in group}) == 1]
    severity: Severity
    for found, severity, where in (
        (crossing, "error" if is_certain else "warning", "across splits or sets; keep them on one side"),
        (inside, "warning" if is_certain else "note", "on one side; a split may tear them apart"),
    ):
        if not found:
            continue
        concerned = sorted({sets[s].name for group in found for s, _ in group})
        a, b = (sets[s].rows[i].id for s, i in found[0][:2])
        gap = _label_gap(sets, found)
        told = "" if gap is None else f"; their labels differ by {gap:.3g} on average"
        yield Finding(
            check,
            severity,
            f"{', '.join(concerned)}: {sum(map(len, found))} pictures in {len(found)} groups {what}, such as "
            f"{a!r} and {b!r}, {where}{told}",
            tuple(concerned),
            tuple(_found(sets, row) for group in found for row in group),
            {
                "n_groups": len(found),
                "n": sum(map(len, found)),
                "label_gap": gap,
                "groups": [[_found(sets, row).name for row in group] for group in found],
            },
        )


def _side(sets: Sequence[CheckedSet], row: Row) -> tuple[bool, tuple[str, ...]]:
    """Where a row stands: in a list to learn from or another, and in which parts of its list."""
    s, i = row
    return learns(sets[s].name), tuple(parts[i] for parts in sets[s].splits.values())


def _found(sets: Sequence[CheckedSet], row: Row) -> FoundRow:
    return sets[row[0]].found_rows([row[1]], among_sets=len(sets) > 1)[0]


def _label_gap(sets: Sequence[CheckedSet], groups: Sequence[Sequence[Row]]) -> float | None:
    """Mean absolute difference of labels over pairs of a group: what no scorer of pictures explains."""
    total, n_pairs = 0.0, 0
    for group in groups:
        labels = [sets[s].labels[i] for s, i in group]
        known = sorted(label for label in labels if label is not None)
        n = len(known)
        # Of n sorted labels the k-th is the larger one of k pairs and the smaller one of n - 1 - k.
        total += sum((2 * k - n + 1) * label for k, label in enumerate(known))
        n_pairs += n * (n - 1) // 2
    return total / n_pairs if n_pairs else None
