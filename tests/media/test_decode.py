"""`decode` on every format and mode: colours by arithmetic, orientation by the EXIF table, notes."""

from __future__ import annotations

import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hostile
import icc_profiles
import raw_files
from hostile import encode
from visq.media import colour as colour_room
from visq.media import content_id, decode, signature

# Pillow tells the program about odd files by warnings; visq tells the reader of a table by notes.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Colours far from each other, and none that a swap of channels would leave alone.
PATCHES = np.array(
    [[(200, 30, 60), (20, 180, 90)], [(40, 70, 210), (240, 220, 10)], [(5, 5, 5), (128, 90, 250)]]
)


def painted(side: int = 16) -> np.ndarray:
    """uint8 [48, 32, 3]: six flat patches, aligned to JPEG's blocks so that they stay flat."""
    return np.kron(PATCHES, np.ones((side, side, 1))).astype(np.uint8)


LOSSLESS = {
    "png": ("PNG", {}),
    "png, interlace-free, best": ("PNG", {"compress_level": 9}),
    "webp": ("WEBP", {"lossless": True}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tiff": ("TIFF", {}),
    "tiff, lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff, deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff, packbits": ("TIFF", {"compression": "packbits"}),
}


@pytest.mark.parametrize("case", LOSSLESS)
def test_lossless_files_give_the_painted_pixels(case):
    kind, options = LOSSLESS[case]
    decoded = decode(encode(painted(), kind, **options))
    assert decoded.note is None
    assert decoded.picture.dtype == np.uint8
    assert decoded.picture.flags.c_contiguous
    np.testing.assert_array_equal(decoded.picture, painted())


def test_a_path_and_its_bytes_give_the_same_picture(tmp_path):
    data = encode(painted(), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), data):
        np.testing.assert_array_equal(decode(source).picture, painted())


def test_jpeg_gives_the_painted_colours_baseline_and_progressive():
    baseline = decode(encode(painted(), "JPEG", quality=95, subsampling=0)).picture
    # Flat blocks have only a mean; quantisation of it and the YCbCr rounding stay within 3 of 255.
    np.testing.assert_allclose(baseline.astype(int), painted(), atol=3)
    progressive = decode(encode(painted(), "JPEG", quality=95, subsampling=0, progressive=True)).picture
    np.testing.assert_array_equal(progressive, baseline)


def test_grey_jpeg_has_three_equal_channels():
    grey = painted()[:, :, 1]
    picture = decode(encode(grey, "JPEG", quality=95)).picture
    np.testing.assert_allclose(picture[:, :, 0].astype(int), grey, atol=3)
    assert (picture == picture[:, :, :1]).all()


def test_cmyk_jpeg_is_inked_paper():
    inks = np.array([[(255, 0, 0, 0), (0, 200, 0, 0)], [(0, 0, 255, 100), (0, 0, 0, 0)]])
    stored = np.kron(inks, np.ones((16, 16, 1))).astype(np.uint8)
    picture = decode(encode(Image.fromarray(stored, "CMYK"), "JPEG", quality=95)).picture
    paper = (255 - stored[:, :, :3].astype(float)) * (255 - stored[:, :, 3:].astype(float)) / 255
    np.testing.assert_allclose(picture.astype(int), paper, atol=3)


def test_cmyk_tiff_is_inked_paper():
    stored = np.array([[(255, 0, 0, 0), (0, 0, 0, 255), (0, 128, 0, 0)]], np.uint8)
    paper = (255 - stored[:, :, :3].astype(float)) * (255 - stored[:, :, 3:].astype(float)) / 255
    picture = decode(encode(Image.fromarray(stored, "CMYK"), "TIFF")).picture
    np.testing.assert_allclose(picture.astype(int), paper, atol=1)


def test_the_first_picture_of_an_mpo_is_taken_without_a_note():
    decoded = decode(hostile.encode_frames("MPO"))
    assert decoded.note is None
    np.testing.assert_allclose(decoded.picture.astype(int), hostile.picture(), atol=40)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit_is_black_and_white(kind):
    bits = np.indices((9, 13)).sum(axis=0) % 3 == 0
    picture = decode(encode(Image.fromarray(bits), kind)).picture
    np.testing.assert_array_equal(picture, np.repeat(bits[:, :, None] * 255, 3, axis=2))


GREY16 = np.array(
    [[0, 1, 128, 129, 257, 385, 386], [32767, 32768, 40000, 65000, 65407, 65534, 65535]], np.uint16
)


def rounded(samples: np.ndarray, largest: int = 65535) -> np.ndarray:
    """Nearest of 0..255 to a share of `largest`, by Python's own integers."""
    return np.array([[(2 * 255 * int(v) + largest) // (2 * largest) for v in row] for row in samples])


def test_16_bit_grey_png_is_divided_by_257():
    picture = decode(raw_files.png(GREY16[:, :, None], 0)).picture
    np.testing.assert_array_equal(picture, np.repeat(rounded(GREY16)[:, :, None], 3, axis=2))


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_16_bit_grey_tiff_is_divided_by_257_and_may_be_turned_round(white_is_zero):
    data = raw_files.tiff([GREY16.tobytes()], GREY16.shape, {258: (16,), 262: (0 if white_is_zero else 1,)})
    expected = 255 - rounded(GREY16) if white_is_zero else rounded(GREY16)
    np.testing.assert_array_equal(decode(data).picture[:, :, 0], expected)


def test_12_bit_grey_tiff_uses_the_whole_range():
    samples = np.array([[0, 2048, 4095, 1000]], np.uint16)
    bits = "".join(f"{int(v):012b}" for v in samples[0])
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    data = raw_files.tiff([packed], samples.shape, {258: (12,), 262: (1,)})
    np.testing.assert_array_equal(decode(data).picture[:, :, 0], rounded(samples, 4095))


def test_16_bit_big_endian_tiff_from_pillow():
    image = Image.frombytes("I;16B", (7, 2), GREY16.astype(">u2").tobytes())
    np.testing.assert_array_equal(decode(encode(image, "TIFF")).picture[:, :, 0], rounded(GREY16))


def test_16_bit_colour_keeps_the_upper_byte():
    samples = np.stack([GREY16, GREY16[::-1], GREY16[:, ::-1]], axis=-1)
    np.testing.assert_array_equal(decode(raw_files.png(samples, 2)).picture, samples >> 8)
    tags = {258: (16, 16, 16), 262: (2,), 277: (3,)}
    data = raw_files.tiff([samples.tobytes()], samples.shape[:2], tags)
    np.testing.assert_array_equal(decode(data).picture, samples >> 8)


def test_planar_tiff_puts_its_channels_together():
    planes = [painted()[:, :, channel].tobytes() for channel in range(3)]
    tags = {258: (8, 8, 8), 262: (2,), 277: (3,), 284: (2,)}
    np.testing.assert_array_equal(decode(raw_files.tiff(planes, (48, 32), tags)).picture, painted())


# Alpha -----------------------------------------------------------------------------------------------------


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_shows_white(kind):
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    colours = np.stack([alpha[::-1], alpha.T, np.full_like(alpha, 90)], axis=-1)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    picture = decode(encode(np.dstack([colours, alpha]), kind, **options)).picture
    np.testing.assert_allclose(picture.astype(int), over_white(colours, alpha), atol=1)


def test_grey_with_alpha_shows_white_at_8_and_16_bits():
    grey, alpha = np.meshgrid(np.arange(0, 256, 15), np.arange(0, 256, 17))
    expected = over_white(np.stack([grey] * 3, axis=-1), alpha)
    for factor, dtype in ((1, np.uint8), (257, np.uint16)):
        samples = (np.stack([grey, alpha], axis=-1) * factor).astype(dtype)
        np.testing.assert_allclose(decode(raw_files.png(samples, 4)).picture.astype(int), expected, atol=1)


def test_16_bit_colour_with_alpha_shows_white():
    samples = np.array([[(65535, 0, 0, 65535), (65535, 0, 0, 0), (0, 0, 0, 32768)]], np.uint16)
    picture = decode(raw_files.png(samples, 6)).picture.astype(int)
    np.testing.assert_allclose(picture, [[(255, 0, 0), (255, 255, 255), (127, 127, 127)]], atol=1)


@pytest.mark.parametrize("transparency", [b"\xff\x00\x80", 1])
def test_palette_with_transparency_shows_white(transparency):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    colours = np.array([[(200, 10, 20), (0, 99, 0), (0, 0, 100)]])
    image.putpalette(colours.astype(np.uint8).tobytes())
    alpha = np.array([[255, 0, 128 if isinstance(transparency, bytes) else 255]])
    picture = decode(encode(image, "PNG", transparency=transparency)).picture.astype(int)
    np.testing.assert_allclose(picture, over_white(colours, alpha), atol=1)


def test_gif_transparency_shows_white():
    image = Image.fromarray(np.array([[0, 1, 2, 1]], np.uint8), "P")
    image.putpalette(bytes((200, 10, 20, 0, 99, 0, 0, 0, 100)))
    picture = decode(encode(image, "GIF", transparency=1)).picture
    assert picture.tolist() == [[[200, 10, 20], [255] * 3, [0, 0, 100], [255] * 3]]


@pytest.mark.parametrize("depth", [8, 16])
def test_one_transparent_colour_of_a_png_shows_white(depth):
    top = 255 if depth == 8 else 65535
    grey = np.array([[[0], [top // 5], [top]]], f"u{depth // 8}")
    picture = decode(raw_files.png(grey, 0, extra=hostile.png_chunk(b"tRNS", struct.pack(">H", 0)))).picture
    assert picture[0, :, 0].tolist() == [255, 51, 255]
    if depth == 8:
        red = np.array([[(255, 0, 0), (0, 255, 0)]], np.uint8)
        mark = hostile.png_chunk(b"tRNS", struct.pack(">HHH", 255, 0, 0))
        assert decode(raw_files.png(red, 2, extra=mark)).picture.tolist() == [[[255] * 3, [0, 255, 0]]]


# Orientation -----------------------------------------------------------------------------------------------

# EXIF 2.32, tag 274: which side of the upright picture the stored row 0 and the stored column 0 are.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored_as(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels a camera stores, pixel by pixel after the table."""
    height, width, _ = upright.shape
    row_side, column_side = SIDES[orientation]
    turned = row_side in ("left", "right")
    stored = np.zeros((width, height, 3) if turned else (height, width, 3), np.uint8)
    for r in range(stored.shape[0]):
        for c in range(stored.shape[1]):
            where = {}
            for side, step in ((row_side, r), (column_side, c)):
                axis, size = ("y", height) if side in ("top", "bottom") else ("x", width)
                where[axis] = step if side in ("top", "left") else size - 1 - step
            stored[r, c] = upright[where["y"], where["x"]]
    return stored


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", SIDES)
def test_exif_orientation_is_applied(kind, orientation, order):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(kind, {})
    stored = stored_as(painted(8), orientation)
    decoded = decode(encode(stored, kind, exif=raw_files.exif(orientation, order=order), **options))
    assert decoded.note is None
    np.testing.assert_allclose(decoded.picture.astype(int), painted(8), atol=3 if kind == "JPEG" else 0)
    assert decoded.picture.flags.c_contiguous


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", SIDES)
def test_tiff_orientation_is_applied_once(orientation, compression):
    stored = stored_as(painted(8), orientation)
    data = encode(stored, "TIFF", tiffinfo={274: orientation}, compression=compression)
    np.testing.assert_array_equal(decode(data).picture, painted(8))


@pytest.mark.parametrize("orientation", [0, 9, 4711])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_orientation_outside_1_to_8_is_a_note(kind, orientation):
    decoded = decode(encode(painted(), kind, exif=raw_files.exif(orientation)))
    assert decoded.note == f"orientation ignored: {orientation} is none of 1..8"
    assert decoded.picture.shape == (48, 32, 3)


def test_an_orientation_outside_1_to_8_in_a_tiff_leaves_it_as_stored():
    decoded = decode(encode(painted(), "TIFF", tiffinfo={274: 11}))
    np.testing.assert_array_equal(decoded.picture, painted())


@pytest.mark.parametrize("length", range(6, 32))
def test_a_cut_exif_block_is_a_note(length):
    decoded = decode(encode(painted(), "JPEG", exif=raw_files.exif(6)[:length]))
    if length >= 28:
        assert decoded.picture.shape == (32, 48, 3)
    else:
        assert decoded.note is None or decoded.note.startswith("EXIF ignored: ")
        assert decoded.note is not None or length <= 6
        assert decoded.picture.shape == (48, 32, 3)


def test_profile_and_orientation_and_alpha_together():
    stored = stored_as(painted(8), 6)
    rgba = np.dstack([stored, np.full(stored.shape[:2], 255, np.uint8)])
    data = encode(rgba, "PNG", exif=raw_files.exif(6), icc_profile=ADOBE)
    np.testing.assert_allclose(decode(data).picture.astype(int), adobe_to_srgb(painted(8)), atol=2)


# Colour profiles -------------------------------------------------------------------------------------------

GAMMA = 2.19921875
GREY_GAMMA = 1.796875
ADOBE = icc_profiles.rgb(icc_profiles.ADOBE_D50, GAMMA, "wide by hand")


def adobe_to_srgb(pixels: np.ndarray) -> np.ndarray:
    return icc_profiles.linear_to_srgb((pixels / 255.0) ** GAMMA @ icc_profiles.ADOBE_D50.T)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_a_wide_gamut_profile_moves_colours_to_srgb(kind):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    decoded = decode(encode(painted(), kind, icc_profile=ADOBE, **options))
    assert decoded.note is None
    # 8-bit tables in LittleCMS; JPEG adds its own rounding, which the steep dark end of sRGB widens.
    expected = adobe_to_srgb(painted())
    np.testing.assert_allclose(decoded.picture.astype(int), expected, atol=9 if kind == "JPEG" else 2)
    assert np.abs(expected - painted()).max() > 20


def test_a_profile_acts_on_what_alpha_leaves():
    colours, alpha = np.array([[(0, 200, 0), (0, 200, 0)]]), np.array([[255, 128]])
    data = encode(np.dstack([colours, alpha]).astype(np.uint8), "PNG", icc_profile=ADOBE)
    expected = adobe_to_srgb(over_white(colours, alpha))
    np.testing.assert_allclose(decode(data).picture.astype(int), expected, atol=2)


def test_a_grey_profile_sets_the_brightness():
    ramp = np.arange(0, 256, 5, dtype=np.uint8)[None]
    picture = decode(encode(ramp, "PNG", icc_profile=icc_profiles.grey(GREY_GAMMA))).picture
    luminance = ((ramp / 255.0) ** GREY_GAMMA)[..., None] * icc_profiles.D50
    np.testing.assert_allclose(picture.astype(int), icc_profiles.linear_to_srgb(luminance), atol=2)


def test_a_grey_picture_may_carry_an_rgb_profile():
    ramp = np.arange(0, 256, 5, dtype=np.uint8)[None]
    picture = decode(encode(ramp, "PNG", icc_profile=icc_profiles.rgb(icc_profiles.ADOBE_D50, 1.0))).picture
    luminance = (ramp / 255.0)[..., None] * icc_profiles.D50
    np.testing.assert_allclose(picture.astype(int), icc_profiles.linear_to_srgb(luminance), atol=2)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_cmyk_profile_says_what_the_inks_look_like(kind):
    # An odd press: cyan prints as red, magenta as green. Without the profile they would be as named.
    corners = np.zeros((2, 2, 2, 2, 3), np.uint8) + np.array([0, 128, 128], np.uint8)
    corners[0, 0, 0, 0] = (255, 128, 128)
    corners[1, 0, 0, 0] = (130, 178, 158)
    corners[0, 1, 0, 0] = (150, 88, 148)
    inks = np.array([[(0, 0, 0, 0), (255, 0, 0, 0)], [(0, 255, 0, 0), (0, 0, 0, 255)]])
    labs = np.array([[(100, 0, 0), (130 / 2.55, 50, 30)], [(150 / 2.55, -40, 20), (0, 0, 0)]])
    stored = np.kron(inks, np.ones((16, 16, 1))).astype(np.uint8)
    options = {"quality": 100} if kind == "JPEG" else {}
    profile = icc_profiles.cmyk(corners)
    decoded = decode(encode(Image.fromarray(stored, "CMYK"), kind, icc_profile=profile, **options))
    assert decoded.note is None
    seen = decoded.picture[8::16, 8::16].astype(int)
    expected = icc_profiles.linear_to_srgb(icc_profiles.lab_to_xyz(labs))
    np.testing.assert_allclose(seen, expected, atol=4)


def test_the_white_of_the_paper_is_white():
    # Relative colorimetric: a profile's bluish media white is taken for white and not shown as blue.
    profile = icc_profiles.rgb(icc_profiles.ADOBE_D50, GAMMA, white=np.array([0.9505, 1.0, 1.0891]))
    picture = decode(encode(painted(), "PNG", icc_profile=profile)).picture
    np.testing.assert_allclose(picture.astype(int), adobe_to_srgb(painted()), atol=2)


def test_the_darkest_ink_is_black():
    # Black point compensation: a press whose darkest is L* 15 gives black, not dark grey.
    corners = np.zeros((2, 2, 2, 2, 3), np.uint8) + np.array([200, 128, 128], np.uint8)
    corners[1, 1, 1, 1, 0] = 15 * 2.55
    stored = np.full((2, 2, 4), 255, np.uint8)
    data = encode(Image.fromarray(stored, "CMYK"), "TIFF", icc_profile=icc_profiles.cmyk(corners))
    assert decode(data).picture.max() <= 2


@pytest.mark.parametrize("power", [0.996, 1.004])
def test_a_profile_within_rounding_of_srgb_changes_no_pixel(power):
    noise = np.random.default_rng(6).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    profile = icc_profiles.nearly_srgb(power)
    np.testing.assert_array_equal(decode(encode(noise, "PNG", icc_profile=profile)).picture, noise)
    unlike = decode(encode(noise, "PNG", icc_profile=icc_profiles.nearly_srgb(1.1))).picture
    assert np.abs(unlike.astype(int) - noise).max() > 5


def test_an_srgb_profile_changes_no_pixel():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(5).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    decoded = decode(encode(noise, "PNG", icc_profile=profile))
    assert decoded.note is None
    np.testing.assert_array_equal(decoded.picture, noise)


def test_a_profile_called_srgb_that_is_none_is_applied():
    profile = icc_profiles.rgb(icc_profiles.SRGB_D50, 1.0, "sRGB IEC61966-2.1")
    picture = decode(encode(painted(), "PNG", icc_profile=profile)).picture
    expected = icc_profiles.linear_to_srgb((painted() / 255.0) @ icc_profiles.SRGB_D50.T)
    np.testing.assert_allclose(picture.astype(int), expected, atol=2)


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (b"no profile at all", "cannot open profile"),
        (ADOBE[:300], "cannot build transform"),
        (icc_profiles.grey(2.2), "a profile for GRAY does not fit pixels of mode RGB"),
        (icc_profiles.cmyk(np.zeros((2, 2, 2, 2, 3))), "a profile for CMYK does not fit pixels of mode RGB"),
        (bytes(colour_room.MAX_PROFILE_BYTES + 1), "more than 8388608"),
    ],
    ids=["junk", "cut", "grey", "cmyk", "large"],
)
def test_a_profile_that_cannot_be_used_is_a_note(profile, reason):
    decoded = decode(encode(painted(), "TIFF", icc_profile=profile))
    assert decoded.note.startswith("colour profile ignored: ")
    assert reason in decoded.note
    np.testing.assert_array_equal(decoded.picture, painted())


def test_a_png_profile_that_does_not_unpack_is_a_note():
    mark = hostile.png_chunk(b"iCCP", b"name\0\0this is not deflated")
    decoded = decode(raw_files.png(painted(), 2, extra=mark))
    assert decoded.note == "colour profile ignored: cannot open profile from string"
    np.testing.assert_array_equal(decoded.picture, painted())


def test_threads_share_profiles_without_mixing_them_up():
    # More profiles than the cache holds, so that transforms are dropped and built while others are in use.
    gammas = [1.0 + step / 8 for step in range(12)]
    files = [
        encode(painted(), "PNG", icc_profile=icc_profiles.rgb(icc_profiles.ADOBE_D50, gamma))
        for gamma in gammas
    ]
    expected = [
        icc_profiles.linear_to_srgb((painted() / 255.0) ** gamma @ icc_profiles.ADOBE_D50.T)
        for gamma in gammas
    ]
    start = threading.Barrier(8)

    def work(offset: int) -> None:
        start.wait()
        for step in range(48):
            at = (step * 5 + offset) % len(files)
            np.testing.assert_allclose(decode(files[at]).picture.astype(int), expected[at], atol=3)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


# Frames, sizes, the corpus ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
@pytest.mark.parametrize("n_frames", [2, 7])
def test_of_several_frames_the_first_is_taken(kind, n_frames):
    decoded = decode(hostile.encode_frames(kind, n_frames))
    assert decoded.note == f"first of {n_frames} frames"
    np.testing.assert_allclose(decoded.picture.astype(int), hostile.picture(), atol=40)


def test_a_broken_second_page_does_not_spoil_the_first():
    data = bytearray(hostile.encode_frames("TIFF"))
    start = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<I", data, start + 2 + 12 * entries, len(data) - 3)
    decoded = decode(bytes(data))
    np.testing.assert_array_equal(decoded.picture, hostile.picture())


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (20000, 1), (2, 3)])
def test_odd_sizes_keep_their_shape(size):
    picture = hostile.picture(*size)
    np.testing.assert_array_equal(decode(encode(picture, "PNG")).picture, picture)


def test_the_hostile_corpus_decodes_as_it_says(tmp_path):
    expected = hostile.build(tmp_path)
    assert len(expected) > 60
    for name, outcome in expected.items():
        if outcome != "skipped":
            assert outcome_of(tmp_path / name) == outcome, name


def outcome_of(path: Path) -> str:
    from visq import VisqError

    try:
        decode(path)
    except VisqError as error:
        return f"failed:{error.kind}" if str(error).isprintable() else f"not one line: {error}"
    return "ok"


def test_content_decides_and_not_the_name():
    assert signature(hostile.valid_files()["plain.png"]) == "PNG"
    assert content_id(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
