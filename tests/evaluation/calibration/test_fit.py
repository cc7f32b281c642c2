"""A calibration fitted and checked on arrays: parts, promise, coverage, and every refusal."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError, UnknownName
from visq.core.scales import LEVEL_WORDS, MOS
from visq.data.folds import check_folds
from visq.evaluation.calibration.fit import FitSettings, fit_calibration, own_parts, parts_of
from visq.evaluation.calibration.rated_rows import RatedRows


def made(n_groups=60, size=4, *, noise=0.3, seed=0, group_column="scene", bias=0.5):
    """Scores that are too low by `bias`, with errors shared within a group."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size)
    truth = rng.uniform(1.6, 4.4, groups.size)
    error = noise * (rng.normal(size=n_groups)[groups] + rng.normal(size=groups.size))
    return RatedRows(
        ids=tuple(f"r{i}" for i in range(groups.size)),
        scores=np.clip(truth + error - bias, 1, 5),
        ratings=truth,
        spread=rng.uniform(0.4, 0.7, groups.size),
        groups=np.array([f"s{g}" for g in groups]),
        cells=np.array(["train" if g % 3 else "val" for g in groups]),
        label="mos",
        group_column=group_column,
        n_rows=groups.size,
        n_unrated=0,
        failures={},
    )


def fit(rows, settings=None, parts=None):
    chosen = settings or FitSettings(map="linear", resamples=50)
    parts = own_parts(rows.groups.tolist(), chosen) if parts is None else parts
    return fit_calibration(rows, parts, chosen, scale=MOS, levels=LEVEL_WORDS, population="made up")


def test_own_parts_tear_no_group_and_take_three_four_and_three_tenths():
    rows = made(100)
    parts = own_parts(rows.groups.tolist(), FitSettings())
    check_folds(rows.groups.tolist(), [["map", "interval", "test"].index(part) for part in parts])
    assert [(parts == name).sum() for name in ("map", "interval", "test")] == [120, 160, 120]
    none = own_parts(rows.groups.tolist(), FitSettings(map="none"))
    assert [(none == name).sum() for name in ("map", "interval", "test")] == [0, 280, 120]
    other = own_parts(rows.groups.tolist(), FitSettings(seed="other"))
    assert parts.tolist() != other.tolist()


def test_parts_by_a_column_share_the_fitted_rows_out():
    rows = made(63)
    parts = parts_of(rows, "train", "val", FitSettings())
    assert (rows.cells[parts == "test"] == "val").all()
    assert [(parts == name).sum() for name in ("map", "interval", "test")] == [72, 96, 84]
    check_folds(rows.groups.tolist(), [["map", "interval", "test"].index(part) for part in parts])
    left_out = parts_of(
        dataclasses.replace(rows, cells=np.array(["a", "b", "c"] * 84)[rows_order(rows)]),
        "a",
        "b",
        FitSettings(map="none"),
    )
    assert set(left_out.tolist()) == {"interval", "test", ""}


def rows_order(rows):
    """Positions that give all rows of a group the same of three cells."""
    return np.unique(rows.groups, return_inverse=True)[1] % 3


def test_the_fit_mends_a_bias_and_covers():
    found = fit(made(200))
    report = found.report
    assert report["errors"]["before"]["bias"] == pytest.approx(-0.5, abs=0.1)
    assert abs(report["errors"]["after"]["bias"]) < 0.1
    assert report["errors"]["after"]["mae"] < 0.8 * report["errors"]["before"]["mae"]
    assert report["coverage"]["rows"]["value"] == pytest.approx(0.9, abs=0.08)
    assert report["parts"] == {
        "map": {"n": 240, "n_groups": 60},
        "interval": {"n": 320, "n_groups": 80},
        "test": {"n": 240, "n_groups": 60},
    }
    assert found.calibration.note == (
        "promise: 0.9 to 0.925 (without ties) for a picture of a new group, exchangeable with 80 others "
        "by scene"
    )
    assert found.calibration.checked.startswith("checked: 0.")
    assert found.calibration.population == "made up"


def test_what_is_reported_is_what_is_applied():
    rows, settings = made(150, noise=0.5), FitSettings(map="linear", interval="by-level", resamples=20)
    parts = own_parts(rows.groups.tolist(), settings)
    found = fit(rows, settings, parts)
    test = parts == "test"
    values = found.calibration.value(rows.scores[test], MOS)
    low, high = found.calibration.interval(values, MOS)
    inside = (rows.ratings[test] >= low) & (rows.ratings[test] <= high)
    assert found.report["coverage"]["rows"]["value"] == pytest.approx(inside.mean())
    assert found.report["errors"]["after"]["mae"] == pytest.approx(np.abs(values - rows.ratings[test]).mean())
    assert [level["half_width"] for level in found.report["levels"]] == list(found.calibration.half_widths)
    assert "in each level of the score" in found.calibration.note


@pytest.mark.parametrize(
    ("map_kind", "interval"), [("none", "constant"), ("linear", "constant"), ("linear", "by-level")]
)
def test_mean_coverage_over_many_draws_is_the_promised_one(map_kind, interval):
    """The whole way, map and parts by hash included: groups of exchangeable rows, 150 draws of 50 groups."""
    settings, found = FitSettings(map=map_kind, interval=interval, resamples=1), []
    for seed in range(150):
        rows = made(50, 3, seed=seed)
        found.append(fit(rows, settings).report["coverage"]["groups"]["value"])
    n_held = 35 if map_kind == "none" else 20
    error = 4 * np.std(found) / math.sqrt(len(found))
    assert 0.9 - error <= np.mean(found) <= 0.9 + 2 / (n_held + 1) + error


@given(st.integers(0, 30), st.sampled_from(["none", "linear"]), st.sampled_from(["constant", "by-level"]))
def test_an_interval_holds_its_value_and_lies_on_the_scale(seed, map_kind, interval):
    found = fit(made(40, seed=seed), FitSettings(map=map_kind, interval=interval, resamples=1))
    scores = np.linspace(1, 5, 101)
    values = found.calibration.value(scores, MOS)
    low, high = found.calibration.interval(values, MOS)
    assert (low <= values).all()
    assert (values <= high).all()
    assert low.min() >= 1
    assert high.max() <= 5
    assert (np.diff(values) >= -1e-12).all()


@given(st.integers(0, 20))
def test_more_coverage_asked_is_more_coverage_had(seed):
    rows = made(60, seed=seed)
    fits = (fit(rows, FitSettings(map="linear", nominal=share / 10, resamples=1)) for share in range(5, 10))
    values = [found.report["coverage"]["rows"]["value"] for found in fits]
    assert values == sorted(values)


def test_by_level_curves_to_abstain_by_and_none_where_widths_are_equal():
    rows = made(400, noise=0.25)
    rows = dataclasses.replace(
        rows, ratings=np.where(rows.ratings > 3, rows.ratings, np.clip(4.4 - rows.ratings, 1, 5))
    )
    by_level = fit(rows, FitSettings(map="none", interval="by-level", resamples=5)).report["abstention"]
    kept = [point["kept"] for point in by_level["half_width"]]
    assert kept == sorted(kept, reverse=True)
    assert by_level["half_width"][-1]["mae"] < by_level["half_width"][0]["mae"]
    constant = fit(rows, FitSettings(map="none", resamples=5)).report["abstention"]
    assert list(constant) == ["spread"]
    no_spread = dataclasses.replace(rows, spread=np.full(len(rows.ids), np.nan))
    assert fit(no_spread, FitSettings(map="none", resamples=5)).report["abstention"] == {}


def test_rows_without_groups_have_the_promise_of_split_conformal():
    found = fit(made(200, 1, group_column=None), FitSettings(map="none", resamples=5))
    assert found.calibration.note == (
        "promise: 0.9 to 0.907 (without ties) for a new picture exchangeable with 140 others"
    )


def test_two_fits_are_equal():
    rows = made(80)
    assert fit(rows) == fit(rows)


def test_warnings_say_what_is_thin():
    few = fit(made(20), FitSettings(map="linear", interval="by-level", nominal=0.7, resamples=20)).report
    assert any(
        "comes from 8 groups: the coverage it brings varies by about 0.14" in w for w in few["warnings"]
    )
    assert any("levels with fewer than 30 groups" in w and "bad" in w for w in few["warnings"])
    rows = made(100)
    parts = own_parts(rows.groups.tolist(), FitSettings(map="linear"))
    harder = np.where(parts == "test", np.clip(rows.ratings + 1.5, 1, 5), rows.ratings)
    away = fit(dataclasses.replace(rows, ratings=harder), FitSettings(map="linear", resamples=50), parts)
    assert any("away from 0.9" in w for w in away.report["warnings"])


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"map": "isotone"}, "unknown kind of map 'isotone'"),
        ({"interval": "bylevel"}, "unknown kind of interval 'bylevel'; did you mean 'by-level'"),
        ({"nominal": 1.0}, "nominal coverage lies between 0 and 1, not at 1"),
        ({"resamples": 0}, "resamples must be 1 or more, not 0"),
    ],
)
def test_settings_that_mean_nothing(wrong, match):
    with pytest.raises((InputError, UnknownName), match=match):
        FitSettings(**wrong)


@pytest.mark.parametrize(("n_groups", "share"), [(23, 0.9), (45, 0.95)])
def test_the_fewest_groups_are_those_the_guide_names(n_groups, share):
    settings = FitSettings(map="linear", nominal=share, resamples=5)
    with pytest.raises(DataError, match=f"a coverage of {share} takes"):
        fit(made(n_groups), settings)
    fit(made(n_groups + 1), settings)


def test_where_no_level_has_a_width_of_its_own_the_interval_is_the_constant_one():
    rows = made(60)
    by_level = fit(rows, FitSettings(map="linear", interval="by-level", resamples=20))
    constant = fit(rows, FitSettings(map="linear", resamples=20))
    assert by_level.calibration == constant.calibration
    assert "have the half-width of all rows" in " ".join(by_level.report["warnings"])


def test_parts_that_cannot_be_had():
    rows = made(30)
    with pytest.raises(
        InputError, match="9 groups of rated pictures to share out into map, interval, test: it takes 10"
    ):
        own_parts(made(9).groups.tolist(), FitSettings())
    with pytest.raises(DataError, match="no rated row is in part 'dev' of the split; there are: train, val"):
        parts_of(rows, "train", "dev", FitSettings())
    torn = dataclasses.replace(rows, cells=np.array(["train", "val"] * 60))
    with pytest.raises(DataError, match=r"group 's0' stands in 'train' and in 'val' \(rows 'r0' and 'r1'\)"):
        parts_of(torn, "train", "val", FitSettings())


def test_fits_that_cannot_be_had():
    rows = made(40)
    parts = np.array(["interval"] * 160, dtype="U8")
    with pytest.raises(DataError, match="the part 'test' has no rows"):
        fit(rows, FitSettings(map="none"), parts)
    with pytest.raises(
        DataError, match=r"the interval part has 8 groups, and a coverage of 0\.9 takes 9 or more"
    ):
        fit(made(20))
    right = dataclasses.replace(rows, scores=rows.ratings)
    with pytest.raises(DataError, match="scores equal ratings on the interval part"):
        fit(right, FitSettings(map="none"))
    half = made(200)
    is_low = half.ratings < 2
    scores, ratings = np.where(is_low, 1.3, np.maximum(half.scores, 2)), np.where(is_low, 1.3, half.ratings)
    half = dataclasses.replace(half, scores=scores, ratings=ratings)
    with pytest.raises(DataError, match="scores equal ratings on a whole level"):
        fit(half, FitSettings(map="none", interval="by-level"))
    with pytest.raises(DataError, match="labels do not rise"):
        fit(dataclasses.replace(rows, ratings=6 - rows.ratings))
