"""The causal model as two ONNX graphs: pixels to visual tokens, tokens to log-probabilities.

The second graph takes any words: their tokens, their positions, and who may look at whom, so that a tree of
answers is one run. Attention is Llama's (RMSNorm, rotary positions, SwiGLU; Touvron et al. 2023, arXiv
2302.13971), as transformers computes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visq.backbones.mobilenet import N_CELLS, SPREAD_TAPS, TAPS, VARIANCE_FLOOR, cell_means
from visq.training.graph import BOOL, FLOAT, INT64, Graph
from visq.training.trunk_onnx import TrunkGraph, pixels_input

Weights = Mapping[str, NDArray[np.float32]]


class CellGraph(TrunkGraph):
    """The trunk with a grid of cells at each tap."""

    def _top(self, x: str, side: int) -> None:
        """Cells need nothing above the last tap."""

    def _tap(self, x: str, side: int) -> None:
        rows = self.constant(f"cells{side}.{len(self.pooled)}", cell_means(side))
        across = self.constant(f"cells{side}.{len(self.pooled)}.t", cell_means(side).T)
        mean = self._cells(x, rows, across)
        if TAPS[len(self.pooled)] in SPREAD_TAPS:
            square = self._cells(self.node("Mul", [x, x]), rows, across)
            variance = self.node("Sub", [square, self.node("Mul", [mean, mean])])
            floor = self.constant(f"floor.{len(self.pooled)}", np.array(VARIANCE_FLOOR, np.float32))
            spread = self.node("Add", [self.node("Max", [variance, "zero"]), floor])
            self.spreads.append(self.node("Sqrt", [spread]))
        self.pooled.append(mean)

    def _cells(self, x: str, rows: str, across: str) -> str:
        """[n, c, h, w] -> [n, c, GRID, GRID]."""
        return self.node("MatMul", [rows, self.node("MatMul", [x, across])])

    def cells(self) -> str:
        """float32 [n, N_CELLS, channels]: means, then standard deviations."""
        everything = self.node("Concat", [*self.pooled, *self.spreads], axis=1)
        shape = self.constant("cells.shape", np.array([0, 0, N_CELLS], np.int64))
        return self.node("Transpose", [self.node("Reshape", [everything, shape])], perm=[0, 2, 1])

    def linear(self, x: str, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """A linear layer; weight [out, in] as torch keeps it."""
        turned = self.node("Transpose", [self.half(f"{name}.weight", weight)], perm=[1, 0])
        product = self.node("MatMul", [x, turned])
        return self.node("Add", [product, self.half(f"{name}.bias", bias)])

    def gelu(self, x: str) -> str:
        """x/2 (1 + erf(x / sqrt 2))."""
        half = self.constant("gelu.half", np.array(0.5, np.float32))
        root = self.constant("gelu.root", np.array(np.sqrt(0.5), np.float32))
        erf = self.node("Erf", [self.node("Mul", [x, root])])
        return self.node("Mul", [self.node("Mul", [x, half]), self.node("Add", [erf, "one"])])


def visual_graph(weights: Weights, size: int) -> bytes:
    """ONNX graph from `pixels` (uint8 [n, size, size, 3], RGB) to `visual` (float32 [n, cells, width]).

    And to `features` (float32 [n, channels]): the mean of the standardised cells, by which pictures are told
    to be the same.

    Args:
        weights: the causal model's state, as numpy arrays.
        size: height and width of the pictures, px.

    Raises:
        ModelError: the trunk's weights are no MobileNetV2.
        MissingExtra: onnx is not installed.
    """
    trunk = {k.removeprefix("trunk."): v for k, v in weights.items() if k.startswith("trunk.")}
    graph = CellGraph(weights=trunk, size=size)
    mean, std = (graph.half(name, weights[name]) for name in ("cell_mean", "cell_std"))
    cells = graph.node("Div", [graph.node("Sub", [graph.cells(), mean]), std])
    graph.node("ReduceMean", [cells], out="features", axes=[1], keepdims=0)
    hidden = graph.gelu(
        graph.linear(cells, "connector.0", weights["connector.0.weight"], weights["connector.0.bias"])
    )
    tokens = graph.linear(hidden, "connector.2", weights["connector.2.weight"], weights["connector.2.bias"])
    graph.node("Add", [tokens, graph.half("position", weights["position"])], out="visual")
    channels, (places, width) = weights["cell_mean"].size, weights["position"].shape
    outputs = {"visual": (FLOAT, ["n", places, width]), "features": (FLOAT, ["n", channels])}
    return graph.model(pixels_input(size), outputs)


@dataclass(frozen=True)
class DecoderShape:
    """Numbers of a Llama decoder that its weights do not tell.

    Attributes:
        layers: how many.
        heads: of attention, queries and keys alike.
        eps: of RMSNorm.
        theta: base of the rotary frequencies.
        image_token: whose places visual tokens take.
    """

    layers: int
    heads: int
    eps: float
    theta: float
    image_token: int


def decoder_graph(weights: Weights, shape: DecoderShape) -> bytes:
    """ONNX graph of the words, one tree of them at a time.

    Inputs:
        ids: int64 [t], tokens.
        positions: int64 [t], place of each on its way from the root.
        allowed: bool [t, t], whether the row's token sees the column's; itself at least.
        visual: float32 [p, width], visual tokens of all pictures in order; any one row for no picture.
        at: int64 [k], tokens whose next token is asked for.

    Output:
        logprobs: float32 [k, vocabulary].

    Raises:
        MissingExtra: onnx is not installed.
    """
    graph = _DecoderGraph(weights=weights, shape=shape)
    x = graph.embedded()
    turn = graph.rotation()
    for layer in range(shape.layers):
        x = graph.block(x, f"language_model.layers.{layer}", turn)
    words, width = weights["language_model.embed_tokens.weight"].shape
    last = graph.node("Gather", [graph.norm(x, "language_model.norm"), "at"])
    logits = graph.node("MatMul", [last, graph.node("Transpose", [graph.table], perm=[1, 0])])
    graph.node("LogSoftmax", [logits], out="logprobs", axis=-1)
    return graph.model(
        {
            "ids": (INT64, ["t"]),
            "positions": (INT64, ["t"]),
            "allowed": (BOOL, ["t", "t"]),
            "visual": (FLOAT, ["p", width]),
            "at": (INT64, ["k"]),
        },
        {"logprobs": (FLOAT, ["k", words])},
    )


@dataclass
class _DecoderGraph(Graph):
    weights: Weights = field(kw_only=True)
    shape: DecoderShape = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        width = self.weights["language_model.norm.weight"].size
        self.per_head = width // self.shape.heads
        self.constant("one", np.array([1], np.int64))
        self.constant("zero", np.array([0], np.int64))
        self.constant("split", np.array([0, self.shape.heads, self.per_head], np.int64))
        self.constant("join", np.array([0, width], np.int64))
        self.constant("eps", np.array(self.shape.eps, np.float32))
        self.constant("scale", np.array(self.per_head**-0.5, np.float32))
        self.constant("never", np.array(np.finfo(np.float32).min, np.float32))
        self.constant("half", np.array([self.per_head // 2], np.int64))
        self.constant("whole", np.array([self.per_head], np.int64))
        self.constant("last", np.array([-1], np.int64))
        embeddings = "language_model.embed_tokens.weight"
        self.table = self.half(embeddings, self.weights[embeddings])  # read going in and coming out

    def embedded(self) -> str:
        """Embeddings of words, and the k-th visual token at the k-th place of a picture."""
        image = self.constant("image", np.array(self.shape.image_token, np.int64))
        pictured = self.node("Equal", ["ids", image])
        order = self.node(
            "CumSum", [self.node("Cast", [pictured], to=INT64), self.constant("axis", np.array(0))]
        )
        which = self.node("Max", [self.node("Sub", [order, "one"]), "zero"])
        seen, read = self.node("Gather", ["visual", which]), self.node("Gather", [self.table, "ids"])
        return self.node("Where", [self.node("Unsqueeze", [pictured, "one"]), seen, read])

    def rotation(self) -> tuple[str, str]:
        """Cosine and sine, float32 [t, per_head], of positions times the rotary frequencies."""
        exponents = np.arange(0, self.per_head, 2, dtype=np.float32) / self.per_head
        frequencies = self.constant(
            "frequencies", (1.0 / self.shape.theta**exponents)[None].astype(np.float32)
        )
        places = self.node("Unsqueeze", [self.node("Cast", ["positions"], to=FLOAT), "one"])
        angle = self.node("MatMul", [places, frequencies])
        both = self.node("Concat", [angle, angle], axis=1)
        return self.node("Cos", [both]), self.node("Sin", [both])

    def block(self, x: str, name: str, turn: tuple[str, str]) -> str:
        """One layer: attention, then SwiGLU, each on normed input and added."""
        x = self.node(
            "Add", [x, self._attention(self.norm(x, f"{name}.input_layernorm"), f"{name}.self_attn", turn)]
        )
        y = self.norm(x, f"{name}.post_attention_layernorm")
        gate = self.project(y, f"{name}.mlp.gate_proj")
        silu = self.node("Mul", [gate, self.node("Sigmoid", [gate])])
        wide = self.node("Mul", [silu, self.project(y, f"{name}.mlp.up_proj")])
        return self.node("Add", [x, self.project(wide, f"{name}.mlp.down_proj")])

    def _attention(self, x: str, name: str, turn: tuple[str, str]) -> str:
        query, key, value = (self._split(self.project(x, f"{name}.{part}_proj")) for part in "qkv")
        query, key = self._turned(query, turn), self._turned(key, turn)
        scores = self.node("MatMul", [query, self.node("Transpose", [key], perm=[0, 2, 1])])
        seen = self.node("Where", ["allowed", self.node("Mul", [scores, "scale"]), "never"])
        mixed = self.node("MatMul", [self.node("Softmax", [seen], axis=-1), value])  # [heads, t, per_head]
        joined = self.node("Reshape", [self.node("Transpose", [mixed], perm=[1, 0, 2]), "join"])
        return self.project(joined, f"{name}.o_proj")

    def _split(self, x: str) -> str:
        """[t, width] -> [heads, t, per_head]."""
        return self.node("Transpose", [self.node("Reshape", [x, "split"])], perm=[1, 0, 2])

    def _turned(self, x: str, turn: tuple[str, str]) -> str:
        first = self.node("Slice", [x, "zero", "half", "last"])
        second = self.node("Slice", [x, "half", "whole", "last"])
        rotated = self.node("Concat", [self.node("Neg", [second]), first], axis=-1)
        return self.node("Add", [self.node("Mul", [x, turn[0]]), self.node("Mul", [rotated, turn[1]])])

    def norm(self, x: str, name: str) -> str:
        """RMSNorm: x / sqrt(mean(x^2) + eps), times a weight a channel."""
        mean = self.node("ReduceMean", [self.node("Mul", [x, x])], axes=[-1], keepdims=1)
        scaled = self.node("Div", [x, self.node("Sqrt", [self.node("Add", [mean, "eps"])])])
        return self.node("Mul", [scaled, self.half(f"{name}.weight", self.weights[f"{name}.weight"])])

    def project(self, x: str, name: str) -> str:
        """A linear layer without bias; its weight [out, in] as torch keeps it."""
        weight = self.half(f"{name}.weight", self.weights[f"{name}.weight"])
        return self.node("MatMul", [x, self.node("Transpose", [weight], perm=[1, 0])])
