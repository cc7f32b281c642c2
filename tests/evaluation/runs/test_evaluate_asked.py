"""Evaluating by another read-out, and models of transformers: the same scores as `visq.score` gives."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_model
import visq
from photos import make_photos
from visq.core import toml
from visq.core.errors import InputError
from visq.evaluation.runs.config import options_from, read_config
from visq.evaluation.runs.evaluate import evaluate as evaluate_sets


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    from tiny_causal import tiny_folder

    folder = tmp_path_factory.mktemp("model") / "causal"
    tiny_folder(folder)
    return folder


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    photos = make_photos(tmp_path / "photos", 6)
    paths = sorted(photos.rglob("*.png"))
    rows = "".join(f"{path},{1 + k / 2}\n" for k, path in enumerate(paths))
    (tmp_path / "rated.csv").write_text(f"path,quality\n{rows}", encoding="utf-8")
    return tmp_path / "rated.csv"


def test_a_read_out_is_that_of_scoring_and_stands_in_the_config(
    causal: Path, rated: Path, tmp_path: Path
) -> None:
    found = {}
    for readout in (None, "integers", "contrast"):
        out = tmp_path / str(readout)
        run = visq.evaluate(rated, model=str(causal), readout=readout, resamples=10, out=out)
        with visq.score(rated, model=str(causal), aspect="quality", readout=readout) as table:
            scored = [row.scores["quality"].value for row in table]
        assert run.sets[0].scores.tolist() == pytest.approx(scored)
        assert run.report["source"]["readout"] == (readout or "levels")
        found[readout] = toml.loads((out / "config.toml").read_text(encoding="utf-8"))
    assert {"readout", "dialect", "dtype"}.isdisjoint(found[None])  # as configs of earlier versions
    assert found["integers"]["readout"] == "integers"
    with pytest.raises(InputError, match="was made with --readout integers, this run has none"):
        visq.evaluate(rated, model=str(causal), resamples=10, out=tmp_path / "integers")


def test_a_folder_of_transformers_is_evaluated(rated: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers").utils.logging.disable_progress_bar()
    from tiny_chat import qwen2_vl

    folder = qwen2_vl(tmp_path / "qwen")
    asked = {"dialect": "deqa", "temperature": 3.0, "attention": "eager", "pixels": "1..64"}
    out = tmp_path / "run"
    run = visq.evaluate(
        rated, model=str(folder), dtype="float32", device="cpu", resamples=10, out=out, **asked
    )
    scores = {}
    for left_out in (None, "temperature", "pixels"):
        words = {name: value for name, value in asked.items() if name != left_out}
        with visq.score(rated, model=str(folder), aspect="quality", **words) as table:
            scores[left_out] = [r.scores["quality"].value for r in table]
    found = run.sets[0].scores.tolist()
    assert found == pytest.approx(scores[None], abs=1e-3)
    assert all(found != pytest.approx(scores[name], abs=1e-3) for name in ("temperature", "pixels"))
    assert run.report["source"]["runtime"] == "transformers;float32;eager"
    config = toml.loads((out / "config.toml").read_text(encoding="utf-8"))
    assert {name: config[name] for name in asked} == asked
    assert {"device", "device_map", "remote_code"}.isdisjoint(config)
    again = evaluate_sets(options_from(read_config(out), device_map="auto"), expected=config)
    assert again.sets[0].scores.tolist() == found


def test_what_a_model_cannot_take_leaves_no_folder(rated: Path, tmp_path: Path) -> None:
    head = str(tiny_model.make(tmp_path / "head"))
    for options, match in (
        ({"readout": "integers"}, "answers with level words only"),
        ({"device": "cuda"}, "cannot take --device cuda"),
        ({"dtype": "float16"}, "cannot take --dtype float16"),
        ({"readout": "integer"}, "did you mean 'integers'"),
        ({"pixels": "..9"}, r"cannot take --pixels \.\.9"),
        ({"attention": "eager"}, "cannot take --attention eager"),
        ({"device_map": "auto"}, "cannot take --device-map auto"),
        ({"device_map": "auto", "device": "cpu"}, "give one of them"),
        ({"remote_code": True}, "cannot take --remote-code"),
        ({"temperature": 0.0}, "temperature must be a finite number above 0"),
    ):
        with pytest.raises(InputError, match=match):
            visq.evaluate(rated, model=head, out=tmp_path / "run", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="--readout is for a model and has no effect here"):
        visq.evaluate(rated, scores=[rated], readout="levels")
    for name, value in {"temperature": 2.0, "device_map": "auto", "remote_code": True}.items():
        with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is for a model and has no effect"):
            visq.evaluate(rated, scores=[rated], **{name: value})  # type: ignore[arg-type]
