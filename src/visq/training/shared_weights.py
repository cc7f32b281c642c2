"""Lets ONNX graphs read weights out of the safetensors file beside them: a folder has them once."""

from __future__ import annotations

import json

from visq.core.errors import MissingExtra

TENSORS = "model.safetensors"
"""Where transformers looks for weights in a folder."""

_LEAST = 1024  # bytes; a smaller array stays in the graph, where a reader sees it


def shared(graph: bytes, tensors: bytes) -> bytes:
    """The graph, its initialisers taken from the safetensors file wherever that holds the very same bytes.

    Args:
        graph: an ONNX model with its weights inside.
        tensors: content of TENSORS, which has to lie beside the graph when that is loaded.

    Returns:
        An ONNX model with external data, as its format has it: file, offset, length.

    Raises:
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("onnx", "train") from error

    places = _places(tensors)
    model = onnx.load_from_string(graph)
    for tensor in model.graph.initializer:
        place = places.get(tensor.raw_data)
        if place is None:
            continue
        start, length = place
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", TENSORS), ("offset", str(start)), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
    return bytes(model.SerializeToString(deterministic=True))


def _places(tensors: bytes) -> dict[bytes, tuple[int, int]]:
    """Content of each large tensor -> its offset and length in the file.

    Source:
        The format of safetensors: eight bytes of length, a JSON header, the arrays.
    """
    n_header = int.from_bytes(tensors[:8], "little")
    header = json.loads(tensors[8 : 8 + n_header])
    header.pop("__metadata__", None)
    spans = [tuple(8 + n_header + end for end in entry["data_offsets"]) for entry in header.values()]
    return {tensors[start:end]: (start, end - start) for start, end in spans if end - start >= _LEAST}
