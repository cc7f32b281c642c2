"""Chat models of every family against transformers alone: a full pass for each answer, no cache, no batch."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tiny_chat import FAMILIES, PLACES, PROMPTS
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.core.types import Prompted

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TOLERANCE = 2e-4
"""float32 rounds log-probabilities near 30 by 2e-6; a few layers of std 0.5 carry that to some 1e-5."""


def tolerance(name):
    """As TOLERANCE; Qwen3.5's running states divide by small norms of themselves.

    Measured: embeddings moved by half a float32 step move the tiny model's answers by up to 8e-4.
    """
    return 1e-2 if name == "qwen3_5" else TOLERANCE


LEVELS = ("bad", "poor", "fair", "good", "excellent")
RATINGS = tuple(str(n) for n in range(1, 11))
QUESTIONS = (
    ("How would you rate the quality of this image?", "The quality of the image is"),
    ("Rate the aesthetics of this picture from 1 to 10.", "Rating Level: "),
    ("Is it true?", ""),
)


class Oracle:
    """The answers of one model by definition: its own pass over picture, question, stem, answer."""

    def __init__(self, name, folder):
        from visq.backbones.chat_processor_torch import load_processor

        self.prompt, self.place = PROMPTS[name], PLACES[name]
        # Its template ends a turn with another token than its tokenizer ends a text.
        self.turn_end = "<end_of_utterance>" if name == "smolvlm" else None
        self.model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()
        self.processor = load_processor(folder, self.model.config, remote_code=False)
        self.tokenizer = self.processor.tokenizer

    def inputs(self, asked, text):
        from PIL import Image

        images = [Image.fromarray(pixels) for pixels in asked.pictures]
        return self.processor(images=images, text=[text], return_tensors="pt")

    def text(self, asked):
        prompt = self.prompt.replace(self.place, self.place * len(asked.pictures))
        return prompt.format(question=asked.question, stem=asked.stem)

    def ends(self):
        anchor = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        start = len(self.tokenizer.decode(anchor))
        texts = [self.tokenizer.decode([*anchor, token])[start:] for token in range(len(self.tokenizer))]
        dots = [token for token, text in enumerate(texts) if text.startswith((".", "\n"))]
        own = {self.tokenizer.eos_token_id, self.model.generation_config.eos_token_id}
        if self.turn_end is not None:
            own.add(self.tokenizer.convert_tokens_to_ids(self.turn_end))
        return sorted({*own, *dots})

    def logs(self, inputs):
        with torch.inference_mode():
            logits = self.model(**inputs).logits[0]
        return torch.log_softmax(logits.double(), -1).numpy()

    def logprobs(self, asked, answers):
        text = self.text(asked)
        joint = " " if asked.stem and not asked.stem.endswith(" ") else ""
        told = self.inputs(asked, text)["input_ids"][0].tolist()
        whole = [self.inputs(asked, text + joint + answer) for answer in answers]
        ids = [inputs["input_ids"][0].tolist() for inputs in whole]
        cut = len(told)
        while not all(one[:cut] == told[:cut] for one in ids):
            cut -= 1
        found = []
        for one, inputs in zip(ids, whole, strict=True):
            logs = self.logs(inputs)
            total = sum(logs[at - 1, one[at]] for at in range(cut, len(one)))
            ended = 0.0 if asked.end is None else np.logaddexp.reduce(logs[-1, self.ends()])
            found.append(total + ended)
        return found

    def says(self, asked, most):
        inputs = self.inputs(asked, self.text(asked))
        begin = inputs["input_ids"].shape[1]
        out = self.model.generate(
            **inputs, max_new_tokens=most, do_sample=False, pad_token_id=self.tokenizer.pad_token_id
        )
        return self.tokenizer.decode(out[0, begin:], skip_special_tokens=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    @cache
    def make(name):
        folder = tmp_path_factory.mktemp("chat") / name
        FAMILIES[name](folder)
        return Oracle(name, folder), Chat(folder), folder

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    yield make
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def batch():
    """Three pictures of other shapes, each asked three questions of other lengths."""
    rng = np.random.default_rng(4)
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((40, 64), (70, 31), (33, 33))]
    return [Prompted(p, "quality", question, stem) for p in pictures for question, stem in QUESTIONS]


def alone(chat, batch, answers):
    return np.concatenate([chat.answer_logprobs([asked], answers) for asked in batch])


@pytest.mark.parametrize("answers", [LEVELS, RATINGS])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_is_every_answer_alone_by_transformers(world, batch, name, answers):
    oracle, chat, _ = world(name)
    some = batch[:4]
    found = chat.answer_logprobs(some, answers)

    np.testing.assert_allclose(
        found, [oracle.logprobs(asked, answers) for asked in some], atol=tolerance(name)
    )
    assert found.dtype == np.float32
    assert np.abs(found[0] - found[3]).max() > 20 * tolerance(name)  # it sees the picture
    assert (np.exp(found.astype(float)).sum(1) <= 1).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_beginnings_are_their_tokens_alone(world, batch, name):
    oracle, chat, folder = world(name)
    # Of several tokens, of one, and one that another goes on from; beside a question whose answers end.
    beginnings = [LEVELS, RATINGS, ("1", "10", "10.5")]
    some = [replace(asked, end=None) for asked in batch[:3]]
    wanted = [oracle.logprobs(asked, own) for asked, own in zip(some, beginnings, strict=True)]
    for way in ("auto", "rows", "whole"):
        other = chat if way == "auto" else Chat(folder, ChatOptions(way=way))
        *found, ended = other.answers_each([*some, batch[1]], [*beginnings, RATINGS])
        for row, own in zip(found, wanted, strict=True):
            np.testing.assert_allclose(row, own, atol=tolerance(name))
        np.testing.assert_allclose(ended, chat.answer_logprobs([batch[1]], RATINGS)[0], atol=tolerance(name))
        single = other.answers_each(some[1:2], [("7", "3")])[0]  # a tree without a node
        np.testing.assert_allclose(single, oracle.logprobs(some[1], ("7", "3")), atol=tolerance(name))
    assert np.exp(wanted[2][0]) > np.exp(wanted[2][1]) > np.exp(wanted[2][2])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_is_one_by_one_and_k_questions_are_k_passes(world, batch, name):
    _, chat, _ = world(name)
    found = chat.answer_logprobs(batch, RATINGS)

    np.testing.assert_allclose(found, alone(chat, batch, RATINGS), atol=tolerance(name))
    order = np.random.default_rng(0).permutation(len(batch))
    mixed = chat.answer_logprobs([batch[k] for k in order], RATINGS)
    np.testing.assert_allclose(mixed, found[order], atol=tolerance(name))


def pictures_seen(chat, monkeypatch):
    """Of every pass over a picture, its pixels: one entry a time a picture goes through the network."""
    seen = []
    plain = chat._network._run

    def run(inputs, places):
        if "pixel_values" in inputs:
            seen.append(len(inputs["input_ids"]))
        return plain(inputs, places)

    monkeypatch.setattr(chat._network, "_run", run)
    return seen


@pytest.mark.parametrize("name", FAMILIES)
def test_questions_with_answers_of_their_own_cost_one_look(world, batch, name, monkeypatch):
    _, chat, _ = world(name)
    answers = [LEVELS, RATINGS, ("true", "not")] * 3
    alone = [chat.answer_logprobs([asked], own)[0] for asked, own in zip(batch, answers, strict=True)]
    seen = pictures_seen(chat, monkeypatch)
    found = chat.answers_each(batch, answers)

    assert sum(seen) == 3  # pictures
    assert [len(row) for row in found] == [5, 10, 2] * 3
    assert {row.dtype for row in found} == {np.dtype(np.float32)}
    for row, wanted in zip(found, alone, strict=True):
        np.testing.assert_allclose(row, wanted, atol=tolerance(name))
    seen.clear()
    for kind in range(3):  # as it was before: one call for each kind of answers
        chat.answer_logprobs(batch[kind::3], answers[kind])
    assert sum(seen) == 9


PAIR = "Which image has better quality?", "The better image is the"


def pairs(batch):
    """Two of the three pictures, in both orders, and all three."""
    first, second, third = (asked.pixels for asked in batch[::3])
    shown = [(first, (second,)), (second, (first,)), (third, (second,)), (first, (second, third))]
    return [Prompted(pixels, "quality", *PAIR, more=more) for pixels, more in shown]


@pytest.mark.parametrize("name", FAMILIES)
def test_two_pictures_are_those_of_transformers_in_any_batch(world, batch, name):
    oracle, chat, _ = world(name)
    answers = ("first", "second")
    asked = pairs(batch)
    found = chat.answer_logprobs(asked, answers)

    wanted = [oracle.logprobs(one, answers) for one in asked]
    np.testing.assert_allclose(found, wanted, atol=tolerance(name))
    np.testing.assert_allclose(found, alone(chat, asked, answers), atol=tolerance(name))
    mixed = chat.answers_each([batch[0], asked[1], batch[4], asked[0]], [LEVELS, answers, RATINGS, answers])
    np.testing.assert_allclose([mixed[3], mixed[1]], found[:2], atol=tolerance(name))
    np.testing.assert_allclose(mixed[0], chat.answer_logprobs([batch[0]], LEVELS)[0], atol=tolerance(name))
    for other in found[1:]:  # the order counts, and so do the second picture and a third
        assert np.abs(found[0] - other).max() > 10 * tolerance(name)
    chat.expect_words(asked[0], answers)


@pytest.mark.parametrize("name", FAMILIES)
def test_two_pictures_without_a_cache_and_in_rows(world, batch, name):
    _, chat, folder = world(name)
    asked, answers = pairs(batch)[:2], ("first", "second")
    found = chat.answer_logprobs(asked, answers)
    for way in ("whole", "rows"):
        other = Chat(folder, ChatOptions(way=way)).answer_logprobs(asked, answers)
        np.testing.assert_allclose(found, other, atol=tolerance(name))


@pytest.mark.parametrize("name", FAMILIES)
def test_what_it_says_of_two_pictures_is_what_transformers_says(world, batch, name):
    oracle, chat, _ = world(name)
    asked = pairs(batch)[:2]

    assert chat.generate(asked, most=6) == [oracle.says(one, 6) for one in asked]


@pytest.mark.parametrize("name", FAMILIES)
def test_with_and_without_cache_are_one_thing(world, batch, name):
    _, chat, folder = world(name)
    whole = Chat(folder, ChatOptions(way="whole", tokens=200))
    rows = Chat(folder, ChatOptions(way="rows", tokens=300))
    found = chat.answer_logprobs(batch, RATINGS)

    np.testing.assert_allclose(found, whole.answer_logprobs(batch, RATINGS), atol=tolerance(name))
    np.testing.assert_allclose(found, rows.answer_logprobs(batch, RATINGS), atol=tolerance(name))
    assert whole.way == "whole"
    assert "as asked for" in whole.chosen
    assert whole.generate(batch[:2], 4) == chat.generate(batch[:2], 4)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_it_says_is_what_transformers_says(world, batch, name):
    oracle, chat, _ = world(name)
    some = batch[1:8:3]
    found = chat.generate(some, most=8)

    assert found == [oracle.says(asked, 8) for asked in some]
    assert found == [chat.generate([asked], most=8)[0] for asked in some]


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_are_embedded_alone(world, batch, name):
    _, chat, _ = world(name)
    pictures = [chat.prepare(asked.pixels) for asked in batch[::3]]
    found = chat.embed(pictures)

    assert found.shape == (3, 32)
    assert np.array_equal(found[1:2], chat.embed(pictures[1:2]))
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_only_a_running_state_keeps_a_family_from_the_tree(world):
    ways = {name: world(name)[1].way for name in FAMILIES}

    assert ways == {name: "rows" if name == "qwen3_5" else "tree" for name in FAMILIES}
    assert "linear_attention" in world("qwen3_5")[1].chosen


def _swapped_stem(monkeypatch, chat):
    plain = chat._prompter.text
    monkeypatch.setattr(chat, "_wordings", {})
    monkeypatch.setattr(
        chat._prompter, "text", lambda asked: plain(replace(asked, stem="The image of the quality is"))
    )


def _wrong_side(monkeypatch, chat):
    """Tokens padded on the right under a mask for the left."""
    plain = chat._network._padded

    def padded(strands):
        ids, mask, kinds = plain(strands)
        for row, strand in enumerate(strands):
            ids[row] = ids[row].roll(len(strand.ids))
            for kind in kinds.values():
                kind[row] = kind[row].roll(len(strand.ids))
        return ids, mask, kinds

    monkeypatch.setattr(chat._network, "_padded", padded)


def _no_mask(monkeypatch, chat):
    plain = chat._network._run

    def run(inputs, places):
        seen = inputs["attention_mask"]
        return plain({**inputs, "attention_mask": torch.ones_like(seen) if seen.ndim == 2 else seen}, places)

    monkeypatch.setattr(chat._network, "_run", run)


def _position_off_by_one(monkeypatch, chat):
    plain = chat._network.go_on
    monkeypatch.setattr(
        chat._network, "go_on", lambda seen, *rest: plain(replace(seen, ahead=seen.ahead + 1), *rest)
    )


def _siblings_see_each_other(monkeypatch, chat):
    plain = chat._network.go_on

    def go_on(seen, ids, mask, depths, places, allowed):
        return plain(seen, ids, mask, depths, places, torch.ones_like(allowed).tril())

    monkeypatch.setattr(chat._network, "go_on", go_on)


@pytest.mark.parametrize("name", ["qwen2_vl", "llava"])
@pytest.mark.parametrize(
    "plant", [_swapped_stem, _wrong_side, _no_mask, _position_off_by_one, _siblings_see_each_other]
)
def test_planted_faults_are_seen(world, batch, name, plant, monkeypatch):
    _, chat, _ = world(name)
    # Pictures asked other questions: their beginnings differ in length, and all but one are padded.
    some = [batch[0], batch[4] if name == "qwen2_vl" else batch[5], batch[8]]
    right = alone(chat, some, RATINGS)
    np.testing.assert_allclose(chat.answer_logprobs(some, RATINGS), right, atol=TOLERANCE)
    plant(monkeypatch, chat)

    assert np.abs(chat.answer_logprobs(some, RATINGS) - right).max() > 100 * TOLERANCE


@pytest.mark.parametrize("plant", [_swapped_stem, _wrong_side, _no_mask, _position_off_by_one])
def test_planted_faults_are_seen_in_rows_too(world, batch, plant, monkeypatch):
    _, chat, _ = world("qwen3_5")
    some = [batch[0], batch[4], batch[8]]
    right = alone(chat, some, RATINGS)
    np.testing.assert_allclose(chat.answer_logprobs(some, RATINGS), right, atol=tolerance("qwen3_5"))
    plant(monkeypatch, chat)

    assert np.abs(chat.answer_logprobs(some, RATINGS) - right).max() > 10 * tolerance("qwen3_5")
