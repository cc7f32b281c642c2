"""Applying a calibration: symmetric, clipped, and refused where its table is wrong."""

from __future__ import annotations

import pytest

from visq.core.errors import ModelError
from visq.core.scales import Scale
from visq.readouts import Calibration


def test_bounds_lie_half_width_away_and_inside_the_scale() -> None:
    low, high = Calibration(0.7, 0.9, "x").interval([1.0, 3.0, 4.9], Scale(1, 5))
    assert low.tolist() == pytest.approx([1.0, 2.3, 4.2])
    assert high.tolist() == pytest.approx([1.7, 3.7, 5.0])


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"nominal": 0.9, "population": "x"}, "half_width"),
        ({"half_width": "wide", "nominal": 0.9, "population": "x"}, "wide"),
        ({"half_width": 0.0, "nominal": 0.9, "population": "x"}, "half-width 0.0"),
        ({"half_width": 0.5, "nominal": 1.5, "population": "x"}, "1.5"),
    ],
)
def test_a_wrong_table_is_refused(table: dict[str, object], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        Calibration.from_table(table)
