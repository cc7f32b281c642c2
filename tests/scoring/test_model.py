"""A model's name to a model ready to be asked: machine, words, and what is refused before loading."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_model
import visq
from photos import make_photos
from visq.backbones import find_model
from visq.core.errors import InputError, ModelError, UnknownName
from visq.evaluation.calibration.calibrate import calibrate
from visq.scoring.asked import Wanted
from visq.scoring.model import Machine, plan_model


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder in transformers' layout, as far as names go: nothing here loads it."""
    folder = tmp_path / "Q-ReAlign-Tiny"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md"):
        (folder / name).write_text(name, encoding="utf-8")
    return folder


def test_a_folder_of_transformers_is_a_chat_model_with_visqs_usual_aspects(bare: Path) -> None:
    found = find_model(str(bare))
    assert (found.backbone, found.readout, found.is_described) == ("chat", "levels", False)
    assert found.aspects == ("quality", "aesthetics")
    assert [path.name for path in found.hashed] == ["config.json", "model.safetensors", "tokenizer.json"]
    before = found.sha256
    (bare / "README.md").write_text("another card", encoding="utf-8")
    assert find_model(str(bare)).sha256 == before
    (bare / "tokenizer.json").write_text("another vocabulary", encoding="utf-8")
    assert find_model(str(bare)).sha256 != before


def test_an_adapter_is_part_of_the_hash(bare: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "lora"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (adapter / name).write_text(name, encoding="utf-8")
    found = find_model(f"{bare}+{adapter}")
    assert found.adapters == (adapter,)
    assert found.sha256 != find_model(str(bare)).sha256
    (adapter / "adapter_model.safetensors").write_text("trained on", encoding="utf-8")
    assert find_model(f"{bare}+{adapter}").sha256 != found.sha256
    (adapter / "adapter_config.json").unlink()
    with pytest.raises(ModelError, match=r"no .*adapter_config\.json"):
        _ = find_model(f"{bare}+{adapter}").sha256
    with pytest.raises(ModelError, match="runs on ONNX Runtime and takes no adapters"):
        find_model(f"mini+{adapter}")


def test_words_are_planned_without_a_model(bare: Path) -> None:
    _, asked, said = plan_model(str(bare), Wanted(), Machine())
    assert [one.aspect.dialect for one in asked] == ["q-realign"] * 2
    assert said == [
        "quality and aesthetics asked in the words of q-realign, by the model's name; --dialect takes others"
    ]
    _, asked, said = plan_model(str(bare), Wanted(dialect="deqa"), Machine())
    assert [one.aspect.name for one in asked] == ["quality"]  # all that DeQA has words for
    assert said == ["quality asked in the words of deqa"]
    _, asked, said = plan_model("mini", Wanted(), Machine())
    assert ([one.readout for one in asked], said) == (["levels"] * 2, [])


@pytest.mark.parametrize(
    ("machine", "match"),
    [
        ({"pixels": "5"}, "'5' is not of the form MIN..MAX"),
        ({"pixels": ".."}, "not of the form"),
        ({"pixels": "-5..9"}, "not of the form"),
        ({"pixels": "9..5"}, r"a range from 1 up, not 9\.\.5"),
    ],
)
def test_a_range_of_pixels_is_checked(machine: dict[str, str], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Machine(**machine)  # type: ignore[arg-type]


def test_a_range_of_pixels_may_lack_an_end() -> None:
    options = Machine(pixels="..900").chat_options(picture_first=True)
    assert (options.min_pixels, options.max_pixels) == (None, 900)
    options = Machine(pixels="100..").chat_options(picture_first=False)
    assert (options.min_pixels, options.max_pixels, options.picture_first) == (100, None, False)


def test_a_device_map_is_one_of_accelerates_in_place_of_a_device() -> None:
    assert Machine().chat_options(picture_first=True).device_map is None
    assert Machine(device_map="sequential").chat_options(picture_first=True).device_map == "sequential"
    with pytest.raises(UnknownName, match="unknown device map 'balance'; did you mean 'balanced'"):
        Machine(device_map="balance")
    for device in ("auto", "cuda:1"):
        with pytest.raises(InputError, match=f"--device {device} names one: give one of them") as error:
            Machine(device, device_map="auto")
        assert error.value.kind == "usage"


def test_a_device_map_changes_no_result_and_no_identity(tmp_path: Path) -> None:
    pytest.importorskip("transformers").utils.logging.disable_progress_bar()
    from tiny_chat import qwen2_vl

    folder, picture = str(qwen2_vl(tmp_path / "qwen")), str(make_photos(tmp_path / "photos", 1))
    plain, spread = (
        visq.score(picture, model=folder, aspect="quality", **machine)
        for machine in ({"device": "cpu"}, {"device_map": "auto"})
    )
    assert spread.identity == plain.identity
    assert [row.scores for row in spread] == [row.scores for row in plain]


def test_what_onnx_runtime_has_anyway_is_no_reason_to_refuse(tmp_path: Path) -> None:
    head = str(tiny_model.make(tmp_path / "head"))
    plan_model(head, Wanted(), Machine("cpu", "float32"))
    for option in (
        *({"device": "mps"}, {"dtype": "float16"}, {"attention": "sdpa"}, {"remote_code": True}),
        {"device_map": "auto"},
    ):
        with pytest.raises(InputError, match="leave it out") as error:
            plan_model(head, Wanted(), Machine(**option))  # type: ignore[arg-type]
        assert error.value.kind == "usage"
    with pytest.raises(UnknownName, match="does not score 'authenticity'"):
        plan_model(head, Wanted(("authenticity",)), Machine())


def test_a_model_without_a_description_keeps_no_calibration(bare: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no model\.toml, in which a calibration is kept"):
        calibrate(str(bare), tmp_path / "rated.csv")
