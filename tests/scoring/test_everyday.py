"""What people have on their disks: every such file gets a sane score, or a failure of one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import hostile
from hostile import encode, encode_frames, encode_heic
from visq.backbones import shipped_models
from visq.core.types import Row
from visq.scoring import Scorer, load

RNG = np.random.default_rng(12)
ORIENTATION = 274
SMALL_NOTE = (
    "only 200 x 319 px and enlarged to 320 x 320 for the model; compare it with pictures of that size"
)


def phone(height: int = 3000, width: int = 4000) -> np.ndarray:
    """uint8 [h, w, 3]: a smooth scene with grain, of a phone's size."""
    grain = RNG.integers(-9, 10, (height, width, 1), dtype=np.int16)
    return np.clip(hostile.picture(height, width).astype(np.int16) + grain, 0, 255).astype(np.uint8)


def screenshot() -> Image.Image:
    """Flat areas, sharp edges and lines of text."""
    page = Image.new("RGB", (1920, 1080), (250, 250, 250))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1920, 60), fill=(40, 44, 52))
    draw.rectangle((0, 60, 300, 1080), fill=(225, 230, 236))
    for line in range(40):
        draw.text((330, 80 + 24 * line), f"{line:3}  a line of a document on a screen", fill=(20, 20, 20))
    return page


def scan() -> Image.Image:
    """A long receipt in one bit."""
    page = Image.new("1", (600, 8000), 1)
    draw = ImageDraw.Draw(page)
    for line in range(300):
        draw.text((40, 20 + 26 * line), f"item {line:03}      {line * 7 % 90}.90", fill=0)
    return page


def grey16() -> np.ndarray:
    return np.linspace(0, 65535, 300 * 400).reshape(300, 400).astype(np.uint16)


NOTHING = ("black.png", "white.jpg", "one-pixel.png", "one-pixel.gif")
"""Files that show nothing."""

SMALL = hostile.picture(200, 300)
FILES = {
    "black.png": lambda: encode(np.zeros((480, 640, 3), np.uint8), "PNG"),
    "white.jpg": lambda: encode(np.full((480, 640, 3), 255, np.uint8), "JPEG"),
    "one-pixel.png": lambda: encode(np.full((1, 1, 3), 90, np.uint8), "PNG"),
    "one-pixel.gif": lambda: encode(np.full((1, 1, 3), 90, np.uint8), "GIF"),
    "icon.png": lambda: encode(Image.fromarray(hostile.picture(16, 16)).convert("RGBA"), "PNG"),
    "line.png": lambda: encode(hostile.picture(1, 3000), "PNG"),
    "phone.jpg": lambda: encode(phone(), "JPEG", quality=90),
    "phone.heic": lambda: encode_heic(phone(600, 800), quality=60),
    "screenshot.png": lambda: encode(screenshot(), "PNG"),
    "scan.tif": lambda: encode(scan(), "TIFF", compression="group4"),
    "tall.jpg": lambda: encode(hostile.picture(9000, 700), "JPEG"),
    "sixteen.png": lambda: encode(grey16(), "PNG"),
    "palette.png": lambda: encode(Image.fromarray(SMALL).quantize(16), "PNG"),
    "animated.gif": lambda: encode_frames("GIF"),
    "animated.webp": lambda: encode_frames("WEBP"),
    "picture.avif": lambda: encode(SMALL, "AVIF"),
    "picture.heif": lambda: encode_heic(SMALL),
}


@pytest.fixture(scope="module")
def scorer() -> Iterator[Scorer]:
    with load(threads=1) as found:
        yield found


def row_of(scorer: Scorer, folder: Path, name: str, data: bytes) -> Row:
    """The row of a file that lies in a folder, found there by its name."""
    (folder / name).write_bytes(data)
    table = scorer.score(folder)
    (row,) = table.rows
    return row


@pytest.mark.parametrize("name", FILES)
def test_everyday_pictures_get_sane_scores(scorer: Scorer, tmp_path: Path, name: str) -> None:
    row = row_of(scorer, tmp_path, name, FILES[name]())
    assert (row.status, row.id, row.error) == ("ok", name, None)
    assert set(row.scores) == {"quality", "aesthetics"}
    for score in row.scores.values():
        assert score.low is not None
        assert score.high is not None
        assert 1 <= score.low <= score.value <= score.high <= 5
        assert sum(score.distribution.values()) == pytest.approx(1, abs=1e-5)  # kept to six decimals


def test_what_shows_nothing_scores_far_below_a_photograph(scorer: Scorer, tmp_path: Path) -> None:
    """The lowest word or the next; also below the photograph's interval."""
    photograph = shipped_models()["mini"] / "pictures" / "coffee.jpg"
    wanted = row_of(scorer, tmp_path, "coffee.jpg", photograph.read_bytes()).scores["quality"]
    for name in NOTHING:
        (tmp_path / name).mkdir()
        value = row_of(scorer, tmp_path / name, name, FILES[name]()).scores["quality"].value
        assert value < 2
        assert value < wanted.low


def test_animations_say_that_one_frame_was_scored(scorer: Scorer, tmp_path: Path) -> None:
    note = row_of(scorer, tmp_path, "a.gif", FILES["animated.gif"]()).note or ""
    assert note.startswith("first of 3 frames; only ")


@pytest.mark.parametrize(
    ("height", "width", "note"),
    [
        (319, 200, SMALL_NOTE),
        (320, 200, None),
        (200, 320, None),
        (320, 320, None),
    ],
)
def test_a_picture_of_fewer_pixels_than_the_model_sees_says_so(
    scorer: Scorer, tmp_path: Path, height: int, width: int, note: str | None
) -> None:
    assert row_of(scorer, tmp_path, "a.png", encode(hostile.picture(height, width), "PNG")).note == note


def test_a_large_jpeg_that_is_reduced_in_decoding_is_not_called_small(scorer: Scorer, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    sideways = encode(hostile.picture(1280, 5120), "JPEG", exif=exif.tobytes())
    assert row_of(scorer, tmp_path, "a.jpg", sideways).note is None


def test_without_the_extra_a_heic_is_a_failed_row(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = FILES["picture.heif"]()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    row = row_of(scorer, tmp_path, "from-a-phone.heic", data)
    assert (row.status, row.kind) == ("failed", "missing-extra")
    assert row.error == "pillow-heif is not installed; run: pip install 'visq[photo]'"


@pytest.mark.parametrize("name", ["phone.jpg", "picture.avif", "picture.heif"])
def test_a_transfer_that_broke_off_is_a_failed_row(scorer: Scorer, tmp_path: Path, name: str) -> None:
    data = FILES[name]()
    row = row_of(scorer, tmp_path, name, data[: len(data) // 2])
    assert (row.status, row.kind) == ("failed", "truncated")
    assert row.error is not None
    assert row.error.isprintable()
