"""One fit of the causal model on some rated pictures, and what it says of others. Knows no figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from visq.backbones.mini_torch import MiniConfig, MiniForConditionalGeneration
from visq.backbones.mobilenet import N_CELL_MEANS, N_CELLS
from visq.scoring import atomic_write
from visq.training.batches_torch import Asked, Batches, Ladders, Plan, Questions
from visq.training.causal_data import LadderPool, Rated
from visq.training.dialogue import all_words
from visq.training.facts import terciles, thirds
from visq.training.mini_fit_torch import Stage, fit, new_model, normalised
from visq.training.teacher import taught
from visq.training.tokenizer import IMAGE, SPECIALS, learn_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BATCH = 32
_LEAST_STD = 1e-3  # of a channel that is the same in every picture


@dataclass(frozen=True)
class Spec:
    """Numbers of a recipe a fit depends on: `[decoder]`, `[labels]`, `[batch]`, `[[stages]]`, the seed."""

    aspects: tuple[str, ...]
    vocabulary: int
    labels: Mapping[str, float]
    decoder: Mapping[str, Any]
    batch: Mapping[str, Any]
    stages: Sequence[Mapping[str, Any]]
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A fitted model with its words."""

    model: MiniForConditionalGeneration
    tokenizer: Tokenizer
    questions: Questions
    limits: NDArray[np.float64]


@dataclass(frozen=True)
class Fits:
    """Fits the same recipe on different rows of the same data.

    Attributes:
        rated: all rated pictures.
        pool: ladders of all of them.
        trunk: ImageNet's tensors.
        frozen_cells: float16 [n, 2, cells, channels], by ImageNet's trunk, as a picture is and mirrored.
        spec: numbers of the recipe.
        say: told in words where a fit is.
    """

    rated: Rated
    pool: LadderPool
    trunk: Mapping[str, NDArray[Any]]
    frozen_cells: NDArray[np.float16]
    spec: Spec
    say: Callable[[str], None]

    def __call__(self, rows: NDArray[np.int64], folder: Path) -> Fitted:
        """Fit on some rated pictures and their ladders; nothing else is looked at.

        Args:
            rows: of `rated`.
            folder: where checkpoints and weights are kept; a killed fit goes on from there.
        """
        torch.set_num_threads(1)  # sums in one order: a fit is the same each time
        rated, spec = self.rated, self.spec
        tokenizer = learn_tokenizer(all_words(spec.aspects), spec.vocabulary)
        questions, limits = Questions(tokenizer, spec.aspects, N_CELLS), terciles(rated.facts[rows])
        config = MiniConfig(
            text_config={**spec.decoder, "vocab_size": tokenizer.get_vocab_size()},
            image_token_id=SPECIALS.index(IMAGE),
            image_size=rated.pixels.shape[1],
        )
        cells = self.frozen_cells[rows, 0].astype(np.float32).reshape(-1, self.frozen_cells.shape[-1])
        moments = (torch.from_numpy(cells.mean(0)), torch.from_numpy(np.maximum(cells.std(0), _LEAST_STD)))
        model = new_model(self.trunk, moments, config, spec.seed)
        folder.mkdir(parents=True, exist_ok=True)
        mos = self._targets(rows)
        for number, table in enumerate(spec.stages):
            done = folder / f"stage{number}.pt"
            if not done.exists():
                fitted = Fitted(model, tokenizer, questions, limits)
                self._stage(number, table, fitted, rows, mos, folder)
                with atomic_write(done) as partial:
                    torch.save(model.state_dict(), partial)
            model.load_state_dict(torch.load(done))
        return Fitted(model.eval(), tokenizer, questions, limits)

    def _targets(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 [n]: labels of rows, drawn towards what a linear head makes of ImageNet's cells."""
        rated = self.rated
        features = np.stack([global_features(cells) for cells in self.frozen_cells[rows, 0]])
        return taught(features, rated.mos[rows], rated.aspect[rows], rated.folds[rows], **self.spec.labels)

    def _stage(
        self,
        number: int,
        table: Mapping[str, Any],
        fitted: Fitted,
        rows: NDArray[np.int64],
        mos: NDArray[np.float64],
        folder: Path,
    ) -> None:
        rated, pool, spec = self.rated, self.pool, self.spec
        numbers = dict(table)
        kept = numbers.pop("kept")
        plan = Plan(
            seed=spec.seed + 100 * number,
            steps=round(numbers.pop("epochs") * len(rows) / spec.batch["pictures"]),
            ladders=numbers.pop("ladders"),
            crop=numbers.pop("crop"),
            **spec.batch,
        )
        stage = Stage(f"stage{number}", **numbers)
        pixels = rated.pixels if stage.trunk_lr else self.frozen_cells
        facts = thirds(rated.facts[rows], fitted.limits)
        asked = Asked(pixels, rows, rated.aspect[rows], mos, facts)
        there = np.flatnonzero(np.isin(pool.rows, rows))
        put_in_order = [tuple(map(spec.aspects.index, pool.kinds[k].aspects)) for k in there]
        ladders = Ladders(pool.pixels, there, put_in_order)
        batches = Batches(asked, ladders, fitted.questions, plan)
        start = {name: value.clone() for name, value in fitted.model.state_dict().items()}
        fit(fitted.model, batches, stage, folder / stage.name, self.say)
        fitted.model.cpu()  # where the Trainer found a GPU, the weights are there
        fitted.model.load_state_dict(between(start, fitted.model.state_dict(), kept))


def between(
    start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], kept: float
) -> dict[str, torch.Tensor]:
    """Weights on the line from a stage's start to its end; `kept` is the start's share, 0..1.

    Source:
        WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903): such a mean keeps what the start knew.
    """
    return {name: torch.lerp(value, start[name], kept) if kept else value for name, value in end.items()}


def global_features(cells: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """float32 [d]: means of a picture's cells [cells, channels], and how far the cells' means spread."""
    wide = np.asarray(cells, np.float32)
    return np.concatenate([wide.mean(0), wide[:, :N_CELL_MEANS].std(0)])


def cells_of(trunk: Any, pixels: NDArray[np.uint8], say: Callable[[str], None]) -> NDArray[np.float16]:
    """float16 [n, 2, cells, channels]: cells of pictures by ImageNet's trunk, as they are and mirrored."""
    out = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(pixels), _BATCH):
            if start % (16 * _BATCH) == 0:
                say(f"cells: {start} of {len(pixels)}")
            block = normalised(torch.from_numpy(np.array(pixels[start : start + _BATCH])))
            both = torch.stack([trunk(block), trunk(block.flip(3))], 1)
            out.append(both.half().numpy())
    return np.concatenate(out)
