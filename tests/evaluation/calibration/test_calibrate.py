"""Calibrating a real tiny model on made pictures: rows, warnings, the folder, and scoring with it."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

import tiny_model
from rated_world import edited, make_rated
from visq.backbones import find_model
from visq.core import toml
from visq.core.errors import DataError, InputError, ModelError, UnknownName
from visq.core.scales import MOS, Scale
from visq.data import Manifest
from visq.evaluation.calibration.calibrate import Calibrated, CalibrationRequest, calibrate
from visq.evaluation.calibration.fit import FitSettings, own_parts
from visq.evaluation.calibration.rated_rows import Columns, rated_rows
from visq.scoring import RunOptions, load
from visq.scoring.check import check_model

SETTINGS = FitSettings(map="linear", resamples=30)
COLUMNS = Columns("mos", "scene")
REQUEST = CalibrationRequest("quality", COLUMNS, label_scale="0..100", settings=SETTINGS)


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rated(tmp_path_factory.mktemp("rated"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_model.make(tmp_path_factory.mktemp("models") / "tiny")
    (folder / "README.md").write_text("# tiny\n\n## Figures\n\nnone\n")
    return tiny_model.add_goldens(folder)


@pytest.fixture(scope="module")
def found(model: Path, ratings: Path) -> Calibrated:
    return calibrate(str(model), ratings, REQUEST)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"settings": FitSettings(map="linear", nominal=0.97)}, "a coverage of 0.97 takes 33 or more"),
        ({"settings": FitSettings(map="isotonic")}, "45 rows for an isotonic map, which takes 50"),
        ({"columns": Columns("mos", "scene", "set"), "fit": "train", "test": "dev"}, "is in part 'dev'"),
        ({"columns": Columns("mos", "set")}, "2 groups of rated pictures to share out"),
    ],
)
def test_what_no_score_can_mend_is_found_before_a_picture_is_scored(
    model: Path, ratings: Path, changes: dict[str, object], match: str
) -> None:
    told: list[int] = []
    few = edited(ratings, lambda rows: rows.__delitem__(slice(150, None)))
    request = dataclasses.replace(REQUEST, **changes)
    with pytest.raises((DataError, InputError), match=match):
        calibrate(str(model), few, request, on_progress=lambda done, failed: told.append(done))
    assert told == []


def test_rows_have_the_models_own_score_and_the_rating_on_its_scale(model: Path, ratings: Path) -> None:
    folder = find_model(str(model))
    with load(str(model), aspects="quality") as scorer:
        scored = {row.path: row.scores["quality"] for row in scorer.score(str(ratings)).rows}
        rows = rated_rows(ratings, folder, scorer.aspects[0], COLUMNS, label_scale=Scale(0, 100))
    assert len(rows.ids) == rows.n_rows == 180
    assert (rows.label, rows.group_column, rows.n_unrated, rows.failures) == ("mos", "scene", 0, {})
    assert rows.scores == pytest.approx([score.value for score in scored.values()], abs=1e-6)
    assert rows.spread == pytest.approx([score.spread for score in scored.values()], abs=1e-6)
    assert rows.ratings.min() >= 1
    assert rows.ratings.max() <= 5
    assert len(set(rows.groups.tolist())) == 60


def test_the_report_names_all_that_it_depends_on(found: Calibrated, model: Path, ratings: Path) -> None:
    report = found.report
    assert report["model_hash"] == find_model(str(model)).sha256
    assert report["manifest_sha256"] == hashlib.sha256(ratings.read_bytes()).hexdigest()
    assert (report["manifest"], report["label_column"], report["label_scale"]) == (
        "ratings.csv",
        "mos",
        "0..100",
    )
    assert (report["n_rows"], report["n_scored"], report["n_failed"]) == (180, 180, 0)
    assert report["trained_on"] is None
    assert report["errors"]["after"]["mae"] < report["errors"]["before"]["mae"]
    assert report["population"].startswith("pictures like those of ratings.csv: 180 rated ")


def test_the_copy_scores_through_its_map_and_interval(
    found: Calibrated, model: Path, tmp_path: Path, photos: Path
) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    found.write(tmp_path / "ours")
    assert {
        path.name: path.read_bytes() for path in model.iterdir()
    } == before  # the model itself is untouched
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
    with load(str(model), scale="0..100") as plain, load(str(tmp_path / "ours"), scale="0..100") as ours:
        assert plain.identity["model_hash"] != ours.identity["model_hash"]
        rows = zip(plain.score(str(photos)).rows, ours.score(str(photos)).rows, strict=True)
        for old, new in rows:
            raw = Scale(0, 100).convert(old.scores["quality"].value, MOS)
            value = found.calibration.value([raw], MOS)
            low, high = (
                float(MOS.convert(end, Scale(0, 100))[0]) for end in found.calibration.interval(value, MOS)
            )
            score = new.scores["quality"]
            assert score.value == pytest.approx(float(MOS.convert(value, Scale(0, 100))[0]), abs=1e-4)
            assert (score.low, score.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
            assert new.scores["aesthetics"] == old.scores["aesthetics"]
        assert ours.calibration["quality"] == found.calibration.about


def test_the_copy_gives_its_golden_scores_and_tells_its_story(found: Calibrated, tmp_path: Path) -> None:
    found.write(tmp_path / "ours")
    report = check_model(str(tmp_path / "ours"))
    assert report.passed, report.lines
    spec = toml.loads((tmp_path / "ours/model.toml").read_text())["calibration"]
    assert spec["quality"]["manifest_sha256"] == found.report["manifest_sha256"]
    assert (spec["quality"]["n_test_groups"], spec["quality"]["seed"]) == (18, "visq")
    assert spec["aesthetics"]["half_width"] == 0.5  # the other aspect's stays
    assert str(tmp_path) not in (tmp_path / "ours/model.toml").read_text()
    card = (tmp_path / "ours/README.md").read_text()
    assert card.startswith("# tiny\n\n## Figures\n\nnone\n\n## Calibration of quality\n")
    goldens = toml.loads((tmp_path / "ours/goldens.toml").read_text())["picture"][0]
    before = toml.loads((found.folder.path / "goldens.toml").read_text())["picture"][0]
    assert goldens["quality"] == pytest.approx(
        float(found.calibration.value([before["quality"]], MOS)[0]), abs=1e-3
    )
    assert goldens["aesthetics"] == before["aesthetics"]
    # A map that the goldens know nothing of is seen.
    table = toml.loads((tmp_path / "ours/model.toml").read_text())
    table["calibration"]["quality"]["map"]["labels"] = [1.7]
    tiny_model.write_toml(tmp_path / "ours/model.toml", table)
    assert not check_model(str(tmp_path / "ours")).passed


def test_two_copies_are_equal_to_the_byte(
    found: Calibrated, model: Path, ratings: Path, tmp_path: Path
) -> None:
    found.write(tmp_path / "a")
    calibrate(str(model), ratings, REQUEST).write(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_calibrated_copy_can_be_calibrated_anew(found: Calibrated, ratings: Path, tmp_path: Path) -> None:
    """From its own scores, not from mapped ones: the second map is the first, not the map of a map."""
    found.write(tmp_path / "ours")
    again = calibrate(str(tmp_path / "ours"), ratings, REQUEST)
    assert again.calibration.map == found.calibration.map
    assert again.calibration.half_width == found.calibration.half_width
    none = dataclasses.replace(REQUEST, settings=FitSettings(map="none", interval="by-level", resamples=10))
    calibrate(str(tmp_path / "ours"), ratings, none).write(tmp_path / "plain")
    assert check_model(str(tmp_path / "plain")).passed  # goldens go back to the model's own
    card = (tmp_path / "plain/README.md").read_text()
    assert card.count("## Calibration of quality") == 1
    assert "no map" in card
    table = toml.loads((tmp_path / "plain/model.toml").read_text())["calibration"]["quality"]
    assert len(table["half_widths"]) == 5
    assert table["level"][0]["level"] == "bad"
    assert "map" not in table


def test_a_model_without_goldens_and_without_a_card_is_copied_too(ratings: Path, tmp_path: Path) -> None:
    bare = tiny_model.make(tmp_path / "bare", calibrated=False)
    calibrate(str(bare), ratings, REQUEST).write(tmp_path / "ours")
    assert find_model(str(tmp_path / "ours")).calibration("aesthetics") is None
    assert (tmp_path / "ours/README.md").read_text().startswith("## Calibration of quality")


def test_scores_of_a_table_give_the_same_calibration(
    found: Calibrated, model: Path, ratings: Path, tmp_path: Path
) -> None:
    for name in ("s.csv", "s.jsonl"):
        with load(str(model), scale="0..100") as scorer:
            scorer.score(str(ratings), RunOptions(out=tmp_path / name)).close()
        request = dataclasses.replace(REQUEST, scores=str(tmp_path / name))
        again = calibrate(str(model), ratings, request)
        assert again.calibration.half_width == pytest.approx(found.calibration.half_width, abs=1e-5)
        assert again.report["n_failed"] == 0


def test_pictures_that_fail_and_rows_without_ratings_are_counted(model: Path, ratings: Path) -> None:
    def change(rows):
        (ratings.parent / "img/cut.png").write_bytes((ratings.parent / "img/0.png").read_bytes()[:60])
        rows[0]["image"], rows[1]["image"] = "img/cut.png", "img/none.png"
        rows[2]["mos"] = rows[3]["mos"] = ""

    found = calibrate(str(model), edited(ratings, change), REQUEST)
    assert (found.report["n_rows"], found.report["n_unrated"], found.report["n_scored"]) == (180, 2, 176)
    assert found.report["failures"] == {"missing": 1, "truncated": 1}
    assert any("partial: 2 rated pictures have no score" in line for line in found.report["warnings"])


def test_equal_pictures_of_two_scenes_are_one_group(model: Path, ratings: Path) -> None:
    def change(rows):
        shutil.copy(ratings.parent / "img/0.png", ratings.parent / "img/copy.png")
        rows[30]["image"] = "img/copy.png"

    folder = find_model(str(model))
    with load(str(model), aspects="quality") as scorer:
        rows = rated_rows(
            edited(ratings, change), folder, scorer.aspects[0], COLUMNS, label_scale=Scale(0, 100)
        )
    assert len(set(rows.groups.tolist())) == 59


def test_a_split_of_the_table_is_used_and_kept(model: Path, ratings: Path) -> None:
    request = dataclasses.replace(REQUEST, columns=Columns("mos", "scene", "set"), fit="train", test="val")
    report = calibrate(str(model), ratings, request).report
    assert report["split"] == "column set: fit train, test val"
    assert report["parts"]["test"] == {"n": 60, "n_groups": 20}
    assert report["parts"]["map"]["n"] + report["parts"]["interval"]["n"] == 120


def test_labels_that_point_down_are_turned_round(model: Path, ratings: Path) -> None:
    def change(rows):
        for row in rows:
            row["mos"] = round(100 - float(row["mos"]), 3)

    down = dataclasses.replace(REQUEST, label_scale="100..0")
    found = calibrate(str(model), edited(ratings, change), down)
    assert found.calibration.half_width == pytest.approx(
        calibrate(str(model), ratings, REQUEST).calibration.half_width
    )
    assert found.report["label_scale"] == "100..0"


def test_pictures_the_model_was_trained_on_are_said_to_be(ratings: Path, tmp_path: Path) -> None:
    table = edited(ratings, lambda rows: None, "sunsets.csv")
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    for i, entry in enumerate(
        [{"title": "something", "labels_sha256": digest}, {"title": "Sunsets, training part"}]
    ):
        folder = tiny_model.make(tmp_path / f"m{i}")
        text = "".join(f'{name} = "{text}"\n' for name, text in entry.items())
        (folder / "model.toml").write_text((folder / "model.toml").read_text() + f"\n[[trained_on]]\n{text}")
        found = calibrate(str(folder), table, REQUEST)
        assert found.report["trained_on"] == entry["title"]
        assert any("was trained on these pictures" in line for line in found.report["warnings"])
        assert "trained on these pictures" in found.calibration.note
        assert calibrate(str(folder), edited(ratings, list.pop), REQUEST).report["trained_on"] is None


def test_a_population_in_words_is_kept(model: Path, ratings: Path) -> None:
    request = dataclasses.replace(REQUEST, population="holiday pictures, rated by four people")
    assert (
        calibrate(str(model), ratings, request).calibration.population
        == "holiday pictures, rated by four people"
    )


def test_warnings_say_what_was_taken_for_granted(model: Path, ratings: Path) -> None:
    def change(rows):
        for row in rows:
            row["mos"] = 1 + float(row["mos"]) / 25

    unsaid = CalibrationRequest("quality", Columns("mos"), settings=SETTINGS)
    warnings = calibrate(str(model), edited(ratings, change), unsaid).report["warnings"]
    assert any("taken to be on the scale of the aspect" in line for line in warnings)
    assert any("no column of groups" in line for line in warnings)


def test_the_aspect_is_the_one_that_names_a_column(model: Path, ratings: Path) -> None:
    def change(rows):
        for row in rows:
            row["aesthetics"] = round(100 - float(row.pop("mos")), 3)

    table = edited(ratings, change)
    named = CalibrationRequest(None, Columns(None, "scene"), label_scale="0..100", settings=SETTINGS)
    assert calibrate(str(model), table, named).aspect == "aesthetics"
    with pytest.raises(InputError, match="scores quality, aesthetics: say which one the ratings are of"):
        calibrate(str(model), ratings, named)


@pytest.mark.parametrize(
    ("change", "request_", "match"),
    [
        ({"mos": "120"}, {}, r"row 'img/0\.png': rating 120 lies outside 0\.\.100; mend one of the two"),
        (
            {"mos": "7"},
            {"label_scale": None},
            "rating .* lies outside 1..5; say what ratings are measured on",
        ),
        ({"scene": ""}, {}, r"row 'img/0\.png': its group is empty"),
        ({"mos": ""}, {"all": True}, "no row has a rating in column 'mos'"),
        ({"image": "none.png"}, {"all": True}, "none of its rated pictures could be scored"),
        (
            {},
            {"columns": Columns("mos", "scene", "scene"), "fit": "a", "test": "b"},
            "column 'scene' holds ids",
        ),
        ({}, {"columns": Columns("mso", "scene")}, "no column 'mso'"),
    ],
)
def test_ratings_that_cannot_be_used(
    model: Path, ratings: Path, change: dict[str, str], request_: dict[str, object], match: str
) -> None:
    request_ = dict(request_)

    def apply(rows):
        n = len(rows) if request_.pop("all", False) else 1
        for i, row in enumerate(rows[:n]):
            row.update({key: f"{i}/{v}" if key == "image" else v for key, v in change.items()})

    table = edited(ratings, apply)
    with pytest.raises(DataError, match=match) as caught:
        calibrate(str(model), table, dataclasses.replace(REQUEST, **request_))
    assert "\n" not in str(caught.value)


def test_a_table_of_scores_of_another_model_or_of_mapped_scores_is_refused(
    found: Calibrated, model: Path, ratings: Path, tmp_path: Path
) -> None:
    found.write(tmp_path / "ours")
    with load(str(tmp_path / "ours")) as scorer:
        scorer.score(str(ratings), RunOptions(out=tmp_path / "s.csv")).close()
    request = dataclasses.replace(REQUEST, scores=str(tmp_path / "s.csv"))
    with pytest.raises(DataError, match=r"s\.csv, row 2: scored by a model of hash [0-9a-f]{8}, not by"):
        calibrate(str(model), ratings, request)
    with pytest.raises(DataError, match="are mapped already; calibrate from the pictures, without --scores"):
        calibrate(str(tmp_path / "ours"), ratings, request)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("image,quality\na,1\n", "no column of ids"),
        ("id,quality\na,1\n", "no column 'status'"),
        (
            "id,status,kind,sha256,model_hash,quality,quality_spread,quality_scale\nimg/0.png,ok,,,HASH,x,0,1..5\n",
            r"row 2: the score or its spread is no number: \['x', '0', '1\.\.5'\]",
        ),
        (
            "id,status,kind,sha256,model_hash,quality,quality_spread,quality_scale\nimg/0.png,ok,,,HASH,3,0,1..5\n",
            "groups of rated pictures to share out",
        ),
    ],
)
def test_a_table_that_holds_no_scores(
    model: Path, ratings: Path, tmp_path: Path, text: str, match: str
) -> None:
    (tmp_path / "s.csv").write_text(text.replace("HASH", find_model(str(model)).sha256))
    with pytest.raises((DataError, InputError), match=match):
        calibrate(str(model), ratings, dataclasses.replace(REQUEST, scores=str(tmp_path / "s.csv")))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"fit": "a"}, "a split is a column and the names of two parts"),
        ({"columns": Columns(split="set"), "fit": "a", "test": "a"}, "fit and test are both 'a'"),
        ({"population": " "}, "--population is one line of words"),
        ({"population": "a\nb"}, "--population is one line of words"),
    ],
)
def test_a_request_that_means_nothing(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        CalibrationRequest(**wrong)


def test_an_aspect_the_model_lacks_and_a_model_nobody_knows(ratings: Path, model: Path) -> None:
    with pytest.raises(UnknownName, match="unknown aspect 'consistency'"):
        calibrate(str(model), ratings, dataclasses.replace(REQUEST, aspect="consistency"))
    with pytest.raises(UnknownName, match="unknown model 'minni'"):
        calibrate("minni", ratings, REQUEST)


def test_a_model_of_one_aspect_is_asked_for_it(ratings: Path, tmp_path: Path) -> None:
    folder = tiny_model.make(tmp_path / "m")
    table = toml.loads((folder / "model.toml").read_text())
    del table["aspects"]["aesthetics"], table["calibration"]["aesthetics"]
    tiny_model.write_toml(folder / "model.toml", table)
    assert calibrate(str(folder), ratings, dataclasses.replace(REQUEST, aspect=None)).aspect == "quality"
    with pytest.raises(UnknownName, match="does not score 'aesthetics'; it scores quality"):
        calibrate(str(folder), ratings, dataclasses.replace(REQUEST, aspect="aesthetics"))


def test_a_folder_that_is_there_is_never_written_over(found: Calibrated, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/keep.txt").write_text("keep")
    with pytest.raises(InputError, match="exists; name a new folder: a model is never changed in place"):
        found.write(tmp_path / "mine")
    with pytest.raises(InputError, match="no folder"):
        found.write(tmp_path / "no/ours")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "keep.txt"]


def test_a_model_that_does_not_give_its_goldens_is_not_copied(ratings: Path, tmp_path: Path) -> None:
    folder = tiny_model.add_goldens(tiny_model.make(tmp_path / "m"))
    goldens = toml.loads((folder / "goldens.toml").read_text())
    goldens["picture"][0]["quality"] += 0.1
    tiny_model.write_toml(folder / "goldens.toml", goldens)
    found = calibrate(str(folder), ratings, REQUEST)
    with pytest.raises(ModelError, match="does not give its golden scores here"):
        found.write(tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_what_cannot_be_written_leaves_nothing(found: Calibrated, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*: File name too long"):
        found.write(tmp_path / ("x" * 250))  # the temporary name is longer
    assert list(tmp_path.iterdir()) == []


def test_coverage_of_the_copy_is_what_was_reported(found: Calibrated, ratings: Path, tmp_path: Path) -> None:
    """Scored anew with the copy, counted by hand over the rows that nothing was fitted on."""
    found.write(tmp_path / "ours")
    samples = list(Manifest(ratings, labels={"quality": "mos"}, group="scene"))
    parts = own_parts([sample.group for sample in samples], SETTINGS)
    with load(str(tmp_path / "ours"), aspects="quality", scale="0..100") as scorer:
        rows = list(scorer.stream(samples))
    inside = [
        row.scores["quality"].low <= sample.labels["quality"] <= row.scores["quality"].high
        for row, sample, part in zip(rows, samples, parts, strict=True)
        if part == "test"
    ]
    assert np.mean(inside) == pytest.approx(found.report["coverage"]["rows"]["value"], abs=1e-9)
