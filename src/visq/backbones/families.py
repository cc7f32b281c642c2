"""Whose words a model was trained with, by its name; the names are data, beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources
from pathlib import Path

from visq.backbones.model_name import shown_name
from visq.backbones.weights import read_origin
from visq.core import toml
from visq.core.errors import ModelError


def known_dialect(names: Sequence[str]) -> str | None:
    """The dialect of the first name that belongs to a known family; None where none does.

    Args:
        names: of adapters and model, the one trained last first: names of folders, or ORG/NAME[@REV].

    Example:
        >>> known_dialect(["q-future/Q-ReAlign-Mini-0.8B"]), known_dialect(["models/my-qwen"])
        ('q-realign', None)
    """
    for name in names:
        whole = name.lower().partition("@")[0].rstrip("/")
        for pattern, dialect in _patterns():
            if fnmatchcase(whole, pattern) or fnmatchcase(whole.rpartition("/")[2], pattern):
                return dialect
    return None


def trained_names(folders: Sequence[Path]) -> list[str]:
    """Names of a model and its adapters, the one trained last first, as `known_dialect` takes them.

    A folder that was pulled goes by its name there, a merged one by those of its adapters and its base too.

    Args:
        folders: of the model, then of the adapters laid on it.
    """
    return [name for folder in reversed(folders) for name in _names_of(folder)]


def _names_of(folder: Path) -> list[str]:
    origin = read_origin(folder)
    if origin is None:
        return [shown_name(folder)]
    try:
        if "name" in origin:
            return [origin.text("name")]
        laid_on = [one.text("name") for one in reversed(origin.tables("adapter"))]
        return [shown_name(folder), *laid_on, origin.text("base")]
    except ModelError:  # somebody wrote into the note
        return [shown_name(folder)]


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, str], ...]:
    text = resources.files("visq.backbones").joinpath("families.toml").read_text(encoding="utf-8")
    return tuple(
        (pattern, family["dialect"]) for family in toml.loads(text)["family"] for pattern in family["names"]
    )
