"""Graphs that read their weights out of a safetensors file compute what they computed before."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
import onnxruntime as ort
from safetensors.numpy import save

from visq.training.graph import FLOAT, Graph
from visq.training.shared_weights import TENSORS, shared

WIDTH = 40


def _graph(weight):
    graph = Graph()
    graph.node("MatMul", ["x", graph.half("weight", weight)], out="y")
    return graph.model({"x": (FLOAT, ["n", WIDTH])}, {"y": (FLOAT, ["n", WIDTH])})


@pytest.fixture
def weight():
    return np.random.default_rng(0).normal(size=(WIDTH, WIDTH)).astype(np.float16)


def _run(path, x):
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def test_same_numbers_and_no_weights_in_the_graph(tmp_path, weight):
    other = np.ones((3, 500), np.float16)
    (tmp_path / TENSORS).write_bytes(save({"another": other, "model.weight": weight}))
    inside = _graph(weight)
    outside = shared(inside, (tmp_path / TENSORS).read_bytes())
    for name, content in (("inside.onnx", inside), ("outside.onnx", outside)):
        (tmp_path / name).write_bytes(content)
    x = np.random.default_rng(1).normal(size=(2, WIDTH)).astype(np.float32)

    assert len(inside) > weight.nbytes > len(outside)
    assert np.array_equal(_run(tmp_path / "inside.onnx", x), _run(tmp_path / "outside.onnx", x))
    assert np.allclose(_run(tmp_path / "outside.onnx", x), x @ weight.astype(np.float32), atol=1e-4)


def test_what_the_file_does_not_hold_stays_in_the_graph(tmp_path, weight):
    tensors = save({"model.weight": (weight + 1).astype(np.float16)})
    model = onnx.load_from_string(shared(_graph(weight), tensors))

    assert [tensor.data_location for tensor in model.graph.initializer] == [onnx.TensorProto.DEFAULT]
