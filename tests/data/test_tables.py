"""Any table to rows of text: the same rows in every way of writing them, and every fault in one line."""

from __future__ import annotations

import csv
import datetime
import decimal
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError, UnknownName
from visq.data.tables import FlatTable, cell_text, read_table

ROWS = [
    {"image": "a.jpg", "score": "1.50"},
    {"image": "b, c.jpg", "score": ""},
    {"image": 'd".jpg', "score": "7"},
]


def as_objects(rows):
    """JSON text of rows whose scores are numbers, digits as they stand."""
    texts = []
    for row in rows:
        score = row["score"] or "null"
        texts.append(f'{{"image": {json.dumps(row["image"])}, "score": {score}}}')
    return texts


def written(path, rows):
    """A file of rows in the form its name asks for."""
    kind = path.name.partition(".")[0]
    if kind in ("csv", "tsv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["image", "score"], delimiter="," if kind == "csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "parquet":
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        texts = as_objects(rows)
        joined = {
            "array": f"[\n{', '.join(texts)}\n]",
            "lines": "\n".join(texts) + "\n",
            "glued": "".join(texts),
        }
        path.write_text("\ufeff" * (kind == "array") + joined[kind], encoding="utf-8")
    return path


FILES = ["csv.csv", "tsv.tsv", "array.json", "lines.jsonl", "glued.json", "glued.txt", "parquet.parquet"]


@pytest.mark.parametrize("name", FILES)
def test_every_way_of_writing_gives_the_same_cells(tmp_path, name):
    table = read_table(written(tmp_path / name, ROWS))
    assert table.columns == ("image", "score")
    assert [cells for _, cells in table] == [list(row.values()) for row in ROWS]
    assert list(table) == list(table), "a table can be walked again"


def test_rows_are_counted_as_a_person_counts_them(tmp_path):
    assert [row for row, _ in read_table(written(tmp_path / "csv.csv", ROWS))] == [2, 3, 4]
    assert [row for row, _ in read_table(written(tmp_path / "lines.jsonl", ROWS))] == [1, 2, 3]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]),
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
            | st.lists(st.integers(), max_size=2),
            min_size=1,
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["", "\n", " , ", "\r\n\t"]),
)
def test_objects_come_out_as_json_reads_them(tmp_path_factory, records, between):
    path = tmp_path_factory.mktemp("json") / "records.json"
    path.write_text(
        between.join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8"
    )
    table = FlatTable(path)
    assert set(table.columns) == {key for record in records for key in record}
    for (_, cells), record in zip(table, records, strict=True):
        expected = json.loads(json.dumps(record))
        assert dict(zip(table.columns, cells, strict=True)) == {
            key: cell_text(expected[key]) if key in expected else "" for key in table.columns
        }


def test_numbers_keep_their_digits(tmp_path):
    path = tmp_path / "t.json"
    path.write_text('[{"image": "a", "score": 3.10000000000000000001, "votes": [1.50, 2]}]')
    ((_, cells),) = read_table(path)
    assert cells == ["a", "3.10000000000000000001", "[1.5, 2]"]


def test_objects_longer_than_the_buffer_are_read(tmp_path):
    path = tmp_path / "t.json"
    records = [
        {"image": f"{i}.jpg", "text": "ü" * size} for i, size in enumerate((70_000, 3, 200_000, 65_536))
    ]
    path.write_text("".join(json.dumps(record) for record in records))
    assert [cells[1] for _, cells in read_table(path)] == [record["text"] for record in records]


def test_memory_does_not_grow_with_the_rows(tmp_path):
    path = tmp_path / "t.json"
    with path.open("w") as file:
        file.write("[" + ",\n".join(f'{{"image": "{i}.jpg", "score": {i}.5}}' for i in range(60_000)) + "]")
    table = read_table(path)
    tracemalloc.start()
    n = sum(1 for _ in table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 60_000
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.json", '[{"image": "a"}, 3]', r"t\.json, row 2 \(line 1\): an object .* not '3\]'"),
        ("t.json", '[{"image": "a"},\n {"image": ', r"row 2: .*\(line 2\); the file is cut off or no JSON"),
        ("t.json", '[{"image": "a"}', r"row 1 \(line 1\): the list does not end; the file is cut off"),
        ("t.json", '[{"image": "a"}] {}', "there is more after the end of the list"),
        ("t.json", "[]", "holds no object"),
        ("t.json", '{"a": ' + "[" * 100_000, "too deep or too large"),
        ("t.jsonl", "\n\n", "holds no object"),
        ("t.csv", "", "is empty"),
        ("t.tsv", "image\tscore\na\t1\t2\n", r"row 2: 3 cells, but the header has 2"),
        ("t.parquet", "no parquet", "is no Parquet file that can be read"),
        ("t.csv", "\n\nimage\na\n", r"row 1: no column names"),
        ("t.json", '[{"image": "\\ud800"}]', r"row 1 \(line 1\): half a character"),
        ("t.json", '{"a": {"b": ["x\\u0000"]}}', "a NUL character"),
        (
            "t.json",
            '{"a": 1}\n{"a" 2}\n' + '{"a": 3}\n' * 99,
            r"row 2: Expecting ':' delimiter \(line 2\); mend it",
        ),
        (
            "t.json",
            '{"a": 1}\n{"a": "b}\n' + '{"a": 3}\n' * 99,
            r"row 2: Invalid control .* \(line 2\); mend it",
        ),
    ],
)
def test_a_broken_table_is_one_line(tmp_path, name, text, message):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        list(read_table(path))
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "t.json").write_bytes(b'[{"image": "\xff"}]')
    with pytest.raises(DataError, match="is not UTF-8"):
        list(read_table(tmp_path / "t.json"))


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "t.docx").write_text("words")
    with pytest.raises(InputError, match="no table by its ending"):
        read_table(tmp_path / "t.docx")
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UnknownName, match="unknown format 'qaling'; did you mean 'qalign'"):
        read_table(tmp_path / "t.docx", format="qaling")


def test_a_loose_table_lets_wrong_rows_through_with_the_reason(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,score\na,1\nb,2,3\nc\n")
    table = read_table(path, strict=False)
    assert table.columns == ("image", "score", "defect")
    assert [cells for _, cells in table] == [
        ["a", "1", ""],
        ["b", "2", "3 cells, but the header has 2"],
        ["c", "", "1 cells, but the header has 2"],
    ]


def test_pictures_inside_a_parquet_are_no_cells(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [{"image": {"bytes": b"\xff\xd8", "path": "a.jpg"}, "id": "a", "score": 2.5, "raw": b"x"}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.columns == ("id", "score")
    assert [cells for _, cells in table] == [["a", "2.5"]]


def test_escapes_of_whole_characters_are_text(tmp_path):
    (tmp_path / "t.json").write_text('[{"image": "\\ud83d\\ude00\\u00e9.jpg", "text": "a\\\\u0000b"}]')
    assert [cells for _, cells in read_table(tmp_path / "t.json")] == [["😀é.jpg", r"a\u0000b"]]


def test_values_of_a_parquet_are_written_as_people_write_them(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = {
        "image": ["a", None],
        "mos": [decimal.Decimal("3.50"), None],
        "day": [datetime.date(2020, 1, 2), None],
        "ok": [True, None],
        "many": [["b"], []],
        "pictures": [[{"bytes": b"x", "path": "p"}], None],
        "a.b": [1, 2],
    }
    parquet.write_table(pa.table(rows), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.columns == ("image", "mos", "day", "ok", "many", "a.b")
    assert [cells for _, cells in table] == [
        ["a", "3.50", "2020-01-02", "true", '["b"]', "1"],
        ["", "", "", "", "[]", "2"],
    ]


def test_a_parquet_that_lies_is_one_line(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    parquet.write_table(pa.Table.from_arrays([bad], names=["image"]), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet, after row 0: .*can't decode"):
        list(read_table(tmp_path / "t.parquet"))
    two = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["image", "image"])
    parquet.write_table(two, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'image' stands twice"):
        read_table(tmp_path / "t.parquet")


def test_tabs_separate_where_a_header_has_nothing_else(tmp_path):
    (tmp_path / "t.csv").write_text("image\tscore\na, b\t1\n")
    assert [cells for _, cells in read_table(tmp_path / "t.csv")] == [["a, b", "1"]]
