"""Warnings about a set, each made to happen once, and none on a clean set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from run_folders import make_set
from visq.core.scales import Scale
from visq.evaluation.figures.measured import Settings
from visq.evaluation.figures.protocols import protocol
from visq.evaluation.figures.set_figures import set_figures
from visq.evaluation.runs.labelled import LabelledSet
from visq.evaluation.runs.set_warnings import set_warnings


def make(n=400, name="a", **fields):
    rng = np.random.default_rng(0)
    labels = np.clip(rng.normal(3, 0.6, n), 1, 5)
    scores = np.clip(labels + rng.normal(0, 0.5, n), 1, 5)
    one = make_set(
        name, labels, scores, groups=np.arange(n) // 2, group_column="scene", label_scale=Scale(1, 5)
    )
    return replace(one, **({"score_scale": Scale(1, 5)} | fields))


def warned(scored, *, named=None, trained_on=(), sha256="ab" * 32, notes=()):
    labelled = LabelledSet(
        *(scored.name, "a.csv", sha256, "csv", scored.aspect, None if named is None else protocol(named)),
        *("mos", None, scored.label_scale, scored.group_column, (), tuple(range(len(scored))), scored.groups),
        columns=dict(scored.columns),
        notes=notes,
    )
    about = set_figures(scored, labelled.protocol, Settings(20))
    return "\n".join(set_warnings(scored, labelled, about, trained_on))


def test_a_clean_set_has_no_warning():
    assert warned(make()) == ""


def test_failed_rows_make_figures_partial():
    one = make()
    scores = one.scores.copy()
    scores[:3] = np.nan
    kinds = ("missing", "missing", "truncated", *[""] * 397)
    found = warned(replace(one, scores=scores, kinds=kinds))
    assert found == "partial: 397 of 400 rows have a score (2 missing, 1 truncated); figures are over those"


def test_a_small_set():
    assert "n = 41: too few" in warned(make(41))
    groups = np.array([f"g{i % 16}" for i in range(400)])
    assert "16 groups by 'scene': intervals are of so few" in warned(make(groups=groups))


@pytest.mark.parametrize("column", ["prompt", "Reference", "id_a"])
def test_a_group_column_that_was_not_given(column):
    one = make(columns={column: np.array([f"p{i % 7}" for i in range(400)])}, group_column=None)
    found = warned(replace(one, groups=one.ids))
    assert f"column {column!r} has 7 values for 400 rows; give --group {column}" in found
    distinct = {column: np.array([f"p{i}" for i in range(400)])}
    assert warned(replace(one, columns=distinct, groups=one.ids)) == ""


def test_labels_picked_from_bands():
    rng = np.random.default_rng(0)
    labels = np.concatenate([rng.uniform(a, b, 100) for a, b in ((2, 3.5), (4.7, 5.3), (6.5, 8), (8, 8.2))])
    found = warned(make(labels=labels, label_scale=Scale(1, 10)), named="ava")
    assert "labels leave 3." in found
    assert "correlations will look too high" in found
    assert "those of Q-Align's test_ava.json 0.75: a wider spread lifts correlations" in found


def test_scores_that_point_the_other_way():
    one = make()
    found = warned(replace(one, scores=6 - one.scores))
    assert "SRCC is negative, -0.7" in found
    assert "--label-scale 100..0" in found
    assert "--score-scale" in found


def test_scores_that_are_the_labels_turned_round():
    one = make()
    assert "SRCC is negative, -1.000" in warned(replace(one, scores=6 - one.labels))


def detector(**fields):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400).astype(float)
    one = make_set("a", labels, labels, label_scale=Scale(0, 1), aspect="authenticity")
    scores = np.clip(0.5 + 0.3 * (labels - 0.5) + 0.2 * rng.normal(size=400), 0, 1)
    return replace(one, **({"scores": scores, "score_scale": Scale(0, 1)} | fields))


def test_a_detector_that_points_the_other_way():
    one = detector()
    assert warned(one) == ""
    for scores, auroc in ((1 - one.scores, "0.1"), (1 - one.labels, "0.000")):
        found = warned(replace(one, scores=scores))
        assert f"AUROC is below 0.5, {auroc}" in found
        assert "--label-scale 1..0" in found
        assert "--score-scale" in found


def test_scores_that_are_the_labels():
    one = make()
    assert "the scores are the labels themselves" in warned(replace(one, scores=one.labels.copy()))


def test_scores_that_are_all_equal():
    one = make()
    found = warned(replace(one, scores=3 + 1e-4 * (one.scores - 3)))
    assert "nearly all scores are equal" in found
    assert "nearly all scores are equal" in warned(replace(one, scores=np.full(400, 3.0), score_scale=None))


def test_numbers_outside_their_scale():
    one = make()
    found = warned(replace(one, label_scale=Scale(2, 4), score_scale=Scale(2, 4)))
    assert "labels lie outside 2..4; is --label-scale right?" in found
    assert "scores lie outside 2..4; is --score-scale right?" in found


def test_training_data_by_title_and_by_file():
    trained_on = [{"title": "KonIQ-10k, training split", "labels_sha256": "cd" * 32}]
    found = warned(make(name="x/koniq"), trained_on=trained_on)
    assert "the model was trained on KonIQ-10k, training split: its rows are no test" in found
    assert "KonIQ-10k" in warned(make(2015), named="koniq", trained_on=trained_on)
    very = warned(make(), trained_on=trained_on, sha256="cd" * 32)
    assert "trained on these very rows (KonIQ-10k, training split)" in very
    assert warned(make(name="spaq"), trained_on=trained_on) == ""


def test_a_list_that_figures_are_not_over():
    found = warned(make(500, labels=np.linspace(1, 5, 500)), named="koniq")
    assert (
        "n = 500 is none of the lists that figures on KonIQ-10k are over: 2015 (official test set), 2010"
        in found
    )
    assert "none of the lists" not in warned(make(2010), named="koniq")
    assert "the spread is stretched" in warned(make(41), named="aadb")
    assert "which rows figures on TAD66K are over is not known" in warned(make(), named="tad66k")


def test_splits_that_count_together_without_a_protocol():
    split = np.array(["train"] * 300 + ["test"] * 100)
    assert "rows of all values of column 'split' count together (train 300, test 100)" in warned(
        make(columns={"split": split})
    )


def test_notes_of_reading_and_of_the_protocol_follow():
    found = warned(make(2982, label_scale=Scale(0, 5)), named="agiqa3k", notes=("a note",))
    assert found.splitlines()[0] == "a note"
    assert "generator alone" in found.splitlines()[1]
