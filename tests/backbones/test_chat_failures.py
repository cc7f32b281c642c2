"""What a chat model refuses, in one line each; memory that ends; options."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tiny_chat import QWEN_TEMPLATE, TEXT, bytes_tokenizer, llava, qwen2_vl
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions, OutOfMemory
from visq.core.errors import InputError, ModelError
from visq.core.types import Prompted

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.image_utils import SizeDict  # noqa: E402 (needs transformers)

from visq.backbones.chat_processor_torch import set_pixel_counts  # noqa: E402 (needs torch)
from visq.backbones.chat_torch import Network  # noqa: E402

LEVELS = ("bad", "poor", "fair", "good", "excellent")
TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    transformers.utils.logging.disable_progress_bar()
    return qwen2_vl(tmp_path_factory.mktemp("chat") / "qwen")


@pytest.fixture(scope="module")
def chat(folder):
    return Chat(folder)


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture(scope="module")
def asked():
    pixels = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    question = "How would you rate the quality of this image?"
    return Prompted(pixels, "quality", question, "The quality of the image is")


def refused(folder, match, options=None, error=ModelError):
    with pytest.raises(error, match=match) as found:
        Chat(folder, options)
    assert "\n" not in str(found.value)


def test_a_folder_without_a_model(tmp_path):
    refused(tmp_path, r"no model in .*config\.json")


def test_a_model_without_a_picture_tower(tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    LlamaForCausalLM(LlamaConfig(**TEXT, vocab_size=64)).save_pretrained(tmp_path)
    bytes_tokenizer(("<pad>",), "<pad>").save_pretrained(tmp_path)
    refused(tmp_path, r"no picture tower .*'llama'.*vision-language")


def test_a_model_without_a_chat_template(copy):
    (copy / "chat_template.jinja").unlink()
    refused(copy, "no chat template; use an instruct")


def test_a_chat_template_that_takes_no_pictures(copy):
    template = QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "")
    (copy / "chat_template.jinja").write_text(template, encoding="utf-8")
    refused(copy, "takes no pictures")


def test_a_chat_template_that_fails(copy):
    (copy / "chat_template.jinja").write_text("{{ raise_exception('no roles here') }}", encoding="utf-8")
    refused(copy, "chat template fails: no roles here")


def test_a_folder_that_lacks_weights(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    refused(copy, r"lacks 1 weights .*lm_head\.weight")


def test_a_config_that_is_none(copy):
    (copy / "config.json").write_text("{", encoding="utf-8")
    refused(copy, "cannot be loaded")


def test_code_of_a_folder_does_not_run_unless_asked(copy):
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "evil.Config"}}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (copy / "evil.py").write_text("raise SystemExit('it ran')", encoding="utf-8")
    refused(copy, "cannot be loaded")


def test_answers_that_the_tokenizer_makes_the_same(chat, asked):
    with pytest.raises(InputError, match="' good' and 'good' are the same to this tokenizer"):
        chat.answer_logprobs([asked], ["bad", " good", "good"])


def test_a_template_that_shows_one_picture_only(copy, asked):
    template = QWEN_TEMPLATE.replace("== 'image' %}", "== 'image' and loop.first %}")
    (copy / "chat_template.jinja").write_text(template, encoding="utf-8")
    chat = Chat(copy)
    chat.expect_words(asked, LEVELS)
    two = replace(asked, more=(asked.pixels,))
    for call in (chat.expect_words, lambda two, answers: chat.answer_logprobs([two], answers)):
        with pytest.raises(ModelError, match=r"its chat template takes no 2 pictures at once; use") as error:
            call(two, LEVELS)
        assert "\n" not in str(error.value)


def test_a_processor_that_takes_one_picture_only(folder, asked, monkeypatch):
    chat = Chat(folder)
    plain = type(chat._processor).__call__

    def one_only(self, images, **more):
        if len(images) > 1:
            raise ValueError("one image a text\nis what there is")
        return plain(self, images=images, **more)

    monkeypatch.setattr(type(chat._processor), "__call__", one_only)
    chat.expect_words(asked, LEVELS)
    with pytest.raises(ModelError, match=r"its processor fails on 2 pictures: one image a text$"):
        chat.expect_words(replace(asked, more=(asked.pixels,)), LEVELS)


def test_an_answer_without_tokens(chat, asked):
    with pytest.raises(InputError, match="answer '' has no tokens"):
        chat.answer_logprobs([replace(asked, stem="")], ["good", ""])


def test_a_question_that_writes_a_picture(chat, asked):
    with pytest.raises(InputError, match=r"may not hold '<\|image_pad\|>'"):
        chat.answer_logprobs([replace(asked, question="<|image_pad|>?")], LEVELS)


def test_a_closed_model(folder, asked):
    chat = Chat(folder)
    chat.close()
    chat.close()
    with pytest.raises(ModelError, match="closed"):
        chat.answer_logprobs([asked], LEVELS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"way": "fast"}, "way 'fast' is none of"),
        ({"tokens": 0}, "tokens must be 1 or more"),
        ({"min_pixels": 9, "max_pixels": 4}, r"9\.\.4"),
        ({"max_pixels": 0}, r"1\.\.0"),
        ({"min_pixels": 0}, r"0\.\.0"),
    ],
)
def test_wrong_options(wrong, message):
    with pytest.raises(InputError, match=message):
        ChatOptions(**wrong)


def test_options_that_the_machine_lacks(folder):
    refused(folder, "dtype 'int3' is none of", ChatOptions(dtype="int3"), InputError)
    if not torch.cuda.is_available():
        refused(folder, "'cuda:1' is not on this machine", ChatOptions(device="cuda:1"), InputError)


def test_nothing_asked_is_nothing_answered(chat, asked):
    assert chat.answer_logprobs([], LEVELS).shape == (0, 5)
    assert chat.answer_logprobs([asked], []).shape == (1, 0)
    assert chat.embed([]).shape == (0, 0)


def test_an_answer_that_goes_on_with_a_full_stop_is_not_counted_twice(chat, asked):
    """`1.5` begins as the answer `1` ends; both at once cannot be what was said."""
    stem = replace(asked, stem="Rating Level: ")
    (alone,) = chat.answer_logprobs([stem], ["1"])[0].astype(float)
    one, more = chat.answer_logprobs([stem], ["1", "1.5"])[0].astype(float)

    assert one < alone
    assert np.logaddexp(one, more) < alone


def test_many_answers_are_those_of_few(chat, asked, monkeypatch):
    from visq.backbones import chat_answers_torch, chat_plan

    stem = replace(asked, stem="Rating Level: ")
    answers = [f"{n / 10:.1f}" for n in range(10, 51)]
    whole = chat.answer_logprobs([asked, stem], answers)
    monkeypatch.setattr(chat_plan, "TREE_ANSWERS", 7)
    monkeypatch.setattr(chat_answers_torch, "TREE_TOKENS", 40)

    np.testing.assert_allclose(chat.answer_logprobs([asked, stem], answers), whole, atol=TOLERANCE)


def test_a_picture_after_the_question(folder, chat, asked, tmp_path):
    last = Chat(folder, ChatOptions(picture_first=False))
    batch = [asked, replace(asked, question="Is it true?"), replace(asked, pixels=asked.pixels[:33, ::-1])]
    found = last.answer_logprobs(batch, LEVELS)
    alone = [last.answer_logprobs([one], LEVELS)[0] for one in batch]

    assert last._prompter.text(asked).index("quality") < last._prompter.text(asked).index("<|image_pad|>")
    np.testing.assert_allclose(found, alone, atol=TOLERANCE)
    assert np.abs(found[0] - chat.answer_logprobs([asked], LEVELS)[0]).max() > 100 * TOLERANCE
    refused(llava(tmp_path / "llava"), "does not put the picture after", ChatOptions(picture_first=False))


def test_the_pixel_budget_is_the_processors_where_it_has_one(folder, chat, asked):
    small = Chat(folder, ChatOptions(min_pixels=64, max_pixels=256))

    assert small.prepare(asked.pixels) is asked.pixels
    assert len(small._look(asked).run) < len(chat._look(asked).run)
    assert small.preprocessing != chat.preprocessing


def test_the_pixel_budget_is_ours_where_it_has_none(tmp_path, asked):
    budget = Chat(llava(tmp_path / "llava"), ChatOptions(min_pixels=2500, max_pixels=3000))

    assert "pixels2500..3000" in budget.preprocessing
    assert budget.prepare(asked.pixels[:10, :15]).shape == (41, 62, 3)
    assert budget.prepare(np.zeros((600, 900, 3), np.uint8)).shape == (44, 67, 3)
    assert budget.prepare(np.zeros((50, 55, 3), np.uint8)).shape == (50, 55, 3)


def test_out_of_memory_halves_the_batch_and_only_the_culprit_fails(folder, asked, monkeypatch):
    chat = Chat(folder)
    batch = [replace(asked, pixels=np.ascontiguousarray(asked.pixels[: 20 + k])) for k in range(5)]
    right = chat.answer_logprobs(batch, LEVELS)
    said = chat.generate(batch, 3)
    plain, culprit = chat._network.start, chat._look(batch[2]).tensors["pixel_values"]

    def start(strands, *rest, **more):
        looks = [strand.look.tensors["pixel_values"] for strand in strands]
        full = any(one.shape == culprit.shape and torch.equal(one, culprit) for one in looks)
        if full or len(strands) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nof much")
        return plain(strands, *rest, **more)

    monkeypatch.setattr(chat._network, "start", start)
    with pytest.raises(OutOfMemory, match=r"question 3 .*60 x 22 px .*allow fewer pixels") as error:
        chat.answer_logprobs(batch, LEVELS)
    assert set(error.value.failed) == {2}
    assert np.isnan(error.value.found[2]).all()
    others = [0, 1, 3, 4]
    np.testing.assert_allclose(error.value.found[others], right[others], atol=TOLERANCE)
    with pytest.raises(OutOfMemory) as error:
        chat.generate(batch, 3)
    assert error.value.found == [text if k != 2 else "" for k, text in enumerate(said)]


def test_a_model_that_cannot_be_asked_about_a_picture_is_one_line(folder, monkeypatch):
    """As Llama 3.2 Vision, whose pictures bring a mask of the prompt's length."""
    start = Network.start

    def only_text(network, strands, *given, **named):
        if any(strand.look is not None for strand in strands):
            raise RuntimeError("the size of tensor a (25) must match\nthe size of tensor b (20)")
        return start(network, strands, *given, **named)

    monkeypatch.setattr(Network, "start", only_text)
    refused(folder, r"does not take pictures as visq hands them over: the size of tensor a \(25\) must match")


def test_other_errors_are_not_taken_for_memory(folder, asked, monkeypatch):
    chat = Chat(folder)
    monkeypatch.setattr(chat._network, "start", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        chat.answer_logprobs([asked], LEVELS)


def test_logits_that_a_model_changes_afterwards_are_its_own(folder, chat, asked, monkeypatch):
    from transformers import Qwen2VLForConditionalGeneration

    plain = Qwen2VLForConditionalGeneration.forward

    def capped(self, **inputs):
        out = plain(self, **inputs)
        out.logits = 4 * torch.tanh(out.logits / 4)
        return out

    monkeypatch.setattr(Qwen2VLForConditionalGeneration, "forward", capped)
    other = Chat(folder)
    whole = Chat(folder, ChatOptions(way="whole"))
    found = other.answer_logprobs([asked], LEVELS)

    assert "its own logits" in other.chosen
    np.testing.assert_allclose(found, whole.answer_logprobs([asked], LEVELS), atol=TOLERANCE)
    assert np.abs(found - chat.answer_logprobs([asked], LEVELS)).max() > 0.1
    assert len(other.generate([asked], 3)) == 1


def test_device_and_way_are_said_once_for_people(folder, caplog):
    with caplog.at_level("INFO", logger="visq"):
        chat = Chat(folder, ChatOptions(device="cpu", attention="eager"))

    assert chat.chosen == "cpu, float32, attention eager, answers by tree"
    assert [one.getMessage() for one in caplog.records] == [f"model 'qwen': {chat.chosen}"]


def test_a_stem_that_melts_into_its_answers_is_noticed(tmp_path, asked, caplog):
    chat = Chat(llava(tmp_path / "llava"))
    stem = replace(asked, stem="Rating Level: ")
    with caplog.at_level("INFO", logger="visq"):
        chat.answer_logprobs([stem, stem], ["1", "2"])
        chat.answer_logprobs([stem], ["1", "2"])

    assert ["melts" in one.getMessage() for one in caplog.records] == [True]


@pytest.mark.parametrize("broken", ["reorder_cache", "crop"])
def test_a_cache_that_does_not_serve_is_said_and_gone_without(folder, chat, asked, monkeypatch, broken):
    from transformers.cache_utils import DynamicCache

    right = chat.answer_logprobs([asked], LEVELS)

    def fails(*_):
        raise NotImplementedError(f"no {broken} here")

    monkeypatch.setattr(DynamicCache, broken, fails)
    other = Chat(folder)

    assert other.way == ("tree" if broken == "reorder_cache" else "rows")
    assert broken == "reorder_cache" or "no crop here" in other.chosen
    np.testing.assert_allclose(other.answer_logprobs([asked], LEVELS), right, atol=TOLERANCE)


def test_a_network_without_a_cache_that_serves_is_run_whole(folder, chat, asked, monkeypatch):
    from transformers.cache_utils import DynamicCache

    right, said = chat.answer_logprobs([asked], LEVELS), chat.generate([asked], 4)

    def fails(*_):
        raise NotImplementedError("no such cache")

    for name in ("reorder_cache", "crop"):
        monkeypatch.setattr(DynamicCache, name, fails)
    other = Chat(folder)

    assert other.way == "whole"
    assert "no such cache" in other.way_reason
    np.testing.assert_allclose(other.answer_logprobs([asked], LEVELS), right, atol=TOLERANCE)
    assert other.generate([asked], 4) == said


def test_a_tree_that_gives_other_numbers_is_not_gone(folder, monkeypatch):
    from visq.backbones.chat_torch import Network

    def blind(self, seen, allowed):
        whole = torch.cat([seen[:, None].expand(-1, allowed.shape[1], -1), allowed], 2)[:, None]
        return torch.zeros(whole.shape)

    monkeypatch.setattr(Network, "_additive", blind)
    other = Chat(folder)

    assert other.way == "rows"
    assert "other numbers" in other.way_reason


@pytest.mark.parametrize(
    ("least", "most", "wanted"),
    [(None, None, (256, 576)), (2000, None, (2000, 2000)), (None, 100, (100, 100)), (300, 400, (300, 400))],
)
def test_one_bound_of_pixels_moves_the_other_where_it_lies_beyond(least, most, wanted):
    images = SimpleNamespace(size=SizeDict(shortest_edge=256, longest_edge=576))
    set_pixel_counts(SimpleNamespace(image_processor=images), least, most)
    assert (images.size["shortest_edge"], images.size["longest_edge"]) == wanted
