"""Reduced-size decoding of JPEGs: how far it goes, that it averages, that nothing else changes by it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import hostile
import icc_profiles
import raw_files
from hostile import encode, encode_heic
from visq.core.errors import InputError
from visq.media import decode, least_side, preprocessing_id

LEAST = 32


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700))
def test_a_jpeg_is_reduced_as_far_as_neither_side_falls_below(height, width):
    decoded = decode(encode(hostile.picture(height, width), "JPEG"), at_least=LEAST)
    allowed = [s for s in (1, 2, 4, 8) if s == 1 or min(height, width) >= s * LEAST]
    by = max(allowed)
    assert decoded.picture.shape == (-(-height // by), -(-width // by), 3)
    assert decoded.size == (height, width)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
def test_below_twice_the_size_a_jpeg_is_untouched(options):
    rng = np.random.default_rng(1)
    data = encode(rng.integers(0, 256, (2 * LEAST - 1, 300, 3), np.uint8), "JPEG", quality=90, **options)
    np.testing.assert_array_equal(decode(data, at_least=LEAST).picture, decode(data).picture)


@pytest.mark.parametrize("by", [2, 4, 8])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_reduced_pixels_are_means_of_blocks(by, mode):
    # A grain as fine as JPEG keeps it, and a smooth picture under it.
    rng = np.random.default_rng(by)
    picture = np.clip(hostile.picture(256, 320) * 0.7 + rng.normal(40, 6, (256, 320, 1)), 0, 255).astype(
        np.uint8
    )
    data = encode(Image.fromarray(picture).convert(mode), "JPEG", quality=95, subsampling=0)
    whole = decode(data).picture.astype(float)
    means = whole.reshape(256 // by, by, 320 // by, by, 3).mean((1, 3))
    reduced = decode(data, at_least=256 // by).picture
    assert reduced.shape == means.shape
    assert np.abs(reduced - means).mean() < 1.5
    if by == 8 and mode == "L":  # a block's constant part is its mean: only rounding is between them
        assert np.abs(reduced - means).max() < 1.5


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_reduced_pictures_are_upright_and_so_is_their_size(orientation):
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    upright = hostile.picture(256, 320)
    stored = np.ascontiguousarray(np.rot90(upright, turns))
    decoded = decode(encode(stored, "JPEG", quality=95, exif=raw_files.exif(orientation)), at_least=64)
    assert decoded.note is None
    assert decoded.size == (256, 320)
    assert decoded.picture.shape == (64, 80, 3)
    wanted = upright.reshape(64, 4, 80, 4, 3).mean((1, 3))
    assert np.abs(decoded.picture - wanted).mean() < 3


def test_profiles_are_applied_to_reduced_pictures():
    linear = icc_profiles.rgb(icc_profiles.ADOBE_D50, 1.0)
    grey = np.full((256, 256, 3), 55, np.uint8)
    reduced = decode(encode(grey, "JPEG", quality=95, icc_profile=linear), at_least=64).picture
    assert reduced.shape == (64, 64, 3)
    assert abs(reduced.mean() - 128) < 3  # 55 of 255 in linear light is 128 in sRGB


def test_an_mpo_is_a_jpeg():
    buffer = io.BytesIO()
    first = Image.fromarray(hostile.picture(256, 256))
    first.save(buffer, "MPO", save_all=True, append_images=[first.rotate(90)])
    assert decode(buffer.getvalue(), at_least=64).picture.shape == (64, 64, 3)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_cut_jpeg_is_truncated_whatever_its_size(share):
    rng = np.random.default_rng(2)
    whole = encode(rng.integers(0, 256, (256, 256, 3), np.uint8), "JPEG")
    data = whole[: int(len(whole) * share)]
    with pytest.raises(InputError, match=f"truncated JPEG: the picture data end after {len(data)} bytes"):
        decode(data, at_least=32)


def test_the_limit_holds_for_what_the_header_says():
    data = bytearray(encode(hostile.picture(64, 64), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = (30_000).to_bytes(2, "big") * 2
    with pytest.raises(InputError, match="more than 178956970 pixels"):
        decode(bytes(data), at_least=32)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_other_kinds_are_never_reduced(kind):
    data = encode(hostile.picture(256, 256), kind)
    np.testing.assert_array_equal(decode(data, at_least=16).picture, decode(data).picture)


def test_a_heic_is_not_replaced_by_the_small_copy_in_it():
    import pillow_heif

    buffer = io.BytesIO()
    file = pillow_heif.from_pillow(Image.fromarray(hostile.picture(256, 256)))
    file.save(buffer, thumbnails=[128, 64])
    assert decode(buffer.getvalue(), at_least=32).picture.shape == (256, 256, 3)
    assert decode(encode_heic(hostile.picture(8, 9)), at_least=32).size == (8, 9)


def test_an_identity_says_how_far():
    assert least_side(preprocessing_id(320, 320)) == 640
    assert least_side(preprocessing_id(224, 448)) == 896
    assert least_side(preprocessing_id(320, 320, reduced=False)) is None
    assert least_side("srgb;overdraft7;squash320-bicubic") is None
