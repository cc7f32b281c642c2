"""`visq score` with chat models and other read-outs as a person meets it: exit codes, one line an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from photos import VisqRun, make_photos

SAME = """\
[sharpness]
about = "how sharp the subject is"
levels = ["soft", "sharp<|im_end|>", "sharp"]
questions = ["How sharp is <|image_pad|> this image?"]
stem = "The sharpness of the image is"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers").utils.logging.disable_progress_bar()
    from tiny_chat import qwen2_vl

    return qwen2_vl(tmp_path_factory.mktemp("chat") / "qwen")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos", 3)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--readout", "integer"], 2, "unknown read-out 'integer'; did you mean 'integers'?"),
        (["--readout", "pairwise"], 2, "compares two pictures"),
        (["--readout", "decimals-one-path"], 2, "is a monitor of visq readouts and no score; use read-out"),
        (["--model", "HEAD", "--readout", "integers"], 2, "answers with level words only"),
        (["--model", "HEAD", "--readout", "contrast"], 2, "as 'contrast'; use --readout levels, or"),
        (["--model", "HEAD", "--readout", "text"], 2, "cannot be read as 'text'"),
        (["--model", "HEAD", "--dialect", "visq"], 2, "reads no question"),
        (["--dialect", "realqa", "--readout", "levels"], 2, "does not fit 'quality' in the words of"),
        (["--dialect", "onealing"], 2, "unknown dialect 'onealing'; did you mean 'onealign'?"),
        (["--temperature", "0"], 2, "temperature must be a finite number above 0, not 0.0"),
        (["--temperature", "nan"], 2, "temperature must be a finite number above 0"),
        (["--device", "cuda"], 2, "runs on ONNX Runtime, in float32 on the CPU, and cannot take --device"),
        (["--dtype", "bfloat16"], 2, "cannot take --dtype bfloat16; leave it out"),
        (["--attention", "eager"], 2, "cannot take --attention eager"),
        (["--device-map", "auto"], 2, "cannot take --device-map auto; leave it out"),
        (["--device-map", "auto", "--device", "cpu"], 2, "--device cpu names one: give one of them"),
        (["--pixels", "..100"], 2, "cannot take --pixels ..100"),
        (["--pixels", "100"], 2, "pixels '100' is not of the form MIN..MAX"),
        (["--pixels", "100..9"], 2, "must be a range from 1 up, not 100..9"),
        (["--remote-code"], 2, "cannot take --remote-code; leave it out"),
        (["--aspect", "same.toml"], 2, "model 'mini' does not score 'sharpness'"),
        (["--aspect", "gone.toml"], 2, "'gone.toml' does not exist"),
        (["--aspect", "same.toml#sharp"], 2, "did you mean 'sharpness'?"),
        (["--aspect", "same.toml", "--sort", "depth"], 2, "unknown aspect 'depth'"),
        (["--model", "mimi"], 2, "unknown model 'mimi'; did you mean 'mini'?"),
        (["--model", "gone/model"], 1, "'gone/model' is not on this machine"),
        (["--model", "mini+gone/lora"], 1, "takes no adapters"),
        (["--model", "http://localhost:1/v1#m"], 1, "servers are not asked yet"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line_before_a_model_loads(
    visq: VisqRun, photos: Path, tmp_path: Path, tiny: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "same.toml").write_text(SAME, encoding="utf-8")
    words = [str(tiny) if word == "HEAD" else word for word in words]
    run = visq(
        "score", photos, *words, "--quiet", env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    )
    assert run.returncode == code, run.stderr
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""


def test_a_folder_of_transformers_is_scored_and_everything_chosen_is_said(
    visq: VisqRun, photos: Path, folder: Path
) -> None:
    run = visq("score", photos, "--model", folder, "--readout", "integers", "--json")
    assert run.returncode == 0, run.stderr
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["ok"] * 3
    assert {row["readout"] for row in rows} == {"integers"}
    assert list(rows[0]["scores"]["aesthetics"]["distribution"]) == [str(n) for n in range(1, 11)]
    assert 0 <= rows[0]["scores"]["quality"]["outside"] <= 1
    lines = run.stderr.splitlines()
    assert all(line.startswith("visq: ") for line in lines), run.stderr  # no bar and no warning of others
    for part in ("read-out integers", "cpu, float32, attention sdpa, answers by tree", "scale 1..5"):
        assert part in lines[0]
    distrust = "in 3 pictures the model would mostly have said none of the answers: distrust them"
    assert lines[1:] == [
        "visq: quality and aesthetics asked in the words of visq-rating; --dialect takes others",
        f"visq: {folder} has no calibration for quality, aesthetics: no interval is given",
        f"visq: quality: {distrust}",
        f"visq: aesthetics: {distrust}",
        "visq: 3 scored, 0 failed",
    ]


def _no_picture_tower(folder: Path) -> list[str]:
    from transformers import LlamaConfig, LlamaForCausalLM

    from tiny_chat import TEXT, bytes_tokenizer

    LlamaForCausalLM(LlamaConfig(**TEXT, vocab_size=64)).save_pretrained(folder / "llama")
    bytes_tokenizer(("<pad>",), "<pad>").save_pretrained(folder / "llama")
    return ["--model", "llama"]


def _no_pictures_in_the_template(folder: Path) -> list[str]:
    template = folder / "copy" / "chat_template.jinja"
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("<|image_pad|>", ""), encoding="utf-8")
    return ["--model", "copy"]


def _two_answers_alike(folder: Path) -> list[str]:
    """Its tokenizer knows no capitals."""
    words = json.loads((folder / "copy" / "tokenizer.json").read_text(encoding="utf-8"))
    words["normalizer"] = {"type": "Lowercase"}
    (folder / "copy" / "tokenizer.json").write_text(json.dumps(words), encoding="utf-8")
    own = SAME.replace("<|image_pad|>", "").replace("sharp<|im_end|>", "Sharp")
    (folder / "own.toml").write_text(own, encoding="utf-8")
    return ["--model", "copy", "--aspect", "own.toml", "--out", "s.csv"]


def _a_question_that_is_a_picture(folder: Path) -> list[str]:
    (folder / "own.toml").write_text(SAME, encoding="utf-8")
    return ["--model", "copy", "--aspect", "own.toml", "--out", "s.csv"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_no_picture_tower, "has no picture tower (its kind is 'llama')"),
        (_no_pictures_in_the_template, "its chat template takes no pictures"),
        (_two_answers_alike, "answers 'Sharp' and 'sharp' are the same to this tokenizer"),
        (_a_question_that_is_a_picture, "may not hold '<|image_pad|>'"),
    ],
)
def test_a_model_that_cannot_be_asked_is_one_line_and_leaves_no_table(
    visq: VisqRun, photos: Path, folder: Path, tmp_path: Path, make: object, said: str
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    run = visq("score", photos, *make(tmp_path), "--quiet")  # type: ignore[operator]
    assert run.returncode == 1, run.stderr
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
    assert not list(tmp_path.glob("s.csv*"))


def test_duplicates_are_looked_for_in_what_a_chat_model_sees(
    visq: VisqRun, photos: Path, folder: Path, tmp_path: Path
) -> None:
    rows = [f"{path},3" for path in sorted(photos.rglob("*.png"))]
    (tmp_path / "rated.csv").write_text("\n".join(["path,quality", *rows]), encoding="utf-8")
    run = visq("check", "rated.csv", "--model", folder)
    assert run.returncode in (0, 3), run.stderr
    assert "Traceback" not in run.stderr


def test_a_missing_package_names_its_extra(visq: VisqRun, photos: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "transformers.py").write_text("raise ImportError('none', name='transformers')\n")
    run = visq("score", photos, "--model", folder, "--quiet", env={"PYTHONPATH": str(tmp_path)})
    assert run.returncode == 1
    assert run.stderr == "visq: transformers is not installed; run: pip install 'visq[vlm]'\n"
