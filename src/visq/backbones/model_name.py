"""Names of models as people type them: `mini`, a folder, `ORG/NAME@REV`, a server; each with `+ADAPTER`.

The one place that takes such names apart (DESIGN 2). Looks whether folders exist; loads and fetches nothing.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visq.core.errors import UnknownName

Kind = Literal["shipped", "folder", "hub", "server"]

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")
_REVISION = re.compile(r"[\w][\w./-]*")
_SERVER = re.compile(r"https?://[^\s#]+#[^\s#]+")


@dataclass(frozen=True)
class Source:
    """Where a model or an adapter comes from.

    Attributes:
        kind: of `shipped`, `folder`, `hub`, `server`; an adapter is a `folder` or on the `hub`.
        name: a shipped model's name, a path as typed, ORG/NAME, or the server's address up to its `#`.
        revision: of a hub: branch, tag or commit; None: its newest.
        served: what the server calls the model; empty elsewhere.
    """

    kind: Kind
    name: str
    revision: str | None = None
    served: str = ""

    def __str__(self) -> str:
        revision = "" if self.revision is None else f"@{self.revision}"
        return self.name + revision + (f"#{self.served}" if self.served else "")


@dataclass(frozen=True)
class ModelName:
    """A model's name, taken apart.

    Attributes:
        base: the model.
        adapters: laid on it one after another.
    """

    base: Source
    adapters: tuple[Source, ...] = ()

    def __str__(self) -> str:
        return "+".join(map(str, (self.base, *self.adapters)))


def parse_model_name(text: str, shipped: Collection[str] = ()) -> ModelName:
    """Take a model's name apart.

    A folder that exists is meant as it stands, with any `+` and `@` in it; the longest one wins.

    Args:
        text: as typed.
        shipped: names of the models that came with visq.

    Raises:
        UnknownName: it is none of the forms; the message lists them.

    Example:
        >>> name = parse_model_name("Qwen/Qwen2-VL-7B-Instruct@main+you/sharpness", ["mini"])
        >>> name.base
        Source(kind='hub', name='Qwen/Qwen2-VL-7B-Instruct', revision='main', served='')
        >>> str(name.adapters[0])
        'you/sharpness'
    """
    found: list[Source] = []
    for part in _parts(text):
        source = _weights(part) if found else _source(part, shipped)
        if source is None:
            raise UnknownName(_unknown(text, part, shipped))
        found.append(source)
    return ModelName(found[0], tuple(found[1:]))


def parse_adapter_name(text: str) -> Source:
    """Where an adapter comes from, named alone: a folder or ORG/NAME[@REV].

    Raises:
        UnknownName: it is neither.
    """
    found = _weights(text)
    if found is None:
        raise UnknownName(f"unknown adapter {text!r}; give a folder or ORG/NAME[@REV]")
    return found


def shown_name(folder: Path) -> str:
    """What to call a folder in messages: its last part, or ORG/NAME@COMMIT of a hub's cache.

    Example:
        >>> shown_name(Path("hub/models--org--name/snapshots/0123456789abcdef"))
        'org/name@01234567'
    """
    commits = folder.parent
    if commits.name == "snapshots" and commits.parent.name.startswith("models--"):
        name = commits.parent.name.removeprefix("models--").replace("--", "/")
        return f"{name}@{folder.name[:8]}"
    return folder.name or str(folder.absolute())


def _parts(text: str) -> list[str]:
    """The model and its adapters; a `+` within an existing folder's name divides nothing."""
    if text.startswith(("http://", "https://")):  # an address may hold a `+`, what it serves may not
        address, sign, served = text.partition("#")
        first, *rest = served.split("+")
        return [address + sign + first, *_joined(rest)]
    return _joined(text.split("+"))


def _joined(pieces: Sequence[str]) -> list[str]:
    parts: list[str] = []
    begin = 0
    while begin < len(pieces):
        ends = range(len(pieces), begin + 1, -1)
        end = next((end for end in ends if os.path.isdir("+".join(pieces[begin:end]))), begin + 1)
        parts.append("+".join(pieces[begin:end]))
        begin = end
    return parts


def _source(text: str, shipped: Collection[str]) -> Source | None:
    if text in shipped:
        return Source("shipped", text)
    if _SERVER.fullmatch(text):
        address, _, served = text.partition("#")
        return Source("server", address, served=served)
    return _weights(text)


def _weights(text: str) -> Source | None:
    if text and os.path.isdir(text):
        return Source("folder", text)
    name, sign, revision = text.partition("@")
    if not _HUB.fullmatch(name) or (sign and not _REVISION.fullmatch(revision)):
        return None
    return Source("hub", name, revision if sign else None)


def _unknown(text: str, part: str, shipped: Collection[str]) -> str:
    near = difflib.get_close_matches(part, shipped, n=1)
    about = "" if part == text else f" in {text!r}"
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    known = ", ".join(sorted(shipped)) or "none"
    return (
        f"unknown model {part!r}{about}{hint} Known: {known}, a folder, ORG/NAME[@REV], "
        "http(s)://HOST/v1#NAME, each with any +ADAPTER (a folder or ORG/NAME[@REV])"
    )
