"""Chat models of random weights, small, of the real classes, as folders on disk. For tests only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORDS = """How would you rate the quality of this image? Rate the aesthetics of this picture from 1 to 10.
The quality of the image is bad poor fair good excellent. Rating Level: 1 2 3 4 5 6 7 8 9 10.
You are a helpful assistant. user assistant system USER: ASSISTANT: User: Assistant: Is it true or not?"""

QWEN_SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip

QWEN_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n"
    "{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING_TEMPLATE = QWEN_TEMPLATE.replace(
    "<|im_start|>assistant\n{% endif %}",
    "<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}{% endif %}",
)
LLAVA_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}"
    "{% endif %}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' ' }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
ONEVISION_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}"
    "{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ '\n' + content['text'] }}{% endfor %}{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
INTERNVL_TEMPLATE = QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\n")
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

TEXT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip


def bytes_tokenizer(specials: tuple[str, ...], end: str, **named: str) -> Any:
    """A tokenizer as Qwen's: bytes, single digits, a blank at a word's beginning."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pattern = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=list(specials), show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator([WORDS] * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token=specials[0], extra_special_tokens=named
    )


def pieces_tokenizer() -> Any:
    """A tokenizer as Llama's: a beginning token, blanks as part of pieces, bytes for the rest."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    specials = ["<unk>", "<s>", "</s>", *(f"<0x{k:02X}>" for k in range(256)), "<image>", "<pad>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    words = [word for word in WORDS.replace("\n", " ").split(" ") if word]
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(words * 4, trainer)
    # Trained as special to have their places; only these four are, in a real folder.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if not t["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def shake(model: Any, seed: int = 3) -> Any:
    """Random weights of std 0.5, and norms and biases that are not what they begin as."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight") and parameter.ndim == 1:
                parameter.normal_(1.0, 0.2)
            elif parameter.ndim > 1 and "lm_head" not in name and "embed" not in name:
                parameter.normal_(0, min(0.5, 2.0 * parameter[0].numel() ** -0.5))
            else:
                parameter.normal_(0, 0.5)
    return model.eval()


def write(folder: Path, model: Any, tokenizer: Any, images: Any, template: str, **fields: Any) -> Path:
    """Write a folder as hubs hold it."""
    shake(model)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    (folder / "processor_config.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder


def _rope(kind: str, theta: float = 10000.0, **more: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": theta, "mrope_section": [1, 1, 2], **more}


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    at = tokenizer.convert_tokens_to_ids
    return {
        "image_token_id": at("<|image_pad|>"), "video_token_id": at("<|video_pad|>"),
        "vision_start_token_id": at("<|vision_start|>"), "vision_end_token_id": at("<|vision_end|>"),
    }  # fmt: skip


def _qwen_images(patch: int) -> Any:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    side = 2 * patch
    return Qwen2VLImageProcessorPil(
        size={"shortest_edge": 4 * side * side, "longest_edge": 9 * side * side},
        patch_size=patch,
        merge_size=2,
    )


def qwen2_vl(folder: Path) -> Path:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    tokenizer = bytes_tokenizer(QWEN_SPECIALS, "<|im_end|>")
    config = Qwen2VLConfig(
        text_config={**TEXT, "vocab_size": len(tokenizer), "rope_parameters": _rope("default")},
        vision_config={
            "depth": 2, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 4
        },
        **_qwen_ids(tokenizer),
    )  # fmt: skip
    return write(folder, Qwen2VLForConditionalGeneration(config), tokenizer, _qwen_images(4), QWEN_TEMPLATE)


def llava(folder: Path) -> Path:
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = pieces_tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=24,
        patch_size=8, projection_dim=16,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="default", vision_feature_layer=-2,
    )  # fmt: skip
    images = CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    return write(
        folder, LlavaForConditionalGeneration(config), tokenizer, images, LLAVA_TEMPLATE,
        patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1,
    )  # fmt: skip


def qwen2_5_vl(folder: Path) -> Path:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = bytes_tokenizer(QWEN_SPECIALS, "<|im_end|>")
    config = Qwen2_5_VLConfig(
        text_config={**TEXT, "vocab_size": len(tokenizer), "rope_parameters": _rope("default")},
        vision_config={
            "depth": 2, "hidden_size": 16, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 24,
            "patch_size": 4, "window_size": 16, "fullatt_block_indexes": [1],
        },
        **_qwen_ids(tokenizer),
    )  # fmt: skip
    model = Qwen2_5_VLForConditionalGeneration(config)
    return write(folder, model, tokenizer, _qwen_images(4), QWEN_TEMPLATE)


QWEN3_VISION = {
    "depth": 2, "hidden_size": 16, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 24,
    "patch_size": 4, "num_position_embeddings": 64,
}  # fmt: skip


def qwen3_vl(folder: Path) -> Path:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    tokenizer = bytes_tokenizer(QWEN_SPECIALS, "<|im_end|>")
    config = Qwen3VLConfig(
        text_config={
            **TEXT, "vocab_size": len(tokenizer), "head_dim": 8,
            "rope_parameters": _rope("default", mrope_interleaved=True),
        },
        vision_config={**QWEN3_VISION, "deepstack_visual_indexes": [0, 1]},
        **_qwen_ids(tokenizer),
    )  # fmt: skip
    return write(folder, Qwen3VLForConditionalGeneration(config), tokenizer, _qwen_images(4), QWEN_TEMPLATE)


def qwen3_5(folder: Path) -> Path:
    """Three layers that carry a state from token to token, then one of attention, as the real ones."""
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    tokenizer = bytes_tokenizer(QWEN_SPECIALS, "<|im_end|>")
    config = Qwen3_5Config(
        text_config={
            **TEXT, "vocab_size": len(tokenizer), "num_hidden_layers": 4, "head_dim": 16,
            "rope_parameters": _rope("default", mrope_interleaved=True, partial_rotary_factor=0.5),
            "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2,
            "linear_num_value_heads": 4, "layer_types": ["linear_attention"] * 3 + ["full_attention"],
        },
        vision_config=QWEN3_VISION,
        **_qwen_ids(tokenizer),
    )  # fmt: skip
    model = Qwen3_5ForConditionalGeneration(config)
    return write(folder, model, tokenizer, _qwen_images(4), THINKING_TEMPLATE)


def llava_onevision(folder: Path) -> Path:
    from transformers import (
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        Qwen2Config,
        SiglipVisionConfig,
    )
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
        LlavaOnevisionImageProcessorPil,
    )

    specials = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>")
    tokenizer = bytes_tokenizer(specials, "<|im_end|>")
    vision = SiglipVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=24,
        patch_size=8, vision_use_head=False,
    )  # fmt: skip
    grid = [[24, 24], [24, 48], [48, 24], [48, 48]]
    config = LlavaOnevisionConfig(
        vision_config=vision, text_config=Qwen2Config(**TEXT, vocab_size=len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<video>"), image_grid_pinpoints=grid,
        vision_feature_layer=-1, vision_feature_select_strategy="full", vision_aspect_ratio="anyres_max_9",
    )  # fmt: skip
    images = LlavaOnevisionImageProcessorPil(size={"height": 24, "width": 24}, image_grid_pinpoints=grid)
    return write(
        folder, LlavaOnevisionForConditionalGeneration(config), tokenizer, images, ONEVISION_TEMPLATE,
        num_image_tokens=9, vision_feature_select_strategy="full", vision_aspect_ratio="anyres_max_9",
    )  # fmt: skip


def internvl(folder: Path) -> Path:
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    named = {
        "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }  # fmt: skip
    specials = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *named.values())
    tokenizer = bytes_tokenizer(specials, "<|im_end|>", **named)
    config = InternVLConfig(
        text_config={**TEXT, "model_type": "qwen2", "vocab_size": len(tokenizer)},
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": [24, 24], "patch_size": [4, 4],
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"), image_seq_length=9,
    )  # fmt: skip
    images = GotOcr2ImageProcessorPil(
        size={"height": 24, "width": 24}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    model = InternVLForConditionalGeneration(config)
    return write(folder, model, tokenizer, images, INTERNVL_TEMPLATE, image_seq_length=9)


def smolvlm(folder: Path) -> Path:
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    rows = [f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5)]
    named = {
        "image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>",
    }  # fmt: skip
    specials = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *named.values(), *rows)
    tokenizer = bytes_tokenizer(specials, "<|im_end|>", **named)
    config = SmolVLMConfig(
        text_config={**TEXT, "model_type": "llama", "vocab_size": len(tokenizer), "pad_token_id": 0},
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 24, "patch_size": 4,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"), scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    images = SmolVLMImageProcessorPil(
        size={"longest_edge": 48}, max_image_size={"longest_edge": 24}, do_image_splitting=True
    )
    model = SmolVLMForConditionalGeneration(config)
    return write(folder, model, tokenizer, images, SMOLVLM_TEMPLATE, image_seq_len=9)


def mini(folder: Path) -> Path:
    import visq.hf  # noqa: F401 (registers the model)
    from tiny_causal import tiny_folder

    tiny_folder(folder)
    return folder


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "qwen2_vl": qwen2_vl,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "qwen3_5": qwen3_5,
    "llava": llava,
    "llava_onevision": llava_onevision,
    "internvl": internvl,
    "smolvlm": smolvlm,
    "mini": mini,
}


QWEN_PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "<|vision_start|><|image_pad|><|vision_end|>{question}<|im_end|>\n<|im_start|>assistant\n{stem}"
)
"""What a question must look like to the model, written out by hand: for the oracle, which renders nothing."""

PROMPTS = {
    "qwen2_vl": QWEN_PROMPT,
    "qwen2_5_vl": QWEN_PROMPT,
    "qwen3_vl": QWEN_PROMPT,
    "qwen3_5": QWEN_PROMPT.replace("{stem}", "<think>\n\n</think>\n\n{stem}"),
    "llava": "USER: <image>\n{question} ASSISTANT: {stem}",
    "llava_onevision": ("<|im_start|>user <image>\n{question}<|im_end|><|im_start|>assistant\n{stem}"),
    "internvl": QWEN_PROMPT.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\n"),
    "smolvlm": "<|im_start|>User:<image>{question}<end_of_utterance>\nAssistant: {stem}",
    "mini": "<user><image>{question}<assistant>{stem}",
}

PLACES = {
    **dict.fromkeys(
        ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5"), "<|vision_start|><|image_pad|><|vision_end|>"
    ),
    "llava": "<image>\n",
    "internvl": "<IMG_CONTEXT>\n",
    **dict.fromkeys(("llava_onevision", "smolvlm", "mini"), "<image>"),
}
"""What stands in PROMPTS for one picture; for two it stands there twice."""
