"""Whose words a model was trained with, by its name; the names are data, beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources

from visq.core import toml


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


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, str], ...]:
    text = resources.files("visq.backbones").joinpath("families.toml").read_text(encoding="utf-8")
    return tuple(
        (pattern, family["dialect"]) for family in toml.loads(text)["family"] for pattern in family["names"]
    )
