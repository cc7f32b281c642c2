"""Builds a folder with every kind of odd, broken and hostile file, and says what each must become.

Knows what files are, not how visq reads them: the bytes come from Pillow's encoders and from hand.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HUGE_BYTES = 300 * 2**20
"""Of the sparse file; it takes no room on the disk."""


def picture(height: int = 24, width: int = 32) -> np.ndarray:
    """uint8 [h, w, 3]: a smooth, asymmetric picture without randomness."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = rows * 255 // max(height - 1, 1), columns * 255 // max(width - 1, 1)
    return np.stack([red, green, (red + green) // 3], axis=-1).astype(np.uint8)


def encode(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    """A picture file's bytes, by Pillow's encoder."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    # A copy, since Pillow leaves one encoder's settings in a picture and the next encoder stumbles over them.
    image.copy().save(buffer, kind, **options)
    return buffer.getvalue()


def encode_heic(*pictures: Image.Image | np.ndarray, **options: object) -> bytes:
    """A HEIC file's bytes, by the encoder of the extra `photo`; Pillow's list of formats stays as it is."""
    import pillow_heif

    file = pillow_heif.HeifFile()
    for one in pictures:
        file.add_from_pillow(Image.fromarray(one) if isinstance(one, np.ndarray) else one)
    buffer = io.BytesIO()
    file.save(buffer, **options)
    return buffer.getvalue()


def encode_frames(kind: str, n_frames: int = 3) -> bytes:
    """An animation, or a file of several pages; its first frame is `picture()`."""
    first, *rest = (Image.fromarray(np.roll(picture(), 5 * step, axis=1)) for step in range(n_frames))
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=rest)
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header_only(width: int, height: int) -> bytes:
    """A PNG of any size whose pixel data are a few bytes: a header bomb."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(3 * 64)))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def valid_files() -> dict[str, bytes]:
    """A good file of each kind, size and mode that matters; every one must decode."""
    rgb = Image.fromarray(picture())
    alpha = rgb.convert("RGBA")
    alpha.putalpha(Image.fromarray(picture()[:, :, 1]))
    palette = alpha.quantize(32)
    grey16 = (picture()[:, :, 0].astype(np.uint16) * 257).astype(np.uint16)
    return {
        "plain.jpg": encode(rgb, "JPEG"),
        "progressive.jpg": encode(rgb, "JPEG", progressive=True),
        "grey.jpg": encode(rgb.convert("L"), "JPEG"),
        "cmyk.jpg": encode(rgb.convert("CMYK"), "JPEG"),
        "two-in-one.jpg": encode_frames("MPO"),
        "plain.png": encode(rgb, "PNG"),
        "palette-alpha.png": encode(palette, "PNG"),
        "alpha.png": encode(alpha, "PNG"),
        "grey-alpha.png": encode(alpha.convert("LA"), "PNG"),
        "sixteen.png": encode(grey16, "PNG"),
        "onebit.png": encode(rgb.convert("1"), "PNG"),
        "animated.png": encode_frames("PNG"),
        "plain.webp": encode(rgb, "WEBP"),
        "animated.webp": encode_frames("WEBP"),
        "plain.gif": encode(rgb, "GIF"),
        "animated.gif": encode_frames("GIF"),
        "plain.tif": encode(rgb, "TIFF"),
        "lzw.tiff": encode(rgb, "TIFF", compression="tiff_lzw"),
        "sixteen.tif": encode(grey16, "TIFF"),
        "pages.tif": encode_frames("TIFF"),
        "plain.bmp": encode(rgb, "BMP"),
        "plain.avif": encode(rgb, "AVIF"),
        "alpha.avif": encode(alpha, "AVIF"),
        "animated.avif": encode_frames("AVIF"),
        "plain.heic": encode_heic(rgb),
        "alpha.heif": encode_heic(alpha),
        "grey.hif": encode_heic(rgb.convert("L")),
        "burst.heic": encode_heic(rgb, rgb.transpose(Image.Transpose.ROTATE_90)),
        "one-pixel.png": encode(picture(1, 1), "PNG"),
        "narrow.png": encode(picture(5000, 1), "PNG"),
        "wide.png": encode(picture(1, 20000), "PNG"),
        "broken-exif.jpg": encode(rgb, "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x09\x01\x12"),
        "no-exif-at-all.jpg": encode(rgb, "JPEG", exif=b"Exif\x00\x00complete nonsense"),
        "junk-profile.jpg": encode(rgb, "JPEG", icc_profile=b"this is no colour profile" * 9),
        "junk-profile.png": encode(rgb, "PNG", icc_profile=b"\x00" * 300),
    }


def _broken_files() -> dict[str, tuple[bytes, str]]:
    good = valid_files()
    cut = {
        name: (good[source][: len(good[source]) * 3 // 5], "failed:truncated")
        for name, source in (
            ("cut.jpg", "plain.jpg"),
            ("cut.png", "plain.png"),
            ("cut.gif", "plain.gif"),
            ("cut.webp", "plain.webp"),
            ("cut.tif", "plain.tif"),
            ("cut.bmp", "plain.bmp"),
            ("cut.avif", "plain.avif"),
            ("cut.heic", "plain.heic"),
        )
    }
    return cut | {
        "empty.jpg": (b"", "failed:empty"),
        "zeros.png": (bytes(4096), "failed:not-a-picture"),
        "text.jpg": (b"I am a text and no picture at all.\n" * 40, "failed:not-a-picture"),
        "page.png": (b"<!doctype html><title>404</title>", "failed:not-a-picture"),
        "bomb.png": (png_header_only(30000, 30000), "failed:too-many-pixels"),
        "no-size.png": (png_header_only(0, 0), "failed:corrupt"),
        "float.tif": (encode(picture()[:, :, 0].astype(np.float32), "TIFF"), "failed:unsupported"),
        "phone.heic": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64), "failed:corrupt"),
    }


def _skipped_files() -> dict[str, bytes]:
    return {
        ".hidden.jpg": valid_files()["plain.jpg"],
        ".DS_Store": b"\x00\x00\x00\x01Bud1",
        "Thumbs.db": b"\xd0\xcf\x11\xe0",
        "notes.txt": b"nothing here\n",
        "table.csv": b"id,mos\na.jpg,3.2\n",
    }


def _odd_names() -> list[str]:
    """Names that break tables, shells, pages and encodings; a system that refuses one goes without."""
    undecodable = os.fsdecode(b"caf\xe9-\xff.jpg")
    return [
        "line\nbreak.jpg",
        "tab\tand\rreturn.jpg",
        "quote\"and'comma,.jpg",
        "<script>alert(1)</script>.jpg".replace("/", "\N{DIVISION SLASH}"),
        "=1+1.jpg",
        "-leading-dash.jpg",
        " spaces .jpg",
        "escape\x1b[31mred.jpg",
        "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe.jpg",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}.JPG",
        "n" * 246 + ".jpg",
        undecodable,
    ]


def build(folder: Path) -> dict[str, str]:
    """Write the corpus into a folder and say what each entry must become.

    Args:
        folder: an existing, empty folder.

    Returns:
        Name relative to the folder, POSIX -> `ok`, `failed:KIND` (a row saying why) or `skipped` (counted
        only). Names that this system cannot make are left out. As root, or where modes mean nothing, the
        file without permissions is readable and `ok`.
    """
    expected: dict[str, str] = {}
    plain = valid_files()["plain.jpg"]
    entries = {name: (data, "ok") for name, data in valid_files().items()}
    entries |= _broken_files()
    entries |= {name: (data, "skipped") for name, data in _skipped_files().items()}
    # PNG bytes under a JPEG's name, and a picture under no picture's name: contents decide.
    entries["really-a-png.jpg"] = (valid_files()["plain.png"], "ok")
    entries["no-ending"] = (plain, "ok")
    entries |= dict.fromkeys(_odd_names(), (plain, "ok"))
    for name, (data, outcome) in entries.items():
        try:
            (folder / name).write_bytes(data)
        except (OSError, ValueError):
            continue
        expected[name] = outcome
    return expected | _special_files(folder, plain) | _folders(folder, plain)


def _special_files(folder: Path, plain: bytes) -> dict[str, str]:
    """What is no plain file: links, a fifo, a file without permissions, a sparse giant."""
    expected = {"giant.jpg": "failed:too-large"}
    with (folder / "giant.jpg").open("wb") as file:
        file.write(plain)
        file.truncate(HUGE_BYTES)
    if os.name != "posix":
        return expected
    os.mkfifo(folder / "pipe.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "linked.jpg").symlink_to("plain.jpg")
    (folder / "locked.jpg").write_bytes(plain)
    (folder / "locked.jpg").chmod(0)
    readable = os.access(folder / "locked.jpg", os.R_OK)
    return expected | {
        "pipe.jpg": "failed:not-a-file",
        "loop.jpg": "failed:link-loop",
        "dangling.png": "failed:missing",
        "linked.jpg": "ok",
        "locked.jpg": "ok" if readable else "failed:unreadable",
    }


def _folders(folder: Path, plain: bytes) -> dict[str, str]:
    """A folder with a picture's name, a hidden one, an empty one, and a link to one."""
    for name in ("album.jpg", ".cache", "nothing"):
        (folder / name).mkdir()
    (folder / "album.jpg" / "inner.jpg").write_bytes(plain)
    (folder / ".cache" / "thumbnail.jpg").write_bytes(plain)
    expected = {"album.jpg/inner.jpg": "ok", ".cache/thumbnail.jpg": "skipped"}
    if os.name == "posix":
        (folder / "linked-album").symlink_to("album.jpg", target_is_directory=True)
        expected["linked-album"] = "skipped"
    return expected
