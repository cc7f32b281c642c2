"""What file names say of pictures: prompt, reference, clip, identity, generator. Opens no file.

The forms are in `names.toml`. A form is taken where nearly all names of a table have it, so that one picture
that happens to be called like a frame says nothing.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from visq.core import toml

MOST = 0.9
"""Share of names that have to have a form."""
MOST_GENERATORS = 50
_TRIED = 1000  # names looked at before the rest is
_HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{8,64}(?![0-9a-zA-Z])")
_MIXED = 0.6  # share of hashes that hold letters and digits: dates and counters are no hashes


@dataclass(frozen=True)
class NameParts:
    """What one form says of every row.

    Attributes:
        about: the form, in words.
        parts: name of a part (`clip`, `identity_a`, ...) -> [n], empty text where a name lacks it.
        is_known: a form of a known data set or with a telling word; otherwise it may be chance.
    """

    about: str
    parts: Mapping[str, Sequence[str]]
    is_known: bool


def name_parts(names: Sequence[str]) -> list[NameParts]:
    """Every form that the names of a table have.

    Args:
        names: [n], file names, with or without folders.

    Example:
        >>> found = name_parts(["a/I01_05_2.png", "a/I01_05_3.png"])
        >>> found[0].parts["reference"], found[0].parts["distortion"]
        (['I01', 'I01'], ['05', '05'])
    """
    stems = [stem_of(name) for name in names]
    found = []
    for form in _table()["form"]:
        patterns = [re.compile(pattern) for pattern in form["patterns"]]
        parts = _matched(stems, patterns)
        if parts is not None:
            found.append(NameParts(form["about"], parts, is_known=True))
    hashes = None if any("identity_a" in one.parts for one in found) else _hashes(stems)
    if hashes is not None:
        found.append(NameParts("hashes in file names", hashes, is_known=True))
    # A frame's number is no prompt's.
    generated = None if any("clip" in one.parts for one in found) else _generated(stems)
    return found if generated is None else [*found, generated]


def roles() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the parts that a split must not tear, and of those that are kinds only."""
    found = _table()["roles"]
    return tuple(found["protects"]), tuple(found["domain"])


def stem_of(name: str) -> str:
    """A file's name without folders and ending.

    Example:
        >>> stem_of("a/b/1600.AWGN.3.png")
        '1600.AWGN.3'
    """
    return os.path.splitext(name.replace("\\", "/").rpartition("/")[2])[0]


def folder_of(name: str) -> str:
    """The folders in front of a file's name; empty where there are none.

    Example:
        >>> folder_of("csiq/dst_imgs/awgn/1600.AWGN.3.png")
        'csiq/dst_imgs/awgn'
    """
    return name.replace("\\", "/").rpartition("/")[0].strip("/")


def _matched(stems: Sequence[str], patterns: Sequence[re.Pattern[str]]) -> dict[str, list[str]] | None:
    """Parts of all names, or None where too few have the form."""
    for some in (stems[:_TRIED], stems):
        matches = [next((m for p in patterns if (m := p.fullmatch(stem))), None) for stem in some]
        if not some or sum(m is not None for m in matches) < MOST * len(some):
            return None
    names = dict.fromkeys(name for pattern in patterns for name in pattern.groupindex)
    found: dict[str, list[str]] = {name: [] for name in names}
    for match in matches:
        said = match.groupdict() if match else {}
        for name, values in found.items():
            value = said.get(name) or ""
            values.append(value.replace("_", "") if name.startswith("identity") else value)
    return found


def _hashes(stems: Sequence[str]) -> dict[str, list[str]] | None:
    """Identities by the hashes in names, one column a place; None where names have none."""
    if sum(bool(_HASH.search(stem)) for stem in stems[:_TRIED]) < MOST * len(stems[:_TRIED]):
        return None
    found = [_HASH.findall(stem) for stem in stems]
    flat = [value for values in found for value in values]
    mixed = sum(not value.isdecimal() and not value.isalpha() for value in flat)
    if not flat or mixed < _MIXED * len(flat):
        return None
    most = max(map(len, found))
    return {f"identity_{k}": [v[k] if k < len(v) else "" for v in found] for k in range(most)}


def _generated(stems: Sequence[str]) -> NameParts | None:
    """Generator and number of the prompt, where few generators share most of the numbers."""
    table = _table()["generated"]
    parts = _matched(stems, [re.compile(table["pattern"])])
    if parts is None:
        return None
    makers: dict[str, set[str]] = defaultdict(set)
    for maker, number in zip(parts["generator"], parts["prompt"], strict=True):
        if number:
            makers[number].add(maker)
    names = set().union(*makers.values())
    shared = sum(len(several) > 1 for several in makers.values())
    if not 1 < len(names) <= min(MOST_GENERATORS, len(makers)) or shared <= len(makers) / 2:
        return None
    known = re.compile(table["known"])
    is_known = sum(bool(known.search(name.casefold())) for name in names) >= len(names) / 2
    return NameParts("GENERATOR_NUMBER, generators sharing the numbers", parts, is_known)


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:  # TOML values have no common type
    text = resources.files("visq.evaluation.checks").joinpath("names.toml").read_text(encoding="utf-8")
    return toml.loads(text)
