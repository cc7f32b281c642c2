"""Backbone `mini`: same numbers alone and in any batch, on any threads; refuses what it cannot do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny_model
from visq.aspects import aspect
from visq.backbones import find_model
from visq.backbones.mini import Mini
from visq.core.errors import InputError, ModelError
from visq.core.types import Prompted

LEVELS = aspect("quality").levels


def asked(pixels: np.ndarray, name: str) -> Prompted:
    return Prompted(pixels, name, aspect(name).questions[0], aspect(name).stem)


@pytest.mark.parametrize("name", ["tiny", "mini"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_equals_each_alone_to_the_last_bit(tiny: Path, name: str, threads: int) -> None:
    backbone = Mini(find_model(str(tiny) if name == "tiny" else name), threads=threads)
    rng = np.random.default_rng(1)
    pixels = [backbone.prepare(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(5)]
    batch = [asked(p, a) for p in pixels for a in ("quality", "aesthetics")]
    together = backbone.answer_logprobs(batch, LEVELS)
    alone = np.concatenate([backbone.answer_logprobs([one], LEVELS) for one in batch])
    turned = backbone.answer_logprobs(batch[::-1], LEVELS)[::-1]
    backbone.close()
    assert together.dtype == np.float32
    assert (together == alone).all()
    assert (together == turned).all()


def test_probabilities_sum_to_one_and_follow_the_graph(tiny: Path) -> None:
    backbone = Mini(find_model(str(tiny)), threads=1)
    pixels = np.full((8, 8, 3), 51, np.uint8)  # mean 0.2 of white
    logprobs = backbone.answer_logprobs([asked(pixels, "quality")], LEVELS)[0].astype(np.float64)
    logits = 4.0 * 0.2 * np.arange(-2, 3)
    assert logprobs == pytest.approx(logits - np.log(np.exp(logits).sum()), abs=1e-6)


def test_other_answers_are_refused(tiny: Path) -> None:
    backbone = Mini(find_model(str(tiny)), threads=1)
    with pytest.raises(InputError, match="mini answers 'quality' with"):
        backbone.answer_logprobs([asked(np.zeros((8, 8, 3), np.uint8), "quality")], LEVELS[::-1])


def test_an_empty_batch_is_an_empty_answer(tiny: Path) -> None:
    assert Mini(find_model(str(tiny)), threads=1).answer_logprobs([], LEVELS).shape == (0, 5)


def test_weights_that_are_no_graph_are_one_line(tmp_path: Path) -> None:
    folder = tiny_model.make(tmp_path / "m")
    (folder / "model.onnx").write_bytes(b"junk")
    with pytest.raises(ModelError, match=r"cannot load model\.onnx: ") as caught:
        Mini(find_model(str(folder)), threads=1)
    assert "\n" not in str(caught.value)


def test_pixels_prepared_otherwise_are_refused(tmp_path: Path) -> None:
    folder = tiny_model.make(tmp_path / "m")
    toml = folder / "model.toml"
    toml.write_text(toml.read_text().replace("squash8-bicubic", "pad8-bicubic"))
    with pytest.raises(
        ModelError, match=r"wants pixels prepared as 'srgb;pad8-bicubic'; .*makes 'srgb;squash8"
    ):
        Mini(find_model(str(folder)), threads=1)
