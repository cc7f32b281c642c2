"""Order inside the parts of a labelled set: generators, bands of labels. Knows rows and scores, no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.figures.empty_stretches import empty_stretches
from visq.evaluation.figures.within import FEWEST_ROWS, bands_between
from visq.metrics import srcc
from visq.training.labels import Labelled
from visq.training.recipe import AspectRecipe

Float64Array = NDArray[np.float64]


def parts_of(aspect: AspectRecipe, labelled: Labelled) -> NDArray[np.str_]:
    """The part of each row: its value of the recipe's column, or the band that its label lies in."""
    if aspect.within == "band":
        return bands_between(labelled.raw, empty_stretches(labelled.raw))
    return labelled.column


class Inside:
    """Mean SRCC inside the parts of a set, as the figure `within` of `visq evaluate` has it.

    Rows go in as their numbers, so that a resample of rows takes labels and parts along.

    Args:
        mos: float64 [n], opinion scores.
        parts: str [n], the part each row is in.
    """

    def __init__(self, mos: Float64Array, parts: NDArray[np.str_]) -> None:
        self._mos = mos
        self._codes = np.unique(parts, return_inverse=True)[1].reshape(-1)

    def __call__(self, scores: Float64Array, rows: NDArray[np.floating]) -> float:
        """Mean over parts of three rows or more; nan where no part has an SRCC.

        Args:
            scores: float64 [m].
            rows: [m], which of the rows they are of; one may stand there more than once.
        """
        at = rows.astype(np.int64)
        codes, mos = self._codes[at], self._mos[at]
        parts = [np.flatnonzero(codes == code) for code in np.unique(codes)]
        found = np.array([srcc(scores[of], mos[of]) for of in parts if of.size >= FEWEST_ROWS])
        known = found[~np.isnan(found)]
        return float(known.mean()) if known.size else float("nan")
