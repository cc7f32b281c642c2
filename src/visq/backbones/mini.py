"""Backbone `mini`: one ONNX graph from pixels to level logits, run by ONNX Runtime on the CPU.

Knows its weights, its preprocessing and its level words; no scale, no opinion score, no file of a user.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.backbones.folder import ModelFolder
from visq.core.errors import InputError, ModelError
from visq.core.types import FloatArray, Picture, Prompted
from visq.media import squash


class Mini:
    """A `head` model: five level logits an aspect; its log-softmax are the answers' log-probabilities.

    Every picture runs alone, on one thread; several pictures run side by side on `threads` threads. So a
    score cannot depend on batch, order or thread count, and on small convolutions this is also the faster
    way (benchmarks/RESULTS.md).
    """

    runtime = "onnxruntime"
    closed_set = True

    def __init__(self, folder: ModelFolder, *, threads: int) -> None:
        self.aspects = tuple(folder.field("aspects"))
        self._outputs = {name: str(folder.field("aspects", name, "output")) for name in self.aspects}
        self._levels = {name: tuple(folder.field("aspects", name, "levels")) for name in self.aspects}
        self._height, self._width = (int(side) for side in folder.field("preprocessing", "size"))
        self.preprocessing = _preprocessing(folder, self._height, self._width)
        self._session = _session(folder)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="visq-mini")

    def prepare(self, picture: Picture) -> Picture:
        """uint8 [h, w, 3] -> uint8 [320, 320, 3]: the whole picture, squashed."""
        return squash(picture, self._height, self._width)

    def answer_logprobs(self, batch: Sequence[Prompted], answers: Sequence[str]) -> FloatArray:
        """Log-probabilities of the level words; question and stem are not read by a `head` model.

        A picture asked about for several aspects (the same array in several entries) runs once.

        Args:
            batch: n questions; pixels uint8 [320, 320, 3] from `prepare`.
            answers: the aspect's level words, worst to best.

        Returns:
            float32 [n, k], rows of probabilities summing to 1.

        Raises:
            InputError: answers this model was not trained to give.
            ModelError: the model was closed.
        """
        if self._session is None:
            raise ModelError("this model is closed; load it again")
        for asked in batch:
            if tuple(answers) != self._levels.get(asked.aspect):
                raise InputError(f"mini answers {asked.aspect!r} with {self._levels.get(asked.aspect)}")
        pictures = {id(asked.pixels): asked.pixels for asked in batch}
        logits = dict(zip(pictures, self._threads.map(self._run, pictures.values()), strict=True))
        rows = [logits[id(asked.pixels)][asked.aspect] for asked in batch]
        stacked = np.asarray(rows, dtype=np.float64).reshape(len(rows), len(answers))  # [n, k]
        return (stacked - _logsumexp(stacked)).astype(np.float32)

    def close(self) -> None:
        """Stop the threads and free the graph."""
        self._threads.shutdown(wait=True)
        self._session = None

    def _run(self, pixels: Picture) -> dict[str, NDArray[np.float32]]:
        outputs = self._session.run(list(self._outputs.values()), {"pixels": pixels[None]})
        return {aspect: values[0] for aspect, values in zip(self._outputs, outputs, strict=True)}


def _logsumexp(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    peak = logits.max(axis=1, keepdims=True)
    return np.asarray(peak + np.log(np.exp(logits - peak).sum(axis=1, keepdims=True)))


def _preprocessing(folder: ModelFolder, height: int, width: int) -> str:
    """The identity of the pixels this code prepares; a model that wants other pixels is refused."""
    side = f"{width}" if height == width else f"{width}x{height}"
    made = f"srgb;squash{side}-bicubic"
    wanted = folder.field("preprocessing", "id")
    if wanted != made:
        raise ModelError(
            f"model {folder.name!r} wants pixels prepared as {wanted!r}; this backbone makes {made!r}"
        )
    return made


def open_graph(graph: str | bytes) -> Any:  # onnxruntime has no types
    """An ONNX Runtime session on one thread; `graph` is a file's path or the graph's bytes.

    One thread, so that sums are made in one order, and so that ONNX Runtime does not size a pool of its own,
    for which it would count the host's cores and not the container's (microsoft/onnxruntime#10113).
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])


def _session(folder: ModelFolder) -> Any:
    try:
        return open_graph(os.fspath(folder.weights))
    except Exception as error:  # onnxruntime raises untyped errors of its own for any bad file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"model {folder.name!r}: cannot load {folder.weights.name}: {reason}") from error
