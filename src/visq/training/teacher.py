"""Labels a fit learns from: what people said, drawn towards what a linear head makes of the same pictures.

Two kinds of model err differently, and their mean is better than either (docs/log.md). A model that learns
from labels mixed with the other kind's honest predictions keeps most of that gain in one set of weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visq.core.scales import MOS
from visq.training.crossfit import out_of_fold, ridge_on


def taught(
    features: NDArray[np.floating],
    mos: NDArray[np.float64],
    aspect: NDArray[np.int64],
    folds: NDArray[np.int64],
    *,
    ridge: float,
    share: float,
) -> NDArray[np.float64]:
    """Mix labels with out-of-fold predictions of a ridge regression, aspect by aspect.

    Args:
        features: [n, d], of the training pictures only.
        mos: [n], 1..5.
        aspect: [n], which aspect each label is of.
        folds: [n]; at least two in each aspect. No prediction sees a label of its own fold.
        ridge: strength of the regression.
        share: of the prediction in the mixture, 0..1; 0: the labels as they are.

    Returns:
        float64 [n], 1..5.

    Source:
        Out-of-fold predictions as targets of another model: stacking (Wolpert 1992) turned to distillation
        (Hinton et al. 2015, arXiv 1503.02531).
    """
    targets = mos.astype(np.float64)
    if share:
        for one in np.unique(aspect):
            there = np.flatnonzero(aspect == one)
            linear = out_of_fold(ridge_on(features[there], mos[there], ridge), folds[there])
            targets[there] = (1 - share) * mos[there] + share * linear
    return np.clip(targets, MOS.low, MOS.high)
