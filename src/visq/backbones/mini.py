"""Backbone `mini`: one ONNX graph from pixels to level logits, run by ONNX Runtime on the CPU.

Knows its weights, its preprocessing and its level words; no scale, no opinion score, no file of a user.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.aspects import aspect
from visq.backbones.folder import ModelFolder, read_size
from visq.core.errors import InputError, ModelError
from visq.core.types import FloatArray, Picture, Prompted
from visq.media import preprocessing_id, squash

_INPUT = "pixels"
_FEATURES = "features"


class Mini:
    """A `head` model: five level logits an aspect; its log-softmax are the answers' log-probabilities.

    Every picture runs alone, on one thread; several pictures run side by side on `threads` threads. So a
    score cannot depend on batch, order or thread count, and on small convolutions this is also the faster
    way (benchmarks/RESULTS.md).
    """

    runtime = "onnxruntime"
    closed_set = True

    def __init__(self, folder: ModelFolder, *, threads: int) -> None:
        if threads < 1:
            raise InputError(f"threads must be 1 or more, not {threads}")
        self._head = Head.read(folder)
        self._model = folder.name
        self.aspects = folder.aspects
        self.preprocessing = self._head.preprocessing
        self._session = _session(folder, self._head)
        has_features = any(one.name == _FEATURES for one in self._session.get_outputs())
        self.capabilities = frozenset({"answer_logprobs", *(["embed"] if has_features else [])})
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="visq-mini")

    def prepare(self, picture: Picture) -> Picture:
        """uint8 [h, w, 3] -> uint8 [320, 320, 3]: the whole picture, squashed."""
        return squash(picture, self._head.height, self._head.width)

    def expect_words(self, asked: Prompted, answers: Sequence[str]) -> None:
        """Refuse answers it was not trained to give; it hears no question.

        Raises:
            InputError: they are not the level words of the aspect, or the question is about two pictures.
        """
        if asked.more:
            raise InputError(f"model {self._model!r} looks at one picture at a time")
        levels = self._head.levels.get(asked.aspect)
        if tuple(answers) != levels:
            raise InputError(f"mini answers {asked.aspect!r} with {levels}")

    def generate(self, batch: Sequence[Prompted], most: int = 64, until: str = "") -> list[str]:
        """Not offered: it has no words.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"model {self._model!r} writes nothing; ask it for level words")

    def answer_logprobs(self, batch: Sequence[Prompted], answers: Sequence[str]) -> FloatArray:
        """As `answers_each`, of questions with the same level words.

        Returns:
            float32 [n, k], rows of probabilities summing to 1.
        """
        rows = self.answers_each(batch, [answers] * len(batch))
        return np.array(rows, dtype=np.float32).reshape(len(batch), len(answers))

    def answers_each(self, batch: Sequence[Prompted], answers: Sequence[Sequence[str]]) -> list[FloatArray]:
        """Log-probabilities of the level words; of a question a `head` model reads the aspect only.

        It has no other answers and says nothing after them: beginnings are whole answers, and all are read.

        A picture asked about for several aspects (the same array in several entries) runs once.

        Args:
            batch: n questions; pixels uint8 [320, 320, 3] from `prepare`.
            answers: of each question its aspect's level words, worst to best.

        Returns:
            Of each question float32 [k], probabilities summing to 1.

        Raises:
            InputError: answers this model was not trained to give.
            ModelError: the model was closed, or its graph fails.
        """
        if self._session is None:
            raise ModelError("this model is closed; load it again")
        for asked, words in zip(batch, answers, strict=True):
            self.expect_words(asked, words)
        pictures = {id(asked.pixels): asked.pixels for asked in batch}
        logits = dict(zip(pictures, self._threads.map(self._run, pictures.values()), strict=True))
        rows = (logits[id(asked.pixels)][asked.aspect].astype(np.float64) for asked in batch)
        return [(row - _logsumexp(row)).astype(np.float32) for row in rows]

    def embed(self, batch: Sequence[Picture]) -> FloatArray:
        """What the trunk sees in pictures: means of its last layer.

        Args:
            batch: n pictures, uint8 [320, 320, 3] from `prepare`.

        Returns:
            float32 [n, 1280], each row >= 0.

        Raises:
            ModelError: the model was closed, its graph has no output `features`, or fails.
        """
        if self._session is None:
            raise ModelError("this model is closed; load it again")
        if "embed" not in self.capabilities:
            raise ModelError(f"model {self._model!r}: its graph has no output {_FEATURES!r}; train it again")
        rows = [outputs[0][0] for outputs in self._threads.map(self._features, batch)]
        return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)

    def _features(self, pixels: Picture) -> Any:
        return self._outputs([_FEATURES], pixels)

    def _outputs(self, names: list[str], pixels: Picture) -> Any:
        try:
            return self._session.run(names, {_INPUT: pixels[None]})
        except Exception as error:  # onnxruntime raises untyped errors of its own for any bad graph
            raise ModelError(f"model {self._model!r}: its graph fails: {_first_line(error)}") from error

    def close(self) -> None:
        """Stop the threads and free the graph."""
        self._threads.shutdown(wait=True)
        self._session = None

    def _run(self, pixels: Picture) -> dict[str, NDArray[np.float32]]:
        head = self._head
        outputs = self._outputs(list(head.outputs.values()), pixels)
        logits = dict(zip(head.outputs, outputs, strict=True))
        for name, found in logits.items():
            if found.shape != (1, len(head.levels[name])):
                raise ModelError(
                    f"model {self._model!r}: output {head.outputs[name]!r} of its graph has shape "
                    f"{list(found.shape)}; wanted [1, {len(head.levels[name])}]"
                )
        return {name: found[0] for name, found in logits.items()}


@dataclass(frozen=True)
class Head:
    """What model.toml says of a `head` model beyond what every model has.

    Attributes:
        height: rows of the pixels the graph takes.
        width: columns of them.
        preprocessing: identity of the pixels.
        outputs: aspect -> name of the graph's output with its logits.
        levels: aspect -> level words, worst to best.
    """

    height: int
    width: int
    preprocessing: str
    outputs: Mapping[str, str]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, folder: ModelFolder) -> Head:
        """Read it.

        Raises:
            ModelError: a field is missing or wrong, or the model wants pixels this code does not make.
        """
        height, width = read_size(folder.fields.table("preprocessing"))
        tables = folder.fields.table("aspects")
        return cls(
            height,
            width,
            read_preprocessing(folder, height, width),
            {name: tables.table(name).text("output") for name in folder.aspects},
            {name: aspect(name).levels for name in folder.aspects},
        )


def _logsumexp(logits: NDArray[np.float64]) -> float:
    peak = logits.max()
    return float(peak + np.log(np.exp(logits - peak).sum()))


def read_preprocessing(folder: ModelFolder, height: int, width: int) -> str:
    """The identity of the pixels this code prepares; a model that wants other pixels is refused."""
    made = preprocessing_id(height, width)
    fields = folder.fields.table("preprocessing")
    wanted = fields.text("id")
    if wanted not in (made, preprocessing_id(height, width, reduced=False)):  # or trained on whole JPEGs
        raise ModelError(
            f"model {folder.name!r} wants pixels prepared as {wanted!r}; this backbone makes {made!r}: "
            "'preprocessing.id' and 'preprocessing.size' of model.toml have to say the same"
        )
    for key, only in (("resize", "squash"), ("resample", "bicubic")):
        if fields.text(key, default=only) != only:
            raise fields.wrong(key, repr(only))
    return wanted


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


def _session(folder: ModelFolder, head: Head) -> Any:
    path = folder.graph("model")
    try:
        session = open_graph(os.fspath(path))
    except Exception as error:  # onnxruntime raises untyped errors of its own for any bad file
        raise ModelError(f"model {folder.name!r}: cannot load {path.name}: {_first_line(error)}") from error
    _check_input(folder, head, session)
    _check_outputs(folder, head, session)
    return session


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _check_input(folder: ModelFolder, head: Head, session: Any) -> None:
    """The graph takes one picture of the size model.toml gives, as uint8."""
    found = [(one.name, one.type, one.shape) for one in session.get_inputs()]
    wanted = [1, head.height, head.width, 3]
    if [(name, kind) for name, kind, _ in found] != [(_INPUT, "tensor(uint8)")] or not _fits(
        found[0][2], wanted
    ):
        takes = ", ".join(f"{name} {kind} {shape}" for name, kind, shape in found) or "nothing"
        raise ModelError(
            f"model {folder.name!r}: 'preprocessing.size' of model.toml asks for {_INPUT} tensor(uint8) "
            f"{wanted}, but the graph in {folder.graph('model').name} takes {takes}"
        )


def _check_outputs(folder: ModelFolder, head: Head, session: Any) -> None:
    """Every output that model.toml names exists and has one logit a level word."""
    outputs = {one.name: one for one in session.get_outputs()}
    for name, output in head.outputs.items():
        about = f"model {folder.name!r}: model.toml: 'aspects.{name}.output' is {output!r}"
        if output not in outputs:
            raise ModelError(f"{about}; the graph in {folder.graph('model').name} has {', '.join(outputs)}")
        found, wanted = outputs[output], [1, len(head.levels[name])]
        if found.type != "tensor(float)" or not _fits(found.shape, wanted):
            raise ModelError(f"{about}, a {found.type} {found.shape}; wanted tensor(float) {wanted}")


def _fits(shape: Sequence[int | str | None] | None, wanted: Sequence[int]) -> bool:
    """Whether an array of the wanted shape may pass; a side with a name, or without one, is free."""
    return (
        shape is not None
        and len(shape) == len(wanted)
        and all(side == want or not isinstance(side, int) for side, want in zip(shape, wanted, strict=True))
    )
