"""The run folder: what is written is what is read, and what is damaged says so in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from run_folders import make_run, make_set
from visq.core.errors import DataError, InputError
from visq.core.scales import Scale
from visq.core.types import printable
from visq.evaluation.figures.label_scale import parse_label_scale, scale_text
from visq.evaluation.runs.folder import read_run, without_nan

PRINTABLE = st.text(min_size=1, max_size=12).map(printable).filter(str.strip)
NUMBER = st.floats(-1e6, 1e6) | st.just(float("nan"))


def assert_equal(one, other):
    for name in ("ids", "groups"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    for name in ("labels", "stds", "scores", "low", "high", "spread", "outside"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("name", "errors", "kinds", "hashes", "paths", "label_scale", "score_scale", "group_column"):
        assert getattr(one, name) == getattr(other, name)
    assert (one.n_unlabelled, one.n_excluded) == (other.n_unlabelled, other.n_excluded)
    assert {n: c.tolist() for n, c in one.columns.items()} == {
        n: c.tolist() for n, c in other.columns.items()
    }


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(PRINTABLE, PRINTABLE, st.floats(0, 5), NUMBER), min_size=1, max_size=6))
def test_round_trip_of_odd_ids_and_missing_numbers(tmp_path_factory, rows):
    rows = list({row[0]: row for row in rows}.values())
    ids, groups, labels, scores = map(list, zip(*rows, strict=True))
    one = make_set("odd / name", labels, scores, ids=ids, groups=groups, group_column="scene")
    one = replace(one, score_scale=Scale(1, 5), label_scale=Scale(0, 5), stds=np.asarray(scores))
    about = {one.name: {"score_scale": "1..5"}}
    run = make_run(tmp_path_factory.mktemp("run") / "r", [one], about=about)
    assert_equal(run.sets[0], one)


def test_round_trip_of_several_sets_with_their_own_columns(tmp_path):
    one = replace(make_set("a", [1.0, 2.0], [1.0, np.nan]), columns={"kind": np.array(["x", ""])})
    two = replace(make_set("b", [3.0], [2.0], label_scale=Scale(0, 100, "down")), n_excluded=2)
    about = {"b": {"n_excluded": 2}}
    run = make_run(tmp_path / "r", [one, two], about=about)
    assert_equal(run.sets[0], one)
    assert_equal(run.sets[1], two)
    assert run.name == "r"


def test_ids_may_be_the_same_in_two_sets(tmp_path):
    run = make_run(tmp_path / "r", [make_set("a", [1.0], [2.0]), make_set("b", [3.0], [4.0])])
    assert [one.labels.tolist() for one in run.sets] == [[1.0], [3.0]]
    assert run.sets[0].ids.tolist() == run.sets[1].ids.tolist()


def test_nan_and_infinity_are_null():
    found = without_nan(
        {"a": float("nan"), "b": [np.float64(1.5), float("inf")], "c": np.int64(3), "d": True}
    )
    assert found == {"a": None, "b": [1.5, None], "c": 3, "d": True}
    assert type(found["c"]) is int


@pytest.mark.parametrize("text", ["1..5", "100..0", "0..1", "-1..2.5"])
def test_scales_survive_their_text(text):
    assert scale_text(parse_label_scale(text)) == text
    assert scale_text(None) is None


@pytest.mark.parametrize("text", ["5", "a..b", "1..1", "..", "nan..1"])
def test_texts_that_are_no_scale(text):
    with pytest.raises(InputError, match=r"scale"):
        parse_label_scale(text)


def test_an_unfinished_run_says_what_is_missing(tmp_path):
    run = make_run(tmp_path / "r", [make_set("a", [1.0], [2.0])])
    (run.path / "report.json").unlink()
    with pytest.raises(InputError, match=r"is no finished run: it has no report\.json"):
        read_run(run.path)
    with pytest.raises(InputError, match="is no finished run"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.toml", "report.json", "scores.parquet"])
def test_a_damaged_file_is_one_line(tmp_path, name):
    run = make_run(tmp_path / "r", [make_set("a", [1.0], [2.0])])
    (run.path / name).write_bytes(b"\xff{")
    with pytest.raises(DataError, match=r"is a damaged run .*; evaluate again"):
        read_run(run.path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aspect": None}, "'aspect' in report.json is None"),
        ({"sets": []}, "'sets' in report.json holds no sets"),
        ({"sets": [1]}, "'sets' in report.json holds no sets"),
        ({"sets": {}}, r"'sets' in report.json is {}"),
        ({"source": "x"}, "'source' in report.json is 'x'"),
        ({"cost": 3}, "'cost' in report.json is 3"),
        ({"sets": [{}]}, "no 'name'"),
    ],
)
def test_a_report_without_what_others_read_is_a_damaged_run(tmp_path, change, message):
    run = make_run(tmp_path / "r", [make_set("a", [1.0], [2.0])])
    report = json.loads((run.path / "report.json").read_text()) | change
    (run.path / "report.json").write_text(json.dumps(report))
    with pytest.raises(DataError, match=rf"is a damaged run \({message}\); evaluate again"):
        read_run(run.path)


def test_another_format_is_refused(tmp_path):
    run = make_run(tmp_path / "r", [make_set("a", [1.0], [2.0])])
    report = json.loads((run.path / "report.json").read_text()) | {"format": 99}
    (run.path / "report.json").write_text(json.dumps(report))
    with pytest.raises(DataError, match="format 99; this visq reads 1"):
        read_run(run.path)
