"""Flat tables written and read back by other libraries, whole or not at all."""

from __future__ import annotations

import csv
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.data.tables import read_table
from visq.scoring.flat_files import column_kinds, write_flat

COLUMNS = ("id", "n", "mos", "name", "empty")
ROWS = [
    ["007", "1", "3.50", 'a "quoted", name', ""],
    ["8", "", "1e-3", "ü\nx", ""],
    ["+9", "-12", "", "1", ""],
]


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_text_holds_cells_to_the_letter(tmp_path, ending, delimiter):
    write_flat(tmp_path / f"t{ending}", COLUMNS, lambda: ROWS)
    with (tmp_path / f"t{ending}").open(newline="") as file:
        assert list(csv.reader(file, delimiter=delimiter)) == [list(COLUMNS), *ROWS]


def test_json_lines_have_numbers_where_a_whole_column_is(tmp_path):
    write_flat(tmp_path / "t.jsonl", COLUMNS, lambda: ROWS)
    text = (tmp_path / "t.jsonl").read_text()
    first, second, third = map(json.loads, text.splitlines())
    assert first == {"id": "007", "n": 1, "mos": 3.5, "name": 'a "quoted", name', "empty": ""}
    assert (second["n"], second["mos"], second["name"]) == (None, 0.001, "ü\nx")
    assert (third["id"], third["n"], third["mos"]) == ("+9", -12, None)
    assert '"mos": 3.50,' in text  # digits as written


def test_parquet_has_types_too(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_flat(tmp_path / "t.parquet", COLUMNS, lambda: ROWS)
    table = parquet.read_table(tmp_path / "t.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "int64", "double", "string", "string"]
    assert table["n"].to_pylist() == [1, None, -12]
    assert table["mos"].to_pylist() == [3.5, 0.001, None]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_more_rows_than_a_batch_come_back(tmp_path, ending):
    rows = [[f"{i}.jpg", str(i)] for i in range(9000)]
    write_flat(tmp_path / f"t{ending}", ("image", "n"), lambda: rows)
    found = read_table(tmp_path / f"t{ending}")
    assert found.columns == ("image", "n")
    assert [cells for _, cells in found] == rows


@given(st.lists(st.text(alphabet="0123456789.-+eE _", max_size=6), min_size=1, max_size=6))
def test_a_column_of_numbers_is_one_that_json_reads_as_numbers(cells):
    def is_number(cell):
        try:
            value = json.loads(cell)
        except ValueError:
            return False
        return isinstance(value, int | float) and math.isfinite(value) and cell == cell.strip()

    filled = [cell for cell in cells if cell]
    kind = column_kinds(["a"], [[cell] for cell in cells])[0]
    assert (kind != "text") == (bool(filled) and all(map(is_number, filled)))
    if kind == "whole":
        assert all(isinstance(json.loads(cell), int) for cell in filled)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["9" * 18], "whole"),
        (["9" * 19], "text"),  # a double makes 10000000000000000000 of it
        (["9" * 18, "0.5"], "text"),
        (["9" * 15, "0.5"], "number"),
        (["1e999"], "text"),
        (["0.29999999999999999"], "number"),  # a fraction is rounded
        (["9" * 5000], "text"),
    ],
)
def test_a_number_that_would_become_another_is_text(cells, kind):
    assert column_kinds(["a"], [[cell] for cell in cells]) == [kind]


@given(st.lists(st.integers(-(10**25), 10**25).map(str) | st.just("0.5"), min_size=1, max_size=4))
def test_whole_numbers_come_back_exactly(cells):
    kind = column_kinds(["a"], [[cell] for cell in cells])[0]
    if kind == "number":
        assert all(int(float(cell)) == int(cell) for cell in cells if cell != "0.5")
    if kind == "whole":
        assert all(-(2**63) <= int(cell) < 2**63 for cell in cells)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_names_are_text_whatever_they_look_like(tmp_path, ending):
    rows = [["12345678901234567891", "1e6", "1"], ["12345678901234567892", "7", "2"]]
    columns = ("id", "clip", "mos")
    write_flat(tmp_path / f"t{ending}", columns, lambda: rows, names={"id", "clip"})
    assert column_kinds(columns, rows, {"id", "clip"}) == ["text", "text", "whole"]
    assert [cells for _, cells in read_table(tmp_path / f"t{ending}")] == rows


def test_an_ending_no_table_has_and_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"cannot write a table as 't\.xlsx'; use an ending of .csv, .tsv"):
        write_flat(tmp_path / "t.xlsx", ("a",), lambda: [])
    with pytest.raises(InputError, match=r"cannot write .*no/t\.csv"):
        write_flat(tmp_path / "no/t.csv", ("a",), lambda: [])


def test_what_fails_half_way_leaves_nothing(tmp_path):
    def rows():
        yield ["1"]
        raise InputError("gone")

    with pytest.raises(InputError, match="gone"):
        write_flat(tmp_path / "t.csv", ("a",), rows)
    assert list(tmp_path.iterdir()) == []
