"""Published shapes of tables: each is recognised by itself alone, and its rows say what the source says."""

from __future__ import annotations

import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import DataError
from visq.data import Manifest
from visq.data.cells import Number
from visq.data.columns import FILE_COLUMNS, ID_COLUMNS, LABEL_COLUMNS
from visq.data.formats import FORMATS, Format, RecordError, recognised
from visq.data.formats.predictions import number_in
from visq.data.loose import loose_rows
from visq.data.tables import read_table

TURNS = [
    {"from": "human", "value": "Rate the quality of this image.\n<|image|>"},
    {"from": "gpt", "value": "The quality of the image is very good."},
]
SCORE = {
    "value": 3.5,
    "low": 2.5,
    "high": None,
    "scale": [1, 5],
    "distribution": {"bad": 1.0},
    "spread": 0.5,
    "outside": None,
}
EXAMPLES = {
    "agiqa3k": {
        "name": "sd1.5_low_007.jpg",
        "prompt": "a cat",
        "mos_quality": "2.5",
        "std_quality": ".4",
        "mos_align": "1",
        "std_align": "2",
    },
    "forensic": {"image_path": "i/a.jpg", "mask_path": "720x1280", "label": 0},
    "idealo": {"image_id": "7", "label": [0, 0, 1, 0, 3, 0, 0, 0, 0, 0]},
    "llamafactory": {
        "conversations": [
            {"from": "human", "value": "<image>Rate."},
            {"from": "gpt", "value": "Analysis: fine. Rating Level: 6. Final Aesthetic Score: 5.80."},
        ],
        "images": ["a.jpg"],
    },
    "predictions": {
        "prompt": "p",
        "predict": "The score of this image is 3.40.",
        "label": "The score of this image is 3.44.",
    },
    "pyiqa": {"image": "a.jpg", "score": "0.7"},
    "qalign": {"id": "koniq/a.jpg->71.5", "image": "koniq/a.jpg", "conversations": TURNS},
    "qbench": {"img_path": "a.jpg", "gt_score": "2.5 ", "logit_good": 15.0, "logit_poor": 14.0},
    "qrealign": {"media": "a.jpg", "score": 0.61, "task": "iqa"},
    "visq": {
        "id": "a",
        "path": "a.jpg",
        "status": "ok",
        "error": None,
        "model_hash": "3c",
        "scores": {"quality": SCORE},
    },
}


def keys_of(name: str) -> tuple[str, ...]:
    return ("b.jpg", "0.5") if FORMATS.get(name).header else tuple(EXAMPLES[name])


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_format_is_recognised_by_itself_alone(name):
    assert [other for other in FORMATS if FORMATS.get(other).matches(keys_of(name))] == [name]
    kinds = FORMATS.get(name).kinds
    assert {recognised(keys_of(name), kind).name for kind in kinds} == {name}
    assert recognised(("image", "mos", "group"), kinds[0]) is None


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_row_becomes_text_and_names_its_picture(name):
    found: Format = FORMATS.get(name)
    cells = found.cells(EXAMPLES[name])
    assert all(isinstance(cell, str) for cell in cells.values())
    assert set(found.flat(EXAMPLES[name])) <= set(cells)
    if name != "predictions":
        assert {"image", "image_id", "id"} & set(cells)


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_record_that_lacks_its_keys_is_told_with_row(name, tmp_path):
    found: Format = FORMATS.get(name)
    with pytest.raises(RecordError):
        found.flat({"nothing": "here"})
    if found.header:
        return
    path = tmp_path / "t.json"
    path.write_text(json.dumps([EXAMPLES[name], {"nothing": "here"}]))
    with pytest.raises(DataError, match=r"t\.json, row 2: "):
        list(read_table(path))
    table = read_table(path, strict=False)
    assert [dict(zip(table.columns, cells, strict=True))["defect"] != "" for _, cells in table] == [
        False,
        True,
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text("ab->. <image>", max_size=6)
    | st.builds(Number, st.just("2.5")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["from", "value"]), inner),
    max_leaves=4,
)


@pytest.mark.parametrize("name", list(FORMATS))
@given(data=st.data())
def test_values_of_any_type_are_a_row_or_one_line(name, data):
    found, record = FORMATS.get(name), dict(EXAMPLES[name])
    keys = [*record, "extra", "std", "level_probs", "chosen", "history", "task"]
    for key in data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3)):
        record[key] = data.draw(JSON)
    try:
        cells, said = found.cells(record), ""
    except RecordError as error:
        cells, said = {}, str(error)
    assert all(isinstance(cell, str) and cell != "None" for cell in cells.values())
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize("name", [name for name in FORMATS if not FORMATS.get(name).header])
def test_what_else_a_row_holds_stays(name, tmp_path):
    others = {"scene": "s1", "votes_by": [1, 2], "n": 0.50, "file": "x.png", "generator": None}
    path = tmp_path / "t.json"
    path.write_text(json.dumps([EXAMPLES[name] | others]))
    table = read_table(path, format=name)
    cells = dict(zip(table.columns, next(iter(table))[1], strict=True))
    assert {key: cells[key] for key in ("scene", "votes_by", "n")} == {
        "scene": "s1",
        "votes_by": "[1, 2]",
        "n": "0.5",
    }
    assert cells["source_file"] == "x.png", "a second file column would be no manifest"
    assert set(FORMATS.get(name).flat(EXAMPLES[name])) <= set(cells)
    assert cells.get("source_generator" if name == "agiqa3k" else "generator") == ""


@pytest.mark.parametrize(
    "text",
    [
        "image_id,label\na.jpg,3.5\n",
        "image,gt_score,group\na.jpg,3.5,g\n",
        "image,predict,label\na.jpg,3,4\n",
    ],
)
def test_a_table_of_people_is_not_taken_for_a_published_shape(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    header, row = (line.split(",") for line in text.splitlines())
    table = read_table(path)
    assert (table.format, list(table.columns), list(table)) == ("csv", header, [(2, row)])
    assert Manifest(path).columns == tuple(header)


def test_qalign_takes_the_score_from_gt_score_else_from_the_id():
    flat = FORMATS.get("qalign").flat
    cells = flat(EXAMPLES["qalign"])
    assert (cells["score"], cells["level"], cells["n_image_tokens"]) == ("71.5", "very good", "1")
    assert cells["question"] == "Rate the quality of this image."
    assert flat({"img_path": "a.jpg", "gt_score": "1.57 "})["score"] == "1.57"
    assert flat({"img_path": "a.jpg", "gt_score": "1.57 "})["score_kind"] == "text with blanks"
    video = dict(
        EXAMPLES["qalign"], conversations=[{"value": "Rate this video.\n" + "<|image|>" * 8}, TURNS[1]]
    )
    assert flat(video)["n_image_tokens"] == "8"
    with pytest.raises(RecordError, match="'conversations' is no list of a question and an answer"):
        flat(dict(EXAMPLES["qalign"], conversations=["?"]))
    with pytest.raises(RecordError, match="names no picture"):
        flat({"image": [], "gt_score": 1})


@given(st.lists(st.integers(0, 200), min_size=10, max_size=10).filter(lambda votes: sum(votes) > 1))
def test_idealo_votes_are_their_mean_and_sample_deviation(votes):
    cells = FORMATS.get("idealo").flat({"image_id": "1", "label": votes})
    each = [value for value, count in enumerate(votes, start=1) for _ in range(count)]
    assert float(cells["score"]) == pytest.approx(statistics.fmean(each), abs=1e-12)
    assert float(cells["std"]) == pytest.approx(statistics.stdev(each), abs=1e-9)
    assert cells["n_ratings"] == str(len(each))


def test_votes_that_are_none_are_refused():
    for label in ([1] * 9, [0] * 10, [-1, *[1] * 9], ["x"] * 10, None, 5):
        with pytest.raises(RecordError, match="no list of ten counts"):
            FORMATS.get("idealo").flat({"image_id": "1", "label": label})


def test_qbench_scores_are_the_softmax_of_two_words():
    cells = FORMATS.get("qbench").flat(EXAMPLES["qbench"])
    assert float(cells["score"]) == pytest.approx(math.e / (1 + math.e), abs=1e-15)
    assert cells["gt_score"] == "2.5"
    extreme = FORMATS.get("qbench").flat({"img_path": "a", "logit_good": -800, "logit_poor": 800})
    assert float(extreme["score"]) == 0
    with pytest.raises(RecordError, match="a logit is finite"):
        FORMATS.get("qbench").flat({"img_path": "a", "logit_good": "nan", "logit_poor": 0})


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("The score of this image is 3.44.", "3.44"),
        ("2 dogs at 10 km/h. The final score is <6.59>.", "6.59"),
        ("The final score is <6.59>. No: the final score is <7.10>.", "7.10"),
        ("Rating Level: 6. Final Aesthetic Score: 5.80.", "5.80"),
        ("score of this image is 65.9", "65.9"),
        ("4.25", "4.25"),
        ("The score of this image is good.", None),
        ("The final score is <6.59", "6.59"),
        ("I would say 7 of 10", None),
        ("", None),
    ],
)
def test_the_number_rule(text, score):
    assert number_in(text) == score


def test_llamafactory_rows_that_upstream_only_warns_of_are_refused():
    flat = FORMATS.get("llamafactory").flat
    good = EXAMPLES["llamafactory"]
    assert (flat(good)["score"], flat(good)["level"]) == ("5.80", "6")
    turns = good["conversations"]
    for record, message in (
        (dict(good, images=["a.jpg", "b.jpg"]), "1 <image> in the text for 2 pictures"),
        (dict(good, images=[]), "'images' names no picture"),
        (dict(good, conversations=turns[::-1]), "turn 1 is by 'gpt'"),
        (dict(good, conversations=turns[:1]), "1 turns; a row ends with an answer"),
        (dict(good, conversations=[]), "the conversation is no list of turns"),
        ({"instruction": "Rate.", "images": ["a"], "history": ["?"]}, "'history' is no list of questions"),
    ):
        with pytest.raises(RecordError, match=message):
            flat(record)
    pair = {
        "conversations": [{"from": "human", "value": "<image><image>Which?"}],
        "images": ["a", "b"],
        "chosen": {"from": "gpt", "value": "first"},
        "rejected": {"from": "gpt", "value": "second"},
    }
    assert (flat(pair)["chosen"], flat(pair)["rejected"]) == ("first", "second")


def test_llamafactory_counts_pictures_in_all_turns_and_knows_tools():
    flat = FORMATS.get("llamafactory").flat
    alpaca = {
        "instruction": "And now?",
        "input": "",
        "output": "The score of this image is 3.10.",
        "history": [["<image>Look.", "Yes."], ["<image>Look again.", "Yes."]],
        "images": ["a.jpg", "b.jpg"],
        "chosen": None,
    }
    cells = flat(alpaca)
    assert (cells["question"], cells["score"]) == ("Look.\nLook again.\nAnd now?", "3.10")
    said = [
        ("system", "Be brief."),
        ("user", "<image>Rate."),
        ("function_call", "measure()"),
        ("observation", "7"),
        ("assistant", "final score is <6.10>."),
    ]
    turns = {"messages": [{"role": r, "content": t} for r, t in said], "images": "a.jpg", "chosen": None}
    assert (flat(turns)["question"], flat(turns)["score"]) == ("Rate.\n7", "6.10")


def test_forensic_sizes_are_whole_matches_only():
    flat = FORMATS.get("forensic").flat
    assert flat(EXAMPLES["forensic"]) == {
        "image": "i/a.jpg",
        "label": "0",
        "mask": "",
        "height": "720",
        "width": "1280",
    }
    assert flat({"image_path": "a", "mask_path": "m/xxx.jpg", "label": "1"})["mask"] == "m/xxx.jpg"
    with pytest.raises(RecordError, match="'label' is 'fake'"):
        flat({"image_path": "a", "mask_path": "", "label": "fake"})


@pytest.mark.parametrize(
    ("name", "mark"), [("s.csv", ","), ("s.csv", "\t"), ("s.tsv", "\t"), ("s.txt", "\t")]
)
def test_a_pyiqa_table_has_no_header(tmp_path, name, mark):
    path = tmp_path / name
    path.write_text(f"a.jpg{mark}0.5\nb.jpg{mark}0.25\n")
    table = read_table(path)
    assert (table.format, table.columns) == ("pyiqa", ("image", "score"))
    assert [cells for _, cells in table] == [["a.jpg", "0.5"], ["b.jpg", "0.25"]]


def test_a_manifest_reads_a_published_shape(tmp_path):
    path = tmp_path / "train.json"
    path.write_text(json.dumps([EXAMPLES["qalign"]]))
    manifest = Manifest(path, labels={"quality": "score"})
    assert (manifest.format, len(manifest)) == ("qalign", 1)
    (sample,) = manifest
    assert sample.labels == {"quality": 71.5}
    assert sample.extra["level"] == "very good"


def test_groups_of_several_columns_are_joined(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,id_a,id_b,std\na,1,2,.5\nb,2,3,\nc,9,,1\n")
    samples = list(Manifest(path, group="id_a,id_b", stds={"quality": "std"}))
    assert [sample.group for sample in samples] == ["1", "1", "9"]
    assert [sample.stds for sample in samples] == [{"quality": 0.5}, {}, {"quality": 1.0}]


def test_loose_rows_refuse_nothing(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    path = tmp_path / "t.csv"
    path.write_text("image,score\na,1\na.jpg,x\nnone.jpg,\nb,1,2\n")
    table, rows = loose_rows(path)
    assert [row.path for row in rows] == [str(tmp_path / "a.jpg")] * 2 + [None, None]
    assert [(row.row, row.id, row.cells["score"]) for row in rows] == [
        (2, "a", "1"),
        (3, "a.jpg", "x"),
        (4, "none.jpg", ""),
        (5, "b", "1"),
    ]
    assert rows[3].cells["defect"] == "3 cells, but the header has 2"
    assert table.format == "csv"


def test_a_short_row_of_a_published_shape_is_a_defect(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,logit_good,logit_poor\na.jpg,1,0\nb.jpg,1\nc.jpg,x,0\n")
    table, rows = loose_rows(path)
    assert table.format == "qbench"
    defects = [row.cells["defect"] for row in rows]
    assert defects == ["", "'logit_poor' is no number: ''", "'logit_good' is no number: 'x'"]
    path.write_text("image,logit_good,logit_poor\na.jpg,1,0,7\n")
    assert loose_rows(path)[1][0].cells["defect"] == "4 cells, but the header has 3"


BROKEN = {
    "agiqa3k": {"name": "b.jpg"},
    "forensic": {"image_path": "b.jpg", "label": 2},
    "idealo": {"image_id": "b.jpg", "label": [1]},
    "llamafactory": {"images": ["b.jpg"], "conversations": [{"from": "human", "value": "Rate."}]},
    "pyiqa": {"image": "b.jpg", "score": "x"},
    "qalign": {"image": "b.jpg", "gt_score": [3]},
    "qbench": {"img_path": "b.jpg", "logit_poor": ""},
    "qrealign": {"media": "b.jpg", "score": [1]},
    "visq": {"id": "b.jpg", "path": "b.jpg", "scores": 3},
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_one_wrong_row_keeps_its_picture_and_adds_no_second_column_of_files_or_labels(name, tmp_path):
    good = EXAMPLES[name] | {"scene": "s1"} if name not in ("idealo", "pyiqa") else EXAMPLES[name]
    bad = good | BROKEN[name]
    path = tmp_path / ("t.csv" if name == "pyiqa" else "t.json")
    if name == "pyiqa":
        path.write_text("".join(f"{row['image']},{row['score']}\n" for row in (good, bad)))
    else:
        path.write_text(json.dumps([good, bad]))
    table, (first, wrong) = loose_rows(path, need_files=False)
    assert table.format == name
    assert (first.cells.get("defect", ""), wrong.cells["defect"] != "") == ("", True)
    assert "b.jpg" in (wrong.id, wrong.file)
    known = {*FILE_COLUMNS, *ID_COLUMNS, *LABEL_COLUMNS}
    assert known & {column for column, cell in wrong.cells.items() if cell} <= set(
        FORMATS.get(name).cells(good)
    )
    assert wrong.cells.get("scene") == first.cells.get("scene")


def test_a_column_of_that_name_is_not_the_defect_of_a_row(tmp_path):
    for name, text in (("t.csv", "image,Defect\na,blur\n"), ("t.json", '[{"image": "a", "Defect": "blur"}]')):
        (tmp_path / name).write_text(text)
        table, (row,) = loose_rows(tmp_path / name)
        assert row.cells.get("defect", "") == ""
        assert row.cells["source_Defect"] == "blur"
        assert len(set(table.columns)) == len(table.columns)


@pytest.mark.shared
def test_the_real_samples_are_read(shared):
    labels = shared / "labels"
    seen = {}
    for path in [*(labels / "qalign/samples").glob("*.json"), *(labels / "qbench/samples").glob("*.txt")]:
        table = read_table(path)
        rows = [dict(zip(table.columns, cells, strict=True)) for _, cells in table]
        assert len(rows) == 20
        assert all(math.isfinite(float(row["score"])) for row in rows), path.name
        seen.setdefault(table.format, []).append(path)
    assert {name: len(paths) for name, paths in seen.items()} == {"qalign": 31, "qbench": 4}
    index = read_table(labels / "forensics/val_idx.sample200.json")
    assert index.format == "forensic"
    assert sum(1 for _ in index) == 200
    casia = Manifest(shared / "forgery/casia1/index.json", labels={"authenticity": "label"})
    assert len(casia) == 139
    assert sum(sample.labels["authenticity"] for sample in casia) == 70
