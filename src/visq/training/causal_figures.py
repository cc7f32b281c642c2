"""What the causal model's fits say of pictures they never saw: scores, ladders, sentences.

Every figure goes through the model folder and the shipped path, as a user's scores do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visq.backbones.mini_causal import MiniCausal
from visq.core.types import Picture, Prompted
from visq.evaluation import group_bootstrap
from visq.media import squash
from visq.scoring import Scorer
from visq.training.causal_data import Rated
from visq.training.dialogue import DESCRIBE
from visq.training.facts import SLOTS, read_sentence
from visq.training.ladders import Kind, rungs
from visq.training.model_folder import short
from visq.training.pixels import read_picture

_AT_ONCE = 64
_PAIRED = 240  # pictures of a fold and an aspect that are compared


@dataclass(frozen=True)
class Said:
    """Scores of pictures, one row a picture, one column an aspect.

    Attributes:
        values: float64 [n, aspects], on 1..5.
        outside: float64 [n, aspects], probability of no answer.
    """

    values: NDArray[np.float64]
    outside: NDArray[np.float64]


def said(scorer: Scorer, pictures: Iterator[Picture]) -> Said:
    """Scores of prepared pictures, a block at a time."""
    values: list[list[float]] = []
    outside: list[list[float]] = []
    for block in _blocks(pictures):
        for scores in scorer.score_pictures(block):
            values.append([score.value for score in scores.values()])
            outside.append([np.nan if score.outside is None else score.outside for score in scores.values()])
    return Said(np.array(values), np.array(outside))


def _blocks(pictures: Iterator[Picture]) -> Iterator[list[Picture]]:
    block: list[Picture] = []
    for picture in pictures:
        block.append(picture)
        if len(block) == _AT_ONCE:
            yield block
            block = []
    if block:
        yield block


def ladder_values(
    scorer: Scorer, paths: Sequence[Path], kinds: Sequence[Kind], side: int, seed: int
) -> NDArray[np.float64]:
    """Scores on the way from a photograph to its worst distortion.

    Args:
        scorer: of a fit that never saw the photographs.
        paths: of n photographs.
        kinds: of distortion, each with as many test strengths.
        side: of the model's pictures, px.
        seed: of noise.

    Returns:
        float64 [n, kinds, rungs, aspects]; the first rung is the photograph itself.
    """

    def walk() -> Iterator[Picture]:
        for k, path in enumerate(paths):
            photograph = read_picture(path, side)
            plain = squash(photograph, side, side)
            for j, kind in enumerate(kinds):
                yield plain
                for strength in kind.test:
                    # The same draws at each strength: one grain, one direction, that grow.
                    rng = np.random.default_rng([seed, 5, k, j])
                    yield from rungs(photograph, kind.name, [strength], side, rng)

    found = said(scorer, walk()).values
    return found.reshape(len(paths), len(kinds), 1 + len(kinds[0].test), -1)


def ladder_table(
    values: NDArray[np.float64], kinds: Sequence[Kind], aspects: Sequence[str], level: float, seed: int
) -> list[dict[str, Any]]:
    """Shares of adjacent steps on which a score falls, of what training saw and of what it did not.

    Args:
        values: float64 [n, kinds, rungs, aspects] of `ladder_values`.
        kinds: of distortion.
        aspects: names of the last axis.
        level: of the intervals, over photographs.
        seed: of their resamples.

    Returns:
        One table an aspect and part: `seen` (kinds and strengths of training), `stronger` (kinds of training
        beyond its strongest), `held_out` (kinds never trained on), and each kind; `share` of the steps, with
        the ends of its interval.
    """
    out = []
    for a, aspect in enumerate(aspects):
        counted = [j for j, kind in enumerate(kinds) if aspect in kind.aspects]
        falls = {j: np.diff(values[:, j, :, a], axis=1) < 0 for j in counted}  # [n, steps]
        steps: dict[str, list[NDArray[np.bool_]]] = {}
        for j in counted:
            for step, strength in enumerate(kinds[j].test):
                trained = "seen" if kinds[j].seen(strength) else "stronger"
                part = "held_out" if kinds[j].train is None else trained
                steps.setdefault(part, []).append(falls[j][:, step])
                steps.setdefault(kinds[j].name, []).append(falls[j][:, step])
        for part, columns in steps.items():
            of_photograph = np.stack(columns, axis=1).mean(1)
            rng = np.random.default_rng([seed, 6])
            found = group_bootstrap(np.mean, [of_photograph], np.arange(len(values)), level=level, rng=rng)
            out.append(
                {
                    "aspect": aspect,
                    "part": part,
                    "share": short(of_photograph.mean()),
                    "low": short(found.low),
                    "high": short(found.high),
                    "n": len(of_photograph),
                    "n_steps": len(of_photograph) * len(columns),
                }
            )
    return out


def other_files(picture: Picture) -> dict[str, Picture]:
    """The same picture saved again or at another size: what a score should hardly notice."""
    image = Image.fromarray(picture)
    return {
        "JPEG 90": _saved(image, "JPEG", 90),
        "JPEG 75": _saved(image, "JPEG", 75),
        "WebP 80": _saved(image, "WEBP", 80),
        "three quarters of the size": _smaller(image, 0.75),
        "half the size": _smaller(image, 0.5),
        "a quarter of the size": _smaller(image, 0.25),
    }


def _smaller(image: Image.Image, factor: float) -> Picture:
    size = (max(round(factor * image.width), 1), max(round(factor * image.height), 1))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def _saved(image: Image.Image, form: str, quality: int) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, form, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def moves(scorer: Scorer, paths: Sequence[Path], side: int) -> dict[str, NDArray[np.float64]]:
    """How far scores move when a picture is saved again: name of the change -> float64 [n, aspects]."""
    names = list(other_files(np.zeros((8, 8, 3), np.uint8)))

    def walk() -> Iterator[Picture]:
        for path in paths:
            picture = read_picture(path, side)
            yield squash(picture, side, side)
            yield from (squash(other, side, side) for other in other_files(picture).values())

    found = said(scorer, walk()).values.reshape(len(paths), 1 + len(names), -1)
    return {name: found[:, 1 + k] - found[:, 0] for k, name in enumerate(names)}


def sentences_said(backbone: MiniCausal, pictures: Sequence[Picture]) -> NDArray[np.float64]:
    """Which third of its training pictures each word of the model's sentences names.

    Returns:
        float64 [n, 5], 0 to 2; nan where it said another sentence.
    """
    out = np.full((len(pictures), len(SLOTS)), np.nan)
    asked = [Prompted(picture, "", DESCRIBE.question, DESCRIBE.stem) for picture in pictures]
    for k, text in enumerate(backbone.generate(asked)):
        stated = read_sentence(text)
        if stated is not None:
            out[k] = stated
    return out


def drawn_pairs(
    rated: Rated, rows: NDArray[np.int64], aspects: Sequence[str], rng: np.random.Generator
) -> NDArray[np.int64]:
    """int64 [m, 2]: pairs of rows with labels of one aspect, each row in one pair at most."""
    found = []
    for k in range(len(aspects)):
        there = rng.permutation(rows[rated.aspect[rows] == k])[:_PAIRED]
        found.append(there[: len(there) // 2 * 2].reshape(-1, 2))
    return np.concatenate(found)


def preferences(
    scorer: Scorer, rated: Rated, pairs: NDArray[np.int64], aspects: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Which of two pictures the model prefers, asked in both orders.

    Args:
        scorer: of a fit that never saw them.
        rated: has their pixels and aspects.
        pairs: int64 [m, 2], rows.
        aspects: names of the aspects.

    Returns:
        float64 [m], above 0 where it prefers the first; bool [m], whether both orders agree.
    """
    told = []
    for first, second in pairs.tolist():
        a, b = (np.array(rated.pixels[row]) for row in (first, second))
        told.append(scorer.prefer(a, b, aspects[int(rated.aspect[first])]))
    return np.array([one.margin for one in told]), np.array([one.orders_agree for one in told])


def answers_table(
    name: str,
    pairs: NDArray[np.bool_],
    agree: NDArray[np.bool_],
    scored: NDArray[np.bool_],
    level: float,
    seed: int,
) -> dict[str, Any]:
    """How often the preferred picture is the one that people rated higher.

    Args:
        name: of the aspect.
        pairs: bool [m], of pairs that people rated differently: whether it is.
        agree: bool [m], whether both orders agree.
        scored: bool [m], whether the picture with the higher score is the one.
        level: of the interval, over pairs.
        seed: of its resamples.
    """
    rng = np.random.default_rng([seed, 8])
    found = group_bootstrap(np.mean, [pairs.astype(float)], np.arange(len(pairs)), level=level, rng=rng)
    return {
        "aspect": name,
        "n": len(pairs),
        "right": short(pairs.mean()),
        "right_low": short(found.low),
        "right_high": short(found.high),
        "by_scores": short(scored.mean()),
        "orders_agree": short(agree.mean()),
    }


def slot_table(stated: NDArray[np.float64], truth: NDArray[np.int64]) -> Mapping[str, Any]:
    """Shares of true words, of the sentences that are well formed, and what needs no picture.

    Args:
        stated: float64 [n, 5] of `sentences_said`.
        truth: int64 [n, 5], the thirds that were measured.

    Returns:
        `commonest`: the share that is true of a sentence with the commonest word in each place, the floor.
        `all`: the share of sentences with five true words.
    """
    formed = np.isfinite(stated[:, 0])
    right = stated == truth
    commonest = [np.bincount(column).max() / len(truth) for column in truth.T]
    return {
        "n": len(right),
        "well_formed": short(formed.mean()),
        "commonest": short(float(np.mean(commonest))),
        "all": short(right[formed].all(axis=1).mean()) if formed.any() else None,
        "mean": short(right[formed].mean()) if formed.any() else None,
        **{
            name: short(right[formed, k].mean()) if formed.any() else None
            for k, (name, _) in enumerate(SLOTS)
        },
    }
