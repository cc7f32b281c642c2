"""Adapters on chat models against PEFT alone; older names; what changes nothing, or does not fit."""

from __future__ import annotations

import json
import shutil
import sys
from functools import cache

import numpy as np
import pytest

from tiny_adapters import LANGUAGE, QWEN_VISION, picture, rewrite, train
from tiny_chat import FAMILIES
from visq.backbones.adapters import count_by_tower, name_now, read_adapter
from visq.backbones.adapters_base import expect_base
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.core.errors import MissingExtra, ModelError
from visq.core.types import Prompted

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

LEVELS = ("bad", "poor", "fair", "good", "excellent")
TOLERANCE = 1e-4
"""float32, a few layers; trained adapters move these log-probabilities by 1 and more."""

KINDS = {
    "language": {"target_modules": LANGUAGE},
    "vision": {"target_modules": QWEN_VISION},
    "all": {"target_modules": "all-linear"},
    "dora": {
        "target_modules": ["q_proj", "qkv"],
        "use_dora": True,
        "rank_pattern": {r"language_model\.layers\.0\.self_attn\.q_proj": 2},
        "alpha_pattern": {"qkv": 3},
    },
    "saves": {"target_modules": ["q_proj"], "modules_to_save": ["merger"]},
    "head": {"target_modules": ["q_proj", "lm_head", "embed_tokens"], "use_rslora": True},
}


class World:
    """One tiny model of each family that is asked for, and adapters trained on it."""

    def __init__(self, root):
        self.root = root
        self.base = cache(lambda family: FAMILIES[family](root / family))
        self.adapter = cache(self._adapter)
        self.said = cache(self._said)

    def _adapter(self, kind, family="qwen2_vl", steps=4):
        return train(self.base(family), self.root / f"{family}-{kind}-{steps}", steps=steps, **KINDS[kind])

    def chat(self, *adapters, family="qwen2_vl", **options):
        return Chat(self.base(family), ChatOptions(adapters=tuple(map(str, adapters)), **options))

    def _said(self, *adapters, family="qwen2_vl"):
        return says(self.chat(*adapters, family=family))


def says(chat):
    asked = Prompted(picture(), "quality", "How would you rate the quality?", "The quality is")
    return chat.answer_logprobs([asked], LEVELS)[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    yield World(tmp_path_factory.mktemp("adapters"))
    torch.set_num_threads(threads)


def refused(world, match, *adapters, **options):
    with pytest.raises(ModelError, match=match) as found:
        world.chat(*adapters, **options)
    assert "\n" not in str(found.value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PEFT's, on embeddings
@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_is_what_peft_alone_makes_of_it(world, tmp_path, kind):
    base, adapter = world.base("qwen2_vl"), world.adapter(kind)
    shutil.copytree(base, tmp_path / "merged", ignore=shutil.ignore_patterns("*.safetensors"))
    model = transformers.AutoModelForImageTextToText.from_pretrained(base, dtype="float32")
    peft.PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(tmp_path / "merged")
    chat = world.chat(adapter)
    found = says(chat)

    np.testing.assert_allclose(found, says(Chat(tmp_path / "merged")), atol=TOLERANCE)
    assert np.abs(found - world.said()).max() > 0.5
    with chat.adapters.without():
        np.testing.assert_allclose(says(chat), world.said(), atol=TOLERANCE)
    chat.adapters.merge()
    np.testing.assert_allclose(says(chat), found, atol=TOLERANCE)
    chat.adapters.unmerge()
    np.testing.assert_allclose(says(chat), found, atol=TOLERANCE)
    with chat.adapters.without():
        np.testing.assert_allclose(says(chat), world.said(), atol=TOLERANCE)
    chat.adapters.settle()
    np.testing.assert_allclose(says(chat), found, atol=TOLERANCE)
    assert not any(
        isinstance(m, peft.tuners.tuners_utils.BaseTunerLayer) for m in chat._network._model.modules()
    )


def test_what_is_matched_is_said_by_tower(world, caplog):
    with caplog.at_level("INFO", logger="visq"):
        chat = world.chat(world.adapter("language"), world.adapter("saves"))
    first, second = chat.adapters.attached

    assert first.matched == {"vision": 0, "connector": 0, "language": 4}
    assert second.matched == {"vision": 0, "connector": 3, "language": 2}
    assert first.sha256 == read_adapter(world.adapter("language")).sha256 != second.sha256
    said = "adapter 'qwen2_vl-language-4' changes 4 modules: vision 0, connector 0, language 4"
    assert any(one.getMessage().endswith(said) for one in caplog.records)


OLD = {
    "qwen2_vl": (("model.visual.", "visual."), ("model.language_model.", "model.")),
    "llava": (
        ("model.language_model.", "language_model.model."),
        ("model.vision_tower.", "vision_tower.vision_model."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
        ("lm_head.", "language_model.lm_head."),
    ),
}


def older(family):
    def rename(key):
        prefix, name = key[: len("base_model.model.")], key[len("base_model.model.") :]
        for now, before in OLD[family]:
            if name.startswith(now):
                return prefix + before + name.removeprefix(now)
        return key

    return rename


@pytest.mark.parametrize(("family", "kind"), [("qwen2_vl", "all"), ("qwen2_vl", "saves"), ("llava", "all")])
def test_an_adapter_of_the_old_layout_is_the_same_adapter(world, tmp_path, family, kind):
    adapter = world.adapter(kind, family)
    old = rewrite(adapter, tmp_path / "old", older(family), target_modules=r"^(model|visual)\.nothing$")
    chat = world.chat(old, family=family)

    np.testing.assert_array_equal(says(chat), world.said(adapter, family=family))
    (found,) = chat.adapters.attached
    assert found.renamed > 0
    assert "under an older name" in str(found)


def test_patterns_of_ranks_in_old_names_keep_their_meaning(world, tmp_path):
    old = rewrite(
        world.adapter("dora"),
        tmp_path / "old",
        older("qwen2_vl"),
        rank_pattern={r"model\.layers\.0\.self_attn\.q_proj": 2},
        alpha_pattern={r"visual\.blocks\.\d\.attn\.qkv": 3},
    )
    np.testing.assert_array_equal(says(world.chat(old)), world.said(world.adapter("dora")))


def test_an_adapter_saved_from_the_vision_tower_alone_acts(world, tmp_path):
    """SPEC 5.6: laid on the whole model, PEFT matches no key of it, warns, and changes nothing."""
    adapter = world.adapter("vision")
    alone = rewrite(adapter, tmp_path / "alone", lambda key: key.replace("model.visual.", "", 1))

    np.testing.assert_array_equal(says(world.chat(alone)), world.said(adapter))
    base = transformers.AutoModelForImageTextToText.from_pretrained(world.base("qwen2_vl"))
    with pytest.warns(UserWarning, match="missing adapter keys"):
        silent = peft.PeftModel.from_pretrained(base, alone)
    assert all(not value.any() for name, value in silent.named_parameters() if "lora_B" in name)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_that_transformers_writes_are_found_in_every_family(world, family):
    """transformers writes the old layout; each name has to lead to the module with the same weights."""
    from safetensors.torch import load_file

    folder = world.base(family)
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
    known, here = {name for name, _ in model.named_modules()}, model.state_dict()
    for key, value in load_file(folder / "model.safetensors").items():
        module, _, part = key.rpartition(".")
        now = name_now(module, known)
        assert now is not None, key
        if module:  # a parameter that no module holds cannot be adapted
            assert torch.equal(here[f"{now}.{part}"], value.to(here[f"{now}.{part}"])), key
    counts = count_by_tower([name for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)])
    assert counts["language"] >= 15
    assert counts["connector"] >= 1


def test_several_adapters_act_together_and_each_can_be_left_out(world):
    one, two = world.adapter("language"), world.adapter("vision")
    chat = world.chat(one, two)
    both = says(chat)

    np.testing.assert_allclose(both, world.said(two, one), atol=TOLERANCE)
    for number, rest in ((0, two), (1, one)):
        with chat.adapters.without(number):
            np.testing.assert_allclose(says(chat), world.said(rest), atol=TOLERANCE)
        assert np.abs(both - world.said(rest)).max() > 0.5
    np.testing.assert_array_equal(says(chat), both)


def test_a_second_adapter_on_the_same_modules_adds_to_the_first(world, tmp_path):
    """Twice an adapter is the adapter at twice its strength."""
    one = world.adapter("language")
    twice = rewrite(one, tmp_path / "twice", lora_alpha=32)

    np.testing.assert_allclose(world.said(one, one), world.said(twice), atol=TOLERANCE)


def test_adapters_that_do_not_add_up_are_refused(world):
    saves, dora = world.adapter("saves"), world.adapter("dora")
    refused(world, r"adapters .* both replace 'model\.visual\.merger.*visq models merge", saves, saves)
    refused(world, r"DoRA.*goes alone.*visq models merge", dora, saves)
    refused(world, r"DoRA.*goes alone.*visq models merge", saves, dora)


def test_an_adapter_that_was_never_trained_is_refused(world):
    refused(world, "changes nothing: all its lora_B are zero", world.adapter("language", steps=0))


def test_an_adapter_that_changes_nothing_is_refused(world, tmp_path):
    silent = rewrite(world.adapter("language"), tmp_path / "silent", lora_alpha=0)
    refused(world, "'silent' changes nothing: the model says the same without it", silent)
    refused(world, "'silent' changes nothing", world.adapter("vision"), silent)


def test_modules_saved_as_they_were_are_no_effect(world, tmp_path):
    same = rewrite(world.adapter("saves", steps=0), tmp_path / "same")
    refused(world, "'same' changes nothing: the model says the same", same)


def test_an_adapter_of_another_family_is_refused(world):
    adapter = world.adapter("all", "llava")
    refused(world, "'llava-all-4' is for another base: .*, a llava, and 'qwen2_vl' is a qwen2_vl", adapter)


def test_an_adapter_with_modules_that_the_model_lacks_is_refused(world, tmp_path):
    adapter = rewrite(world.adapter("all", "llava"), tmp_path / "far", base_model_name_or_path="org/llava-9")
    match = r"\d+ of its \d+ modules are not in this model, first 'model\..*trained on, 'org/llava-9'"
    refused(world, match, adapter)


def test_an_adapter_of_a_wider_base_is_refused(world, tmp_path):
    from safetensors.torch import load_file, save_file

    wide = rewrite(world.adapter("language"), tmp_path / "wide", base_model_name_or_path="org/wide")
    tensors = load_file(wide / "adapter_model.safetensors")
    tensors = {k: torch.cat([v, v], 1) if "lora_A" in k else v for k, v in tensors.items()}
    save_file(tensors, wide / "adapter_model.safetensors")

    refused(world, r"'wide' is for another base: .*\(4, 64\) there and \(4, 32\) here; .*'org/wide'", wide)


def test_an_adapter_that_names_no_base_is_taken_as_it_is(world, tmp_path):
    other = rewrite(world.adapter("language"), tmp_path / "other", base_model_name_or_path=None)
    chat = world.chat(other)
    np.testing.assert_array_equal(says(chat), world.said(world.adapter("language")))
    assert chat.adapters.attached[0].note == ""


def test_a_base_of_another_name_is_said(world, tmp_path):
    """Fine-tunes of a base keep its adapters, and nothing here can tell one from another model."""
    other = rewrite(world.adapter("language"), tmp_path / "other", base_model_name_or_path="org/qwen9")
    chat = world.chat(other)
    (found,) = chat.adapters.attached
    assert "; trained on 'org/qwen9', laid on 'qwen2_vl'" in str(found)
    np.testing.assert_array_equal(says(chat), world.said(world.adapter("language")))


@pytest.mark.parametrize("cached", [False, True])
def test_a_base_of_another_kind_is_refused_where_its_config_is_at_hand(world, tmp_path, monkeypatch, cached):
    """Towers of both have the same names and shapes: nothing else tells them apart."""
    cache = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    base = cache / "models--org--base" / "snapshots" / "0123456789abcdef"
    base.mkdir(parents=True)
    (base / "config.json").write_text('{"model_type": "qwen2_5_vl"}', encoding="utf-8")
    said = "org/base" if cached else str(base)
    other = rewrite(world.adapter("language"), tmp_path / "other", base_model_name_or_path=said)
    refused(world, "'other' is for another base: .*, a qwen2_5_vl, and 'qwen2_vl' is a qwen2_vl; use", other)

    (base / "config.json").write_text('{"model_type": "qwen2_vl"}', encoding="utf-8")
    assert "trained on" in str(world.chat(other).adapters.attached[0])


@pytest.mark.parametrize(("kind", "fits"), [("clip", True), ("clip_vision_model", True), ("siglip", False)])
def test_an_adapter_of_a_tower_alone_fits_a_model_that_has_this_tower(world, tmp_path, kind, fits):
    adapter = rewrite(
        world.adapter("language"), tmp_path / "lora", base_model_name_or_path=str(tmp_path / "b")
    )
    model = {"model_type": "llava", "vision_config": {"model_type": "clip_vision_model"}}
    for name, config in (("b", {"model_type": kind}), ("m", model)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if fits:
        assert "trained on" in expect_base(read_adapter(adapter), tmp_path / "m")
    else:
        with pytest.raises(ModelError, match="a siglip, and 'm' is a llava"):
            expect_base(read_adapter(adapter), tmp_path / "m")


@pytest.mark.parametrize(
    ("said", "folder"),
    [
        ("Qwen/Qwen2-VL-2B", "models/Qwen2-VL-2B"),
        ("/elsewhere/qwen2-vl-2b/", "models/Qwen2-VL-2B"),
        ("C:\\models\\Qwen2-VL-2B", "Qwen2-VL-2B"),
        ("/a/hub/models--Qwen--Qwen2-VL-2B/snapshots/0123", "Qwen2-VL-2B"),
        ("Qwen/Qwen2-VL-2B", "hub/models--Qwen--Qwen2-VL-2B/snapshots/4567"),
        ("/a/hub/models--Qwen--Qwen2-VL-2B/snapshots/0123", "hub/models--Qwen--Qwen2-VL-2B/snapshots/4567"),
        ("/a/modelscope/hub/Qwen/Qwen2___5-VL-3B", "Qwen2.5-VL-3B"),
        ("Qwen/Qwen2-VL-2B", "pulled"),
        ("Qwen/Qwen2-VL-2B", "link"),
    ],
)
def test_the_same_base_under_another_path_is_no_matter(world, tmp_path, said, folder):
    adapter = read_adapter(
        rewrite(world.adapter("language"), tmp_path / "lora", base_model_name_or_path=said)
    )
    here = tmp_path / folder
    if folder == "link":
        (tmp_path / "Qwen2-VL-2B").mkdir()
        here.symlink_to(tmp_path / "Qwen2-VL-2B")
    here.mkdir(parents=True, exist_ok=True)
    if folder == "pulled":
        (here / "origin.toml").write_text('name = "Qwen/Qwen2-VL-2B"\n', encoding="utf-8")
    assert expect_base(adapter, here) == ""
    assert "trained on" in expect_base(adapter, tmp_path / "Qwen2-VL-7B")


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"peft_type": "LOHA"}, "is of kind 'LOHA'; visq knows LORA"),
        ({"bias": "all"}, "changes biases of its base"),
        ({"init_lora_weights": "pissa_niter_4"}, "begun by 'pissa_niter_4'.*convert it"),
        ({"trainable_token_indices": [1]}, "uses trainable_token_indices"),
        ({"lora_alpha": None}, "'wrong'"),
    ],
)
def test_settings_that_visq_does_not_know_are_refused(world, tmp_path, config, match):
    refused(world, match, rewrite(world.adapter("language"), tmp_path / "wrong", **config))


def test_tensors_that_are_missing_or_have_no_place_are_refused(world, tmp_path):
    adapter = world.adapter("language")
    half = rewrite(
        adapter, tmp_path / "half", lambda key: None if "layers.1.self_attn.v_proj.lora_B" in key else key
    )
    odd = rewrite(
        adapter,
        tmp_path / "odd",
        lambda key: key.replace("0.self_attn.q_proj.lora_B.", "0.self_attn.q_proj."),
    )
    refused(world, r"'half' lacks 1 tensors, first '.*layers\.1\.self_attn\.v_proj\.lora_B", half)
    refused(world, r"'odd' ", odd)


def test_folders_that_are_no_adapters_are_refused(world, tmp_path):
    adapter = world.adapter("language")
    refused(world, r"no adapter in .*adapter_config\.json", tmp_path / "missing")
    for name, file, text, match in (
        ("a", "adapter_config.json", b"{", "'a': cannot read adapter_config"),
        ("b", "adapter_config.json", b"[]", "is no object"),
        ("c", "adapter_model.safetensors", b"\x00" * 20, "'c': cannot read adapter_model"),
    ):
        copy = shutil.copytree(adapter, tmp_path / name)
        (copy / file).write_bytes(text)
        refused(world, match, copy)
    copy = shutil.copytree(adapter, tmp_path / "bin")
    (copy / "adapter_model.safetensors").rename(copy / "adapter_model.bin")
    refused(world, "'bin' has no adapter_model.safetensors; save it again", copy)


def test_half_precision_keeps_what_merging_would_round_away(world):
    """Beside the weights an adapter's change is added in float32, however small it is."""
    chat = world.chat(world.adapter("language"), dtype="bfloat16")
    weights = [v for name, v in chat._network._model.named_parameters() if "lora_" in name]

    assert {value.dtype for value in weights} == {torch.float32}
    assert np.abs(says(chat) - world.said(world.adapter("language"))).max() < 1.0


def test_without_peft_the_extra_is_named(world, monkeypatch):
    adapter = world.adapter("language")
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.delitem(sys.modules, "visq.backbones.adapters_torch", raising=False)
    with pytest.raises(MissingExtra, match=r"peft is not installed; run: pip install 'visq\[vlm\]'"):
        world.chat(adapter)


def test_a_hash_covers_weights_and_settings(world, tmp_path):
    first = read_adapter(world.adapter("language")).sha256
    stronger = rewrite(world.adapter("language"), tmp_path / "stronger", lora_alpha=32)
    settings = json.loads((stronger / "adapter_config.json").read_text())

    assert settings["lora_alpha"] == 32
    assert read_adapter(stronger).sha256 != first
