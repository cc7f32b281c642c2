"""Any pixels Pillow can load, turned to RGB in sRGB over white. Knows no files, no headers, no orientation.

Errors are Pillow's own, or InputError for a profile that does not fit; `decode` turns them into notes.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from visq.core.errors import InputError

MAX_PROFILE_BYTES = 8 * 2**20
"""Printer profiles have up to some 3 MB; the limit bounds what the cache below can be made to hold."""

# (mode of the picture, colour space of the profile) -> mode the transform works on. A grey picture may
# carry an RGB profile, which then describes its grey axis.
_FITS = {("RGB", "RGB"): "RGB", ("L", "RGB"): "RGB", ("L", "GRAY"): "L", ("CMYK", "CMYK"): "CMYK"}

# Largest difference, of 255, at which a profile counts as sRGB: rounding of primaries and tables.
_SAME_COLOUR = 1


class _Plan(NamedTuple):
    """How a profile is applied: None where it is sRGB already."""

    mode: str
    transform: ImageCms.ImageCmsTransform | None


def flatten(image: Image.Image, *, sample_bits: int = 16, white_is_zero: bool = False) -> Image.Image:
    """Bring a loaded picture to 8 bits without transparency, still in its own colour space.

    Args:
        image: a loaded picture of any mode but 32-bit ones.
        sample_bits: how many bits of a 16-bit grey sample are used; 12-bit TIFF files use 12.
        white_is_zero: 16-bit grey where 0 is white (TIFF), which Pillow turns round for 8 bits only.

    Returns:
        The picture in mode `L`, `RGB` or `CMYK`; transparent parts show white.
    """
    if image.mode.startswith("I;16"):
        return _from_16_bits(image, sample_bits, white_is_zero)
    if image.has_transparency_data:
        return _over_white(image)
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image if image.mode in ("RGB", "CMYK") else image.convert("RGB")


def _from_16_bits(image: Image.Image, sample_bits: int, white_is_zero: bool) -> Image.Image:
    """Grey of 16 bits to `L` by round(x / 257), which maps 65535 to 255; Pillow's convert would clip."""
    largest = 2**sample_bits - 1
    table = np.rint(np.arange(65536) * (255 / largest)).clip(0, 255).astype(np.uint8)
    if white_is_zero:
        table = 255 - table
    transparent = image.info.get("transparency")
    if isinstance(transparent, int) and 0 <= transparent < table.size:
        table[transparent] = 255
    return Image.fromarray(table[np.asarray(image)])


def _over_white(image: Image.Image) -> Image.Image:
    """Alpha composited over white, channel by channel in the picture's own space: a c + (1 - a) 255."""
    grey = image.mode in ("1", "L", "LA", "La")
    layered = image.convert("LA" if grey else "RGBA")
    canvas = Image.new("L" if grey else "RGB", image.size, "white")
    canvas.paste(layered.convert(canvas.mode), mask=layered.getchannel("A"))
    return canvas


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Apply a colour profile: relative colorimetric with black point compensation, to sRGB.

    Safe to call from several threads at once.

    Args:
        image: in mode `L`, `RGB` or `CMYK`.
        profile: an ICC profile (ICC.1), as embedded.

    Returns:
        The picture in mode `RGB`.

    Raises:
        InputError: the profile is for another kind of picture, or too large.
        Exception: whatever ImageCms raises for a broken profile.
    """
    if len(profile) > MAX_PROFILE_BYTES:
        raise InputError(f"it has {len(profile)} bytes, more than {MAX_PROFILE_BYTES}", kind="profile")
    # No lock: the cache has its own, and LittleCMS only reads a transform while it applies it.
    plan = _plan(profile, image.mode)
    fitting = image if image.mode == plan.mode else image.convert(plan.mode)
    if plan.transform is None:
        return fitting.convert("RGB") if fitting.mode != "RGB" else fitting
    converted = ImageCms.applyTransform(fitting, plan.transform)
    if converted is None:
        raise InputError("nothing came back from the transform", kind="profile")
    return converted


# The key is the profile's bytes (hashed by the dict, compared whole), so no two profiles can be confused.
@lru_cache(maxsize=8)
def _plan(profile: bytes, mode: str) -> _Plan:
    """The transform of a profile for pictures of a mode, or None for one that is sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    working = _FITS.get((mode, space))
    if working is None:
        raise InputError(f"a profile for {space} does not fit pixels of mode {mode}", kind="profile")
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        working,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return _Plan(working, None if _leaves_colours(transform, working) else transform)


def _leaves_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform maps a 9 x 9 x 9 grid of colours onto itself, so that its profile is sRGB.

    Most profiles in photographs are sRGB. Skipping those saves twice the time of decoding, and a picture
    scores the same with the tag and without. The colours decide and not the description: linear-light
    profiles call themselves sRGB too, and the small sRGB profiles of web services do not.
    """
    if mode == "CMYK":
        return False
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    probe = Image.fromarray(grid).convert(mode)
    before = np.asarray(probe.convert("RGB"), dtype=np.int16)
    after = ImageCms.applyTransform(probe, transform)
    return int(np.abs(np.asarray(after, dtype=np.int16) - before).max()) <= _SAME_COLOUR
