"""Tables that are read as less than they hold: said, and never passed as clean."""

from __future__ import annotations

import json

import pytest

from checked_tables import check_rows, check_tables, loud, of, one_of, set_of, write_csv
from visq.core.errors import DataError
from visq.evaluation.checks.groups import groupings


def test_a_table_without_labels_is_no_clean_one(tmp_path):
    rows = [{"image": f"{i}.jpg", "rating": "bad" if i == 3 else i} for i in range(30)]
    found = one_of(check_rows(tmp_path, rows), "columns")
    assert found.severity == "warning"
    assert "no column of labels found in 30 rows with image, rating; name one with --label" in found.message
    assert [f.check for f in check_rows(tmp_path, rows, label="rating").findings] == ["values"]


def test_level_words_are_labels_too(tmp_path):
    rows = [{"image": f"{i}.jpg", "level": ("bad", "fair", "good")[i % 3]} for i in range(30)]
    assert not loud(check_rows(tmp_path, rows))


def test_a_table_without_pictures_is_told_unless_none_are_asked_for(tmp_path):
    rows = [{"photo": f"{i}.jpg", "mos": 1 + i / 9} for i in range(30)]
    found = one_of(check_rows(tmp_path, rows, pictures=True), "columns")
    assert (found.severity, "no column of pictures found" in found.message) == ("warning", True)
    assert not loud(check_rows(tmp_path, rows))


def test_rows_inside_an_object_are_not_passed_over(tmp_path):
    path = tmp_path / "t.json"
    rows = [{"image": f"{i}.jpg", "mos": i} for i in range(9)]
    path.write_text(json.dumps({"version": 1, "data": rows}))
    assert "no column of labels found in 1 rows with version, data" in loud(check_tables(path))[0]


def test_a_header_alone_is_an_error(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,mos\n")
    with pytest.raises(DataError, match=r"t\.csv names columns and has no row"):
        check_tables(path)


def test_kadid_as_it_is_published(tmp_path):
    rows = [
        {
            "dist_img": f"I{r:02d}_{d:02d}_0{k}.png",
            "ref_img": f"I{r:02d}.png",
            "dmos": round(5 - 0.8 * k + 0.01 * d + 0.003 * r, 3),
            "var": 0.5,
        }
        for r in range(10)
        for d in range(5)
        for k in range(1, 6)
    ]
    assert not loud(check_rows(tmp_path, rows))
    one = set_of(tmp_path, rows)
    assert one.label_column == "dmos"
    assert groupings(one)[0].name == "reference"
    rows[4]["dmos"] = 9
    assert one_of(check_rows(tmp_path, rows, label_scale="1..5"), "values").figures["n"] == 1


def test_labels_of_another_aspect_are_looked_at_for_what_is_no_number(tmp_path):
    rows = [{"image": f"{i}.jpg", "quality": i / 9, "consistency": i / 7} for i in range(30)]
    found = one_of(check_rows(tmp_path, rows), "columns")
    assert (found.severity, found.figures["columns"]) == ("note", "consistency")
    rows[5]["consistency"] = "oops"
    wrong = one_of(check_rows(tmp_path, rows), "values")
    assert (wrong.severity, wrong.rows) == ("error", ("5.jpg",))
    assert "column 'consistency': 1 cells are no numbers, such as 'oops' in row 7" in wrong.message
    told = [{**row, "authenticity": "real"} for row in rows]
    assert len(of(check_rows(tmp_path, told), "values")) == 1, "words are no labels"


def test_missing_pictures_of_a_whole_table_are_told(tmp_path):
    table = write_csv(tmp_path / "a/t.csv", [{"image": f"p/{i}.jpg", "mos": 1 + i / 9} for i in range(30)])
    found = one_of(check_tables(table, pictures=True), "missing-files")
    assert (found.severity, found.figures["n"]) == ("warning", 30)
    assert (
        f"none of the 30 pictures is there, such as 'p/0.jpg' in {str(tmp_path / 'a/p')!r}" in found.message
    )
    assert not loud(check_tables(table))
