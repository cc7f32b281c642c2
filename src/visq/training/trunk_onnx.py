"""MobileNetV2 as one ONNX graph, from uint8 pixels to features or level logits. Knows no data set.

MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, table 2) with TensorFlow's SAME padding. Weights stay in
half precision in the file, each followed by a Cast, which ONNX Runtime folds when it loads the graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.backbones.mobilenet import (
    BLOCKS,
    EXPANSION,
    HEAD_CHANNELS,
    STEM_CHANNELS,
    TAPS,
    same_padding,
)
from visq.core.errors import InputError, MissingExtra, ModelError
from visq.training.graph import FLOAT, UINT8, Graph, Value

N_TAP_CHANNELS = sum(BLOCKS[k][0] for k in TAPS)
N_MEANS = N_TAP_CHANNELS + HEAD_CHANNELS
N_FEATURES = N_MEANS + N_TAP_CHANNELS
"""Features of a picture: means of taps (712) and of `head` (1280), standard deviations of taps (712)."""

LEVELS = np.arange(1.0, 6.0)

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class LinearHead:
    """A score as a linear function of raw features, and the width of the levels around it.

    Attributes:
        weights: float64 [d]; the first d features of N_FEATURES are read, d = N_MEANS or N_FEATURES.
        bias: score of a picture whose features are all zero, on 1..5.
        level_std: standard deviation of the level distribution around the score, on 1..5.
    """

    weights: NDArray[np.float64]
    bias: float
    level_std: float


def read_trunk(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """Weights of a MobileNetV2 trunk and the SHA-256 of its file.

    Args:
        path: safetensors with keys as in `expected_shapes`, float16 or float32.

    Returns:
        Tensor name -> array, and 64 hexadecimal digits.

    Raises:
        InputError: the file is missing.
        ModelError: it is no safetensors file, or a tensor is missing or has another shape.
        MissingExtra: safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError as error:
        raise MissingExtra("safetensors", "train") from error
    if not path.is_file():
        raise InputError(f"{path}: no such trunk; give the safetensors file of MobileNetV2", kind="missing")
    data = path.read_bytes()
    try:
        weights = load(data)
    except SafetensorError as error:
        raise ModelError(f"{path}: not a safetensors file ({error})") from error
    check_trunk(weights, str(path))
    return weights, hashlib.sha256(data).hexdigest()


def check_trunk(weights: Weights, name: str) -> None:
    """Refuse weights that are not MobileNetV2 1.0 with folded normalisation.

    Raises:
        ModelError: names the first tensor that is missing or has another shape than expected.
    """
    for layer, shape in expected_shapes():
        if layer not in weights:
            raise ModelError(f"{name}: not a MobileNetV2 trunk: no tensor {layer!r}")
        found = tuple(weights[layer].shape)
        if found != shape:
            raise ModelError(f"{name}: tensor {layer!r} has shape {found}, MobileNetV2 1.0 has {shape}")


def expected_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape (OIHW) of every tensor the graph reads; the classifier `fc` is not among them."""
    for name, out, into, kernel in _layers():
        yield f"{name}.weight", (out, into, kernel, kernel)
        yield f"{name}.bias", (out,)


def _layers() -> Iterator[tuple[str, int, int, int]]:
    """Name, output channels, input channels a group, and kernel size of each convolution."""
    yield "stem.c", STEM_CHANNELS, 3, 3
    channels = STEM_CHANNELS
    for k, (out, _) in enumerate(BLOCKS):
        wide = channels * (EXPANSION if k else 1)
        parts = [(wide, channels, 1)] * bool(k) + [(wide, 1, 3), (out, wide, 1)]
        for j, (o, i, kernel) in enumerate(parts):
            yield f"blocks.{k}.l.{j}.c", o, i, kernel
        channels = out
    yield "head.c", HEAD_CHANNELS, channels, 1


def feature_graph(weights: Weights, size: int) -> bytes:
    """ONNX graph from `pixels` (uint8 [n, size, size, 3], RGB) to `features` (float32 [n, N_FEATURES]).

    Standard deviations are those of the population (divided by the number of positions).

    Raises:
        ModelError: the weights are no MobileNetV2.
        MissingExtra: onnx is not installed.
    """
    check_trunk(weights, "trunk")
    graph = TrunkGraph(weights=weights, size=size)
    graph.node("Identity", [graph.features(with_stds=True)], out="features")
    return graph.model(pixels_input(size), {"features": (FLOAT, ["n", N_FEATURES])})


def model_graph(weights: Weights, size: int, heads: Mapping[str, LinearHead]) -> bytes:
    """ONNX graph from `pixels` (uint8 [n, size, size, 3], RGB) to level logits, and to `features`.

    One output an aspect, and the mean of the last layer, float32 [n, 1280], by which pictures are told to be
    the same. ONNX Runtime computes only what it is asked for.

    Args:
        weights: of the trunk.
        size: height and width of the pictures, px.
        heads: aspect -> head; its output has the aspect's name and is float32 [n, 5], worst to best.

    Returns:
        Bytes of the model, the same for the same arguments.

    Raises:
        ModelError: the weights are no MobileNetV2, or a head does not fit the features.
        MissingExtra: onnx is not installed.

    Source:
        logit_l = (l - 3) s / v - (l^2 - 9) / (2 v), v = level_std^2: its softmax is the Gaussian of that
        width around the score s at the levels l = 1..5: the logarithm of a Gaussian round s.
    """
    check_trunk(weights, "trunk")
    graph = TrunkGraph(weights=weights, size=size)
    means, everything = graph.features(with_stds=False), graph.features(with_stds=True)
    for aspect, head in heads.items():
        if head.weights.shape not in ((N_MEANS,), (N_FEATURES,)):
            raise ModelError(
                f"head {aspect!r} reads {head.weights.shape} features, not {N_MEANS} or {N_FEATURES}"
            )
        _add_head(graph, means if head.weights.size == N_MEANS else everything, aspect, head)
    graph.node("Flatten", [graph.pooled[-1]], out="features")
    columns = dict.fromkeys(heads, LEVELS.size) | {"features": HEAD_CHANNELS}
    return graph.model(pixels_input(size), {name: (FLOAT, ["n", d]) for name, d in columns.items()})


def pixels_input(size: int) -> dict[str, Value]:
    """The graph's one input: pictures of a square size."""
    return {"pixels": (UINT8, ["n", size, size, 3])}


def _add_head(graph: TrunkGraph, features: str, aspect: str, head: LinearHead) -> None:
    variance = head.level_std**2
    weight = graph.constant(f"{aspect}.weight", head.weights[:, None].astype(np.float32))
    bias = graph.constant(f"{aspect}.bias", np.array([head.bias], np.float32))
    slope = graph.constant(f"{aspect}.slope", ((LEVELS - 3) / variance)[None].astype(np.float32))
    offset = graph.constant(f"{aspect}.offset", ((LEVELS**2 - 9) / (2 * variance))[None].astype(np.float32))
    score = graph.node("Gemm", [features, weight, bias], out=f"{aspect}.score")  # [n, 1], on 1..5
    graph.node("Sub", [graph.node("Mul", [score, slope]), offset], out=aspect)  # [n, 5]


@dataclass
class TrunkGraph(Graph):
    """The trunk's nodes, from pixels to its taps.

    Attributes:
        weights: of the trunk.
        size: height and width of the pictures, px.
        pooled: names of the taps' means.
        spreads: names of the taps' standard deviations.
    """

    weights: Weights = field(kw_only=True)
    size: int = field(kw_only=True)
    pooled: list[str] = field(default_factory=list)
    spreads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._trunk()

    def _trunk(self) -> None:
        """Pixels to the pooled taps; `size` follows the height and width as they shrink."""
        x, side, channels = self._input(), self.size, STEM_CHANNELS
        x, side = self._conv(x, "stem.c", side, stride=2), -(-side // 2)
        for k, (out, stride) in enumerate(BLOCKS):
            y = x
            if k:
                y = self._conv(y, f"blocks.{k}.l.0.c", side)
            y = self._conv(y, f"blocks.{k}.l.{int(k > 0)}.c", side, stride=stride, depthwise=True)
            side = -(-side // stride)
            y = self._conv(y, f"blocks.{k}.l.{int(k > 0) + 1}.c", side, relu=False)
            x = self.node("Add", [x, y]) if stride == 1 and channels == out else y
            channels = out
            if k in TAPS:
                self._tap(x, side)
        self._top(x, side)

    def _input(self) -> str:
        """Pixels 0..255 as float32 NCHW in [-1, 1]."""
        self.constant("six", np.array(6, np.float32))
        self.constant("zero", np.array(0, np.float32))
        half, one = (
            self.constant("half", np.array(127.5, np.float32)),
            self.constant("one", np.array(1, np.float32)),
        )
        x = self.node("Cast", [self.node("Transpose", ["pixels"], perm=[0, 3, 1, 2])], to=FLOAT)
        return self.node("Sub", [self.node("Div", [x, half]), one])

    def _conv(
        self, x: str, name: str, side: int, *, stride: int = 1, depthwise: bool = False, relu: bool = True
    ) -> str:
        weight = self.weights[f"{name}.weight"]
        kernel = weight.shape[-1]
        before, after = same_padding(side, stride) if kernel == 3 else (0, 0)
        tensors = [
            self.node("Cast", [self.constant(f"{name}.{part}.f16", self._half(f"{name}.{part}"))], to=FLOAT)
            for part in ("weight", "bias")
        ]
        x = self.node(
            "Conv",
            [x, *tensors],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=weight.shape[0] if depthwise else 1,
        )
        return self.node("Clip", [x, "zero", "six"]) if relu else x

    def _half(self, name: str) -> NDArray[np.float16]:
        return self.weights[name].astype(np.float16)

    def _top(self, x: str, side: int) -> None:
        self.pooled.append(self.node("GlobalAveragePool", [self._conv(x, "head.c", side)]))

    def _tap(self, x: str, side: int) -> None:
        mean = self.node("GlobalAveragePool", [x])  # [n, c, 1, 1]
        off = self.node("Sub", [x, mean])
        variance = self.node("GlobalAveragePool", [self.node("Mul", [off, off])])
        self.pooled.append(mean)
        self.spreads.append(self.node("Sqrt", [variance]))

    def features(self, *, with_stds: bool) -> str:
        """Name of a float32 [n, d] tensor: the means, and the standard deviations after them if asked."""
        parts = self.pooled + self.spreads if with_stds else self.pooled
        return self.node("Flatten", [self.node("Concat", parts, axis=1)])
