"""The field's figures: pure functions on arrays. Knows no files, no models, no pictures."""

from visq.metrics.correlation import plcc, srcc

__all__ = ["plcc", "srcc"]
