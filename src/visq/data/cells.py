"""Values of a record as text cells. Knows types of JSON and Parquet, and no key's meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Number(str):
    """A number of a JSON file, with the digits it was written with."""

    __slots__ = ()


def cell_text(value: object) -> str:
    """One value as a cell: numbers as written, null empty, true and false as words, lists as JSON.

    Dates, decimals and the like of Parquet are written as Python writes them.

    Example:
        >>> cell_text(None), cell_text(True), cell_text(2.50), cell_text(["a", 1])
        ('', 'true', '2.5', '["a", 1]')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_loosened(value), ensure_ascii=False, default=str)
    return str(value)


def plain(record: Mapping[str, Any]) -> dict[str, str]:
    """A record's values as text cells, under their own names."""
    return {str(key): cell_text(value) for key, value in record.items()}


def _loosened(value: Any) -> Any:  # any JSON value
    """Nested numbers kept as text become numbers again, so that they are not written in quotation marks."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, Mapping):
        return {str(key): _loosened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_loosened(item) for item in value]
    return value
