"""Checks of splits: groups that stand on both sides, within a manifest and between manifests; draws.

Knows which part each row is in, by a split column or by the name of its list; no picture and no label's
meaning.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from visq.evaluation.checks.finding import CheckedSet, Figure, Finding, Severity
from visq.evaluation.checks.groups import Grouping, groupings, is_grouping, ways
from visq.evaluation.figures.protocols import names as protocol_names

_TRAIN = re.compile(r"(?<![a-z])(?:train(?:ing)?(?:set)?|fit|learn)(?![a-z])", re.IGNORECASE)
_TEST = re.compile(r"(?<![a-z])(?:test(?:ing)?(?:set)?|val|valid(?:ation)?|eval|dev|holdout)(?![a-z])", re.I)


def is_train(name: str) -> bool:
    """Whether a part or a list is called one to learn from.

    Example:
        >>> [is_train(name) for name in ("train", "train_koniq", "trainingset2/rows", "test", "constraint")]
        [True, True, True, False, False]
    """
    return bool(_TRAIN.search(name.replace("_", " ")))


def is_test(name: str) -> bool:
    """Whether a part or a list is called one to test with."""
    return bool(_TEST.search(name.replace("_", " ")))


def group_overlap(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Groups that stand in several parts of a split, or in several lists."""
    for one in sets:
        found = groupings(one, may_be_one=True) if one.splits else []
        for column, parts in one.splits.items():
            for grouping in found:
                yield from _torn(one, column, parts, grouping)
    said = [list(ways(one)) if len(sets) > 1 else [] for one in sets]
    for (a, of_a), (b, of_b) in combinations(zip(sets, said, strict=True), 2):
        for one_way, other_way in _comparable(of_a, of_b):
            yield from _between(a, one_way, b, other_way)


# --- parts of one list --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sides:
    """The two sides of a split: what is learnt from, and what is tested; positions of rows."""

    learnt: str
    train: list[int]
    tested: list[int]


def _sides(parts: Sequence[str]) -> _Sides | None:
    """Sides by the names of parts; None where none is called train: folds, all tested in turn."""
    train = sorted({part for part in parts if part and is_train(part)})
    if not train:
        return None
    at_train = [i for i, part in enumerate(parts) if part in train]
    tested = [i for i, part in enumerate(parts) if part and part not in train]
    return _Sides(" and ".join(train), at_train, tested)


def _torn(one: CheckedSet, column: str, parts: Sequence[str], grouping: Grouping) -> Iterator[Finding]:
    of: dict[str, set[str]] = defaultdict(set)
    for group, part in zip(grouping.values, parts, strict=True):
        if group and part:
            of[group].add(part)
    torn = {group for group, found in of.items() if len(found) > 1}
    if not torn:
        return
    sides = _sides(parts)
    values = grouping.values
    tested = [i for i, part in enumerate(parts) if part and values[i]]
    both: dict[str, Figure] = {}
    if sides is not None:
        tested = [i for i in sides.tested if values[i]]
    rows = [i for i in tested if values[i] in torn]
    if sides is None:
        leaking, told = rows, f"{len(rows)} of {len(tested)} rows have their group in another part too"
    else:
        known = {values[i] for i in sides.train}
        leaking = [i for i in rows if values[i] in known]
        in_test = {values[i] for i in tested}
        both = {"n_tested_groups": len(in_test), "n_tested_groups_in_train": len(in_test & known)}
        both |= _linked_shares(one, grouping, sides.train, tested)
        told = f"{len(leaking)} of {len(tested)} rows outside {sides.learnt} have their group in it"
        if grouping.links:
            told += f", {both['n_leaking_directly']} share a value with it themselves"
        if len(leaking) < len(rows):
            told += f", {len(rows) - len(leaking)} in another part outside it"
    advice = (
        "split by group (visq split --group)" if grouping.is_sure else "if these are groups, split by them"
    )
    yield Finding(
        "group-overlap",
        "error" if grouping.is_sure else "note",
        f"{one.name}, column {column!r}: {len(torn)} of {len(of)} groups ({grouping.name}, by "
        f"{grouping.source}) "
        f"stand in several parts; {told}; {advice}",
        (one.name,),
        one.found_rows(rows),
        {
            "column": column,
            "grouping": grouping.name,
            "n_groups": len(of),
            "n_torn": len(torn),
            **_sizes(grouping),
            **_shares(one, leaking, tested),
            **both,
        },
    )


def split_draws(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Several train-test columns whose test parts overlap: draws, each by itself, and no folds."""
    for one in sets:
        yield from _draws(one)


def _draws(one: CheckedSet) -> Iterator[Finding]:
    tests: dict[str, set[int]] = {}
    for column, parts in one.splits.items():
        sides = _sides(parts)
        # Two columns of one split, 0 and 1 beside train and test, are no draws.
        if sides is not None and sides.tested and set(sides.tested) not in tests.values():
            tests[column] = set(sides.tested)
    if len(tests) < 2:
        return
    times = Counter(i for test in tests.values() for i in test)
    often = [i for i, n in times.items() if n > 1]
    if not often:
        return
    pairs = {f"{a}&{b}": len(tests[a] & tests[b]) for a, b in combinations(tests, 2)}
    yield Finding(
        "split-draws",
        "warning",
        f"{one.name}: the test parts of {', '.join(tests)} are draws of their own, no folds: "
        f"{len(one) - len(times)} "
        f"rows are in none of them, {len(often)} in several; figures over them are not independent",
        (one.name,),
        one.found_rows(often),
        {"n_in_none": len(one) - len(times), "n_in_several": len(often), **pairs},
    )


# --- two lists ----------------------------------------------------------------------------------------


def roles(a: CheckedSet, b: CheckedSet) -> tuple[CheckedSet, CheckedSet, bool]:
    """The list to learn from, the other, and whether their names tell which is which."""
    a_learns, b_learns = learns(a.name), learns(b.name)
    return (b, a, True) if b_learns and not a_learns else (a, b, a_learns and not b_learns)


def learns(name: str) -> bool:
    """Whether a list is one to learn from: by its own name, else by its folder's.

    Example:
        >>> learns("koniq/train"), learns("train/val"), learns("ratings")
        (True, False, False)
    """
    own = name.rpartition("/")[2].replace("_", " ")
    return is_train(own) or (not is_test(own) and is_train(name))


def _comparable(of_a: Sequence[Grouping], of_b: Sequence[Grouping]) -> Iterator[tuple[Grouping, Grouping]]:
    """Pairs of ways that call one thing by one name: of one source, else columns of one kind."""
    for name in dict.fromkeys(grouping.name for grouping in of_a):
        pairs = [(x, y) for x in of_a for y in of_b if x.name == y.name == name]
        same = [(x, y) for x, y in pairs if x.source == y.source]
        yield from same or [(x, y) for x, y in pairs if not (x.from_names or y.from_names)][:1]


def _between(a: CheckedSet, of_a: Grouping, b: CheckedSet, of_b: Grouping) -> Iterator[Finding]:
    if not (of_a.links and of_b.links) and not is_grouping([*of_a.values, *of_b.values], of_b):
        return
    learnt, tested_set, told = roles(a, b)
    of_learnt, of_tested = (of_a, of_b) if learnt is a else (of_b, of_a)
    if of_learnt.links and of_tested.links:
        known = _values_of_links(of_learnt, range(len(learnt)))
        tested = [i for i, link in enumerate(of_tested.links) if link]
        leaking = [i for i in tested if of_tested.links[i] & known]
    else:
        named = {group for group in of_learnt.values if group}
        tested = [i for i, group in enumerate(of_tested.values) if group]
        leaking = [i for i in tested if of_tested.values[i] in named]
    if not leaking:
        return
    # I01 of one data set is not I01 of another.
    is_one = not of_a.from_names or _is_one_collection(a, b)
    sure = of_a.is_sure and of_b.is_sure and is_one
    severity: Severity = "error" if told and sure else "note"
    yield Finding(
        "group-overlap",
        severity,
        f"{len(leaking)} of {len(tested)} rows of {tested_set.name} have their group ({of_tested.name}, by "
        f"{of_tested.source}) in {learnt.name}; {'' if is_one else 'if they are of one collection, '}"
        f"figures on {tested_set.name} flatter what has learnt from {learnt.name}",
        (learnt.name, tested_set.name),
        tested_set.found_rows(leaking, among_sets=True),
        {"grouping": of_tested.name, **_shares(tested_set, leaking, tested)},
    )


def _is_one_collection(a: CheckedSet, b: CheckedSet) -> bool:
    """Whether two lists seem to be of one collection, so that equal names mean equal things.

    They are where both are called like the same known data set; where none is, if they have pictures in one
    folder, folders called train and test not counted.
    """
    known = [_data_sets(one) for one in (a, b)]
    return known[0] == known[1] if any(known) else bool(_folders(a) & _folders(b))


def _data_sets(one: CheckedSet) -> set[str]:
    """Known data sets that a list is called like."""
    words = set(re.split(r"[^a-z0-9]+", " ".join((one.name, one.protocol or "")).casefold()))
    return words & set(protocol_names())


def _folders(one: CheckedSet) -> set[tuple[str, ...]]:
    """Folders the pictures lie in, or would lie in beside the manifest."""
    beside = os.path.dirname(os.path.realpath(one.manifest))
    found = {os.path.dirname(os.path.join(beside, row.path or row.file)) for row in one.rows}
    return {
        tuple(part for part in os.path.realpath(path).split(os.sep) if not (is_train(part) or is_test(part)))
        for path in found
    }


# --- figures ------------------------------------------------------------------------------------------


def _sizes(grouping: Grouping) -> dict[str, Figure]:
    sizes = Counter(value for value in grouping.values if value)
    found: dict[str, Figure] = {
        "largest_group": max(sizes.values()),
        "n_single": sum(n == 1 for n in sizes.values()),
    }
    if grouping.links:
        found["n_values"] = len(_values_of_links(grouping, range(len(grouping.values))))
    return found


def _linked_shares(
    one: CheckedSet, grouping: Grouping, train: Sequence[int], tested: Sequence[int]
) -> dict[str, Figure]:
    """Rows that share a value itself with train, which is less than to be joined with it through others."""
    if not grouping.links:
        return {}
    known = _values_of_links(grouping, train)
    direct = [i for i in tested if grouping.links[i] & known]
    found = _shares(one, direct, tested)
    return {
        f"{name}_directly": value for name, value in found.items() if name.startswith(("n_leaking", "share"))
    }


def _values_of_links(grouping: Grouping, at: Iterable[int]) -> set[str]:
    return {value for i in at for value in grouping.links[i]}


def _shares(one: CheckedSet, leaking: Sequence[int], tested: Sequence[int]) -> dict[str, Figure]:
    """How many of the tested rows leak, in all and for each value of a yes-or-no label."""
    found: dict[str, Figure] = {
        "n_leaking": len(leaking),
        "n_tested": len(tested),
        "share": len(leaking) / len(tested) if tested else None,
    }
    if one.is_yes_or_no:
        for label in (0, 1):
            n = sum(one.labels[i] == label for i in leaking)
            m = sum(one.labels[i] == label for i in tested)
            found |= {f"n_leaking_{label}": n, f"n_tested_{label}": m, f"share_{label}": n / m if m else None}
    return found
