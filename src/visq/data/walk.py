"""Folders and globs: the pictures below them, in natural order. Knows names and signatures; decodes nothing.

Whoever walks hands in a `Counter`, which counts what was passed over: `hidden`, `other`, `folder_links`.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Literal

from visq.core.types import printable
from visq.media import PICTURE_ENDINGS, READABLE, signature

RAW_ENDINGS = frozenset([".nef", ".cr2", ".cr3", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw"])
"""Camera raw files: many are TIFF inside, and what a TIFF reader finds there is a thumbnail."""

_MAGIC = re.compile(r"[*?[]")
_Child = tuple[str, Literal["folder", "link", "file", "else"]]


def natural_key(name: str) -> tuple[str, str]:
    """Sort key under which `a2` comes before `a10`: case-folded with numbers by value, then the raw name.

    Example:
        >>> sorted(["a10", "B1", "a2", "a"], key=natural_key)
        ['a', 'a2', 'a10', 'B1']
    """
    # A number becomes "0", its length, its digits: it stays where digits sort, and longer means larger.
    return re.sub("[0-9]+", _sortable_number, name.casefold()), name


def _sortable_number(match: re.Match[str]) -> str:
    digits = match[0].lstrip("0")
    return f"0{chr(len(digits))}{digits}"


def walk_folder(folder: str, tally: Counter[str], *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Pictures below a folder: an id relative to it and a path, for each.

    Lazy: a folder is listed when its turn comes, and memory holds the names of the folders on the way only.
    Links to folders are not followed, so there are no loops. A folder that cannot be listed is yielded
    itself, with a `/` at the end of its id, so that it becomes a failure and not a gap.

    Args:
        folder: the folder, as typed.
        tally: counts what is passed over.
        prefix: what each id begins with, ending in `/` if anything.
    """
    children = _children(folder)
    if children is None:
        yield prefix or printable(os.path.basename(os.path.normpath(folder))) + "/", folder
        return
    stack = [(folder, prefix, children, _shown_names(children))]
    while stack:
        folder, prefix, children, shown = stack[-1]
        if not children:
            stack.pop()
            continue
        name, kind = children.pop()
        path, relative = os.path.join(folder, name), prefix + shown.get(name, name)
        if name.startswith("."):
            tally["hidden"] += 1
        elif kind == "folder":
            below = _children(path)
            if below is None:
                yield relative + "/", path
            else:
                stack.append((path, relative + "/", below, _shown_names(below)))
        elif kind == "link" and os.path.isdir(path):
            tally["folder_links"] += 1
        elif _is_picture(path):
            yield relative, path
        else:
            tally["other"] += 1


def _children(folder: str) -> list[_Child] | None:
    """Names and kinds in a folder, last one first (they are popped off); None where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            children = [(entry.name, _kind(entry)) for entry in entries]
    except OSError:
        return None
    children.sort(key=lambda child: natural_key(child[0]), reverse=True)
    return children


def _kind(entry: os.DirEntry[str]) -> Literal["folder", "link", "file", "else"]:
    try:
        if entry.is_symlink():
            return "link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "else"
    except OSError:
        return "else"


def _shown_names(children: Iterable[_Child]) -> dict[str, str]:
    """Printable names of those children that have none, unlike each other and every other child's."""
    odd = sorted(name for name, _ in children if not name.isprintable())
    if not odd:
        return {}
    taken = {name for name, _ in children}
    shown = {}
    for name in odd:
        shown[name] = numbered(printable(name), taken)
        taken.add(shown[name])
    return shown


def numbered(name: str, taken: Container[str]) -> str:
    """`name`, or the first of `name#2`, `name#3`, ... that is free.

    Example:
        >>> numbered("a.jpg", {"a.jpg", "a.jpg#2"})
        'a.jpg#3'
    """
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}#{number}"
    return free


def _is_picture(path: str) -> bool:
    """By its ending, whatever it is (it gets a row that says why it failed); else by its signature."""
    ending = os.path.splitext(path)[1].lower()
    if ending in PICTURE_ENDINGS:
        return True
    # Only regular files are opened: a fifo would hang.
    return ending not in RAW_ENDINGS and os.path.isfile(path) and signature(_first_bytes(path)) in READABLE


def _first_bytes(path: str) -> bytes:
    """Up to 64 bytes of a file; none where it cannot be read."""
    try:
        # Never waits, even where a fifo has taken the file's place meanwhile.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return b""
    try:
        return os.read(descriptor, 64)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def is_glob(word: str) -> bool:
    """Whether a word holds a wildcard."""
    return _MAGIC.search(word) is not None


def glob_base(pattern: str) -> str:
    """The folder in front of the first wildcard, as typed; empty for the current one.

    Example:
        >>> glob_base("photos/2*/a.jpg"), glob_base("*.jpg"), glob_base("/*")
        ('photos', '', '/')
    """
    return os.path.dirname(_MAGIC.split(pattern, maxsplit=1)[0])


def matches(pattern: str) -> Iterator[str]:
    """Paths that a glob stands for, each once, in no order.

    `*`, `?`, `[...]` as in a shell, names with a leading dot only where the pattern has one. `**` stands
    for any folders below, without links to folders (Python's own glob follows them, and two links that point
    upwards keep it busy for ever); at the end of a pattern it stands for the folder itself. A folder that has
    to be searched and cannot be listed is yielded.
    """
    base = glob_base(pattern)
    parts = [part for part in pattern[len(base) :].split("/") if part]
    stack, met = [(base, 0)], set()
    while stack:
        path, i = stack.pop()
        if (path, i) in met:
            continue
        met.add((path, i))
        if i == len(parts):
            if os.path.lexists(path) and (not pattern.endswith("/") or os.path.isdir(path)):
                yield path
        elif not is_glob(parts[i]):
            stack.append((os.path.join(path, parts[i]), i + 1))
        elif parts[i] == "**" and i == len(parts) - 1:
            stack += [(path or os.curdir, i + 1)] if os.path.isdir(path or os.curdir) else []
        else:
            found = _glob_step(path, parts[i], i)
            if found is None:
                yield path or os.curdir
            else:
                stack += found


def _glob_step(path: str, part: str, i: int) -> list[tuple[str, int]] | None:
    """What one component of a pattern leads to from a folder; None where the folder cannot be listed."""
    if not os.path.isdir(path or os.curdir):
        return []
    children = _children(path or os.curdir)
    if children is None:
        return None
    if part == "**":
        below = [
            (os.path.join(path, name), i) for name, kind in children if kind == "folder" and name[0] != "."
        ]
        return [(path, i + 1), *below]
    names = [name for name, _ in children if part.startswith(".") or not name.startswith(".")]
    return [(os.path.join(path, name), i + 1) for name in fnmatch.filter(names, part)]


def walk_glob(pattern: str, tally: Counter[str]) -> Iterator[tuple[str, str]]:
    """Pictures a glob stands for, in natural order: an id relative to `glob_base` and a path, for each.

    The matches are held in memory; folders among them are walked. As with a folder's insides, `**` leaves
    links to folders alone; other patterns name them, as a shell would, and they are walked.
    """
    base = glob_base(pattern)
    walked = None
    for path in sorted(
        set(matches(pattern)), key=lambda path: [natural_key(name) for name in path.split("/")]
    ):
        # A folder sorts directly before what is below it.
        if walked is not None and path.startswith(walked):
            continue
        relative = "" if path == os.curdir else printable(path[len(base) :].lstrip("/"))
        if not os.path.isdir(path):
            if _is_picture(path):
                yield relative, path
            else:
                tally["other"] += 1
        elif "**" in pattern and os.path.islink(path) and path != base:
            tally["folder_links"] += 1
        else:
            walked = os.path.join(path, "")
            yield from walk_folder(path, tally, prefix=relative and relative + "/")
