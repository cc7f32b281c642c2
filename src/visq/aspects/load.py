"""Finds aspects: visq's in the TOML tables beside this file, and a user's own. Knows no model, no picture."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import resources
from pathlib import Path

from visq.aspects.aspect import KEYS, Aspect, read_aspect
from visq.aspects.comparison import Comparison, read_comparison
from visq.aspects.explanation import Describing, read_describing
from visq.aspects.template import Template, on_scale, read_template
from visq.core import toml
from visq.core.errors import InputError, ModelError
from visq.core.fields import Fields
from visq.core.registry import unknown_name
from visq.core.scales import Scale

_FILES = {
    "visq": "image.toml",
    "visq-rating": "visq-rating.toml",
    "onealign": "onealign.toml",
    "deqa": "deqa.toml",
    "q-realign": "q-realign.toml",
    "realqa": "realqa.toml",
    "realqa-prose": "realqa-prose.toml",
    "realqa-form": "realqa-form.toml",
    "rating": "rating.toml",
    "forensics": "forensics.toml",
}
"""Dialect -> its tables; first the ones that models of visq itself are asked in."""


def _shipped(file: str) -> Fields:
    text = resources.files("visq.aspects").joinpath(file).read_text(encoding="utf-8")
    return Fields(toml.loads(text), file)


@lru_cache(maxsize=len(_FILES))
def _aspects_of(dialect: str) -> dict[str, Aspect]:
    tables = _shipped(_FILES[dialect])
    keys = (*KEYS, "template")
    return {name: read_aspect(tables.table(name), name, dialect, keys) for name in tables.values}


@lru_cache(maxsize=1)
def _templates() -> dict[str, Template]:
    tables = _shipped("templates.toml")
    return {name: read_template(tables.table(name), name) for name in tables.values}


def names() -> list[str]:
    """Names of the aspects that models of visq itself are asked for, in the order of the tables."""
    return list(_aspects_of("visq"))


def aspect(name: str, dialect: str = "visq") -> Aspect:
    """The aspect of this name, in the words that a family of models was trained with.

    Args:
        name: `quality`, `aesthetics`, ...
        dialect: whose words: `visq`, `onealign`, `deqa`, `q-realign`, `realqa`, `rating`, ...

    Raises:
        UnknownName: there is none, or nobody speaks that dialect; the message offers the nearest.

    Example:
        >>> aspect("quality").levels[-1]
        'excellent'
        >>> aspect("aesthetics", "rating").answers[-1]
        '10'
    """
    if dialect not in _FILES:
        raise unknown_name("dialect", dialect, _FILES)
    known = _aspects_of(dialect)
    if name not in known:
        raise unknown_name("aspect" if dialect == "visq" else f"aspect of {dialect}", name, known)
    return known[name]


def dialects() -> list[str]:
    """Names of the dialects, those of visq itself first."""
    return list(_FILES)


def every_aspect() -> list[Aspect]:
    """Every aspect in every dialect, those of visq itself first."""
    return [found for dialect in _FILES for found in _aspects_of(dialect).values()]


def every_comparison() -> list[Comparison]:
    """Every question about two pictures, in the order of the table."""
    return list(_comparisons())


@lru_cache(maxsize=1)
def _comparisons() -> tuple[Comparison, ...]:
    tables = _shipped("comparisons.toml")
    return tuple(
        read_comparison(tables.table(dialect).table(name), name, dialect)
        for dialect in tables.values
        for name in tables.table(dialect).values
    )


def comparison(name: str, dialect: str = "visq") -> Comparison | None:
    """The question about two pictures of an aspect, in the words of a dialect; None where it has none.

    A dialect such as `visq-rating`, which is another form of `visq`, has that one's.

    Example:
        >>> comparison("quality", "visq-rating").question
        'Which image has better quality?'
    """
    for words in (dialect, dialect.rpartition("-")[0]):
        for found in _comparisons():
            if (found.aspect, found.dialect) == (name, words):
                return found
    return None


def describing(name: str) -> Describing:
    """What is asked to have a score explained: `facts` of models trained on it, `general` of all others.

    Raises:
        UnknownName: there is none; the message offers the nearest.

    Example:
        >>> describing("facts").question
        'Describe details, light, contrast and colors of this image.'
    """
    known = _shipped("explanations.toml")
    if name not in known:
        raise unknown_name("question for explanations", name, known.values)
    return read_describing(known.table(name), name)


def template(name: str, scale: Scale | None = None) -> Template:
    """The template of this name.

    Args:
        name: as `Aspect.template` and `Comparison.template` give it.
        scale: of the aspect asked: for numbers that have no scale of their own. Without it their range is not
            looked at.

    Raises:
        UnknownName: there is none; the message offers the nearest.
    """
    known = _templates()
    if name not in known:
        raise unknown_name("template", name, known)
    return known[name] if scale is None else on_scale(known[name], scale)


def own_aspects(path: str | os.PathLike[str]) -> list[Aspect]:
    """A user's own aspects, from a TOML file with one table each.

    `about`, `levels`, `questions` and `stem` are needed; `version` is 1, `scale` 1..5 unless the table says
    otherwise.

    Args:
        path: of the file.

    Raises:
        InputError: the file is missing, no TOML, or has no aspect; a key is unknown or missing, a value is
            not what is wanted, or a name is one of visq's own. The message names file, table and key.
    """
    about = f"aspect file {os.fspath(path)!r}"
    tables = Fields(_parsed(Path(path), about), about)
    if not tables.values:
        raise InputError(f"{about} has no aspect; write a table such as [sharpness]")
    taken = {found.name for found in every_aspect()}
    for name in tables.values:
        if name in taken:
            raise InputError(f"{about}: visq has an aspect {name!r} already; choose another name")
    try:
        return [read_aspect(tables.table(name), name, "own") for name in tables.values]
    except ModelError as error:  # Fields were made for model folders; this file belongs to none
        raise InputError(str(error)) from None


def _parsed(path: Path, about: str) -> dict[str, object]:
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"{about} {what}; give a TOML file with a table for each aspect", kind="missing")
    try:
        return toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{about} cannot be read: {error.strerror}", kind="unreadable") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or lists within lists without end
        raise InputError(f"{about} is not TOML: {error}") from error
