"""A picture brought to the size a model wants. Knows no model: sizes are arguments, never defaults."""

from __future__ import annotations

import numpy as np
from PIL import Image

from visq.core.types import Picture


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
