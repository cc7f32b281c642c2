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
from visq.training.dialogue import DESCRIBE
from visq.training.facts import SLOTS, read_sentence, thirds
from visq.training.ladders import Kind, rungs
from visq.training.model_folder import short
from visq.training.pixels import read_picture

_AT_ONCE = 64


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
                rng = np.random.default_rng([seed, 5, k, j])
                yield plain
                yield from rungs(photograph, kind.name, kind.test, side, rng)

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
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    smaller = image.resize((max(3 * width // 4, 1), max(3 * height // 4, 1)), Image.Resampling.LANCZOS)
    return {
        "JPEG 90": _saved(image, "JPEG", 90),
        "JPEG 75": _saved(image, "JPEG", 75),
        "WebP 80": _saved(image, "WEBP", 80),
        "three quarters of the size": np.asarray(smaller),
    }


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


def sentences_right(
    backbone: MiniCausal, pictures: Sequence[Picture], facts: NDArray[np.float64], limits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Which words of the model's sentences are true: float64 [n, 5], 0 or 1; nan where it is another."""
    asked = [Prompted(picture, "", DESCRIBE.question, DESCRIBE.stem) for picture in pictures]
    truth = thirds(facts, limits)
    out = np.full((len(pictures), len(SLOTS)), np.nan)
    for k, text in enumerate(backbone.generate(asked)):
        stated = read_sentence(text)
        if stated is not None:
            out[k] = np.array(stated) == truth[k]
    return out


def slot_table(right: NDArray[np.float64]) -> Mapping[str, Any]:
    """Shares of true words: of the sentences that are well formed, and how many are."""
    formed = np.isfinite(right[:, 0])
    return {
        "n": len(right),
        "well_formed": short(formed.mean()),
        "mean": short(right[formed].mean()) if formed.any() else None,
        **{
            name: short(right[formed, k].mean()) if formed.any() else None
            for k, (name, _) in enumerate(SLOTS)
        },
    }
