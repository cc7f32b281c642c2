"""LLaMA-Factory's dataset_info.json: which keys of a data file hold what. Knows keys; reads no row by itself.

Only a description beside the data file counts, found by its `file_name`. Rows come out with the names that
`visq.data.formats.llamafactory` reads: those of sharegpt and alpaca where nothing was renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from visq.core.errors import DataError
from visq.core.types import printable

NAME = "dataset_info.json"

# Part of a row -> the key of the plain form, by `formatting`; upstream's defaults.
_PARTS = {
    "alpaca": {"prompt": "instruction", "query": "input", "response": "output", "history": "history"},
    "sharegpt": {"messages": "conversations"},
}
_BOTH = ("system", "images", "chosen", "rejected")
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}


@dataclass(frozen=True)
class Description:
    """How the rows of one data file are written.

    Attributes:
        keys: key in the file -> key of the plain form.
        tags: upstream's name of a tag -> the word in the file.
        unused: columns of the plain form that the file has for something else, or that nobody named.
    """

    keys: Mapping[str, str]
    tags: Mapping[str, str]
    unused: frozenset[str] = field(default_factory=frozenset)

    def plain(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A row under the keys of the plain form; what the description does not name keeps its own.

        A key that the plain form reads, but the description does not name, is not read upstream either: it
        gets `source_` before it.
        """
        row: dict[str, Any] = {}
        for key, value in record.items():
            name = self.keys.get(key, f"source_{key}" if key in self.unused else key)
            row[name] = self._turns(value) if name in ("conversations", "chosen", "rejected") else value
        return row

    def _turns(self, value: Any) -> Any:  # turns, one turn, or a text
        if isinstance(value, list):
            return [self._turns(turn) for turn in value]
        if not isinstance(value, Mapping):
            return value
        roles = {self.tags[tag]: _TAGS[tag] for tag in _TAGS if tag not in ("role_tag", "content_tag")}
        role = value.get(self.tags["role_tag"])
        known = roles.get(role, role) if isinstance(role, str) else role
        return {"from": known, "value": value.get(self.tags["content_tag"])}


def described(path: str) -> Description | None:
    """How the file `path` is written, by a dataset_info.json beside it; None where there is none of it.

    Raises:
        DataError: the description cannot be read, is wrong, or says two things of one file.
    """
    info = os.path.join(os.path.dirname(path), NAME)
    if os.path.basename(path) == NAME or not os.path.isfile(info):
        return None
    shown = printable(info)
    found = [
        (name, _description(f"{shown}, {name!r}", entry))
        for name, entry in _entries(info, shown).items()
        if isinstance(entry, Mapping) and entry.get("file_name") == os.path.basename(path)
    ]
    for name, other in found[1:]:
        if other != found[0][1]:
            raise DataError(f"{shown}: {found[0][0]!r} and {name!r} say two things of one file; keep one")
    return found[0][1] if found else None


def _entries(info: str, shown: str) -> Mapping[str, Any]:
    try:
        with open(info, encoding="utf-8-sig") as file:
            entries = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{shown}: cannot be read as JSON: {error}; mend it or move it away") from None
    if not isinstance(entries, dict):
        raise DataError(f"{shown}: an object of data sets is wanted; mend it or move it away")
    return entries


def _description(where: str, entry: Mapping[str, Any]) -> Description:
    formatting, columns, tags = entry.get("formatting", "alpaca"), entry.get("columns"), entry.get("tags", {})
    if formatting not in _PARTS:
        raise DataError(f"{where}: formatting {formatting!r}; known are {' and '.join(sorted(_PARTS))}")
    if not all(isinstance(table, Mapping) for table in (columns or {}, tags)):
        raise DataError(f"{where}: 'columns' and 'tags' are objects")
    columns = columns or {}
    if "images" not in columns:
        raise DataError(
            f"{where}: no column of images is named, so training would not see the pictures; "
            'add "images": "images" to its columns'
        )
    if entry.get("ranking") and not {"chosen", "rejected"} <= set(columns):
        raise DataError(f"{where}: ranking is true, but 'chosen' and 'rejected' are no columns")
    own = _PARTS[formatting]
    # As upstream: once a part is named, those that are not named are not read.
    defaults = {} if columns.keys() & own.keys() else own
    named = {plain: columns.get(part, defaults.get(part)) for part, plain in own.items()}
    named |= {part: columns.get(part) for part in _BOTH}
    keys = {str(key): plain for plain, key in named.items() if key}
    unused = frozenset({*named, *own} - keys.keys())
    return Description(keys, {tag: str(tags.get(tag, word)) for tag, word in _TAGS.items()}, unused)
