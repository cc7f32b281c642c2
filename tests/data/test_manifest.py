"""Tests of the manifest reader: what a table of people, spreadsheets and enemies may hold."""

import logging
import os
import pathlib
import string
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError, InputError
from visq.data import check_folds
from visq.data.manifest import Manifest, read_manifest

SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def table(tmp_path):
    """Writes photos.csv and the files named, returns the path."""

    def write(content, *files):
        path = tmp_path / "photos.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return path

    return write


def read(path, **options):
    return list(read_manifest(path, **options))


def ids(path, **options):
    return [sample.id for sample in read(path, **options)]


def names(path, **options):
    """Paths relative to the manifest's folder."""
    return [os.path.relpath(sample.path, path.parent) for sample in read(path, **options)]


def refused(path, **options):
    """The one-line message of the DataError that a table gives."""
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_whole_row_is_read(table):
    path = table("image,Prompt,GROUP,MOS,n\r\na.jpg,a cat , p1 , 3.5 ,007\r\nb.jpg,,,,\r\n", "a.jpg", "b.jpg")
    first, second = read(path, labels={"quality": "mos"})
    assert (first.id, first.path) == ("a.jpg", str(path.parent / "a.jpg"))
    assert (first.prompt, first.group, first.labels, first.extra) == (
        "a cat ",
        "p1",
        {"quality": 3.5},
        {"n": "007"},
    )
    assert (second.prompt, second.group, second.labels, second.extra) == (None, None, {}, {"n": ""})


def test_byte_order_mark_and_windows_line_ends_are_no_content(table):
    path = table(b'\xef\xbb\xbfID,"score"\r\na.jpg,1\r\n', "a.jpg")
    (sample,) = read(path, labels={"quality": "SCORE"})
    assert (sample.id, sample.labels, sample.extra) == ("a.jpg", {"quality": 1.0}, {})


def test_semicolons_separate_where_the_header_has_no_comma(table):
    path = table('id;prompt\na.jpg;"one; two"\n', "a.jpg")
    assert read(path)[0].prompt == "one; two"
    assert ids(table("id,a;b\nx,y;z\n")) == ["x"]


def test_id_and_file_columns_are_told_apart(table):
    path = table("file,image_id\na.jpg,17\n", "a.jpg")
    assert (ids(path), names(path)) == (["17"], ["a.jpg"])


def test_group_and_prompt_columns_can_be_named(table):
    (sample,) = read(table("id,scene,words\na,s1,hello\n"), group="Scene", prompt="WORDS")
    assert (sample.group, sample.prompt, sample.extra) == ("s1", "hello", {})


@pytest.mark.parametrize("text", ["007", "1e5", "9007199254740993", "inf", "1001.00", "1001.0x", "-1.0"])
def test_ids_are_text(table, text):
    assert ids(table(f"id\n{text}\n")) == [text]


def test_a_spreadsheets_export_loses_its_point_zero_once(table, caplog):
    caplog.set_level(logging.INFO, logger="visq.data.manifest")
    path = table("ID\n1001.0\n007.0\n", "1001.jpg")
    manifest = Manifest(path)
    assert [sample.id for sample in manifest] == [sample.id for sample in manifest] == ["1001", "007"]
    assert names(path)[0] == "1001.jpg"
    assert [record.getMessage().count("'ID' end in .0") for record in caplog.records] == [
        1,
        1,
    ]  # two manifests


def test_one_other_id_keeps_all_points_zero(table):
    assert ids(table("id\n1001.0\n1002\n")) == ["1001.0", "1002"]


def test_the_file_column_is_an_export_of_its_own(table):
    path = table("id,image\nx1,1001.0\nx2,1002.0\n", "1001.jpg", "1002.png")
    assert (ids(path), names(path)) == (["x1", "x2"], ["1001.jpg", "1002.png"])


@pytest.mark.parametrize(
    ("cell", "files", "found"),
    [
        ("a.jpg", ["a.jpg", "a.jpg.png", "A.JPG"], "a.jpg"),
        ("a", ["a.png", "A.png"], "a.png"),
        ("a", ["a.JPEG", "a.txt"], "a.JPEG"),
        ("A.JPG", ["a.jpg", "A.JPG.gif", "x.jpg"], "A.JPG.gif"),
        ("A.JPG", ["a.jpg"], "a.jpg"),
        ("IMG", ["img.png"], "img.png"),
        ("v1.5", ["v1.5.tif"], "v1.5.tif"),
        ("sub/a", ["sub/a.jpg", "a.jpg"], "sub/a.jpg"),
        ("a", ["a/x.txt", "a.jpg"], "a.jpg"),
        ("gone.jpg", ["a.jpg"], "gone.jpg"),
        ("no/such/a", [], "no/such/a"),
    ],
)
def test_files_are_found_step_by_step(table, cell, files, found):
    assert names(table(f"image\n{cell}\n", *files)) == [found]


def test_an_absolute_path_stays(table, tmp_path):
    assert read(table(f"image\n{tmp_path}/x.jpg\n"))[0].path == f"{tmp_path}/x.jpg"


@pytest.mark.parametrize(
    ("cell", "files"),
    [("a", ["a.jpg", "a.png"]), ("A.jpg", ["a.jpg", "a.JPG"]), ("A", ["a.jpg", "a.png"])],
)
def test_two_fitting_files_are_refused_with_row_and_names(table, cell, files):
    message = refused(table(f"image,n\nok.jpg,1\n{cell},2\n", "ok.jpg", *files))
    assert f"row 3: {cell!r} could be" in message
    assert all(repr(name) in message for name in files)


def test_folders_are_listed_once_and_no_picture_is_opened(table, audited):
    n = 300
    path = table("id\n" + "".join(f"p{i}\n" for i in range(n)), *[f"p{i}.JPG" for i in range(n)])
    with audited() as events:
        assert len(read(path)) == n
    assert len(events["os.scandir"]) == 1
    assert {os.path.basename(opened) for opened in events["open"]} == {"photos.csv"}


def test_exact_names_need_no_listing(table, audited):
    path = table("id\na.jpg\n", "a.jpg")
    with audited() as events:
        read(path)
    assert not events["os.scandir"]


def test_a_missing_label_column_is_named(table):
    message = refused(table("id, b ,c\nx,1,2\n"), labels={"quality": "mos"})
    assert message.endswith("photos.csv: no column 'mos'; columns: id, b, c")


def test_long_lists_of_columns_are_cut(table):
    message = refused(table("id,a,b,c,d,e,f,g,h\n"), group="scene")
    assert message.endswith("no column 'scene'; columns: id, a, b, c, d, e, f, g, ...")


def test_a_missing_prompt_column_is_named(table):
    assert "no column 'words'" in refused(table("id\n"), prompt="words")


@pytest.mark.parametrize("cell", ["abc", "nan", "inf", "1_0", "3;5", "0x10"])
def test_a_label_that_is_no_number_is_refused(table, cell):
    message = refused(table(f'id,mos\n"a\nb",1\nc,{cell}\n'), labels={"quality": "MOS"})
    assert message.endswith(
        f"photos.csv, row 3, column 'mos': {cell!r} is not a number; write a decimal or leave the cell empty"
    )


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_labels_are_read_back_exactly(tmp_path_factory, number):
    path = tmp_path_factory.mktemp("labels") / "photos.csv"
    path.write_text(f"id,mos\na,{number!r}\n")
    assert read(path, labels={"quality": "mos"})[0].labels == {"quality": number}


def test_no_column_of_ids_is_refused_with_the_columns(table):
    message = refused(table("picture,score\na,1\n"))
    assert (
        "no column of ids or files (one of id, image_id, image, path, file, filename, img_path, image_path, "
        "dist_img)" in message
    )
    assert message.endswith("columns: picture, score")


@pytest.mark.parametrize("header", ["id,n,Image_ID", "filename,n,PATH"])
def test_two_candidates_of_a_kind_are_listed(table, header):
    message = refused(table(f"{header}\n1,2,3\n"))
    assert "2 columns could hold" in message
    assert message.endswith(f"{header.replace(',n,', ', ')}; keep one")


def test_a_column_that_stands_twice_is_refused(table):
    assert "column 'Score' stands twice" in refused(table("id,score,Score\n"))


@pytest.mark.parametrize(("row", "n_cells"), [("b,2,3", 3), ("b", 1)])
def test_long_and_short_rows_are_refused(table, row, n_cells):
    message = refused(table(f'id,n\n"a\r\na",1\n\n{row}\n'))
    assert f"photos.csv, row 4: {n_cells} cells, but the header has 2" in message


def test_rows_without_content_are_passed_over_but_counted(table):
    path = table("id,mos\n\na,1\n,\nb,x\n")
    assert ids(path) == ["a", "b"]
    assert "row 5, column 'mos'" in refused(path, labels={"quality": "mos"})


def test_an_empty_name_is_refused(table):
    assert "row 2, column 'image': empty; name a picture" in refused(table("image,n\n ,1\n"))


def test_an_empty_file_is_refused(table):
    assert refused(table("")).endswith("is empty; the first row has to name the columns")


@pytest.mark.parametrize("content", ["\nid\n", " , \nid,n\n"])
def test_a_header_without_names_is_refused(table, content):
    assert "row 1: no column names" in refused(table(content))


def test_a_header_alone_yields_nothing(table):
    assert read(table("id,mos")) == []


@pytest.mark.parametrize(
    ("content", "row", "advice"),
    [
        (b"id\na\nb\xff\n", 3, "not UTF-8; save the table as CSV UTF-8"),
        ("id\nä\n".encode("utf-16"), 1, "not UTF-8"),
        (b"id\na\0b\n", 2, "a NUL byte; save the table"),
        (b"id\na\n" + b"x" * 140_000 + b"\n", 3, "a cell of more than 131072 characters"),
        (b'id,n\na,1\n"b,2\n', 3, "check the quotation marks"),
        (b'id,n\n"a"b,1\n', 2, "check the quotation marks"),
        (b"x" * (1 << 22), 1, "a line of more than 4194304 characters; is this a CSV file"),
    ],
)
def test_what_is_no_csv_is_refused_with_its_row(table, content, row, advice):
    message = refused(table(content))
    assert f"photos.csv, row {row}: " in message
    assert advice in message


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"no such file: .*gone\.csv") as caught:
        read_manifest(tmp_path / "gone.csv")
    assert caught.value.kind == "missing"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no fifos here")
def test_a_fifo_is_refused_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(InputError, match="not a regular file"):
        read_manifest(tmp_path / "x.csv")


def test_a_link_loop_cannot_be_read(tmp_path):
    (tmp_path / "x.csv").symlink_to("x.csv")
    with pytest.raises(InputError, match=r"cannot read .*x\.csv") as caught:
        read_manifest(tmp_path / "x.csv")
    assert caught.value.kind == "unreadable"


def test_repeated_rows_are_left_out_and_logged_once(table, caplog):
    path = table("id,file\na,x.jpg\nb,x.jpg\na,./x.jpg\na,x.jpg\n")
    manifest = Manifest(path)
    assert [sample.id for sample in manifest] == [sample.id for sample in manifest] == ["a", "b"]
    assert len(manifest) == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 2 rows repeat an id and its file and are left out"
    ]


def test_an_id_with_two_files_is_refused_with_both_rows(table):
    message = refused(table("id,file\na,x.jpg\nb,y.jpg\na,y.jpg\n"))
    assert "rows 2 and 4: id 'a' stands for 'x.jpg' and for 'y.jpg'" in message


def test_a_wrong_row_at_the_end_is_found_by_the_call_itself(table):
    path = table("id,mos\na,1\nb,x\n")
    with pytest.raises(DataError, match="row 3"):
        read_manifest(path, labels={"quality": "mos"})


def test_hostile_ids_are_made_printable(table):
    assert ids(table('id\n"a\x1b[31m\nb"\n')) == [r"a\x1b[31m\nb"]


# No digits: whole columns of 0.0 are read as a spreadsheet's export, which is tested above.
CELL = st.text(alphabet=string.ascii_letters + ".,;\"' \r\n\té💡", min_size=1, max_size=8).filter(str.strip)


def quoted(*cells):
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


@given(rows=st.lists(st.tuples(CELL, CELL), max_size=8, unique_by=lambda row: row[0]))
def test_any_cells_come_back_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("cells") / "photos.csv"
    path.write_bytes(("image,note\n" + "".join(quoted(*row) for row in rows)).encode())
    assert [(os.path.relpath(s.path, path.parent), s.extra["note"]) for s in read_manifest(path)] == [
        (os.path.normpath(name), note) for name, note in rows
    ]


def test_a_walk_holds_no_rows(tmp_path):
    path = tmp_path / "photos.csv"
    path.write_text("id,text\n" + "".join(f"{i}.jpg,{'x' * 200}\n" for i in range(20_000)))
    tracemalloc.start()
    manifest = Manifest(path)
    kept, checked = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    assert sum(1 for _ in manifest) == 20_000
    walked = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The rows alone are 4 MB with their text. The check holds an id, a path and a row number of each.
    assert kept < 200_000
    assert walked < 400_000
    assert checked < 20_000 * 400


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data beside the project")
@pytest.mark.parametrize(
    ("folder", "label", "n", "n_folds"), [("agiqa3k", "quality", 2383, 5), ("ava", "score", 1200, 5)]
)
def test_the_shared_label_files_are_read_whole(folder, label, n, n_folds):
    samples = read(SHARED / folder / "labels.csv", labels={"aspect": label})
    assert len(samples) == len({sample.id for sample in samples}) == n
    assert all("aspect" in sample.labels and os.path.isfile(sample.path) for sample in samples)
    folds = [int(sample.extra["fold"]) for sample in samples]
    assert set(folds) == set(range(n_folds))
    check_folds([sample.group or sample.id for sample in samples], folds)
