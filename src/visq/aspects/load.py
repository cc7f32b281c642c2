"""Loads aspects from the TOML tables beside this file. Knows no model, no picture, no file of a user."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from visq.core import toml
from visq.core.registry import unknown_name
from visq.core.scales import Scale


@dataclass(frozen=True)
class Aspect:
    """What is scored.

    Attributes:
        name: `quality`, `aesthetics`, ...
        version: rises when any word of it changes.
        about: one line for people.
        scale: the scale its level values lie on.
        levels: level words, worst to best.
        questions: pool of questions; the first one is asked when scoring.
        stem: the words an answer continues; ends without a space.
    """

    name: str
    version: int
    about: str
    scale: Scale
    levels: tuple[str, ...]
    questions: tuple[str, ...]
    stem: str


@lru_cache(maxsize=1)
def _table() -> dict[str, Aspect]:
    raw = toml.loads(resources.files("visq.aspects").joinpath("image.toml").read_text(encoding="utf-8"))
    return {
        name: Aspect(
            name=name,
            version=entry["version"],
            about=entry["about"],
            scale=Scale(*entry["scale"]),
            levels=tuple(entry["levels"]),
            questions=tuple(entry["questions"]),
            stem=entry["stem"],
        )
        for name, entry in raw.items()
    }


def names() -> list[str]:
    """Names of all aspects, in the order of the tables."""
    return list(_table())


def aspect(name: str) -> Aspect:
    """The aspect of this name.

    Raises:
        UnknownName: there is none; the message offers the nearest.

    Example:
        >>> aspect("quality").levels[-1]
        'excellent'
    """
    try:
        return _table()[name]
    except KeyError:
        raise unknown_name("aspect", name, _table()) from None
