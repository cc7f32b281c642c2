"""PNG and TIFF files written by hand, for sample sizes and layouts that Pillow's encoders do not write."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from hostile import png_chunk


def png(samples: np.ndarray, colour: int, *, extra: bytes = b"") -> bytes:
    """PNG of uint8 or uint16 [h, w, c] samples; colour type 0 grey, 2 RGB, 4 grey + alpha, 6 RGBA."""
    height, width, _ = samples.shape
    depth = 8 * samples.itemsize
    rows = samples.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = head + extra + png_chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def tiff(data: list[bytes], size: tuple[int, int], tags: dict[int, tuple[int, ...]]) -> bytes:
    """Little-endian TIFF with one strip for each item of data; tags of SHORT type, without the strips'."""
    height, width = size
    starts = [8 + sum(map(len, data[:i])) for i in range(len(data))]
    # tag -> (type, values); 3 is SHORT, 4 is LONG
    entries = {number: (3, values) for number, values in tags.items()}
    entries |= {256: (3, (width,)), 257: (3, (height,)), 278: (3, (height,))}
    entries |= {273: (4, tuple(starts)), 279: (4, tuple(map(len, data)))}
    at = 8 + sum(map(len, data))
    at += at % 2
    behind = at + 2 + 12 * len(entries) + 4
    directory, overflow = struct.pack("<H", len(entries)), b""
    for number, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            packed, overflow = struct.pack("<I", behind + len(overflow)), overflow + packed
        directory += struct.pack("<HHI", number, kind, len(values)) + packed.ljust(4, b"\0")
    head = struct.pack("<2sHI", b"II", 42, at)
    return (head + b"".join(data)).ljust(at, b"\0") + directory + bytes(4) + overflow


def exif(orientation: int, *, order: str = "II") -> bytes:
    """An EXIF block with nothing but an orientation."""
    mark = "<" if order == "II" else ">"
    head = order.encode() + struct.pack(f"{mark}HIH", 42, 8, 1)
    return b"Exif\0\0" + head + struct.pack(f"{mark}HHIHHI", 0x0112, 3, 1, orientation, 0, 0)
