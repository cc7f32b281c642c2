"""`visq models` on chat models: show, check, merge, pull; each as a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from photos import VisqRun, make_photos
from tiny_adapters import LANGUAGE, rewrite, train
from tiny_chat import qwen2_vl

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, an adapter, one that was never trained, and two of other bases."""
    root = tmp_path_factory.mktemp("models")
    base = qwen2_vl(root / "qwen")
    train(base, root / "lora", target_modules=LANGUAGE)
    train(base, root / "idle", target_modules=LANGUAGE, steps=0)
    (root / "qwen2.5").mkdir()
    (root / "qwen2.5" / "config.json").write_text('{"model_type": "qwen2_5_vl"}', encoding="utf-8")
    rewrite(root / "lora", root / "alien", base_model_name_or_path=str(root / "qwen2.5"))
    rewrite(root / "lora", root / "tuned", base_model_name_or_path="org/tuned")
    return root


def test_a_chat_model_and_its_adapter_are_shown(visq: VisqRun, models: Path) -> None:
    run = visq("models", "show", "qwen+lora", cwd=models)
    assert run.returncode == 0, run.stderr
    for word in ("qwen2_vl", "Qwen2VLForConditionalGeneration", "float32", "lora", "rank      4", "sha256"):
        assert word in run.stdout


def test_an_adapter_of_a_base_of_another_name_is_said(visq: VisqRun, models: Path) -> None:
    said = "trained on 'org/tuned', laid on 'qwen'"
    assert said in visq("models", "show", "qwen+tuned", cwd=models).stdout
    make_photos(models / "photos", 1)
    assert said in visq("score", "photos", "--model", "qwen+tuned", cwd=models).stderr
    assert "trained on" not in visq("models", "show", "qwen+lora", cwd=models).stdout


def test_a_chat_model_is_checked_as_it_will_be_scored(visq: VisqRun, models: Path) -> None:
    options = ("--device", "cpu", "--dtype", "bfloat16", "--attention", "eager", "--pixels", "..4000")
    run = visq("models", "show", "qwen", "--check", *options, cwd=models)
    assert run.returncode == 0, run.stdout + run.stderr
    loaded, pictures, *_ = run.stdout.splitlines()
    assert loaded.startswith("loaded qwen, transformers;bfloat16;eager, cpu, bfloat16, attention eager")
    assert pictures != visq("models", "show", "qwen", "--check", cwd=models).stdout.splitlines()[1]


def test_a_chat_model_is_checked(visq: VisqRun, models: Path) -> None:
    run = visq("models", "show", "qwen+lora", "--check", cwd=models)
    assert run.returncode == 0, run.stdout + run.stderr
    for words in (
        "loaded qwen+lora, transformers",
        "adapter 'lora' changes 4 modules: vision 0, connector 0, language 4",
        "reads for quality, after 'The quality of the image is': bad = ' bad' (",
        "astronaut.jpg, quality ",
        ", outside ",
        "ask it in the words it was trained with",
        "ok     alone against a batch of 10: differs by",
        "ok     log-probabilities against transformers alone: differs by",
    ):
        assert words in run.stdout
    assert "FAILED" not in run.stdout


def test_a_model_that_depends_on_its_neighbours_does_not_pass(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from visq.scoring.asked import Wanted
    from visq.scoring.check_chat import check_chat
    from visq.scoring.model import Machine, open_model

    opened = open_model(str(models / "qwen"), Wanted(), Machine(), 1)
    right = opened.backbone.answers_each

    def wrong(batch, answers):  # type: ignore[no-untyped-def]
        factor = np.linspace(1, 1 + 0.01 * (len(batch) > 1), len(answers[0]), dtype=np.float32)
        return [row * factor for row in right(batch, answers)]

    monkeypatch.setattr(opened.backbone, "answers_each", wrong)
    report = check_chat(opened, "qwen")
    assert not report.passed
    assert any(line.startswith("FAILED alone against a batch of 10") for line in report.lines)


def test_adapters_are_merged(visq: VisqRun, models: Path, tmp_path: Path) -> None:
    run = visq("models", "merge", "qwen+lora", "--out", tmp_path / "merged", cwd=models)
    assert run.returncode == 0, run.stderr
    first, compared, written, folder = run.stdout.splitlines()
    assert first == "adapter 'lora' changes 4 modules: vision 0, connector 0, language 4"
    assert compared.startswith("merged against adapted, float32, 25 log-probabilities: differs by ")
    assert compared.endswith("(may 0.001)")
    assert written.startswith("written as float32, read again: differs by ")
    assert "(may 0.001); the adapters' effect is " in written
    assert run.stderr == ""  # no bar of transformers'
    assert folder == str(tmp_path / "merged")
    assert visq("models", "show", "merged").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["merge", "qwen+idle", "--out", "m"], 1, "adapter 'idle' changes nothing: all its lora_B are zero"),
        (["merge", "qwen", "--out", "m"], 2, "there is no adapter to merge"),
        (["merge", "qwen+lora", "--out", "m", "--dtype", "int8"], 2, "dtype 'int8' is none of: float32, "),
        (["merge", "qwen+lorra", "--out", "m"], 2, "unknown model 'lorra' in 'qwen+lorra'"),
        (["merge", "qwen+lora", "--out", "qwen"], 1, "'qwen' exists; choose another --out"),
        (["merge", "mini+lora", "--out", "m"], 1, "adapter 'lora' is for another base"),
        (["show", "http://localhost/v1#m"], 1, "is no folder and is on no hub"),
        (["pull", "qwen"], 2, "'qwen' is not of the form ORG/NAME[@REV]"),
        (
            ["pull", "org/name@main"],
            1,
            "HF_HUB_OFFLINE is set; unset it, or run 'visq models pull org/name --out",
        ),
        (["show", "org/name"], 1, "model 'org/name' is not on this machine"),
        (["show", "qwen+alien"], 1, "adapter 'alien' is for another base: it was trained on '"),
        (["merge", "qwen+alien", "--out", "m"], 1, "a qwen2_5_vl, and 'qwen' is a qwen2_vl; use the model"),
        (["show", "qwen", "--dtype", "bfloat16"], 2, "--dtype is about a model that is loaded: add --check"),
        (["show", "qwen", "--check", "--pixels", "few"], 2, "pixels 'few' is not of the form MIN..MAX"),
        (["show", "qwen", "--check", "--device-map", "al"], 2, "unknown device map 'al'"),
        (["show", "mini", "--check", "--dtype", "bfloat16"], 2, "cannot take --dtype bfloat16; leave it out"),
    ],
)
def test_mistakes_are_one_line(
    visq: VisqRun,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    run = visq("models", *words, cwd=models)
    assert run.returncode == code, run.stderr
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("visq: ")]
    assert said in line
    assert run.stdout == ""
    assert not (models / "m").exists()
