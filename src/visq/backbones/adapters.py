"""Adapters as files: what a PEFT folder holds, and which part of a model its names mean. No torch, no model.

Names of modules changed with transformers 5: `visual` moved to `model.visual`, `model.layers` and
`language_model.model.layers` to `model.language_model.layers`. An adapter saved before, or on one tower
alone, has the older names; without a map PEFT lays untrained weights on the model, which change nothing
(SPEC 5.6).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visq.backbones.file_hash import sha256_of
from visq.backbones.model_name import shown_name
from visq.core.errors import ModelError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

LAYOUTS = (
    ("", ""),
    # Saved by transformers before 4.52, of models whose class then held the language model's head itself.
    ("visual.", "model.visual."),
    ("language_model.lm_head", "lm_head"),
    ("language_model.model.", "model.language_model."),
    ("vision_tower.vision_model.", "model.vision_tower."),
    ("model.vision_tower.vision_model.", "model.vision_tower."),
    ("model.", "model.language_model."),
    # Saved from the model without its head, or from one tower.
    ("", "model."),
    ("", "model.visual."),
    ("", "model.vision_tower."),
    ("", "model.vision_model."),
    ("", "model.language_model."),
    ("", "model.text_model."),
    # Saved by transformers 5, for a model whose own code keeps an older layout.
    ("model.language_model.", "language_model.model."),
    ("model.language_model.", "model."),
    ("model.", ""),
)
"""How a module's name began where the adapter was trained, and how it may begin now; the first that fits."""

_VISION = {"visual", "vision_tower", "vision_model", "vision_embed_tokens", "image_tower", "trunk"}
_CONNECTOR = {
    "merger", "deepstack_merger_list", "multi_modal_projector", "connector", "mm_projector", "aligner",
    "visual_abstractor",
}  # fmt: skip
TOWERS = ("vision", "connector", "language")

_PREFIX = "base_model.model."
_PARTS = ("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "base_layer")
_NOT_KNOWN = (
    "target_parameters",
    "trainable_token_indices",
    "layer_replication",
    "lora_bias",
    "arrow_config",
)


@dataclass(frozen=True)
class AdapterFolder:
    """A PEFT adapter on disk, its description read; `read_adapter` makes it.

    Attributes:
        path: the folder.
        name: for messages.
        config: adapter_config.json.
        sha256: over weights and config: the identity of what it does.
    """

    path: Path
    name: str
    config: Mapping[str, Any]
    sha256: str

    @property
    def base(self) -> str:
        """What it was trained on, as it says itself; empty where it does not say."""
        return str(self.config.get("base_model_name_or_path") or "")


@dataclass(frozen=True)
class Attached:
    """An adapter that lies on a model.

    Attributes:
        name: for people.
        sha256: of its files.
        matched: of each of TOWERS, how many of its modules the adapter changes.
        renamed: how many of them had another name where it was trained.
        note: that it was trained on a model of another name; empty where it was not.
    """

    name: str
    sha256: str
    matched: Mapping[str, int]
    renamed: int = 0
    note: str = ""

    def __str__(self) -> str:
        counts = ", ".join(f"{tower} {self.matched.get(tower, 0)}" for tower in TOWERS)
        renamed = f" ({self.renamed} of them under an older name)" if self.renamed else ""
        note = f"; {self.note}" if self.note else ""
        return f"adapter {self.name!r} changes {sum(self.matched.values())} modules: {counts}{renamed}{note}"


def read_adapter(folder: Path) -> AdapterFolder:
    """Read what an adapter's folder says of itself.

    Raises:
        ModelError: there is none, its weights are no safetensors, or it is of a kind visq does not know.
    """
    name = shown_name(folder)
    try:
        text = (folder / CONFIG).read_bytes()
        config = json.loads(text)
    except FileNotFoundError as error:
        raise ModelError(
            f"no adapter in {str(folder)!r}: it has no {CONFIG}; give a folder that PEFT saved"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"adapter {name!r}: cannot read {CONFIG}: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"adapter {name!r}: {CONFIG} is no object; save it again with PEFT")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"adapter {name!r} has no {WEIGHTS}; save it again with PEFT, as safetensors")
    _expect_plain(name, config)
    return AdapterFolder(folder, name, config, _hash(text, folder / WEIGHTS))


def _expect_plain(name: str, config: Mapping[str, Any]) -> None:
    kind, begun = config.get("peft_type"), config.get("init_lora_weights", True)
    if kind != "LORA":
        raise ModelError(
            f"adapter {name!r} is of kind {kind!r}; visq knows LORA, with DoRA and rank patterns"
        )
    unknown = [key for key in _NOT_KNOWN if config.get(key)]
    if unknown:
        raise ModelError(
            f"adapter {name!r} uses {unknown[0]}, which visq does not know; merge it with PEFT first"
        )
    if config.get("bias", "none") != "none":
        raise ModelError(
            f"adapter {name!r} changes biases of its base, which cannot be undone; train it without"
        )
    if isinstance(begun, str) and begun.lower().startswith(("pissa", "olora", "corda", "loftq", "lora_ga")):
        raise ModelError(
            f"adapter {name!r} was begun by {begun!r}, which changes its base; "
            "convert it to plain LoRA with PEFT"
        )


def _hash(config: bytes, weights: Path) -> str:
    return hashlib.sha256(hashlib.sha256(config).digest() + sha256_of(weights)).hexdigest()


def split_key(key: str) -> tuple[str, str]:
    """Of a tensor of an adapter, its module and the part of it.

    Example:
        >>> split_key("base_model.model.visual.blocks.0.attn.qkv.lora_A.weight")
        ('visual.blocks.0.attn.qkv', 'lora_A.weight')
        >>> split_key("base_model.model.lm_head.weight")
        ('lm_head', 'weight')
    """
    words = key.removeprefix(_PREFIX).split(".")
    at = next((n for n, word in enumerate(words) if word in _PARTS), len(words) - 1)
    return ".".join(words[:at]), ".".join(words[at:])


def name_now(saved: str, known: Collection[str]) -> str | None:
    """The module of a model that an adapter's module means; None where there is none.

    Args:
        saved: its name where the adapter was trained.
        known: names of the model's modules.

    Example:
        >>> name_now("visual.blocks.0.attn.qkv", {"model.visual.blocks.0.attn.qkv"})
        'model.visual.blocks.0.attn.qkv'
    """
    for before, now in LAYOUTS:
        if saved.startswith(before) and now + saved.removeprefix(before) in known:
            return now + saved.removeprefix(before)
    return None


def names_now(adapter: AdapterFolder, saved: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Of each of an adapter's modules, its name in a model.

    Raises:
        ModelError: some match nothing, or two match one.
    """
    found = {name: name_now(name, known) for name in saved}
    lost = sorted(name for name, now in found.items() if now is None)
    if lost:
        raise ModelError(
            f"adapter {adapter.name!r}: {len(lost)} of its {len(found)} modules are not in this model, first "
            f"{lost[0]!r}; {_trained_on(adapter)}"
        )
    sure = {name: now for name, now in found.items() if now is not None}
    twice = [now for now, times in Counter(sure.values()).items() if times > 1]
    if twice:
        raise ModelError(
            f"adapter {adapter.name!r} has the module {twice[0]!r} under two names; save it again"
        )
    return sure


def other_base(adapter: AdapterFolder, module: str, saved: object, here: object) -> ModelError:
    """The error for an adapter whose weights have another shape than the model's."""
    return ModelError(
        f"adapter {adapter.name!r} is for another base: {module!r} has {saved} there and {here} here; "
        f"{_trained_on(adapter)}"
    )


def _trained_on(adapter: AdapterFolder) -> str:
    return (
        f"use the model it was trained on, {adapter.base!r}"
        if adapter.base
        else "use the model it was trained on"
    )


def tower(module: str) -> str:
    """Which of TOWERS a module belongs to, by its name.

    Example:
        >>> [tower(name) for name in ("model.visual.merger.mlp.0", "visual.blocks.0", "model.layers.0")]
        ['connector', 'vision', 'language']
    """
    words = set(module.split("."))
    return "connector" if words & _CONNECTOR else "vision" if words & _VISION else "language"


def count_by_tower(modules: Collection[str]) -> dict[str, int]:
    """Of each of TOWERS, how many modules."""
    counts = Counter(map(tower, modules))
    return {name: counts[name] for name in TOWERS}
