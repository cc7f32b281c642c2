"""Chat models of kinds that visq is not tested with: proved at load, refused where numbers would be wrong."""

from __future__ import annotations

import json

import pytest

from tiny_chat import FAMILIES
from tiny_strangers import STRANGERS, own_class
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.core.errors import ModelError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from visq.backbones import chat_proof_torch  # noqa: E402 (needs torch)
from visq.backbones.chat_proof_torch import (  # noqa: E402
    EXACT,
    TESTED,
    TOLERANCES,
    Compared,
    Proof,
    expect_answers,
)
from visq.backbones.chat_torch import Network  # noqa: E402


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
    *rounded, exact = (one.difference for one in proof.compared)
    assert exact <= 1e-4
    assert max(rounded) <= (1e-4 if dtype == "float32" else TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", EXACT)
def test_a_stranger_that_makes_its_own_logits_is_taken(folders, dtype, monkeypatch):
    monkeypatch.setattr(Network, "_logits_are_the_projection", lambda *_: False)
    chat = Chat(folders["gemma3"], ChatOptions(dtype=dtype))
    assert not chat._network.exact_head
    assert chat.prove().fault == ""


@pytest.mark.parametrize("name", FAMILIES)
def test_a_kind_that_is_tested_is_proved_only_when_asked(folders, name, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(chat_proof_torch, "prove", lambda *_: pytest.fail("proved at load"))
        chat = Chat(folders[name])
    assert chat.prove().fault == ""


def refused(folder, dtype, match, kind="llava_next"):
    with pytest.raises(ModelError, match=match) as found:
        Chat(folder, ChatOptions(dtype=dtype, remote_code=True))
    assert "\n" not in str(found.value)
    assert f"of a kind that visq was not tested with ({kind}), and fails its proof: " in str(found.value)
    assert str(found.value).endswith("; use another model, and please report this one")


every_dtype = pytest.mark.parametrize("dtype", TOLERANCES)
ALONE = r"log-probabilities against transformers alone: differs by .* \(may 0\."


@every_dtype
def test_a_stranger_whose_padding_is_seen_is_refused(folders, model, dtype, monkeypatch):
    plain = model.forward

    def blind(self, attention_mask=None, **inputs):
        return plain(self, **inputs)

    monkeypatch.setattr(model, "forward", blind)
    may = f"{TOLERANCES[dtype]:g}".replace(".", r"\.")
    refused(folders["llava_next"], dtype, rf"alone against a batch of 2: differs by .* \(may {may}\)")


@every_dtype
def test_a_stranger_whose_positions_are_its_own_is_refused(folders, model, dtype, monkeypatch):
    plain = model.forward

    def every_other(self, input_ids=None, position_ids=None, **inputs):
        if position_ids is None:
            position_ids = 2 * torch.arange(input_ids.shape[1])[None]
        return plain(self, input_ids=input_ids, position_ids=position_ids, **inputs)

    monkeypatch.setattr(model, "forward", every_other)
    refused(folders["llava_next"], dtype, ALONE)


@every_dtype
def test_a_stranger_whose_picture_tokens_are_not_named_is_refused(folders, dtype, monkeypatch):
    """They then see only what stands before them: too little to be told from rounding by other shapes."""
    padded = Network._padded
    monkeypatch.setattr(Network, "_padded", lambda self, strands: (*padded(self, strands)[:2], {}))
    refused(folders["gemma3"], dtype, ALONE, kind="gemma3")


@every_dtype
def test_a_stranger_whose_cache_does_not_serve_is_refused(folders, dtype, monkeypatch):
    go_on = Network.go_on

    def behind(self, seen, ids, mask, depths, *given):
        return go_on(self, seen, ids, mask, depths + 9, *given)

    with monkeypatch.context() as patch:
        patch.setattr(chat_proof_torch, "expect_answers", lambda *_: None)
        chat = Chat(folders["llava_next"], ChatOptions(dtype=dtype))
    monkeypatch.setattr(Network, "go_on", behind)
    assert "alone against whole passes: differs by" in chat.prove().fault


@every_dtype
def test_a_stranger_that_does_not_look_is_refused(folders, model, dtype, monkeypatch):
    plain = model.forward

    def dark(self, pixel_values=None, **inputs):
        black = None if pixel_values is None else torch.zeros_like(pixel_values)
        return plain(self, pixel_values=black, **inputs)

    monkeypatch.setattr(model, "forward", dark)
    refused(folders["llava_next"], dtype, "it says the same of every picture")


@every_dtype
def test_code_of_a_known_kind_is_proved(dtype, tmp_path):
    refused(
        own_class(tmp_path), dtype, "it says the same of every picture", kind="llava, with code of its own"
    )


def test_a_processor_of_its_own_is_proved(folders, monkeypatch):
    chat = Chat(folders["llava"])
    theirs = type("OwnProcessor", (), {"__module__": "transformers_modules.own"})()
    theirs.image_processor, theirs.tokenizer = chat._processor.image_processor, chat._processor.tokenizer
    bad = Proof(("it is wrong",), ())
    with pytest.raises(ModelError, match=r"llava, with code of its own.*it is wrong"):
        expect_answers(chat.answer_logprobs, lambda: bad, chat._network.model, theirs, "own")


@pytest.mark.parametrize(("name", "dtype", "said"), [
    ("gemma3", "bfloat16", True), ("gemma3", "float32", False), ("llava", "bfloat16", False),
])  # fmt: skip
def test_that_half_precision_hides_small_faults_is_said(folders, name, dtype, said, caplog):
    with caplog.at_level("INFO", "visq"):
        Chat(folders[name], ChatOptions(dtype=dtype))
    assert ("half precision hides small faults" in caplog.text) == said


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


def test_no_number_is_a_fault():
    assert Proof((), (Compared("some", 0.1, 0.1),)).fault == ""
    assert Proof((), (Compared("some", float("nan"), 0.1),)).fault == "some: differs by nan (may 0.1)"


def test_other_tokens_of_the_processor_are_said(folders):
    chat = Chat(folders["llava"])

    class Other:
        """Puts one token more behind a text."""

        tokenizer = chat._processor.tokenizer

        def __call__(self, **given):
            made = chat._processor(**given)
            ids = made["input_ids"]
            return {**made, "input_ids": torch.cat([ids, ids[:, :1]], 1)}

    whole = chat.answer_logprobs
    proof = chat_proof_torch.prove(chat._network, Other(), chat._prompter, whole, whole, "float32")
    assert proof.fault == "its processor and its tokenizer make different tokens of an answer"
    assert "nan" not in str(proof)
