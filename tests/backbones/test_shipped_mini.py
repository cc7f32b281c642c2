"""The model in the package through both its doors: the graphs, and transformers' Auto classes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from visq.aspects import aspect
from visq.backbones import find_model
from visq.backbones.mini_causal import MiniCausal
from visq.core.types import Prompted

FOLDER = find_model("mini")
NAMES = ("astronaut.jpg", "chelsea.png", "coffee.jpg", "coffee-blurred.jpg", "rocket.jpg")


@pytest.fixture(scope="module")
def backbone():
    found = MiniCausal(FOLDER, threads=2)
    yield found
    found.close()


@pytest.fixture(scope="module")
def pictures(backbone):
    opened = (Image.open(FOLDER.path / "pictures" / name).convert("RGB") for name in NAMES)
    return [backbone.prepare(np.asarray(picture)) for picture in opened]


def test_graphs_and_transformers_say_the_same_of_level_words(backbone, pictures):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import visq.hf  # noqa: F401 (teaches the Auto classes what mini is)

    processor = transformers.AutoProcessor.from_pretrained(FOLDER.path)
    model = transformers.AutoModelForImageTextToText.from_pretrained(FOLDER.path, dtype=torch.float32).eval()
    ends = [processor.tokenizer.convert_tokens_to_ids(word) for word in (".", "<end>")]
    for name in ("quality", "aesthetics"):
        asked = aspect(name)
        found = backbone.answer_logprobs(
            [Prompted(p, name, asked.questions[0], asked.stem) for p in pictures], asked.levels
        )
        turn = [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": asked.questions[0]}]}
        ]
        prompt = processor.apply_chat_template(turn, add_generation_prompt=True) + asked.stem
        for row, pixels in enumerate(pictures):
            for k, level in enumerate(asked.levels):
                inputs = processor(images=[pixels], text=[f"{prompt} {level}"], return_tensors="pt")
                beginning = processor(images=[pixels], text=[prompt], return_tensors="pt")["input_ids"].shape[
                    1
                ]
                with torch.inference_mode():
                    logits = model(**inputs).logits[0].double()
                logs, ids = torch.log_softmax(logits, -1), inputs["input_ids"][0]
                said = sum(logs[at - 1, ids[at]] for at in range(beginning, len(ids)))
                whole = float(said + torch.logsumexp(logs[-1, ends], 0))
                assert found[row, k] == pytest.approx(whole, abs=1e-4), (name, row, level)
    assert np.ptp(found.max(axis=1)) > 0.01  # else the pictures would not matter


def test_graphs_and_transformers_say_the_same_of_two_pictures(backbone, pictures):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import visq.hf  # noqa: F401 (teaches the Auto classes what mini is)
    from visq.training.dialogue import pair_turn

    processor = transformers.AutoProcessor.from_pretrained(FOLDER.path)
    model = transformers.AutoModelForImageTextToText.from_pretrained(FOLDER.path, dtype=torch.float32).eval()
    ends = [processor.tokenizer.convert_tokens_to_ids(word) for word in (".", "<end>")]
    turn, sharp, blurred = pair_turn("quality"), pictures[2], pictures[3]
    for first, second in ((sharp, blurred), (blurred, sharp)):
        asked = Prompted(first, "quality", turn.question, turn.stem, more=(second,))
        (found,) = backbone.answer_logprobs([asked], ["first", "second"])
        for told, word in zip(found, ("first", "second"), strict=True):
            text = f"<user><image><image>{turn.question}<assistant>{turn.stem} {word}"
            inputs = processor(images=[first, second], text=[text], return_tensors="pt")
            assert (inputs["input_ids"][0] == model.config.image_token_id).sum() == 98
            with torch.inference_mode():
                logs = torch.log_softmax(model(**inputs).logits[0].double(), -1)
            said = logs[-2, inputs["input_ids"][0, -1]]  # each of the two words is one token
            assert told == pytest.approx(float(said + torch.logsumexp(logs[-1, ends], 0)), abs=1e-4)


def test_a_batch_equals_each_alone_to_the_last_bit(backbone, pictures):
    batch = [
        Prompted(p, name, aspect(name).questions[0], aspect(name).stem)
        for p in pictures
        for name in ("quality", "aesthetics")
    ]
    levels = aspect("quality").levels
    together = backbone.answer_logprobs(batch, levels)
    alone = np.concatenate([backbone.answer_logprobs([one], levels) for one in batch])
    assert (together == alone).all()
    assert (together == backbone.answer_logprobs(batch[::-1], levels)[::-1]).all()


def test_it_describes_pictures_in_its_one_sentence(backbone, pictures):
    from visq.training.dialogue import DESCRIBE

    told = backbone.generate([Prompted(p, "", DESCRIBE.question, "") for p in pictures])
    assert all(text.startswith("The details are ") and text.endswith(".") for text in told), told
    assert len(set(told)) > 1
    sharp, blurred = told[2], told[3]
    assert "The details are soft" in blurred
    assert sharp != blurred
