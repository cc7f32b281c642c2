"""Checks of splits: groups and pictures that stand on both sides, within a manifest and between manifests."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import Grouping, groupings, stem_of

_TRAIN = re.compile(r"train|fit|learn", re.IGNORECASE)


def group_overlap(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Groups that a split tears apart; independent draws that are taken for folds."""
    for one in sets:
        for column, parts in one.splits.items():
            for grouping in groupings(one):
                yield from _torn(one, column, parts, grouping)
        yield from _draws(one)
    for a, b in combinations(sets, 2):
        of_b = {grouping.name: grouping for grouping in groupings(b)}
        for grouping in groupings(a):
            if grouping.name in of_b:
                yield from _torn_between(a, grouping, b, of_b[grouping.name])


def _torn(one: CheckedSet, column: str, parts: Sequence[str], grouping: Grouping) -> Iterator[Finding]:
    sides: dict[str, set[str]] = defaultdict(set)
    for group, part in zip(grouping.values, parts, strict=True):
        if group and part:
            sides[group].add(part)
    torn = {group for group, found in sides.items() if len(found) > 1}
    if not torn:
        return
    names = sorted({part for part in parts if part})
    learnt = [name for name in names if _TRAIN.search(name)] or names[:1]
    in_train = {group for group, found in sides.items() if found & set(learnt)}
    tested = [i for i, part in enumerate(parts) if part and part not in learnt and grouping.values[i]]
    leaking = [i for i in tested if grouping.values[i] in in_train]
    tested_groups = {grouping.values[i] for i in tested}
    yield Finding(
        "group-overlap",
        "error",
        f"{one.name}, column {column!r}: {len(torn)} of {len(sides)} groups ({grouping.name}, by "
        f"{grouping.source}) stand in several parts; {len(leaking)} of {len(tested)} rows outside "
        f"{' and '.join(learnt)} have their group there; split by group (visq split)",
        (one.name,),
        one.row_names(leaking),
        {
            "n_groups": len(sides),
            "n_torn": len(torn),
            "n_tested": len(tested),
            "n_leaking": len(leaking),
            "share": len(leaking) / len(tested) if tested else None,
            "n_tested_groups": len(tested_groups),
            "n_tested_groups_in_train": len(tested_groups & in_train),
            **_by_label(one, leaking, tested),
            **_sharing(one, parts, learnt, grouping),
        },
    )


def _sharing(
    one: CheckedSet, parts: Sequence[str], learnt: Sequence[str], grouping: Grouping
) -> dict[str, int]:
    """Where rows are joined by several values: how many share one directly, not through others."""
    if not grouping.links:
        return {}
    known = {
        value for link, part in zip(grouping.links, parts, strict=True) if part in learnt for value in link
    }
    tested = [i for i, part in enumerate(parts) if part and part not in learnt]
    sharing = [i for i in tested if grouping.links[i] & known]
    counts = {key.replace("leaking", "sharing"): n for key, n in _by_label(one, sharing, tested).items()}
    return {"n_sharing_directly": len(sharing), **{k: n for k, n in counts.items() if "sharing" in k}}


def _torn_between(a: CheckedSet, of_a: Grouping, b: CheckedSet, of_b: Grouping) -> Iterator[Finding]:
    # The set called train, else the first one, is the side that is learnt from.
    if _TRAIN.search(b.name) and not _TRAIN.search(a.name):
        a, of_a, b, of_b = b, of_b, a, of_a
    tested = [i for i, group in enumerate(of_b.values) if group]
    if of_a.links and of_b.links:
        shared = frozenset().union(*of_a.links)
        leaking = [i for i in tested if of_b.links[i] & shared]
    else:
        known = {group for group in of_a.values if group}
        leaking = [i for i in tested if of_b.values[i] in known]
    if leaking:
        yield Finding(
            "group-overlap",
            "error",
            f"{len(leaking)} of {len(tested)} rows of {b.name} have their group ({of_b.name}, by "
            f"{of_b.source}) in {a.name}; figures on {b.name} flatter what has learnt from {a.name}",
            (a.name, b.name),
            tuple(f"{b.name}/{name}" for name in b.row_names(leaking)),
            {
                "n_tested": len(tested),
                "n_leaking": len(leaking),
                "share": len(leaking) / len(tested),
                **_by_label(b, leaking, tested),
            },
        )


def _by_label(one: CheckedSet, leaking: Sequence[int], tested: Sequence[int]) -> dict[str, int]:
    """The same counts for each value of a yes-or-no label."""
    if not one.is_yes_or_no:
        return {}
    found = {}
    for label in (0, 1):
        found[f"n_leaking_{label}"] = sum(one.labels[i] == label for i in leaking)
        found[f"n_tested_{label}"] = sum(one.labels[i] == label for i in tested)
    return found


def _draws(one: CheckedSet) -> Iterator[Finding]:
    """Train-test columns whose test parts are drawn apart: some rows in none of them, some in several."""
    tests = [
        {i for i, part in enumerate(parts) if part and not _TRAIN.search(part)}
        for parts in one.splits.values()
        if any(_TRAIN.search(part) for part in parts if part)
    ]
    if len(tests) < 3:
        return
    times = [sum(i in test for test in tests) for i in range(len(one))]
    never, often = times.count(0), sum(n > 1 for n in times)
    if often:
        yield Finding(
            "group-overlap",
            "warning",
            f"{one.name}: the test parts of {', '.join(one.splits)} are independent draws, not folds: "
            f"{never} rows are in none of them, {often} in several; their figures are not independent",
            (one.name,),
            one.row_names(i for i, n in enumerate(times) if n > 1),
            {"n_in_none": never, "n_in_several": often},
        )


def picture_overlap(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Pictures that stand in two manifests: by their bytes where files were read, else by name."""
    for a, b in combinations(sets, 2):
        by_bytes = bool(a.facts and b.facts)
        known = {key for key in _keys(a, by_bytes=by_bytes) if key}
        shared = [i for i, key in enumerate(_keys(b, by_bytes=by_bytes)) if key in known]
        if shared:
            how = "by their bytes" if by_bytes else "by file name"
            yield Finding(
                "picture-overlap",
                "error" if by_bytes else "warning",
                f"{a.name} and {b.name} share {len(shared)} pictures {how}, such as "
                f"{b.rows[shared[0]].id!r}; what has learnt from one cannot be tested on the other",
                (a.name, b.name),
                tuple(f"{b.name}/{name}" for name in b.row_names(shared)),
                {"n": len(shared), "share": len(shared) / len(b)},
            )


def _keys(one: CheckedSet, *, by_bytes: bool) -> list[str | None]:
    if by_bytes:
        return [facts.sha256 for facts in one.facts]
    return [stem_of(row.file or row.id).casefold() or None for row in one.rows]
