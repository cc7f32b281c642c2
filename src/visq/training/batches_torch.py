"""Batches of the causal model: pictures, what is asked about them, what should be answered.

A batch depends on its number alone (and on the recipe's seed), so a run that goes on after a kill sees the
batches the dead one would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor
from torch.utils.data import Dataset

from visq.core.scales import MOS, Scale, gaussian_levels
from visq.training.dialogue import DESCRIBE, RATINGS, Encoded, encode, level_turn, pair_turn, rating_turn
from visq.training.facts import sentence

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RATING_VALUES = Scale(1.0, float(len(RATINGS))).convert(np.arange(1, len(RATINGS) + 1), MOS)
"""Where the ratings 1..10 lie on 1..5."""

_MOST_ANSWERS = 10


@dataclass(frozen=True)
class Asked:
    """Pictures that people rated; all arrays are [n].

    Attributes:
        pixels: uint8 [N, side, side, 3]; or, for a trunk that stays, its cells of each picture as it is and
            mirrored, float16 [N, 2, cells, channels].
        rows: int64 [n], places in `pixels`.
        aspect: of each picture, its place among the aspects.
        mos: 1..5.
        thirds: int64 [n, 5], of its facts.
    """

    pixels: NDArray[Any]
    rows: NDArray[np.int64]
    aspect: NDArray[np.int64]
    mos: NDArray[np.float64]
    thirds: NDArray[np.int64]


@dataclass(frozen=True)
class Ladders:
    """Photographs at rising strengths of one distortion each.

    Attributes:
        pixels: uint8 [M, rungs, side, side, 3], the original first.
        rows: int64 [m], places in `pixels`.
        aspects: of each ladder, the places of the aspects it puts in order.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    aspects: Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class Plan:
    """How batches are made; the numbers are a recipe's.

    Attributes:
        seed: of everything drawn.
        steps: batches in all.
        pictures: rated pictures a batch.
        ladders: pairs of rungs a batch; 0 for none.
        crop: side of the random crop, px; 0: the whole picture.
        level_std: of the soft label around an opinion score, on 1..5.
        ratings: share of pictures asked for a whole number beside the level.
        pairs: share of the pairs of pictures asked which is better.
        rationales: share of pictures whose rationale is asked for.
    """

    seed: int
    steps: int
    pictures: int
    ladders: int
    crop: int
    level_std: float
    ratings: float
    pairs: float
    rationales: float


class Questions:
    """Every turn as tokens, once."""

    def __init__(self, tokenizer: Tokenizer, aspects: Sequence[str], places: int) -> None:
        self.levels = [encode(tokenizer, level_turn(name), 1, places) for name in aspects]
        self.ratings = [encode(tokenizer, rating_turn(name), 1, places) for name in aspects]
        self.pairs = [encode(tokenizer, pair_turn(name), 2, places) for name in aspects]
        self.describe = encode(tokenizer, DESCRIBE, 1, places)
        self.tokenizer = tokenizer


@dataclass(frozen=True)
class _Row:
    """One sequence: its tokens, its pictures, where a distribution is wanted and which, and later tokens."""

    tokens: tuple[int, ...]
    pictures: tuple[int, ...]
    n_prompt: int
    soft: Mapping[int, float]


class Batches(Dataset[dict[str, Any]]):
    """Item k is batch k.

    Args:
        rated: the training pictures.
        ladders: of training photographs; None where the plan wants none.
        questions: of the dialogue.
        plan: how batches are made.
    """

    def __init__(self, rated: Asked, ladders: Ladders | None, questions: Questions, plan: Plan) -> None:
        self.rated, self.ladders, self.questions, self.plan = rated, ladders, questions, plan
        self._levels = gaussian_levels(rated.mos, plan.level_std)
        self._ratings = gaussian_levels(rated.mos, plan.level_std, RATING_VALUES.tolist())

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, step: int) -> dict[str, Any]:
        plan = self.plan
        rng = np.random.default_rng([plan.seed, 1, step])
        rows = self._drawn(step)
        pixels = [self.rated.pixels[self.rated.rows[row]] for row in rows]
        singles, rationales = self._singles(rows, rng), self._rationales(rows, rng)
        pairs = self._pairs(rows, rng)
        crops = [_seen(picture, plan.crop, rng) for picture in pixels]
        ladder_rows: list[_Row] = []
        gaps: list[tuple[int, int, int]] = []
        if self.ladders is not None and plan.ladders:
            ladder_rows, gaps, more = self._ladder_rows(len(rows), rng)
            crops += more
        return {
            "pixels": torch.from_numpy(np.stack(crops)),
            "asked": {
                name: _group(group)
                for name, group in (("single", singles), ("pair", pairs), ("rationale", rationales))
                if group
            },
            "ladder": _group(ladder_rows) | {"gaps": torch.tensor(gaps)} if ladder_rows else None,
        }

    def _drawn(self, step: int) -> NDArray[np.int64]:
        """Rows of a batch: epochs are permutations laid end to end."""
        n, size = len(self.rated.mos), self.plan.pictures
        places = np.arange(step * size, (step + 1) * size)
        orders = {
            epoch: np.random.default_rng([self.plan.seed, 0, epoch]).permutation(n)
            for epoch in np.unique(places // n).tolist()
        }
        return np.array([orders[place // n][place % n] for place in places.tolist()])

    def _singles(self, rows: NDArray[np.int64], rng: np.random.Generator) -> list[_Row]:
        out = []
        for at, row in enumerate(rows.tolist()):
            aspect = int(self.rated.aspect[row])
            out.append(_answered(self.questions.levels[aspect], (at,), self._levels[row], rng))
            if rng.random() < self.plan.ratings:
                out.append(_answered(self.questions.ratings[aspect], (at,), self._ratings[row], rng))
        return out

    def _pairs(self, rows: NDArray[np.int64], rng: np.random.Generator) -> list[_Row]:
        """Pictures of one aspect, two by two; which is better as a probability (Thurstone's case V)."""
        out = []
        for aspect, asked in enumerate(self.questions.pairs):
            places = np.flatnonzero(self.rated.aspect[rows] == aspect)
            for first, second in zip(places[::2].tolist(), places[1::2].tolist(), strict=False):
                if rng.random() >= self.plan.pairs:
                    continue
                gap = self.rated.mos[rows[first]] - self.rated.mos[rows[second]]
                share = float(ndtr(gap / (self.plan.level_std * np.sqrt(2))))
                out.append(_answered(asked, (first, second), np.array([share, 1 - share]), rng))
        return out

    def _rationales(self, rows: NDArray[np.int64], rng: np.random.Generator) -> list[_Row]:
        asked = self.questions.describe
        out = []
        for at, row in enumerate(rows.tolist()):
            if rng.random() < self.plan.rationales:
                said = self.questions.tokenizer.encode(sentence(self.rated.thirds[row])).ids
                tokens = (*asked.prompt, *said, asked.stop[1])
                out.append(_Row(tokens, (at,), len(asked.prompt), {}))
        return out

    def _ladder_rows(
        self, first: int, rng: np.random.Generator
    ) -> tuple[list[_Row], list[tuple[int, int, int]], list[NDArray[np.uint8]]]:
        """Rows of pairs of rungs; a gap is (row of the better, row of the worse, aspect)."""
        ladders = self.ladders
        rows: list[_Row] = []
        gaps: list[tuple[int, int, int]] = []
        pixels: list[NDArray[np.uint8]] = []
        assert ladders is not None  # noqa: S101 (the caller has looked)
        n, n_rungs = len(ladders.rows), ladders.pixels.shape[1]
        for _ in range(self.plan.ladders):
            ladder = int(rng.integers(n))
            apart = int(rng.integers(1, 3))
            better = int(rng.integers(n_rungs - apart))
            two = ladders.pixels[ladders.rows[ladder]][[better, better + apart]]
            at = first + len(pixels)
            pixels += list(_crop_alike(two, self.plan.crop, rng))
            for aspect in ladders.aspects[ladder]:
                asked = self.questions.levels[aspect]
                gaps.append((len(rows), len(rows) + 1, aspect))
                rows += [_Row(asked.prompt, (at + k,), len(asked.prompt), _places(asked)) for k in range(2)]
        return rows, gaps, pixels


def _places(asked: Encoded) -> dict[int, float]:
    return {tokens[0]: 0.0 for tokens in asked.answers.values()}


def _answered(
    asked: Encoded, pictures: tuple[int, ...], shares: NDArray[np.float64], rng: np.random.Generator
) -> _Row:
    """A sequence with one drawn answer; the answer's first token is wanted as a distribution.

    The tokens after the first are those of the drawn answer: over many draws they are as frequent as they
    should be, so `1` is followed by `0` as often as ten is meant.
    """
    answers = list(asked.answers.values())
    drawn = answers[int(rng.choice(len(answers), p=shares / shares.sum()))]
    soft: dict[int, float] = {}
    for tokens, share in zip(answers, shares.tolist(), strict=True):
        soft[tokens[0]] = soft.get(tokens[0], 0.0) + share
    return _Row((*asked.prompt, *drawn, *asked.stop), pictures, len(asked.prompt), soft)


def _group(rows: Sequence[_Row]) -> dict[str, Tensor]:
    """Rows side by side, padded on the right.

    Returns:
        `ids` int64 [r, t]; `pictures` int64 [p], of all rows in order; `at` int64 [r], position whose next
        token is wanted as a distribution; `tokens` int64 [r, k] and `shares` float32 [r, k] of that
        distribution; `labels` int64 [r, t], the other tokens wanted next, -100 elsewhere.
    """
    longest = max(len(row.tokens) for row in rows)
    ids = np.zeros((len(rows), longest), np.int64)
    labels = np.full((len(rows), longest), -100, np.int64)
    tokens = np.zeros((len(rows), _MOST_ANSWERS), np.int64)
    shares = np.zeros((len(rows), _MOST_ANSWERS), np.float32)
    for k, row in enumerate(rows):
        ids[k, : len(row.tokens)] = row.tokens
        # Position j says token j + 1; the first answer token is wanted softly where there is a distribution.
        first = row.n_prompt + bool(row.soft)
        labels[k, first - 1 : len(row.tokens) - 1] = row.tokens[first:]
        tokens[k, : len(row.soft)] = list(row.soft)
        shares[k, : len(row.soft)] = list(row.soft.values())
    return {
        "ids": torch.from_numpy(ids),
        "pictures": torch.tensor([at for row in rows for at in row.pictures]),
        "at": torch.tensor([row.n_prompt - 1 for row in rows]),
        "tokens": torch.from_numpy(tokens),
        "shares": torch.from_numpy(shares),
        "labels": torch.from_numpy(labels),
    }


def _seen(picture: NDArray[Any], side: int, rng: np.random.Generator) -> NDArray[Any]:
    """A random square of pixels [h, w, 3], mirrored or not; of cells [2, cells, channels], one of the two."""
    if picture.dtype == np.float16:
        return np.asarray(picture[int(rng.integers(2))])
    return _crop_alike(picture[None], side, rng)[0]


def _crop_alike(pictures: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same random square of each of [n, h, w, 3], mirrored or not."""
    height, width = pictures.shape[1:3]
    side = side or height
    y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    cut = pictures[:, y : y + side, x : x + side]
    return np.ascontiguousarray(cut[:, :, ::-1] if rng.random() < 0.5 else cut)
