"""A registry: names to import strings. Knows nothing of what it holds; imports it when asked."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from visq.core.errors import InputError, UnknownName


def unknown_name(concept: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a name nobody registered, with the nearest one and the list of all.

    Example:
        >>> print(unknown_name("read-out", "level", ["levels", "integers"]))
        unknown read-out 'level'; did you mean 'levels'? Known: integers, levels
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UnknownName(f"unknown {concept} {name!r}{hint} Known: {', '.join(names) or 'none'}")


class Registry:
    """Names of one concept, each standing for `module:attribute`; a name is registered once."""

    def __init__(self, concept: str, entries: Mapping[str, str]) -> None:
        self.concept = concept
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def add(self, name: str, target: str) -> None:
        """Register `target` ("module:attribute") under `name`.

        Raises:
            InputError: the name is taken.
        """
        if name in self._entries:
            raise InputError(f"{self.concept} {name!r} is already registered as {self._entries[name]!r}")
        self._entries[name] = target

    def get(self, name: str) -> Any:  # what is registered has no common type
        """Import and return what `name` stands for.

        Raises:
            UnknownName: nothing is registered under this name.
        """
        if name not in self._entries:
            raise unknown_name(self.concept, name, self._entries)
        module, _, attribute = self._entries[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
