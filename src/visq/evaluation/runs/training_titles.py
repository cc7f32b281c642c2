"""Does a title among a model's training data name this set? Knows words only, no rows and no pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_PARTS = re.compile(r"[,;:+&()/]|\band\b", re.IGNORECASE)
_SIZE = re.compile(r"[0-9]+k$")  # KonIQ-10k, AGIQA-3K: often left out of the name
_WORDS = (
    "data dataset images labels manifest official part photos pictures ratings scores set shared split "
    "subset test train training val validation"
)
_NO_NAMES = frozenset(_WORDS.split())
"""Words that stand in names and titles alike and name no set."""
_SHORTEST = 3  # letters and digits of a name that is looked for


def title_naming(names: Iterable[str | None], titles: Sequence[str]) -> str | None:
    """The first title that names a set by one of its names.

    A title names what stands at the start of one of its parts, so "AVA subset of three bands" names AVA, and
    "pictures like those of AVA" does not. Case, hyphens and a closing size ("-10k") do not matter, but two
    different sizes do.

    Args:
        names: what the set is called: its name, or folder/name, its protocol; None is no name.
        titles: of the training data.

    Returns:
        The title, or None.

    Example:
        >>> title_naming(["koniq"], ["SPAQ", "KonIQ-10k, training split"])
        'KonIQ-10k, training split'
        >>> title_naming(["AGIQA-1K"], ["AGIQA-3K"]) is None
        True
    """
    wanted = [_plain(part) for name in names if name for part in (name, *name.split("/"))]
    wanted = [name for name in wanted if len(name) >= _SHORTEST and name not in _NO_NAMES]
    for title in titles:
        starts = [start for part in _PARTS.split(title) for start in _starts(part)]
        if any(_same(name, start) for name in wanted for start in starts):
            return title
    return None


def _starts(part: str) -> list[str]:
    """The first word of a part, the first two together, and so on."""
    words = [_plain(word) for word in part.split()]
    return ["".join(words[: i + 1]) for i in range(len(words))]


def _same(one: str, other: str) -> bool:
    return one == other or one == _SIZE.sub("", other) or _SIZE.sub("", one) == other


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
