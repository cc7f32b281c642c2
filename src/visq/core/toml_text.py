"""Writes TOML: plain values to text, the same text for the same values. Does not know what they mean."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from visq.core.errors import InputError


def toml_text(table: Mapping[str, Any]) -> str:
    r"""A table as TOML: plain keys first, then tables, in the order given. Keys are bare words.

    Args:
        table: str keys; values are str, bool, int, float, lists of these, tables, or lists of tables. A
            value None is left out, since TOML has no such value.

    Raises:
        InputError: a value of another kind, or a key that is no bare word; the message gives its place.

    Example:
        >>> print(toml_text({"name": "mini", "weights": {"file": "a.onnx"}, "case": [{"n": 1}]}), end="")
        name = "mini"
        <BLANKLINE>
        [weights]
        file = "a.onnx"
        <BLANKLINE>
        [[case]]
        n = 1
    """
    return "\n".join(_lines(table, ())).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    kept = {key: value for key, value in table.items() if value is not None}
    for key in kept:
        if not key.replace("-", "_").isidentifier() or not key.isascii():
            raise InputError(f"{'.'.join((*path, key))!r} is no key that TOML takes without quotes")
    plain = {k: v for k, v in kept.items() if not isinstance(v, Mapping) and not _is_tables(v)}
    lines = [f"{key} = {_value(value, (*path, key))}" for key, value in plain.items()]
    for key, value in kept.items():
        if isinstance(value, Mapping):
            inner = _lines(value, (*path, key))
            # A table of tables only needs no line of its own.
            own = [] if inner and not inner[0] else ["", f"[{'.'.join((*path, key))}]"]
            lines += [*own, *inner]
        elif _is_tables(value):
            for row in value:
                lines += ["", f"[[{'.'.join((*path, key))}]]", *_lines(row, (*path, key))]
    return lines


def _is_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _value(value: object, path: tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return (
            repr(value) if math.isfinite(value) else str(value)
        )  # TOML writes inf, -inf and nan as Python does
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(v, path) for v in value)}]"
    raise InputError(f"{'.'.join(path)!r} is {type(value).__name__}, which TOML does not hold")


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for the one character JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
