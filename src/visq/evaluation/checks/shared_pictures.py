"""Check of pictures that stand on both sides of a split, or in two lists. Knows paths, hashes and names.

Opens no file; what a label means it does not know either, only whether two can be of one picture.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import folder_of, stem_of
from visq.evaluation.checks.splits import roles
from visq.metrics import srcc

_AGREE = 0.9  # SRCC of labels, or share of equal ones, from which rows of one file name are one picture
_FEW = 5
_FEW_VALUES = 10  # labels: of so few values pictures share one by chance, and lists in order of them all


def picture_overlap(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Pictures in several parts of a split or in several lists: by their bytes where files were read."""
    for one in sets:
        for column, parts in one.splits.items():
            yield from _twice(one, column, parts)
    for a, b in combinations(sets, 2):
        yield from _shared(a, b)


def _twice(one: CheckedSet, column: str, parts: Sequence[str]) -> Iterator[Finding]:
    """One file, or one file's bytes, in several parts of a split."""
    where: dict[str, set[str]] = defaultdict(set)
    rows: dict[str, list[int]] = defaultdict(list)
    for i, key in enumerate(one.pictures):
        if parts[i] and one.rows[i].file:
            where[key].add(parts[i])
            rows[key].append(i)
    twice = [key for key, found in where.items() if len(found) > 1]
    if twice:
        file = one.rows[rows[twice[0]][0]].file
        yield Finding(
            "picture-overlap",
            "error",
            f"{one.name}, column {column!r}: {len(twice)} pictures stand in several parts, such as {file!r}; "
            "keep each in one",
            (one.name,),
            one.found_rows(i for key in twice for i in rows[key]),
            {"column": column, "n": len(twice)},
        )


def _shared(a: CheckedSet, b: CheckedSet) -> Iterator[Finding]:
    learnt, tested, told = roles(a, b)
    of_learnt, of_tested = _hashes(learnt), _hashes(tested)
    known = {found for found in of_learnt if found}
    by_bytes = [i for i, found in enumerate(of_tested) if found in known]
    # Where the bytes of both are known they have the word; names tell the rest.
    by_name = [i for i, k in _same_names(learnt, tested) if not (of_tested[i] and of_learnt[k])]
    by_name = sorted(set(by_name) - set(by_bytes))
    shared = sorted({*by_bytes, *by_name})
    if not shared:
        return
    how, by = "with the same bytes", "bytes"
    if by_name:
        how, by = "by their file names", "name"
    if by_name and by_bytes:
        how, by = (
            f"({len(by_bytes)} with the same bytes, {len(by_name)} by their file names)",
            "bytes and name",
        )
    advice = (
        f"figures on {tested.name} are no test of what has learnt from {learnt.name}"
        if told
        else "what has learnt from one cannot be tested on the other"
    )
    yield Finding(
        "picture-overlap",
        "error" if told else "note",
        f"{learnt.name} and {tested.name} share {len(shared)} pictures {how}, such as "
        f"{tested.rows[shared[0]].id!r}; {advice}",
        (learnt.name, tested.name),
        tested.found_rows(shared, among_sets=True),
        {"n": len(shared), "share": len(shared) / len(tested), "by": by},
    )


def _hashes(one: CheckedSet) -> Sequence[str | None]:
    return [facts.sha256 for facts in one.facts] or [None] * len(one)


def _same_names(learnt: CheckedSet, tested: CheckedSet) -> list[tuple[int, int]]:
    """Pairs of rows of `tested` and `learnt` whose files are called alike, unless they are two pictures.

    Lists name one picture with other folders, so folders do not count; but `train/001.jpg` and `test/001.jpg`
    are two pictures. Where both lists have labels these decide; where labels have few values, which pictures
    have in common by chance, folders have to agree too.
    """
    if os.path.dirname(learnt.manifest) == os.path.dirname(tested.manifest):
        paths = {os.path.normpath(row.file): k for k, row in enumerate(learnt.rows) if row.file}
        files = [os.path.normpath(row.file) if row.file else "" for row in tested.rows]
        equal = [(i, paths[file]) for i, file in enumerate(files) if file in paths]
        if equal:
            return equal
    first: dict[str, int] = {}
    for k, row in enumerate(learnt.rows):
        first.setdefault(stem_of(row.file).casefold(), k)
    keys = [stem_of(row.file).casefold() for row in tested.rows]
    shared = [(i, first[key]) for i, key in enumerate(keys) if key and key in first]
    both = [(learnt.labels[k], tested.labels[i]) for i, k in shared]
    labels = [(x, y) for x, y in both if x is not None and y is not None]
    if labels and len({label for pair in labels for label in pair}) <= _FEW_VALUES:
        return [(i, k) for i, k in shared if folder_of(tested.rows[i].file) == folder_of(learnt.rows[k].file)]
    return shared if _agree(labels) else []


def _agree(labels: Sequence[tuple[float, float]]) -> bool:
    """Whether labels of two lists can be of the same pictures: equal, or in the same order."""
    if not labels or sum(x == y for x, y in labels) >= _AGREE * len(labels):
        return True
    if len(labels) < _FEW:
        return False
    x, y = np.array(labels, dtype=np.float64).T
    return abs(srcc(x, y)) >= _AGREE  # nan, where all of one list are equal, is no agreement
