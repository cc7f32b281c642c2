"""Chat models in half precision: the body rounds, the last layer does not."""

from __future__ import annotations

import numpy as np
import pytest

from tiny_chat import qwen2_vl
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.core.types import Prompted

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LEVELS = ("bad", "poor", "fair", "good", "excellent")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    transformers.utils.logging.disable_progress_bar()
    return qwen2_vl(tmp_path_factory.mktemp("half") / "qwen")


@pytest.fixture(scope="module")
def asked():
    pixels = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    question = "How would you rate the quality of this image?"
    return Prompted(pixels, "quality", question, "The quality of the image is")


@pytest.mark.parametrize(("dtype", "near"), [("bfloat16", 0.5), ("float16", 0.1)])
def test_a_half_precision_body_has_a_float32_head(folder, asked, dtype, near):
    """By hand: what the body hands to the last layer, times its rows in float64 (SPEC 3.2.4).

    bfloat16 keeps 8 bits and float16 11: logits near 8 in these would be off by 0.03 and by 0.004.
    """
    half = Chat(folder, ChatOptions(dtype=dtype, way="whole"))
    model = half._network._model
    handed, found, wanted = [], [], []
    model.model.language_model.norm.register_forward_hook(lambda _, __, out: handed.append(out[0].detach()))
    for word in LEVELS:
        handed.clear()
        found.append(half.answer_logprobs([asked], [word])[0, 0])
        wording = half._prompter.wording(asked, [word])
        told, stops = wording.answers[0], list(wording.stops)
        (body,) = handed
        logs = torch.log_softmax(body.double() @ model.lm_head.weight.detach().double().T, -1)[
            -len(told) - 1 :
        ]
        wanted.append(sum(float(logs[at, token]) for at, token in enumerate(told)))
        wanted[-1] += float(logs[-1, stops].logsumexp(0))

    assert (half.dtype, str(body.dtype)) == (dtype, f"torch.{dtype}")
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(found - Chat(folder).answer_logprobs([asked], LEVELS)[0]).max() < near


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_no_two_tokens_tie_after_a_half_precision_body(folder, asked, dtype):
    half = Chat(folder, ChatOptions(dtype=dtype))
    network = half._network
    every = torch.arange(network._head.weight.shape[0])
    state = network.after(half._strand(asked))
    told, _ = network.read(state, torch.stack([torch.zeros_like(every), every], 1), every[:1])

    assert half.way == "tree"
    assert told.dtype == torch.float32
    assert len(set(told.tolist())) == len(every)
