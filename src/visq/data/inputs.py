"""Inputs: what the words typed by a user stand for, as Samples. Knows names only: no pixels, no scores."""

from __future__ import annotations

import difflib
import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TextIO

from visq.core.errors import InputError
from visq.core.types import Sample, printable
from visq.data.manifest import Manifest
from visq.data.tables import ENDINGS
from visq.data.walk import glob_base, is_glob, matches, numbered, walk_folder, walk_glob

_SUGGESTIONS_FROM = 10_000  # names of a folder that are compared with a misspelt one


@dataclass(frozen=True)
class Skipped:
    """What a complete walk passed over.

    Attributes:
        hidden: files and folders with a leading dot, met in a folder.
        other: things that are no pictures by ending or signature.
        folder_links: links to folders, which are not followed.
        repeated: pictures met again under the same path.
    """

    hidden: int = 0
    other: int = 0
    folder_links: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class _Word:
    """One word: what kind of thing it is, and what is put before its ids where they clash."""

    text: str
    kind: Literal["file", "folder", "glob", "manifest", "stdin"]
    prefix: str
    manifest: Manifest | None = None


class Inputs:
    """Samples that words stand for; every walk looks at the disk anew, lazily, in a fixed order.

    A word is a file, a folder (walked in natural order), a glob (where no file has that very name), a
    manifest (by its ending: CSV, TSV, JSON, Parquet), or `-` for names on standard input, one a line or
    separated by NUL. What was typed, or named in a manifest or on standard input, always gives a Sample, a
    name of a folder on standard input too; what is
    met in a folder or by a glob gives one if it is a picture by its ending or signature.

    Ids: the path relative to the folder typed, or to a glob's part before the first wildcard; a typed file's
    name; a name as read from standard input; a manifest's id. Where two clash the later one is prefixed by
    its input, and numbered where that clashes as well. Among several inputs the same path (`os.path.normpath`
    of what was typed) is yielded once; rows of one manifest may share a picture.

    Memory: one folder or one manifest is walked in constant memory, apart from the names of the folders on
    the way. A glob's matches and the names on standard input are held; and with these, and with several
    words, the ids and paths met are held too, to find clashes and repeats.

    Attributes:
        skipped: what the last complete walk passed over.

    Args:
        words: what was typed; a single text counts as one word.
        stdin: where `-` reads from, at the first walk; by default `sys.stdin`.

    Raises:
        InputError: no words, `-` twice, a word that is not on disk (kind `missing`), an unreadable manifest.
        DataError: a manifest is wrong.
    """

    def __init__(
        self,
        words: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        stdin: TextIO | None = None,
    ) -> None:
        several = [words] if isinstance(words, (str, os.PathLike)) else words
        typed = [os.fspath(word) for word in several]
        if not typed:
            raise InputError("no input; name files, folders or manifests, or - for names on standard input")
        if typed.count("-") > 1:
            raise InputError("standard input can be read once; name - once")
        self._words = [_understood(text) for text in typed]
        self._has_clashes = len(typed) > 1 or self._words[0].kind in ("glob", "stdin")
        self._stdin = stdin
        self._names: list[str] | None = None
        self.skipped = Skipped()

    def __iter__(self) -> Iterator[Sample]:
        tally: Counter[str] = Counter()
        met = _Met()
        for word in self._words:
            for sample in self._samples(word, tally):
                if not self._has_clashes:
                    yield sample
                elif met.is_repeated(sample, word):
                    tally["repeated"] += 1
                else:
                    yield met.with_own_id(sample, word)
        self.skipped = Skipped(**tally)

    def refuse_as_output(self, path: str | os.PathLike[str]) -> None:
        """Refuse to write over something that was typed as an input.

        Raises:
            InputError: `path` is one of the files or manifests typed.
        """
        for word in self._words:
            if os.path.exists(path) and os.path.exists(word.text) and os.path.samefile(path, word.text):
                raise InputError(
                    f"{os.fspath(path)!r} is an input and cannot be the output; choose another name",
                    kind="output",
                )

    def count(self) -> int:
        """Number of Samples, by a walk of its own."""
        return sum(1 for _ in self)

    def _samples(self, word: _Word, tally: Counter[str]) -> Iterator[Sample]:
        if word.manifest is not None:
            return iter(word.manifest)
        return (Sample(id=name, path=path) for name, path in self._found(word, tally))

    def _found(self, word: _Word, tally: Counter[str]) -> Iterator[tuple[str, str]]:
        if word.kind == "folder":
            return walk_folder(word.text, tally)
        if word.kind == "glob":
            return walk_glob(word.text, tally)
        if word.kind == "file":
            return iter([(printable(os.path.basename(word.text)), word.text)])
        if self._names is None:
            self._names = _read_names(self._stdin or sys.stdin)
        return ((printable(name), name) for name in self._names)


class _Met:
    """Ids and paths met in one walk."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._word_of: dict[str, _Word] = {}

    def is_repeated(self, sample: Sample, word: _Word) -> bool:
        """Whether the path was met before; rows of one manifest may share one (other prompts, say)."""
        path = os.path.normpath(sample.path)
        if path not in self._word_of:
            self._word_of[path] = word
            return False
        return word.manifest is None or self._word_of[path] is not word

    def with_own_id(self, sample: Sample, word: _Word) -> Sample:
        """The sample, under an id nobody had before."""
        name = sample.id
        if name in self._ids and word.prefix:
            name = f"{word.prefix}/{name}"
        name = numbered(name, self._ids)
        self._ids.add(name)
        return sample if name == sample.id else replace(sample, id=name)


def _understood(text: str) -> _Word:
    """What a word stands for, by what is on disk now."""
    if text == "-":
        return _Word(text, "stdin", text)
    if os.path.isdir(text):
        return _Word(text, "folder", _prefix(text))
    if os.path.lexists(text):
        if text.lower().endswith(tuple(ENDINGS)):
            return _Word(text, "manifest", _prefix(text), Manifest(text))
        if text.lower().endswith((".xlsx", ".xls", ".ods")):
            raise InputError(f"{text!r}: spreadsheets are not read; save the table as .csv")
        return _Word(text, "file", _prefix(os.path.dirname(text)))
    if not is_glob(text):
        raise _missing(text)
    if not any(True for _ in matches(text)):
        raise InputError(f"no file matches {text!r}", kind="missing")
    return _Word(text, "glob", _prefix(glob_base(text)))


def _prefix(path: str) -> str:
    """An input as typed, tidied for the front of an id; empty for the current folder."""
    tidy = printable(os.path.normpath(path)) if path else ""
    return "" if tidy == os.curdir else tidy.replace(os.sep, "/").rstrip("/")


def _missing(text: str) -> InputError:
    """The error for a word that is not on disk, with the nearest name of its folder."""
    parent, name = os.path.split(text.rstrip("/") or text)
    message = f"no such file or folder: {text!r}"
    try:
        with os.scandir(parent or os.curdir) as entries:
            known = {
                entry.name.casefold(): entry.name for entry in itertools.islice(entries, _SUGGESTIONS_FROM)
            }
    except (OSError, ValueError):
        known = {}
    near = difflib.get_close_matches(name.casefold(), sorted(known), n=1)
    if near:
        meant = os.path.join(parent, known[near[0]])
        slash = "/" if text.endswith("/") and os.path.isdir(meant) else ""
        message += f"; did you mean {meant + slash!r}?"
    return InputError(message, kind="missing")


def _read_names(stream: TextIO) -> list[str]:
    """Names on a stream, one a line, or separated by NUL if there is one; blank ones are left out."""
    # Bytes where they can be had: names on Linux need not be UTF-8, and the stream may insist on it.
    binary = getattr(stream, "buffer", None)
    text = stream.read() if binary is None else os.fsdecode(binary.read())
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [name for name in (text.split("\0") if "\0" in text else lines) if name.strip()]
