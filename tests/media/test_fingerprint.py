"""Fingerprints against their definition, and the search against comparing all with all."""

from __future__ import annotations

import io
import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from visq.backbones import find_model
from visq.media import decode
from visq.media.fingerprint import dct_hash, difference_hash, distance, near_pairs

PICTURES = sorted((find_model("mini").path / "pictures").iterdir())
CODES = st.lists(st.integers(0, 2**64 - 1), max_size=30)


def small_grey(picture, width, height):
    """Grey cells by averaging whole blocks; the picture's sides are multiples of the cells'."""
    h, w = picture.shape[0] // height, picture.shape[1] // width
    cells = picture.reshape(height, h, width, w, 3).astype(float).mean(axis=(1, 3))
    return np.rint(cells) @ [0.299, 0.587, 0.114]


def naive_dhash(picture):
    grey, bits = small_grey(picture, 9, 8), ""
    for row in range(8):
        for column in range(8):
            bits += "1" if grey[row, column + 1] < grey[row, column] else "0"
    return int(bits, 2)


def naive_phash(picture):
    grey, found = small_grey(picture, 32, 32), []
    for v in range(8):
        for u in range(8):
            total = 0.0
            for y in range(32):
                for x in range(32):
                    total += (
                        grey[y, x]
                        * math.cos(math.pi * (2 * y + 1) * v / 64)
                        * math.cos(math.pi * (2 * x + 1) * u / 64)
                    )
            found.append(total)
    middle = (sorted(found)[31] + sorted(found)[32]) / 2
    return int("".join("1" if value > middle else "0" for value in found), 2)


@pytest.mark.parametrize("seed", range(3))
def test_hashes_are_what_their_definitions_say(seed):
    small = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    picture = np.kron(small, np.ones((4, 32, 1), np.uint8))  # 32 x 288: cells of both hashes are whole blocks
    assert difference_hash(picture) == naive_dhash(picture)
    assert dct_hash(picture) == naive_phash(picture)


@pytest.mark.parametrize("path", PICTURES, ids=lambda p: p.name)
def test_a_picture_compressed_or_halved_stays_near_and_others_do_not(path):
    picture = decode(path).picture
    image = Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    half = np.asarray(image.resize((image.width // 2, image.height // 2)))
    for copy in (decode(file.getvalue()).picture, half):
        assert distance(difference_hash(picture), difference_hash(copy)) <= 4
        assert distance(dct_hash(picture), dct_hash(copy)) <= 8
    for other in PICTURES:
        if other.stem.split("-")[0] != path.stem.split("-")[0]:
            assert distance(difference_hash(picture), difference_hash(decode(other).picture)) > 8


@given(CODES, st.integers(0, 8), st.data())
def test_the_search_finds_what_comparing_all_finds(codes, within, data):
    for code in codes[:5]:  # neighbours, or there would be none
        turned = data.draw(st.lists(st.integers(0, 63), max_size=within + 1))
        codes = [*codes, code ^ sum(1 << bit for bit in set(turned))]
    found = list(near_pairs(codes, within))
    assert len(found) == len(set(found))
    near = {(i, j) for i, j in combinations(range(len(codes)), 2) if distance(codes[i], codes[j]) <= within}
    assert set(found) <= near
    assert linked(found, len(codes)) == linked(near, len(codes))


def nearby(rng, base, n_bits):
    """The code with some bits of it turned."""
    return int(base) ^ sum(1 << int(bit) for bit in rng.choice(64, n_bits, replace=False))


@pytest.mark.parametrize("plain", [64, 48, 20], ids=["equal", "borders", "photographs"])
@pytest.mark.parametrize("n", [300, 5000])
def test_both_codes_count_in_buckets_of_any_size(plain, n):
    """Pictures on one canvas: their first codes agree in many parts, only the second ones tell them apart."""
    rng = np.random.default_rng(plain)
    free = (1 << (64 - plain)) - 1
    first = [int(code) & free for code in rng.integers(0, 2**63, n // 2)]
    second = [int(code) & 0xFFFF_FFFF_FFFF for code in rng.integers(0, 2**63, n // 2)]
    first += [nearby(rng, code, 2) for code in first]
    second += [nearby(rng, code, 5) for code in second]
    found = list(near_pairs(first, 4, second, 8))
    a, b = bits_of(first), bits_of(second)
    near_by_both = (apart(a) <= 4) & (apart(b) <= 8)
    near = list(zip(*(at.tolist() for at in np.nonzero(np.triu(near_by_both, 1))), strict=True))
    assert len(near) >= n // 2
    assert set(found) <= set(near)
    assert len(found) < n
    assert linked_sets(found, n) == linked_sets(near, n)


def bits_of(codes):
    """Bits of many numbers, float32 [n, 64]."""
    return np.array([[code >> k & 1 for k in range(64)] for code in codes], np.float32)


def apart(bits):
    """In how many bits each two of them differ, [n, n]: exact, since the numbers are small."""
    ones = bits.sum(axis=1)
    return ones[:, None] + ones - 2 * bits @ bits.T


def linked_sets(pairs, n):
    """Parts of positions joined by pairs, by another algorithm than the search's."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    i, j = np.array(pairs).T
    _, parts = connected_components(coo_matrix((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False)
    return parts.tolist()  # named in the order of their first positions


def linked(pairs, n):
    """Parts of positions joined by pairs."""
    part = list(range(n))
    for i, j in pairs:
        part = [part[i] if p == part[j] else p for p in part]
    return [[i for i in range(n) if part[i] == p] for p in dict.fromkeys(part)]


def test_thousands_of_alike_codes_are_a_tree():
    assert sum(1 for _ in near_pairs([7] * 5000, 4)) == 4999
    rng = np.random.default_rng(0)
    assert sum(1 for _ in near_pairs([nearby(rng, 7, 2) for _ in range(5000)], 4)) == 4999


def test_an_older_numpy_finds_the_same(monkeypatch):
    codes = [int(code) >> 40 for code in np.random.default_rng(0).integers(0, 2**63, 500)]
    found = list(near_pairs(codes, 4))
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert list(near_pairs(codes, 4)) == found != []


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_distance_counts_bits(a, b):
    assert distance(a, b) == distance(b, a) == bin(a ^ b).count("1")
