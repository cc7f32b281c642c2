"""A detector's figures against counting pairs, loops over definitions and sums by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError
from visq.metrics.detection import (
    ChosenThreshold,
    Confusion,
    OperatingPoint,
    accuracy,
    auroc,
    average_precision,
    balanced_accuracy,
    choose_threshold,
    confusion,
    f1,
    tpr_at_fpr,
)

NAN = float("nan")
ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), max_size=30)
BOTH = ROWS.filter(lambda rows: {label for _, label in rows} == {0, 1})
CRITERIA = {"balanced_accuracy": balanced_accuracy, "f1": f1, "accuracy": accuracy}


def lists(rows):
    return [score for score, _ in rows], [label for _, label in rows]


def naive_auroc(scores, labels):
    won = [
        Fraction(1 if p > n else 0) + (Fraction(1, 2) if p == n else 0)
        for p, a in zip(scores, labels, strict=True)
        if a == 1
        for n, b in zip(scores, labels, strict=True)
        if b == 0
    ]
    return float(sum(won) / len(won)) if won else NAN


def naive_counts(scores, labels, threshold):
    """The cells tp, fp, tn, fn, one row at a time."""
    cells = {(True, 1): 0, (True, 0): 0, (False, 0): 0, (False, 1): 0}
    for score, label in zip(scores, labels, strict=True):
        cells[score >= threshold, label] += 1
    return tuple(cells.values())


def naive_ap(scores, labels):
    total, area, before = sum(labels), Fraction(0), Fraction(0)
    if not total:
        return NAN
    for threshold in sorted(set(scores), reverse=True):
        tp, fp, _, _ = naive_counts(scores, labels, threshold)
        area += (Fraction(tp, total) - before) * Fraction(tp, tp + fp)
        before = Fraction(tp, total)
    return float(area)


@given(ROWS)
def test_auroc_agrees_with_counting_pairs(rows):
    scores, labels = lists(rows)
    assert auroc(scores, labels) == pytest.approx(naive_auroc(scores, labels), abs=1e-15, nan_ok=True)


@given(BOTH)
def test_auroc_turns_with_the_scores_and_sees_order_only(rows):
    scores, labels = (np.array(values, float) for values in lists(rows))
    assert auroc(-scores, labels) == pytest.approx(1 - auroc(scores, labels), abs=1e-15)
    assert auroc(np.exp(scores), labels) == auroc(scores, labels)


@given(ROWS, st.randoms(use_true_random=False))
def test_average_precision_agrees_with_its_sum_in_any_order(rows, random):
    expected = pytest.approx(naive_ap(*lists(rows)), abs=1e-14, nan_ok=True)
    assert average_precision(*lists(rows)) == expected
    random.shuffle(rows)
    assert average_precision(*lists(rows)) == expected


@given(ROWS, st.integers(-1, 7))
def test_counts_and_their_quotients_agree_with_a_loop(rows, threshold):
    scores, labels = lists(rows)
    tp, fp, tn, fn = naive_counts(scores, labels, threshold)
    assert confusion(scores, labels, threshold) == Confusion(threshold, tp, fp, tn, fn)
    right = [(score >= threshold) == label for score, label in rows]
    assert accuracy(scores, labels, threshold) == pytest.approx(
        float(np.mean(right)) if rows else NAN, nan_ok=True
    )
    if tp + fn and tn + fp:
        recalls = tp / (tp + fn), tn / (tn + fp)
        assert balanced_accuracy(scores, labels, threshold) == pytest.approx(sum(recalls) / 2, abs=1e-15)
    else:
        assert np.isnan(balanced_accuracy(scores, labels, threshold))
    if tp:
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        harmonic = 2 / (1 / precision + 1 / recall)
        assert f1(scores, labels, threshold) == pytest.approx(harmonic, abs=1e-15)


@given(BOTH, st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 1.0]))
def test_tpr_at_fpr_is_the_best_allowed_threshold(rows, most):
    scores, labels = lists(rows)
    points = []
    for threshold in [*scores, np.inf]:
        tp, fp, tn, fn = naive_counts(scores, labels, threshold)
        if Fraction(fp, fp + tn) <= Fraction(str(most)):
            points.append((tp / (tp + fn), -fp / (fp + tn), threshold))
    tpr, minus_fpr, _ = max(points)
    found = tpr_at_fpr(scores, labels, most)
    assert (found.tpr, found.fpr) == (tpr, -minus_fpr)
    assert found.threshold == max(threshold for t, _, threshold in points if t == tpr)


@given(BOTH, st.sampled_from(sorted(CRITERIA)), st.randoms(use_true_random=False))
def test_no_threshold_is_better_than_the_chosen_one(rows, criterion, random):
    scores, labels = lists(rows)
    chosen = choose_threshold(scores, labels, criterion)
    tried = [CRITERIA[criterion](scores, labels, t) for t in [*np.arange(-1, 8, 0.5), np.inf]]
    assert chosen.value == pytest.approx(max(tried), abs=1e-15)
    assert CRITERIA[criterion](scores, labels, chosen.threshold) == chosen.value
    random.shuffle(rows)
    assert choose_threshold(*lists(rows), criterion) == chosen


def test_worked_by_hand():
    scores, labels = [9, 8, 8, 5, 5, 1], [1, 1, 0, 0, 1, 0]
    # Pairs won: 9 beats 8 5 1; 8 beats 5 1 and ties once; 5 beats 1 and ties once: 3 + 2.5 + 1.5 of 9.
    assert auroc(scores, labels) == 7 / 9
    # Steps 9, {8 8}, {5 5}: 1/3 of recall each, at precisions 1/1, 2/3, 3/5.
    assert average_precision(scores, labels) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3, abs=1e-15)
    assert confusion(scores, labels, 8) == Confusion(8.0, tp=2, fp=1, tn=2, fn=1)
    assert accuracy(scores, labels, 8) == 4 / 6
    assert balanced_accuracy(scores, labels, 8) == 2 / 3
    assert f1(scores, labels, 8) == 4 / 6
    assert tpr_at_fpr(scores, labels, 0.4) == OperatingPoint(2 / 3, 1 / 3, 8.0)
    assert tpr_at_fpr(scores, labels, 0.3) == OperatingPoint(1 / 3, 0.0, 9.0)
    # f1 at 9, 8, 5, 1: 2/4, 4/6, 6/8, 6/9; halfway from 5 down to 1 is 3.
    assert choose_threshold(scores, labels, "f1") == ChosenThreshold(3.0, "f1", 0.75)
    # Accuracy 4/6 at 9, 8 and 5: the highest is taken, and stands halfway from 9 down to 8.
    assert choose_threshold(scores, labels, "accuracy") == ChosenThreshold(8.5, "accuracy", 4 / 6)


def test_constant_scores():
    scores, labels = [0.3] * 4, [0, 1, 0, 0]
    assert auroc(scores, labels) == 0.5
    assert average_precision(scores, labels) == 0.25
    assert tpr_at_fpr(scores, labels, 0.5) == OperatingPoint(0.0, 0.0, np.inf)
    assert tpr_at_fpr(scores, labels, 1.0) == OperatingPoint(1.0, 1.0, 0.3)
    assert choose_threshold(scores, labels) == ChosenThreshold(np.inf, "balanced_accuracy", 0.5)
    assert choose_threshold(scores, labels, "f1") == ChosenThreshold(0.3, "f1", 0.4)
    assert choose_threshold(scores, labels, "accuracy") == ChosenThreshold(np.inf, "accuracy", 0.75)


@pytest.mark.parametrize(
    ("scores", "labels", "ap", "acc", "harmonic"),
    [
        ([], [], NAN, NAN, NAN),
        ([0.9], [1], 1.0, 1.0, 1.0),
        ([0.9], [0], NAN, 0.0, 0.0),
        ([0.1], [0], NAN, 1.0, NAN),
        ([0.9, 0.1], [1, 1], 1.0, 0.5, 2 / 3),
        ([0.2, 0.1], [0, 0], NAN, 1.0, NAN),
    ],
)
def test_few_rows_and_one_class_only(scores, labels, ap, acc, harmonic):
    assert np.isnan(auroc(scores, labels))
    assert np.isnan(balanced_accuracy(scores, labels, 0.5))
    point = tpr_at_fpr(scores, labels, 0.1)
    assert np.isnan([point.tpr, point.fpr, point.threshold]).all()
    assert average_precision(scores, labels) == pytest.approx(ap, nan_ok=True)
    assert accuracy(scores, labels, 0.5) == pytest.approx(acc, nan_ok=True)
    assert f1(scores, labels, 0.5) == pytest.approx(harmonic, nan_ok=True)
    with pytest.raises(DataError, match=r"cannot be chosen from \d positive and \d negative labels"):
        choose_threshold(scores, labels)


def test_two_rows_of_both_classes():
    assert [auroc(scores, [0, 1]) for scores in ([1, 2], [2, 1], [1, 1])] == [1.0, 0.0, 0.5]
    assert [average_precision(scores, [0, 1]) for scores in ([1, 2], [2, 1], [1, 1])] == [1.0, 0.5, 0.5]
    assert choose_threshold([1, 2], [0, 1]).threshold == 1.5


def test_an_fpr_of_exactly_the_limit_is_allowed():
    # 3 of 10 negatives at or above 7.
    assert tpr_at_fpr([*range(10), 7], [0] * 10 + [1], 0.3) == OperatingPoint(1.0, 0.3, 7.0)
    # 0.29 * 100 is 28.999999999999996, which 29 of 100 would not pass.
    for k in range(100):
        labels = [0] * (100 - k) + [1] + [0] * k
        assert tpr_at_fpr(range(101), labels, float(f"0.{k:02}")).tpr == 1.0


def test_the_threshold_itself_is_positive_and_neighbours_in_float64_are_told_apart():
    assert confusion([0.5], [1], 0.5).tp == 1
    low, high = 1.0, float(np.nextafter(1.0, 2.0))
    assert choose_threshold([low, high], [0, 1]) == ChosenThreshold(high, "balanced_accuracy", 1.0)
    assert choose_threshold([-1.7e308, 1.7e308], [0, 1]).threshold == 0.0


def test_labels_may_be_booleans_and_rounding_never_passes_one():
    assert auroc([1, 2], np.array([False, True])) == 1.0
    assert average_precision(np.arange(49), np.ones(49)) == 1.0


FIGURES = [
    auroc,
    average_precision,
    choose_threshold,
    *(lambda s, y, f=f: f(s, y, 0.5) for f in (confusion, accuracy, balanced_accuracy, f1, tpr_at_fpr)),
]


@pytest.mark.parametrize("figure", FIGURES)
def test_what_is_no_scored_label_is_an_error(figure):
    with pytest.raises(DataError, match="score and label come in pairs, not 2 and 3"):
        figure([1, 2], [0, 1, 1])
    with pytest.raises(DataError, match="score 1 is nan; it must be a finite number"):
        figure([1, np.nan], [0, 1])
    with pytest.raises(DataError, match="score 0 is -inf"):
        figure([-np.inf, 1], [0, 1])
    with pytest.raises(DataError, match=r"label 2 is 2\.0; it must be 0 or 1"):
        figure([1, 2, 3], [0, 1, 2])
    with pytest.raises(DataError, match="label 0 is nan"):
        figure([1, 2], [None, 1])
    with pytest.raises(DataError, match="lists are needed"):
        figure([[1, 2]], [[0, 1]])
    with pytest.raises(DataError, match="label: not an array of numbers"):
        figure([1, 2], ["real", "fake"])


def test_options_that_mean_nothing_are_errors():
    with pytest.raises(DataError, match="threshold is nan"):
        confusion([1], [1], NAN)
    for most in (-0.1, 1.1, NAN):
        with pytest.raises(DataError, match="max_fpr is"):
            tpr_at_fpr([1, 2], [0, 1], most)
    with pytest.raises(DataError, match="criterion 'auc' is unknown; one of balanced_accuracy, f1, accuracy"):
        choose_threshold([1, 2], [0, 1], "auc")
