"""What leaving unlikely two-decimal answers unread saves: token positions and seconds a picture.

Every round asks the same pictures of the same model twice for each belief, in turn: with all answers read,
and with those left unread that `Decimals` lets be, to within 0.002 of the value. Positions are those of the
language model, its picture's and its question's among them, and padding; they are counted as they are run.
Seconds are those of one processor that worked, so that other work on the machine moves them little.

    own              what the model says. Random weights say nothing in particular, and mini was not taught
                     numbers with decimals: both are unsure of all answers
    sharp            the same, every logit 4 times as large, of random weights 40 times
    0.05 .. 0.5      a normal belief of such a width in place of what the model says, about another mean for
                     every picture, ends certain; the model runs as it does otherwise

What this cannot show: how wide the beliefs of a model that was trained on such answers are, which decides
what is saved; accuracy; a GPU, where a pass costs less the more is run at once. Pictures are decoded already.

    python benchmarks/decimals.py                   mini by ONNX and by torch, and a random Qwen2-VL
    python benchmarks/decimals.py --models onnx --rounds 1
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from score import machine
from vlm import make_pictures
from vlm_model import SIZES, make_model

import visq.hf  # noqa: F401 (makes `mini` known to transformers)
from visq.backbones import chat_reading_torch, find_model, mini_causal
from visq.backbones.chat import Chat
from visq.backbones.mini_causal import MiniCausal
from visq.backbones.opening import Opening
from visq.core.scales import Scale
from visq.core.types import FloatArray, Prompted
from visq.readouts.decimals import Decimals

QUESTION = "Rate the quality of this image on a scale from 1 to 5, with two decimals."
STEM = "The score of this image is "
WIDTHS = (0.05, 0.1, 0.2, 0.5)
SCALES = (Scale(1, 5), Scale(1, 10))


class Believed(Opening):
    """An Opening of planted answers: what a model told is put aside."""

    told: FloatArray

    def __init__(self, told: FloatArray, unread: float) -> None:
        super().__init__(self.told, unread)

    def add(self, numbers: Any, logprobs: FloatArray) -> None:
        """Take of the answers that were read what was planted."""
        super().add(numbers, self.told[numbers])


@contextmanager
def believing(readout: Decimals, mean: float, width: float) -> Iterator[None]:
    """Every model believes so, whatever it says."""
    logs = -0.5 * ((readout.values - mean) / width) ** 2
    Believed.told = logs - np.logaddexp.reduce(logs)
    with (
        mock.patch.object(chat_reading_torch, "Opening", Believed),
        mock.patch.object(mini_causal, "Opening", Believed),
    ):
        yield


@dataclass
class Model:
    """A backbone whose positions are counted, and whose logits can be sharpened.

    Attributes:
        name: for the table.
        backbone: to ask.
        sharp: what its logits are multiplied by to be sharp.
        sharpness: what they are multiplied by now.
        positions: run so far.
    """

    name: str
    backbone: Any
    sharp: float = 4.0
    sharpness: float = field(default=1.0, init=False)
    positions: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if isinstance(self.backbone, Chat):
            network = self.backbone._network
            run, read = network._run, network.read
            network._run = lambda inputs, places: self._count(
                inputs["input_ids"].numel(), run, inputs, places
            )
            network.read = lambda found, *rest: read(found * self.sharpness, *rest)
        else:
            after = self.backbone._next
            self.backbone._next = lambda tree, seen: self._sharper(
                self._count(len(tree.ids), after, tree, seen)
            )

    def _count(self, n: int, run: Callable[..., Any], *given: Any) -> Any:
        self.positions += n
        return run(*given)

    def _sharper(self, logs: FloatArray) -> FloatArray:
        if self.sharpness == 1:
            return logs
        logs = logs * self.sharpness
        return np.asarray(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))

    def asked(self, batch: Sequence[Prompted], readout: Decimals) -> tuple[FloatArray, float, float]:
        """Log-probabilities; positions and a processor's seconds a picture."""
        self.positions, begun = 0, time.process_time()
        rows = [self.backbone.answers_each([one], [readout.answers])[0] for one in batch]
        seconds = time.process_time() - begun
        return np.array(rows, np.float64), self.positions / len(batch), seconds / len(batch)


@dataclass
class Found:
    """Of one belief: what was opened, and of every round positions and seconds, all read and not.

    Attributes:
        n_read: mean of answers read.
        moved: largest distance from the value of all answers.
        rounds: (positions, seconds) with all read, then with some unread.
    """

    n_read: float
    moved: float
    rounds: list[tuple[float, float, float, float]] = field(default_factory=list)


def measure(model: Model, scale: Scale, n_pictures: int, rounds: int) -> dict[str, Found]:
    """Belief -> what was found."""
    readout = Decimals(scale=scale)
    pictures = [model.backbone.prepare(one) for one in make_pictures(n_pictures, 448, 336)]
    batch = [Prompted(one, "quality", QUESTION, STEM, unread=readout.unread) for one in pictures]
    every = [replace(asked, unread=0.0) for asked in batch]
    found: dict[str, Found] = {}
    model.asked(batch[:1], readout)  # warm
    for _ in range(rounds):
        for belief in ("own", "sharp", *map(str, WIDTHS)):
            model.sharpness = model.sharp if belief == "sharp" else 1.0
            exact, *all_read = model.asked(every, readout)
            if belief in ("own", "sharp"):
                logs, *some = model.asked(batch, readout)
            else:
                parts, exact = [], np.empty_like(exact)
                for k, asked in enumerate(batch):
                    mean = scale.low + (scale.high - scale.low) * (k + 1) / (len(batch) + 1)
                    with believing(readout, mean, float(belief)):
                        parts.append(model.asked([asked], readout))
                        exact[k] = Believed.told
                logs = np.concatenate([part[0] for part in parts])
                some = [statistics.fmean(part[n] for part in parts) for n in (1, 2)]
            moved = np.abs(readout.read(logs).value - readout.read(exact).value).max()
            n_read = float(np.isfinite(logs).sum(1).mean())
            found.setdefault(belief, Found(n_read, float(moved))).rounds.append((*all_read, *some))
    return found


def report(model: Model, scale: Scale, found: dict[str, Found]) -> None:
    """Rows of the table."""
    for belief, one in found.items():
        of_all, s_all, of_some, s_some = (
            statistics.median(column) for column in zip(*one.rounds, strict=True)
        )
        ratios = sorted(row[1] / row[3] for row in one.rounds)
        print(
            f"| {model.name} | {scale.low:g}..{scale.high:g} | {belief} | {one.n_read:.0f} | {of_all:.0f} | "
            f"{of_some:.0f} | {s_all:.3f} | {s_some:.3f} | {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f}..{ratios[-1]:.2f}) | {one.moved:.4f} |",
            flush=True,
        )


def models(names: Sequence[str], size: str, folder: Path) -> Iterator[Model]:
    """The models asked for, one after another."""
    mini = find_model("mini")
    if "onnx" in names:
        yield Model("mini, ONNX", MiniCausal(mini, threads=1))
    if "torch" in names:
        yield Model("mini, torch", Chat(mini.path))
    if "qwen" in names:
        texts = [QUESTION, STEM, "0 1 2 3 4 5 6 7 8 9 . "]
        make_model(SIZES[size], texts, folder, "cpu", torch.float32)
        yield Model(f"Qwen2-VL, random, {size}", Chat(folder), sharp=40.0)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["onnx", "torch", "qwen"])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine().strip()}; one thread; {words.pictures} pictures one by one, {words.rounds} rounds\n")
    print("| model | scale | belief | read | positions, all | some | s, all | some | times as fast | moved |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for model in models(words.models, words.size, Path(folder)):
            for scale in SCALES:
                report(model, scale, measure(model, scale, words.pictures, words.rounds))
            model.backbone.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
