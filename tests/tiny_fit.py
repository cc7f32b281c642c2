"""Fits a tiny causal model on made-up pictures into a folder; run as a program, so that it can be killed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

N, SIDE, RUNGS = 24, 32, 3


def world(*, spoil: bool = False) -> tuple[Any, Any, Any, Any]:
    """Rated pictures (brighter ones rated higher), ladders, a trunk and its cells; half is fitted on.

    Args:
        spoil: give the other half other pixels and labels.
    """
    import torch

    from visq.backbones.trunk_torch import Trunk
    from visq.training.causal_data import LadderPool, Rated
    from visq.training.causal_torch import cells_of
    from visq.training.facts import facts
    from visq.training.ladders import Kind

    rng = np.random.default_rng(2)
    light = rng.uniform(40, 215, N)
    pixels = np.clip(light[:, None, None, None] + rng.normal(0, 20, (N, SIDE, SIDE, 3)), 0, 255).astype(
        np.uint8
    )
    mos = 1 + 4 * (light - 40) / 175
    k = np.arange(N)
    folds = np.where(k % 2 == 1, 1, k // 4 % 2 * 2)  # the others are two folds of both aspects
    ladders = np.stack([pixels // (1 + k) for k in range(RUNGS)], axis=1)
    if spoil:
        pixels[folds == 1], ladders[folds == 1], mos[folds == 1] = 7, 9, 5.0
    torch.manual_seed(0)
    torch.set_num_threads(1)
    trunk = Trunk().eval()
    rated = Rated(
        tuple(Path(str(k)) for k in range(N)),
        pixels,
        np.arange(N) // 2 % 2,
        mos,
        folds,
        np.stack([facts(picture) for picture in pixels]),
    )
    pool = LadderPool(ladders, np.arange(N), (Kind("darker", (0.8, 0.3), (0.7,), ("quality",)),) * N)
    tensors = {name: value.numpy() for name, value in trunk.state_dict().items()}
    return rated, pool, tensors, cells_of(trunk, pixels, lambda line: None)


def main() -> None:
    """Fit on folds 0 and 2 of the made-up world into the folder named first."""
    from visq.training.causal_torch import Fits, Spec

    stage = {
        "weight_decay": 0.01,
        "warmup": 0.1,
        "save_steps": 2,
        "margin": 0.1,
        "sharpness": 6.0,
        "bf16": False,
        "ladder": [0.5, 0.1],
        "weights": {"single": 1.0, "pair": 0.3, "rationale": 0.3, "words": 0.1},
    }
    spec = Spec(
        aspects=("quality", "aesthetics"),
        vocabulary=500,
        decoder={
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "intermediate_size": 48,
            "attention_dropout": 0.1,
        },
        labels={"ridge": 30.0, "share": 0.5},
        batch={"pictures": 4, "level_std": 0.55, "ratings": 0.5, "pairs": 1.0, "rationales": 0.5},
        stages=[
            {
                **stage,
                "epochs": 2,
                "ladders": 0,
                "crop": 0,
                "trunk_lr": 0.0,
                "kept": 0.0,
                "lr": 1e-3,
            },
            {
                **stage,
                "epochs": 2,
                "ladders": 2,
                "crop": 28,
                "trunk_lr": 1e-4,
                "kept": 0.5,
                "lr": 1e-3,
            },
        ],
        seed=4,
    )
    rated, pool, trunk, cells = world(spoil="--spoil" in sys.argv)
    Fits(rated, pool, trunk, cells, spec, print)(np.flatnonzero(rated.folds != 1), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
