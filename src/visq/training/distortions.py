"""Distortions of pictures, each from slight to strong. Pure functions on pixels; knows no data set.

They make ladders: one photograph, ever more distorted. A ladder says in which order its rungs stand, and
nothing about what anybody would score them.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from visq.core.types import FloatArray, Picture

Distortion = Callable[[Picture, float, np.random.Generator], Picture]


def blur(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """Gaussian blur; sigma in px."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def jpeg(picture: Picture, quality: float, rng: np.random.Generator) -> Picture:
    """JPEG with libjpeg's quality, 1..95."""
    return _recoded(picture, "JPEG", quality=round(quality))


def webp(picture: Picture, quality: float, rng: np.random.Generator) -> Picture:
    """Lossy WebP of quality 0..100."""
    return _recoded(picture, "WEBP", quality=round(quality))


def noise(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """Gaussian noise, independent in every value; sigma in units of 0..255."""
    return _bytes(picture + rng.normal(0.0, sigma, picture.shape))


def impulse(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    """Salt and pepper on a share of the pixels, 0..1."""
    drawn = rng.random(picture.shape[:2])
    out = picture.copy()
    out[drawn < share / 2] = 0
    out[drawn > 1 - share / 2] = 255
    return out


def exposure(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """All values times a factor; below 1 darker, above 1 brighter and clipped."""
    return _bytes(picture * factor)


def downscale(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """Shrunk by a factor and enlarged again, both bicubic."""
    return _resized(picture, factor, Image.Resampling.BICUBIC)


def pixelate(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """Shrunk by a factor, each pixel then drawn as a square."""
    return _resized(picture, factor, Image.Resampling.NEAREST)


def contrast(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """Distance of every value from the picture's mean, times a factor."""
    mean = picture.mean()
    return _bytes(mean + (picture - mean) * factor)


def colour(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """Distance of every value from its pixel's luma (ITU-R BT.601), times a factor."""
    luma = picture @ np.array([0.299, 0.587, 0.114])
    return _bytes(luma[..., None] + (picture - luma[..., None]) * factor)


def motion(picture: Picture, length: float, rng: np.random.Generator) -> Picture:
    """Blur along a line of a length in px, at a random one of four angles."""
    dy, dx = ((0, 1), (1, 0), (1, 1), (1, -1))[rng.integers(4)]
    n = max(round(length), 1)
    pad = np.pad(picture.astype(np.float32), ((n, n), (n, n), (0, 0)), mode="edge")
    height, width = picture.shape[:2]
    total = np.zeros(picture.shape, np.float32)
    for k in range(n):
        y, x = n + dy * (k - n // 2), n + dx * (k - n // 2)
        total += pad[y : y + height, x : x + width]
    return _bytes(total / n)


def chroma(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """Colour differences (YCbCr) shrunk by a factor and enlarged again; the luma stays."""
    luma, *others = Image.fromarray(picture).convert("YCbCr").split()
    height, width = picture.shape[:2]
    small = (max(round(width / factor), 1), max(round(height / factor), 1))
    bicubic = Image.Resampling.BICUBIC
    others = [one.resize(small, bicubic).resize((width, height), bicubic) for one in others]
    return np.asarray(Image.merge("YCbCr", [luma, *others]).convert("RGB"))


def posterise(picture: Picture, levels: float, rng: np.random.Generator) -> Picture:
    """Only so many different values in each channel."""
    steps = max(round(levels), 2) - 1
    return _bytes(np.round(picture / 255.0 * steps) / steps * 255.0)


DISTORTIONS: dict[str, Distortion] = {
    "blur": blur,
    "jpeg": jpeg,
    "noise": noise,
    "darker": exposure,
    "brighter": exposure,
    "downscale": downscale,
    "contrast": contrast,
    "colour": colour,
    "motion": motion,
    "chroma": chroma,
    "webp": webp,
    "pixelate": pixelate,
    "posterise": posterise,
    "impulse": impulse,
}
"""Name of a kind of distortion -> what makes it."""


def _bytes(values: FloatArray) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _recoded(picture: Picture, form: str, *, quality: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _resized(picture: Picture, factor: float, back: Image.Resampling) -> Picture:
    height, width = picture.shape[:2]
    small = (max(round(width / factor), 1), max(round(height / factor), 1))
    image = Image.fromarray(picture).resize(small, Image.Resampling.BICUBIC)
    return np.asarray(image.resize((width, height), back))
