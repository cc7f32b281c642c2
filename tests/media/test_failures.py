"""Promise 4: any bytes are a picture or a one-line failure. Every message once, then mutated files."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import hostile
import raw_files
from hostile import encode
from visq.core.errors import InputError
from visq.media import MAX_FILE_BYTES, MAX_PIXELS, decode

# Pillow tells the program about odd files by warnings; visq tells the reader of a table by notes.
pytestmark = pytest.mark.filterwarnings("ignore")

FILES = {name: data for name, data in hostile.valid_files().items() if name not in ("wide.png", "narrow.png")}


def failure(data):
    with pytest.raises(InputError) as caught:
        decode(data)
    return caught.value.kind, str(caught.value)


def test_no_bytes_are_empty():
    assert failure(b"") == ("empty", "the file is empty")


def test_too_many_bytes_are_refused():
    kind, message = failure(b"\xff\xd8\xff" + bytes(MAX_FILE_BYTES))
    assert kind == "too-large"
    assert "268435459 bytes" in message


@pytest.mark.parametrize("data", [b"hello", bytes(5000), b"%PDF-1.7\n", b"\x7fELF", b"<svg></svg>"])
def test_other_files_are_no_pictures(data):
    message = "not a picture; visq reads JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, HEIC"
    assert failure(data) == ("not-a-picture", message)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw"),
    ],
)
def test_known_kinds_without_a_decoder_say_what_to_do(head, name):
    message = f"{name} pictures are not read yet; convert to JPEG or PNG"
    assert failure(head + bytes(50)) == ("unsupported", message)


@pytest.mark.parametrize("tags", [{254: (1,)}, {50706: (1, 4, 0, 0)}], ids=["thumbnail first", "DNG"])
def test_camera_raw_in_a_tiff_is_not_scored_by_its_thumbnail(tags):
    data = raw_files.tiff([bytes(64)], (8, 8), {258: (8,), 262: (1,)} | tags)
    assert failure(data) == ("unsupported", "camera raw pictures are not read yet; convert to JPEG or PNG")


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_32_bit_samples_have_no_white(dtype):
    data = encode(Image.fromarray(np.ones((4, 4), dtype)), "TIFF")
    kind, message = failure(data)
    assert kind == "unsupported"
    assert message == "32-bit or signed samples have no defined white; convert to 8 or 16 bits"


def test_a_layout_beyond_pillow_is_unsupported_and_not_corrupt():
    data = raw_files.tiff([bytes(3 * 64)], (8, 8), {258: (24,), 262: (1,)})
    kind, message = failure(data)
    assert kind == "unsupported"
    assert message == "TIFF of an unusual kind (unknown pixel mode); convert to JPEG or PNG"


@pytest.mark.parametrize(
    "name",
    ["plain.jpg", "progressive.jpg", "plain.png", "plain.webp", "plain.gif", "plain.avif", "plain.heic"],
)
def test_cut_files_are_truncated(name):
    label = {"jpg": "JPEG", "webp": "WebP"}.get(name.rpartition(".")[2], name.rpartition(".")[2].upper())
    for share in (0.3, 0.6, 0.8):
        data = FILES[name][: int(len(FILES[name]) * share)]
        message = f"truncated {label}: the picture data end after {len(data)} bytes"
        assert failure(data) == ("truncated", message)


@pytest.mark.parametrize("name", ["plain.tif", "lzw.tiff", "sixteen.tif", "plain.bmp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_tiff_and_bmp_files_are_truncated(name, share):
    data = FILES[name][: int(len(FILES[name]) * share)]
    kind, message = failure(data)
    assert kind == "truncated"
    assert message.endswith(f"the picture data end after {len(data)} bytes")


def test_a_strip_behind_the_end_of_a_tiff_is_truncated():
    whole = raw_files.tiff([bytes(64)], (8, 8), {258: (8,), 262: (1,), 259: (5,)})
    start = whole.index((279).to_bytes(2, "little") + (4).to_bytes(2, "little"))
    data = whole[: start + 8] + (10**6).to_bytes(4, "little") + whole[start + 12 :]
    assert failure(data)[0] == "truncated"


def test_a_tiff_cut_behind_its_directory_is_truncated():
    # The three sample sizes lie behind the directory, at the very end of the file.
    whole = raw_files.tiff([bytes(3 * 64)], (8, 8), {258: (8, 8, 8), 262: (2,), 277: (3,)})
    assert decode(whole).picture.shape == (8, 8, 3)
    assert failure(whole[:-3])[0] == "truncated"


def test_damaged_pixels_are_corrupt_and_the_reason_is_kept():
    data = bytearray(FILES["plain.png"])
    at = data.index(b"IDAT") + 4
    data[at : at + 8] = b"\xff" * 8
    kind, message = failure(bytes(data))
    assert kind == "corrupt"
    assert re.fullmatch(r"corrupt PNG: .+", message)


def test_a_damaged_header_is_corrupt_without_a_trace_of_the_process():
    kind, message = failure(hostile.png_header_only(0, 10))
    assert (kind, message) == ("corrupt", "corrupt PNG: not identified by this driver")


@pytest.mark.parametrize("size", [(30000, 30000), (MAX_PIXELS, 2), (13378, 13377)])
def test_header_bombs_are_refused(size):
    message = "more than 178956970 pixels; make the picture smaller"
    assert failure(hostile.png_header_only(*size)) == ("too-many-pixels", message)


def test_the_limit_is_ours_too_where_pillow_has_none(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert failure(hostile.png_header_only(30000, 30000))[0] == "too-many-pixels"


def test_pillows_settings_are_left_alone():
    from PIL import ImageFile

    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    for data in FILES.values():
        decode(data)
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


SHORT_OF_MEMORY = """
import resource, sys, warnings
from visq.core.errors import InputError
from visq.media import decode
warnings.simplefilter("ignore")
data = sys.stdin.buffer.read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]) * 2**20,) * 2)
try:
    decode(data)
    print("ok")
except InputError as error:
    print(error.kind, error, sep=": ")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and RLIMIT_AS")
@pytest.mark.parametrize("spare_mib", [8, 24, 40, 52])
def test_too_little_memory_is_said(spare_mib):
    # 12 megapixels: 11 MiB as grey, 46 as RGB in Pillow, 34 as an array, so each limit fails elsewhere.
    data = encode(Image.new("L", (4000, 3000)), "PNG")
    words = [sys.executable, "-c", SHORT_OF_MEMORY, str(spare_mib)]
    child = subprocess.run(words, input=data, capture_output=True, timeout=100, check=False)
    assert child.stdout == b"out-of-memory: not enough memory to decode the picture\n", child.stderr[-2000:]


def test_ctrl_c_is_not_swallowed():
    class Interrupting(bytes):
        """Bytes that are interrupted when looked at."""

        def __len__(self):
            raise KeyboardInterrupt

    from visq.media.decode import _attempt

    with pytest.raises(KeyboardInterrupt):
        _attempt(lambda: len(Interrupting()))


# Mutations -------------------------------------------------------------------------------------------------

EDITS = st.sampled_from(["flip", "delete", "insert", "truncate", "duplicate", "zero"])


@st.composite
def mutated(draw):
    """A valid file with one to four random edits, most of them near its head, where structure is."""
    data = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    for _ in range(draw(st.integers(1, 4))):
        last = max(len(data) - 1, 0)
        at = draw(st.one_of(st.integers(0, min(last, 120)), st.integers(0, last)))
        length = draw(st.integers(1, 24))
        edit = draw(EDITS)
        if edit == "flip" and data:
            data[at] ^= draw(st.integers(1, 255))
        elif edit == "delete":
            del data[at : at + length]
        elif edit == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=length))
        elif edit == "truncate":
            del data[at:]
        elif edit == "duplicate":
            data[at:at] = data[at : at + length]
        else:
            data[at : at + length] = bytes(len(data[at : at + length]))
    return bytes(data)


def check_any_bytes(data):
    try:
        decoded = decode(data)
    except InputError as error:
        kind, message = error.kind, str(error)
    else:
        picture = decoded.picture
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.size > 0
        assert picture.flags.c_contiguous
        assert decoded.note is None or decoded.note.isprintable()
        return
    assert kind in {"empty", "not-a-picture", "unsupported", "truncated", "corrupt", "too-many-pixels"}
    assert message.isprintable()
    assert len(message) < 200
    assert " at 0x" not in message


ANY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@given(mutated())
@settings(ANY, max_examples=1500)
def test_mutated_files_are_pictures_or_failures(data):
    check_any_bytes(data)


@pytest.mark.long
@given(mutated())
@settings(ANY, max_examples=30_000)
def test_many_mutated_files_are_pictures_or_failures(data):
    check_any_bytes(data)


@given(st.sampled_from([data[:12] for data in FILES.values()]), st.binary(max_size=200))
@settings(ANY, max_examples=200)
def test_signatures_with_random_bytes_are_pictures_or_failures(head, rest):
    check_any_bytes(head + rest)


@pytest.mark.parametrize(
    "name", ["plain.jpg", "alpha.png", "plain.webp", "animated.gif", "lzw.tiff", "plain.bmp"]
)
def test_a_file_cut_anywhere_is_a_picture_or_a_failure(name):
    data = FILES[name]
    for end in range(0, len(data), 7):
        check_any_bytes(data[:end])
