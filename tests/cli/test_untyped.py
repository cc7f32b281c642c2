"""Defaults of the environment as a person meets them, each command a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from photos import VisqRun, make_photos

VARIABLES = (
    "MODEL_PATH", "LORA_PATH", "CUDA_DEVICE", "MAX_PIXELS", "TEMPERATURE", "CACHE_DIR", "QWEN_MODEL_PATH",
    "QWEN_LORA_PATH", "QWEN_LORA_SFT_PATH", "QWEN_LORA_DPO_PATH",
)  # fmt: skip
CLEAN = {name: value for name, value in os.environ.items() if name.removeprefix("VISQ_") not in VARIABLES}


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers").utils.logging.disable_progress_bar()
    from tiny_chat import qwen2_vl

    return qwen2_vl(tmp_path_factory.mktemp("chat") / "qwen")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos", 2)


def test_help_shows_the_defaults(visq: VisqRun) -> None:
    run = visq("score", "--help", env=CLEAN | {"COLUMNS": "200"})
    for default in ("mini", "auto", "1"):
        assert f"[default: ({default})]" in run.stdout


def test_score_takes_them_and_what_is_typed_wins(visq: VisqRun, photos: Path, qwen: Path) -> None:
    variables = {"MODEL_PATH": str(qwen), "VISQ_MAX_PIXELS": "4096", "MAX_PIXELS": "no", "CUDA_DEVICE": "cpu"}
    words = ("score", photos, "--aspect", "quality")
    run = visq(*words, env=CLEAN | variables)
    assert run.returncode == 0, run.stderr
    said = f"visq: from the environment: MODEL_PATH={qwen}, CUDA_DEVICE=cpu, VISQ_MAX_PIXELS=4096\n"
    assert run.stderr.count(said) == 1

    typed = visq(*words, "--model", qwen, "--pixels", "..4096", "--device", "cpu", env=CLEAN)
    assert typed.stdout == run.stdout
    assert "from the environment" not in typed.stderr
    other = visq(*words, "--model", "mini", env=CLEAN | variables)
    assert other.stdout == visq(*words, env=CLEAN).stdout != run.stdout
    assert "from the environment" not in other.stderr


@pytest.mark.parametrize(
    "words",
    [("score", "PHOTOS"), ("evaluate", "RATED"), ("readouts", "RATED"), ("models", "show")],
    ids=lambda words: words[0],
)
def test_every_command_refuses_what_is_not_there(visq: VisqRun, photos: Path, words: tuple[str, ...]) -> None:
    rated = photos.parent / "rated.csv"
    rows = "".join(f"{path},{k}\n" for k, path in enumerate(sorted(photos.rglob("*.png"))))
    rated.write_text(f"path,quality\n{rows}", encoding="utf-8")
    run = visq(
        *({"PHOTOS": str(photos), "RATED": str(rated)}.get(word, word) for word in words),
        env=CLEAN | {"MODEL_PATH": "mini", "LORA_PATH": "./gone"},
    )
    assert run.returncode == 1
    assert run.stderr == "visq: LORA_PATH: unknown adapter './gone'; give a folder or ORG/NAME[@REV]\n"


def test_models_show_shows_the_one_that_is_named(visq: VisqRun, qwen: Path) -> None:
    run = visq("models", "show", env=CLEAN | {"MODEL_PATH": str(qwen), "MAX_PIXELS": "many"})
    assert run.returncode == 0, run.stderr
    assert "qwen2_vl" in run.stdout
    assert run.stderr == f"visq: from the environment: MODEL_PATH={qwen}\n"
    typed = visq("models", "show", "mini", env=CLEAN | {"MODEL_PATH": str(qwen)})
    assert typed.stdout == visq("models", "show", env=CLEAN).stdout
    assert typed.stderr == ""


def test_a_run_is_made_again_without_the_environment(visq: VisqRun, photos: Path) -> None:
    rated = photos.parent / "rated.csv"
    rows = "".join(f"{path},{k}\n" for k, path in enumerate(sorted(photos.rglob("*.png"))))
    rated.write_text(f"path,quality\n{rows}", encoding="utf-8")
    warm = {"TEMPERATURE": "2"}
    run = visq("evaluate", rated, "--out", "run", "--quiet", env=CLEAN | warm)
    assert run.returncode == 0, run.stderr
    again = visq("evaluate", "--config", "run", "--out", "again", "--quiet", env=CLEAN | {"TEMPERATURE": "7"})
    assert (again.returncode, again.stdout) == (0, run.stdout), again.stderr
    other = visq("evaluate", rated, "--out", "run", env=CLEAN)
    assert "'run' was made with --temperature 2.0, this run has none; choose another --out" in other.stderr


def test_an_error_of_what_nobody_typed_names_its_variable(visq: VisqRun, photos: Path, qwen: Path) -> None:
    rated = photos.parent / "rated.csv"
    rows = "".join(f"{path},{k}\n" for k, path in enumerate(sorted(photos.rglob("*.png"))))
    rated.write_text(f"path,quality\n{rows}", encoding="utf-8")
    variables = CLEAN | {"MODEL_PATH": str(qwen), "VISQ_CUDA_DEVICE": "mars"}
    said = "visq: device 'mars' is not on this machine; use 'auto' or 'cpu'"
    run = visq("score", photos, "--quiet", env=variables)
    assert (run.returncode, run.stderr.splitlines()[-1]) == (2, f"{said} (from VISQ_CUDA_DEVICE)")
    run = visq("readouts", rated, "--quiet", env=variables)
    assert (run.returncode, run.stderr.splitlines()[-1]) == (2, f"{said} (from VISQ_CUDA_DEVICE)")
    typed = visq("score", photos, "--quiet", "--device", "mars", env=variables)
    assert (typed.returncode, typed.stderr.splitlines()[-1]) == (2, said)
