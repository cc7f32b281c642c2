"""A table with its split: own rows and columns kept, groups joined, every refusal in one line."""

from __future__ import annotations

import csv
import json
import tracemalloc

import pytest

from visq.core.errors import DataError, InputError, UnknownName
from visq.data.folds import check_folds
from visq.data.split_columns import SplitRequest
from visq.data.split_table import parse_shares, split_table

SHARES = {"train": 0.5, "test": 0.5}


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def ratings(tmp_path):
    """60 pictures of 20 scenes by 2 cameras, columns in an odd order."""
    rows = [[f"{i % 7 + i / 100}", f"s{i // 3}", f"img/{i}.jpg", "ab"[i % 2]] for i in range(60)]
    return write(tmp_path / "ratings.csv", ["mos", "scene", "image", "camera"], rows)


def cells(found, column):
    at = found.columns.index(column)
    return [row[at] for row in found.rows()]


def test_rows_and_columns_stay_and_the_split_is_added(ratings):
    found = split_table(ratings, SplitRequest(SHARES, label="mos", group="scene", domain="camera", seed="7"))
    assert found.columns == ("mos", "scene", "image", "camera", "split", "split_seed", "split_reason")
    with ratings.open() as file:
        assert [row[:4] for row in found.rows()] == list(csv.reader(file))[1:]
    assert set(cells(found, "split_seed")) == {"7"}
    assert set(cells(found, "split_reason")) == {"groups by scene, balanced by mos (10 bins) and camera"}
    parts = cells(found, "split")
    check_folds(cells(found, "scene"), [["train", "test"].index(part) for part in parts])
    train = next(part for part in found.report["parts"] if part["name"] == "train")
    assert (train["n"], train["n_groups"], train["domains"]) == (30, 10, {"a": 15, "b": 15})
    assert (found.report["n_rows"], found.report["n_groups"], found.report["warnings"]) == (60, 20, [])


def test_ids_files_groups_parts_and_the_seed_are_names(tmp_path):
    rows = [[str(10**18 + i), f"{i}", "1e6" if i % 2 else "2e6", "5"] for i in range(8)]
    table = write(tmp_path / "t.csv", ["Image_ID", "image", "Clip", "mos"], rows)
    found = split_table(table, SplitRequest(SHARES, group="clip", seed="007"))
    assert found.names == {"Image_ID", "image", "Clip", "split", "split_seed"}


def test_one_long_cell_costs_its_own_length_only(tmp_path):
    rows = [[f"{i}", "x" * 20_000 if i == 7 else f"p{i % 5}"] for i in range(1000)]
    table = write(tmp_path / "t.csv", ["id", "prompt"], rows)
    tracemalloc.start()
    found = split_table(table, SplitRequest(SHARES, domain="prompt"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.report["n_rows"] == 1000
    assert peak < 8_000_000


def test_folds_with_inner_folds(ratings):
    found = split_table(ratings, SplitRequest(folds=4, nested=3, label="mos", group="scene"))
    inner = [f"inner_fold_{k}" for k in range(4)]
    assert found.columns[4:] == ("split", "fold", *inner, "split_seed", "split_reason")
    folds, scenes = cells(found, "fold"), cells(found, "scene")
    assert cells(found, "split") == [f"fold{k}" for k in folds]
    check_folds(scenes, [int(k) for k in folds])
    for k, name in enumerate(inner):
        column = cells(found, name)
        assert [cell == "" for cell in column] == [fold == str(k) for fold in folds]
        assert {cell for cell in column if cell} == {"0", "1", "2"}
        kept = [(scene, int(cell)) for scene, cell in zip(scenes, column, strict=True) if cell]
        check_folds(*zip(*kept, strict=True))
        assert [part["n_groups"] for part in found.report["inner"][name]] == [5, 5, 5]


def test_groups_of_several_columns_are_connected_components(tmp_path):
    """a-b, b-c and d stand alone: linked by ids of either column."""
    rows = [["1", "a", "b"], ["2", "c", ""], ["3", "b", "c"], ["4", "d", ""], ["5", "e", "f"], ["6", "", "f"]]
    table = write(tmp_path / "t.csv", ["id", "id_a", "id_b"], rows)
    found = split_table(table, SplitRequest(SHARES, group="id_a,id_b"))
    assert found.report["n_groups"] == 3
    parts = cells(found, "split")
    assert parts[0] == parts[1] == parts[2]
    assert parts[4] == parts[5]


def test_the_order_of_rows_does_not_matter_to_components(tmp_path):
    """20 chains of three rows, linked by ids that stand in different columns."""
    rows = [[f"{c}{i}", f"{chr(110 - i)}{c}", f"{chr(110 - i + 1)}{c}"] for c in range(20) for i in range(3)]
    request = SplitRequest({"train": 0.6, "test": 0.4}, group="id_a,id_b")
    table = write(tmp_path / "t.csv", ["id", "id_a", "id_b"], rows)
    parts = dict(zip([row[0] for row in rows], cells(split_table(table, request), "split"), strict=True))
    turned = split_table(write(tmp_path / "u.csv", ["id", "id_a", "id_b"], rows[::-1]), request)
    assert turned.report["n_groups"] == 20
    assert dict(zip(cells(turned, "id"), cells(turned, "split"), strict=True)) == parts


def test_rows_that_name_one_picture_are_one_group(tmp_path):
    rows = [[f"{i}", f"{i % 8}.jpg", f"s{i}"] for i in range(12)]
    table = write(tmp_path / "t.csv", ["id", "image", "scene"], rows)
    found = split_table(table, SplitRequest(SHARES, group="scene"))
    assert found.report["n_groups"] == 8
    assert found.report["n_joined"] == 4
    assert any("4 groups share a picture" in line for line in found.report["warnings"])
    parts = cells(found, "split")
    assert [parts[i] == parts[i + 8] for i in range(4)] == [True] * 4


def test_every_column_of_files_keeps_its_pictures_whole(tmp_path):
    """10 pictures in 4 rows each, named in one of two columns or in both."""
    rows = [
        [f"{k}{i}", f"{i}.jpg" if k < 3 else "", f"p/{i}.png" if k > 1 else ""]
        for k in range(4)
        for i in range(10)
    ]
    table = write(tmp_path / "t.csv", ["id", "image", "path"], rows)
    found = split_table(table, SplitRequest(SHARES))
    assert found.report["n_groups"] == 10
    parts = cells(found, "split")
    assert parts == parts[:10] * 4


@pytest.mark.parametrize("header", [["id", "image"], ["mos", "image"]])
def test_two_spellings_of_one_path_are_one_picture(tmp_path, header):
    rows = [[f"{i}", name] for i, name in enumerate(["a.jpg", "b.jpg", "c.jpg", "./a.jpg", "x/../b.jpg", ""])]
    found = split_table(write(tmp_path / "t.csv", header, rows), SplitRequest(SHARES))
    assert found.report["n_groups"] == 4
    parts = cells(found, "split")
    assert parts[:2] == parts[3:5]


def test_a_list_may_call_a_picture_by_either_of_its_names(tmp_path):
    (tmp_path / "split.json").write_text('{"train": ["a.jpg"], "test": ["p/b.png"]}')
    table = write(tmp_path / "t.csv", ["image", "path"], [["a.jpg", "p/a.png"], ["b.jpg", "p/b.png"]])
    found = split_table(table, SplitRequest(official=str(tmp_path / "split.json")))
    assert cells(found, "split") == ["train", "test"]


def test_a_picture_and_a_group_of_one_name_are_different_things(tmp_path):
    rows = [["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"]]
    found = split_table(write(tmp_path / "t.csv", ["image", "group"], rows), SplitRequest(SHARES))
    assert found.report["n_groups"] == 4


def test_without_groups_every_row_is_one_and_it_is_said(tmp_path):
    table = write(tmp_path / "t.csv", ["mos"], [[str(i)] for i in range(10)])
    found = split_table(table, SplitRequest(SHARES))
    assert found.report["n_groups"] == 10
    assert "names no groups" in found.report["warnings"][0]


def test_a_giant_is_named_in_its_rows_and_in_a_warning(tmp_path):
    rows = [[f"{i}.jpg", "big" if i < 12 else f"s{i}"] for i in range(30)]
    found = split_table(
        write(tmp_path / "t.csv", ["image", "group"], rows),
        SplitRequest({"train": 0.6, "val": 0.2, "test": 0.2}),
    )
    assert cells(found, "split")[:12] == ["train"] * 12
    assert cells(found, "split_reason")[0] == "group of 12 rows, too large for the smallest part"
    assert "group 'big' has 12 rows (40.0%)" in found.report["warnings"][0]


def test_an_official_column_is_kept_as_it_is(ratings):
    with ratings.open() as file:
        rows = list(csv.reader(file))
    sets = [["training", "validation", "test"][int(row[1][1:]) % 3] for row in rows[1:]]
    table = write(
        ratings, [*rows[0], "Set"], [[*row, name] for row, name in zip(rows[1:], sets, strict=True)]
    )
    found = split_table(table, SplitRequest(official="set", group="scene", label="mos"))
    assert found.columns[-4:] == ("Set", "split", "split_seed", "split_reason")
    assert cells(found, "split") == cells(found, "Set") == sets
    assert set(cells(found, "split_reason")) == {"official: column set"}
    assert set(cells(found, "split_seed")) == {""}
    assert [part["name"] for part in found.report["parts"]] == ["test", "training", "validation"]


def test_an_official_column_called_split_stays_in_its_place(tmp_path):
    table = write(tmp_path / "t.csv", ["image", "split", "mos"], [["a", "x", "1"], ["b", "y", "2"]])
    found = split_table(table, SplitRequest(official="split"))
    assert found.columns == ("image", "split", "mos", "split_seed", "split_reason")
    assert cells(found, "split") == ["x", "y"]


def test_an_official_list_is_read_from_a_file(ratings, tmp_path):
    listing = {"train": [f"{i}.jpg" for i in range(30)], "test": [f"{i}.jpg" for i in range(30, 63)]}
    (tmp_path / "split.json").write_text(json.dumps(listing))
    found = split_table(ratings, SplitRequest(official=str(tmp_path / "split.json"), group="scene"))
    assert cells(found, "split") == ["train"] * 30 + ["test"] * 30
    assert cells(found, "split_reason")[0] == "official: list split.json"
    assert found.report["warnings"][0].startswith("3 names of")


def test_columns_of_its_names_are_refused_or_replaced(tmp_path):
    rows = [[f"{i}.jpg", "old", "1"] for i in range(8)]
    table = write(tmp_path / "t.csv", ["image", "Split", "mos"], rows)
    with pytest.raises(DataError, match=r"has a column 'Split' already; keep .* --official Split"):
        split_table(table, SplitRequest(SHARES))
    found = split_table(table, SplitRequest(SHARES, replace=True))
    assert found.columns == ("image", "mos", "split", "split_seed", "split_reason")
    assert set(cells(found, "split")) == {"train", "test"}


def test_an_earlier_split_is_left_out_as_a_whole(ratings, tmp_path):
    first = split_table(ratings, SplitRequest(folds=3, nested=2, group="scene"))
    table = write(tmp_path / "folds.csv", first.columns, list(first.rows()))
    with pytest.raises(DataError, match="has a column 'split' already"):
        split_table(table, SplitRequest(SHARES, group="scene"))
    found = split_table(table, SplitRequest(SHARES, group="scene", replace=True))
    assert found.columns == ("mos", "scene", "image", "camera", "split", "split_seed", "split_reason")
    kept = split_table(table, SplitRequest(official="fold", group="scene", replace=True))
    assert kept.columns[4:] == ("fold", "split", "split_seed", "split_reason")
    assert cells(kept, "fold") == cells(kept, "split") == cells(first, "fold")


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        ({"label": "mos"}, r"t\.csv, row 3, column 'mos': empty; every row needs its label"),
        ({"group": "scene"}, r"t\.csv, row 2, column 'scene': empty; every row needs its group"),
        ({"group": "scene,clip"}, r"t\.csv, row 2, column 'scene and clip': empty"),
        ({"label": "mso"}, r"t\.csv: no column 'mso'"),
        ({"domain": "camera"}, r"t\.csv: no column 'camera'"),
        ({"label": "word"}, r"t\.csv, row 2: 'w0' is no number, and there are 12 different labels"),
    ],
)
def test_what_a_split_needs_and_lacks_is_named_by_row(tmp_path, request_, match):
    rows = [
        [f"{i}.jpg", "" if i == 1 else str(i), "" if i == 0 else "s", "" if i == 0 else "c", f"w{i}"]
        for i in range(12)
    ]
    table = write(tmp_path / "t.csv", ["image", "mos", "scene", "clip", "word"], rows)
    with pytest.raises(DataError, match=match):
        split_table(table, SplitRequest(SHARES, **request_))


def test_a_torn_official_split_names_the_first_group(tmp_path):
    rows = [["a", "s1", "train"], ["b", "s2", "train"], ["c", "s1", "test"], ["d", "s2", "test"]]
    table = write(tmp_path / "t.csv", ["image", "scene", "set"], rows)
    with pytest.raises(
        DataError, match=r"row 4: group 's1' stands in 'test', and in 'train' at row 2, and 1 more"
    ):
        split_table(table, SplitRequest(official="set", group="scene"))


@pytest.mark.parametrize(
    ("rows", "official", "match"),
    [
        ([["a", "train"], ["b", ""]], "set", r"row 3, column 'set': empty; every row needs its part"),
        ([["a", "train"], ["b", "train"]], "set", "all rows are in part 'train'"),
        ([["a", "x"], ["b", "x"]], "list.json", r"row 3: .*list\.json does not list 'b'"),
    ],
)
def test_an_official_split_that_is_none_is_refused(tmp_path, rows, official, match):
    (tmp_path / "list.json").write_text('{"train": ["a"], "test": ["z"]}')
    table = write(tmp_path / "t.csv", ["image", "set"], rows)
    name = str(tmp_path / official) if official.endswith("json") else official
    with pytest.raises(DataError, match=match):
        split_table(table, SplitRequest(official=name))


def test_an_official_name_that_is_nothing_is_answered_with_the_nearest(ratings):
    with pytest.raises(UnknownName, match="unknown column or list of a split 'scenes'; did you mean 'scene'"):
        split_table(ratings, SplitRequest(official="scenes"))


def test_no_rows_and_too_few_groups(tmp_path):
    empty = write(tmp_path / "t.csv", ["image", "mos"], [])
    with pytest.raises(DataError, match="has no rows to split"):
        split_table(empty, SplitRequest(SHARES))
    few = write(tmp_path / "u.csv", ["image", "group"], [["a", "1"], ["b", "1"], ["c", "2"], ["d", "3"]])
    with pytest.raises(InputError, match="5 parts need 5 groups, and there are 3"):
        split_table(few, SplitRequest(folds=5))
    with pytest.raises(DataError, match="inner folds outside fold 0: 3 parts need 3 groups, and there are 2"):
        split_table(few, SplitRequest(folds=3, nested=3))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({}, "give one, not none"),
        ({"shares": SHARES, "folds": 5}, "give one, not --shares and --folds"),
        ({"shares": SHARES, "nested": 5}, "give --folds too"),
        ({"folds": 1}, "--folds must be 2 or more, not 1"),
        ({"folds": 3, "nested": 1}, "--nested must be 2 or more, not 1"),
        ({"folds": 3, "seed": " "}, "--seed is a text that can be printed"),
        ({"folds": 3, "seed": "a\nb"}, "--seed is a text that can be printed"),
    ],
)
def test_a_request_that_means_nothing_is_refused(wrong, match):
    with pytest.raises(InputError, match=match):
        SplitRequest(**wrong)


@pytest.mark.parametrize("text", ["", "train", "train=", "=.5", "a=.5,a=.5", "a=x", "a=nan"])
def test_shares_that_cannot_be_read(text):
    with pytest.raises(InputError, match="not of the form NAME=SHARE"):
        parse_shares(text)


@pytest.mark.shared
def test_the_forgery_index_splits_by_components(shared):
    """SPEC 5.2: 3,027 components over 6,948 hashes, the largest with 3,443 of 10,000 frames."""
    table = shared / "labels/forensics/trainingset2_rows.csv"
    request = SplitRequest(
        {"train": 0.7, "val": 0.1, "test": 0.2},
        group="id_a,id_b",
        label="label",
        domain="source",
        replace=True,
    )
    found = split_table(table, request)
    assert (found.report["n_rows"], found.report["n_groups"]) == (10_000, 3_027)
    giant = found.report["giants"][0]
    assert (giant["n"], giant["part"]) == (3_443, "train")
    for part in found.report["parts"]:
        assert part["share"] == pytest.approx(part["wanted"], abs=0.005)
        assert part["label_mean"] == pytest.approx(0.5, abs=0.01)
    ids = [(cells_[2], cells_[3], cells_[-3]) for cells_ in found.rows()]
    assert found.columns[2:4] == ("id_a", "id_b")
    parts = {}
    for one, other, part in ids:
        for name in filter(None, (one, other)):
            assert parts.setdefault(name, part) == part


@pytest.mark.shared
def test_agiqa3k_splits_by_prompt(shared):
    found = split_table(
        shared / "agiqa3k/labels.csv",
        SplitRequest(folds=5, nested=4, label="quality", domain="generator", replace=True),
    )
    for part in found.report["parts"]:
        assert part["n_groups"] == 48
        assert part["n"] == pytest.approx(2383 / 5, abs=3)
        assert part["label_mean"] == pytest.approx(2.49, abs=0.03)
    # 15 pictures are byte-identical under two prompts, which names of files cannot show.
    assert found.report["n_groups"] == 240
