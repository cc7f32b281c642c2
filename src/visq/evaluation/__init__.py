"""How sure a figure or a score is: intervals, differences, coverage. Knows arrays; no models, no pages."""

from visq.evaluation.statistics.conformal import RotatedCoverage, half_width, rotated_coverage
from visq.evaluation.statistics.differences import (
    Difference,
    Equivalence,
    equivalence,
    holm,
    paired_difference,
)
from visq.evaluation.statistics.intervals import Interval, bonett_wright, fisher_z, group_bootstrap
from visq.evaluation.statistics.published import (
    PublishedDifference,
    pictures_needed,
    published_difference,
    smallest_detectable,
    verdict,
)

__all__ = [
    "Difference",
    "Equivalence",
    "Interval",
    "PublishedDifference",
    "RotatedCoverage",
    "bonett_wright",
    "equivalence",
    "fisher_z",
    "group_bootstrap",
    "half_width",
    "holm",
    "paired_difference",
    "pictures_needed",
    "published_difference",
    "rotated_coverage",
    "smallest_detectable",
    "verdict",
]
