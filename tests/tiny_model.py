"""Makes real model folders that load in a millisecond: level logits from mean brightness. For tests."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIDE = 8
LEVELS = ["bad", "poor", "fair", "good", "excellent"]
ASPECTS = ("quality", "aesthetics")


def make(folder: Path, *, slope: float = 4.0, calibrated: bool = True, constant: float | None = None) -> Path:
    """A model whose quality rises with brightness and whose aesthetics falls with it.

    Args:
        folder: made; holds model.onnx and model.toml afterwards.
        slope: how fast logits change with mean brightness 0..1.
        calibrated: whether model.toml holds a calibration.
        constant: a logit given to every level whatever the picture (nan makes a broken model).
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save_graph(folder / "model.onnx", slope, constant)
    (folder / "model.toml").write_text(_toml(folder, calibrated), encoding="utf-8")
    return folder


def _save_graph(path: Path, slope: float, constant: float | None) -> None:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axis"], ["column"]),
    ]
    initialisers = [numpy_helper.from_array(np.array([1], np.int64), "axis")]
    for sign, aspect in zip((1.0, -1.0), ASPECTS, strict=True):
        weights = sign * slope / 255 * np.arange(-2, 3, dtype=np.float32)[None]
        if constant is not None:
            weights = np.zeros_like(weights)
        offset = np.full(5, 0.0 if constant is None else constant, np.float32)
        initialisers.append(numpy_helper.from_array(weights, f"{aspect}_w"))
        initialisers.append(numpy_helper.from_array(offset, f"{aspect}_b"))
        nodes.append(helper.make_node("MatMul", ["column", f"{aspect}_w"], [f"{aspect}_raw"]))
        nodes.append(helper.make_node("Add", [f"{aspect}_raw", f"{aspect}_b"], [aspect]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(aspect, TensorProto.FLOAT, ["n", 5]) for aspect in ASPECTS],
        initialisers,
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def _toml(folder: Path, calibrated: bool) -> str:
    sha256 = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    text = f"""format = 1
name = "tiny"
kind = "head"
backbone = "mini"
readout = "levels"
version = "1"
licence = "Apache-2.0"
description = "mean brightness, for tests"

[preprocessing]
id = "srgb;squash{SIDE}-bicubic"
resize = "squash"
size = [{SIDE}, {SIDE}]
resample = "bicubic"

[weights]
file = "model.onnx"
sha256 = "{sha256}"
"""
    for aspect in ASPECTS:
        text += f'\n[aspects.{aspect}]\noutput = "{aspect}"\nscale = [1, 5]\nlevels = {LEVELS}\n'
        if calibrated:
            text += (
                f'\n[calibration.{aspect}]\nhalf_width = 0.5\nnominal = 0.9\npopulation = "test pictures"\n'
            )
    return text
