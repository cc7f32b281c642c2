"""Five measured facts of a picture, their words, and the sentence made of them. Knows no model.

The rationale `mini` learns to write says nothing but these facts, so that every word of it can be checked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visq.core.types import Picture

SLOTS = (
    ("details", ("soft", "clear", "sharp")),
    ("light", ("dark", "balanced", "bright")),
    ("contrast", ("flat", "moderate", "strong")),
    ("colours", ("muted", "natural", "vivid")),
    ("tint", ("cool", "neutral", "warm")),
)
"""Facts in the order of the sentence, each with its words from low to high."""

_SENTENCE = "The details are {}, the light is {}, the contrast is {} and the colors are {} and {}."
_LAPLACIAN_FLOOR = 1e-3


def facts(picture: Picture) -> NDArray[np.float64]:
    """Five numbers of a picture, uint8 [h, w, 3].

    Returns:
        float64 [5]: logarithm of the standard deviation of the luma's Laplacian; mean of the luma; its
        standard deviation; colourfulness (Hasler and Suesstrunk 2003, equation for M^(3)); mean of red minus
        blue. All but the first in units of 0..255.
    """
    rgb = picture.astype(np.float64)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    inner = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * inner
    rg, yb = red - green, 0.5 * (red + green) - blue
    colourfulness = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    detail = np.log(max(laplacian.std(), _LAPLACIAN_FLOOR))
    return np.array([detail, luma.mean(), luma.std(), colourfulness, (red - blue).mean()])


def terciles(measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [5, 2]: between low and middle, and between middle and high, of facts [n, 5]."""
    return np.quantile(measured, [1 / 3, 2 / 3], axis=0).T


def thirds(measured: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64 [n, 5], 0..2: in which third each fact of [n, 5] lies."""
    return np.stack(
        [np.searchsorted(edges, column) for edges, column in zip(limits, measured.T, strict=True)], axis=1
    )


def sentence(which: Sequence[int]) -> str:
    """The rationale of five thirds, each 0..2.

    Example:
        >>> sentence([2, 1, 0, 1, 2])[:44]
        'The details are sharp, the light is balanced'
    """
    return _SENTENCE.format(*(words[third] for (_, words), third in zip(SLOTS, which, strict=True)))


def read_sentence(text: str) -> tuple[int, ...] | None:
    """The five thirds a rationale states; None where it is not the sentence."""
    pattern = _sentence_pattern()
    found = pattern.fullmatch(text.strip())
    if found is None:
        return None
    return tuple(words.index(word) for (_, words), word in zip(SLOTS, found.groups(), strict=True))


def _sentence_pattern() -> re.Pattern[str]:
    slots = ("(" + "|".join(words) + ")" for _, words in SLOTS)
    return re.compile(re.escape(_SENTENCE).replace(r"\{\}", "{}").format(*slots))
