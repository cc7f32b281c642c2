"""Makes real model folders that load in a millisecond: level logits from mean brightness. For tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from PIL import Image

from visq.core import toml

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
    sha256 = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    (folder / "model.toml").write_text(_toml(sha256, calibrated), encoding="utf-8")
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


def table() -> dict[str, Any]:
    """model.toml of a model of `make`, parsed."""
    return toml.loads(_toml("0" * 64, True))


def _toml(sha256: str, calibrated: bool) -> str:
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


def add_goldens(folder: Path, *, slope: float = 4.0) -> Path:
    """Goldens worked out by hand for a model of `make`: one grey picture, and the picture of the formula."""
    grey = 51
    Image.new("RGB", (SIDE, SIDE), (grey, grey, grey)).save(folder / "grey.png")
    y, x, c = np.indices((SIDE, SIDE, 3))
    formula = float(((7 * y + 13 * x + 101 * c + (y * x) // 16) % 256).mean())
    picture: dict[str, object] = {"file": "grey.png", "tolerance": 1e-4}
    tensor: dict[str, object] = {"tolerance": 1e-4, "size": [SIDE, SIDE]}
    picture["sha256"] = hashlib.sha256((folder / "grey.png").read_bytes()).hexdigest()
    for sign, aspect in zip((1.0, -1.0), ASPECTS, strict=True):
        weights = np.exp(sign * slope * grey / 255 * np.arange(-2, 3))
        picture[aspect] = float((weights * np.arange(1, 6)).sum() / weights.sum())
        tensor[aspect] = (sign * slope * formula / 255 * np.arange(-2, 3)).tolist()
    write_toml(folder / "goldens.toml", {"picture": [picture], "tensor": [tensor]})
    return folder


def write_toml(path: Path, table: Mapping[str, object]) -> None:
    """Write a table as TOML, one line a key, tables within it in one line."""
    lines = [f"{json.dumps(key)} = {_toml_value(value)}\n" for key, value in table.items()]
    path.write_text("".join(lines), encoding="utf-8")


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # json writes Infinity, TOML inf
    return json.dumps(value)
