"""ICC profiles written by hand after ICC.1:2001, so that colours can be computed without a colour library."""

from __future__ import annotations

import struct

import numpy as np

# Columns: XYZ of red, green, blue, adapted to D50. sRGB after IEC 61966-2-1 (Bradford), Adobe RGB (1998)
# annex C, both as Lindbloom tabulates them (brucelindbloom.com, "RGB/XYZ Matrices", D50).
SRGB_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
ADOBE_D50 = np.array(
    [[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197], [0.0194811, 0.0608902, 0.7448387]]
)
D50 = np.array([0.9642, 1.0, 0.8249])


def _s15(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + _s15(*values)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _text(text: str) -> bytes:
    return b"text\0\0\0\0" + text.encode() + b"\0"


def _described(text: str) -> bytes:
    body = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(body)) + body + bytes(4 + 4 + 2 + 1 + 67)


def _profile(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI", start + len(body), b"\0\0\0\0", 0x02400000) + kind + space + connection
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _s15(*D50)
    head += bytes(128 - len(head))
    return head + struct.pack(">I", len(tags)) + table + body


def _table(values: np.ndarray) -> bytes:
    """A curve by its points, 0..1."""
    points = (values * 65535).round().astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(points)) + points.tobytes()


def nearly_srgb(power: float) -> bytes:
    """sRGB with a brightness curve that is off by a power; 1.004 moves no 8-bit value by more than one."""
    shares = np.linspace(0, 1, 1024)
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return rgb(SRGB_D50, 1.0, curve=_table(linear**power))


def rgb(
    matrix: np.ndarray,
    gamma: float,
    name: str = "by hand",
    *,
    white: np.ndarray = D50,
    curve: bytes | None = None,
) -> bytes:
    """A matrix profile: linear = value ** gamma (or a curve), XYZ = matrix @ linear."""
    tags = {b"desc": _described(name), b"cprt": _text("none"), b"wtpt": _xyz(white)}
    tags |= {b"rXYZ": _xyz(matrix[:, 0]), b"gXYZ": _xyz(matrix[:, 1]), b"bXYZ": _xyz(matrix[:, 2])}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve or _gamma(gamma))
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def grey(gamma: float) -> bytes:
    """A grey profile: luminance = value ** gamma."""
    tags = {b"desc": _described("grey by hand"), b"cprt": _text("none"), b"wtpt": _xyz(D50)}
    return _profile(b"GRAY", b"XYZ ", b"mntr", tags | {b"kTRC": _gamma(gamma)})


def cmyk(corners: np.ndarray) -> bytes:
    """A table profile with two points an ink.

    Args:
        corners: uint8 [2, 2, 2, 2, 3], Lab of each combination of no ink and full ink, encoded as lut8 does:
            L* 255 / 100, a* + 128, b* + 128. Black (K alone) must have L* 0: black point compensation then
            changes nothing.
    """
    identity = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + _s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += identity * 4 + corners.astype(np.uint8).tobytes() + identity * 3
    # Both tables: LittleCMS looks for a black point only where the one of the rendering intent is there.
    tags = {
        b"desc": _described("cmyk by hand"),
        b"cprt": _text("none"),
        b"wtpt": _xyz(D50),
        b"A2B0": lut,
        b"A2B1": lut,
    }
    return _profile(b"CMYK", b"Lab ", b"scnr", tags)


def linear_to_srgb(xyz: np.ndarray) -> np.ndarray:
    """float [..., 3] XYZ (D50) -> float [..., 3] sRGB 0..255, clipped; IEC 61966-2-1."""
    linear = np.clip(xyz @ np.linalg.inv(SRGB_D50).T, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def lab_to_xyz(lab: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* -> XYZ, white D50."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    return D50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
