"""Backbone `chat`: any transformers model that takes pictures and text, from a folder. Knows no score.

Torch and transformers are imported when a `Chat` is made, not before.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from visq.backbones.chat_options import WAYS, ChatOptions, OutOfMemory
from visq.backbones.chat_plan import Beginning, Job, beginnings, job_of, packs
from visq.backbones.chat_prompt import Prompter, Wording
from visq.backbones.model_name import shown_name
from visq.core.errors import InputError, MissingExtra, ModelError
from visq.core.types import FloatArray, Picture, Prompted
from visq.media import within

_LOG = logging.getLogger(__name__)

_KEPT = 64
"""Wordings that are kept from call to call: 901 answers take 0.1 s to be tokenised."""


class Chat:
    """A chat model: log-probabilities of whole answers over its whole vocabulary, and what it says by itself.

    The same question about the same picture gives the same numbers in any batch, up to rounding. A call runs
    alone: others wait.

    Args:
        folder: in transformers' layout: config, weights, tokenizer, processor, chat template.
        options: how it is loaded and asked.
        aspects: names of the aspects it is to answer for.

    Attributes:
        preprocessing: the processor and a hash of its settings, and the pixel budget where that is ours.
        runtime: `transformers`, the dtype of its weights, and the attention where one was asked for.
        closed_set: False: the model may say anything.
        aspects: as given.
        capabilities: calls it offers.
        way: of `tree`, `rows`, `whole`, how answers are scored.
        way_reason: why no faster way is gone; empty where there is none.
        chosen: device, dtype, attention and way, in one line for people.
        dtype: of its weights, in a word.
        describes: it is a `mini`, trained to describe pictures in visq's own question.
        adapters: those laid on it, as `adapters_torch.Adapters`; None where there are none.

    Raises:
        InputError: an option that this machine or this model does not have.
        MissingExtra: torch or transformers is not installed.
        ModelError: the folder cannot be loaded, lacks weights, has no picture tower, no chat template, or one
            that takes no pictures; an adapter does not fit, or changes nothing.
    """

    closed_set = False

    def __init__(
        self, folder: Path, options: ChatOptions | None = None, *, aspects: Sequence[str] = ()
    ) -> None:
        options = options or ChatOptions()
        self._name = shown_name(folder)
        self._options = options
        self.aspects = tuple(aspects)
        loaded = _load(folder, options)
        asked = options.attention
        self.runtime = f"transformers;{loaded.dtype}" + ("" if asked == "auto" else f";{asked}")
        from visq.backbones.chat_answers_torch import find_way
        from visq.backbones.chat_proof_torch import expect_answers
        from visq.backbones.chat_torch import Network

        self._lock = threading.Lock()
        self._wordings: dict[tuple[Any, ...], Wording] = {}
        self._processor = loaded.processor
        self.adapters: Any = loaded.adapters
        self.dtype: str = loaded.dtype
        self.describes = loaded.model.config.model_type == "visq_mini"
        self.preprocessing = self._budget()
        token, ends, first = loaded.image_token, loaded.ends, options.picture_first
        self._prompter = Prompter(loaded.processor, token, ends, name=self._name, picture_first=first)
        self._network: Any = Network(loaded.model, self._name, self._prompter.plain(12))
        text = loaded.model.config.get_text_config()
        found, self.way_reason = find_way(self._network, text, self._prompter.plain(12))
        self.way = self._allowed_way(found)
        self.capabilities = frozenset({"answer_logprobs", "generate"})
        if self._network.sees_features:
            self.capabilities |= {"embed"}
        self.chosen = self._said(loaded.device, loaded.dtype)
        self._expect_one_run(1)
        expect_answers(self.answer_logprobs, self.prove, loaded.model, loaded.processor, self._name)
        if self.adapters is not None:
            self._expect_adapters()

    def prepare(self, picture: Picture) -> Picture:
        """uint8 [h, w, 3]: the picture within the pixel budget; itself where the processor sees to that."""
        least, most = self._options.min_pixels, self._options.max_pixels
        if self._counts_pixels:
            return picture
        return within(picture, least, most)

    def expect_words(self, asked: Prompted, answers: Sequence[str]) -> None:
        """Refuse a question, or answers to it, that it cannot take; the pixels are not looked at.

        Raises:
            InputError: an answer has no tokens, two have the same, or nothing stands before them.
            ModelError: the question is about more pictures than the model takes at once.
        """
        beginnings([self._prompter.wording(asked, answers)])
        if asked.more:
            self._expect_one_run(len(asked.pictures))

    def answer_logprobs(self, batch: Sequence[Prompted], answers: Sequence[str]) -> FloatArray:
        """As `answers_each`, of questions with the same answers.

        Returns:
            float32 [n, k]; a row's probabilities sum to 1 or less.
        """
        return self._table(batch, answers, self.way)

    def _table(self, batch: Sequence[Prompted], answers: Sequence[str], way: str) -> FloatArray:
        rows, failed = self._answered(batch, [answers] * len(batch), way)
        found = np.array(rows, dtype=np.float32).reshape(len(batch), len(answers))
        _expect_none(failed, found)
        return found

    def answers_each(self, batch: Sequence[Prompted], answers: Sequence[Sequence[str]]) -> list[FloatArray]:
        """Log-probabilities of whole answers: their tokens, and what ends them.

        An answer is over when the turn ends, or with any token that begins with the question's `end` or a new
        line; one that another answer goes on with does not end it, so that answers exclude each other. Of
        beginnings (`end` is None) all tokens count, and nothing else. Where a question lets some answers go
        unread, those that are read are so in every batch, unless rounding decides between two of them.

        Args:
            batch: n questions; pixels from `prepare`. Those about the same arrays share what is seen.
            answers: of each question words that may follow its stem, joined to it as the question says.

        Returns:
            Of each question float32 [k], natural logarithms, -inf of answers left unread; its probabilities
            sum to 1 or less, those of beginnings need not.

        Raises:
            InputError: an answer has no tokens, or two have the same.
            ModelError: the model was closed, or its processor does not fit its tokenizer.
            OutOfMemory: a question does not fit the memory alone; holds the rows of all others.

        Source:
            SPEC 2.4.3 and 3.2.3: log P(answer) = sum of log p(token) + log p(any end), in float32.
        """
        found, failed = self._answered(batch, answers, self.way)
        _expect_none(failed, found)
        return found

    def _answered(
        self, batch: Sequence[Prompted], answers: Sequence[Sequence[str]], way: str
    ) -> tuple[list[FloatArray], dict[int, str]]:
        """As `answers_each`, nan for what does not fit the memory; and number of the question -> why not."""
        found: list[FloatArray] = [np.full(len(words), np.nan, dtype=np.float32) for words in answers]
        with self._lock:
            self._expect_open()
            jobs = self._jobs(batch, answers)
            rows = self._run_all(jobs, [job.n_tokens for job in jobs], partial(self._answer, way))
        failed: dict[int, str] = {}
        for job, done in zip(jobs, rows, strict=True):
            for askers, row in zip(job.askers, done or [None] * len(job.askers), strict=True):
                for number in askers:
                    if row is None:
                        failed[number] = self._too_large(batch[number])
                    else:
                        found[number] = row.astype(np.float32)
        return found, failed

    def generate(self, batch: Sequence[Prompted], most: int = 64, until: str = "") -> list[str]:
        """What the model says after each stem, the likeliest token each time, until its turn ends.

        Args:
            batch: n questions; pixels from `prepare`.
            most: tokens of an answer at most, 1 or more.
            until: text that an answer is over with, if it comes; empty: none.

        Raises:
            ModelError, OutOfMemory: as `answer_logprobs`.
        """
        if most < 1:
            raise InputError(f"most must be 1 or more, not {most}")
        with self._lock:
            self._expect_open()
            strands = [self._strand(asked) for asked in batch]
            sizes = [len(strand.ids) + most for strand in strands]
            said = self._run_all(strands, sizes, lambda some: self._say(some, most, until))
        failed = {n: self._too_large(batch[n]) for n, tokens in enumerate(said) if tokens is None}
        texts = ["" if tokens is None else self._prompter.said(tokens) for tokens in said]
        _expect_none(failed, texts)
        return texts

    def answer_tokens(self, asked: Prompted, answers: Sequence[str]) -> list[list[tuple[int, str]]]:
        """What is read of each answer to a question: (token, its text), what ends the answer left out.

        Raises:
            InputError: as `answer_logprobs`.
        """
        spell = self._processor.tokenizer.decode
        found = self._prompter.wording(asked, answers).answers
        return [[(token, spell([token])) for token in tokens] for tokens in found]

    def embed(self, batch: Sequence[Picture]) -> FloatArray:
        """What the picture tower hands to the language model: the mean of each picture's cells.

        Args:
            batch: n pictures, uint8 [h, w, 3], from `prepare`.

        Returns:
            float32 [n, d].

        Raises:
            ModelError: the model was closed, or hands out no features.
        """
        with self._lock:
            self._expect_open()
            if "embed" not in self.capabilities:
                raise ModelError(f"model {self._name!r} hands out no features of pictures")
            looks = (self._look(Prompted(pixels, "", "", "")) for pixels in batch)
            rows = [self._network.picture_features(look).mean(0).cpu().numpy() for look in looks]
        return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)

    def prove(self) -> Any:
        """Hold its answers against those of transformers alone, as `chat_proof_torch.prove`."""
        from visq.backbones.chat_proof_torch import prove

        whole = partial(self._table, way="whole")
        return prove(self._network, self._processor, self._prompter, self.answer_logprobs, whole, self.dtype)

    def close(self) -> None:
        """Free the model; the backbone is unusable afterwards."""
        with self._lock:
            if self._network is not None:
                self._network.forget()
            self._network = self.adapters = None

    def _expect_open(self) -> None:
        if self._network is None:
            raise ModelError("this model is closed; load it again")

    def _expect_one_run(self, pictures: int) -> None:
        """Tokens of pictures may not hang on the words around them, since questions share them."""
        grey, *more = [np.full((64, 96, 3), 128, dtype=np.uint8)] * pictures
        asked = [Prompted(grey, "", question, "", more=tuple(more)) for question in ("One", "Is it two?")]
        if self._look(asked[0]).run != self._look(asked[1]).run:
            raise ModelError(
                f"model {self._name!r}: its processor lets a picture's tokens depend on the question"
            )

    def _expect_adapters(self) -> None:
        """What each of them changes is said, and that it does is proved, on a picture."""
        for one in self.adapters.attached:
            _LOG.info("model %r: %s", self._name, one)
        rows, columns = np.indices((64, 96))
        ramp = np.stack([4 * rows, 2 * columns, rows + columns], -1).astype(np.uint8)
        strand = self._strand(Prompted(ramp, "", "Question", ""))
        self.adapters.expect_effect(lambda: self._network.after(strand))

    def _allowed_way(self, found: str) -> str:
        wanted = self._options.way
        if wanted == "auto":
            return found
        if WAYS.index(wanted) < WAYS.index(found):
            raise InputError(f"model {self._name!r} cannot be run by way={wanted!r}: {self.way_reason}")
        self.way_reason = "as asked for"
        return wanted

    def _said(self, device: str, dtype: str) -> str:
        line = f"{device}, {dtype}, attention {self._network.attention}, answers by {self.way}"
        if self.way_reason:
            line += f" ({self.way_reason})"
        if not self._network.exact_head:
            line += ", its own logits and not float32 ones"
        _LOG.info("model %r: %s", self._name, line)
        return line

    def _budget(self) -> str:
        from visq.backbones.chat_processor_torch import identity, set_pixel_counts, takes_pixel_counts

        least, most = self._options.min_pixels, self._options.max_pixels
        self._counts_pixels = takes_pixel_counts(self._processor)
        if self._counts_pixels and (least or most):
            set_pixel_counts(self._processor, least, most)
        ours = (
            "" if self._counts_pixels or not (least or most) else f";pixels{least or 1}..{most or ''}-bicubic"
        )
        return f"srgb{ours};{identity(self._processor)}"

    def _look(self, asked: Prompted) -> Any:
        """The pictures of a question as the model takes them; its stem does not matter."""
        from visq.backbones.chat_processor_torch import look

        bare = replace(asked, stem="")
        text, wording = self._prompter.text(bare), self._prompter.wording(bare, ())
        return look(self._processor, asked.pictures, text, wording.prompt, wording.place, self._name)

    def _jobs(self, batch: Sequence[Prompted], answers: Sequence[Sequence[str]]) -> list[Job]:
        """Beginnings of all questions that have answers, those about the same pictures together."""
        askers: defaultdict[tuple[int, ...], defaultdict[tuple[Any, ...], list[int]]]
        askers = defaultdict(lambda: defaultdict(list))
        for number, (asked, words) in enumerate(zip(batch, answers, strict=True)):
            if words:
                ends = asked.end, asked.unread
                text = (len(asked.pictures), asked.question, asked.stem, asked.blank, ends, tuple(words))
                askers[tuple(map(id, asked.pictures))][text].append(number)
        wordings: dict[tuple[Any, ...], Wording] = {}
        jobs = []
        for texts in askers.values():
            for text, numbers in texts.items():
                if text not in wordings:
                    wordings[text] = self._wording(text, batch[numbers[0]])
            look = self._look(batch[next(iter(texts.values()))[0]])
            of = tuple(wordings[text] for text in texts)
            numbers_of = tuple(tuple(numbers) for numbers in texts.values())
            jobs += [job_of(beginning, look, numbers_of, of) for beginning in beginnings(of)]
        return jobs

    def _wording(self, text: tuple[Any, ...], asked: Prompted) -> Wording:
        """Tokens of a question as `_jobs` names it; of one asked before, as they were."""
        if text not in self._wordings:
            if len(self._wordings) == _KEPT:
                self._wordings.pop(next(iter(self._wordings)))
            self._wordings[text] = self._prompter.wording(asked, text[-1])
        return self._wordings[text]

    def _run_all(
        self, items: Sequence[Any], sizes: Sequence[int], run: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> list[Any]:
        """Results in the order of items, like sizes run together; None for what does not fit the memory."""
        from visq.backbones.chat_memory_torch import halving

        results: list[Any] = [None] * len(items)
        for pack in packs(sizes, self._options.tokens):
            for number, result in zip(pack, halving([items[k] for k in pack], run), strict=True):
                results[number] = result
        return results

    def _answer(self, way: str, jobs: Sequence[Job]) -> list[list[FloatArray]]:
        """Of each job, of each of its questions, float64 [k]."""
        from visq.backbones.chat_reading_torch import read_jobs

        return read_jobs(self._network, way, jobs, self._options.tokens)

    def _say(self, strands: Sequence[Any], most: int, until: str) -> list[list[int]]:
        from visq.backbones.chat_generate_torch import ending_with, say

        is_over, cached = ending_with(until, self._prompter.said), self.way != "whole"
        return say(self._network, strands, self._prompter.ends, most, cached=cached, is_over=is_over)

    def _strand(self, asked: Prompted) -> Any:
        from visq.backbones.chat_reading_torch import strand_of

        wording = self._prompter.wording(asked, ())
        return strand_of(Beginning(wording.prompt, wording.place, ()), self._look(asked))

    def _too_large(self, asked: Prompted) -> str:
        sizes = " and ".join(f"{one.shape[1]} x {one.shape[0]}" for one in asked.pictures)
        what = f"pictures of {sizes} px do" if asked.more else f"a picture of {sizes} px does"
        return f"{what} not fit the memory of {self.chosen.split(',')[0]}; allow fewer pixels"


def _load(folder: Path, options: ChatOptions) -> Any:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"no model in {str(folder)!r}: it has no config.json; give a folder of transformers' kind"
        )
    try:
        import torch  # noqa: F401 (asked for first, to say which is missing)
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtra(error.name or "transformers", "vlm") from error
    from visq.backbones.chat_load_torch import load, silence

    with silence():
        return load(folder, options)


def _expect_none(failed: Mapping[int, str], found: Any) -> None:
    if failed:
        raise OutOfMemory(failed, found)
