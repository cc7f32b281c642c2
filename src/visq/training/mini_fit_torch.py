"""Fits the causal model: decoder and connector on the ImageNet trunk's cells, then everything together.

The loop is transformers' Trainer; here are the model's start, the loss, and what a kill may lose.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (everybody's name for it)
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils.logging import disable_progress_bar

from visq.backbones.mini_torch import MiniConfig, MiniForConditionalGeneration
from visq.training.batches_torch import Batches

N_FROZEN = 3
"""Blocks that keep ImageNet's weights, and the stem: edges and colours need no labels, and cost most."""


@dataclass(frozen=True)
class Stage:
    """How one stage is fitted; numbers of a recipe.

    Attributes:
        name: of the folder its checkpoints are in.
        trunk_lr: learning rate of the trunk's upper blocks; 0: they stay.
        lr: of connector and decoder.
        weight_decay: AdamW's.
        warmup: share of the steps.
        save_steps: steps a kill may lose.
        weights: of the losses: single, pair, rationale, words.
        ladder: weight of the ladder loss of each aspect, in their order.
        margin: by how much a less distorted rung should lie above a more distorted one, on 1..5.
        sharpness: slope of the ladder loss.
        bf16: whether matrix products are computed in bfloat16.
    """

    name: str
    trunk_lr: float
    lr: float
    weight_decay: float
    warmup: float
    save_steps: int
    weights: Mapping[str, float]
    ladder: Sequence[float]
    margin: float
    sharpness: float
    bf16: bool


def new_model(
    trunk: Mapping[str, NDArray[Any]], moments: tuple[Tensor, Tensor], config: MiniConfig, seed: int
) -> MiniForConditionalGeneration:
    """A model with ImageNet's trunk and a decoder that knows nothing.

    Args:
        trunk: tensors of `read_trunk`.
        moments: mean and standard deviation of each channel of the cells of the training pictures.
        config: of the model.
        seed: of the decoder's first weights.
    """
    torch.manual_seed(seed)
    model = MiniForConditionalGeneration(config)
    own = {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in trunk.items()}
    model.trunk.load_state_dict({name: own[name] for name in model.trunk.state_dict()})
    model.trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.cell_mean, model.cell_std = moments
    return model


def fit(
    model: MiniForConditionalGeneration,
    batches: Batches,
    stage: Stage,
    folder: Path,
    say: Callable[[str], None],
) -> None:
    """Fit a model in place; a run that was killed goes on from its last checkpoint in `folder`."""
    disable_progress_bar()  # of writing a checkpoint
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=len(batches),
        per_device_train_batch_size=1,  # a batch is one item of the data set
        learning_rate=stage.lr,
        lr_scheduler_type="cosine",
        warmup_steps=int(stage.warmup * len(batches)),
        max_grad_norm=1.0,
        save_steps=stage.save_steps,
        save_total_limit=1,
        logging_steps=25,
        report_to=[],
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=batches.plan.seed,
    )
    trainer = _Trainer(model, batches, stage, args=arguments)
    trainer.remove_callback(PrinterCallback)  # which prints tables into the middle of our lines
    trainer.add_callback(_Says(say, stage.name))
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; halves that a kill left are removed."""
    whole = []
    for found in folder.glob("checkpoint-*"):
        if (found / "trainer_state.json").exists():
            whole.append(found)
        else:
            shutil.rmtree(found)
    whole.sort(key=lambda found: int(found.name.rpartition("-")[2]))
    return str(whole[-1]) if whole else None


class _Trainer(Trainer):
    def __init__(
        self, fitted: MiniForConditionalGeneration, batches: Batches, stage: Stage, **kwargs: Any
    ) -> None:
        self.fitted, self.batches, self.stage = fitted, batches, stage
        super().__init__(model=fitted, train_dataset=batches, data_collator=_only, **kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return torch.utils.data.SequentialSampler(self.batches)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        for parameter in self.fitted.trunk.parameters():
            parameter.requires_grad_(False)
        groups = [_decayed(self.fitted.named_parameters(), self.stage.lr, self.stage.weight_decay)]
        if self.stage.trunk_lr:
            upper = self.fitted.trunk.blocks[N_FROZEN:]
            for parameter in upper.parameters():
                parameter.requires_grad_(True)
            groups.append(_decayed(upper.named_parameters(), self.stage.trunk_lr, self.stage.weight_decay))
        self.optimizer = torch.optim.AdamW([g for two in groups for g in two], betas=(0.9, 0.95))
        return self.optimizer

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        with torch.autocast(inputs["pixels"].device.type, torch.bfloat16, enabled=self.stage.bf16):
            visual = model.visual_tokens(self._cells(model, inputs["pixels"]))
            return loss(model, visual, inputs, self.stage)

    def _cells(self, model: Any, pixels: Tensor) -> Tensor:
        """Cells of uint8 [m, h, w, 3]; of a frozen trunk the data set has them ready, [m, cells, d]."""
        if pixels.ndim == 3:
            return (pixels.float() - model.cell_mean) / model.cell_std
        return model.cells(normalised(pixels))


def normalised(pixels: Tensor) -> Tensor:
    """float32 [m, 3, h, w] in -1..1 of uint8 [m, h, w, 3]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def _decayed(named: Any, lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; norms, biases and positions do not."""
    parameters = [(name, p) for name, p in named if p.requires_grad]
    return [
        {"params": [p for _, p in parameters if p.ndim > 1], "lr": lr, "weight_decay": weight_decay},
        {"params": [p for _, p in parameters if p.ndim <= 1], "lr": lr, "weight_decay": 0.0},
    ]


def loss(
    model: MiniForConditionalGeneration, visual: Tensor, batch: Mapping[str, Any], stage: Stage
) -> Tensor:
    """Weighted sum of three losses.

    Cross-entropy of soft labels over the whole vocabulary (the form of DeQA-Score, arXiv 2501.11561), of the
    other answer tokens, and the ranking loss of ladders.
    """
    total = visual.new_zeros((), dtype=torch.float32)
    for name, group in batch["asked"].items():
        hidden = _hidden(model, visual, group)
        shares = group["shares"]
        if bool(shares.any()):
            soft = -(shares * _logprobs(model, hidden, group)).sum(1).mean()
            total = total + stage.weights[name] * soft
        wanted = group["labels"] != -100
        words = F.cross_entropy(model.lm_head(hidden[wanted]).float(), group["labels"][wanted])
        total = total + stage.weights["rationale" if name == "rationale" else "words"] * words
    if batch["ladder"] is not None:
        total = total + ladder_loss(model, visual, batch["ladder"], stage)
    return total


def ladder_loss(
    model: MiniForConditionalGeneration, visual: Tensor, group: Mapping[str, Tensor], stage: Stage
) -> Tensor:
    """Weighted mean of softplus(-sharpness (better - worse - margin)) over pairs of rungs; values on 1..5."""
    logs = _logprobs(model, _hidden(model, visual, group), group)[:, :5]
    values = torch.softmax(logs, 1) @ torch.arange(1.0, 6.0, device=logs.device)
    better, worse, aspect = group["gaps"].unbind(1)
    wrong = F.softplus(-stage.sharpness * (values[better] - values[worse] - stage.margin))
    return (torch.tensor(stage.ladder, device=logs.device)[aspect] * wrong).mean()


def _hidden(model: MiniForConditionalGeneration, visual: Tensor, group: Mapping[str, Tensor]) -> Tensor:
    # Rows are padded on the right, where no earlier token looks: no mask is needed.
    embeds = model.embed(group["ids"], visual[group["pictures"]])
    return model.language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state


def _logprobs(model: MiniForConditionalGeneration, hidden: Tensor, group: Mapping[str, Tensor]) -> Tensor:
    """float32 [r, k]: log-probabilities, over the whole vocabulary, of the tokens wanted."""
    rows = torch.arange(len(hidden), device=hidden.device)
    logits = model.lm_head(hidden[rows, group["at"]]).float()
    return torch.log_softmax(logits, 1).gather(1, group["tokens"])


def _only(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    (item,) = items
    return item


class _Says(TrainerCallback):
    """Trainer's log as lines of words."""

    def __init__(self, say: Callable[[str], None], stage: str) -> None:
        self.say, self.stage = say, stage

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.say(f"{self.stage}: step {state.global_step} of {state.max_steps}, loss {logs['loss']}")
