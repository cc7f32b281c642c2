"""Backbone `mini-causal`: two ONNX graphs on the CPU, pixels to visual tokens and words to numbers.

Knows its words and its preprocessing; no scale, no opinion score, no file of a user.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from visq.aspects import describing
from visq.backbones.answer_ends import BYTES
from visq.backbones.answer_ends import ends as ends_answer
from visq.backbones.folder import ModelFolder, read_size, read_table
from visq.backbones.mini import open_graph, read_preprocessing
from visq.backbones.mobilenet import N_CELLS
from visq.backbones.opening import Opening
from visq.backbones.tree import Tree, barred, grow
from visq.core.errors import InputError, MissingExtra, ModelError
from visq.core.types import FloatArray, Picture, Prompted
from visq.media import squash

WORDS = "words.toml"
"""Tokens of the texts a model is asked most, so that scoring needs no tokenizer."""

TOKENIZER = "tokenizer.json"

_FULL_STOP = "."

MOST_PICTURES = 2
"""Pictures of a question, as `training.dialogue` asks them."""


class MiniCausal:
    """A small causal vision-language model: the answers' log-probabilities over its whole vocabulary.

    Every picture runs alone, on one thread, and so does every question: a score cannot depend on batch, order
    or thread count. A picture asked about more than once is looked at once. A question is about one or two.
    """

    runtime = "onnxruntime"
    closed_set = False

    def __init__(self, folder: ModelFolder, *, threads: int) -> None:
        if threads < 1:
            raise InputError(f"threads must be 1 or more, not {threads}")
        self._model = folder.name
        self.aspects = folder.aspects
        self._height, self._width = read_size(folder.fields.table("preprocessing"))
        self.preprocessing = read_preprocessing(folder, self._height, self._width)
        self._words = Words.read(folder)
        self._visual, self._decoder = (_session(folder, name) for name in ("visual", "decoder"))
        self.capabilities = frozenset({"answer_logprobs", "generate", "embed"})
        self.describes = describing("facts").question in self._words.known
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="visq-mini")

    def prepare(self, picture: Picture) -> Picture:
        """uint8 [h, w, 3] -> uint8 [320, 320, 3]: the whole picture, squashed."""
        return squash(picture, self._height, self._width)

    def expect_words(self, asked: Prompted, answers: Sequence[str]) -> None:
        """Refuse a question, or answers to it, that it cannot take; no pixels are looked at.

        Raises:
            InputError: the question is about more than two pictures.
            MissingExtra: a text the model folder has no tokens of, and no tokenizer is installed.
        """
        self._told(asked, answers)

    def answer_logprobs(self, batch: Sequence[Prompted], answers: Sequence[str]) -> FloatArray:
        """As `answers_each`, of questions with the same answers.

        Returns:
            float32 [n, k]; a row's probabilities sum to 1 or less.
        """
        rows = self.answers_each(batch, [answers] * len(batch))
        return np.array(rows, dtype=np.float32).reshape(len(batch), len(answers))

    def answers_each(self, batch: Sequence[Prompted], answers: Sequence[Sequence[str]]) -> list[FloatArray]:
        """Log-probabilities of whole answers: their tokens, and what ends them.

        That is what the question's `end` begins with, a new line, or the end of the turn; a full stop and the
        end of the turn where `end` is a full stop, as the model was trained. Of beginnings (`end` is None) it
        is nothing.

        Args:
            batch: n questions; pixels from `prepare`.
            answers: of each question words that may follow its stem, joined to it as the question says.

        Returns:
            Of each question float32 [k], -inf of answers left unread; its probabilities sum to 1 or less,
            those of beginnings need not.

        Raises:
            InputError, MissingExtra: as `expect_words`.
            ModelError: the model was closed, a graph fails, or its tokenizer cannot be read.
        """
        self._expect_open()
        told = [self._told(asked, words) for asked, words in zip(batch, answers, strict=True)]
        stops = {end: self._words.stops_of(end) for end in {asked.end for asked in batch}}
        ends = [stops[asked.end] for asked in batch]
        unread = [0.0 if asked.end is None else asked.unread for asked in batch]
        rows = self._threads.map(self._answer, told, ends, unread, self._looks(batch))
        return [row.astype(np.float32) for row in rows]

    def generate(self, batch: Sequence[Prompted], most: int = 64, until: str = "") -> list[str]:
        """What the model says after each stem, the likeliest token each time, until it ends.

        Args:
            batch: n questions; pixels from `prepare`.
            most: tokens of an answer at most.
            until: text that an answer is over with, if it comes; empty: none.
        """
        self._expect_open()
        told = self._threads.map(
            lambda asked, seen: self._say(asked, seen, most, until), batch, self._looks(batch)
        )
        return list(told)

    def answer_tokens(self, asked: Prompted, answers: Sequence[str]) -> list[list[tuple[int, str]]]:
        """What is read of each answer to a question: (token, its text), what ends the answer left out."""
        found = self._told(asked, answers).answers
        return [[(token, self._words.text([token])) for token in tokens] for tokens in found]

    def embed(self, batch: Sequence[Picture]) -> FloatArray:
        """What the trunk sees in pictures: means of its standardised cells.

        Args:
            batch: n pictures, uint8 [320, 320, 3] from `prepare`.

        Returns:
            float32 [n, channels].
        """
        self._expect_open()
        rows = list(self._threads.map(self._features, batch))
        return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)

    def close(self) -> None:
        """Stop the threads and free the graphs."""
        self._threads.shutdown(wait=True)
        self._visual = self._decoder = None

    def _expect_open(self) -> None:
        if self._visual is None:
            raise ModelError("this model is closed; load it again")

    def _told(self, asked: Prompted, answers: Sequence[str]) -> Told:
        if len(asked.pictures) > MOST_PICTURES:
            raise InputError(
                f"model {self._model!r} was trained on questions about one picture or two, "
                f"not {len(asked.pictures)}"
            )
        tokens = [self._words.tokens(asked.blank + answer) for answer in answers]
        return Told(self._words.prompt(asked), tokens, asked.end is not None)

    def _looks(self, batch: Sequence[Prompted]) -> list[FloatArray]:
        """Of each question float32 [pictures * N_CELLS, width]: its visual tokens, each picture seen once."""
        pictures = {id(one): one for asked in batch for one in asked.pictures}
        seen = dict(zip(pictures, self._threads.map(self._look, pictures.values()), strict=True))
        return [np.concatenate([seen[id(one)] for one in asked.pictures]) for asked in batch]

    def _look(self, pixels: Picture) -> FloatArray:
        return np.asarray(self._run(self._visual, "visual", {"pixels": pixels[None]})[0])

    def _features(self, pixels: Picture) -> FloatArray:
        return np.asarray(self._run(self._visual, "features", {"pixels": pixels[None]})[0])

    def _answer(self, told: Told, stops: Sequence[int], unread: float, visual: FloatArray) -> FloatArray:
        """float64 [k]: of all answers, or of the likeliest ones where some may be left unread."""
        unending, everyone = barred(told.answers, stops), range(len(told.answers))

        def read(numbers: Sequence[int], *, ended: bool) -> FloatArray:
            tree = grow(told.prompt, [told.answers[number] for number in numbers], ended=ended)
            return tree.logprobs(self._next(tree, visual), stops, [unending[number] for number in numbers])

        if not unread:
            return read(everyone, ended=told.ended)
        opening = Opening(read(everyone, ended=False), unread)
        while numbers := opening.worth_reading().tolist():
            opening.add(numbers, read(numbers, ended=True))
        return opening.logprobs

    def _next(self, tree: Tree, visual: FloatArray) -> FloatArray:
        feeds = {"ids": tree.ids, "positions": tree.positions, "allowed": tree.allowed, "visual": visual}
        return np.asarray(self._run(self._decoder, "logprobs", {**feeds, "at": tree.at}))

    def _say(self, asked: Prompted, visual: FloatArray, most: int, until: str) -> str:
        prompt, said = self._words.prompt(asked), list[int]()
        while len(said) < most and not (until and until in self._words.text(said)):
            logs = self._next(grow([*prompt, *said], [()]), visual)[-1]
            logs[[self._words.user, self._words.assistant, self._words.image]] = -np.inf  # no words to say
            token = int(logs.argmax())
            if token == self._words.end:
                break
            said.append(token)
        return self._words.text(said)

    def _run(self, session: Any, output: str, feeds: Mapping[str, Any]) -> Any:
        try:
            return session.run([output], dict(feeds))[0]
        except Exception as error:  # onnxruntime raises untyped errors of its own for any bad graph
            line = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(f"model {self._model!r}: its graph fails: {line}") from error


@dataclass(frozen=True)
class Told:
    """A question and the answers to it, as tokens.

    Attributes:
        prompt: of the question, with its pictures' places and its stem.
        answers: of each answer.
        ended: something has to end each answer.
    """

    prompt: tuple[int, ...]
    answers: Sequence[tuple[int, ...]]
    ended: bool


def _session(folder: ModelFolder, name: str) -> Any:
    path = folder.graph(name)
    try:
        return open_graph(os.fspath(path))
    except Exception as error:  # onnxruntime raises untyped errors of its own for any bad file
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"model {folder.name!r}: cannot load {path.name}: {line}") from error


@dataclass(frozen=True)
class Words:
    """Texts as tokens.

    Attributes:
        known: text -> its tokens.
        user, assistant, image, end: tokens of the dialogue.
        stops: tokens that end an answer which a full stop follows.
        folder: of the model, which has the tokenizer.
    """

    known: Mapping[str, tuple[int, ...]]
    user: int
    assistant: int
    image: int
    end: int
    stops: tuple[int, ...]
    folder: ModelFolder

    def stops_of(self, end: str | None) -> tuple[int, ...]:
        """Tokens that end an answer which a text follows; those of the folder where that is a full stop.

        None where the answers are beginnings.

        Raises:
            ModelError: the text is another one, and the folder has no tokenizer that can be read.
        """
        if end is None:
            return ()
        if end == _FULL_STOP:
            return self.stops
        found = {token for token in self._pieces if ends_answer(self.text([token]), end)}
        return tuple(sorted(found | {self.end}))

    def prompt(self, asked: Prompted) -> tuple[int, ...]:
        """Tokens of a question: user, places of the pictures, question, assistant, stem."""
        question, stem = self.tokens(asked.question), self.tokens(asked.stem)
        places = (self.image,) * (N_CELLS * len(asked.pictures))
        return (self.user, *places, *question, self.assistant, *stem)

    def tokens(self, text: str) -> tuple[int, ...]:
        """Tokens of a text, from the folder's list or by its tokenizer.

        Raises:
            MissingExtra: it is not in the list, and tokenizers is not installed.
        """
        if text in self.known or not text:
            return self.known.get(text, ())
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtra("tokenizers", "vlm") from error
        return Tokenizer.from_file(os.fspath(self.folder.path / TOKENIZER))

    def text(self, tokens: Sequence[int]) -> str:
        """Text of tokens; what is no UTF-8 becomes a question mark in a box."""
        return b"".join(self._pieces[token] for token in tokens).decode("utf-8", "replace")

    @cached_property
    def _pieces(self) -> Mapping[int, bytes]:
        """Bytes of each token; a vocabulary of bytes writes each byte as a printable character."""
        try:
            with (self.folder.path / TOKENIZER).open(encoding="utf-8") as file:
                vocabulary = json.load(file)["model"]["vocab"]
            return {token: bytes(map(BYTES.__getitem__, piece)) for piece, token in vocabulary.items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"model {self.folder.name!r}: cannot read {TOKENIZER}: {error}") from error

    @classmethod
    def read(cls, folder: ModelFolder) -> Words:
        """Read `words.toml` of a model folder.

        Raises:
            ModelError: it is missing or holds something else.
        """
        fields = read_table(folder.path, folder.name, WORDS)
        known = {entry.text("text"): tuple(entry.whole_numbers("tokens")) for entry in fields.tables("known")}
        special = fields.table("special")
        user, assistant, image, end = (
            special.whole_numbers(name)[0] for name in ("user", "assistant", "image", "end")
        )
        return cls(known, user, assistant, image, end, tuple(special.whole_numbers("stops")), folder)
