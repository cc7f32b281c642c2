"""Adapters merged into a folder: it loads without PEFT and says the same, or nothing is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tiny_adapters import LANGUAGE, rewrite, train
from tiny_chat import FAMILIES, llava
from tiny_strangers import OWN_CODE, own_code
from visq.aspects import every_aspect
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.backbones.families import known_dialect
from visq.backbones.merge import _expect_kept, merge, says
from visq.core.errors import InputError, ModelError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Of three families, a base and a LoRA on all of its linear layers."""
    transformers.utils.logging.disable_progress_bar()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("merge")
    found = {}

    def of(family):
        if family not in found:
            base = FAMILIES[family](root / family)
            found[family] = base, train(base, root / f"{family}-lora", target_modules="all-linear")
        return found[family]

    yield of
    torch.set_num_threads(threads)


@pytest.mark.parametrize("family", ["qwen2_vl", "llava", "mini"])
def test_a_merged_folder_says_what_model_and_adapter_say(world, tmp_path, family):
    base, lora = world(family)
    done = merge(base, [lora], tmp_path / "merged")
    adapted = says(Chat(base, ChatOptions(dtype="float32", adapters=(str(lora),))))

    assert done.in_memory <= 1e-3
    assert done.written <= 1e-3
    np.testing.assert_allclose(says(Chat(done.folder)), adapted, atol=1e-3)
    assert np.abs(adapted - says(Chat(base, ChatOptions(dtype="float32")))).max() > 0.1
    assert done.n == adapted.size
    assert not list(done.folder.glob("adapter*"))
    assert f'name = "{lora.name}"' in (done.folder / "origin.toml").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"merged"}


def test_a_merged_folder_loads_where_peft_is_not_installed(world, tmp_path):
    base, lora = world("qwen2_vl")
    folder = merge(base, [lora], tmp_path / "merged").folder
    code = (
        "import sys; sys.modules['peft'] = None; from pathlib import Path; "
        f"from visq.backbones.chat import Chat; print(Chat(Path({str(folder)!r})).chosen)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "answers by tree" in run.stdout, run.stderr


def test_several_adapters_are_merged_in_turn(world, tmp_path):
    base, lora = world("qwen2_vl")
    twice = merge(base, [lora, lora], tmp_path / "twice").folder
    strong = rewrite(lora, tmp_path / "strong", lora_alpha=32)
    wanted = says(Chat(base, ChatOptions(adapters=(str(strong),))))
    np.testing.assert_allclose(says(Chat(twice)), wanted, atol=1e-3)


def test_code_of_a_model_goes_with_it_and_runs_only_where_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    base = llava(tmp_path / "plain")
    trained = train(base, tmp_path / "trained", target_modules=LANGUAGE)
    own_code(tmp_path / "own")
    lora = rewrite(trained, tmp_path / "lora", base_model_name_or_path=str(tmp_path / "own"))
    with pytest.raises(
        ModelError, match=r"'own' cannot be loaded: it brings code of its own; .*--remote-code"
    ):
        merge(tmp_path / "own", [lora], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    trusted = ChatOptions(remote_code=True)
    done = merge(tmp_path / "own", [lora], tmp_path / "merged", options=trusted)

    assert {path.name for path in done.folder.glob("*.py")} == set(OWN_CODE)
    shutil.rmtree(tmp_path / "own")
    assert type(Chat(done.folder, trusted)._processor).__name__ == "OwnProcessor"


@pytest.mark.parametrize(("name", "picture_first", "n"), [("one-align", False, 5), ("realqa-x", True, 6)])
def test_a_merge_is_proved_in_the_words_the_model_was_trained_with(
    world, tmp_path, monkeypatch, name, picture_first, n
):
    base, lora = world("qwen2_vl")
    adapter = shutil.copytree(lora, tmp_path / name)
    right, asked = Chat.answer_logprobs, []

    def noted(chat, batch, answers):
        if batch[0].aspect:
            asked.append(
                (chat._options.picture_first, batch[0].question, batch[0].stem, batch[0].end, answers)
            )
        return right(chat, batch, answers)

    monkeypatch.setattr(Chat, "answer_logprobs", noted)
    done = merge(base, [adapter], tmp_path / "merged")
    words = next(one for one in every_aspect() if one.dialect == known_dialect([name]))

    assert done.n == 5 * n
    assert len(asked) == 4
    for first, question, stem, end, answers in asked:
        assert (first, question, end) == (picture_first, words.questions[0], words.end)
        assert stem == words.opening
        assert set(answers) <= set(words.answers)


def test_half_precision_is_written_where_it_is_asked_for_and_what_it_costs_is_said(world, tmp_path):
    base, lora = world("qwen2_vl")
    done = merge(base, [lora], tmp_path / "half", dtype="bfloat16")

    assert json.loads((done.folder / "config.json").read_text())["dtype"] == "bfloat16"
    assert done.in_memory <= 1e-3 < done.written < 0.1 * done.effect
    assert done.note == ""
    assert done.effect == pytest.approx(np.abs(adapted(base, lora) - adapted(base)).max(), abs=1e-3)


def adapted(base, *adapters):
    return says(Chat(base, ChatOptions(dtype="float32", adapters=tuple(map(str, adapters)))))


def edited(base, out, edit):
    """A copy of a model with other weights: `edit` changes tensors in place."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(base, out)
    tensors = load_file(out / "model.safetensors")
    edit(tensors)
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    return out


def test_a_weight_that_its_dtype_does_not_hold_is_refused(world, tmp_path):
    base, lora = world("qwen2_vl")

    def huge(tensors):
        name = next(name for name in tensors if name.endswith("layers.0.input_layernorm.weight"))
        tensors[name][0] = 70_000.0

    loud = edited(base, tmp_path / "qwen2_vl", huge)
    with pytest.raises(
        ModelError, match=r"input_layernorm\.weight' holds what is no number in float16 .*65504"
    ):
        merge(loud, [lora], tmp_path / "new" / "merged", dtype="float16")
    assert {path.name for path in tmp_path.iterdir()} == {"qwen2_vl"}


def test_answers_that_are_no_numbers_are_refused(world, tmp_path, monkeypatch):
    base, lora = world("qwen2_vl")
    right = Chat.answer_logprobs

    def lost(chat, batch, answers):
        return right(chat, batch, answers) * (1 if chat.adapters else np.nan)

    monkeypatch.setattr(Chat, "answer_logprobs", lost)
    with pytest.raises(
        ModelError, match=r"read again, the written model differs: .* nan \(may 1 in bfloat16"
    ):
        merge(base, [lora], tmp_path / "merged", dtype="bfloat16")
    assert not list(tmp_path.iterdir())


def test_rounding_that_drowns_the_adapter_is_refused_and_near_it_is_said(world, tmp_path):
    """Of a weak adapter bfloat16 keeps little: what it adds is less than half a step of the weights."""
    base, lora = world("qwen2_vl")
    strengths = {"drowned": 16 * 0.01, "dulled": 16 * 0.05}
    weak = {name: rewrite(lora, tmp_path / name, lora_alpha=alpha) for name, alpha in strengths.items()}
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(ModelError, match="rounding to bfloat16 drowns it; nothing is kept, write it with"):
        merge(base, [weak["drowned"]], tmp_path / "merged", dtype="bfloat16")
    assert {path.name for path in tmp_path.iterdir()} == before
    done = merge(base, [weak["dulled"]], tmp_path / "merged", dtype="bfloat16")
    assert "rounding to bfloat16 moves answers by" in done.note
    assert merge(base, [weak["drowned"]], tmp_path / "whole", dtype="float32").note == ""


@pytest.mark.parametrize(
    ("written", "effect", "dtype", "match"),
    [
        (0.21, 9.0, "float16", r"may 0\.2 in float16"),
        (float("nan"), 9.0, "bfloat16", "differs: a log-probability by nan"),
        (float("inf"), 9.0, "bfloat16", "by inf"),
        (0.1, 0.2, "float16", "rounding to float16 drowns it"),
        (0.0001, 0.0001, "float32", "drowns it; nothing is kept, use the model with the adapter"),
        (0.1, float("nan"), "float16", "drowns it"),
    ],
)
def test_what_is_too_far_from_the_adapted_model(written, effect, dtype, match):
    with pytest.raises(ModelError, match=match):
        _expect_kept(written, effect, dtype)
    _expect_kept(0.0001, 0.001, dtype)


@pytest.mark.parametrize(
    ("stage", "match"),
    [("merge", "merged, the model says something else"), ("save", "read again, the written model differs")],
)
def test_a_merge_that_says_something_else_leaves_nothing(world, tmp_path, monkeypatch, stage, match):
    from visq.backbones.adapters_torch import Adapters

    right = getattr(Adapters, stage)

    def wrong(self, *rest):
        self._model.lm_head.weight.data.mul_(1.01)
        right(self, *rest)

    monkeypatch.setattr(Adapters, stage, wrong)
    base, lora = world("qwen2_vl")
    with pytest.raises(ModelError, match=match):
        merge(base, [lora], tmp_path / "merged")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_merged_is_one_line(world, tmp_path):
    base, lora = world("qwen2_vl")
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    for error, match, adapters, out, dtype in (
        (InputError, "exists; choose another --out", [lora], "taken", None),
        (InputError, "there is no adapter to merge", [], "new", None),
        (InputError, "dtype 'int8' is none of", [lora], "new", "int8"),
        (ModelError, "no adapter in", [tmp_path / "missing"], "new", None),
        (ModelError, "cannot write '.*file/new'", [lora], "file/new", None),
    ):
        with pytest.raises(error, match=match):
            merge(base, adapters, tmp_path / out, dtype=dtype)
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "file"}


def test_a_quantised_base_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"quantization_config": {"bits": 4}}', encoding="utf-8")
    with pytest.raises(ModelError, match="is quantised; merge into the model that is not"):
        merge(tmp_path, [tmp_path], tmp_path / "out")
