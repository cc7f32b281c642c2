"""Fingerprints of pictures: 64-bit hashes that stay near when one is re-encoded. Knows pixels, no files.

Two pictures that differ in a few bits are probably the same one, scaled or compressed again. Which are near
is found without comparing all with all: two codes within a distance d agree in at least one of d + 1 parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visq.core.types import Picture

BITS = 64
_BUCKET = 64
"""How many codes before it a code of the same bucket is compared with."""


def difference_hash(picture: Picture) -> int:
    """64 bits: is each of 8 x 8 cells brighter than the one on its right?

    Args:
        picture: uint8 [h, w, 3].

    Returns:
        0..2^64 - 1, rows from the top, the first cell in the highest bit.

    Source:
        Krawetz 2013 ("Kind of Like That"): 9 x 8 grey, horizontal differences. Grey is ITU-R BT.601, reduced
        by area.
    """
    grey = _grey(picture, 9, 8)
    return _pack(grey[:, 1:] < grey[:, :-1])


def dct_hash(picture: Picture) -> int:
    """64 bits: is each of the 8 x 8 lowest frequencies above their median?

    Args:
        picture: uint8 [h, w, 3].

    Returns:
        0..2^64 - 1, rows of vertical frequency, the constant part in the highest bit.

    Source:
        Zauner 2010 ("Implementation and Benchmarking of Perceptual Image Hash Functions"), section 3.2:
        32 x 32 grey, DCT-II, median of the 64 lowest coefficients.
    """
    spectrum = _DCT @ _grey(picture, 32, 32) @ _DCT.T
    low = spectrum[:8, :8]
    return _pack(low > np.median(low))


def _dct_matrix(n: int, k: int) -> NDArray[np.float64]:
    """The first k rows of the DCT-II of n points, without its scale: signs and order are all that is read."""
    return np.asarray(np.cos(np.pi / n * (np.arange(n) + 0.5) * np.arange(k)[:, None]))


_DCT = _dct_matrix(32, 8)


def _grey(picture: Picture, width: int, height: int) -> NDArray[np.float64]:
    small = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
    weights = np.array([0.299, 0.587, 0.114])
    return np.asarray(np.asarray(small, dtype=np.float64) @ weights)


def _pack(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")


def distance(a: int, b: int) -> int:
    """Number of bits in which two hashes differ.

    Example:
        >>> distance(0b1011, 0b0010)
        2
    """
    return (a ^ b).bit_count()


def near_pairs(codes: Sequence[int], within: int) -> Iterator[tuple[int, int]]:
    """Pairs of positions whose codes differ in at most `within` bits, each once, the smaller one first.

    Equal codes come as a chain (each with the one before it), and so does every bucket of more than 64 codes
    that share a part: groups are found whole, and thousands of black pictures do not make millions of pairs.

    Args:
        codes: [n], 64-bit numbers.
        within: 0..15 bits.

    Memory: one entry a code and part. Time: n (d + 1) and the comparisons inside buckets of at most 64.

    Source:
        Pigeonhole search in Hamming space: Norouzi, Punjani and Fleet 2012 (arXiv 1307.2982), section 2.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for i, code in enumerate(codes):
        if code in first:
            yield last[code], i
        first.setdefault(code, i)
        last[code] = i
    distinct = list(first.items())
    seen: set[tuple[int, int]] = set()
    for low, width in _parts(within + 1):
        buckets: dict[int, list[tuple[int, int]]] = {}
        for code, i in distinct:
            buckets.setdefault((code >> low) & ((1 << width) - 1), []).append((code, i))
        for bucket in buckets.values():
            for (a, i), (b, j) in _compared(bucket):
                pair = (min(i, j), max(i, j))
                if pair not in seen and (a ^ b).bit_count() <= within:
                    seen.add(pair)
                    yield pair


def _parts(n: int) -> list[tuple[int, int]]:
    """Lowest bit and width of n parts of 64 bits, as equal as they can be."""
    edges = [BITS * k // n for k in range(n + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _compared(bucket: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for at, one in enumerate(bucket):
        yield from ((other, one) for other in bucket[max(0, at - _BUCKET) : at])
