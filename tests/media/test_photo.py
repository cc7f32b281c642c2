"""HEIC and AVIF: the promises of every other kind of picture, and the extra `photo` named in one line."""

from __future__ import annotations

import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image

import hostile
import icc_profiles
import raw_files
from hostile import encode, encode_heic
from visq.core.errors import InputError
from visq.media import decode, header

PICTURE = hostile.picture(64, 96)
KINDS = {"AVIF": lambda picture, **options: encode(picture, "AVIF", **options), "HEIC": encode_heic}


@pytest.fixture(params=KINDS)
def encoded(request):
    """An encoder of one of the two kinds."""
    return KINDS[request.param]


def far(picture: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(picture.astype(int) - wanted).mean())


def test_a_picture_comes_back(encoded):
    decoded = decode(encoded(PICTURE, quality=95))
    assert decoded.note is None
    assert decoded.picture.flags.c_contiguous
    assert far(decoded.picture, PICTURE) < 2


def test_transparent_parts_show_white(encoded):
    picture = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)])
    picture[:, :48, 3] = 0
    decoded = decode(encoded(picture, quality=95)).picture
    assert decoded[:, :40].min() > 250
    assert far(decoded[:, 56:], PICTURE[:, 56:]) < 3


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_turned_upright_once(encoded, orientation):
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    stored = np.ascontiguousarray(np.rot90(PICTURE, turns))
    decoded = decode(encoded(stored, quality=95, exif=raw_files.exif(orientation)))
    assert decoded.note is None
    assert decoded.picture.shape == PICTURE.shape
    assert far(decoded.picture, PICTURE) < 2


def test_profiles_are_applied(encoded):
    linear = icc_profiles.rgb(icc_profiles.ADOBE_D50, 1.0)
    grey = np.full((32, 32, 3), 55, np.uint8)
    # 55 of 255 in linear light is 0.2157, and 128 in sRGB.
    assert abs(decode(encoded(grey, quality=95, icc_profile=linear)).picture.mean() - 128) < 3


def test_a_broken_profile_is_ignored_with_a_note(encoded):
    decoded = decode(encoded(PICTURE, quality=95, icc_profile=b"this is no colour profile" * 9))
    assert (decoded.note or "").startswith("colour profile ignored: ")
    assert far(decoded.picture, PICTURE) < 2


def test_of_several_pictures_one_is_taken_and_the_note_says_so():
    assert decode(hostile.encode_frames("AVIF", 4)).note == "first of 4 frames"
    turned = Image.fromarray(PICTURE).transpose(Image.Transpose.ROTATE_90)
    decoded = decode(encode_heic(turned, PICTURE, primary_index=1, quality=95))
    assert decoded.note == "main one of 2 pictures"
    assert far(decoded.picture, PICTURE) < 2


def test_sixteen_bit_grey_of_a_heic():
    grey = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    decoded = decode(encode_heic(grey, quality=-1)).picture
    assert np.abs(decoded[:, :, 0].astype(int) - np.rint(grey / 257)).max() <= 1


@pytest.mark.parametrize("size", [(14_000, 14_000), (65_535, 16_000)])
def test_a_header_with_too_many_pixels_is_refused_before_decoding(encoded, size):
    data = encoded(PICTURE)
    at = data.index(b"ispe") + 8
    with pytest.raises(InputError) as caught:
        decode(data[:at] + struct.pack(">II", *size) + data[at + 8 :])
    assert caught.value.kind in ("too-many-pixels", "corrupt")  # libavif has limits of its own for one side


def test_the_header_is_told_without_pixels(encoded):
    with header(encoded(PICTURE)) as image:
        assert image.size == (96, 64)


def outcome(data: bytes) -> str:
    try:
        picture = decode(data).picture
    except InputError as error:
        return error.kind if str(error).isprintable() else "more than a line"
    return "a picture" if picture.dtype == np.uint8 else str(picture.dtype)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_are_a_picture_or_one_line(encoded, seed):
    data = bytearray(encoded(PICTURE))
    rng = np.random.default_rng(seed)
    for at in rng.integers(12, len(data), 4):
        data[at] = rng.integers(256)
    assert outcome(bytes(data)) in ("a picture", "unsupported", "truncated", "corrupt", "too-many-pixels")


def test_without_the_extra_a_heic_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError) as caught:
        decode(heic_head())
    assert str(caught.value) == "pillow-heif is not installed; run: pip install 'visq[photo]'"
    assert caught.value.kind == "missing-extra"


def heic_head() -> bytes:
    """The head of a HEIC file; enough, since nothing is decoded."""
    return b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)


def test_a_pillow_without_avif_says_so(monkeypatch):
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(InputError, match="built without AVIF; convert to JPEG or PNG") as caught:
        decode(encode(PICTURE, "AVIF"))
    assert caught.value.kind == "unsupported"


def test_pillow_heif_is_imported_by_a_heic_alone():
    code = (
        "import sys, visq.cli.main, visq.media as media\n"
        "media.decode(sys.stdin.buffer.read())\n"
        "assert 'pillow_heif' not in sys.modules, 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], input=encode(PICTURE, "JPEG"), check=True, timeout=60)


def test_pillows_formats_are_left_as_they_are():
    decode(encode_heic(PICTURE))
    assert "HEIF" not in Image.OPEN
