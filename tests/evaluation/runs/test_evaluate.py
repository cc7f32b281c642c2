"""Evaluations from end to end: real pictures, a tiny model, run folders, kills; and published figures met."""

from __future__ import annotations

import contextlib
import csv
import json
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import visq
from photos import make_photos
from visq.core.errors import DataError, InputError, UnknownName
from visq.evaluation.figures.measured import Settings
from visq.evaluation.runs.config import EvaluateOptions, options_from, read_config
from visq.evaluation.runs.evaluate import evaluate
from visq.evaluation.runs.events import events
from visq.evaluation.runs.folder import read_run
from visq.evaluation.runs.labelled import LabelChoice
from visq.evaluation.runs.score_source import ROWS, Stopped

FAST = Settings(resamples=100)


@pytest.fixture
def ratings(tmp_path, photos):
    """Twelve labelled pictures of `photos`, lighter is better, in groups of two."""
    return rate(tmp_path / "ratings.csv", photos)


def rate(path, photos, *, offset=0.0, n=12):
    files = sorted(photos.rglob("*.png"), key=lambda file: int(file.stem))[:n]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mos", "mos_std", "scene"])
        for i, found in enumerate(files):
            label = 1 + 4 * (i + offset + (i % 3) / 2) / n
            writer.writerow([found.relative_to(path.parent), round(label, 3), 0.4, f"s{i // 2}"])
    return path


def asked(*manifests, **fields):
    plain = {"aspect": "quality", "settings": FAST} | fields
    return EvaluateOptions(tuple(map(str, manifests)), **plain)


def set_of(found):
    (one,) = found.report["sets"]
    return one


# --- a model -------------------------------------------------------------------------------------------


def test_a_model_s_scores_are_those_of_visq_score(ratings, photos, tiny):
    found = evaluate(asked(ratings, model=str(tiny)))
    table = visq.score(ratings, model=str(tiny), aspect="quality")
    scores = [row.scores["quality"].value for row in table.rows]
    (one,) = found.sets
    assert one.scores.tolist() == scores
    assert one.ids.tolist() == [row.id for row in table.rows]
    wanted = stats.spearmanr(scores, one.labels).statistic
    assert set_of(found)["figures"]["srcc"]["value"] == pytest.approx(wanted, abs=1e-12)
    assert found.path is None
    assert found.is_partial is False


def test_the_report_says_what_was_evaluated_and_how(ratings, tiny, tmp_path):
    options = asked(ratings, model=str(tiny), labels=LabelChoice(group="scene", label_scale="1..5"))
    found = evaluate(replace(options, out=tmp_path / "run"), command="visq evaluate ratings.csv")
    report, one = found.report, set_of(found)
    assert json.loads(json.dumps(report)) == report
    assert (report["format"], report["kind"], report["aspect"]) == (1, "evaluation", "quality")
    assert report["command"] == "visq evaluate ratings.csv"
    assert report["settings"] == {"resamples": 100, "level": 0.95, "method": "percentile", "seed": 0}
    source = report["source"]
    assert (source["kind"], source["name"]) == ("model", str(tiny))
    assert source["calibration"] == "test pictures"
    assert len(source["model_hash"]) == 64
    assert report["cost"]["n"] == 12
    assert report["mean"] is None
    assert (one["label_column"], one["std_column"], one["group_column"]) == ("mos", "mos_std", "scene")
    assert (one["label_scale"], one["score_scale"]) == ("1..5", "1..5")
    assert (one["n_rows"], one["n_expected"], one["n_scored"], one["n_failed"]) == (12, 12, 12, 0)
    assert one["n_groups"] == 6
    assert {"srcc", "plcc", "krcc", "rmse", "mae", "outlier_ratio", "coverage"} <= set(one["figures"])


def test_a_run_folder_is_read_back_as_it_was(ratings, tiny, tmp_path):
    found = evaluate(asked(ratings, model=str(tiny), out=tmp_path / "deep" / "run"))
    run = read_run(tmp_path / "deep" / "run")
    assert run.report == found.report
    np.testing.assert_array_equal(run.sets[0].scores, found.sets[0].scores)
    np.testing.assert_array_equal(run.sets[0].low, found.sets[0].low)
    assert run.sets[0].hashes == found.sets[0].hashes
    assert [event["event"] for event in events(run.path)] == ["begun", "scored", "done"]


def test_the_same_command_again_takes_over_what_is_there(ratings, tiny, tmp_path):
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    first = evaluate(options)
    again = evaluate(options)
    assert again.report == first.report  # the cost too: nothing new was scored
    last = list(events(tmp_path / "run"))
    assert [event.get("n") for event in last if event["event"] == "scored"] == [12, 0]


def test_broken_and_missing_pictures_are_failures_and_make_the_set_partial(ratings, photos, tiny):
    (photos / "home" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (photos / "trip" / "1.png").unlink()
    found = evaluate(asked(ratings, model=str(tiny)))
    one = set_of(found)
    assert found.is_partial
    assert (one["n_expected"], one["n_scored"], one["n_failed"], one["partial"]) == (12, 10, 2, True)
    assert sum(one["failures"].values()) == 2
    assert one["failures"]["missing"] == 1
    assert one["warnings"][0].startswith("partial: 10 of 12 rows have a score")
    assert one["figures"]["srcc"]["n"] == 10


def test_failures_stay_until_they_are_to_be_tried_again(ratings, photos, tiny, tmp_path):
    (photos / "home" / "0.png").write_bytes(b"no picture")
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    for retry in (False, False, True):
        assert set_of(evaluate(replace(options, retry_failed=retry)))["n_failed"] == 1
    tried = [event["n"] for event in events(tmp_path / "run") if event["event"] == "scored"]
    assert tried == [12, 0, 1]


def test_a_picture_that_is_there_again_is_scored(ratings, photos, tiny, tmp_path):
    whole = (photos / "home" / "0.png").read_bytes()
    (photos / "home" / "0.png").unlink()
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    assert set_of(evaluate(options))["n_failed"] == 1
    (photos / "home" / "0.png").write_bytes(whole)
    assert set_of(evaluate(replace(options, retry_failed=True)))["n_failed"] == 0


def test_where_every_row_fails_nothing_is_reported(ratings, photos, tiny, tmp_path):
    for path in photos.rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match="no row has a score; the first one failed with: no such file"):
        evaluate(asked(ratings, model=str(tiny), out=tmp_path / "run"))
    assert not (tmp_path / "run" / "report.json").exists()


def test_rows_beyond_the_limit_are_said_to_be_missing(ratings, tiny):
    one = set_of(evaluate(asked(ratings, model=str(tiny), limit=5)))
    assert (one["n_expected"], one["n_scored"], one["failures"]) == (12, 5, {"limit": 7})
    assert one["partial"] is True


# --- several sets --------------------------------------------------------------------------------------


def test_sets_with_the_same_ids_do_not_mix(tmp_path, tiny):
    paths = []
    for name, seed in (("one", 0.0), ("two", 3.0)):
        folder = tmp_path / name
        make_photos(folder / "photos", 12)
        paths.append(rate(folder / "ratings.csv", folder / "photos", offset=seed))
    found = evaluate(asked(*paths, model=str(tiny), out=tmp_path / "run"))
    assert [one["name"] for one in found.report["sets"]] == ["one/ratings", "two/ratings"]
    assert found.sets[0].ids.tolist() == found.sets[1].ids.tolist()
    srccs = [one["figures"]["srcc"]["value"] for one in found.report["sets"]]
    wanted = np.tanh(np.mean(np.arctanh(srccs)))
    assert found.report["mean"]["srcc"]["value"] == pytest.approx(wanted, abs=1e-12)
    assert found.report["mean"]["srcc"]["n_sets"] == 2
    assert [len(one) for one in read_run(tmp_path / "run").sets] == [12, 12]


def test_one_table_of_scores_for_each_set(tmp_path):
    for name, slope, wave in (("a", 1.0, 2), ("b", -1.0, 11)):
        rows = [f"{i}.png,{i + 3 * (i % wave)},{slope * i}\n" for i in range(20)]
        (tmp_path / f"{name}.csv").write_text("image,mos,x\n" + "".join(rows))
    sets = [tmp_path / "a.csv", tmp_path / "b.csv"]
    found = evaluate(asked(*sets, scores=tuple(map(str, sets)), score="x"))
    assert [one["figures"]["srcc"]["value"] > 0 for one in found.report["sets"]] == [True, False]
    assert [one["scores"]["file"] for one in found.report["sets"]] == list(map(str, sets))
    srccs = [one["figures"]["srcc"]["value"] for one in found.report["sets"]]
    mean = found.report["mean"]["srcc"]["value"]
    assert mean == pytest.approx(np.tanh(np.mean(np.arctanh(srccs))), abs=1e-12)
    assert abs(mean - np.mean(srccs)) > 0.01
    with pytest.raises(InputError, match="1 tables of scores for 2 manifests"):
        asked(*sets, scores=(str(sets[0]),))


# --- what may not change -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": Settings(resamples=150)}, "--resamples 100, this run has 150"),
        ({"settings": Settings(resamples=100, seed=2)}, "--seed 0, this run has 2"),
        ({"limit": 3}, "--limit none, this run has 3"),
        ({"aspect": "aesthetics"}, "--aspect quality, this run has aesthetics"),
        ({"labels": LabelChoice(label="mos")}, "--label none, this run has mos"),
        ({"labels": LabelChoice(group="scene")}, "--group none, this run has scene"),
        ({"labels": LabelChoice(label_scale="1..5")}, r"--label-scale none, this run has 1\.\.5"),
        ({"protocol": "koniq"}, "--protocol for ratings none, this run has koniq"),
        ({"model": "mini"}, "--model .*, this run has mini"),
    ],
)
def test_another_request_on_the_same_folder_names_the_option(ratings, tiny, tmp_path, change, message):
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    before = evaluate(options).report
    with pytest.raises(InputError, match=f"was made with {message}; choose another --out, or --overwrite"):
        evaluate(replace(options, **change))
    assert read_run(tmp_path / "run").report == before


def test_a_manifest_that_changed_is_another_one(ratings, tiny, tmp_path):
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    evaluate(options)
    ratings.write_text(ratings.read_text().replace("1.0,", "2.0,", 1))
    with pytest.raises(InputError, match="a manifest for ratings of hash"):
        evaluate(options)
    assert evaluate(replace(options, overwrite=True)).sets[0].labels[0] == 2.0


def test_overwrite_starts_anew(ratings, tiny, tmp_path):
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    evaluate(options)
    found = evaluate(replace(options, limit=4, overwrite=True))
    assert set_of(found)["n_scored"] == 4
    assert found.report["cost"]["n"] == 4
    assert read_run(tmp_path / "run").report == found.report


def test_what_another_run_reported_does_not_outlive_it(ratings, photos, tiny, tmp_path):
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    evaluate(options)
    for path in photos.rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match="no row has a score"):
        evaluate(replace(options, limit=3, overwrite=True))
    assert not (tmp_path / "run" / "report.json").exists()
    assert not (tmp_path / "run" / "scores.parquet").exists()


def test_a_folder_of_something_else_is_refused(ratings, tiny, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "holiday.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        evaluate(asked(ratings, model=str(tiny), out=tmp_path / "run", overwrite=True))
    with pytest.raises(InputError, match="it is a file; --out names a folder"):
        evaluate(asked(ratings, model=str(tiny), out=tmp_path / "run" / "holiday.txt"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "mini", "scores": ("t.csv",)}, "--model scores pictures and --scores takes a table"),
        ({"score": "x"}, "--score is for --scores"),
        ({"score_scale": "0..1"}, "--score-scale is for --scores"),
        ({"scores": ("t.csv",), "batch": 4}, "--batch is for a model"),
        ({"scores": ("t.csv",), "retry_failed": True, "out": Path("x")}, "--retry-failed is for a model"),
        ({"overwrite": True}, "need --out"),
        ({"overwrite": True, "retry_failed": True, "out": Path("x")}, "give one of them"),
        ({"limit": 0}, "limit must be 1 or more"),
        ({"score_scale": "x", "scores": ("t.csv",)}, "scale 'x'"),
        ({"labels": LabelChoice(label_scale="5")}, "scale '5'"),
    ],
)
def test_requests_that_make_no_sense(fields, message):
    with pytest.raises(InputError, match=message):
        asked("a.csv", **fields)
    with pytest.raises(InputError, match="nothing to evaluate"):
        asked()


def test_misspelt_names_are_answered(ratings):
    with pytest.raises(UnknownName, match="unknown aspect 'qualty'; did you mean 'quality'"):
        evaluate(asked(ratings, aspect="qualty"))
    with pytest.raises(UnknownName, match="unknown protocol 'konig'"):
        evaluate(asked(ratings, protocol="konig"))
    with pytest.raises(UnknownName, match="unknown model 'mina'"):
        evaluate(asked(ratings, model="mina"))
    out = ratings.with_name("run")
    with pytest.raises(
        UnknownName, match="'mini' does not score 'consistency'; it scores quality, aesthetics"
    ):
        evaluate(asked(ratings, model="mini", aspect="consistency", out=out))
    assert not out.exists()


def test_the_aspect_is_that_of_protocol_or_column_or_has_to_be_said(tmp_path, tiny, photos):
    path = tmp_path / "r.csv"
    path.write_text("image,aesthetics\nphotos/home/0.png,1\nphotos/trip/1.png,2\n")
    assert evaluate(asked(path, model=str(tiny), aspect=None)).report["aspect"] == "aesthetics"
    path.write_text("image,mos\nphotos/home/0.png,1\nphotos/trip/1.png,2\n")
    found = evaluate(asked(path, model=str(tiny), aspect=None, protocol="ava"))
    assert found.report["aspect"] == "aesthetics"
    with pytest.raises(InputError, match="which aspect are the labels about"):
        evaluate(asked(path, model=str(tiny), aspect=None))


# --- again from a config -------------------------------------------------------------------------------


def test_a_config_runs_again_with_the_same_figures(ratings, tiny, tmp_path):
    options = asked(
        ratings, model=str(tiny), out=tmp_path / "run", labels=LabelChoice("mos", "scene", "1..5"), limit=9
    )
    first = evaluate(options).report
    config = read_config(tmp_path / "run")
    again = evaluate(options_from(config, out=tmp_path / "again"), expected=config).report
    assert without_cost(again) == without_cost(first)
    assert read_config(tmp_path / "again" / "config.toml") == config
    nothing = evaluate(options_from(config), expected=config)
    assert nothing.path is None


def test_a_config_whose_files_changed_is_refused(ratings, tiny, tmp_path):
    evaluate(asked(ratings, model=str(tiny), out=tmp_path / "run"))
    config = read_config(tmp_path / "run")
    ratings.write_text(ratings.read_text().replace("1.0,", "2.0,", 1))
    with pytest.raises(InputError, match="the config was made with a manifest for ratings of hash"):
        evaluate(options_from(config), expected=config)


def test_a_config_of_tables(tmp_path):
    (tmp_path / "a.csv").write_text("image,mos,x\n" + "".join(f"{i},{i},{i % 7}\n" for i in range(20)))
    path = str(tmp_path / "a.csv")
    options = asked(
        path, scores=(path,), score="x", score_scale="10..0", out=tmp_path / "run", protocol="koniq"
    )
    first = evaluate(options).report
    config = read_config(tmp_path / "run")
    assert evaluate(options_from(config), expected=config).report == first
    assert options_from(config, out=tmp_path / "run") == options


@pytest.mark.parametrize("text", ["", "format = 1\nkind = 'training'\n", "format = 2\nkind = 'evaluation'\n"])
def test_files_that_are_no_config(tmp_path, text):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(DataError, match="is no config of visq evaluate"):
        read_config(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_text("[")
    with pytest.raises(DataError, match="cannot be read as a config"):
        read_config(tmp_path / "c.toml")
    with pytest.raises(InputError, match="no such config"):
        read_config(tmp_path / "d.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("resamples = 1000\n", "", "'resamples' is None; wanted a whole number"),
        ("aspect = 'quality'", "aspect = 5", "'aspect' is 5; wanted text"),
        ("seed = 0", "seed = -3", "'seed' is -3; wanted a whole number"),
        ("level = 0.95", "level = '95'", "'level' is '95'; wanted a number"),
        ("model = {name = 'mini', sha256 = ''}", "model = 'mini'", "'model' is 'mini'; wanted a table"),
        ("name = 'mini', ", "", "'model.name' is None; wanted text"),
        ("manifest = 'a.csv'", "manifest = 3", r"'set\[0\]\.manifest' is 3; wanted text"),
        ("[[set]]\nname = 'a'\nmanifest = 'a.csv'\n", "set = [1]\n", r"'set' is \[1\]; wanted tables"),
        ("[[set]]\nname = 'a'\nmanifest = 'a.csv'\n", "set = []\n", r"'set' is \[\]; wanted tables"),
        ("name = 'a'\n", "", r"'set\[0\]\.name' is None; wanted text"),
    ],
)
def test_a_config_with_a_wrong_value_is_one_line(tmp_path, old, new, message):
    text = (
        "format = 1\nkind = 'evaluation'\naspect = 'quality'\nresamples = 1000\nlevel = 0.95\nseed = 0\n"
        "model = {name = 'mini', sha256 = ''}\n[[set]]\nname = 'a'\nmanifest = 'a.csv'\n"
    )
    (tmp_path / "c.toml").write_text(text)
    assert options_from(read_config(tmp_path / "c.toml")).manifests == ("a.csv",)
    assert old in text
    (tmp_path / "c.toml").write_text(text.replace(old, new))
    with pytest.raises(DataError, match=rf"c\.toml': {message}"):
        read_config(tmp_path / "c.toml")


def test_what_cannot_be_removed_is_one_line(ratings, tiny, tmp_path):
    options = asked(ratings, model=str(tiny), out=tmp_path / "run")
    evaluate(options)
    (tmp_path / "run" / "report.json").unlink()
    (tmp_path / "run" / "report.json").mkdir()
    with pytest.raises(InputError, match=r"cannot remove '.*report\.json': ") as caught:
        evaluate(replace(options, overwrite=True))
    assert caught.value.kind == "output"


# --- stopped and killed --------------------------------------------------------------------------------


def without_cost(report):
    return {key: value for key, value in report.items() if key not in ("cost", "command")}


def test_a_stopped_run_goes_on(ratings, tiny, tmp_path):
    options = asked(ratings, model=str(tiny), out=tmp_path / "run", batch=1)
    done = []
    with pytest.raises(Stopped, match=r"stopped with .* rows scored; the same command goes on from here"):
        evaluate(options, on_progress=lambda n, failed: done.append(n), stop=lambda: len(done) >= 3)
    assert not (tmp_path / "run" / "report.json").exists()
    whole = evaluate(replace(options, out=tmp_path / "whole")).report
    assert without_cost(evaluate(options).report) == without_cost(whole)


PROGRAM = """
import sys
from visq.evaluation.runs.evaluate import evaluate
from visq.evaluation.runs.config import EvaluateOptions
from visq.evaluation.figures.measured import Settings
from pathlib import Path
how = {"aspect": "quality", "batch": 2, "settings": Settings(100)}
evaluate(EvaluateOptions((sys.argv[1],), out=Path(sys.argv[2]), **how))
"""


def start(ratings, out):
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(ratings), str(out)])


def killed_at_work(ratings, out):
    """Start a run and kill it after some batches; the rows it leaves, or None if it was done before."""
    journal = out / f"{ROWS}.visq-journal"
    wal = journal.with_name(f"{journal.name}-wal")
    run, states, deadline = start(ratings, out), set(), time.monotonic() + 60
    while run.poll() is None and len(states) < 9:
        assert time.monotonic() < deadline
        states.add((wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else (0, 0))
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    if (out / "report.json").exists():
        return None
    with contextlib.closing(sqlite3.connect(journal)) as db:
        return int(db.execute("SELECT COUNT(*) FROM row").fetchone()[0])


def test_a_killed_run_goes_on_and_ends_equal_to_one_that_was_not(tmp_path):
    """The shipped model, so that a kill finds it at work; the kills are real ones."""
    n = 60
    ratings = rate(tmp_path / "ratings.csv", make_photos(tmp_path / "photos", n), n=n)
    out = tmp_path / "run"
    left = [killed_at_work(ratings, out) for _ in range(2)]
    assert left[0] is not None
    assert start(ratings, out).wait(timeout=120) == 0
    assert start(ratings, tmp_path / "whole").wait(timeout=120) == 0
    killed, whole = read_run(out), read_run(tmp_path / "whole")
    assert without_cost(killed.report) == without_cost(whole.report)
    assert (out / "scores.parquet").read_bytes() == (tmp_path / "whole" / "scores.parquet").read_bytes()
    if left[1] is not None:  # nothing that was kept is scored again
        assert left[1] >= left[0]
        assert killed.report["cost"]["n"] == n - left[1]
        assert [event["event"] for event in events(out)] == ["begun", "begun", "begun", "scored", "done"]


# --- benchmarks as their users know them ---------------------------------------------------------------


def test_a_table_with_ids_and_scores_as_spreadsheets_leave_it(tmp_path, tiny):
    """AVA_demo's and AADB's shape: `ID,score`, a byte order mark, ids 1001.0, file names without ending."""
    make_photos(tmp_path / "demo", 9)
    for i, file in enumerate(sorted((tmp_path / "demo").rglob("*.png"))):
        file.rename(tmp_path / "demo" / f"{1001 + i}.png")
    rows = "".join(f"{1001 + i}.0,{1 + i * 0.4}\n" for i in range(9))
    (tmp_path / "demo" / "demo.csv").write_bytes(b"\xef\xbb\xbf" + f"ID,score\r\n{rows}".encode())
    found = evaluate(asked(tmp_path / "demo" / "demo.csv", model=str(tiny), aspect=None, protocol="ava"))
    one = set_of(found)
    assert found.sets[0].ids.tolist() == [str(1001 + i) for i in range(9)]
    assert (one["n_scored"], one["label_column"], one["label_scale"]) == (9, "score", "1..10")
    contest = "".join(f"{1001 + i}.png,{1 + i * 0.5}\n" for i in range(9))
    (tmp_path / "demo" / "AADB_test.csv").write_bytes(b"\xef\xbb\xbf" + f"ID,score\n{contest}".encode())
    aadb = evaluate(asked(tmp_path / "demo" / "AADB_test.csv", model=str(tiny), aspect=None, protocol="aadb"))
    assert (set_of(aadb)["n_scored"], set_of(aadb)["label_scale"]) == (9, "1..5")
    assert any("n = 9 is none of the lists" in text for text in set_of(aadb)["warnings"])


# --- published figures ---------------------------------------------------------------------------------

FORMS = {
    "softmax(good,poor)": "softmax(good,poor)",
    "good-poor": "good-poor",
    "softmax3(excellent+good)": "softmax(excellent=1,good=1,poor=0)",
    "softmax3 with weights 1,0.75,0": "softmax(excellent=1,good=0.75,poor=0)",
    "softmax(excellent,poor)": "softmax(excellent,poor)",
}


@pytest.mark.shared
@pytest.mark.parametrize("i", range(11))
def test_every_published_figure_of_q_bench_to_four_digits(shared, i):
    """labels/qbench/goldens.csv: computed with scipy 1.17.1, raw PLCC, tau-b; LIVE-C with its 1169 rows."""
    folder = shared / "labels" / "qbench"
    with (folder / "goldens.csv").open(newline="") as file:
        goldens = list(csv.DictReader(file))
    assert len(goldens) == 11
    golden, path = goldens[i], str(folder / goldens[i]["file"])
    options = asked(path, scores=(path,), score=FORMS[golden["score"]], labels=LabelChoice(label="gt_score"))
    one = set_of(evaluate(replace(options, settings=Settings(resamples=1))))
    assert one["n_scored"] == one["n_rows"] == int(golden["n"])
    for name in ("srcc", "plcc", "krcc"):
        assert f"{one['figures'][name]['value']:.4f}" == golden[name]


@pytest.mark.shared
def test_livec_without_the_pictures_that_raters_were_trained_on(shared):
    path = str(shared / "labels" / "qbench" / "qwen-vl__livec.csv")
    options = asked(path, scores=(path,), protocol="livec", labels=LabelChoice(label="gt_score"))
    one = set_of(evaluate(replace(options, settings=Settings(resamples=1))))
    assert (one["n_rows"], one["n_excluded"], one["n_scored"]) == (1169, 7, 1162)
    assert one["list"] == "all pictures but t1..t7, on which raters were trained"


@pytest.mark.shared
def test_the_three_bands_of_the_ava_subset_are_named(shared):
    path = str(shared / "ava" / "labels.csv")
    options = asked(path, scores=(path,), score="src_width", aspect=None, protocol="ava")
    one = set_of(evaluate(replace(options, settings=Settings(resamples=50))))
    assert any("labels leave 3.50..4.70 and 5.30..6.50 empty" in text for text in one["warnings"])
    assert [part["n"] for part in one["within"][0]["parts"]] == [406, 401, 393]


@pytest.mark.shared
def test_the_generator_alone_reaches_the_published_floor(shared):
    """SPEC 4.4: pooled out-of-fold .710 on all rows; on the shared part the card of mini says .7093."""
    path = str(shared / "agiqa3k" / "labels.csv")
    options = asked(path, scores=(path,), score="consistency", protocol="agiqa3k")
    one = set_of(evaluate(replace(options, settings=Settings(resamples=50))))
    assert round(one["figures"]["floor_generator_srcc"]["value"], 4) == 0.7093
    assert round(one["figures"]["srcc"]["value"], 3) == 0.742
    assert one["group_column"] == "group"


LEVELS = ["bad", "poor", "fair", "good", "excellent"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "split", "n", "srcc", "plcc"),
    [
        ("koniq", "train", 7046, 0.9517, 0.9606),
        ("koniq", "test", 2010, 0.9516, 0.9609),
        ("spaq", "test", 2224, 0.9691, 0.9695),
        ("kadid", "test", 2000, 0.9662, 0.9707),
    ],
)
def test_what_a_level_alone_can_reach(shared, tmp_path, name, split, n, srcc, plcc):
    """SPEC 1.1: SRCC and PLCC of the published level's index against the score."""
    with (shared / "labels" / "qalign" / f"{name}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    path = tmp_path / f"{name}.csv"
    cells = [f"{row['image']},{row['score']},{split},{LEVELS.index(row['level'])}\n" for row in rows]
    path.write_text("image,score,split,level\n" + "".join(cells))
    options = asked(path, scores=(str(path),), score="level", protocol=name)
    one = set_of(evaluate(replace(options, settings=Settings(resamples=1))))
    assert one["n_scored"] == n
    assert round(one["figures"]["srcc"]["value"], 4) == srcc
    assert round(one["figures"]["plcc"]["value"], 4) == plcc
    assert (one["list"] is not None) == (split == "test")


@pytest.mark.shared
@pytest.mark.parametrize(("decimals", "srcc", "plcc"), [(0, 0.9046, 0.9182), (1, 0.9983, 0.9989)])
def test_what_rounded_answers_can_reach(shared, tmp_path, decimals, srcc, plcc):
    """SPEC 2.3: KonIQ mapped to 1..5 by 1 + 4 y / 100, n = 9,056, rounded against exact labels."""
    with (shared / "labels" / "qalign" / "koniq.csv").open(newline="") as file:
        mapped = [(row["image"], 1 + 4 * float(row["score"]) / 100) for row in csv.DictReader(file)]
    path = tmp_path / "koniq.csv"
    path.write_text("image,mos,x\n" + "".join(f"{i},{y!r},{round(y, decimals)}\n" for i, y in mapped))
    options = asked(path, scores=(str(path),), score="x", settings=Settings(resamples=1))
    one = set_of(evaluate(options))
    assert one["n_scored"] == 9056
    assert round(one["figures"]["srcc"]["value"], 4) == srcc
    assert round(one["figures"]["plcc"]["value"], 4) == plcc
