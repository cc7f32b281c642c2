"""A scored set: what people said and what a model said, row by row. Knows arrays; no model, no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError
from visq.core.scales import Scale
from visq.core.types import BoolArray

Float64Array = NDArray[np.float64]
StrArray = NDArray[np.str_]

LIMIT_KIND = "limit"
"""Kind of the rows that nobody asked to be scored."""
NO_NUMBER_KIND, OUT_OF_SCALE_KIND = "no-number", "out-of-scale"
"""Kinds of the texts that state no number, or none of the scale."""


@dataclass(frozen=True)
class ScoredSet:
    """One labelled set and one aspect; every array is [n], paired by position, failed rows included.

    Attributes:
        name: of the set.
        aspect: what was scored.
        ids: str, unique.
        paths: str, of the pictures; empty text where a table of scores named none.
        groups: str, rows that a resample or a split must keep together; the row's own id where none is known.
        labels: float64, opinion scores as the data set gives them, finite.
        stds: float64, of the raters' scores in the labels' unit; nan where not known.
        scores: float64, the model's; nan where the row failed.
        low: float64, lower end of the score's 90 % interval, in the scores' unit; nan where there is none.
        high: float64, upper end, likewise.
        spread: float64, of the answers' distribution, in the scores' unit; nan where there is none.
        outside: float64, 0..1; nan where there is none.
        errors: str, why a row failed; empty where it did not.
        kinds: str, the failure in a word; empty where it did not fail.
        hashes: str, SHA-256 of the file's bytes; empty where not known.
        columns: name -> str, the other columns of the manifest, for figures within their values.
        label_scale: what labels are measured on and which way they point; None where nobody said, and then
            higher is taken to be better.
        score_scale: what scores are measured on; None where nobody said.
        group_column: the column groups come from; None where every row is a group of its own.
        n_unlabelled: rows of the manifest without a label; they are no part of the set.
        n_excluded: rows that the protocol leaves out; no part of the set either.
    """

    name: str
    aspect: str
    ids: StrArray
    paths: tuple[str, ...]
    groups: StrArray
    labels: Float64Array
    stds: Float64Array
    scores: Float64Array
    low: Float64Array
    high: Float64Array
    spread: Float64Array
    outside: Float64Array
    errors: tuple[str, ...]
    kinds: tuple[str, ...]
    hashes: tuple[str, ...]
    columns: Mapping[str, StrArray] = field(default_factory=dict)
    label_scale: Scale | None = None
    score_scale: Scale | None = None
    group_column: str | None = None
    n_unlabelled: int = 0
    n_excluded: int = 0

    def __post_init__(self) -> None:
        n = len(self.ids)
        for name in (*_ARRAYS, *_TUPLES):
            if len(getattr(self, name)) != n:
                raise DataError(f"set {self.name!r}: {len(getattr(self, name))} {name} for {n} ids")
        for name, column in self.columns.items():
            if len(column) != n:
                raise DataError(f"set {self.name!r}: column {name!r} has {len(column)} rows for {n} ids")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def mos(self) -> Float64Array:
        """float64 [n], labels turned so that higher is better: low + high - label where they point down."""
        scale = self.label_scale
        if scale is None or scale.direction == "up":
            return self.labels
        return scale.low + scale.high - self.labels

    @property
    def is_scored(self) -> BoolArray:
        """Bool [n], rows that have a score."""
        return np.asarray(~np.isnan(self.scores))

    @property
    def scores_in_label_unit(self) -> Float64Array | None:
        """float64 [n], scores moved linearly to the labels' scale; None where an end is unknown."""
        if self.label_scale is None or self.score_scale is None:
            return None
        target = Scale(self.label_scale.low, self.label_scale.high)
        return self.score_scale.convert(self.scores, target)

    def kept(self, rows: BoolArray) -> ScoredSet:
        """The same set with some of its rows.

        Args:
            rows: bool [n], which to keep.
        """
        at = np.flatnonzero(rows)
        kept: dict[str, Any] = {name: getattr(self, name)[at] for name in _ARRAYS}
        kept |= {name: tuple(getattr(self, name)[i] for i in at) for name in _TUPLES}
        kept["columns"] = {name: column[at] for name, column in self.columns.items()}
        return replace(self, **kept)


_ARRAYS = ("ids", "groups", "labels", "stds", "scores", "low", "high", "spread", "outside")
_TUPLES = ("paths", "errors", "kinds", "hashes")
