"""Tests of folds by group, against the definition."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError
from visq.data.folds import check_folds, group_folds

GROUPS = st.lists(st.text(alphabet="abc é\udcff", max_size=3), min_size=2, max_size=60).filter(
    lambda groups: len(set(groups)) > 1
)


def naive_folds(groups, n_folds, salt):
    """By definition: the rank is how many distinct groups have a smaller hash."""

    def hashed(group):
        return int(hashlib.sha256((salt + group).encode("utf-8", "surrogatepass")).hexdigest(), 16)

    return [sum(hashed(other) < hashed(group) for other in set(groups)) % n_folds for group in groups]


@given(GROUPS, st.data(), st.text(max_size=4, alphabet="xyz"))
def test_folds_are_ranks_of_hashes(groups, data, salt):
    n_folds = data.draw(st.integers(2, len(set(groups))))
    folds = group_folds(groups, n_folds, salt=salt)
    assert folds.dtype == np.int64
    assert folds.tolist() == naive_folds(groups, n_folds, salt)


@given(GROUPS, st.data())
def test_no_group_is_torn_and_folds_are_balanced_over_groups(groups, data):
    n_folds = data.draw(st.integers(2, len(set(groups))))
    folds = group_folds(groups, n_folds, salt="s")
    pairs = set(zip(groups, folds.tolist(), strict=True))
    assert len(pairs) == len(set(groups))
    sizes = [sum(fold == k for _, fold in pairs) for k in range(n_folds)]
    assert max(sizes) - min(sizes) <= 1
    check_folds(groups, folds)


@given(GROUPS, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(groups, random):
    order = list(range(len(groups)))
    random.shuffle(order)
    folds = group_folds(groups, 2, salt="s")
    assert group_folds([groups[i] for i in order], 2, salt="s").tolist() == folds[order].tolist()


def test_another_salt_gives_other_folds():
    groups = [f"p{i}" for i in range(100)]
    assert group_folds(groups, 5, salt="a").tolist() != group_folds(groups, 5, salt="b").tolist()


def test_one_fold_is_refused():
    with pytest.raises(InputError, match="1 folds; cross-validation needs at least 2"):
        group_folds(["a", "b"], 1, salt="")


@pytest.mark.parametrize(("groups", "n_groups"), [(["a", "a", "b"], 2), ([], 0)])
def test_more_folds_than_groups_are_refused(groups, n_groups):
    with pytest.raises(InputError, match=f"3 folds need 3 groups, and there are {n_groups}"):
        group_folds(groups, 3, salt="")


def test_a_torn_group_is_named():
    with pytest.raises(DataError, match="group 'owl' stands in folds 0 and 2"):
        check_folds(["cat", "owl", "cat", "owl"], np.array([1, 0, 1, 2]))


def test_lengths_have_to_agree():
    with pytest.raises(DataError, match="2 groups but 1 folds"):
        check_folds(["a", "b"], [0])
