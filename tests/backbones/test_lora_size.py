"""How large the published LoRA is: the 7B model's shapes without its numbers, by the names of its towers."""

from __future__ import annotations

from collections import Counter

import pytest

from visq.backbones.adapters import count_by_tower, tower

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

LANGUAGE = r"layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
VISION = r"visual\.blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])"


def qwen2_vl_7b():
    """SPEC 2.5: 28 layers, hidden 3,584, kv 512, inner 18,944; 32 vision blocks, 1,280, inner 5,120."""
    config = transformers.Qwen2VLConfig(
        text_config={
            "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
            "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
        vision_config={
            "depth": 32, "embed_dim": 1280, "hidden_size": 3584, "num_heads": 16, "mlp_ratio": 4
        },
    )  # fmt: skip
    with torch.device("meta"):
        return transformers.Qwen2VLForConditionalGeneration(config)


def test_rank_128_on_both_towers_of_7b_has_406_847_488_weights():
    """SPEC 2.5 and 2.9."""
    config = peft.LoraConfig(r=128, lora_alpha=256, target_modules=f".*({LANGUAGE}|{VISION})")
    model = peft.inject_adapter_in_model(config, qwen2_vl_7b(), low_cpu_mem_usage=True)
    sizes = Counter()
    modules = set()
    for name, parameter in model.named_parameters():
        module, found, _ = name.partition(".lora_")
        if found:
            sizes[tower(module)] += parameter.numel()
            modules.add(module)

    assert sizes == {"language": 322_961_408, "vision": 83_886_080}
    assert sizes.total() == 406_847_488
    assert count_by_tower(modules) == {"language": 28 * 7, "vision": 32 * 4, "connector": 0}
