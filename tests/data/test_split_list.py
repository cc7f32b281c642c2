"""Lists of an official split: two shapes, and what is wrong with a list in one line."""

from __future__ import annotations

import json

import pytest

from visq.core.errors import DataError, InputError
from visq.data.split_list import find_parts, read_split_list


def test_an_object_of_lists_and_a_table_say_the_same(tmp_path):
    listing, table = tmp_path / "split.json", tmp_path / "split.csv"
    listing.write_text(json.dumps({"train": ["a.jpg", "b.jpg"], "test": ["c.jpg"]}))
    table.write_text("Image,Set\na.jpg,train\nb.jpg,train\nc.jpg,test\n")
    wanted = {"a.jpg": "train", "b.jpg": "train", "c.jpg": "test"}
    assert read_split_list(listing) == read_split_list(table) == wanted


def test_a_table_in_json_is_a_list_too(tmp_path):
    path = tmp_path / "split.json"
    path.write_text('[{"id": "7", "split": "test"}, {"id": 8, "split": "train"}]')
    assert read_split_list(path) == {"7": "test", "8": "train"}


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("s.csv", "image,mos\na.jpg,1\n", r"s\.csv is no list of a split: .* columns: image, mos"),
        ("s.csv", "split,mos\ntrain,1\n", "it needs a column of ids or files"),
        ("s.csv", "id,split\na,train\na,test\n", "'a' stands in 'train' and in 'test'"),
        ("s.csv", "id,split\na,\n", r"s\.csv, row 2: a name or its part is empty"),
        ("s.csv", "id,split\n", "lists no names"),
        ("s.csv", "id,split,set\na,train,train\n", "2 columns could hold parts"),
        ("s.json", '{"train": [], "test": []}', "lists no names"),
        ("s.json", "{", "s.json"),
    ],
)
def test_a_wrong_list_is_one_line(tmp_path, name, text, match):
    (tmp_path / name).write_text(text)
    with pytest.raises((DataError, InputError), match=match) as caught:
        read_split_list(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_rows_are_found_by_id_then_file_then_name():
    parts = {"1": "id", "images/b.jpg": "file", "c.jpg": "name"}
    rows = [["1", "images/b.jpg"], ["2", "images/b.jpg"], ["3", "images/c.jpg"], ["4", "d.jpg"], ["", ""]]
    assert find_parts(parts, rows) == ["id", "file", "name", None, None]
