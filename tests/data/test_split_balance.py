"""What a split reached, by counting; torn groups found."""

from __future__ import annotations

import math

from visq.data.split_balance import balance, torn_groups
from visq.data.splits import label_strata


def test_parts_are_counted_by_hand():
    strata = label_strata(["1", "2", "3", "2"], 2)
    found = balance(
        ["a", "a", "b", ""],
        ["g1", "g1", "g2", "g3"],
        wanted={"b": 0.4, "a": 0.6},
        strata=strata,
        domains=["x", "y", "x", "x"],
    )
    b, a = found
    assert (b["name"], b["wanted"], b["n"], b["n_groups"], b["domains"]) == ("b", 0.4, 1, 1, {"x": 1})
    assert (a["n"], a["share"], a["n_groups"]) == (2, 2 / 3, 1)
    assert (a["label_mean"], a["label_std"]) == (1.5, 0.5)
    assert a["strata"] == {"1": 1, "2": 1, "3": 0}


def test_what_was_not_asked_for_is_none():
    part = balance(["p", "q"], ["1", "2"])[0]
    assert (part["label_mean"], part["strata"], part["domains"], part["wanted"]) == (None, None, None, None)


def test_words_have_no_mean_and_an_empty_part_none_either():
    words = balance(["p", "q"], ["1", "2"], strata=label_strata(["bad", "good"], 2))
    assert words[0]["label_mean"] is None
    empty = balance(["p", "p"], ["1", "2"], wanted={"p": 0.5, "q": 0.5}, strata=label_strata(["1", "2"], 2))
    assert empty[1]["n"] == 0
    assert math.isnan(empty[1]["label_mean"])


def test_torn_groups_come_with_the_rows_that_show_it():
    groups, parts = ["a", "b", "a", "b", "a"], ["x", "x", "x", "y", "y"]
    assert torn_groups(groups, parts) == {"b": (1, 3), "a": (0, 4)}
    assert torn_groups(["a", "b"], ["x", "x"]) == {}
