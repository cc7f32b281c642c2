"""`squash` against bicubic resampling written out by its definition."""

from __future__ import annotations

import numpy as np
import pytest

import hostile
from visq.media import squash


def cubic(x: float) -> float:
    """Keys' kernel with a = -0.5."""
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def along(signal: np.ndarray, n_out: int) -> np.ndarray:
    """float [n_out, ...]: one axis resampled; the kernel is widened by the factor of reduction."""
    n_in = len(signal)
    step = n_in / n_out
    width = max(step, 1.0)
    out = []
    for i in range(n_out):
        centre = (i + 0.5) * step
        weights = np.array([cubic((j + 0.5 - centre) / width) for j in range(n_in)])
        out.append(np.tensordot(weights / weights.sum(), signal, axes=1))
    return np.array(out)


@pytest.mark.parametrize("size", [(10, 10), (48, 64), (24, 7), (1, 1), (7, 40)])
def test_squash_is_antialiased_bicubic(size):
    height, width = size
    picture = hostile.picture(24, 32)
    across = along(picture.astype(float).swapaxes(0, 1), width).swapaxes(0, 1)
    expected = along(across.clip(0, 255), height).clip(0, 255)
    result = squash(picture, height, width)
    assert result.dtype == np.uint8
    assert result.shape == (height, width, 3)
    # Pillow rounds twice: 0.5 after the first direction, times at most 1.25 (the kernel's absolute weights),
    # and 0.5 at the end; its weights have 8 bits less than a float's and add a little.
    np.testing.assert_allclose(result.astype(int), expected, atol=0.5 * 1.25 + 0.5 + 0.05)


def test_the_right_size_is_left_alone():
    picture = hostile.picture()
    assert squash(picture, *picture.shape[:2]) is picture


def test_shrinking_adds_no_aliasing():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    # Picking every fourth column would give black or white; averaging gives grey.
    assert np.abs(squash(stripes, 16, 16).astype(int)[:, 2:-2] - 128).max() <= 2


@pytest.mark.parametrize("view", [np.s_[:, ::-1], np.s_[::2, ::3]])
def test_a_view_gives_what_its_copy_gives(view):
    picture = hostile.picture(30, 40)[view]
    np.testing.assert_array_equal(squash(picture, 9, 11), squash(np.ascontiguousarray(picture), 9, 11))


def test_the_picture_is_not_modified():
    picture = hostile.picture()
    before = picture.copy()
    squash(picture, 5, 5)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("size", [(1, 5000), (20000, 1)])
def test_extreme_shapes_are_squashed(size):
    assert squash(hostile.picture(*size), 32, 32).shape == (32, 32, 3)
