"""Which file of a chat model's folder is missing or damaged. Knows files; no model and no tensor.

Asked only after transformers failed: its own errors name no file, and say nothing of what to do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

TOKENIZERS = ("tokenizer.*", "vocab.*", "*.model", "*.tiktoken", "tekken.json")
"""Files that a tokenizer is made of; a folder has one of them or more."""

_HOLDS = {"tokenizer.json": "model", "model.safetensors.index.json": "weight_map"}
"""What a file is of no use without."""


def damage(folder: Path) -> str:
    """The first file that is missing or damaged, in a few words; empty where none is."""
    return next(_damages(folder), "")


def is_damaged(path: Path) -> bool:
    """Whether a file, by its ending of JSON or safetensors, cannot be read."""
    try:
        if path.suffix == ".json":
            found = json.loads(path.read_bytes())
            needed = _HOLDS.get(path.name)
            return needed is not None and not (isinstance(found, dict) and needed in found)
        with safe_open(path, "np"):
            return False
    except (OSError, ValueError, SafetensorError):
        return True


def _damages(folder: Path) -> Iterator[str]:
    for pattern in ("*.json", "*.safetensors"):
        for path in sorted(folder.glob(pattern)):
            if is_damaged(path):
                yield f"{path.name} is damaged"
    index = folder / "model.safetensors.index.json"
    if index.exists():
        for name in sorted(set(json.loads(index.read_bytes())["weight_map"].values())):
            if not (folder / name).exists():
                yield f"{name} is missing"
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZERS):
        yield "tokenizer.json is missing"
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        yield "model.safetensors is missing"
