"""A picture brought to the size a model wants, and the name of that. Knows no model: sizes are arguments."""

from __future__ import annotations

import re
from math import ceil, floor, sqrt

import numpy as np
from PIL import Image

from visq.core.types import Picture

_REDUCED = re.compile(r"(?:^|;)draft([1-9][0-9]*)(?=;|$)")


def preprocessing_id(height: int, width: int, *, reduced: bool = True) -> str:
    """The preprocessing that models of this size take, in a word: part of every score.

    Args:
        height: rows of the model's input.
        width: columns of it.
        reduced: whether large JPEGs are reduced in decoding; neither of their sides then falls below twice
            the larger side of the input, so that blocks and grain are not averaged away.

    Example:
        >>> preprocessing_id(320, 320), preprocessing_id(2, 4, reduced=False)
        ('srgb;draft640;squash320-bicubic', 'srgb;squash4x2-bicubic')
    """
    side = f"{width}" if height == width else f"{width}x{height}"
    draft = f"draft{2 * max(height, width)};" if reduced else ""
    return f"srgb;{draft}squash{side}-bicubic"


def least_side(preprocessing: str) -> int | None:
    """What `decode` takes as `at_least`, px, by a preprocessing's identity: the one place that decides it.

    Example:
        >>> least_side("srgb;draft640;squash320-bicubic"), least_side("srgb;squash320-bicubic")
        (640, None)
    """
    found = _REDUCED.search(preprocessing)
    return None if found is None else int(found[1])


def squash(picture: Picture, height: int, width: int) -> Picture:
    """Resize to exactly height x width, whatever the picture's shape was.

    The aspect ratio is not kept: a 4:3 picture asked for as a square is narrowed. Every part of the picture
    stays visible and nothing is padded. Shrinking averages over the pixels that fall together (Pillow widens
    the bicubic kernel by the factor of reduction), so no aliasing is added.

    Args:
        picture: uint8 [h, w, 3], RGB.
        height: rows wanted, > 0.
        width: columns wanted, > 0.

    Returns:
        uint8 [height, width, 3]; the picture itself where it has that size already.

    Source:
        Pillow's `Image.resize` with `BICUBIC` (a = -0.5), which rounds to 8 bits after each direction.

    Example:
        >>> squash(np.full((2, 6, 3), 7, np.uint8), 4, 4).tolist() == np.full((4, 4, 3), 7).tolist()
        True
    """
    if picture.shape[:2] == (height, width):
        return picture
    # fromarray reads the array's own memory once, into Pillow's four bytes a pixel; nothing else is copied.
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def within(picture: Picture, least: int | None, most: int | None) -> Picture:
    """A picture of `least` to `most` pixels, its shape kept as far as whole pixels allow.

    Args:
        picture: uint8 [h, w, 3], RGB.
        least: pixels, 1 or more; None for no bound.
        most: likewise, `least` or more.

    Returns:
        uint8 [h, w, 3]; the picture itself where it has so many pixels.
    """
    height, width = picture.shape[:2]
    pixels = height * width
    if most is not None and pixels > most:
        scale = sqrt(most / pixels)
        return squash(picture, max(1, floor(height * scale)), max(1, floor(width * scale)))
    if least is not None and pixels < least:
        scale = sqrt(least / pixels)
        return squash(picture, ceil(height * scale), ceil(width * scale))
    return picture
