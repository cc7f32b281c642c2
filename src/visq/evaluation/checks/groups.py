"""What belongs together: stated, or inferred from columns and file names. Knows names and texts; no picture.

A split that tears apart pictures of one prompt, one reference picture or one clip flatters every figure. Data
sets seldom have a column for it; their file names do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from visq.data.groups import joined_groups
from visq.evaluation.checks.finding import CheckedSet
from visq.evaluation.checks.names import MOST, folder_of, name_parts, roles, stem_of

__all__ = ["Grouping", "domains", "folder_of", "groupings", "stem_of", "ways"]

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "prompt_id", "caption", "text_prompt"),
    "reference": (
        "reference",
        "reference_image",
        "reference_id",
        "ref",
        "ref_img",
        "ref_image",
        "ref_name",
        "ref_id",
    ),
    "clip": ("clip", "clip_id", "clip_name", "video", "video_id", "video_name"),
    "scene": ("scene", "scene_id", "burst", "burst_id", "content_id", "background_id"),
    "author": ("author", "author_id", "photographer", "user_id", "owner"),
    "identity": ("identity", "identity_id", "subject", "subject_id", "person_id"),
}
"""Kind of group -> columns that name it."""
_LINKED = ("id_a", "id_b", "identity_a", "identity_b", "hash1", "hash2", "id1", "id2")
"""Columns that name the same things: rows that share a value in any of them belong together."""
_CLIP_PARTS = ("prefix", "source", "method", "video", *_LINKED)
_FRAME = ("frame", "frame_id", "frame_no")
_DOMAINS = (
    "generator",
    "model",
    "method",
    "source",
    "distortion",
    "distortion_type",
    "dataset",
    "camera",
    "kind",
)
"""Columns that name a kind of picture: no groups, but what a kind says of the label is a floor."""
STATED = "group"
"""Name of the grouping that a column of groups states."""
_FEWEST_UNSURE = 5  # groups; fewer, told by nothing but numbers in names, are taken for chance


@dataclass(frozen=True)
class Grouping:
    """One way in which rows belong together.

    Attributes:
        name: `group`, `prompt`, `reference`, `clip`, `scene`, `author`, `identity`.
        source: where it comes from, in words.
        values: [n], the group of each row; None where it has none.
        links: [n], the values that join rows, where several of them do (two faces of one video); else empty.
        is_sure: stated, or read from what can hardly be chance.
        from_names: read from file names, and no column.
    """

    name: str
    source: str
    values: Sequence[str | None]
    links: Sequence[frozenset[str]] = ()
    is_sure: bool = True
    from_names: bool = False

    @property
    def n_groups(self) -> int:
        """How many groups there are, a row without one being its own."""
        known = [value for value in self.values if value]
        return len(set(known)) + len(self.values) - len(known)


def groupings(one: CheckedSet, *, may_be_one: bool = False) -> list[Grouping]:
    """Every way in which rows belong together: what is stated, then what can be inferred, sure ones first.

    Two ways of one kind that put the same rows together are told once, and what lies inside the stated groups
    is not told.

    Args:
        one: the set.
        may_be_one: take joined rows too that are all one group, which a split cannot keep whole.
    """
    found: list[Grouping] = []
    seen: set[tuple[str, tuple[int, ...]]] = set()
    stated: tuple[int, ...] | None = None
    for grouping in ways(one):
        partition = _partition(grouping.values)
        is_one = may_be_one and bool(grouping.links)
        if (
            not is_grouping(grouping.values, grouping, least=1 if is_one else 2)
            or (grouping.name, partition) in seen
        ):
            continue
        if stated is not None and _is_inside(partition, stated):
            continue
        if grouping.name == STATED:
            stated = partition
        seen.add((grouping.name, partition))
        found.append(grouping)
    return sorted(found, key=lambda grouping: not grouping.is_sure)


def ways(one: CheckedSet) -> Iterator[Grouping]:
    """Everything that says of rows how they belong together, also where it puts none together."""
    if any(one.groups):
        yield Grouping(STATED, "the group column", list(one.groups))
        if one.groups_named:
            return
    yield from _by_columns(one)
    yield from _by_names(one)


def is_grouping(values: Sequence[str | None], grouping: Grouping, *, least: int = 2) -> bool:
    """There are several groups, and some hold more than one row; of names nearly every row has one.

    Args:
        values: [n], of one set or of several.
        grouping: what they come from.
        least: fewest groups.
    """
    known = [value for value in values if value]
    n_groups = len(set(known))
    if not least <= n_groups < len(known) or (grouping.from_names and len(known) < MOST * len(values)):
        return False
    return grouping.is_sure or n_groups >= _FEWEST_UNSURE


def _partition(values: Sequence[str | None]) -> tuple[int, ...]:
    """Which rows are together, whatever their groups are called: groups by their first rows, -1 for none."""
    first: dict[str, int] = {}
    return tuple(first.setdefault(value, i) if value else -1 for i, value in enumerate(values))


def _is_inside(inner: tuple[int, ...], outer: tuple[int, ...]) -> bool:
    """Whether rows that are together in `inner` all are in `outer`."""
    of: dict[int, int] = {}
    return all(
        k < 0 or (of.setdefault(k, other) == other >= 0) for k, other in zip(inner, outer, strict=True)
    )


def domains(one: CheckedSet) -> Iterator[tuple[str, list[str]]]:
    """What names the kind of each row without being a group: in words, and [n] values."""
    columns = list(one.rows[0].cells) if one.rows else []
    stated = [name for name in columns if name.casefold() in _DOMAINS]
    for name in stated:
        yield f"column {name!r}", column_of(one, name)
    if not stated:
        for said in name_parts(file_names(one)):
            for role in roles()[1]:
                if role in said.parts:
                    yield f"the {role} in the file name", list(said.parts[role])
    folders = [folder_of(name) for name in file_names(one)]
    if len(set(folders)) > 1:
        yield "the folder", folders


def column_of(one: CheckedSet, name: str) -> list[str]:
    """Cells of a column, [n], stripped."""
    return [row.cells.get(name, "").strip() for row in one.rows]


def judged(one: CheckedSet) -> list[tuple[str, ...]]:
    """What each row is about, [n]: its picture, and the prompt or caption it is held against."""
    named = [
        name for name in (one.rows[0].cells if one.rows else ()) if name.casefold() in _COLUMNS["prompt"]
    ]
    return list(zip(one.pictures, *(column_of(one, name) for name in named), strict=True))


def file_names(one: CheckedSet) -> list[str]:
    """The file of each row as written, or its id where it names none, [n]."""
    return [row.file or row.id for row in one.rows]


def _by_columns(one: CheckedSet) -> Iterator[Grouping]:
    columns = list(one.rows[0].cells) if one.rows else []
    for kind, known in _COLUMNS.items():
        for name in columns:
            if name.casefold() in known:
                values = [cell or None for cell in column_of(one, name)]
                yield Grouping(kind, f"column {name!r}", values)
    linked = [name for name in columns if name.casefold() in _LINKED]
    if not linked:
        return
    cells = [column_of(one, name) for name in linked]
    yield _linked("identity", f"columns {', '.join(linked)}, joined", cells)
    if any(name.casefold() in _FRAME for name in columns):
        # Frames of one clip share everything but their number.
        parts = [name for name in columns if name.casefold() in _CLIP_PARTS]
        clips = ["__".join(row) for row in zip(*(column_of(one, name) for name in parts), strict=True)]
        yield Grouping("clip", f"columns {', '.join(parts)} together", clips)


def _by_names(one: CheckedSet) -> Iterator[Grouping]:
    for said in name_parts(file_names(one)):
        source = f"file names ({said.about})"
        for role in roles()[0]:
            linked = [cells for name, cells in said.parts.items() if name.startswith(f"{role}_")]
            if linked:
                yield _linked(role, source, linked, from_names=True)
            elif role in said.parts:
                values = [value or None for value in said.parts[role]]
                yield Grouping(role, source, values, is_sure=said.is_known, from_names=True)


def _linked(name: str, source: str, cells: Sequence[Sequence[str]], *, from_names: bool = False) -> Grouping:
    """Rows joined by any value they share, directly or through others, from one or more columns [n]."""
    links = [frozenset(filter(None, row)) for row in zip(*cells, strict=True)]
    values = [group if link else None for group, link in zip(joined_groups(cells), links, strict=True)]
    return Grouping(name, source, values, links, from_names=from_names)
