"""What belongs together: stated, or inferred from columns and file names. Knows names and texts; no picture.

A split that tears apart pictures of one prompt, one reference picture or one clip flatters every figure. Data
sets seldom have a column for it; their file names do.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from visq.data.groups import joined_groups
from visq.evaluation.checks.finding import CheckedSet, Finding

_COLUMNS = ("prompt", "reference", "ref", "reference_image", "scene", "clip", "video", "video_id", "author")
_LINKED = re.compile(r"(?:id|hash|video|clip|identity)_?(?:[ab12])$")
_CLIP = re.compile(r"(?P<group>.+?)[_-]+frame[_-]?\d+$", re.IGNORECASE)
_HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{8,64}(?![0-9a-zA-Z])")
_REFERENCE = (
    re.compile(r"(?P<group>[Ii]\d{1,3})_\d{1,2}_\d{1,2}$"),  # KADID-10k, TID2013
    re.compile(r"(?P<group>.+)\.[A-Za-z][A-Za-z0-9]*\.\d{1,2}$"),  # CSIQ
)
_NUMBERED = re.compile(r"(?P<maker>.*[^\d])[_-](?P<group>\d{2,6})$")  # AGIQA-3K: generator, then prompt
_MOST_MAKERS = 50
_MOST = 0.9  # share of rows a rule has to hold for
_LEAST_ROWS = 20


@dataclass(frozen=True)
class Grouping:
    """One way in which rows belong together.

    Attributes:
        name: `group`, `prompt`, `reference`, `clip`, `identity`.
        source: where it comes from, in words.
        values: [n], the group of each row; None where it has none.
        links: [n], the values that join rows, where several of them do (two faces of one video); else empty.
    """

    name: str
    source: str
    values: Sequence[str | None]
    links: Sequence[frozenset[str]] = ()


def groupings(one: CheckedSet) -> list[Grouping]:
    """Every way in which rows of a set belong together: what is stated, else what can be inferred."""
    if any(one.groups):
        return [Grouping("group", "the group column", list(one.groups))]
    found = [*_by_columns(one), *_by_names(one)]
    return [grouping for grouping in found if _is_grouping(grouping.values)]


def _is_grouping(values: Sequence[str | None]) -> bool:
    """Nearly every row has a group, there are several, and some hold more than one row."""
    known = [value for value in values if value]
    n_groups = len(set(known))
    return len(known) >= _MOST * len(values) and 1 < n_groups < len(known)


def _by_columns(one: CheckedSet) -> Iterator[Grouping]:
    columns = list(one.rows[0].cells) if one.rows else []
    for name in columns:
        if name.casefold() in _COLUMNS:
            values = [row.cells.get(name, "").strip() or None for row in one.rows]
            yield Grouping(name.casefold(), f"column {name!r}", values)
    linked = [name for name in columns if _LINKED.fullmatch(name.casefold())]
    if linked:
        cells = [[row.cells.get(name, "").strip() for name in linked] for row in one.rows]
        yield _linked(f"columns {', '.join(linked)}, joined", cells)


def _by_names(one: CheckedSet) -> Iterator[Grouping]:
    stems = [stem_of(row.file or row.id) for row in one.rows]
    clips = [found["group"] if (found := _CLIP.fullmatch(stem)) else None for stem in stems]
    yield Grouping("clip", "file names without their frame", clips)
    hashes = [_HASH.findall(stem) for stem in stems]
    if any(hashes):
        yield _linked("hashes in file names, joined", hashes)
    for pattern in _REFERENCE:
        references = [match["group"] if (match := pattern.fullmatch(stem)) else None for stem in stems]
        yield Grouping("reference", "file names without distortion and strength", references)
    numbers = _numbers(stems)
    if numbers is not None:
        yield Grouping("prompt", "numbers in file names, shared by several makers", numbers)


def _linked(source: str, parts: Sequence[Sequence[str]]) -> Grouping:
    """Rows that share a value, directly or through others, as one group."""
    most = max(map(len, parts))
    joined = joined_groups([[p[k] if k < len(p) else "" for p in parts] for k in range(most)])
    values = [group if any(p) else None for group, p in zip(joined, parts, strict=True)]
    return Grouping("identity", source, values, [frozenset(filter(None, p)) for p in parts])


def _numbers(stems: Sequence[str]) -> list[str | None] | None:
    """The number at the end of names, where few makers share the same numbers."""
    found = [_NUMBERED.fullmatch(stem) for stem in stems]
    makers: dict[str, set[str]] = defaultdict(set)
    for match in found:
        if match:
            makers[match["group"]].add(match["maker"])
    n_makers = len({maker for several in makers.values() for maker in several})
    if not makers or not 1 < n_makers <= _MOST_MAKERS:
        return None
    n_shared = sum(len(several) > 1 for several in makers.values())
    return [match["group"] if match else None for match in found] if n_shared > len(makers) / 2 else None


def maker_of(name: str) -> str | None:
    """What stands before the number of a name such as `sd1.5_normal_017.jpg`; None for other names.

    Example:
        >>> maker_of("images/sd1.5_normal_017.jpg")
        'sd1.5_normal'
    """
    found = _NUMBERED.fullmatch(stem_of(name))
    return found["maker"] if found else None


def stem_of(name: str) -> str:
    """A file's name without folders and ending.

    Example:
        >>> stem_of("a/b/1600.AWGN.3.png")
        '1600.AWGN.3'
    """
    return os.path.splitext(os.path.basename(name.replace("\\", "/")))[0]


def name_label(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """File names that give a yes-or-no label away: a part of the name, or a folder, that tells it exactly."""
    for one in sets:
        at = [i for i, label in enumerate(one.labels) if label is not None]
        if len(at) < _LEAST_ROWS or not one.is_yes_or_no:
            continue
        names = [(one.rows[i].file or one.rows[i].id, float(one.labels[i] or 0)) for i in at]
        told = next((what for what, values in _parts_of(names) if _tells(values)), None)
        if told is not None:
            yield Finding(
                "name-label",
                "error",
                f"{one.name}: {told} tells the label of all {len(names)} rows, such as {names[0][0]!r}; "
                "never let names reach a model or a prompt",
                (one.name,),
                (),
                {"n": len(names)},
            )


def _parts_of(names: Sequence[tuple[str, float]]) -> Iterator[tuple[str, dict[str, Counter[float]]]]:
    """Parts of names in words, and how often each value of a part goes with each label."""
    parts: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("the folder", lambda name: os.path.dirname(name.replace("\\", "/"))),
        ("the first part of the file name", lambda name: re.split(r"[_\-.]+", stem_of(name))[0]),
        ("the number of parts of the file name", lambda name: str(len(re.split(r"_+|-", stem_of(name))))),
    )
    for what, part_of in parts:
        values: dict[str, Counter[float]] = defaultdict(Counter)
        for name, label in names:
            values[part_of(name)][label] += 1
        yield what, values


def _tells(values: dict[str, Counter[float]]) -> bool:
    """Few values, each with one label only, and both labels among them."""
    is_pure = all(len(counts) == 1 for counts in values.values())
    return 1 < len(values) <= _MOST_MAKERS and is_pure and len({min(c) for c in values.values()}) == 2
