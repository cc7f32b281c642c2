"""One file's bytes, read safely, and the kind they claim to be. Knows no pixels and no folders."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import Literal

from visq.core.errors import InputError

MAX_FILE_BYTES = 256 * 2**20
"""Larger files are refused before they are read; a 178-megapixel 8-bit RGB picture without compression is
512 MiB, but pictures that people keep stay far below half of that."""

READABLE = ("JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF", "HEIC")
"""Kinds of pictures `decode` reads; HEIC with the extra `photo`, AVIF where Pillow has its decoder."""

_READ_ENDINGS = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".mpo",
    ".png",
    ".apng",
    ".webp",
    ".gif",
    ".tif",
    ".tiff",
    ".bmp",
    ".dib",
    ".avif",
    ".heic",
    ".heif",
    ".hif",
)
_OTHER_ENDINGS = (".jxl", ".jp2", ".j2k")
PICTURE_ENDINGS = frozenset((*_READ_ENDINGS, *_OTHER_ENDINGS))
"""Endings, in lower case, by which a file in a folder counts as a picture, read or not yet. Camera raw files
are not among them: they mostly lie beside a JPEG of the same picture."""

# Read with O_NONBLOCK a fifo without a writer does not hang; on Windows these flags do not exist.
_FLAGS = os.O_RDONLY
for _name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

_OTHER_THAN_FILE = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a fifo"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_MEANING = {
    errno.ENOENT: ("missing", "no such file"),
    errno.ENOTDIR: ("missing", "no such file"),
    errno.ELOOP: ("link-loop", "the link points to itself in a loop"),
    errno.EACCES: ("unreadable", "no permission to read the file"),
    errno.EPERM: ("unreadable", "no permission to read the file"),
    errno.ENXIO: ("not-a-file", "a socket or device, not a file"),
    errno.EISDIR: ("not-a-file", "a folder, not a file"),
}

# Where, what, which: bytes at an offset name a kind. Longer and rarer signatures come first.
_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (8, b"WEBP", "WebP"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"CR\x02\x00", "camera raw"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "TIFF"),
    (0, b"MM\x00+", "TIFF"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"FUJIFILMCCD-RAW", "camera raw"),
    (0, b"IIRO", "camera raw"),
    (0, b"IIU\x00", "camera raw"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"BM", "BMP"),
)

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # sizes of the second header, by version

# ISO 14496-12 files name their kind by brands. A HEIC or AVIF file may give the general brand mif1 as its
# first and its own only among the compatible ones, so the list is searched in this order.
_BRANDS = (
    ("AVIF", (b"avif", b"avis")),
    ("HEIC", (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")),
    ("camera raw", (b"crx ",)),
)


_BIG_TIFF = 43
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read one file whole, without hanging on a fifo and without reading what is no file or too large.

    Args:
        path: where the file is; may hold undecodable bytes as surrogates.

    Returns:
        The file's bytes, 1 to `MAX_FILE_BYTES` of them.

    Raises:
        InputError: with kind `missing`, `link-loop`, `not-a-file`, `unreadable`, `empty` or `too-large`;
            the message does not repeat the path.
    """
    try:
        handle = os.open(path, _FLAGS)
    except ValueError:
        # A NUL byte, or a character this system's file names cannot hold.
        raise InputError("no file can have this name", kind="missing") from None
    except OSError as error:
        raise _translated(error) from error
    try:
        size = _checked_size(os.fstat(handle))
        with open(handle, "rb", closefd=False) as file:
            data = file.read(size)
    except OSError as error:
        raise _translated(error) from error
    finally:
        os.close(handle)
    if not data:
        raise empty()
    return data


def empty() -> InputError:
    """The failure of a file, or of bytes, with nothing in it."""
    return InputError("the file is empty", kind="empty")


def too_large(n_bytes: int) -> InputError:
    """The failure of more bytes than visq reads."""
    return InputError(
        f"the file has {n_bytes} bytes, more than {MAX_FILE_BYTES}; make it smaller", kind="too-large"
    )


def content_id(data: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal: what tells two files apart whatever they are called.

    Example:
        >>> content_id(b"abc")[:16]
        'ba7816bf8f01cfea'
    """
    return hashlib.sha256(data).hexdigest()


def signature(head: bytes) -> str | None:
    r"""The kind of picture that bytes claim to be, by their signature alone.

    Args:
        head: the first 64 bytes of a file, or all of it.

    Returns:
        One of `READABLE`, another known kind that visq does not read yet (`JPEG XL`, `JPEG 2000`,
        `camera raw`), or None for anything else.

    Example:
        >>> signature(b"GIF89a\x01\x00"), signature(b"\x00\x00\x00\x18ftypheic"), signature(b"hello")
        ('GIF', 'HEIC', None)
    """
    if head[4:8] == b"ftyp":
        return _brand(head)
    for offset, pattern, kind in _SIGNATURES:
        if head.startswith(pattern, offset) and _is_meant(head, kind):
            return kind
    return None


def _is_meant(head: bytes, kind: str) -> bool:
    """Second look at two signatures that other files share."""
    if kind == "WebP":
        return head.startswith(b"RIFF")
    # Two letters are common in text; the size of the header that follows them is not.
    return kind != "BMP" or int.from_bytes(head[14:18], "little") in _BMP_HEADERS


def is_cut_off(data: bytes, kind: str) -> bool:
    """Whether a file of a kind of `READABLE` lacks its end; asked only of files that could not be decoded.

    Args:
        data: the whole file.
        kind: what its signature says it is.

    Returns:
        True where the end mark is missing (JPEG, PNG, GIF), or the length or directory that the header
        gives lies behind the last byte (WebP, BMP, TIFF, AVIF, HEIC).
    """
    if kind == "JPEG":
        # Thumbnails have end marks of their own; only one behind the last start of scan ends the picture.
        return data.rfind(b"\xff\xd9") <= data.rfind(b"\xff\xda")
    if kind == "PNG":
        return b"IEND" not in data
    if kind == "GIF":
        return not data.endswith(b";")
    if kind == "WebP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if kind == "BMP":
        return len(data) < max(26, int.from_bytes(data[2:6], "little"))
    if kind in ("AVIF", "HEIC"):
        return not _has_whole_boxes(data)
    return not has_whole_directory(data)


def _has_whole_boxes(data: bytes) -> bool:
    """Whether the outer boxes of a file fill it: 4 bytes of length each, 8 more where that is 1.

    A length of 0 reaches to the end (ISO 14496-12, 4.2).
    """
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length == 0:
            return True
        at += max(length, 8)
    return at == len(data)


def has_whole_directory(tiff: bytes) -> bool:
    """Whether the first directory of a TIFF, or of an EXIF block, lies within it with all its values.

    Source:
        TIFF 6.0, section 2: an offset at byte 4, a count of 2 bytes, 12 bytes an entry; values of more than
        4 bytes lie elsewhere. BigTIFF is laid out in another way and passes.
    """
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"
    if int.from_bytes(tiff[2:4], order) == _BIG_TIFF:
        return True
    start = int.from_bytes(tiff[4:8], order) + 2
    entries = int.from_bytes(tiff[start - 2 : start], order)
    if not 10 <= start <= start + 12 * entries <= len(tiff):
        return False
    for at in range(start, start + 12 * entries, 12):
        kind, count, value = (
            int.from_bytes(tiff[at + low : at + high], order) for low, high in ((2, 4), (4, 8), (8, 12))
        )
        n_bytes = _VALUE_BYTES.get(kind, 0) * count
        if n_bytes > 4 and value + n_bytes > len(tiff):
            return False
    return True


def _brand(head: bytes) -> str | None:
    """Kind by the major brand (byte 8) and the compatible ones (from byte 16 to the end of the box)."""
    end = min(int.from_bytes(head[:4], "big"), 64)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    for kind, known in _BRANDS:
        if any(brand in known for brand in brands):
            return kind
    return None


def _checked_size(status: os.stat_result) -> int:
    """Bytes to read of a regular file; the open file is asked, so that no other can be put in its place."""
    if not stat.S_ISREG(status.st_mode):
        what = next((name for test, name in _OTHER_THAN_FILE if test(status.st_mode)), "something else")
        raise InputError(f"{what}, not a file", kind="not-a-file")
    if status.st_size > MAX_FILE_BYTES:
        raise too_large(status.st_size)
    return status.st_size


def _translated(error: OSError) -> InputError:
    """The operating system's complaint as ours."""
    reason = error.strerror or type(error).__name__
    kind, message = _MEANING.get(error.errno or 0, ("unreadable", f"the file cannot be read: {reason}"))
    return InputError(message, kind=kind)
