"""Tables of scores made elsewhere: read in every shape, paired with labelled rows, nothing dropped."""

from __future__ import annotations

import json

import numpy as np
import pytest

import visq
from visq.core.errors import DataError, InputError
from visq.core.scales import Scale
from visq.evaluation.runs.external import paired, read_scores
from visq.evaluation.runs.labelled import LabelChoice, labelled_set
from visq.evaluation.runs.score_source import table_scores
from visq.evaluation.runs.scored_sets import by_table


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def lines(path, rows):
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def labelled(tmp_path):
    rows = "".join(f"photos/{name}.jpg,{label}\n" for name, label in zip("abcd", (1, 2.5, 3, 4), strict=True))
    path = write(tmp_path / "labels.csv", f"image,mos\n{rows}")
    return labelled_set(path, "a", "quality", None, LabelChoice())


def scored(labelled, path, limit=None, **options):
    table = read_scores(path, "quality", **options)
    return by_table(labelled, table, paired(table, labelled), limit=limit)


# --- shapes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_visq_s_own_tables(tmp_path, photos, tiny, ending):
    table = visq.score(photos, model=str(tiny), out=tmp_path / f"t.{ending}")
    found = read_scores(str(tmp_path / f"t.{ending}"), "quality")
    rows = list(table.rows)
    assert [row.id for row in found.rows] == [row.id for row in rows]
    assert [row.score for row in found.rows] == [row.scores["quality"].value for row in rows]
    assert [row.low for row in found.rows] == [row.scores["quality"].low for row in rows]
    assert [row.spread for row in found.rows] == [row.scores["quality"].spread for row in rows]
    assert found.rows[0].sha256 == rows[0].sha256
    assert found.scale == Scale(1, 5)
    assert found.made_by["model"] == table.identity["model"]
    assert found.made_by["model_hash"] == table.identity["model_hash"]


def test_failed_rows_of_visq_stay_failures(tmp_path, photos, tiny, labelled):
    (photos / "home" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    visq.score(photos, model=str(tiny), out=tmp_path / "t.csv")
    first = read_scores(str(tmp_path / "t.csv"), "quality").rows[0]
    assert (first.id, first.score) == ("home/0.png", None)
    assert first.kind
    assert first.error


def test_pyiqa_s_table(tmp_path, labelled):
    path = write(tmp_path / "niqe.csv", "a.jpg,5.5\nb.jpg,4.5\nc.jpg,3.25\nd.jpg,3\n")
    found = read_scores(path, "quality", scale=Scale(0, 100, "down"))
    assert found.format == "pyiqa"
    one = by_table(labelled, found, paired(found, labelled), limit=None)
    assert one.scores.tolist() == [94.5, 95.5, 96.75, 97.0]
    assert one.score_scale == Scale(0, 100)


def test_q_realign_s_lines_of_this_task(tmp_path, labelled):
    rows = [{"media": f"{n}.jpg", "score": 0.1 * i, "task": "iqa"} for i, n in enumerate("abcd")]
    path = lines(tmp_path / "q.jsonl", [*rows, {"media": "a.jpg", "score": 0.9, "task": "iaa"}])
    found = read_scores(path, "quality")
    assert (found.format, len(found.rows), found.scale) == ("qrealign", 4, None)
    assert found.notes == ("rows of other tasks than quality, passed over: 1",)
    with pytest.raises(DataError, match="no row of aesthetics"):
        read_scores(lines(tmp_path / "r.jsonl", rows), "aesthetics")


def test_q_bench_s_glued_logits(tmp_path, labelled):
    rows = [
        {"img_path": f"{n}.jpg", "gt_score": 1.0, "logit_good": i, "logit_poor": 1}
        for i, n in enumerate("abcd")
    ]
    path = write(tmp_path / "q.json", "".join(map(json.dumps, rows)))
    one = scored(labelled, path)
    assert one.scores == pytest.approx([1 / (1 + np.exp(1 - i)) for i in range(4)])
    assert one.score_scale == Scale(0, 1)
    assert scored(labelled, path, score="good-poor").scores.tolist() == [-1, 0, 1, 2]


def test_a_run_folder_s_scores(tmp_path, labelled):
    path = write(tmp_path / "s.csv", "set,id,score,low,high\na,photos/a.jpg,3,2,4\n")
    one = scored(labelled, path)
    assert (one.scores[0], one.low[0], one.high[0]) == (3, 2, 4)


def test_a_scale_that_points_down_is_turned_with_its_interval(tmp_path, labelled):
    path = write(tmp_path / "t.csv", "id,score,score_low,score_high\na.jpg,2,1.5,4\nb.jpg,9,8,11\n")
    one = scored(labelled, path, scale=Scale(1, 11, "down"))
    assert one.scores[:2].tolist() == [10, 3]
    assert one.low[:2].tolist() == [8, 1]
    assert one.high[:2].tolist() == [10.5, 4]
    assert one.score_scale == Scale(1, 11)


# --- predictions ---------------------------------------------------------------------------------------


def predictions(path, texts, labels):
    says = "The score of this image is {}."
    rows = [
        {"prompt": "rate", "predict": text, "label": says.format(label)}
        for text, label in zip(texts, labels, strict=True)
    ]
    return lines(path, rows)


def test_predictions_are_paired_by_position_and_failures_counted(tmp_path, labelled):
    said = "The score of this image is "
    texts = [f"{said}1.25.", "a cat", f"{said}<3.10>.", f"{said}4.00"]
    one = scored(labelled, predictions(tmp_path / "p.jsonl", texts, ("1.00", "2.50", "3.00", "4.00")))
    np.testing.assert_array_equal(one.scores, [1.25, np.nan, 3.1, 4.0])
    assert one.kinds == ("", "no-number", "", "")
    assert "a cat" in one.errors[1]


def test_a_prediction_outside_its_scale_is_a_failure_that_keeps_its_text(tmp_path, labelled):
    said = "The score of this image is "
    texts = [f"{said}1.00.", f"{said}65.9.", f"{said}5.00.", f"{said}0.99."]
    path = predictions(tmp_path / "p.jsonl", texts, ("1.00", "2.50", "3.00", "4.00"))
    one = scored(labelled, path, scale=Scale(1, 5))
    np.testing.assert_array_equal(one.scores, [1, np.nan, 5, np.nan])
    assert one.kinds == ("", "out-of-scale", "", "out-of-scale")
    assert one.errors[1] == "65.9 lies outside 1..5: 'The score of this image is 65.9.'"
    assert scored(labelled, path).scores.tolist() == [1, 65.9, 5, 0.99]  # nobody said what it is measured on


def test_predictions_of_other_rows_are_refused(tmp_path, labelled):
    said = ["The score of this image is 3.00."] * 4
    path = predictions(tmp_path / "p.jsonl", said[:3], ("1.00", "2.50", "3.00"))
    with pytest.raises(DataError, match=r"has 3 predictions and .*labels\.csv 4 rows"):
        scored(labelled, path)
    path = predictions(tmp_path / "q.jsonl", said, ("1.00", "2.50", "3.01", "4.00"))
    with pytest.raises(DataError, match=r"q\.jsonl, row 3: the label 3\.01, but .* gives 'photos/c\.jpg' 3;"):
        scored(labelled, path)


def test_labels_may_differ_by_their_rounding(tmp_path):
    path = write(tmp_path / "l.csv", "image,mos\na,1.234\nb,2.675\n")
    labelled = labelled_set(path, "a", "quality", None, LabelChoice())
    said = ["The score of this image is 3.00."] * 2
    assert len(scored(labelled, predictions(tmp_path / "p.jsonl", said, ("1.23", "2.68"))).scores) == 2


# --- pairing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "by"),
    [
        (["photos/{}.jpg"], {"id": 4}),
        (["{}.jpg"], {"file name": 4}),
        (["elsewhere/photos/{}.jpg"], {"file name": 4}),
        (["{}"], {"stem": 4}),
        (["{}.png"], {"stem": 4}),
    ],
)
def test_rows_are_found_by_id_then_file_name_then_stem(tmp_path, labelled, names, by):
    rows = "".join(f"{names[0].format(n)},{i}\n" for i, n in enumerate("dcba"))
    table = read_scores(write(tmp_path / "t.csv", f"image,score\n{rows}"), "quality")
    found = paired(table, labelled)
    assert [row.score for row in found.rows] == [3, 2, 1, 0]
    assert dict(found.by) == by
    assert found.n_extra == 0


def test_an_id_goes_before_a_name(tmp_path):
    """Ids 1 and 2 stand for the files 2.jpg and 1.jpg: the ids decide."""
    path = write(tmp_path / "l.csv", "id,image,mos\n1,2.jpg,1\n2,1.jpg,2\n")
    labelled = labelled_set(path, "a", "quality", None, LabelChoice())
    table = read_scores(write(tmp_path / "t.csv", "id,score\n1,0.1\n2,0.2\n"), "quality")
    assert [row.score for row in paired(table, labelled).rows] == [0.1, 0.2]


def test_a_name_that_stands_twice_is_not_guessed(tmp_path):
    path = write(tmp_path / "l.csv", "image,mos\nx/1.jpg,1\ny/1.jpg,2\nz/2.jpg,3\n")
    labelled = labelled_set(path, "a", "quality", None, LabelChoice())
    table = read_scores(write(tmp_path / "t.csv", "image,score\n1.jpg,0.1\n2.jpg,0.2\n"), "quality")
    found = paired(table, labelled)
    assert [row and row.score for row in found.rows] == [None, None, 0.2]
    assert found.n_extra == 1


def test_a_picture_of_the_same_name_in_another_folder_is_another_picture(tmp_path):
    names = [f"{k:03}.png" for k in range(30)]
    rows = "".join(f"{folder}/{name},3\n" for folder in "AB" for name in names)
    labelled = labelled_set(
        write(tmp_path / "l.csv", f"image,mos\n{rows}"), "a", "quality", None, LabelChoice()
    )
    rows = "".join(f"{folder}/{name},{k}\n" for folder in "AC" for k, name in enumerate(names))
    table = read_scores(write(tmp_path / "t.csv", f"image,score\n{rows}"), "quality")
    found = paired(table, labelled)
    assert dict(found.by) == {"id": 30}
    assert [row is None for row in found.rows] == [False] * 30 + [True] * 30
    assert found.n_extra == 30
    lone = labelled_set(
        write(tmp_path / "m.csv", "image,mos\nB/x.png,1\nB/y.png,2\n"), "m", "quality", None, LabelChoice()
    )
    table = read_scores(write(tmp_path / "u.csv", "image,score\nC/x.png,1\ny.png,2\n"), "quality")
    assert [row and row.score for row in paired(table, lone).rows] == [None, 2]


def test_rows_found_by_name_are_counted_in_the_notes(tmp_path, labelled):
    path = write(tmp_path / "t.csv", "image,score\na.jpg,1\nb.png,2\n")
    about = table_scores([labelled], [read_scores(path, "quality")], None).tables[0]
    assert about["notes"] == [
        "scores found by file name alone: 1",
        "scores found by file name without its ending: 1",
    ]


def test_a_name_taken_by_id_still_stands_twice(tmp_path):
    """The first row has its score by id; its file name stays a name of two rows."""
    path = write(tmp_path / "l.csv", "image,mos\nA/1.png,1\nB/1.png,2\n")
    labelled = labelled_set(path, "a", "quality", None, LabelChoice())
    table = read_scores(write(tmp_path / "t.csv", "image,score\nA/1.png,0.1\n1.png,0.2\n"), "quality")
    assert [row and row.score for row in paired(table, labelled).rows] == [0.1, None]


def test_missing_rows_are_failures_and_extra_ones_counted(tmp_path, labelled):
    path = write(tmp_path / "t.csv", "image,score\na.jpg,1\nb.jpg,\nx.jpg,3\ny.jpg,4\n")
    table = read_scores(path, "quality")
    found = paired(table, labelled)
    assert found.n_extra == 2
    one = by_table(labelled, table, found, limit=None)
    assert one.kinds == ("", "no-score", "no-score", "no-score")
    assert one.errors[1] == "the table has no score for it"
    assert one.errors[2] == f"no row in {path}"
    assert one.is_scored.tolist() == [True, False, False, False]


def test_rows_that_the_set_leaves_out_are_not_extra(tmp_path):
    path = write(tmp_path / "l.csv", "image,mos\na,1\nb,\n")
    labelled = labelled_set(path, "a", "quality", None, LabelChoice())
    table = read_scores(write(tmp_path / "t.csv", "image,score\na,1\nb,2\n"), "quality")
    found = paired(table, labelled)
    assert (len(found.rows), found.n_extra) == (1, 0)


def test_rows_beyond_the_limit_are_failures_of_their_own(tmp_path, labelled):
    path = write(tmp_path / "t.csv", "image,score\na.jpg,1\nb.jpg,2\nc.jpg,3\n")
    one = scored(labelled, path, limit=2)
    assert one.kinds == ("", "", "limit", "limit")
    assert one.errors[3] == "beyond --limit 2"


def test_a_table_of_other_pictures_is_refused(tmp_path, labelled):
    table = read_scores(write(tmp_path / "t.csv", "image,score\nx.jpg,1\n"), "quality")
    with pytest.raises(DataError, match=r"no row belongs to .*labels\.csv; it names pictures like 'x\.jpg'"):
        paired(table, labelled)


# --- wrong tables --------------------------------------------------------------------------------------


def test_repeats_count_once_and_contradictions_are_errors(tmp_path):
    path = write(tmp_path / "t.csv", "image,score\na,1\na,1.0\nb,2\n")
    found = read_scores(path, "quality")
    assert len(found.rows) == 2
    assert found.notes == ("rows that repeat a picture and its score, each counted once: 1",)
    with pytest.raises(DataError, match=r"t\.csv, rows 2 and 4: 'a' has two scores, 1\.0 and 3\.0"):
        read_scores(write(tmp_path / "t.csv", "image,score\na,1\nb,2\na,3\n"), "quality")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,score\na,x\n", r"t\.csv, row 2: the score \(score\) is not a number: .*'x'"),
        ("image,score\na,nan\n", r"row 2: the score \(score\) is not a number"),
        ("image,score,low\na,1,x\n", r"row 2, column 'score_low': 'x' is not a number"),
        ("image,score\n,1\n", r"row 2: no name of a picture"),
        ("image,score\n", r"no row of quality in this table"),
        (
            "id,quality,quality_scale\na,1,1..5\nb,2,0..1\n",
            r"'quality_scale' holds several scales: 0\.\.1, 1\.\.5",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_scores(write(tmp_path / "t.csv", text), "quality")


def test_a_missing_table_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_scores(str(tmp_path / "t.csv"), "quality")
