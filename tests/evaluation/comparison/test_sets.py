"""Which sets of two runs are the same, and which rows of them."""

from __future__ import annotations

import numpy as np
import pytest

from run_folders import make_set
from visq.core.errors import DataError
from visq.evaluation.comparison.sets import common_sets

LABELS = [1.0, 2.0, 3.0, 4.0, 5.0, 1.5, 2.5, 3.5]
SCORES = [1.0, 2.5, 3.0, 4.0, 4.5, 1.5, 2.0, 3.0]


class PlainRun:
    """What common_sets reads of a run."""

    def __init__(self, *pairs):
        self.sets = [one for one, _ in pairs]
        self.report = {"sets": [about for _, about in pairs], "source": {"trained_on": None}}


def ids(prefix, n=8):
    return [f"{prefix}{i}" for i in range(n)]


def named(**runs):
    found, warnings = common_sets(runs)
    return [(one.name, list(one.scores)) for one in found], warnings


def test_sets_are_matched_by_name_then_manifest_then_rows():
    a = PlainRun(
        (make_set("koniq", LABELS, SCORES, ids=ids("k")), {"manifest_sha256": "1"}),
        (make_set("spaq", LABELS, SCORES, ids=ids("s")), {"manifest_sha256": "2"}),
        (make_set("ava", LABELS, SCORES, ids=ids("a")), {"manifest_sha256": None}),
    )
    b = PlainRun(
        (make_set("x", LABELS[:5], SCORES[:5], ids=ids("a", 5)), {}),
        (make_set("y", LABELS, SCORES, ids=ids("s")), {"manifest_sha256": "2"}),
        (make_set("koniq", LABELS, SCORES, ids=ids("k")), {"manifest_sha256": "3"}),
    )
    assert named(a=a, b=b)[0] == [("koniq", ["a", "b"]), ("spaq", ["a", "b"]), ("ava", ["a", "b"])]
    found, _ = common_sets({"a": a, "b": b})
    assert [len(one) for one in found] == [8, 8, 5]


def test_a_shared_name_without_a_shared_row_is_no_match():
    koniq, spaq = (make_set("labels", LABELS, SCORES, ids=ids(p)) for p in "ks")
    twice = named(
        a=PlainRun((koniq, {})), b=PlainRun((koniq, {})), c=PlainRun((spaq, {})), d=PlainRun((spaq, {}))
    )
    assert twice == ([("labels", ["a", "b"]), ("labels (2)", ["c", "d"])], [])
    with pytest.raises(DataError, match="the runs share no set"):
        named(a=PlainRun((koniq, {})), b=PlainRun((spaq, {})))
    with pytest.raises(DataError, match="run 'b' has no labelled row"):
        named(a=PlainRun((koniq, {})), b=PlainRun((make_set("labels", [], []), {})))


def test_too_few_equal_rows_are_no_match():
    other = [9.0] * 8
    other[:3] = LABELS[:3]
    a = PlainRun((make_set("one", LABELS, SCORES), {}))
    with pytest.raises(DataError, match="share no set"):
        named(a=a, b=PlainRun((make_set("two", other, SCORES), {})))
    other[3] = LABELS[3]  # now half of them; then a label that differs is a contradiction, not another set
    with pytest.raises(DataError, match=r"id '4\.png': the label is 5 in run 'a' and 9 in run 'b'"):
        named(a=a, b=PlainRun((make_set("two", other, SCORES), {})))


def test_labels_may_differ_by_rounding():
    others = np.array(LABELS) * (1 + 5e-10)
    assert named(
        a=PlainRun((make_set("s", LABELS, SCORES), {})), b=PlainRun((make_set("s", others, SCORES), {}))
    )


def test_groups_come_from_the_run_that_has_them():
    groups = ["p", "p", "q", "q", "r", "r", "s", "s"]
    without = PlainRun((make_set("s", LABELS, SCORES), {}))
    grouped = PlainRun((make_set("s", LABELS, SCORES, groups=groups, group_column="prompt"), {}))
    renamed = PlainRun(
        (make_set("s", LABELS, SCORES, groups=list("11224455"), group_column="id of prompt"), {})
    )
    found, said = common_sets({"a": without, "b": grouped, "c": renamed})
    assert (found[0].group_column, found[0].groups.tolist()) == ("prompt", groups)
    assert said == ["s: groups of 'prompt' from run 'b' are used; 'a' has no groups"]


def test_a_path_comes_from_any_run_that_knows_it():
    a = PlainRun((make_set("s", LABELS, SCORES, paths=["", "p1"] + [""] * 6), {}))
    b = PlainRun((make_set("s", LABELS, SCORES, paths=[f"q{i}" for i in range(7)] + [""]), {}))
    found, _ = common_sets({"a": a, "b": b})
    assert found[0].paths == ("q0", "p1", "q2", "q3", "q4", "q5", "q6", "")
