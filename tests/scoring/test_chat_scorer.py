"""Chat models through the whole pipeline: against transformers alone, in any batch, failed, resumed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from naive_chat import TOLERANCE, Oracle, expectation
from photos import make_photos
from tiny_chat import qwen2_vl
from visq.core.errors import InputError
from visq.core.types import Prompted
from visq.scoring import RunOptions, load
from visq.scoring.asked import Wanted
from visq.scoring.model import Machine, plan_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

OWN = """\
[sharpness]
about = "how sharp the subject is"
levels = ["blurred", "soft", "sharp"]
questions = ["How sharp is this image?"]
stem = "The sharpness of the image is"

[depth]
about = "how deep the scene is, in tenths"
kind = "decimals"
decimals = 1
scale = [1, 2]
questions = ["How deep is this scene, from {low} to {high}?"]
stem = "The depth is <"
joint = ""
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    transformers.utils.logging.disable_progress_bar()
    return qwen2_vl(tmp_path_factory.mktemp("chat") / "qwen")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Five pictures of other sizes and shapes."""
    at = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(5)
    for k, size in enumerate([(40, 60), (30, 90), (64, 64), (90, 24), (40, 60)]):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(at / f"{k}.png")
    return at


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    return str(tmp_path / "own.toml")


def values(folder, pictures, batch=8, **options):
    """Of each picture, aspect -> value."""
    with (
        load(str(folder), threads=1, **options) as scorer,
        scorer.score(str(pictures), RunOptions(batch=batch, workers=2)) as table,
    ):
        return [{name: score.value for name, score in row.scores.items()} for row in table]


def test_scores_are_those_of_transformers_alone(folder, pictures, own):
    oracle, path = Oracle(folder), pictures / "1.png"
    levels = ["bad", "poor", "fair", "good", "excellent"]
    asked = "How would you rate the quality of this image?", "The quality of the image is"
    probs = oracle.probs(path, *asked, [f" {word}" for word in levels])
    sides = oracle.probs(path, *asked, [" poor", " good"])
    rated = oracle.probs(
        path, "Rate the quality of this image from 1 to 10.", "Rating Level: ", [str(n) for n in range(1, 11)]
    )
    tenths = [f"{1 + k / 10:.1f}" for k in range(11)]
    deep = oracle.probs(path, "How deep is this scene, from 1 to 2?", "The depth is <", tenths)
    wanted = {
        "levels": expectation(probs, np.arange(1, 6)),
        "contrast": expectation(sides, np.array([1, 5])),
        "integers": 1 + (expectation(rated, np.arange(1, 11)) - 1) * 4 / 9,
    }
    for readout, value in wanted.items():
        (found,) = values(folder, path, aspects="quality", readout=readout)
        assert found["quality"] == pytest.approx(value, abs=10 * TOLERANCE), readout
    with load(str(folder), aspects=f"{own}#depth", scale="1..2") as scorer:
        (row,) = scorer.score(str(path))
    score = row.scores["depth"]
    assert score.value == pytest.approx(expectation(deep, np.array(tenths, float)), abs=10 * TOLERANCE)
    assert list(score.distribution) == tenths
    assert 1 - score.outside == pytest.approx(deep.sum(), rel=100 * TOLERANCE)


def test_a_probability_is_shown_as_one_and_beside_it_a_score_on_1_to_5(folder, pictures):
    shown = {}
    for scale in (None, "0..100"):
        with (
            load(str(folder), aspects=["authenticity", "quality"], scale=scale) as scorer,
            scorer.score(str(pictures / "1.png")) as table,
        ):
            (row,) = table
            shown[scale] = {name: (str(one.scale), one.value) for name, one in row.scores.items()}
            assert table.identity["scale"] == (scale or "0..1,1..5")
    assert {name: scale for name, (scale, _) in shown[None].items()} == {
        "authenticity": "0..1",
        "quality": "1..5",
    }
    real = shown[None]["authenticity"][1]
    assert 0 <= real <= 1
    assert shown["0..100"]["authenticity"] == ("0..100", pytest.approx(100 * real))


def test_aspects_together_are_aspects_alone(folder, pictures, own):
    together = values(folder, pictures, aspects=["quality", "aesthetics", f"{own}#sharpness"])
    for name in ("quality", "aesthetics", f"{own}#sharpness"):
        for whole, part in zip(together, values(folder, pictures, aspects=[name]), strict=True):
            for aspect, value in part.items():
                assert whole[aspect] == pytest.approx(value, abs=10 * TOLERANCE)


def test_a_picture_is_seen_once_whatever_is_asked(folder, pictures, own):
    """Five levels, three levels, and eleven numbers: counted where pixels enter the picture tower."""
    seen = []
    with load(str(folder), aspects=["quality", own]) as scorer:
        tower = scorer._backbone._network._inner.visual
        tower.register_forward_hook(
            lambda _, given, options, __: seen.append(options["grid_thw"]), with_kwargs=True
        )
        with scorer.score(str(pictures)) as table:
            assert table.n_ok == 5
    assert sum(len(grids) for grids in seen) == 5


@pytest.mark.parametrize("readout", ["levels", "integers"])
def test_one_by_one_is_a_batch(folder, pictures, readout):
    whole = values(folder, pictures, readout=readout)
    alone = values(folder, pictures, batch=1, readout=readout)
    for one, other in zip(whole, alone, strict=True):
        assert one == pytest.approx(other, abs=10 * TOLERANCE)
    assert len({round(one["quality"], 6) for one in whole}) == 5


def test_a_causal_mini_is_read_both_ways_and_aspects_share_a_look(pictures, tmp_path):
    from tiny_causal import tiny_folder

    tiny_folder(tmp_path / "mini")
    for readout in ("levels", "integers", "contrast"):
        together = values(tmp_path / "mini", pictures, readout=readout)
        for name in ("quality", "aesthetics"):
            alone = values(tmp_path / "mini", pictures, batch=1, aspects=name, readout=readout)
            assert [one[name] for one in together] == [one[name] for one in alone]  # bit by bit


def test_only_the_picture_that_does_not_fit_the_memory_fails(folder, pictures, monkeypatch):
    right = values(folder, pictures)
    with load(str(folder), threads=1) as scorer:
        network = scorer._backbone._network
        plain = network.start

        def start(strands, *rest, **more):
            if any(strand.look.tensors["image_grid_thw"].tolist() == grid for strand in strands):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nof much")
            return plain(strands, *rest, **more)

        culprit = scorer.prepare(np.asarray(Image.open(pictures / "3.png")))
        look = scorer._backbone._look(Prompted(culprit, "quality", "?", ""))
        grid = look.tensors["image_grid_thw"].tolist()
        monkeypatch.setattr(network, "start", start)
        with scorer.score(str(pictures)) as table:
            rows = list(table)
    assert [row.status for row in rows] == ["ok", "ok", "ok", "failed", "ok"]
    assert rows[3].kind == "out-of-memory"
    assert rows[3].error.startswith("quality: a picture of 24 x 90 px does not fit the memory of cpu")
    assert not rows[3].scores
    for row, one in zip(rows, right, strict=True):
        for name, score in row.scores.items():
            assert score.value == pytest.approx(one[name], abs=10 * TOLERANCE)


def test_a_text_without_a_score_is_a_failed_row(folder, pictures, monkeypatch):
    said = iter([" good.", " poor.", "lovely", " bad.", " good.", " good.", " 3.5", " 7", " good.", " fair."])
    with load(str(folder), readout="text", threads=1) as scorer:
        monkeypatch.setattr(scorer._backbone, "generate", lambda batch, most: [next(said) for _ in batch])
        with scorer.score(str(pictures)) as table:
            rows = list(table)
            lines = [json.loads(line) for line in table.json_lines()]
    assert [row.kind for row in rows] == [None, "no-score", None, "no-score", None]
    assert rows[1].error == "quality: no score in 'lovely'"
    assert rows[3].error == "aesthetics: '7' is outside 1..5"
    assert [rows[0].scores[name].value for name in ("quality", "aesthetics")] == [4.0, 2.0]
    assert lines[0]["scores"]["quality"] == {
        **{"value": 4.0, "low": None, "high": None, "scale": [1, 5]},
        **{"distribution": {}, "spread": None, "outside": None},
    }


def test_what_was_chosen_is_said_and_a_table_holds_it(folder, own, tmp_path):
    with load(str(folder), readout="integers", dtype="bfloat16") as scorer:
        assert (
            scorer.notes[0]
            == "quality and aesthetics asked in the words of visq-rating; --dialect takes others"
        )
        assert "cpu, bfloat16" in scorer.running_on
        made = scorer.identity
    assert made["runtime"] == "transformers;bfloat16"
    assert (made["readout"], made["dialect"]) == ("integers", "visq-rating")
    assert len(made["model_hash"]) == 64
    with load(str(folder)) as scorer:
        assert {"temperature", "dialect", "words"}.isdisjoint(scorer.identity)
    with load(str(folder), aspects=own, temperature=1.5) as scorer:
        made = scorer.identity
    assert (made["readout"], made["temperature"], made["dialect"]) == ("levels,decimals", 1.5, "own")
    named = shutil.copytree(folder, tmp_path / "Q-ReAlign-Mini-0.8B")
    with load(str(named)) as scorer:
        assert "asked in the words of q-realign, by the model's name" in scorer.notes[0]
        assert scorer.aspects[0].dialect == "q-realign"


def test_a_folder_that_was_pulled_is_asked_as_its_name_on_the_hub_says(folder, tmp_path):
    pulled = shutil.copytree(folder, tmp_path / "scorer")
    (pulled / "origin.toml").write_text('name = "zhiyuanyou/DeQA-Score-Mix3"\nrevision = "0a1b"\n')
    for place, dialect in ((folder, "visq"), (pulled, "deqa")):
        _, asked, _ = plan_model(str(place), Wanted(("quality",)), Machine())
        assert [one.aspect.dialect for one in asked] == [dialect]


def test_another_way_of_asking_is_not_mixed_into_a_table(folder, pictures, own, tmp_path):
    out = tmp_path / "s.csv"

    def run(**options):
        with load(str(folder), aspects=["quality"], threads=1, **options) as scorer:
            scorer.score(str(pictures / "0.png"), RunOptions(out=out)).close()

    run()
    for options, key in (
        ({"readout": "contrast"}, "readout"),
        ({"temperature": 2.0}, "temperature"),
        ({"dialect": "q-realign"}, "dialect"),
        ({"dtype": "bfloat16"}, "runtime"),
        ({"pixels": "..500"}, "preprocessing"),
    ):
        with pytest.raises(InputError, match=f"was made with {key} "):
            run(**options)
    run()
    with load(str(folder), aspects=own) as scorer:
        before = scorer.identity["words"]
    Path(own).write_text(OWN.replace("How sharp", "Just how sharp"), encoding="utf-8")
    with load(str(folder), aspects=own) as scorer:
        assert scorer.identity["words"] != before


def test_a_run_that_was_killed_goes_on(folder, tmp_path):
    """Light: one real kill; tests/scoring/test_kill.py has many, of a model that starts at once."""
    photos, out = make_photos(tmp_path / "p", 40, side=40), tmp_path / "s.csv"
    command = [sys.executable, "-m", "visq", "score", str(photos), "--model", str(folder), "--out", str(out)]
    run = subprocess.Popen([*command, "--batch", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wal = Path(f"{out}.visq-journal-wal")
    deadline = time.monotonic() + 120
    while run.poll() is None and not (wal.exists() and wal.stat().st_size > 30_000):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not out.exists()
    with load(str(folder)) as scorer, scorer.score(str(photos), RunOptions(out=out)) as table:
        assert len(table) == table.n_ok == 40
        assert 0 < table.taken_over < 40


@pytest.mark.parametrize("readout", ["integers", "decimals", "contrast", "text"])
def test_a_report_of_any_read_out_is_written(folder, pictures, tmp_path, readout, monkeypatch):
    from visq.reports import write_report

    with load(str(folder), aspects="quality", readout=readout) as scorer:
        if readout == "text":
            monkeypatch.setattr(scorer._backbone, "generate", lambda batch, most: [" good."] * len(batch))
        with scorer.score(str(pictures)) as table:
            write_report(table, tmp_path / "r.html")
            table.write(tmp_path / "t.parquet")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "0.png" in page
    assert "NaN" not in page
