"""Collects the nodes of an ONNX graph. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import MissingExtra

OPSET = 17  # ONNX Runtime 1.18 reads up to 21

FLOAT, UINT8, INT64, BOOL = 1, 2, 7, 9
"""ONNX's numbers of element types."""

Value = tuple[int, Sequence[int | str]]
"""Element type and shape of an input or output; a side with a name is free."""


@dataclass
class Graph:
    """Nodes and initialisers; every tensor is named once, in the order of the calls.

    Attributes:
        nodes: of the graph so far.
        constants: its initialisers.
    """

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.helper, self.numpy_helper = _onnx()

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add an array; gives its name back."""
        self.constants.append(self.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def half(self, name: str, array: NDArray[Any]) -> str:
        """Add an array in half precision and a Cast to float32, which ONNX Runtime folds when it loads."""
        return self.node("Cast", [self.constant(f"{name}.f16", np.asarray(array, np.float16))], to=FLOAT)

    def node(self, kind: str, inputs: Sequence[str], *, out: str = "", **attributes: object) -> str:
        """Add an operation with one output; gives the output's name back."""
        name = out or f"{kind}.{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def model(self, inputs: Mapping[str, Value], outputs: Mapping[str, Value]) -> bytes:
        """The whole as bytes of an ONNX model, the same for the same calls."""
        values = (
            [self.helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in some.items()]
            for some in (inputs, outputs)
        )
        graph = self.helper.make_graph(self.nodes, "visq", *values, self.constants)
        opset = [self.helper.make_opsetid("", OPSET)]
        made = self.helper.make_model(graph, opset_imports=opset, producer_name="visq", ir_version=8)
        return bytes(made.SerializeToString(deterministic=True))


def _onnx() -> tuple[Any, Any]:  # protobuf classes without useful types
    try:
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise MissingExtra("onnx", "train") from error
    return helper, numpy_helper
