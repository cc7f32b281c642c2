"""A Qwen2-VL of random weights, of its real sizes and of smaller ones, as a folder. Knows no question.

Weights change no speed. The vocabulary of the model is as large as the real one; its tokenizer knows only the
words that it is given, each as one token, as the real one knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

HF: Any = transformers
"""Typed in part only."""

SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ content['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Size:
    """Sizes of a Qwen2-VL: the language model's, and its picture tower's, whose patches are 14 px wide."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    tied: bool
    vision_depth: int
    vision_width: int
    vision_heads: int

    def config(self, ids: dict[str, int]) -> Any:
        """The model's configuration, with the ids of its special tokens."""
        half = self.hidden // self.heads // 2
        sections = [half - 2 * (3 * half // 8), 3 * half // 8, 3 * half // 8]  # 16, 24, 24 of 64, as Qwen's
        return HF.Qwen2VLConfig(
            text_config={
                "hidden_size": self.hidden,
                "intermediate_size": self.intermediate,
                "num_hidden_layers": self.layers,
                "num_attention_heads": self.heads,
                "num_key_value_heads": self.kv_heads,
                "vocab_size": self.vocabulary,
                "tie_word_embeddings": self.tied,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": sections},
            },
            vision_config={
                "depth": self.vision_depth,
                "embed_dim": self.vision_width,
                "num_heads": self.vision_heads,
                "hidden_size": self.hidden,
            },
            tie_word_embeddings=self.tied,
            **ids,
        )


SIZES = {
    "tiny": Size(64, 128, 2, 2, 1, 2_048, True, 2, 32, 2),  # shows only that the script runs
    "small": Size(512, 2_816, 8, 8, 2, 151_936, True, 8, 384, 6),  # the 2B in a third of its width and depth
    "2b": Size(1_536, 8_960, 28, 12, 2, 151_936, True, 32, 1_280, 16),  # Qwen/Qwen2-VL-2B-Instruct
    "7b": Size(3_584, 18_944, 28, 28, 4, 152_064, False, 32, 1_280, 16),  # Qwen/Qwen2-VL-7B-Instruct
}
NEED_A_GPU = ("2b", "7b")


def make_tokenizer(texts: Sequence[str]) -> Any:
    """A byte-level tokenizer to which every word of the texts is one token, as to Qwen's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=2_000, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(list(texts), trainer)
    return HF.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )


def make_model(size: Size, texts: Sequence[str], folder: Path, device: str, dtype: torch.dtype) -> None:
    """Write a folder with a Qwen2-VL of random weights, whose tokenizer knows the words of some texts."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = make_tokenizer([*texts, "system\nYou are a helpful assistant.\nuser\nassistant\n"])
    at = tokenizer.convert_tokens_to_ids
    config = size.config(
        {
            "image_token_id": at("<|image_pad|>"),
            "video_token_id": at("<|video_pad|>"),
            "vision_start_token_id": at("<|vision_start|>"),
            "vision_end_token_id": at("<|vision_end|>"),
        }
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = HF.AutoModelForImageTextToText.from_config(config, dtype=dtype)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    for part in (model, tokenizer, Qwen2VLImageProcessorPil()):
        part.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    (folder / "processor_config.json").write_text("{}", encoding="utf-8")
