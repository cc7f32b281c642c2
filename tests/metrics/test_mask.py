"""Figures of localisation against sets of pixels, counted pairs and sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError
from visq.metrics.mask import (
    MaskFigure,
    dice,
    false_positive_area,
    iou,
    mask_figure,
    pixel_ap,
    pixel_auc,
    pixel_f1,
)

NAN = float("nan")
REGIONS = [iou, dice, pixel_f1]
EMPTY, FULL = np.zeros((2, 3)), np.ones((2, 3))


def same(expected):
    return pytest.approx(expected, abs=1e-14, nan_ok=True)


@st.composite
def pictures(draw):
    """A map in tenths and a mask, of one size up to 4 x 4."""
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    size = shape[0] * shape[1]
    heat = draw(st.lists(st.integers(0, 10), min_size=size, max_size=size))
    truth = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    return np.reshape(heat, shape) / 10, np.reshape(truth, shape)


def pixels(grid, limit, picture=0):
    """The set of places, picture, row and column, where the grid reaches a limit."""
    return {
        (picture, r, c)
        for r, row in enumerate(grid.tolist())
        for c, value in enumerate(row)
        if value >= limit
    }


def naive_iou(a, b):
    return len(a & b) / len(a | b) if a | b else NAN


def naive_f1(a, b):
    """By precision and recall; 0 / 0 only where both sets are empty."""
    if not a and not b:
        return NAN
    if not a & b:
        return 0.0
    precision, recall = len(a & b) / len(a), len(a & b) / len(b)
    return 2 * precision * recall / (precision + recall)


def naive_auc(heat, truth):
    forged = [h for h, t in zip(heat, truth, strict=True) if t]
    authentic = [h for h, t in zip(heat, truth, strict=True) if not t]
    won = [1.0 if p > n else 0.5 if p == n else 0.0 for p in forged for n in authentic]
    return sum(won) / len(won) if won else NAN


def naive_ap(heat, truth):
    """Mean over forged pixels of the precision among all pixels at least as hot."""
    hot = [[t for h, t in zip(heat, truth, strict=True) if h >= own] for own in heat]
    found = [sum(h) / len(h) for h, t in zip(hot, truth, strict=True) if t]
    return sum(found) / len(found) if found else NAN


@given(pictures(), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_one_picture_agrees_with_sets_of_pixels(picture, threshold):
    heat, truth = picture
    a, b = pixels(heat, threshold), pixels(truth, 1)
    assert iou(heat, truth, threshold) == same(naive_iou(a, b))
    assert pixel_f1(heat, truth, threshold) == same(naive_f1(a, b))
    assert dice(heat, truth, threshold) == same(naive_f1(a, b))
    authentic = truth.size - len(b)
    area = len(a - b) / authentic if authentic else NAN
    assert false_positive_area(heat, truth, threshold) == same(area)
    assert pixel_auc(heat, truth) == same(naive_auc(heat.ravel(), truth.ravel()))
    assert pixel_ap(heat, truth) == same(naive_ap(heat.ravel(), truth.ravel()))


@given(st.lists(pictures(), max_size=5))
def test_several_pictures_agree_with_their_values_and_their_union(both):
    maps, masks = [heat for heat, _ in both], [truth for _, truth in both]
    a = [pixels(heat, 0.5, i) for i, heat in enumerate(maps)]
    b = [pixels(truth, 1, i) for i, truth in enumerate(masks)]
    for name, naive in (("iou", naive_iou), ("dice", naive_f1), ("pixel_f1", naive_f1)):
        found = mask_figure(name, maps, masks, 0.5)
        check(found, [naive(*pair) for pair in zip(a, b, strict=True)])
        assert found.pooled == same(naive(set().union(*a), set().union(*b)))
    heat, truth = [v for m in maps for v in m.ravel()], [v for m in masks for v in m.ravel()]
    for name, naive in (("pixel_auc", naive_auc), ("pixel_ap", naive_ap)):
        found = mask_figure(name, maps, masks)
        check(found, [naive(h.ravel(), t.ravel()) for h, t in both])
        assert found.pooled == same(naive(heat, truth))


def check(found, values):
    there = [value for value in values if value == value]
    assert found.values == same(tuple(values))
    assert found.counted == len(there)
    assert found.mean == same(sum(there) / len(there) if there else NAN)


def test_mean_and_pooled_are_different_numbers():
    # A small picture found whole (1 of 1), a large one missed but for 1 of 8 forged pixels.
    maps = [np.ones((1, 1)), np.zeros((3, 4))]
    masks = [np.ones((1, 1)), np.zeros((3, 4))]
    maps[1][0, 0] = 0.9
    masks[1][:2] = 1
    assert mask_figure("iou", maps, masks, 0.5) == MaskFigure("iou", 0.5, (1.0, 1 / 8), 0.5625, 2, 2 / 9)
    assert mask_figure("pixel_f1", maps, masks, 0.5).pooled == 4 / 11
    # The first mask is full and has no AUC of its own, yet its pixel counts in the pool: 4 authentic pixels
    # lie below 2 forged ones and tie with 7, so (2 + 3.5) of 9.
    auc = mask_figure("pixel_auc", maps, masks)
    assert auc.values == same((NAN, (1 + 3.5) / 8))
    assert (auc.mean, auc.counted, auc.pooled) == (0.5625, 1, pytest.approx(5.5 / 9))
    assert auc.threshold is None


@pytest.mark.parametrize("figure", REGIONS)
def test_empty_and_full(figure):
    assert np.isnan(figure(EMPTY, EMPTY, 0.5))
    assert figure(FULL, EMPTY, 0.5) == 0.0
    assert figure(EMPTY, FULL, 0.5) == 0.0
    assert figure(FULL, FULL, 0.5) == 1.0
    assert np.isnan(figure(np.empty((0, 3)), np.empty((0, 3)), 0.5))
    assert figure([[0.7]], [[1]], 0.7) == 1.0  # the threshold itself is marked


def test_empty_and_full_for_the_others():
    assert false_positive_area(EMPTY, EMPTY, 0.5) == 0.0
    assert false_positive_area(FULL, EMPTY, 0.5) == 1.0
    assert np.isnan(false_positive_area(FULL, FULL, 0.5))
    assert np.isnan([pixel_auc(FULL, EMPTY), pixel_auc(EMPTY, FULL), pixel_ap(FULL, EMPTY)]).all()
    assert pixel_ap(EMPTY, FULL) == 1.0
    assert pixel_auc([[0.5, 0.5]], [[0, 1]]) == 0.5
    none = mask_figure("iou", [], [], 0.5)
    assert (none.values, none.counted) == ((), 0)
    assert np.isnan([none.mean, none.pooled, mask_figure("pixel_auc", [], []).pooled]).all()


def test_pictures_without_a_figure_do_not_lift_the_mean():
    found = mask_figure("iou", [EMPTY, EMPTY, FULL], [EMPTY, FULL, FULL], 0.5)
    assert (found.mean, found.counted, found.pooled) == (0.5, 2, 0.5)


def test_an_inverted_map_stays_inverted():
    truth = np.zeros((8, 8))
    truth[:, :2] = 1  # at the border, which counts
    assert pixel_auc(1 - truth, truth) == 0.0
    assert pixel_f1(1 - truth, truth, 0.5) == 0.0
    assert pixel_f1(truth, truth, 0.5) == 1.0


@pytest.mark.parametrize("figure", REGIONS)
def test_boolean_masks_need_no_threshold_and_maps_do(figure):
    assert figure(FULL == 1, FULL == 1) == 1.0
    with pytest.raises(DataError, match="has been thresholded already"):
        figure(FULL == 1, FULL, 0.5)
    for threshold in (None, -0.1, 1.1, NAN):
        with pytest.raises(DataError, match=r"a map needs one in 0\.\.1"):
            figure(FULL, FULL, threshold)


FIGURES = [*(lambda a, b, f=f: f(a, b, 0.5) for f in [*REGIONS, false_positive_area]), pixel_auc, pixel_ap]


@pytest.mark.parametrize("figure", FIGURES)
def test_what_cannot_be_laid_over_each_other_is_an_error(figure):
    with pytest.raises(DataError, match=r"share one shape \[h, w\], not \(2, 3\) and \(3, 2\)"):
        figure(EMPTY, EMPTY.T)
    with pytest.raises(DataError, match="share one shape"):
        figure([0.5], [1])
    with pytest.raises(DataError, match=r"map pixel \(1, 0\) is nan"):
        figure([[0, 1], [NAN, 1]], [[0, 1], [0, 1]])
    with pytest.raises(DataError, match=r"map pixel \(0, 1\) is 255\.0; it must be in 0\.\.1"):
        figure([[0, 255]], [[0, 1]])
    with pytest.raises(DataError, match=r"mask pixel \(0, 1\) is 255\.0; it must be 0 or 1"):
        figure([[0, 1]], [[0, 255]])


def test_errors_over_several_pictures_name_the_picture():
    for name, threshold in (("iou", 0.5), ("pixel_auc", None)):
        with pytest.raises(DataError, match=r"picture 1, map and mask must share one shape"):
            mask_figure(name, [EMPTY, EMPTY], [EMPTY, EMPTY.T], threshold)
        with pytest.raises(DataError, match=r"picture 1, map pixel \(0, 0\) is 2\.0"):
            mask_figure(name, [EMPTY, FULL * 2], [EMPTY, EMPTY], threshold)
        with pytest.raises(DataError, match="2 maps, 1 masks"):
            mask_figure(name, [EMPTY, EMPTY], [EMPTY], threshold)
    with pytest.raises(DataError, match="picture 0, threshold is None"):
        mask_figure("dice", [EMPTY], [EMPTY])
    with pytest.raises(DataError, match="runs over all thresholds"):
        mask_figure("pixel_ap", [EMPTY], [EMPTY], 0.5)
    with pytest.raises(DataError, match="figure 'miou' is unknown; one of iou, dice"):
        mask_figure("miou", [EMPTY], [EMPTY], 0.5)
