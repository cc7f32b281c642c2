"""Backbone `mini`: same numbers alone and in any batch, on any threads; refuses what it cannot do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

import tiny_model
from visq.aspects import aspect
from visq.backbones import find_model
from visq.backbones.mini import Mini
from visq.core.errors import InputError, ModelError
from visq.core.types import Prompted

LEVELS = aspect("quality").levels


def asked(pixels: np.ndarray, name: str) -> Prompted:
    return Prompted(pixels, name, aspect(name).questions[0], aspect(name).stem)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_equals_each_alone_to_the_last_bit(tiny: Path, threads: int) -> None:
    backbone = Mini(find_model(str(tiny)), threads=threads)
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


def test_levels_have_no_end_and_none_is_left_unread(tiny: Path) -> None:
    backbone = Mini(find_model(str(tiny)), threads=1)
    plain = asked(np.full((8, 8, 3), 51, np.uint8), "quality")
    batch = [plain, replace(plain, end=None), replace(plain, unread=0.5)]
    found = backbone.answers_each(batch, [LEVELS] * 3)
    assert (np.array(found) == found[0]).all()
    assert np.isfinite(found[0]).all()


def test_other_answers_are_refused(tiny: Path) -> None:
    backbone = Mini(find_model(str(tiny)), threads=1)
    with pytest.raises(InputError, match="mini answers 'quality' with"):
        backbone.answer_logprobs([asked(np.zeros((8, 8, 3), np.uint8), "quality")], LEVELS[::-1])


def test_a_second_picture_is_refused(tiny: Path) -> None:
    backbone, pixels = Mini(find_model(str(tiny)), threads=1), np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(InputError, match="looks at one picture at a time"):
        backbone.expect_words(replace(asked(pixels, "quality"), more=(pixels,)), LEVELS)


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
        ModelError, match=r"wants pixels prepared as 'srgb;pad8-bicubic'; .*makes 'srgb;draft16;squash8"
    ):
        Mini(find_model(str(folder)), threads=1)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("size = [8, 8]", 'size = "x"', r"'preprocessing.size' is 'x'; wanted \[height, width\]"),
        ("size = [8, 8]", "size = 8", r"'preprocessing.size' is 8; wanted"),
        ("size = [8, 8]", "size = [8]", r"'preprocessing.size' is \[8\]; wanted"),
        ("size = [8, 8]", "size = [0, 8]", r"'preprocessing.size' is \[0, 8\]; wanted"),
        ("size = [8, 8]", "size = [8.5, 8]", r"'preprocessing.size' is \[8.5, 8\]; wanted"),
        ("size = [8, 8]", "size = [4, 8]", r"'preprocessing.id' and 'preprocessing.size' .* say the same"),
        ('resize = "squash"', 'resize = "pad"', r"'preprocessing.resize' is 'pad'; wanted 'squash'"),
        ('output = "quality"', 'output = "zz"', r"'aspects.quality.output' is 'zz'; the graph in model.onnx"),
        ('output = "quality"', "output = 3", r"'aspects.quality.output' is 3; wanted text"),
    ],
)
def test_a_wrong_field_is_one_line_that_names_it(tmp_path: Path, old: str, new: str, match: str) -> None:
    folder = tiny_model.make(tmp_path / "m")
    text = (folder / "model.toml").read_text()
    assert old in text
    (folder / "model.toml").write_text(text.replace(old, new))
    with pytest.raises(ModelError, match=match) as caught:
        Mini(find_model(str(folder)), threads=1)
    assert "\n" not in str(caught.value)


def test_a_graph_of_another_size_is_refused_when_it_loads(tmp_path: Path) -> None:
    folder = tiny_model.make(tmp_path / "m")
    text = (folder / "model.toml").read_text().replace("[8, 8]", "[4, 4]").replace("squash8", "squash4")
    (folder / "model.toml").write_text(text)
    with pytest.raises(ModelError, match=r"asks for .*\[1, 4, 4, 3\].* takes pixels .*'n', 8, 8, 3\]"):
        Mini(find_model(str(folder)), threads=1)


def save_graph(folder: Path, pixels: tuple, values: np.ndarray) -> Path:
    """A graph that gives the places of the numbers above 0: ONNX cannot tell beforehand how many."""
    nodes = [
        helper.make_node("NonZero", ["values"], ["places"]),
        helper.make_node("Cast", ["places"], ["logits"], to=TensorProto.FLOAT),
        *(helper.make_node("Identity", ["logits"], [name]) for name in tiny_model.ASPECTS),
    ]
    outputs = [
        helper.make_tensor_value_info(a, TensorProto.FLOAT, [values.ndim, "k"]) for a in tiny_model.ASPECTS
    ]
    inputs = [helper.make_tensor_value_info(*pixels)]
    graph = helper.make_graph(nodes, "other", inputs, outputs, [numpy_helper.from_array(values, "values")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(model, folder / "model.onnx")
    return folder


@pytest.mark.parametrize(
    ("pixels", "match"),
    [
        (("image", TensorProto.UINT8, ["n", 8, 8, 3]), r"takes image tensor\(uint8\)"),
        (("pixels", TensorProto.FLOAT, ["n", 8, 8, 3]), r"takes pixels tensor\(float\)"),
        (("pixels", TensorProto.UINT8, ["n", 3, 8, 8]), r"takes pixels tensor\(uint8\) \['n', 3, 8, 8\]"),
        (("pixels", TensorProto.UINT8, [8, 8, 3]), r"takes pixels tensor\(uint8\) \[8, 8, 3\]"),
    ],
)
def test_a_graph_with_another_input_is_refused(tmp_path: Path, pixels: tuple, match: str) -> None:
    folder = save_graph(tiny_model.make(tmp_path / "m"), pixels, np.ones(5, np.float32))
    with pytest.raises(ModelError, match=match):
        Mini(find_model(str(folder)), threads=1)


PIXELS = ("pixels", TensorProto.UINT8, ["n", "height", "width", 3])


def test_outputs_of_another_shape_are_refused_when_it_loads(tmp_path: Path) -> None:
    folder = save_graph(tiny_model.make(tmp_path / "m"), PIXELS, np.ones((2, 5), np.float32))
    with pytest.raises(ModelError, match=r"'aspects.quality.output' is 'quality', a .*wanted .*\[1, 5\]"):
        Mini(find_model(str(folder)), threads=1)


@pytest.mark.parametrize("n", [4, 5])
def test_a_shape_the_graph_leaves_open_is_checked_when_it_runs(tmp_path: Path, n: int) -> None:
    folder = save_graph(tiny_model.make(tmp_path / "m"), PIXELS, np.ones(n, np.float32))
    backbone = Mini(find_model(str(folder)), threads=1)
    batch = [asked(np.zeros((8, 8, 3), np.uint8), "quality")]
    if n == 5:
        assert backbone.answer_logprobs(batch, LEVELS).shape == (1, 5)
        return
    with pytest.raises(
        ModelError, match=r"output 'quality' of its graph has shape \[1, 4\]; wanted \[1, 5\]"
    ):
        backbone.answer_logprobs(batch, LEVELS)


def test_pixels_the_graph_cannot_take_are_one_line(tiny: Path) -> None:
    backbone = Mini(find_model(str(tiny)), threads=1)
    with pytest.raises(ModelError, match="its graph fails: ") as caught:
        backbone.answer_logprobs([asked(np.zeros((9, 8, 3), np.uint8), "quality")], LEVELS)
    assert "\n" not in str(caught.value)


def test_closing_twice_is_fine_and_a_closed_model_says_so(tiny: Path) -> None:
    backbone = Mini(find_model(str(tiny)), threads=1)
    backbone.close()
    backbone.close()
    with pytest.raises(ModelError, match="this model is closed; load it again"):
        backbone.answer_logprobs([asked(np.zeros((8, 8, 3), np.uint8), "quality")], LEVELS)


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_threads_than_one_are_refused(tiny: Path, threads: int) -> None:
    with pytest.raises(InputError, match="threads must be 1 or more, not"):
        Mini(find_model(str(tiny)), threads=threads)
