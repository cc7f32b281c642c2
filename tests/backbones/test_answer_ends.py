"""What ends an answer is the question's own: on vocabularies of two kinds, by definition, and in scores."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image

import tiny_chat
from naive_chat import TOLERANCE, Oracle
from visq.backbones.answer_ends import ends, likely
from visq.backbones.chat import Chat
from visq.core.types import Prompted
from visq.scoring.asked import Wanted, choose

torch = pytest.importorskip("torch")

ENDS = (".", ">", "", " stars.", "</score>", "。", " ")
MORE_WORDS = "<3.44>. <5.10>. <1.00>.\n >\n\n 3 stars. </score> </score>\n 好。 好。\n "
NUMBERS = ("3.44", "3.45", "4.00", "4.01")


@pytest.fixture(scope="module", params=["qwen2_vl", "llava"])
def folder(request, tmp_path_factory):
    """A model whose vocabulary has whole tokens such as `>.` and, of blanks, its own writing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_chat, "WORDS", MORE_WORDS * 9 + tiny_chat.WORDS)
        path = tmp_path_factory.mktemp("ends") / request.param
        tiny_chat.FAMILIES[request.param](path)
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "one.png"
    pixels = np.random.default_rng(2).integers(0, 256, (40, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path, pixels


def asked(pixels, end=">"):
    return Prompted(pixels, "quality", "Is it true or not?", "The quality is <", "", end=end)


def naive_ends(words, end):
    """Every token, decoded behind a letter."""
    anchor = words("a", add_special_tokens=False)["input_ids"]
    begin = len(words.decode(anchor))
    found = {words.eos_token_id}
    for token in range(len(words)):
        text = words.decode([*anchor, token])[begin:]
        if text[:1] == "\n" or (end and text and (text.startswith(end) or end.startswith(text))):
            found.add(token)
    return sorted(found)


@pytest.mark.parametrize("end", ENDS)
def test_tokens_that_end_an_answer_are_all_that_begin_so(folder, end):
    prompter = Chat(folder)._prompter
    words = prompter._tokenizer
    found = prompter.stops(end)

    assert list(found) == naive_ends(words, end)
    assert found == prompter.stops(end)
    assert len(found) > 1 + (end == ".")


def test_the_end_merged_with_what_follows_is_among_them(folder):
    prompter = Chat(folder)._prompter
    texts = {prompter._tokenizer.decode([token]) for token in prompter.stops(">")}

    assert ">" in texts
    assert ">." in texts or folder.name == "llava"  # whose vocabulary has no such piece
    assert not any(text.startswith(".") for text in texts)


def test_a_number_within_brackets_is_what_transformers_gives(tmp_path, picture):
    path, pixels = picture
    tiny_chat.FAMILIES["qwen2_vl"](tmp_path / "model")
    chat, oracle = Chat(tmp_path / "model"), Oracle(tmp_path / "model")
    words = oracle.processor.tokenizer
    found = chat.answer_logprobs([asked(pixels)], NUMBERS)[0].astype(float)
    oracle.ends = naive_ends(words, ">")
    wanted = oracle.probs(path, "Is it true or not?", "The quality is <", NUMBERS)
    (dotted,) = chat.answer_logprobs([asked(pixels, ".")], NUMBERS)

    np.testing.assert_allclose(found, np.log(wanted), atol=TOLERANCE)
    assert np.abs(found - dotted).max() > 100 * TOLERANCE
    assert np.exp(found).sum() <= 1


def test_questions_of_one_call_keep_their_own_ends(folder, picture):
    chat, (_, pixels) = Chat(folder), picture
    batch = [asked(pixels, end) for end in (">", ".", "", ">")]
    alone = np.concatenate([chat.answer_logprobs([one], NUMBERS) for one in batch])

    np.testing.assert_allclose(chat.answer_logprobs(batch, NUMBERS), alone, atol=TOLERANCE)
    np.testing.assert_array_equal(alone[0], alone[3])
    assert (alone[2] < alone[0]).all()  # no end of its own: a part of what ends the others


def test_answers_exclude_each_other_where_one_goes_on_with_the_end(folder, picture):
    chat, (_, pixels) = Chat(folder), picture
    alone, _ = chat.answer_logprobs([asked(pixels)], ["good", "bad"])[0]
    beside, longer = chat.answer_logprobs([asked(pixels)], ["good", "good>good"])[0]
    wording = chat._prompter.wording(asked(pixels), ["good", "good>good"])

    assert len(wording.barred[0]) == 1
    assert beside < alone
    assert np.exp(beside) + np.exp(longer) <= 1


def test_an_aspect_asks_with_its_own_end():
    for dialect, end in (("realqa-form", ">"), ("visq", ".")):
        (one,) = choose(Wanted(("quality",), dialect=dialect), ["quality"], dialect)
        assert one.of(np.zeros((1, 1, 3), np.uint8)).end == end


def test_a_quick_look_passes_all_that_ends_and_little_else():
    pieces = ("Ċ", "Ċ.", ">", ">.", "Ġstars", "▁stars.", "<0x0A>", "ãĢĤ", "Ġ", "Ġgood")
    vocabulary = {piece: token for token, piece in enumerate(pieces)}

    assert [pieces[token] for token in likely(vocabulary, " stars.")] == [
        "Ċ", "Ċ.", "Ġstars", "▁stars.", "<0x0A>", "Ġ",
    ]  # fmt: skip
    assert pieces.index("ãĢĤ") in likely(vocabulary, "。")
    assert not any(ends(text, "") for text in ("", ".", " "))


def test_a_large_vocabulary_is_looked_through_in_no_time():
    vocabulary = {f"{'Ġ' * (k % 2)}word{k}": k for k in range(150_000)}
    began = time.process_time()

    assert likely(vocabulary, " stars.") == []
    assert time.process_time() - began < 1
