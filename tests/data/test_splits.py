"""Splits by group: never torn, balanced as far as groups allow, the same in any order of rows."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError
from visq.data.folds import check_folds
from visq.data.splits import label_strata, spread_groups

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
FOLDS = {f"fold{k}": 0.2 for k in range(5)}
ROWS = st.lists(
    st.tuples(st.sampled_from([f"g{i}" for i in range(25)]), st.integers(0, 3)), min_size=30, max_size=120
).filter(lambda rows: len({group for group, _ in rows}) >= 10)


@given(ROWS, st.text(min_size=1, max_size=3))
def test_no_group_is_torn_and_every_row_has_a_part(rows, seed):
    groups, codes = zip(*rows, strict=True)
    found = spread_groups(groups, {"a": 0.5, "b": 0.5}, [np.array(codes)], seed=seed)
    check_folds(groups, found.codes)
    assert set(found.names) == {"a", "b"}
    assert found.names == [found.parts[code] for code in found.codes]


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random):
    def parts(rows):
        groups, codes = zip(*rows, strict=True)
        found = spread_groups(groups, {"a": 0.5, "b": 0.5}, [np.array(codes)], seed="s")
        return dict(zip(groups, found.names, strict=True))

    mixed = list(rows)
    random.shuffle(mixed)
    assert parts(rows) == parts(mixed)


def naive_spread(groups, shares, families, order):
    """The rule by definition: the whole sum anew for every part tried."""
    placed = {}
    for group in order:
        costs = []
        for part in shares:
            tried = {**placed, group: part}
            cost = 0.0
            for codes in [[0] * len(groups), *families]:
                strata = sorted(set(codes))
                for name, share in shares.items():
                    for stratum in strata:
                        there = sum(
                            tried.get(g) == name and code == stratum
                            for g, code in zip(groups, codes, strict=True)
                        )
                        target = share * sum(code == stratum for code in codes)
                        cost += (there - target) ** 2 / target / max(1, len(strata) - 1)
            costs.append(cost)
        placed[group] = list(shares)[int(np.argmin(np.round(costs, 9)))]
    return placed


@pytest.mark.parametrize("shares", [FOLDS, {"a": 0.5, "b": 0.3, "c": 0.2}])
def test_every_group_goes_where_the_sum_grows_least(shares):
    rng = np.random.default_rng(5)
    names = [f"g{i}" for i in range(16)]
    groups = [*names, *rng.choice(names, 30).tolist()]
    families = [rng.integers(0, 3, 46).tolist(), rng.integers(0, 2, 46).tolist()]
    for seed in ("a", "b", "c"):
        found = spread_groups(groups, shares, [np.array(f) for f in families], seed=seed)
        assert not found.giants
        reached = dict(zip(groups, found.names, strict=True))
        sizes = {g: groups.count(g) for g in names}
        order = sorted(names, key=lambda g: (-sizes[g], hashlib.sha256(f"{seed}\0{g}".encode()).digest()))
        assert reached == naive_spread(groups, shares, families, order)


def test_single_rows_are_shared_out_exactly():
    groups = [f"g{i}" for i in range(1000)]
    labels, domains = np.arange(1000) % 10, np.arange(1000) // 10 % 4
    found = spread_groups(groups, SHARES, [labels, domains], seed="visq")
    assert np.bincount(found.codes).tolist() == pytest.approx([700, 100, 200], abs=2)
    for code, share in enumerate(SHARES.values()):
        at = found.codes == code
        assert np.bincount(labels[at]).tolist() == pytest.approx([100 * share] * 10, abs=3)
        assert np.bincount(domains[at]).tolist() == pytest.approx([250 * share] * 4, abs=4)


def test_balance_is_no_worse_than_scikit_learns():
    sklearn = pytest.importorskip("sklearn.model_selection")
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 12, 150)
    groups = np.repeat(np.arange(150), sizes)
    strata = np.clip(rng.normal(np.repeat(rng.normal(size=150), sizes)), -2, 2.9).round().astype(int) + 2

    def apart(folds):
        counts = np.array([np.bincount(strata[folds == k], minlength=5) for k in range(5)])
        return float(((counts - counts.sum(axis=0) / 5) ** 2 / (counts.sum(axis=0) / 5)).sum())

    theirs = np.empty(groups.size, int)
    split = sklearn.StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for k, (_, test) in enumerate(split.split(groups, strata, groups)):
        theirs[test] = k
    ours = spread_groups([f"g{g}" for g in groups], FOLDS, [strata], seed="visq").codes
    assert apart(ours) <= apart(theirs)


def test_another_seed_gives_another_split():
    groups = [f"g{i}" for i in range(60)]
    assert spread_groups(groups, SHARES, seed="a").names != spread_groups(groups, SHARES, seed="b").names


def test_a_giant_goes_to_training_and_is_named():
    groups = ["giant"] * 40 + [f"g{i}" for i in range(60)]
    shares = {"test": 0.5, "train": 0.3, "val": 0.2}
    found = spread_groups(groups, shares, seed="visq")
    assert [(g.group, g.n, g.part) for g in found.giants] == [("giant", 40, "train")]
    assert found.names[0] == "train"
    # Among equal folds no part is for training: it goes where it fits, and is named all the same.
    folds = spread_groups(groups, FOLDS, seed="visq")
    assert [g.group for g in folds.giants] == ["giant"]
    check_folds(groups, folds.codes)


@pytest.mark.parametrize(
    ("shares", "match"),
    [
        ({"a": 1.0}, "two parts or more"),
        ({"a": 0.5, "b": 0.6}, "add up to 1.1, not to 1"),
        ({"a": 1.2, "b": -0.2}, "part 'a' has share 1.2"),
        ({"a": 0.2, "b": 0.2, "c": 0.2, "d": 0.4}, "4 parts need 4 groups, and there are 3"),
    ],
)
def test_shares_that_make_no_split_are_refused(shares, match):
    with pytest.raises(InputError, match=match):
        spread_groups(["x", "y", "z"], shares, seed="s")


def test_a_part_smaller_than_the_groups_is_named():
    groups = [f"g{i}" for i in range(4) for _ in range(30)]
    with pytest.raises(DataError, match="part 'val' gets no group"):
        spread_groups(groups, {"train": 0.5, "val": 0.01, "test": 0.49}, seed="s")


def test_few_different_labels_are_classes_and_many_are_bins_of_equal_mass():
    classes = label_strata(["2", "1", "1.0", "2"], 2)
    assert (classes.kind, classes.names, classes.codes.tolist()) == ("classes", ("1", "2"), [1, 0, 0, 1])
    words = label_strata(["good", " bad", "good"], 2)
    assert (words.names, words.values) == (("bad", "good"), None)
    bins = label_strata([f"{v:.2f}" for v in np.random.default_rng(0).normal(size=500)], 5)
    assert bins.kind == "bins"
    assert len(bins.names) == 10
    counts = np.bincount(bins.codes)
    assert counts.min() >= 47
    assert counts.max() <= 53
    inside = [bins.values[bins.codes == b] for b in range(10)]
    assert all(lower.max() < upper.min() for lower, upper in pairwise(inside))


def test_few_rows_have_few_bins():
    assert len(label_strata([str(v / 7) for v in range(24)], 4).names) == 2


@pytest.mark.parametrize("odd", ["n/a", "1_000", "nan", "inf", ""])
def test_a_word_among_many_numbers_is_named(odd):
    labels = [str(i) for i in range(20)]
    labels[7] = odd
    with pytest.raises(DataError, match=r"label 8: .* is no number, and there are 20 different labels"):
        label_strata(labels, 2)
