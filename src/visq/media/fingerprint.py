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
_BUCKET = 4096
"""How many codes before it a code of the same bucket is compared with; larger buckets are parted first."""
_CELLS = 1 << 20  # comparisons made at a time
_POPCOUNT = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)
Codes = NDArray[np.uint64]
Places = NDArray[np.int64]


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


def near_pairs(
    codes: Sequence[int], within: int, also: Sequence[int] | None = None, also_within: int = 0
) -> Iterator[tuple[int, int]]:
    """Pairs of positions whose codes are near, enough of them to link every group and no more.

    A pair is near where its codes differ in at most `within` bits, and its second codes, if there are any, in
    at most `also_within`. Of all near pairs those are given that join what no earlier pair joined: thousands
    of black pictures do not make millions of pairs.

    Args:
        codes: [n], 64-bit numbers.
        within: 0..15 bits.
        also: [n], a second code of each; None asks for the first alone.
        also_within: 0..15 bits.

    Returns:
        Fewer than n pairs, the smaller position first.

    Memory: a few numbers a code, and a million comparisons at a time. Time: n (d + 1) and the comparisons
    inside buckets. A bucket of more than 4,096 codes is parted by the second code in the same way; if it
    stays as large, each code is compared with the 4,096 before it, which may miss a pair.

    Source:
        Pigeonhole search in Hamming space: Norouzi, Punjani and Fleet 2012 (arXiv 1307.2982), section 2.
    """
    second = [0] * len(codes) if also is None else also
    joined = _Joined(len(codes))
    first: dict[tuple[int, int], int] = {}
    for j, both in enumerate(zip(codes, second, strict=True)):
        i = first.setdefault(both, j)
        if i != j:
            joined.join(i, j)
            yield i, j
    at = np.array(list(first.values()), dtype=np.int64)
    a, b = np.array(list(first), dtype=np.uint64).reshape(-1, 2).T
    for bucket in _buckets(a, np.arange(at.size), within):
        parted = _buckets(b, bucket, also_within) if also is not None and bucket.size > _BUCKET else (bucket,)
        for rows, cols in (block for part in parted for block in _blocks(part)):
            near = _bits(a[rows][:, None] ^ a[cols]) <= within
            if near.any():
                near &= _bits(b[rows][:, None] ^ b[cols]) <= also_within
            yield from joined.new_pairs(near, at[rows], at[cols])


class _Joined:
    """Which positions are joined already: the name of each one's group, and the members of each group."""

    def __init__(self, n: int) -> None:
        self.group = np.arange(n)
        self.members: dict[int, list[int]] = {}

    def join(self, i: int, j: int) -> None:
        """Make one group of two; the smaller one is renamed."""
        large, small = int(self.group[i]), int(self.group[j])
        of_large, of_small = self.members.pop(large, [large]), self.members.pop(small, [small])
        if len(of_small) > len(of_large):
            large, of_large, of_small = small, of_small, of_large
        self.group[of_small] = large
        of_large += of_small
        self.members[large] = of_large

    def new_pairs(self, near: NDArray[np.bool_], rows: Places, cols: Places) -> Iterator[tuple[int, int]]:
        """Of near pairs, bool [rows, cols], those that join two groups."""
        near &= self.group[rows][:, None] != self.group[cols]
        for k in np.flatnonzero(near.any(axis=1)).tolist():
            found = cols[near[k]]
            for j in found[np.unique(self.group[found], return_index=True)[1]].tolist():
                i = int(rows[k])
                if self.group[i] != self.group[j]:
                    self.join(i, j)
                    yield min(i, j), max(i, j)


def _parts(n: int) -> list[tuple[int, int]]:
    """Lowest bit and width of n parts of 64 bits, as equal as they can be."""
    edges = [BITS * k // n for k in range(n + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _buckets(codes: Codes, places: Places, within: int) -> Iterator[Places]:
    """Places whose codes share one of `within` + 1 parts, two or more together."""
    for low, width in _parts(within + 1):
        keys = (codes[places] >> np.uint64(low)) & np.uint64((1 << width) - 1)
        order = np.argsort(keys, kind="stable")
        for found in np.split(places[order], np.flatnonzero(np.diff(keys[order])) + 1):
            if found.size > 1:
                yield found


def _blocks(places: Places) -> Iterator[tuple[Places, Places]]:
    """Rows and columns to compare: every place with all before it, of very many with the last of these."""
    step = max(1, _CELLS // min(places.size, 2 * _BUCKET))
    for start in range(0, places.size, step):
        stop = min(start + step, places.size)
        yield places[start:stop], places[max(0, start - _BUCKET) : stop]


def _bits(differing: Codes) -> NDArray[np.uint8]:
    """Bits set in each number of a matrix."""
    if hasattr(np, "bitwise_count"):
        return np.asarray(np.bitwise_count(differing), dtype=np.uint8)
    # NumPy 1 has no such function.
    halves = np.ascontiguousarray(differing).view(np.uint16).reshape(*differing.shape, 4)
    return np.asarray(_POPCOUNT[halves].sum(axis=-1, dtype=np.uint8))
