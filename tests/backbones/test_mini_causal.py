"""The two forms of the causal model are one model: torch against ONNX Runtime, on random weights."""

from __future__ import annotations

import builtins
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tiny_causal import SIDE, tiny_folder
from visq.aspects import aspect
from visq.backbones import find_model
from visq.backbones.mini_causal import MiniCausal
from visq.core.errors import InputError, MissingExtra, ModelError
from visq.core.types import Prompted
from visq.scoring import load

torch = pytest.importorskip("torch")

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("causal") / "model"
    fitted = tiny_folder(folder)
    backbone = MiniCausal(find_model(str(folder)), threads=2)
    yield folder, fitted, backbone
    backbone.close()


@pytest.fixture(scope="module")
def pictures():
    return list(np.random.default_rng(1).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8))


def _asked(pixels, name="quality"):
    return Prompted(pixels, name, aspect(name).questions[0], aspect(name).stem)


def _torch_logits(fitted, ids, pixels):
    """float64 [t, v]: log-probabilities after each token, by transformers alone."""
    values = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    with torch.inference_mode():
        logits = fitted.model(torch.tensor([ids]), values).logits[0]
    return torch.log_softmax(logits.double(), -1).numpy()


def _naive(fitted, asked, answer):
    """log P of one whole answer: its own forward pass, token by token, and the end."""
    from visq.training.tokenizer import END, SPECIALS

    tokenizer = fitted.tokenizer

    def tokens(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    question, stem = tokens(asked.question), tokens(asked.stem)
    prompt = [
        SPECIALS.index("<user>"),
        *[SPECIALS.index("<image>")] * (49 * len(asked.pictures)),
        *question,
        SPECIALS.index("<assistant>"),
        *stem,
    ]
    said = tokens(answer if asked.stem.endswith(" ") else f" {answer}")
    logs = _torch_logits(fitted, [*prompt, *said], asked.pictures)
    at = len(prompt) - 1
    total = sum(logs[at + k, token] for k, token in enumerate(said))
    if asked.end is None:
        return total
    return total + np.logaddexp(logs[-1, tokens(".")[0]], logs[-1, SPECIALS.index(END)])


def test_whole_answers_are_those_of_torch_each_alone(world, pictures):
    _, fitted, backbone = world
    levels = aspect("quality").levels
    found = backbone.answer_logprobs([_asked(p) for p in pictures], levels)
    wanted = [[_naive(fitted, _asked(p), word) for word in levels] for p in pictures]

    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)
    assert np.std(found[:, 0]) > 100 * TOLERANCE  # else equality would prove nothing


def test_ratings_share_a_digit_and_are_whole_answers(world, pictures):
    _, fitted, backbone = world
    asked = Prompted(pictures[0], "quality", "Rate the quality of this image from 1 to 10.", "Rating Level: ")
    answers = [str(n) for n in range(1, 11)]

    found = backbone.answer_logprobs([asked], answers)[0]

    np.testing.assert_allclose(found, [_naive(fitted, asked, one) for one in answers], atol=TOLERANCE)
    assert np.exp(found.astype(float)).sum() <= 1


def test_beginnings_are_their_tokens_alone(world, pictures):
    _, fitted, backbone = world
    asked = Prompted(pictures[0], "quality", "Rate the quality of this image.", "Rating Level: ", end=None)
    answers = ["1", "10", "10.5", "7"]
    found, ended = backbone.answers_each([asked, _asked(pictures[0])], [answers, ["good"]])

    np.testing.assert_allclose(found, [_naive(fitted, asked, one) for one in answers], atol=TOLERANCE)
    assert ended[0] == pytest.approx(_naive(fitted, _asked(pictures[0]), "good"), abs=TOLERANCE)


@pytest.mark.parametrize(
    "changed",
    [
        {"stem": "The image of the quality is"},
        {"question": "How would you rate the aesthetics of this image?"},
    ],
)
def test_other_words_give_other_probabilities(world, pictures, changed):
    _, _, backbone = world
    asked = _asked(pictures[0])
    levels = aspect("quality").levels
    plain, other = backbone.answer_logprobs([asked, replace(asked, **changed)], levels)

    assert np.abs(plain - other).max() > 100 * TOLERANCE


def test_a_score_is_the_same_in_any_batch(world, pictures):
    _, _, backbone = world
    levels = aspect("quality").levels
    batch = [_asked(p, name) for p in pictures for name in ("quality", "aesthetics")]
    together = backbone.answer_logprobs(batch, levels)
    alone = np.concatenate([backbone.answer_logprobs([one], levels) for one in batch])

    assert np.array_equal(together, alone)


def _pair(first, second):
    return Prompted(
        first, "quality", "Which image has better quality?", "The better image is the", more=(second,)
    )


def test_two_pictures_are_those_of_torch_laid_out_as_in_training(world, pictures, monkeypatch):
    _, fitted, backbone = world
    first, second, third = pictures[:3]
    batch = [_pair(first, second), _pair(second, first), _pair(first, third)]
    looks = looks_at(backbone, monkeypatch)
    found = backbone.answer_logprobs(batch, ["first", "second"])
    wanted = [[_naive(fitted, asked, word) for word in ("first", "second")] for asked in batch]

    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)
    assert len(looks) == 3  # pictures, not places
    assert np.abs(found[0] - found[1]).max() > 100 * TOLERANCE  # the order counts
    assert np.abs(found[0] - found[2]).max() > 100 * TOLERANCE  # and so does the second picture
    alone = np.concatenate([backbone.answer_logprobs([one], ["first", "second"]) for one in batch])
    assert np.array_equal(found, alone)
    assert backbone._words.prompt(batch[0]) == fitted.questions.pairs[0].prompt


def test_three_pictures_are_refused(world, pictures):
    _, _, backbone = world
    asked = replace(_asked(pictures[0]), more=tuple(pictures[1:3]))
    with pytest.raises(InputError, match=r"one picture or two, not 3$"):
        backbone.expect_words(asked, ["first"])


def looks_at(backbone, monkeypatch):
    """Outputs of the picture graph asked for, one entry a run."""
    looks = []
    plain = backbone._run

    def run(session, output, feeds):
        if session is backbone._visual:
            looks.append(output)
        return plain(session, output, feeds)

    monkeypatch.setattr(backbone, "_run", run)
    return looks


def test_questions_with_answers_of_their_own_cost_one_look(world, pictures, monkeypatch):
    _, _, backbone = world
    rating = Prompted(
        pictures[0], "quality", "Rate the quality of this image from 1 to 10.", "Rating Level: "
    )
    batch = [_asked(pictures[0]), rating, _asked(pictures[1], "aesthetics"), _asked(pictures[0])]
    answers = [aspect("quality").levels, [str(n) for n in range(1, 11)], ["poor", "good"], ["good"]]
    alone = [backbone.answer_logprobs([asked], own)[0] for asked, own in zip(batch, answers, strict=True)]
    looks = looks_at(backbone, monkeypatch)
    found = backbone.answers_each(batch, answers)

    assert looks == ["visual"] * 2  # pictures
    for row, wanted in zip(found, alone, strict=True):
        assert np.array_equal(row, wanted)
        assert row.dtype == np.float32


def test_outside_is_what_the_words_leave(world, pictures):
    folder, _, backbone = world
    with load(str(folder)) as scorer:
        (score,) = scorer.score_pictures(pictures[:1])
    inside = np.exp(
        backbone.answer_logprobs([_asked(pictures[0])], aspect("quality").levels).astype(float)
    ).sum()

    assert score["quality"].outside == pytest.approx(1 - inside, abs=1e-6)
    assert 0 < score["quality"].outside < 1


def test_an_answer_ends_as_its_question_says(world, pictures):
    _, fitted, backbone = world
    asked = replace(_asked(pictures[0]), end=">")
    texts = [fitted.tokenizer.decode([token]) for token in range(fitted.tokenizer.get_vocab_size())]
    ends = [token for token, text in enumerate(texts) if text.startswith((">", "\n"))] + [backbone._words.end]
    words = fitted.tokenizer.encode(" good", add_special_tokens=False).ids
    logs = _torch_logits(fitted, [*backbone._words.prompt(asked), *words], asked.pictures)
    told = sum(logs[-1 - len(words) + k, token] for k, token in enumerate(words))
    found, dotted = backbone.answer_logprobs([asked, _asked(pictures[0])], ["good"])[:, 0]

    assert found == pytest.approx(told + np.logaddexp.reduce(logs[-1, ends]), abs=TOLERANCE)
    assert dotted == pytest.approx(_naive(fitted, _asked(pictures[0]), "good"), abs=TOLERANCE)
    assert abs(found - dotted) > 100 * TOLERANCE


def test_texts_no_one_listed_are_tokenized(world, pictures):
    _, fitted, backbone = world
    asked = Prompted(pictures[1], "quality", "Is this a naïve 漢 picture of 12 cats?", "It is")

    found = backbone.answer_logprobs([asked], ["true", "not"])[0]

    np.testing.assert_allclose(
        found, [_naive(fitted, asked, word) for word in ("true", "not")], atol=TOLERANCE
    )


def test_without_tokenizers_such_texts_name_the_extra(world, pictures, monkeypatch):
    folder, _, _ = world
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    backbone = MiniCausal(find_model(str(folder)), threads=1)
    levels = aspect("quality").levels
    assert backbone.answer_logprobs([_asked(pictures[0])], levels).shape == (1, 5)
    with pytest.raises(MissingExtra, match="vlm"):
        backbone.answer_logprobs([replace(_asked(pictures[0]), question="Anything else?")], levels)
    backbone.close()


def test_generation_is_that_of_transformers(world, pictures):
    _, fitted, backbone = world
    question = "Describe details, light, contrast and colors of this image."
    (said,) = backbone.generate([Prompted(pictures[2], "quality", question, "")], most=12)
    prompt = fitted.questions.describe.prompt
    values = torch.from_numpy(np.array(pictures[2]))[None].permute(0, 3, 1, 2).float() / 127.5 - 1.0
    out = fitted.model.generate(
        input_ids=torch.tensor([prompt]), pixel_values=values, max_new_tokens=12, do_sample=False,
        eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    ids = [token for token in out[0, len(prompt) :].tolist() if token > 1]

    assert said == fitted.tokenizer.decode(ids, skip_special_tokens=False)


def test_transformers_loads_the_folder_by_its_auto_classes(world, pictures):
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    import visq.hf  # noqa: F401 (registers the model)

    folder, fitted, backbone = world
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()
    processor = AutoProcessor.from_pretrained(folder)
    asked = _asked(pictures[3])
    turns = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": asked.question}]},
        {"role": "assistant", "content": asked.stem},
    ]
    text = processor.apply_chat_template(turns, continue_final_message=True)
    inputs = processor(images=[Image.fromarray(pictures[3])], text=text)
    with torch.inference_mode():
        logs = torch.log_softmax(model(**inputs).logits[0, -1].double(), -1)

    assert inputs["input_ids"][0].tolist() == list(fitted.questions.levels[0].prompt)
    words = [tokens[0] for tokens in fitted.questions.levels[0].answers.values()]
    whole = backbone.answer_logprobs([asked], aspect("quality").levels)[0]
    after = [
        _naive(fitted, asked, word) - logs[token].item()
        for word, token in zip(aspect("quality").levels, words, strict=True)
    ]
    np.testing.assert_allclose(logs[words].numpy() + after, whole, atol=TOLERANCE)


def test_a_picture_too_many_is_refused_by_torch(world):
    _, fitted, _ = world
    prompt = fitted.questions.levels[0].prompt
    with pytest.raises(ValueError, match="49 places for 2 pictures"):
        fitted.model(torch.tensor([prompt]), torch.zeros(2, 3, SIDE, SIDE))


def test_a_closed_model_says_so(world, pictures):
    folder, _, _ = world
    backbone = MiniCausal(find_model(str(folder)), threads=1)
    backbone.close()
    with pytest.raises(ModelError, match="closed"):
        backbone.answer_logprobs([_asked(pictures[0])], aspect("quality").levels)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("visual.onnx", b"no graph", "cannot load visual.onnx"),
        ("words.toml", b"[special]\nuser = 'x'\n", "words.toml"),
        ("words.toml", b"[[[", "cannot read words.toml"),
    ],
)
def test_a_broken_folder_is_one_line(world, tmp_path, file, content, message):
    import shutil

    folder = Path(shutil.copytree(world[0], tmp_path / "broken"))
    (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match=message) as error:
        MiniCausal(find_model(str(folder)), threads=1)
    assert "\n" not in str(error.value)


def test_the_folder_names_the_token_that_ends_a_turn(world):
    from transformers import GenerationConfig

    from visq.training.tokenizer import END, SPECIALS

    folder, _, _ = world
    assert GenerationConfig.from_pretrained(folder).eos_token_id == SPECIALS.index(END)


def test_a_folder_has_its_weights_once(world):
    folder, _, _ = world
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    inside = sum(size for name, size in sizes.items() if name.endswith(".onnx"))
    assert inside < sizes["model.safetensors"] / 2


def test_graphs_without_their_weights_are_one_line(world, tmp_path):
    folder, _, _ = world
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model/model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match=r"cannot load (visual|decoder)\.onnx"):
        MiniCausal(find_model(str(tmp_path / "model")), threads=1)
