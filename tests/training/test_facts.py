import numpy as np
import pytest
from PIL import Image, ImageFilter

from photos import shipped_photograph
from visq.training.facts import SLOTS, facts, read_sentence, sentence, terciles, thirds


@pytest.mark.parametrize("which", [(0, 0, 0, 0, 0), (2, 1, 0, 1, 2), (2, 2, 2, 2, 2)])
def test_a_sentence_is_read_back(which):
    assert read_sentence(sentence(which)) == which


@pytest.mark.parametrize("text", ["", "The details are sharp.", sentence((1,) * 5) + " Really.", "details"])
def test_anything_else_is_no_sentence(text):
    assert read_sentence(text) is None


def test_facts_of_a_grey_picture_by_hand():
    grey = np.full((8, 8, 3), 100, np.uint8)

    detail, light, contrast, colours, tint = facts(grey)

    assert (light, contrast, tint) == pytest.approx((100, 0, 0), abs=1e-9)
    assert colours == pytest.approx(0, abs=1e-9)
    assert detail == pytest.approx(np.log(1e-3))


def test_colourfulness_by_hand():
    # Half pure red, half black: rg is 255 or 0, yb 127.5 or 0.
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2, :, 0] = 255

    spread = np.hypot(127.5, 63.75)
    mean = np.hypot(127.5, 63.75)
    assert facts(picture)[3] == pytest.approx(spread + 0.3 * mean)


def test_each_fact_follows_what_it_is_named_after():
    photo = shipped_photograph()
    plain = facts(photo)
    blurred = np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(3)))
    warm = np.clip(photo + np.array([20, 0, -20]), 0, 255).astype(np.uint8)

    assert facts(blurred)[0] < plain[0]
    assert facts((photo * 0.5).astype(np.uint8))[1] < plain[1]
    assert facts((photo * 0.5 + 60).astype(np.uint8))[2] < plain[2]
    assert facts(np.repeat(photo.mean(2, keepdims=True), 3, 2).astype(np.uint8))[3] < plain[3]
    assert facts(warm)[4] > plain[4]


def test_thirds_hold_a_third_of_the_pictures_each():
    measured = np.random.default_rng(0).normal(size=(300, len(SLOTS)))

    which = thirds(measured, terciles(measured))

    for column in which.T:
        assert np.bincount(column, minlength=3) == pytest.approx([100, 100, 100], abs=1)
