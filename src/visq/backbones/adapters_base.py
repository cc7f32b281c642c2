"""Which model an adapter was trained on, against the model it is laid on. Reads settings; no torch, no net.

Language towers of different models share names and shapes, so that an adapter of another model finds all its
modules and acts, and its scores mean nothing. What is at hand is compared, what is not is said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visq.backbones.adapters import AdapterFolder
from visq.backbones.environment import hub_cache
from visq.backbones.model_name import shown_name
from visq.backbones.weights import read_config, read_origin
from visq.core.errors import ModelError

_CACHED = re.compile(r"models--([^/]+)")


def expect_base(adapter: AdapterFolder, folder: Path) -> str:
    """Refuse an adapter of another kind of model; say where it was trained on a model of another name.

    Args:
        adapter: as read.
        folder: of the model it is to lie on.

    Returns:
        A line for people; empty where the names agree, or the adapter does not say what it was trained on.

    Raises:
        ModelError: what it was trained on is on this machine, and its `model_type` is neither that of the
            model nor of one of its towers (CLIP's and SigLIP's are half of a `clip` or `siglip`).
    """
    if not adapter.base:
        return ""
    here, there = _kinds(folder), _kind_of_base(adapter)
    if here and there and not {there, f"{there}_vision_model"}.intersection(here):
        raise ModelError(
            f"adapter {adapter.name!r} is for another base: it was trained on {adapter.base!r}, a {there}, "
            f"and {shown_name(folder)!r} is a {here[0]}; use the model it was trained on"
        )
    if _names(Path(adapter.base)) & _names(folder):
        return ""
    return f"trained on {adapter.base!r}, laid on {shown_name(folder)!r}: make sure that they are one model"


def base_name(base: str) -> str:
    """What a model is called, in small letters: without organisation, folders, cache or commit.

    Example:
        >>> base_name("Qwen/Qwen2-VL-2B-Instruct")
        'qwen2-vl-2b-instruct'
        >>> base_name("/data/hub/models--Qwen--Qwen2-VL-2B-Instruct/snapshots/895c3a49bc3fa70a/")
        'qwen2-vl-2b-instruct'
        >>> base_name("~/.cache/modelscope/hub/models/Qwen/Qwen2___5-VL-7B-Instruct")
        'qwen2.5-vl-7b-instruct'
    """
    path = base.replace("\\", "/")
    cached = _CACHED.search(path)
    name = cached[1].rpartition("--")[2] if cached else path.rstrip("/").rpartition("/")[2]
    return name.partition("@")[0].replace("___", ".").lower()


def _names(path: Path) -> set[str]:
    """All that a model is called: by its path, by what a link leads to, by the note of whoever pulled it."""
    found = {base_name(str(path))}
    if path.is_dir():
        whole = path.resolve()
        found |= {base_name(str(path.absolute())), base_name(str(whole)), _pulled_as(whole)}
    return found - {""}


def _pulled_as(folder: Path) -> str:
    origin = read_origin(folder)
    name = None if origin is None else origin.values.get("name")
    return base_name(name) if isinstance(name, str) else ""


def _kinds(folder: Path) -> list[str]:
    """The `model_type` of a folder's config, then those of its towers; empty where it says none."""
    try:
        config = read_config(folder)
    except ModelError:
        return []
    towers = [part for part in config.values() if isinstance(part, dict)]
    return [str(one["model_type"]) for one in (config, *towers) if one.get("model_type")]


def _kind_of_base(adapter: AdapterFolder) -> str:
    return next((kinds[0] for kinds in map(_kinds, _at_hand(adapter.base)) if kinds), "")


def _at_hand(base: str) -> Iterator[Path]:
    """Folders on this machine that hold what a name or path means, the likeliest first."""
    yield Path(base)
    cache = hub_cache(os.environ) or _usual_cache()
    if cache and base.count("/") == 1:
        yield from sorted(Path(cache).glob(f"models--{base.replace('/', '--')}/snapshots/*"))


def _usual_cache() -> str:
    try:
        from huggingface_hub import constants
    except ImportError:  # then nothing was ever fetched
        return ""
    found: Any = constants.HF_HUB_CACHE
    return str(found)
