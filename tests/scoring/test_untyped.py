"""What nobody typed comes from the environment; what was typed keeps its variables from being looked at."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import tiny_model
import visq
from photos import make_photos
from visq.backbones import find_model, folder
from visq.core.errors import InputError, MissingExtra, ModelError, UnknownName, VisqError
from visq.scoring.asked import Wanted
from visq.scoring.model import Machine, plan_model
from visq.scoring.untyped import chosen, naming_variables

EVERY = {
    "MODEL_PATH": "/no/such/model", "LORA_PATH": "/no/such/adapter", "CUDA_DEVICE": "cuda:9",
    "MAX_PIXELS": "many", "TEMPERATURE": "warm", "CACHE_DIR": "/no/such/cache",
}  # fmt: skip


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder in transformers' layout, and beside it an adapter, as far as names go: nothing loads them."""
    for name, files in (
        ("qwen", ("config.json", "model.safetensors")),
        ("lora", ("adapter_config.json", "adapter_model.safetensors")),
    ):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text(file, encoding="utf-8")
    return tmp_path / "qwen"


def test_an_empty_environment_changes_nothing(bare: Path) -> None:
    for variables in ({}, dict.fromkeys(EVERY, "")):
        found = chosen(None, Wanted(), Machine(), variables)
        assert (found.folder, found.wanted, found.machine) == (find_model("mini"), Wanted(), Machine())
        assert found.notes == ()
        found = chosen(str(bare), Wanted(), Machine(), variables)
        assert (found.folder.name, found.machine, found.notes) == (str(bare), Machine(), ())


def test_all_of_it_is_taken_and_said_in_a_line(bare: Path) -> None:
    lora = bare.parent / "lora"
    variables = {"MODEL_PATH": str(bare), "LORA_PATH": str(lora), "CUDA_DEVICE": "cuda:1"}
    variables |= {"MAX_PIXELS": "4096", "VISQ_MAX_PIXELS": "301056", "TEMPERATURE": "0.5", "CACHE_DIR": "c"}
    found = chosen(None, Wanted(("quality",)), Machine(dtype="float32"), variables)

    assert (found.folder.name, found.folder.adapters) == (f"{bare}+{lora}", (lora,))
    assert found.machine == Machine("cuda:1", "float32", pixels="..301056")
    assert found.wanted == Wanted(("quality",), temperature=0.5)
    assert found.notes == (
        f"from the environment: MODEL_PATH={bare}, LORA_PATH={lora}, CUDA_DEVICE=cuda:1, "
        "VISQ_MAX_PIXELS=301056, TEMPERATURE=0.5",
    )
    _, (asked,), _ = plan_model(found.folder, found.wanted, found.machine)
    assert asked.temperature == 0.5


def test_what_is_typed_wins_and_nothing_else_is_looked_at(bare: Path) -> None:
    typed = Wanted(temperature=1.0), Machine("auto", pixels="100..")
    found = chosen(str(bare), *typed, EVERY)

    assert (found.folder.adapters, found.notes) == ((), ())
    assert (found.wanted, found.machine) == typed


def test_what_would_have_no_effect_is_not_taken(bare: Path) -> None:
    assert chosen("mini", Wanted(temperature=1.0), Machine(), EVERY).machine == Machine()
    found = chosen(str(bare), Wanted(readout="text"), Machine("cpu", pixels="..9"), EVERY)
    assert found.wanted.temperature is None


@pytest.mark.parametrize(
    ("model", "variables", "error", "said"),
    [
        (
            None,
            {"LORA_PATH": "org/lora"},
            InputError,
            "LORA_PATH names an adapter and nothing names its model",
        ),
        (
            None,
            {"MODEL_PATH": "QWEN", "LORA_PATH": "./gone"},
            InputError,
            "LORA_PATH: unknown adapter './gone'",
        ),
        (
            None,
            {"MODEL_PATH": "mini", "LORA_PATH": "LORA"},
            ModelError,
            "that transformers reads (from MODEL_PATH, LORA_PATH)",
        ),
        (None, {"MODEL_PATH": "EMPTY"}, ModelError, "give a model folder (from MODEL_PATH)"),
        (None, {"VISQ_MODEL_PATH": "mimi"}, InputError, "VISQ_MODEL_PATH: unknown model 'mimi'"),
        ("mimi", EVERY, UnknownName, "unknown model 'mimi'"),
        ("QWEN", {"MAX_PIXELS": "0"}, InputError, "MAX_PIXELS must be a whole number above 0"),
        ("mini", {"TEMPERATURE": "warm"}, InputError, "TEMPERATURE must be a number above 0, not 'warm'"),
    ],
)
def test_what_is_wrong_is_one_line(
    bare: Path, model: str | None, variables: dict[str, str], error: type[Exception], said: str
) -> None:
    (bare.parent / "empty").mkdir()
    paths = {name: str(bare.parent / name.lower()) for name in ("QWEN", "LORA", "EMPTY")}
    named = {name: paths.get(value, value) for name, value in variables.items()}
    with pytest.raises(error) as caught:
        chosen(paths.get(model or "", model), Wanted(), Machine(), named)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hubs_cache_is_that_of_the_environment(
    tmp_path: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        folder, "locate", lambda one, *, cache=None, **_: seen.append((str(one), cache)) or bare
    )
    variables = {"MODEL_PATH": "org/qwen", "LORA_PATH": "org/lora", "CACHE_DIR": str(tmp_path)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = chosen(None, Wanted(), Machine())

    assert seen == [("org/qwen", str(tmp_path)), ("org/lora", str(tmp_path))]
    assert found.notes[0].endswith(f"LORA_PATH=org/lora, CACHE_DIR={tmp_path}")


def test_python_scores_and_evaluates_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_model.make(tmp_path / "tiny")
    photos = make_photos(tmp_path / "photos", 4)
    paths = sorted(photos.rglob("*.png"))
    rows = "".join(f"{path},{1 + k}\n" for k, path in enumerate(paths))
    (tmp_path / "rated.csv").write_text(f"path,quality\n{rows}", encoding="utf-8")
    plain = visq.score(str(photos), model=str(model))
    typed = visq.score(str(photos), model=str(model), temperature=2.0)
    monkeypatch.setenv("MODEL_PATH", str(model))
    monkeypatch.setenv("TEMPERATURE", "2")
    with caplog.at_level(logging.WARNING, "visq"):
        untyped = visq.score(str(photos))
        run = visq.evaluate(tmp_path / "rated.csv", out=tmp_path / "run")

    said = f"from the environment: MODEL_PATH={model}, TEMPERATURE=2"
    assert [record.getMessage() for record in caplog.records].count(said) == 2
    values = [[row.scores["quality"].value for row in table.rows] for table in (plain, typed, untyped)]
    assert values[1] == values[2] != values[0]
    assert visq.score(str(photos), temperature=1.0).identity == plain.identity
    assert "temperature = 2.0" in (tmp_path / "run" / "config.toml").read_text(encoding="utf-8")
    assert list(run.sets[0].scores) == pytest.approx(values[2])


USED = ["MODEL_PATH=models/qwen", "VISQ_LORA_PATH=you/sharpness@main", "CUDA_DEVICE=cuda:1"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("device 'cuda:1' is not on this machine", kind="usage"), " (from CUDA_DEVICE)"),
        (InputError("device 'cuda:10' is not on this machine"), ""),
        (ModelError("adapter 'you/sharpness@01234567' changes nothing: why"), " (from VISQ_LORA_PATH)"),
        (ModelError("model 'models/qwen+you/sharpness@main': no"), " (from MODEL_PATH, VISQ_LORA_PATH)"),
        (ModelError("model 'qwen' cannot be loaded: why"), " (from MODEL_PATH)"),
        (ModelError("model 'qwen2' cannot be loaded: why"), ""),
        (InputError("MODEL_PATH: unknown model 'models/qwen'"), ""),
        (MissingExtra("peft", "vlm"), ""),
    ],
    ids=str,
)
def test_an_error_ends_with_the_variable_that_gave_the_value(error: VisqError, said: str) -> None:
    before, kind = str(error), getattr(error, "kind", None)
    with pytest.raises(type(error)) as caught, naming_variables(USED):
        raise error
    assert str(caught.value) == before + said
    assert getattr(caught.value, "kind", None) == kind


def test_a_device_map_that_is_typed_chooses_the_devices(bare: Path) -> None:
    machine = Machine(device_map="auto")
    assert chosen(str(bare), Wanted(), machine, {"CUDA_DEVICE": "cuda:9"}).machine == machine
