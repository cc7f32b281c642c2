"""Checks that a model gives the golden scores of its own folder. Knows model folders; no console."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visq.aspects import aspect
from visq.backbones import BACKBONES, Backbone, ModelFolder, find_model
from visq.backbones.folder import inner_file, read_size, read_table, weight_tables
from visq.core.errors import InputError, ModelError
from visq.core.fields import Fields
from visq.core.types import Picture, Prompted
from visq.media import decode, read_bytes
from visq.scoring.asked import Asked
from visq.scoring.scorer import Scorer

_BATCH = 5
_SHOWN = 10
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


def reads(backbone: Any, asked: Asked, pixels: Picture) -> str:
    """The tokens that stand for each answer of an aspect, in one line; of many the ends.

    Args:
        backbone: a model with `answer_tokens`.
        asked: an aspect in the words it is asked in.
        pixels: any prepared picture.
    """
    prompted, every = asked.of(pixels), asked.answers
    many = len(every) > _SHOWN
    shown = (*every[:2], *every[-2:]) if many else every
    words = [
        f"{word} = {' '.join(f'{text!r} ({token})' for token, text in tokens)}"
        for word, tokens in zip(shown, backbone.answer_tokens(prompted, shown), strict=True)
    ]
    if many:
        words.insert(2, f"{len(every) - len(shown)} more")
    return f"reads for {asked.aspect.name}, after {prompted.stem!r}: {', '.join(words)}"


@dataclass(frozen=True)
class GoldenPicture:
    """A picture file and the scores it had when the model was made.

    Attributes:
        file: as goldens.toml names it.
        path: where it is.
        sha256: of its bytes.
        tolerance: by how much a score may differ.
        scores: aspect -> score on the aspect's scale.
    """

    file: str
    path: Path
    sha256: str
    tolerance: float
    scores: Mapping[str, float]


@dataclass(frozen=True)
class GoldenTensor:
    """What a model says of the picture of `golden_tensor`.

    Attributes:
        tolerance: by how much a log-probability may differ.
        logits: aspect -> one number a level word: logits of a head, log-probabilities of a causal model.
    """

    tolerance: float
    logits: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Goldens:
    """What goldens.toml holds, checked.

    Attributes:
        pictures: one or more.
        tensors: any number.
        size: height and width of the tensors' picture.
    """

    pictures: Sequence[GoldenPicture]
    tensors: Sequence[GoldenTensor]
    size: tuple[int, int]


def check_model(name: str) -> CheckReport:
    """Load a model, run its golden tensors and pictures, and compare batches with pictures alone.

    Args:
        name: a shipped model or a model folder.

    Raises:
        ModelError: the folder has no usable goldens, or a check picture is not the one they were made with.
    """
    folder = find_model(name)
    goldens = _goldens(folder)
    report = CheckReport()
    backbone: Backbone = BACKBONES.get(folder.backbone)(folder, threads=1)
    asked = [Asked(aspect(name), folder.readout) for name in folder.aspects]
    with Scorer(folder, backbone, asked) as scorer:
        report.lines.append(
            f"loaded {folder.name}, {scorer.identity['runtime']}, {scorer.identity['preprocessing']}"
        )
        if backbone.closed_set:
            report.lines.append(
                "reads five level logits of a trained head: no tokens, no probability outside"
            )
        else:
            grey = np.full((*read_size(folder.fields.table("preprocessing")), 3), 128, np.uint8)
            report.lines += [reads(backbone, one, grey) for one in asked]
        _check_hash(folder, report)
        for tensor in goldens.tensors:
            _check_tensor(tensor, goldens.size, backbone, report)
        pixels = [_check_picture(golden, folder, scorer, report) for golden in goldens.pictures]
        _check_batch(pixels, scorer, report)
    return report


def _goldens(folder: ModelFolder) -> Goldens:
    fields = read_table(folder.path, folder.name, "goldens.toml")
    pictures = [_golden_picture(table, folder) for table in fields.tables("picture")]
    if not pictures:
        raise ModelError(
            f"model {folder.name!r}: goldens.toml has no [[picture]]; a missing golden proves nothing"
        )
    size = read_size(folder.fields.table("preprocessing"))
    tensors = [_golden_tensor(table, folder, size) for table in fields.tables("tensor")]
    return Goldens(pictures, tensors, size)


def _golden_picture(fields: Fields, folder: ModelFolder) -> GoldenPicture:
    path = inner_file(fields, folder.path)
    scores = {name: fields.number(name) for name in folder.aspects}
    return GoldenPicture(fields.text("file"), path, fields.text("sha256"), _tolerance(fields), scores)


def _golden_tensor(fields: Fields, folder: ModelFolder, size: tuple[int, int]) -> GoldenTensor:
    if "size" in fields and fields.numbers("size", 2, "[height, width]") != size:
        raise fields.wrong("size", f"the size in model.toml, {list(size)}")
    logits = {}
    for name in folder.aspects:
        n = len(aspect(name).levels)
        logits[name] = fields.numbers(name, n, f"{n} finite numbers, one a level word")
    return GoldenTensor(_tolerance(fields), logits)


def _tolerance(fields: Fields) -> float:
    found = fields.number("tolerance", "a finite number, 0 or more")
    if found < 0:
        raise fields.wrong("tolerance", "a finite number, 0 or more")
    return found


def _check_hash(folder: ModelFolder, report: CheckReport) -> None:
    same = all(
        hashlib.sha256(folder.graph(part).read_bytes()).hexdigest() == table.text("sha256")
        for part, table in weight_tables(folder.fields).items()
    )
    report.passed &= same
    report.lines.append(f"{'ok' if same else 'FAILED':<7}weights are the ones model.toml names")


def golden_tensor(height: int, width: int) -> Picture:
    """uint8 [h, w, 3]: the picture of a formula that golden tensors are made with, the same everywhere.

    pixel[y, x, c] = (7 y + 13 x + 101 c + (y x) // 16) mod 256.
    """
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((7 * y + 13 * x + 101 * c + (y * x) // 16) % 256).astype(np.uint8)


def _check_tensor(
    golden: GoldenTensor, size: tuple[int, int], backbone: Backbone, report: CheckReport
) -> None:
    """Through the network alone, so that the tolerance can be tight: no decoder takes part."""
    pixels = golden_tensor(*size)
    for name, logits in golden.logits.items():
        asked = aspect(name)
        prompted = Prompted(pixels, name, asked.questions[0], asked.stem)
        logprobs = backbone.answer_logprobs([prompted], asked.levels)[0].astype(np.float64)
        wanted = np.asarray(logits, dtype=np.float64)
        if backbone.closed_set:  # goldens are logits; elsewhere they are log-probabilities already
            wanted = wanted - wanted.max()
            wanted = wanted - np.log(np.exp(wanted).sum())
        report.add(f"golden tensor, {name}", float(np.abs(logprobs - wanted).max()), golden.tolerance)


def _check_picture(
    golden: GoldenPicture, folder: ModelFolder, scorer: Scorer, report: CheckReport
) -> Picture:
    """Through decoder and network; looser, since decoders differ by version."""
    pixels = scorer.prepare(_decoded(golden, folder, scorer.at_least))
    for name, value in _values(scorer, [pixels])[0].items():
        report.add(f"{golden.file}, {name} {value:.2f}", abs(value - golden.scores[name]), golden.tolerance)
    return pixels


def _values(scorer: Scorer, pixels: Sequence[Picture]) -> list[dict[str, float]]:
    """Aspect -> score of each picture; nan where the model gives no number, which no tolerance lets pass."""
    nothing = dict.fromkeys(scorer.identity["aspects"], np.nan)
    return [
        nothing if isinstance(found, InputError) else {name: one.value for name, one in found.items()}
        for found in scorer.attempt(pixels)
    ]


def _decoded(golden: GoldenPicture, folder: ModelFolder, at_least: int | None) -> Picture:
    try:
        data = read_bytes(golden.path)
        if hashlib.sha256(data).hexdigest() != golden.sha256:
            raise ModelError(
                f"model {folder.name!r}: {golden.file} is not the picture its goldens were made with"
            )
        return decode(data, at_least=at_least).picture
    except InputError as error:
        raise ModelError(f"model {folder.name!r}: check picture {golden.file!r}: {error}") from error


def _check_batch(pixels: list[Picture], scorer: Scorer, report: CheckReport) -> None:
    """The same picture alone, and in a batch among others, in another order."""
    alone = [_values(scorer, [one])[0] for one in pixels]
    many = (pixels * _BATCH)[::-1]
    batched = _values(scorer, many)[::-1][: len(pixels)]
    differences = [abs(a[k] - b[k]) for a, b in zip(alone, batched, strict=True) for k in a]
    worst = float(np.max(differences))  # unlike Python's max, nan where one is nan
    report.add(f"alone against a batch of {len(many)}", worst, _TOLERANCE)
