"""Answer log-probabilities to scores, and the calibration that puts an interval round them. Pure numpy.

Knows no picture, no token, no model.
"""

from visq.core.registry import Registry
from visq.readouts.calibration import Calibration

READOUTS = Registry(
    "read-out",
    {
        "contrast": "visq.readouts.contrast:Contrast",
        "decimals": "visq.readouts.decimals:Decimals",
        "integers": "visq.readouts.integers:Integers",
        "levels": "visq.readouts.levels:Levels",
        "pairwise": "visq.readouts.pairwise:Pairwise",
        "text": "visq.readouts.text:Text",
    },
)

__all__ = ["READOUTS", "Calibration"]
