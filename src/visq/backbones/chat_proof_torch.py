"""A chat model proved against transformers alone: its own processor, a whole pass an answer, no cache.

Of a kind that visq was not tested with it is proved at load, since masks and positions that a model reads
otherwise give wrong numbers without a word. Knows pictures, questions and answers; no score.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from visq.backbones.chat_prompt import Prompter
from visq.backbones.chat_torch import Network
from visq.core.errors import ModelError, VisqError, first_line
from visq.core.types import FloatArray, Picture, Prompted

TESTED = (
    *("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "llava", "llava_onevision", "internvl", "smolvlm"),
    "visq_mini",
)
"""Kinds of models that visq's tests hold against transformers, by the `model_type` of their configs."""

EXACT = {"float32": 1e-2, "float16": 0.1, "bfloat16": 0.1}
"""By how much a log-probability may differ from a plain pass of transformers. Both run the same tokens in the
same shapes, and one head in float32 reads them, so that half precision rounds both alike: on a CPU the tests'
tiny models of eleven families stay below 1e-5 in every dtype, and their smallest fault moves them by 0.4."""

TOLERANCES = {"float32": 1e-2, "float16": 0.2, "bfloat16": 1.0}
"""By how much a log-probability may differ with a cache, or with neighbours in a batch. Other shapes sum in
another order; that moves what the dtype rounds, 2^-24, 2^-11 or 2^-8 of logits near 30, through the layers:
by 1e-4, 0.03 and 0.3 in the tests' tiny models. Large ones have more layers, and a sound model must not be
refused: in half precision a small fault of a cache, or of padding, is not seen. In float32 it is."""

ANSWERS = ("one", "one of two")

Ask = Callable[[Sequence[Prompted], Sequence[str]], FloatArray]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """Log-probabilities found in two ways: by how much they differ at most, and may."""

    about: str
    difference: float
    tolerance: float

    def __str__(self) -> str:
        return f"{self.about}: differs by {self.difference:.2g} (may {self.tolerance:g})"


@dataclass(frozen=True)
class Proof:
    """What a proof found.

    Attributes:
        flaws: what is wrong, other than by how much numbers differ.
        compared: what was compared.
    """

    flaws: tuple[str, ...]
    compared: tuple[Compared, ...]

    @property
    def fault(self) -> str:
        """The first thing that is wrong, in a few words; empty where nothing is."""
        far = (str(one) for one in self.compared if not one.difference <= one.tolerance)
        return next(iter((*self.flaws, *far)), "")


def expect_answers(ask: Ask, prove: Callable[[], Proof], model: Any, processor: Any, name: str) -> None:
    """Ask once about a picture, so that a model that cannot be asked is one line and no run of failures.

    One of a kind that visq was not tested with is proved, too, and so is one whose folder brings code.

    Args:
        ask: log-probabilities of answers to questions.
        prove: does `prove`.
        model: of transformers.
        processor: its own.
        name: of the model, for messages.

    Raises:
        ModelError: it cannot be asked, or its numbers would be wrong.
    """
    grey = np.full((64, 96, 3), 128, dtype=np.uint8)
    kind, half = model.config.model_type, model.dtype != torch.float32
    strange = "" if kind in TESTED else kind
    parts = (model, model.config, processor, processor.image_processor, processor.tokenizer)
    if not all(type(part).__module__.startswith(("transformers.", "visq.")) for part in parts):
        strange = f"{kind}, with code of its own"
    try:
        ask([_about(grey, "Is it?")], ANSWERS)
        fault = prove().fault if strange else ""
    except VisqError:
        raise
    except Exception as error:  # a foreign network's own, of any kind
        raise ModelError(
            f"model {name!r} does not take pictures as visq hands them over: {first_line(error)}"
        ) from error
    if fault:
        raise ModelError(
            f"model {name!r} is of a kind that visq was not tested with ({strange}), and fails its proof: "
            f"{fault}; use another model, and please report this one"
        )
    if strange and half:
        _LOG.info(
            "model %r: visq was not tested with its kind (%s), and half precision hides small faults of its "
            "cache and of padding; `visq models show MODEL --check` on a CPU, in float32, shows them",
            name,
            strange,
        )


def prove(network: Network, processor: Any, prompter: Prompter, ask: Ask, whole: Ask, dtype: str) -> Proof:
    """Hold the answers about some small pictures against those of transformers alone, and of a batch.

    Args:
        network: the model.
        processor: its own.
        prompter: its texts and tokens.
        ask: what is proved: log-probabilities of answers to questions.
        whole: the same without a cache.
        dtype: of its weights, in a word.
    """
    rows, columns = np.indices((64, 96))
    ramp = np.stack([4 * rows, 2 * columns, rows + columns], -1).astype(np.uint8)
    turned, grey = np.ascontiguousarray(ramp.transpose(1, 0, 2)), np.full_like(ramp, 128)
    asked = [_about(ramp, "Is it?"), _about(turned, "How many of them are there, one or two?")]
    alone = np.concatenate([ask([one], ANSWERS) for one in asked])
    single = np.array([[whole([one], [word])[0, 0] for word in ANSWERS] for one in asked])
    plain = [[_plain(network, processor, prompter, one, word) for word in ANSWERS] for one in asked]
    flaws = []
    if np.array_equal(ask([_about(grey, "Is it?")], ANSWERS)[0], alone[0]):
        flaws.append("it says the same of every picture")
    pairs = {
        "log-probabilities alone against a batch of 2": (alone, ask(asked, ANSWERS), TOLERANCES),
        "log-probabilities alone against whole passes": (alone, single, TOLERANCES),
    }
    if any(found is None for row in plain for found in row):
        flaws.append("its processor and its tokenizer make different tokens of an answer")
    else:
        pairs["log-probabilities against transformers alone"] = (single, np.array(plain), EXACT)
    compared = [
        Compared(about, float(np.abs(ours - theirs).max()), may[dtype])
        for about, (ours, theirs, may) in pairs.items()
    ]
    return Proof(tuple(flaws), tuple(compared))


def _about(pixels: Picture, question: str) -> Prompted:
    return Prompted(pixels, "", question, "It is")


def _plain(network: Network, processor: Any, prompter: Prompter, asked: Prompted, word: str) -> float | None:
    """Log-probability of a whole answer by definition: the model called with what its processor makes.

    None where that is other tokens than ours.
    """
    model, wording = network.model, prompter.wording(asked, [word])
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
        return None
    given = {name: _placed(value, model) for name, value in inputs.items()}
    found = _last(model, given, len(told) + 1, logits=not network.exact_head)
    wanted = torch.tensor(list(enumerate(told)))
    ends = torch.tensor([token for token in stops if token not in barred])
    words, over = network.read(found, wanted, ends)
    return float(words.double().sum() + over[-1].double().logsumexp(0))


def _last(model: Any, given: dict[str, Tensor], n: int, *, logits: bool) -> Tensor:
    """Float [n, d]: what the head is given at the last n tokens, or makes of it."""
    hidden: list[Tensor] = []

    def narrow(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        # Of 150,000 logits a token only those after the question are made; the body runs as it is.
        hidden.append(inputs[0][:, -n:])
        return (hidden[0],)

    hook = model.get_output_embeddings().register_forward_pre_hook(narrow)
    try:
        with torch.inference_mode():
            out = model(**given)
    finally:
        hook.remove()
    found: Tensor = out.logits if logits else hidden[0]
    return found[0]


def _placed(value: Tensor, model: Any) -> Tensor:
    value = value.to(model.device)
    return value.to(model.dtype) if value.is_floating_point() else value
