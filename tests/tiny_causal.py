"""A causal model of random weights, small, with everything a real one has. For tests only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

ASPECTS = ("quality", "aesthetics")
SIDE = 64


def tiny_fitted(seed: int = 5) -> Any:
    """A `Fitted` of random weights, biases and norms among them, so that any mix-up is seen."""
    import torch

    from visq.backbones.mini_torch import MiniConfig, MiniForConditionalGeneration
    from visq.backbones.mobilenet import N_CELLS
    from visq.training.batches_torch import Questions
    from visq.training.causal_torch import Fitted
    from visq.training.dialogue import all_words
    from visq.training.tokenizer import IMAGE, SPECIALS, learn_tokenizer

    tokenizer = learn_tokenizer(all_words(ASPECTS), 600)
    config = MiniConfig(
        text_config={
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "intermediate_size": 48,
            "max_position_embeddings": 512,
        },
        image_token_id=SPECIALS.index(IMAGE),
        image_size=SIDE,
    )
    torch.manual_seed(seed)
    model = MiniForConditionalGeneration(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 100
            if name.startswith("trunk."):  # wide enough to live through ReLU6
                parameter.normal_(0, (2.0 / fan) ** 0.5)
            elif "norm" in name:
                parameter.normal_(1.0, 0.2)
            else:
                parameter.normal_(0, max(fan, 4) ** -0.5 if "connector" in name else 0.3)
        model.cell_mean.normal_()
        model.cell_std.uniform_(0.5, 2.0)
    questions = Questions(tokenizer, ASPECTS, N_CELLS)
    return Fitted(model.eval(), tokenizer, questions, np.zeros((5, 2)))


def tiny_folder(folder: Path, seed: int = 5) -> Any:
    """Write the model folder of `tiny_fitted`; gives the Fitted, its weights rounded as in the files."""
    from visq.core.toml_text import toml_text
    from visq.training.causal import bare_table
    from visq.training.causal_folder_torch import round_to_half, write_files
    from visq.training.recipe import read_recipe, recipes_available

    fitted = tiny_fitted(seed)
    round_to_half(fitted)
    write_files(fitted, ASPECTS, folder)
    table = bare_table(read_recipe(recipes_available()["mini"]))
    table["preprocessing"] = {"id": f"srgb;squash{SIDE}-bicubic", "resize": "squash", "size": [SIDE, SIDE]}
    (folder / "model.toml").write_text(toml_text(table), encoding="utf-8")
    return fitted
