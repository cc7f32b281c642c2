"""Chat models of kinds that visq is not tested with: proved at load, refused where numbers would be wrong."""

from __future__ import annotations

import json

import pytest

from tiny_chat import FAMILIES
from tiny_strangers import STRANGERS
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.core.errors import ModelError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from visq.backbones import chat_proof_torch  # noqa: E402 (needs torch)
from visq.backbones.chat_proof_torch import TESTED, TOLERANCES, Proof  # noqa: E402


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    transformers.utils.logging.disable_progress_bar()
    root = tmp_path_factory.mktemp("proof")
    every = {**FAMILIES, **STRANGERS}
    return {name: make(root / name) for name, make in every.items()}


@pytest.fixture
def model():
    return transformers.LlavaNextForConditionalGeneration


def test_the_kinds_tested_are_those_of_the_tests(folders):
    kinds = {json.loads((folders[name] / "config.json").read_text())["model_type"] for name in FAMILIES}
    assert kinds == set(TESTED)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_that_answers_as_transformers_does_is_taken(folders, name, dtype, monkeypatch):
    found = []
    prove = chat_proof_torch.prove
    monkeypatch.setattr(chat_proof_torch, "prove", lambda *given: found.append(prove(*given)) or found[0])
    Chat(folders[name], ChatOptions(dtype=dtype))

    (proof,) = found
    assert proof.fault == ""
    assert max(proof.plain, proof.batched) <= (1e-4 if dtype == "float32" else TOLERANCES[dtype])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_kind_that_is_tested_is_proved_only_when_asked(folders, name, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(chat_proof_torch, "prove", lambda *_: pytest.fail("proved at load"))
        chat = Chat(folders[name])
    assert chat.prove().fault == ""


def refused(folder, match):
    with pytest.raises(ModelError, match=match) as found:
        Chat(folder)
    assert "\n" not in str(found.value)
    assert "of a kind that visq was not tested with (llava_next), and " in str(found.value)
    assert str(found.value).endswith("; use another model, and please report this one")


def test_a_stranger_whose_padding_is_seen_is_refused(folders, model, monkeypatch):
    plain = model.forward

    def blind(self, attention_mask=None, **inputs):
        return plain(self, **inputs)

    monkeypatch.setattr(model, "forward", blind)
    refused(folders["llava_next"], r"answers otherwise in a batch than alone: .* differs by .* \(may 0\.01\)")


def test_a_stranger_whose_positions_are_its_own_is_refused(folders, model, monkeypatch):
    plain = model.forward

    def every_other(self, input_ids=None, position_ids=None, **inputs):
        if position_ids is None:
            position_ids = 2 * torch.arange(input_ids.shape[1])[None]
        return plain(self, input_ids=input_ids, position_ids=position_ids, **inputs)

    monkeypatch.setattr(model, "forward", every_other)
    refused(folders["llava_next"], r"answers otherwise than by a plain pass of transformers: .* differs by")


def test_a_stranger_that_does_not_look_is_refused(folders, model, monkeypatch):
    plain = model.forward

    def dark(self, pixel_values=None, **inputs):
        black = None if pixel_values is None else torch.zeros_like(pixel_values)
        return plain(self, pixel_values=black, **inputs)

    monkeypatch.setattr(model, "forward", dark)
    refused(folders["llava_next"], "says the same of every picture")


def test_a_stranger_that_fails_alone_is_one_line(folders, model, monkeypatch):
    plain = model.forward

    def ours_only(self, position_ids=None, **inputs):
        if position_ids is None:
            raise RuntimeError("positions are needed\nhere")
        return plain(self, position_ids=position_ids, **inputs)

    monkeypatch.setattr(model, "forward", ours_only)
    with pytest.raises(
        ModelError, match=r"does not take pictures as visq hands them over: positions are needed$"
    ):
        Chat(folders["llava_next"])


@pytest.mark.parametrize("which", ["plain", "batched"])
def test_no_number_is_a_fault(which):
    good = {"sees": True, "plain": 0.0, "batched": 0.0, "tolerance": 0.1}
    assert Proof(**good).fault == ""
    assert "differs by nan" in Proof(**{**good, which: float("nan")}).fault
