"""Applying a calibration: symmetric, clipped, and refused where its table is wrong."""

from __future__ import annotations

import math

import pytest

from visq.core.errors import ModelError
from visq.core.fields import Fields
from visq.core.scales import Scale
from visq.readouts import Calibration


def test_bounds_lie_half_width_away_and_inside_the_scale() -> None:
    low, high = Calibration(0.7, 0.9, "x").interval([1.0, 3.0, 4.9], Scale(1, 5))
    assert low.tolist() == pytest.approx([1.0, 2.3, 4.2])
    assert high.tolist() == pytest.approx([1.7, 3.7, 5.0])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"half_width": None}, "has no 'calibration.quality.half_width'"),
        ({"half_width": "abc"}, "'calibration.quality.half_width' is 'abc'; wanted a finite number above 0"),
        ({"half_width": 0.0}, "half_width' is 0.0; wanted a finite number above 0"),
        ({"half_width": math.inf}, "half_width' is inf; wanted"),
        ({"half_width": math.nan}, "half_width' is nan; wanted"),
        ({"half_width": True}, "half_width' is True; wanted"),
        ({"nominal": 1.5}, "'calibration.quality.nominal' is 1.5; wanted a number between 0 and 1"),
        ({"nominal": []}, r"nominal' is \[\]; wanted"),
        ({"population": None}, "has no 'calibration.quality.population'"),
        ({"population": 3}, "population' is 3; wanted text"),
        ({"note": 3}, "note' is 3; wanted text"),
    ],
)
def test_a_wrong_table_is_refused_by_aspect_and_field(change: dict[str, object], match: str) -> None:
    table = {"half_width": 0.5, "nominal": 0.9, "population": "x", **change}
    values = {key: value for key, value in table.items() if value is not None}
    with pytest.raises(ModelError, match=match):
        Calibration.from_table(Fields(values, "model 'm': model.toml", "calibration.quality"))
