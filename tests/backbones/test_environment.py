"""Defaults of the environment: which name wins, and what is missing is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from visq.backbones.environment import ADAPTER, MODEL, Environment, hub_cache, read_environment
from visq.core.errors import InputError


def test_nothing_set_is_nothing() -> None:
    assert read_environment({}) == Environment()
    assert read_environment({"MODEL_PATH": "", "LORA_PATH": "", "MAX_PIXELS": ""}) == Environment()


def test_a_model_and_its_adapter(tmp_path: Path) -> None:
    lora = tmp_path / "a+b@c"
    lora.mkdir()
    found = read_environment({"QWEN_MODEL_PATH": "org/model@main", "QWEN_LORA_DPO_PATH": str(lora)})

    assert str(found.model) == f"org/model@main+{lora}"
    assert found.model is not None
    assert [one.kind for one in found.model.adapters] == ["folder"]
    assert found.used == ("QWEN_MODEL_PATH=org/model@main", f"QWEN_LORA_DPO_PATH={lora}")


@pytest.mark.parametrize("names", [MODEL, ADAPTER[:-1]], ids=["model", "adapter"])
def test_the_first_of_the_names_wins(names: tuple[str, ...]) -> None:
    for skipped in range(len(names)):
        variables = {name: f"org/{name}" for name in names[skipped:]}
        base = {} if names is MODEL else {"MODEL_PATH": "org/base"}
        found = read_environment(base | variables)
        assert found.model is not None
        assert f"org/{names[skipped]}" in str(found.model)
        assert names[skipped].startswith("VISQ_") == (skipped == 0)


def test_numbers_and_names_of_visq_win() -> None:
    found = read_environment(
        {"MAX_PIXELS": "301056", "VISQ_MAX_PIXELS": "4096", "TEMPERATURE": "0.5", "CUDA_DEVICE": "cuda:0"}
        | {"CACHE_DIR": "c", "VISQ_CACHE_DIR": "v", "VISQ_CUDA_DEVICE": "cpu"}
    )
    assert (found.max_pixels, found.temperature, found.device, found.cache) == (4096, 0.5, "cpu", "v")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"LORA_PATH": "org/lora"},
            "LORA_PATH names an adapter and nothing names its model; set VISQ_MODEL_PATH",
        ),
        ({"MODEL_PATH": "org/m", "LORA_PATH": "./saves/sft"}, "LORA_PATH: unknown adapter './saves/sft'"),
        ({"VISQ_MODEL_PATH": "/no/such/model"}, "VISQ_MODEL_PATH: unknown model '/no/such/model'"),
        (
            {"MODEL_PATH": "o/m", "QWEN_LORA_SFT_PATH": "o/s", "QWEN_LORA_DPO_PATH": "o/d"},
            "are both set; set VISQ_",
        ),
        ({"MAX_PIXELS": "many"}, "MAX_PIXELS must be a whole number above 0, not 'many'"),
        ({"VISQ_MAX_PIXELS": "1.5"}, "VISQ_MAX_PIXELS must be a whole number above 0"),
        ({"TEMPERATURE": "0"}, "TEMPERATURE must be a number above 0, not '0'"),
        ({"TEMPERATURE": "inf"}, "TEMPERATURE must be a number above 0"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_variable(variables: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as error:
        read_environment(variables, ["mini"])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_cache_alone_is_read_without_the_rest() -> None:
    assert hub_cache({"CACHE_DIR": "", "TEMPERATURE": "warm"}) is None
    assert hub_cache({"CACHE_DIR": "c", "VISQ_CACHE_DIR": ""}) == "c"
