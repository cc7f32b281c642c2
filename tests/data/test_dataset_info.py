"""LLaMA-Factory's descriptions of data files: renamed columns and roles are read, wrong ones refused."""

from __future__ import annotations

import json

import pytest

from visq.core.errors import DataError
from visq.data import Manifest
from visq.data.loose import loose_rows
from visq.data.tables import read_table

TURNS = [
    {"role": "boss", "content": "<image>Rate."},
    {"role": "bot", "content": "The final score is <6.10>."},
]
SHAREGPT = {
    "file_name": "rows.json",
    "formatting": "sharegpt",
    "columns": {"messages": "talk", "images": "pictures"},
    "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "boss", "assistant_tag": "bot"},
}


@pytest.fixture
def folder(tmp_path):
    """Writes rows.json and dataset_info.json, returns the path of the rows."""

    def write(rows, info):
        (tmp_path / "dataset_info.json").write_text(info if isinstance(info, str) else json.dumps(info))
        (tmp_path / "rows.json").write_text(json.dumps(rows))
        return tmp_path / "rows.json"

    return write


def test_renamed_turns_and_roles_are_read(folder):
    path = folder([{"talk": TURNS, "pictures": ["a.jpg"], "scene": "s"}], {"mine": SHAREGPT})
    manifest = Manifest(path, labels={"aesthetics": "score"}, group="scene")
    (sample,) = manifest
    assert manifest.format == "llamafactory"
    assert (sample.id, sample.labels, sample.group) == ("a.jpg", {"aesthetics": 6.1}, "s")
    assert sample.extra["question"] == "Rate."


def test_a_pair_of_answers_is_read(folder):
    row = {
        "q": "<image><image>Which?",
        "pics": ["a.jpg", "b.jpg"],
        "good": "first",
        "bad": "second",
        "output": "not named, so not read",
    }
    columns = {"prompt": "q", "images": "pics", "chosen": "good", "rejected": "bad"}
    path = folder([row], {"pairs": {"file_name": "rows.json", "ranking": True, "columns": columns}})
    table = read_table(path)
    cells = dict(zip(table.columns, next(iter(table))[1], strict=True))
    assert (cells["question"], cells["chosen"], cells["rejected"]) == ("Which?", "first", "second")
    assert (cells["answer"], cells["source_output"]) == ("", "not named, so not read")


def test_a_file_that_is_not_described_is_read_as_it_is(folder):
    path = folder([{"image": "a", "mos": 1}], {"other": SHAREGPT | {"file_name": "other.json"}, "odd": 3})
    assert read_table(path).format == "json"
    assert read_table(path.parent / "dataset_info.json").format == "json"


def test_another_format_asked_for_needs_no_description(folder):
    path = folder([{"image": "a", "gt_score": 1}], {"mine": {"file_name": "rows.json"}})
    assert read_table(path, format="qalign").format == "qalign"


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (
            {"m": SHAREGPT | {"columns": {"messages": "talk"}}},
            r"info\.json, 'm': no column of images is named",
        ),
        ({"m": {"file_name": "rows.json"}}, "no column of images is named"),
        (
            {"m": SHAREGPT | {"formatting": "sharegtp"}},
            "formatting 'sharegtp'; known are alpaca and sharegpt",
        ),
        ({"m": SHAREGPT | {"ranking": True}}, "'chosen' and 'rejected' are no columns"),
        ({"m": SHAREGPT | {"tags": ["role"]}}, "'columns' and 'tags' are objects"),
        ({"m": SHAREGPT, "n": SHAREGPT | {"tags": {}}}, "'m' and 'n' say two things of one file; keep one"),
        ([1], "an object of data sets is wanted"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_a_wrong_description_is_refused(folder, info, message):
    path = folder([{"talk": TURNS, "pictures": ["a.jpg"]}], info)
    with pytest.raises(DataError, match=message) as error:
        read_table(path)
    assert "\n" not in str(error.value)


def test_two_names_of_one_description_are_one(folder):
    path = folder([{"talk": TURNS, "pictures": ["a"]}], {"m": SHAREGPT, "few": SHAREGPT | {"num_samples": 9}})
    assert len(Manifest(path)) == 1


def test_wrong_rows_are_told_with_their_number(folder):
    rows = [{"talk": TURNS, "pictures": ["a"]}, {"talk": TURNS, "pictures": ["a", "b"]}, {"talk": "?"}]
    path = folder(rows, {"m": SHAREGPT})
    with pytest.raises(DataError, match=r"rows\.json, row 2: 1 <image> in the text for 2 pictures"):
        Manifest(path)
    _, found = loose_rows(path)
    assert [row.cells["defect"] for row in found] == [
        "",
        "1 <image> in the text for 2 pictures",
        "no 'images'; it has 'conversations'",
    ]
