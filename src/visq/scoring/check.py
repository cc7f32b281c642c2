"""Checks that a model gives the golden scores of its own folder. Knows model folders; no console."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visq.aspects import aspect
from visq.backbones import BACKBONES, Backbone, ModelFolder, find_model
from visq.core import toml
from visq.core.errors import ModelError
from visq.core.types import Picture, Prompted
from visq.media import decode, read_bytes
from visq.scoring.scorer import Scorer

_BATCH = 5
_TOLERANCE = 1e-5


@dataclass
class CheckReport:
    """What a check found: one line a finding, and whether all passed."""

    lines: list[str] = field(default_factory=list)
    passed: bool = True

    def add(self, about: str, difference: float, tolerance: float) -> None:
        """Note one comparison; a difference of nan fails."""
        good = difference <= tolerance
        self.passed &= good
        self.lines.append(
            f"{'ok' if good else 'FAILED':<7}{about}: differs by {difference:.2g} (may {tolerance:g})"
        )


def check_model(name: str) -> CheckReport:
    """Load a model, run its golden tensors and pictures, and compare batches with pictures alone.

    Args:
        name: a shipped model or a model folder.

    Raises:
        ModelError: the folder has no goldens, or a check picture is not the one they were made with.
    """
    folder = find_model(name)
    goldens = _goldens(folder)
    report = CheckReport()
    backbone: Backbone = BACKBONES.get(folder.field("backbone"))(folder, threads=1)
    with Scorer(folder, backbone, [aspect(a) for a in folder.field("aspects")]) as scorer:
        report.lines.append(
            f"loaded {folder.name}, {scorer.identity['runtime']}, {scorer.identity['preprocessing']}"
        )
        if backbone.closed_set:
            report.lines.append(
                "reads five level logits of a trained head: no tokens, no probability outside"
            )
        _check_hash(folder, report)
        try:
            for golden in goldens.get("tensor", []):
                _check_tensor(golden, folder, backbone, report)
            pixels = [_check_picture(golden, folder, scorer, report) for golden in goldens["picture"]]
        except KeyError as error:
            raise ModelError(f"model {name!r}: a golden of goldens.toml has no {error}") from error
        _check_batch(pixels, scorer, report)
    return report


def _goldens(folder: ModelFolder) -> dict[str, Any]:
    file = folder.path / "goldens.toml"
    try:
        goldens = toml.loads(file.read_text(encoding="utf-8"))
    except (OSError, toml.TOMLDecodeError) as error:
        raise ModelError(f"model {folder.name!r}: cannot read goldens.toml: {error}") from error
    if not goldens.get("picture"):
        raise ModelError(
            f"model {folder.name!r}: goldens.toml has no [[picture]]; a missing golden proves nothing"
        )
    return goldens


def _check_hash(folder: ModelFolder, report: CheckReport) -> None:
    found = hashlib.sha256(folder.weights.read_bytes()).hexdigest()
    wanted = folder.field("weights", "sha256")
    report.passed &= found == wanted
    report.lines.append(f"{'ok' if found == wanted else 'FAILED':<7}weights are the ones model.toml names")


def golden_tensor(height: int, width: int) -> Picture:
    """uint8 [h, w, 3]: the picture of a formula that golden tensors are made with, the same everywhere.

    pixel[y, x, c] = (7 y + 13 x + 101 c + (y x) // 16) mod 256.
    """
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((7 * y + 13 * x + 101 * c + (y * x) // 16) % 256).astype(np.uint8)


def _check_tensor(
    golden: dict[str, Any], folder: ModelFolder, backbone: Backbone, report: CheckReport
) -> None:
    """Through the network alone, so that the tolerance can be tight: no decoder takes part."""
    pixels = golden_tensor(*folder.field("preprocessing", "size"))
    for name in backbone.aspects:
        asked = aspect(name)
        prompted = Prompted(pixels, name, asked.questions[0], asked.stem)
        logprobs = backbone.answer_logprobs([prompted], asked.levels)[0].astype(np.float64)
        wanted = np.asarray(golden[name], dtype=np.float64)
        wanted = wanted - np.log(np.exp(wanted - wanted.max()).sum()) - wanted.max()
        report.add(f"golden tensor, {name}", float(np.abs(logprobs - wanted).max()), golden["tolerance"])


def _check_picture(
    golden: dict[str, Any], folder: ModelFolder, scorer: Scorer, report: CheckReport
) -> Picture:
    """Through decoder and network; looser, since decoders differ by version."""
    path: Path = folder.path / golden["file"]
    data = read_bytes(path)
    if hashlib.sha256(data).hexdigest() != golden["sha256"]:
        raise ModelError(
            f"model {folder.name!r}: {golden['file']} is not the picture its goldens were made with"
        )
    pixels = scorer.prepare(decode(data).picture)
    for name, score in scorer.score_pictures([pixels])[0].items():
        report.add(
            f"{golden['file']}, {name} {score.value:.2f}",
            abs(score.value - golden[name]),
            golden["tolerance"],
        )
    return pixels


def _check_batch(pixels: list[Picture], scorer: Scorer, report: CheckReport) -> None:
    """The same picture alone, and in a batch among others, in another order."""
    alone = [scorer.score_pictures([one])[0] for one in pixels]
    many = (pixels * _BATCH)[::-1]
    batched = scorer.score_pictures(many)[::-1][: len(pixels)]
    worst = max(abs(a[k].value - b[k].value) for a, b in zip(alone, batched, strict=True) for k in a)
    report.add(f"alone against a batch of {len(many)}", worst, _TOLERANCE)
