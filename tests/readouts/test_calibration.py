"""Applying a calibration: symmetric, clipped, and refused where its table is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_toml import broken
from visq.core.errors import ModelError
from visq.core.fields import Fields
from visq.core.scales import LEVEL_WORDS, MOS, LevelIntervals, Scale
from visq.readouts import Calibration
from visq.readouts.calibration import ValueMap, levels_of

MAP = {"kind": "isotonic", "scores": [2.0, 3.0, 4.0], "labels": [1.5, 3.5, 4.0], "slope": 0.5}
TABLE = {
    "half_width": 0.5,
    "nominal": 0.9,
    "population": "x",
    "half_widths": [0.1, 0.2, 0.3, 0.4, 0.5],
    "map": MAP,
}


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


def read(table: dict[str, object]) -> Calibration:
    return Calibration.from_table(Fields(table, "model 'm': model.toml", "calibration.quality"))


def test_a_map_joins_its_knots_and_goes_on_with_its_slope() -> None:
    found = read(TABLE).map
    assert found == ValueMap("isotonic", (2.0, 3.0, 4.0), (1.5, 3.5, 4.0), 0.5)
    # By hand: between knots straight, beyond them .5 a unit, clipped to 1..5.
    values = found([0.0, 1.5, 2.0, 2.25, 3.5, 5.0, 9.0, math.nan], MOS)
    assert values.tolist()[:-1] == pytest.approx([1.0, 1.25, 1.5, 2.0, 3.75, 4.5, 5.0])
    assert math.isnan(values[-1])
    assert found.steepest == 2.0


@given(st.lists(st.floats(0, 6), min_size=2, max_size=8, unique=True), st.floats(0, 3))
def test_a_map_never_goes_down(knots: list[float], slope: float) -> None:
    scores = sorted(knots)
    found = ValueMap("isotonic", tuple(scores), tuple(sorted(k / 2 for k in knots)), slope)
    values = found(np.linspace(-1, 7, 300), MOS)
    assert (np.diff(values) >= -1e-9).all()
    assert values.min() >= 1
    assert values.max() <= 5


def test_widths_by_level_are_those_of_the_word_shown() -> None:
    calibration = read({**TABLE, "map": {**MAP, "kind": "linear"}})
    scores = np.linspace(1, 5, 57)
    values = calibration.value(scores, MOS)
    low, high = calibration.interval(values, MOS)
    levels = LevelIntervals(MOS, n_levels=len(LEVEL_WORDS)).level(values)
    for value, lower, upper, level in zip(values, low, high, levels, strict=True):
        half = (0.1, 0.2, 0.3, 0.4, 0.5)[level]
        assert lower == pytest.approx(max(1, value - half))
        assert upper == pytest.approx(min(5, value + half))
    assert (low <= values).all()
    assert (values <= high).all()


def test_nan_has_no_level_and_no_interval() -> None:
    calibration = read(TABLE)
    assert levels_of([math.nan, 1.0, 5.0], MOS).tolist() == [-1, 0, 4]
    low, high = calibration.interval([math.nan, 3.0], MOS)
    assert math.isnan(low[0])
    assert math.isnan(high[0])
    assert low[1] == pytest.approx(2.7)


def test_without_a_map_values_stay_as_they_are() -> None:
    assert Calibration(0.5, 0.9, "x").value([1.234, 9.0], MOS).tolist() == [1.234, 9.0]


def test_a_calibration_says_what_it_holds_for() -> None:
    assert Calibration(0.5, 0.9, "photos", "approximate").about == "photos; approximate"
    full = Calibration(0.5, 0.8, "photos", "n", read(TABLE).map, checked="checked")
    assert full.about == (
        "photos; scores mapped to opinion scores (isotonic); intervals of 0.8, not of 0.9; n; checked"
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            {"half_widths": [0.1, 0.2]},
            "half_widths' is .*; wanted 5 finite numbers above 0, one a level word",
        ),
        ({"half_widths": [0.1, 0.2, 0.3, 0.4, 0.0]}, "half_widths' is .*; wanted 5 finite numbers above 0"),
        ({"half_widths": 0.5}, "half_widths' is 0.5; wanted 5 finite"),
        ({"checked": 3}, "checked' is 3; wanted text"),
        ({"map": 3}, r"map' is 3; wanted a table, written \[calibration\.quality\.map\]"),
        ({"map": {**MAP, "kind": "cubic"}}, "map.kind': unknown kind of map 'cubic'"),
        ({"map": {**MAP, "scores": []}}, r"map.scores' is \[\]; wanted 1 ascending number of at most 1e\+06"),
        ({"map": {**MAP, "scores": 3}}, "map.scores' is 3; wanted 1 ascending number"),
        ({"map": {**MAP, "scores": [2.0, 4.0, 3.0]}}, "map.scores' is .*; wanted 3 ascending numbers"),
        (
            {"map": {**MAP, "scores": [2.0, 2.0, 3.0]}},
            "map.scores' is .*; wanted ascending numbers, no two alike",
        ),
        ({"map": {**MAP, "labels": [1.0, 2.0]}}, "map.labels' is .*; wanted 3 ascending numbers"),
        ({"map": {**MAP, "labels": [3.0, 2.0, 1.0]}}, "map.labels' is .*; wanted 3 ascending numbers"),
        ({"map": {**MAP, "labels": [1.0, 2.0, 1e9]}}, "map.labels' is .*; wanted 3 ascending numbers"),
        ({"map": {**MAP, "slope": -0.1}}, r"map.slope' is -0\.1; wanted a number from 0 to 1e\+06"),
        ({"map": {**MAP, "slope": "1"}}, "map.slope' is '1'; wanted a finite number"),
        ({"map": {"kind": "linear"}}, "has no 'calibration.quality.map.scores'"),
    ],
)
def test_a_wrong_map_or_width_is_refused_by_field(change: dict[str, object], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        read({**TABLE, **change})


@given(broken(TABLE))
def test_any_one_wrong_value_gives_scores_on_the_scale_or_one_line(table: dict[str, object]) -> None:
    calibration, words = Calibration(0.5, 0.9, "x"), ""
    try:
        calibration = read(table)
    except ModelError as error:
        words = str(error)
    assert "\n" not in words
    values = calibration.value(np.linspace(1, 5, 40), MOS)
    low, high = calibration.interval(values, MOS)
    assert ((low >= 1) & (low <= values) & (values <= high) & (high <= 5)).all()
