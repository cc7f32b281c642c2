"""Answer log-probabilities to scores, and the calibration that puts an interval round them. Pure numpy.

Knows no picture, no token, no model.
"""

from visq.core.registry import Registry
from visq.readouts.calibration import Calibration

READOUTS = Registry("read-out", {"levels": "visq.readouts.levels:Levels"})

__all__ = ["READOUTS", "Calibration"]
