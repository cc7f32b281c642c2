"""A chat model proved against transformers alone: its own processor, a whole pass an answer, no cache.

Of a kind that visq was not tested with it is proved at load, since masks and positions that a model reads
otherwise give wrong numbers without a word. Knows pictures, questions and answers; no score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from visq.backbones.chat_prompt import Prompter
from visq.core.errors import ModelError, VisqError, first_line
from visq.core.types import FloatArray, Picture, Prompted

TESTED = (
    *("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "llava", "llava_onevision", "internvl", "smolvlm"),
    "visq_mini",
)
"""Kinds of models that visq's tests hold against transformers, by the `model_type` of their configs."""

TOLERANCES = {"float32": 1e-2, "float16": 0.2, "bfloat16": 1.0}
"""By how much a log-probability of an answer may differ. Rounding moves each token's by some 2^-24, 2^-11 or
2^-8 of logits near 30, carried through the layers; the tests' tiny models of eleven families stay below 1e-4,
0.03 and 0.3. Large ones have more layers, and a sound model must not be refused."""

ANSWERS = ("one", "one of two")

Ask = Callable[[Sequence[Prompted], Sequence[str]], FloatArray]


@dataclass(frozen=True)
class Proof:
    """What a proof found; the differences are the largest of a log-probability.

    Attributes:
        sees: two pictures of one size are answered differently.
        plain: difference from one whole pass of transformers an answer.
        batched: difference of questions in one batch, padded, from each alone.
        tolerance: how large either may be.
    """

    sees: bool
    plain: float
    batched: float
    tolerance: float

    @property
    def fault(self) -> str:
        """What is wrong, in a few words; empty where nothing is."""
        if not self.sees:
            return "says the same of every picture"
        for about, difference in (
            ("answers otherwise than by a plain pass of transformers", self.plain),
            ("answers otherwise in a batch than alone", self.batched),
        ):
            if not difference <= self.tolerance:
                return f"{about}: a log-probability differs by {difference:.2g} (may {self.tolerance:g})"
        return ""


def expect_answers(ask: Ask, prove: Callable[[], Proof], config: Any, name: str) -> None:
    """Ask once about a picture, so that a model that cannot be asked is one line and no run of failures.

    One of a kind that visq was not tested with is proved, too.

    Args:
        ask: log-probabilities of answers to questions.
        prove: does `prove`.
        config: of the model.
        name: of the model, for messages.

    Raises:
        ModelError: it cannot be asked, or its numbers would be wrong.
    """
    grey = np.full((64, 96, 3), 128, dtype=np.uint8)
    ours = type(config).__module__.startswith(("transformers.", "visq."))  # and not of the model's folder
    try:
        ask([_about(grey, "Is it?")], ANSWERS)
        fault = "" if ours and config.model_type in TESTED else prove().fault
    except VisqError:
        raise
    except Exception as error:  # a foreign network's own, of any kind
        raise ModelError(
            f"model {name!r} does not take pictures as visq hands them over: {first_line(error)}"
        ) from error
    if fault:
        raise ModelError(
            f"model {name!r} is of a kind that visq was not tested with ({config.model_type}), and {fault}; "
            "use another model, and please report this one"
        )


def prove(model: Any, processor: Any, prompter: Prompter, ask: Ask, dtype: str) -> Proof:
    """Hold the answers about some small pictures against those of transformers alone, and of a batch.

    Args:
        model: of transformers.
        processor: its own.
        prompter: its texts and tokens.
        ask: what is proved: log-probabilities of answers to questions.
        dtype: of its weights, in a word.
    """
    rows, columns = np.indices((64, 96))
    ramp = np.stack([4 * rows, 2 * columns, rows + columns], -1).astype(np.uint8)
    turned, grey = np.ascontiguousarray(ramp.transpose(1, 0, 2)), np.full_like(ramp, 128)
    asked = [_about(ramp, "Is it?"), _about(turned, "How many of them are there, one or two?")]
    alone = np.concatenate([ask([one], ANSWERS) for one in asked])
    plain = np.array([[_plain(model, processor, prompter, one, word) for word in ANSWERS] for one in asked])
    return Proof(
        sees=not np.array_equal(ask([_about(grey, "Is it?")], ANSWERS)[0], alone[0]),
        plain=float(np.abs(alone - plain).max()),
        batched=float(np.abs(ask(asked, ANSWERS) - alone).max()),
        tolerance=TOLERANCES[dtype],
    )


def _about(pixels: Picture, question: str) -> Prompted:
    return Prompted(pixels, "", question, "It is")


def _plain(model: Any, processor: Any, prompter: Prompter, asked: Prompted, word: str) -> float:
    """Log-probability of a whole answer by definition: the model called with what its processor makes."""
    wording = prompter.wording(asked, [word])
    (told,), (barred,), stops = wording.answers, wording.barred, wording.stops or ()
    text = f"{prompter.text(asked)}{asked.blank}{word}"
    bare = tuple(processor.tokenizer(text, add_special_tokens=False)["input_ids"])
    inputs = processor(
        images=[Image.fromarray(asked.pixels)],
        text=[text],
        add_special_tokens=prompter.tokens(text) != bare,
        return_tensors="pt",
    )
    if tuple(inputs["input_ids"][0, -len(told) :].tolist()) != told:
        return float("nan")
    given = {name: _placed(value, model) for name, value in inputs.items()}
    # Of 150,000 logits a token only those after the question are made; the body runs as it is.
    hook = model.get_output_embeddings().register_forward_pre_hook(
        lambda _, hidden: (hidden[0][:, -len(told) - 1 :],)
    )
    try:
        with torch.inference_mode():
            logs = torch.log_softmax(model(**given).logits[0].double(), -1)
    finally:
        hook.remove()
    ends = [token for token in stops if token not in barred]
    words = sum(float(logs[at, token]) for at, token in enumerate(told))
    return words + float(logs[-1, ends].logsumexp(0))


def _placed(value: Tensor, model: Any) -> Tensor:
    value = value.to(model.device)
    return value.to(model.dtype) if value.is_floating_point() else value
