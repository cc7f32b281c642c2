"""Makes `docs/walk.md`: one shipped picture followed through every room, with the numbers met on the way."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from visq.aspects import aspect as find_aspect
from visq.backbones import BACKBONES, ModelFolder, find_model
from visq.backbones.mini import open_graph
from visq.backbones.mini_causal import Words
from visq.backbones.tree import Tree, barred, grow
from visq.core import toml
from visq.core.types import FloatArray, Prompted, Sample
from visq.data import Inputs
from visq.media import decode, least_side
from visq.readouts import READOUTS
from visq.scoring import load

PICTURE = "astronaut.jpg"
SHOWN_AS = f"src/visq/models/mini/pictures/{PICTURE}"
ASPECT = "quality"

WORDS = toml.loads((Path(__file__).parent / "walk.toml").read_text(encoding="utf-8"))


def page() -> str:
    """The page's text."""
    _check_hops()
    folder = find_model("mini")
    path = folder.path / "pictures" / PICTURE
    sample = next(iter(Inputs([path])))
    shown = dataclasses.replace(sample, path=SHOWN_AS)
    asked = find_aspect(ASPECT)
    backbone = BACKBONES.get(folder.field("backbone"))(folder, threads=1)
    decoded = decode(path, at_least=least_side(backbone.preprocessing))
    pixels = backbone.prepare(decoded.picture)
    prompted = Prompted(pixels, ASPECT, asked.questions[0], asked.stem)
    logprobs = backbone.answer_logprobs([prompted], asked.levels)
    readout = READOUTS.get(folder.field("readout"))(asked.levels, asked.scale)
    reading = readout.read(logprobs, closed_set=backbone.closed_set)
    backbone.close()
    calibration = folder.calibration(ASPECT)
    assert calibration is not None  # noqa: S101 - the shipped model has one
    return str(WORDS["text"]).format(
        picture=SHOWN_AS,
        hops=_hops(),
        sample=_json(dataclasses.asdict(shown)),
        height=decoded.picture.shape[0],
        width=decoded.picture.shape[1],
        pixels=_pixels(decoded.picture),
        mean=decoded.picture.mean(),
        note=decoded.note,
        side=pixels.shape[0],
        side_mean=pixels.mean(),
        **_answered(folder, prompted, asked.levels, logprobs[0]),
        by_hand=_by_hand([float(x) for x in logprobs[0]], asked.levels),
        value=reading.value[0],
        spread=reading.spread[0],
        outside=reading.outside[0],
        shares=", ".join(f"{w} {x:.3f}" for w, x in zip(asked.levels, reading.distribution[0], strict=True)),
        half=calibration.half_width,
        low=reading.value[0] - calibration.half_width,
        high=reading.value[0] + calibration.half_width,
        row=_row(shown, path),
    )


def _check_hops() -> None:
    """A function that was renamed must not live on in the page."""
    for hop in WORDS["hops"]:
        module = importlib.import_module("visq." + hop["file"].removesuffix(".py").replace("/", "."))
        for name in hop["functions"]:
            found: Any = module
            for part in name.split("."):
                found = getattr(found, part)


def _hops() -> str:
    lines = ["| hop | file and function | gets | gives |", "| --- | --- | --- | --- |"]
    for hop in WORDS["hops"]:
        functions = ", ".join(f"`{name}`" for name in hop["functions"])
        lines.append(f"| {hop['hop']} | `{hop['file']}`: {functions} | {hop['gets']} | {hop['gives']} |")
    return "\n".join(lines)


def _json(value: object) -> str:
    return json.dumps(value, indent=2)


def _answered(
    folder: ModelFolder, asked: Prompted, answers: tuple[str, ...], expected: FloatArray
) -> dict[str, object]:
    """What stands in hop 5, by the backbone's own parts; it has to be what the backbone itself says."""
    words = Words.read(folder)
    told = [words.tokens(f" {answer}") for answer in answers]
    tree = grow(words.prompt(asked), told)
    (visual,) = open_graph(str(folder.graph("visual"))).run(["visual"], {"pixels": asked.pixels[None]})
    feeds = {"ids": tree.ids, "positions": tree.positions, "allowed": tree.allowed, "at": tree.at}
    (found,) = open_graph(str(folder.graph("decoder"))).run(["logprobs"], {**feeds, "visual": visual[0]})
    logs = tree.logprobs(found, words.stops, barred(told, words.stops))
    if not np.array_equal(logs.astype(np.float32), expected):
        raise SystemExit("the parts of hop 5 give other numbers than the backbone")
    return {
        "cells": len(visual[0]),
        "channels": visual.shape[-1],
        "question": asked.question,
        "question_tokens": len(words.tokens(asked.question)),
        "stem": asked.stem,
        "stem_tokens": len(words.tokens(asked.stem)),
        "prompt": len(words.prompt(asked)),
        "nodes": len(tree.ids) - len(words.prompt(asked)),
        "asked_for": len(tree.at),
        "vocabulary": found.shape[1],
        "stops": " and ".join(map(str, words.stops)),
        "logprobs": _token_by_token(tree, found, words.stops, logs, answers),
    }


def _token_by_token(
    tree: Tree, found: FloatArray, stops: tuple[int, ...], whole: FloatArray, answers: tuple[str, ...]
) -> str:
    """A line an answer: its tokens, the log-probability of each and of what ends it, and their sum."""
    lines = [
        "| answer | token | its logprob | logprob of an end | logprob |",
        "| --- | --- | --- | --- | --- |",
    ]
    for answer, steps, end, total in zip(answers, tree.steps, tree.ends, whole, strict=True):
        tokens = " ".join(str(token) for _, token in steps)
        logs = " ".join(f"{found[row, token]:.3f}" for row, token in steps)
        ended = np.logaddexp.reduce(found[end, list(stops)].astype(np.float64))
        lines.append(f"| {answer} | {tokens} | {logs} | {ended:.4f} | {total:.3f} |")
    return "\n".join(lines)


def _pixels(picture: np.ndarray[Any, Any]) -> str:
    height, width = picture.shape[:2]
    places = ((0, 0), (height // 2, width // 2), (height - 1, width - 1))
    return "\n".join(f"row {y:>3}, column {x:>3}: {picture[y, x].tolist()}" for y, x in places)


def _by_hand(logprobs: list[float], words: tuple[str, ...]) -> str:
    """The read-out worked with the rounded numbers that stand on the page, so that a pencil agrees."""
    logs = [round(x, 3) for x in logprobs]
    shares = [round(math.exp(x), 3) for x in logs]
    products = [round((k + 1) * share, 3) for k, share in enumerate(shares)]
    total, value = sum(shares), sum(products)
    mean = value / total
    squares = [round((k + 1 - mean) ** 2 * share, 3) for k, share in enumerate(shares)]
    lines = [
        "| word | level k | logprob | share = exp(logprob) | k x share | (k - value)^2 x share |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows = zip(words, logs, shares, products, squares, strict=True)
    for k, (word, log, share, product, square) in enumerate(rows, start=1):
        lines.append(f"| {word} | {k} | {log:.3f} | {share:.3f} | {product:.3f} | {square:.3f} |")
    lines.append(f"| sum | | | {total:.3f} | {value:.3f} | {sum(squares):.3f} |")
    lines.append("")
    lines.append(
        f"Value: {value:.3f} / {total:.3f} = {mean:.2f}. "
        f"Spread: the square root of {sum(squares):.3f} / {total:.3f}, "
        f"which is {math.sqrt(sum(squares) / total):.2f}. Outside: 1 - {total:.3f} = {1 - total:.3f}."
    )
    return "\n".join(lines)


def _row(sample: Sample, path: Path) -> str:
    """The row as `visq score --json` prints it, numbers cut to three decimals, hashes to eight letters."""
    with (
        load("mini", aspects=ASPECT) as scorer,
        scorer.score([dataclasses.replace(sample, path=str(path))]) as table,
    ):
        row = json.loads(next(table.json_lines()))
    row["path"] = sample.path
    row["sha256"], row["model_hash"] = f"{row['sha256'][:8]}...", f"{row['model_hash'][:8]}..."
    return json.dumps(_short(row), indent=2)


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return round(value, 3) if isinstance(value, float) else value
