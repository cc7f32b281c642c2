"""Tiny chat models as in tiny_chat.py, of kinds that visq is not tested with. For tests only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tiny_chat import LLAVA_TEMPLATE, TEXT, bytes_tokenizer, llava, pieces_tokenizer, write

GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}<start_of_image>"
    "{% else %}{{ content['text'] }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)

OWN_CODE = {
    "configuration_own.py": (
        "from transformers import LlavaConfig\n\n\nclass OwnConfig(LlavaConfig):\n    model_type = 'own_vl'\n"
    ),
    "modeling_own.py": (
        "from transformers import LlavaForConditionalGeneration\n\nfrom .configuration_own import OwnConfig\n"
        "\n\nclass OwnModel(LlavaForConditionalGeneration):\n    config_class = OwnConfig\n"
    ),
    "processing_own.py": (
        "from transformers import LlavaProcessor\n\n\nclass OwnProcessor(LlavaProcessor):\n    pass\n"
    ),
}
OWN_FIELDS = {
    "config.json": {
        "model_type": "own_vl",
        "architectures": ["OwnModel"],
        "auto_map": {
            "AutoConfig": "configuration_own.OwnConfig",
            "AutoModelForImageTextToText": "modeling_own.OwnModel",
        },
    },
    "processor_config.json": {
        "processor_class": "OwnProcessor",
        "auto_map": {"AutoProcessor": "processing_own.OwnProcessor"},
    },
}


def llava_next(folder: Path) -> Path:
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
    )
    from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

    tokenizer = pieces_tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=24,
        patch_size=8, projection_dim=16,
    )  # fmt: skip
    grid = [[24, 48], [48, 24], [48, 48]]
    config = LlavaNextConfig(
        vision_config=vision, text_config=LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"), image_grid_pinpoints=grid,
        vision_feature_select_strategy="default", vision_feature_layer=-2,
    )  # fmt: skip
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}, image_grid_pinpoints=grid
    )
    return write(
        folder, LlavaNextForConditionalGeneration(config), tokenizer, images, LLAVA_TEMPLATE,
        patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1,
    )  # fmt: skip


def gemma3(folder: Path) -> Path:
    """Layers that reach back only so far, and pictures whose tokens see each other both ways."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    named = {
        "image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"
    }  # fmt: skip
    specials = ("<pad>", "<bos>", "<start_of_turn>", "<end_of_turn>", *named.values())
    tokenizer = bytes_tokenizer(specials, "<end_of_turn>", **named)
    tokenizer.bos_token = "<bos>"
    ids = {
        f"{kind}_token_index": tokenizer.convert_tokens_to_ids(named[f"{kind}_token"])
        for kind in ("image", "boi", "eoi")
    }
    config = Gemma3Config(
        text_config={
            **TEXT, "vocab_size": len(tokenizer), "head_dim": 8, "sliding_window": 64, "pad_token_id": 0
        },
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 24, "patch_size": 4,
        },
        mm_tokens_per_image=9, **ids,
    )  # fmt: skip
    images = Gemma3ImageProcessorPil(size={"height": 24, "width": 24})
    model = Gemma3ForConditionalGeneration(config)
    return write(folder, model, tokenizer, images, GEMMA_TEMPLATE, image_seq_length=9)


def own_code(folder: Path) -> Path:
    """A LLaVA whose config, model and processor are code in its folder."""
    from safetensors.torch import save_file
    from transformers import AutoModelForImageTextToText

    llava(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    # By the names of today: older ones are known of transformers' own kinds alone.
    save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    for name, text in OWN_CODE.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, more in OWN_FIELDS.items():
        fields = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(fields | more), encoding="utf-8")
    return folder


def own_class(folder: Path) -> Path:
    """A LLaVA by its config, whose class is code in its folder: blind, and it sees padding."""
    own_code(folder)
    for name in ("configuration_own.py", "processing_own.py"):
        (folder / name).unlink()
    (folder / "modeling_own.py").write_text(
        "from transformers import LlavaForConditionalGeneration\n\n\n"
        "class OwnModel(LlavaForConditionalGeneration):\n"
        "    def forward(self, pixel_values=None, attention_mask=None, **inputs):\n"
        "        black = None if pixel_values is None else 0 * pixel_values\n"
        "        return super().forward(pixel_values=black, **inputs)\n",
        encoding="utf-8",
    )
    auto = {"AutoModelForImageTextToText": "modeling_own.OwnModel"}
    for name, more in (
        ("config.json", {"model_type": "llava", "auto_map": auto}),
        ("processor_config.json", {"processor_class": "LlavaProcessor", "auto_map": {}}),
    ):
        fields = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(fields | more), encoding="utf-8")
    return folder


STRANGERS: dict[str, Callable[[Path], Path]] = {"llava_next": llava_next, "gemma3": gemma3}
