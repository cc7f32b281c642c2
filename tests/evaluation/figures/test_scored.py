"""A scored set: arrays of one length, labels turned, rows kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from run_folders import make_set
from visq.core.errors import DataError
from visq.core.scales import Scale


def test_labels_that_point_down_are_turned_round_their_scale():
    one = make_set("a", [10.0, 90.0], [1, 2], label_scale=Scale(0, 100, "down"))
    assert one.mos.tolist() == [90.0, 10.0]
    assert make_set("a", [10.0, 90.0], [1, 2]).mos.tolist() == [10.0, 90.0]


def test_scores_move_linearly_to_the_labels_scale():
    one = make_set("a", [10.0, 90.0], [1.0, 4.0], label_scale=Scale(0, 100, "down"))
    assert one.scores_in_label_unit is None
    one = replace(one, score_scale=Scale(1, 5))
    assert one.scores_in_label_unit.tolist() == [0.0, 75.0]


def test_failures_are_told_by_their_score():
    one = make_set("a", [1.0, 2.0, 3.0], [1.0, np.nan, 3.0])
    assert one.is_scored.tolist() == [True, False, True]


def test_kept_rows_keep_everything():
    one = replace(
        make_set("a", [1.0, 2.0, 3.0], [1.0, np.nan, 3.0], groups=["x", "x", "y"], group_column="scene"),
        columns={"kind": np.array(["p", "q", "r"])},
        n_excluded=4,
    )
    few = one.kept(np.array([False, True, True]))
    assert few.ids.tolist() == one.ids[1:].tolist()
    assert few.errors == ("no such picture", "")
    assert few.columns["kind"].tolist() == ["q", "r"]
    assert (few.group_column, few.n_excluded, len(few)) == ("scene", 4, 2)
    assert len(one.kept(np.zeros(3, bool))) == 0


@pytest.mark.parametrize("name", ["labels", "errors", "hashes"])
def test_arrays_of_other_lengths_are_refused(name):
    one = make_set("a", [1.0, 2.0], [1.0, 2.0])
    with pytest.raises(DataError, match=f"set 'a': 1 {name} for 2 ids"):
        replace(one, **{name: getattr(one, name)[:1]})
    with pytest.raises(DataError, match="column 'kind' has 1 rows for 2 ids"):
        replace(one, columns={"kind": np.array(["x"])})
