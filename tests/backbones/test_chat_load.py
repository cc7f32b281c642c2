"""Chat models from damaged folders, and spread over devices: what is refused, in one line each."""

from __future__ import annotations

import json
import shutil

import pytest

from tiny_chat import qwen2_vl
from visq.backbones import find_model
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.core.errors import ModelError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from visq.backbones.chat_load_torch import AutoModelForImageTextToText  # noqa: E402 (needs torch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    transformers.utils.logging.disable_progress_bar()
    return qwen2_vl(tmp_path_factory.mktemp("load") / "qwen")


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def refused(folder, match, options=None):
    with pytest.raises(ModelError, match=match) as found:
        Chat(folder, options)
    assert "\n" not in str(found.value)


def set_field(path, name, value):
    fields = json.loads(path.read_text())
    fields.get("text_config", fields)[name] = value
    path.write_text(json.dumps(fields))


def begin_of(path, size):
    path.write_bytes(path.read_bytes()[:size])


def one_shard_of_two(path):
    path.rename(path.with_name("model-00001-of-00002.safetensors"))
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = {"metadata": {}, "weight_map": names}
    path.with_name("model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("file", "damage", "says"),
    [
        ("model.safetensors", lambda path: begin_of(path, 20000), r"model\.safetensors is damaged"),
        ("model.safetensors", lambda path: begin_of(path, 0), r"model\.safetensors is damaged"),
        ("model.safetensors", lambda path: path.unlink(), r"model\.safetensors is missing"),
        ("model.safetensors", one_shard_of_two, r"model-00002-of-00002\.safetensors is missing"),
        (
            "config.json",
            lambda path: set_field(path, "num_hidden_layers", 7),
            r"config\.json is wrong: `num_hidden_layers` \(7\) must be equal .* `layer_types` \(2\)",
        ),
        ("config.json", lambda path: begin_of(path, 40), r"config\.json is damaged"),
        ("tokenizer.json", lambda path: path.unlink(), r"tokenizer\.json is missing"),
        ("tokenizer.json", lambda path: path.write_text("{}"), r"tokenizer\.json is damaged"),
        ("tokenizer.json", lambda path: begin_of(path, 40), r"tokenizer\.json is damaged"),
        ("preprocessor_config.json", lambda path: begin_of(path, 9), r"preprocessor_config\.json is damaged"),
        ("generation_config.json", lambda path: begin_of(path, 9), r"generation_config\.json is damaged"),
        (
            "generation_config.json",
            lambda path: set_field(path, "eos_token_id", 151645),
            r"generation_config\.json is damaged",
        ),
        ("generation_config.json", lambda path: path.unlink(), r"its turns end with token 151645, .*"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_one_line_with_the_file_and_what_to_do(copy, file, damage, says):
    damage(copy / file)
    refused(copy, rf"^model 'copy'.*: {says}; download it again$")


def test_what_no_file_is_to_blame_for_is_said_as_it_is(folder):
    refused(folder, r"cannot be loaded: Specified `attn_implementation", ChatOptions(attention="strange"))


def test_an_adapter_given_as_a_model_says_how_to_give_it(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"is an adapter; give it behind the model .*: MODEL\+/"):
        find_model(str(tmp_path))


@pytest.mark.parametrize(
    ("options", "handed"),
    [
        ({}, {}),
        ({"device_map": "auto"}, {"device_map": "auto"}),
        ({"attention": "eager"}, {"attn_implementation": "eager"}),
    ],
)
def test_where_a_model_goes_and_how_it_attends_is_handed_on(folder, monkeypatch, options, handed):
    given = {}
    load = AutoModelForImageTextToText.from_pretrained

    def noted(*names, **more):
        given.update(more)
        return load(*names, **more)

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", noted)
    Chat(folder, ChatOptions(**options))
    assert {name: given[name] for name in ("device_map", "attn_implementation") if name in given} == handed


@pytest.mark.parametrize(
    "placed",
    [
        {"model": "cpu", "lm_head": "disk"},
        {"model.visual": "disk", "model.language_model": "cpu", "lm_head": "cpu"},
        {"model.visual": "cpu", "model.language_model": "disk", "lm_head": "cpu"},
    ],
)
def test_a_model_that_does_not_fit_its_devices_is_refused(folder, placed):
    refused(folder, r"does not fit these devices; use a smaller dtype", ChatOptions(device_map=placed))


def test_hidden_states_go_where_the_head_is(folder):
    network = Chat(folder)._network
    found = torch.zeros(2, network._head.weight.shape[1])
    network._head.to("meta")  # the one other device that every machine has

    told, over = network.read(found, torch.tensor([[0, 1], [1, 2]]), torch.tensor([3]))
    assert [one.device.type for one in (told, over, network.likeliest(found))] == ["meta"] * 3
