"""A finding of `visq check`, and what a check is given. Knows rows and facts about files; checks nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visq.core.scales import LevelIntervals, Scale
from visq.data.loose import LooseRow

Severity = Literal["error", "warning", "note"]
"""error: figures on this data are wrong; warning: they may mislead; note: worth knowing, no finding."""


Figure = float | int | str | list[list[str]] | None
"""A number of a finding, a word, or names in groups."""


@dataclass(frozen=True)
class FoundRow:
    """A row that a finding concerns, or a file that no row names.

    Attributes:
        name: its id; "SET/ID" where several sets are concerned; the path of a file without a row.
        file: the picture's name, as written.
        row: its number in its manifest; None for a file without a row.
    """

    name: str
    file: str
    row: int | None


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        check: name of the check that found it, e.g. `group-overlap`.
        severity: `error` and `warning` make the exit code 3; a `note` does not.
        message: one line: what, where, what to do.
        sets: names of the sets concerned.
        at: the rows concerned, all of them, in the order of their set.
        figures: numbers of the finding by name, e.g. {"n_groups": 274, "share": 0.92}.
    """

    check: str
    severity: Severity
    message: str
    sets: tuple[str, ...]
    at: tuple[FoundRow, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the rows concerned."""
        return tuple(found.name for found in self.at)


@dataclass(frozen=True)
class PictureFacts:
    """What one pass over a picture's file found: about 1 KiB, and 2 bytes for each of a model's features.

    Of mini's 1,280 features that is 2,560 bytes: 10,000 pictures are 35 MB.

    Attributes:
        sha256: of the bytes; None where the file cannot be read.
        n_bytes: size of the file; -1 where it cannot be read.
        error: why it cannot be decoded; None where it can.
        kind: the failure in a word.
        format: `JPEG`, `PNG`, ...; empty where unknown.
        width: of the upright picture; 0 where it cannot be decoded.
        height: likewise.
        jpeg_luma_sum: sum of the luminance quantisation table; -1 where there is none.
        n_exif: number of EXIF tags.
        pixel_sha256: of the decoded upright sRGB pixels and their size.
        dhash: 64-bit difference hash of the decoded picture.
        phash: 64-bit DCT hash of it.
        features: float16 as bytes, what a model sees in the picture, of length 1; empty where not asked.
        score: what the model scores it, higher is better; None where it was not asked.
    """

    sha256: str | None
    n_bytes: int
    error: str | None
    kind: str | None
    format: str = ""
    width: int = 0
    height: int = 0
    jpeg_luma_sum: int = -1
    n_exif: int = 0
    pixel_sha256: str = ""
    dhash: int = 0
    phash: int = 0
    features: bytes = b""
    score: float | None = None


@dataclass(frozen=True)
class CheckedSet:
    """One manifest as `visq check` sees it: every row, also what a run would refuse.

    Attributes:
        name: of the set.
        manifest: path of the manifest, as typed.
        format: name of its format (`csv`, `jsonl`, `qalign`, ...).
        aspect: the aspect checked; None where no label is.
        label_column: column of the labels; None where there is none.
        rows: every row with content, in order.
        labels: aspect labels as numbers, [n], None where the cell is empty or no number.
        stds: of the raters' scores, [n], None where not known.
        groups: [n], what must not be torn; None where no column says.
        splits: column -> [n], texts of the columns that tell parts of the set apart; empty where none does.
        titles: what the set may be called: its name, its protocol's title; for training lists.
        manifest_sha256: of the manifest's bytes.
        label_scale: what labels are measured on; None where nobody said.
        intervals: level intervals of the data set (`core/scales.toml`), if the protocol names them.
        protocol: name of the protocol, or None.
        facts: one for each row, or empty where pictures were not looked at.
        trained_on: tables `trained_on` of the model that the set is held against; empty where none was named.
        wants_pictures: whether somebody asked for the pictures to be looked at.
        groups_named: whether somebody named the groups, so that none are inferred beside them.
    """

    name: str
    manifest: str
    format: str
    aspect: str | None
    label_column: str | None
    rows: Sequence[LooseRow]
    labels: Sequence[float | None]
    stds: Sequence[float | None]
    groups: Sequence[str | None]
    splits: Mapping[str, Sequence[str]]
    titles: tuple[str, ...]
    manifest_sha256: str
    label_scale: Scale | None = None
    intervals: LevelIntervals | None = None
    protocol: str | None = None
    facts: Sequence[PictureFacts] = ()
    trained_on: Sequence[Mapping[str, Any]] = ()
    wants_pictures: bool = False
    groups_named: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def found_rows(self, at: Iterable[int], *, among_sets: bool = False) -> tuple[FoundRow, ...]:
        """Some rows, by position, in the order of the set; called SET/ID among rows of other sets."""
        before = f"{self.name}/" if among_sets else ""
        rows = (self.rows[i] for i in sorted(at))
        return tuple(FoundRow(before + row.id, row.file, row.row) for row in rows)

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """What tells each row's picture from others, [n]: its file's real path, else its name as written."""
        return tuple(
            os.path.realpath(row.path) if row.path is not None else os.path.normpath(row.file or row.id)
            for row in self.rows
        )

    @property
    def is_yes_or_no(self) -> bool:
        """Labels are 0 and 1, of forged and authentic pictures for instance: no opinions."""
        scale = self.label_scale
        if scale is not None and (scale.low, scale.high) != (0, 1):
            return False
        return {label for label in self.labels if label is not None} == {0.0, 1.0}

    def labelled(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions of rows with a label, int64 [m], and their labels turned so that higher is better."""
        found = [(i, label) for i, label in enumerate(self.labels) if label is not None]
        at = np.array([i for i, _ in found], dtype=np.int64)
        values = np.array([label for _, label in found], dtype=np.float64)
        if self.label_scale is not None and self.label_scale.direction == "down":
            values = self.label_scale.low + self.label_scale.high - values
        return at, values


Check = Callable[[Sequence[CheckedSet]], Iterator[Finding]]
"""A check gets all sets at once, since leaks lie between them, and yields what it finds."""
