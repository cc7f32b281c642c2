"""How sure a figure or a score is: intervals, their coverage. Knows arrays; no models, pictures, pages."""

from visq.evaluation.conformal import RotatedCoverage, half_width, rotated_coverage
from visq.evaluation.intervals import Interval, group_bootstrap

__all__ = ["Interval", "RotatedCoverage", "group_bootstrap", "half_width", "rotated_coverage"]
