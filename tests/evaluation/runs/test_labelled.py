"""Labelled sets: which rows count, which columns hold what, and what sets are called."""

from __future__ import annotations

import json

import numpy as np
import pytest

from visq.core.errors import DataError, InputError
from visq.core.scales import Scale
from visq.data.sources import file_sha256, set_names
from visq.evaluation.figures.protocols import protocol
from visq.evaluation.runs.labelled import LabelChoice, labelled_set

NOTHING = LabelChoice()


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def read(path, aspect="quality", name=None, **choice):
    return labelled_set(path, "a", aspect, None if name is None else protocol(name), LabelChoice(**choice))


def test_rows_without_a_label_are_counted_and_no_part(tmp_path):
    one = read(write(tmp_path / "a.csv", "image,mos,mos_std\nx.png,1.5,.2\ny.png,,\nz.png,3,\n"))
    assert [sample.id for sample in one.samples] == ["x.png", "z.png"]
    assert (len(one.rows), one.kept, one.n_unlabelled, one.n_excluded) == (3, (0, 2), 1, 0)
    assert one.labels.tolist() == [1.5, 3.0]
    np.testing.assert_array_equal(one.stds, [0.2, np.nan])
    assert (one.label_column, one.std_column, one.format) == ("mos", "mos_std", "csv")
    assert one.sha256 == file_sha256(one.manifest)


def test_without_protocol_and_group_every_row_is_its_own(tmp_path):
    one = read(write(tmp_path / "a.csv", "image,mos\nx.png,1\ny.png,2\n"))
    assert one.groups.tolist() == ["x.png", "y.png"]
    assert one.group_column is None
    assert one.label_scale is None


def test_groups_of_a_column_and_of_several(tmp_path):
    path = write(tmp_path / "a.csv", "image,mos,a,b\n1,1,x,\n2,2,x,y\n3,3,,y\n4,4,,\n")
    assert read(path, group="a").groups.tolist() == ["x", "x", " 3", " 4"]
    joined = read(path, group="a,b")
    assert len(set(joined.groups.tolist())) == 2
    assert joined.group_column == "a,b"
    with pytest.raises(DataError, match=r"no column 'scene'"):
        read(path, group="scene")


def test_the_rater_training_pictures_of_livec_are_left_out(tmp_path):
    rows = "".join(f"{name}.bmp,{50 + i}\n" for i, name in enumerate(["t1", "t7", "t8", "1023"]))
    one = read(write(tmp_path / "livec.csv", f"image,mos\n{rows}"), name="livec")
    assert [sample.id for sample in one.samples] == ["t8.bmp", "1023.bmp"]
    assert one.n_excluded == 2
    assert one.notes == ("left out, no part of LIVE in the Wild (LIVE Challenge): 2 rows",)
    assert one.label_scale == Scale(0, 100)


def test_only_test_rows_count_where_the_protocol_says_so(tmp_path):
    path = write(tmp_path / "k.csv", "image,score,split\na,50,train\nb,60,test\nc,70,Test\nd,,validation\n")
    one = read(path, name="koniq")
    assert [sample.id for sample in one.samples] == ["b", "c"]
    assert (one.n_excluded, one.n_unlabelled) == (2, 0)
    assert any("not marked as test by column 'split': 2 rows" in note for note in one.notes)
    assert len(read(path).kept) == 3


def test_a_split_column_without_test_rows_leaves_all(tmp_path):
    path = write(tmp_path / "k.csv", "image,score,split\na,50,train\nb,60,train\n")
    assert len(read(path, name="koniq").kept) == 2


def test_references_and_generators_are_read_from_file_names(tmp_path):
    kadid = read(write(tmp_path / "k.csv", "image,dmos\nI01_01_01.png,4\nI02_01_05.png,2\n"), name="kadid")
    assert kadid.groups.tolist() == ["I01", "I02"]
    assert kadid.group_column == "reference"
    assert "reference is read from the file names" in kadid.notes
    names = "sd1.5_normal_001.jpg,3\nglide_normal_001.jpg,1\n"
    agiqa = read(write(tmp_path / "a.csv", f"image,mos_quality\n{names}"), name="agiqa3k")
    assert agiqa.columns["generator"].tolist() == ["sd1.5_normal", "glide_normal"]
    assert agiqa.groups.tolist() == ["001", "001"]
    odd = read(write(tmp_path / "o.csv", "image,dmos\nI01_01_01.png,4\nholiday.png,2\n"), name="kadid")
    assert odd.group_column is None


def test_a_manifest_s_own_columns_come_first(tmp_path):
    path = write(
        tmp_path / "a.csv", "image,quality,Prompt,Generator\nsd_001.jpg,3,a cat,x\nsd_002.jpg,1,a cat,y\n"
    )
    one = read(path, name="agiqa3k")
    assert one.columns["generator"].tolist() == ["x", "y"]
    assert one.groups.tolist() == ["a cat", "a cat"]
    assert one.group_column == "Prompt"


def test_of_two_forms_the_labels_decide_and_it_is_said(tmp_path):
    path = write(tmp_path / "k.csv", "image,mos\na,1.5\nb,4.2\n")
    one = read(path, name="koniq")
    assert one.label_scale == Scale(1, 5)
    assert "labels are taken as mean of 1..5 votes" in one.notes[0]
    assert read(path, name="koniq", label_scale="100..0").label_scale == Scale(0, 100, "down")


def test_labels_0_and_1_of_authenticity_are_a_scale(tmp_path):
    path = write(tmp_path / "f.csv", "image,label\na,0\nb,1\n")
    assert read(path, "authenticity").label_scale == Scale(0, 1)
    assert read(path, "quality").label_scale is None


def test_a_model_s_score_is_no_label(tmp_path):
    rows = [{"img_path": f"{i}.png", "gt_score": i, "logit_good": 1.0, "logit_poor": i} for i in range(3)]
    path = write(tmp_path / "q.json", "".join(map(json.dumps, rows)))
    one = read(path)
    assert (one.format, one.label_column) == ("qbench", "gt_score")
    assert read(path, name="livec").label_column == "gt_score"


def test_rows_without_a_group_are_counted_and_join_no_other(tmp_path):
    rows = "a,1,b\nb,2,\nc,3, b \nd,4,\ne,5,x\n"
    one = read(write(tmp_path / "a.csv", f"id,mos,scene\n{rows}".replace("id,", "image,")), group="scene")
    assert len({*one.groups.tolist()}) == 4
    assert one.groups[0] == one.groups[2] == "b" != one.groups[1]
    assert one.notes == ("rows without a group by 'scene', each taken as a group of its own: 2",)


def test_repeated_rows_are_counted_and_contradictory_ones_refused(tmp_path):
    one = read(write(tmp_path / "a.csv", "image,mos\na,1\nb,2\na,1.0\n"))
    assert len(one.kept) == 2
    assert one.notes == ("rows that repeat an id and its file, left out: 1",)
    with pytest.raises(
        DataError, match=r"rows 2 and 4, column 'mos': id 'a' has the labels 1 and 5; keep one"
    ):
        read(write(tmp_path / "a.csv", "image,mos\na,1\nb,2\na,5\n"))
    with pytest.raises(DataError, match="has the labels none and 5"):
        read(write(tmp_path / "a.csv", "image,mos\na,\nb,2\na,5\n"))


def test_columns_of_long_texts_are_not_kept(tmp_path):
    one = read(write(tmp_path / "a.csv", f"image,mos,kind,story\na,1,x,{'w ' * 200}\nb,2,y,\n"))
    assert set(one.columns) == {"kind"}


def test_no_label_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv: no row has a label in column 'mos'; name its column"):
        read(write(tmp_path / "a.csv", "image,mos\na,\n"))
    with pytest.raises(DataError, match="is left by protocol 'livec'"):
        read(write(tmp_path / "b.csv", "image,mos\nt1,5\n"), name="livec")


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (["/d/koniq.csv"], ["koniq"]),
        (["/d/x/labels.csv"], ["x/labels"]),
        (["/d/x/a.csv", "/d/y/a.csv"], ["x/a", "y/a"]),
        (["/d/x/s/a.csv", "/d/y/s/a.csv", "/d/b.csv"], ["x/s/a", "y/s/a", "b"]),
        (["/d/a.csv", "/d/a.jsonl"], ["a.csv", "a.jsonl"]),
    ],
)
def test_sets_are_called_by_the_end_of_their_path(paths, wanted):
    assert set_names(paths) == wanted


def test_a_manifest_named_twice_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'\./a\.csv' is named twice"):
        set_names(["a.csv", "./a.csv"])


def test_a_hash_of_nothing_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*missing\.csv.*No such file"):
        file_sha256(tmp_path / "missing.csv")
