"""LoRA adapters for tiny chat models, trained by PEFT itself and saved as it saves them. For tests only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

LANGUAGE = r".*(?<!visual)\.layers\.\d+\.self_attn\.(q|v)_proj"
QWEN_VISION = r".*visual\.blocks\.\d+\.attn\.(qkv|proj)"


def picture(side: int = 48) -> Any:
    return np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)


def train(base: Path, out: Path, *, steps: int = 4, seed: int = 0, **settings: Any) -> Path:
    """Train a LoRA for a few steps: the model learns to say `excellent` to one picture.

    Args:
        base: a folder of `tiny_chat`.
        out: where PEFT saves the adapter.
        steps: of the optimiser; 0 saves what has not been trained.
        settings: of peft's LoraConfig.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from PIL import Image
    from transformers import AutoModelForImageTextToText

    from visq.backbones.chat_processor_torch import load_processor

    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_pretrained(base, dtype="float32")
    processor = load_processor(base, model.config, remote_code=False)
    tuned: Any = get_peft_model(model, LoraConfig(**{"r": 4, "lora_alpha": 16, **settings}))
    turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Question"}]}]
    text = processor.tokenizer.apply_chat_template(
        turn, chat_template=processor.chat_template, tokenize=False, add_generation_prompt=True
    )
    inputs = processor(images=[Image.fromarray(picture())], text=[text + " excellent"], return_tensors="pt")
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=0.02)
    for _ in range(steps):
        loss = (
            -tuned(**inputs)
            .logits[0, -3:-1]
            .log_softmax(-1)
            .gather(1, inputs["input_ids"][0, -2:, None])
            .mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tuned.save_pretrained(out)
    return out


def rewrite(adapter: Path, out: Path, rename: Any = lambda key: key, **config: Any) -> Path:
    """A copy of an adapter with other tensors or another config: `rename` gives a key, or None to drop it."""
    from safetensors.torch import load_file, save_file

    out.mkdir()
    tensors = load_file(adapter / "adapter_model.safetensors")
    kept = {rename(key): value for key, value in tensors.items() if rename(key) is not None}
    save_file(kept, out / "adapter_model.safetensors")
    settings = json.loads((adapter / "adapter_config.json").read_text()) | config
    (out / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return out
