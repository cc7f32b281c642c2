"""Draws TOML tables with one thing wrong in them. For tests that read model folders."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

DELETED = object()
_TEXT = st.text(st.characters(max_codepoint=0x2FFF), max_size=8)
_NUMBERS = st.integers(-(10**20), 10**20) | st.floats() | st.sampled_from([0, 1, 5, 10**400, 1e308])
_LEAVES = _NUMBERS | _TEXT | st.booleans()
VALUES = st.just(DELETED) | _LEAVES | st.lists(_LEAVES, max_size=6) | st.just({}) | st.just([{}])


@st.composite
def broken(draw: st.DrawFn, table: dict[str, Any]) -> dict[str, Any]:
    """The table with one leaf, list or inner table replaced by another value, or deleted."""
    changed = copy.deepcopy(table)
    holder, key = draw(st.sampled_from(list(_places(changed))))
    value = draw(VALUES)
    if value is DELETED:
        del holder[key]
    else:
        holder[key] = value
    return changed


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value within tables and lists: what holds it, and its key or index."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)
