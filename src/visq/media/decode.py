"""The only door for pixels: any bytes are a picture or an InputError. Knows no model.

Pillow is the only decoder, so that a file gives one set of pixels everywhere; HEIC, which it cannot read, is
decoded by pillow-heif alone (extra `photo`). Hostile bytes make them raise almost anything; `_attempt` is the
one place that catches it, and visq's own decisions stay outside of it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

# The decoders are imported by name: Pillow would otherwise look for them at the first picture, in whatever
# thread that happens, and import several dozen others with them.
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from visq.core.errors import InputError, MissingExtra
from visq.core.types import Picture, printable
from visq.media import colour
from visq.media.files import (
    MAX_FILE_BYTES,
    READABLE,
    empty,
    has_whole_directory,
    is_cut_off,
    read_bytes,
    signature,
    too_large,
)

MAX_PIXELS = 178_956_970
"""Pillow's own hard limit (twice 1024^3 / 4 / 3), checked against the header before a pixel is decoded."""

_COUNTED_BYTES = 32 * 2**20
"""Frames are counted by walking the file; a hostile one of this size takes seconds, a larger one minutes."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)

# What Pillow says of valid files that it has no decoder for.
_BEYOND_PILLOW = ("unknown pixel mode", "unknown data organization", "unsupported", "not supported")

T = TypeVar("T")


@dataclass(frozen=True)
class Decoded:
    """A picture and what was met and survived on the way.

    Attributes:
        picture: uint8 [h, w, 3], RGB, sRGB, upright, C-contiguous; may be read-only.
        note: one line, such as `first of 12 frames`; None where nothing was odd.
        size: height and width in the file, upright, px: more than the picture's where that was reduced.
    """

    picture: Picture
    note: str | None
    size: tuple[int, int]


def decode(source: str | os.PathLike[str] | bytes, *, at_least: int | None = None) -> Decoded:
    """Decode a picture to upright sRGB.

    Reads JPEG (with CMYK and MPO), PNG, WebP, GIF, TIFF, BMP, AVIF, and HEIC with the extra `photo`.
    Transparent parts show white. 16-bit grey is divided by 257 and rounded; of 16-bit colour samples Pillow
    keeps the upper byte. A colour profile is applied (relative colorimetric, black point compensation),
    orientation too; where either is broken the picture is taken without and the note says so. Of several
    frames or pages the first is taken, of a HEIC the one that it calls the main one, and the note says so;
    the further pictures of an MPO are previews or another eye and are not mentioned.

    Args:
        source: a file's path, or its bytes.
        at_least: JPEGs may be reduced in decoding, to a half, a quarter or an eighth, where neither side
            falls below so many px (1 or more); a side below twice of it rules that out. None reduces none.

    Returns:
        The picture and a note.

    Raises:
        InputError: with kind `missing`, `link-loop`, `not-a-file`, `unreadable`, `empty` or `too-large` for
            a file that cannot be read; `not-a-picture`, `unsupported`, `missing-extra`, `truncated`,
            `corrupt`, `too-many-pixels` or `out-of-memory` for bytes that cannot be decoded.

    Source:
        Orientation: EXIF 2.32, tag 274. Profiles: ICC.1:2022. Reduction: libjpeg's scaled inverse DCT, by
        Pillow's `draft`.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    kind = _readable_kind(data)
    image, (width, height) = _loaded(data, kind, at_least)
    orientation, orientation_note = _orientation(image)
    flat = _required(lambda: _flat(image), data, kind)
    coloured, colour_note = _to_srgb(flat, image.info)
    picture = _required(lambda: np.asarray(_upright(coloured, orientation)), data, kind)
    notes = (_frames_note(data, kind), orientation_note, colour_note)
    size = (width, height) if orientation in _SIDEWAYS else (height, width)
    return Decoded(picture, "; ".join(filter(None, notes)) or None, size)


def _attempt(call: Callable[[], T]) -> T | Exception:
    """What a call into Pillow gives, or what it raised.

    On hostile bytes Pillow raises OSError, SyntaxError, struct.error, IndexError, KeyError, AssertionError,
    MemoryError and more, in ways that change from version to version, so everything but the interpreter's
    own signals (KeyboardInterrupt, SystemExit) is taken as an answer about the bytes.
    """
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - the one border to Pillow; callers decide what it means
        return error


def _required(call: Callable[[], T], data: bytes, kind: str, image: Image.Image | None = None) -> T:
    """What a call into Pillow gives; where it raises there is no picture."""
    result = _attempt(call)
    if isinstance(result, Exception):
        raise _failure(result, data, kind, image) from result
    return result


def _readable_kind(data: bytes) -> str:
    """One of `READABLE`, or the reason why these bytes are not looked at any further."""
    if not data:
        raise empty()
    if len(data) > MAX_FILE_BYTES:
        raise too_large(len(data))
    kind = signature(data[:64])
    if kind is None:
        raise InputError(f"not a picture; visq reads {', '.join(READABLE)}", kind="not-a-picture")
    if kind not in READABLE:
        raise _not_read_yet(kind)
    _check_decoder(kind)
    return kind


def _not_read_yet(kind: str) -> InputError:
    """The failure of a known kind of picture that this version has no decoder for."""
    return InputError(f"{kind} pictures are not read yet; convert to JPEG or PNG", kind="unsupported")


def header(data: bytes) -> ImageFile.ImageFile:
    """What the header of a picture says, as Pillow's object; no pixel is decoded.

    Args:
        data: bytes that `decode` can decode; Pillow's own errors come through.
    """
    return _opened(data, _readable_kind(data))


def _opened(data: bytes, kind: str) -> ImageFile.ImageFile:
    """A picture of which only the header was read; the one decoder that the signature names is tried."""
    if kind == "HEIC":
        return _heic(data)
    return Image.open(io.BytesIO(data), formats=[kind.upper()])


def _heic(data: bytes) -> ImageFile.ImageFile:
    """Opened without a word to Pillow's list of formats, which belongs to the whole process."""
    from pillow_heif import HeifImageFile

    open_heif: Callable[[io.BytesIO, str], ImageFile.ImageFile] = HeifImageFile
    return open_heif(io.BytesIO(data), "")


def _check_decoder(kind: str) -> None:
    """Refuse a kind whose decoder is not installed, in one line that names the extra."""
    if kind == "AVIF" and not AvifImagePlugin.SUPPORTED:
        raise InputError("this Pillow was built without AVIF; convert to JPEG or PNG", kind="unsupported")
    if kind == "HEIC":
        try:
            import pillow_heif  # noqa: F401
        except ImportError:
            raise InputError(str(MissingExtra("pillow-heif", "photo")), kind="missing-extra") from None


def _loaded(data: bytes, kind: str, at_least: int | None) -> tuple[ImageFile.ImageFile, tuple[int, int]]:
    """A picture with its pixels, its header checked first, and the width and height that the header gives."""
    image = _required(lambda: _opened(data, kind), data, kind)
    _check_header(image)
    size = image.size
    if kind == "JPEG" and at_least is not None:
        # Of other kinds `draft` means something else: a HEIC's own small copy, say.
        _required(lambda: image.draft(None, (at_least, at_least)), data, kind, image)
    _required(image.load, data, kind, image)
    return image, size


def _check_header(image: ImageFile.ImageFile) -> None:
    """Refuse what a header already rules out."""
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    if image.mode in ("I", "F"):
        raise InputError(
            "32-bit or signed samples have no defined white; convert to 8 or 16 bits", kind="unsupported"
        )
    # Camera raw files are TIFF files whose first page is a thumbnail; scoring that would mislead.
    if _tag(image, 254) & 1 or _tag(image, 50706):
        raise _not_read_yet("camera raw")


def _too_many_pixels() -> InputError:
    return InputError(f"more than {MAX_PIXELS} pixels; make the picture smaller", kind="too-many-pixels")


def _tag(image: Image.Image, number: int) -> int:
    """First number in a TIFF tag; 0 for other pictures, and where the tag is absent or broken."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    value = _attempt(lambda: image.tag_v2.get(number, 0))
    first = value[0] if isinstance(value, tuple | bytes) and value else value
    return first if isinstance(first, int) else 0


def _flat(image: Image.Image) -> Image.Image:
    """8 bits without transparency, with what only TIFF tags tell about 16-bit grey."""
    is_tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
    return colour.flatten(
        image,
        sample_bits=12 if _tag(image, 258) == 12 else 16,
        white_is_zero=is_tiff and _tag(image, 262) == 0,
    )


def _frames_note(data: bytes, kind: str) -> str | None:
    """Says that there is more than the picture that is taken."""
    if kind == "JPEG":
        return None
    # Counted on a second handle: counting moves the first one, and a broken later frame would spoil it.
    several = _attempt(lambda: bool(getattr(_opened(data, kind), "is_animated", False)))
    if several is not True:
        return None
    if len(data) > _COUNTED_BYTES:
        return "first of several frames"
    count = _attempt(lambda: int(getattr(_opened(data, kind), "n_frames", 1)))
    if kind == "HEIC":  # a file says which of its pictures is the one to show
        return f"main one of {count} pictures"
    return "first of several frames" if isinstance(count, Exception) else f"first of {count} frames"


def _orientation(image: Image.Image) -> tuple[int, str | None]:
    """EXIF orientation 1..8, and a note where there is one that cannot be used.

    Read after the pixels: PNG may carry it behind them, and newer Pillow turns TIFF files upright while
    loading and takes the tag away.
    """
    exif = _attempt(image.getexif)
    if isinstance(exif, Exception):
        return 1, f"EXIF ignored: {_reason(exif)}"
    value = _attempt(lambda: exif.get(_ORIENTATION))
    if isinstance(value, Exception):
        return 1, f"EXIF ignored: {_reason(value)}"
    if value is None:
        return 1, None if _is_whole(image.info.get("exif")) else "EXIF ignored: it is broken or cut off"
    if isinstance(value, int) and 1 <= value <= 8:
        return value, None
    return 1, f"orientation ignored: {_clipped(repr(value))} is none of 1..8"


def _is_whole(exif: object) -> bool:
    """Whether an EXIF block, which is a small TIFF, holds its first directory; Pillow takes what is there."""
    return not isinstance(exif, bytes) or not exif or has_whole_directory(exif.removeprefix(b"Exif\x00\x00"))


def _to_srgb(flat: Image.Image, info: dict[str | tuple[int, int], Any]) -> tuple[Image.Image, str | None]:
    """The picture in sRGB by its profile; without a usable one, the picture itself and a note."""
    if "icc_profile" not in info:
        return flat, None
    # Pillow leaves None where a profile's parts are missing or do not unpack.
    converted = _attempt(lambda: colour.to_srgb(flat, info["icc_profile"] or b""))
    if isinstance(converted, MemoryError):
        # Colours must not depend on how much memory was free.
        raise _out_of_memory()
    if isinstance(converted, Exception):
        return flat, f"colour profile ignored: {_reason(converted)}"
    return converted, None


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture in RGB, turned as its orientation says."""
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


def _out_of_memory() -> InputError:
    return InputError("not enough memory to decode the picture", kind="out-of-memory")


def _failure(error: Exception, data: bytes, kind: str, image: Image.Image | None = None) -> InputError:
    """What Pillow's complaint means for the one who has the file."""
    if isinstance(error, Image.DecompressionBombError):
        return _too_many_pixels()
    if isinstance(error, MemoryError):
        return _out_of_memory()
    if isinstance(error, UnidentifiedImageError):
        error = _refusal(data, kind)
    reason = _reason(error)
    if "truncated" in reason.lower() or is_cut_off(data, kind) or _lacks_strips(data, image):
        return InputError(f"truncated {kind}: the picture data end after {len(data)} bytes", kind="truncated")
    if any(words in reason.lower() for words in _BEYOND_PILLOW):
        return InputError(f"{kind} of an unusual kind ({reason}); convert to JPEG or PNG", kind="unsupported")
    return InputError(f"corrupt {kind}: {reason}", kind="corrupt")


def _refusal(data: bytes, kind: str) -> Exception:
    """Why a decoder would not open the bytes: `Image.open` keeps that to itself."""
    factory = Image.OPEN[kind.upper()][0]
    refusal = _attempt(lambda: factory(io.BytesIO(data), ""))
    return refusal if isinstance(refusal, Exception) else ValueError("the header cannot be read")


def _lacks_strips(data: bytes, image: Image.Image | None) -> bool:
    """Whether a TIFF's tables point behind its end: libtiff only says that decoding failed."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    ends = _attempt(
        lambda: [
            start + size
            for starts, sizes in ((273, 279), (324, 325))
            for start, size in zip(tags.get(starts, ()), tags.get(sizes, ()), strict=False)
        ]
    )
    return isinstance(ends, list) and max(ends, default=0) > len(data)


def _reason(error: Exception) -> str:
    """An error's text on one short line, without a trace of this process."""
    return _clipped(str(error)) or type(error).__name__


def _clipped(text: str) -> str:
    """At most 100 printable characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= 100 else f"{line[:97]}..."
