"""Questions and answers as tokens of a chat model. Knows its chat template; no network, no score.

A text is tokenised whole, stem and answer together: where a tokenizer would melt the stem's end into the
answer, the answers' tokens begin before it, at the last token that all of them share with the stem.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, takewhile
from typing import Any

from visq.backbones.answer_ends import ends, likely
from visq.backbones.tree import barred
from visq.core.errors import InputError, ModelError
from visq.core.types import Prompted

_LOG = logging.getLogger(__name__)

Tokens = tuple[int, ...]

_ANSWER = "Word"
"""What an answered turn is rendered with, to see how the template writes one."""


@dataclass(frozen=True)
class Wording:
    """A question with its stem, and the answers to it, as tokens; what it shows still is one token.

    Attributes:
        prompt: tokens before the answers; several pictures, and what stands between them, are one token.
        place: index of the picture's token in `prompt`.
        answers: tokens of each, one or more.
        barred: of each answer, the tokens that another answer goes on with, and which so do not end it.
        stops: tokens that end an answer; None where nothing has to.
        unread: share of the answers' probability that may be left unread; 0 where nothing has to end them.
    """

    prompt: Tokens
    place: int
    answers: tuple[Tokens, ...] = ()
    barred: tuple[frozenset[int], ...] = ()
    stops: Tokens | None = ()
    unread: float = 0.0


class Prompter:
    """Texts to tokens, by a model's own chat template and tokenizer.

    Args:
        processor: of transformers, loaded from the model's folder.
        image_token: the text that holds a picture's place in a rendered template.
        ends: tokens that end a turn, as the model's own generation settings say.
        name: of the model, for messages.
        picture_first: whether the picture stands before the question.

    Raises:
        ModelError: there is no chat template, or it takes no picture, or not in the place asked for.
    """

    def __init__(
        self, processor: Any, image_token: str, ends: Sequence[int], *, name: str, picture_first: bool
    ) -> None:
        self._processor = processor
        self._tokenizer: Any = processor.tokenizer
        self._name = name
        self._picture_first = picture_first
        self.image: int = self._tokenizer.convert_tokens_to_ids(image_token)
        self._image_token = image_token
        self._melting: set[str] = set()
        self._taken: set[int] = set()
        self._stops: dict[str, Tokens] = {}
        self._expect_pictures(1)
        self._gap, tail = self._answered_turn()
        self.ends = tuple(sorted({*ends, *self._special_ends(tail)}))

    def text(self, asked: Prompted) -> str:
        """The whole prompt in words: template, question, beginning of the model's turn, stem."""
        return self._render(asked.question, pictures=len(asked.pictures)) + self._gap + asked.stem

    def wording(self, asked: Prompted, answers: Sequence[str]) -> Wording:
        """Tokens of a question and of whole answers to it.

        Args:
            asked: question and stem; its pixels are not looked at.
            answers: words that may follow the stem, joined to it by `asked.blank`.

        Raises:
            InputError: an answer has no tokens, two answers have the same, or the question itself writes a
                picture's token.
            ModelError: the template does not take so many pictures.
        """
        self._expect_pictures(len(asked.pictures))
        text = self.text(asked)
        told = self.tokens(text)
        whole = [self.tokens(text + ("" if word[:1].isspace() else asked.blank) + word) for word in answers]
        cut = min([len(told), *(_shared(told, one) for one in whole)])
        if cut < len(told):
            self._say_once(asked.stem)
        tokens = tuple(one[cut:] for one in whole)
        _expect_different(answers, tokens)
        first, last = self._places(told[:cut], len(asked.pictures))
        prompt = told[: first + 1] + told[last + 1 : cut]
        stops = None if asked.end is None else self.stops(asked.end)
        unread = 0.0 if stops is None else asked.unread
        return Wording(prompt, first, tokens, barred(tokens, stops or ()), stops, unread)

    def tokens(self, text: str) -> Tokens:
        """Tokens of a whole prompt, with what the tokenizer puts before every text."""
        found: Tokens = tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        begin = self._begin
        return found if found[: len(begin)] == begin else begin + found

    def said(self, tokens: Sequence[int]) -> str:
        """The text of generated tokens, without special ones."""
        text: str = self._tokenizer.decode(
            list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def stops(self, end: str) -> Tokens:
        """Tokens that end an answer which a text follows, as `answer_ends.ends` has it, and ends of turn."""
        if end not in self._stops:
            self._stops[end] = tuple(sorted(self._ending(end) | set(self.ends)))
        return self._stops[end]

    def _ending(self, end: str) -> set[int]:
        anchor = self._tokenizer("a", add_special_tokens=False)["input_ids"]
        before = self._decode(anchor)
        # Only few of 150,000 tokens can begin so; those are decoded, after a letter, since some decoders drop
        # the blank of a text's first token.
        tried = likely(self._tokenizer.get_vocab(), end)
        texts = {token: self._decode([*anchor, token])[len(before) :] for token in tried}
        return {token for token, text in texts.items() if ends(text, end)}

    def plain(self, n: int) -> Tokens:
        """The vocabulary's first n tokens that mean nothing special: something to try a network on."""
        special = {*self._special, self.image}
        return tuple(islice((token for token in range(len(self._tokenizer)) if token not in special), n))

    @cached_property
    def _special(self) -> frozenset[int]:
        return frozenset({*self._tokenizer.all_special_ids, *self._tokenizer.added_tokens_decoder})

    @cached_property
    def _begin(self) -> Tokens:
        special = self._tokenizer("")["input_ids"]
        return tuple(token for token in special if token != self._tokenizer.eos_token_id)

    def _say_once(self, stem: str) -> None:
        if stem not in self._melting:
            self._melting.add(stem)
            _LOG.info("model %r: the end of the stem %r melts into its answers", self._name, stem)

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False)
        return text

    def _render(self, question: str, *, answer: str | None = None, pictures: int = 1) -> str:
        shown, said = [{"type": "image"}] * pictures, [{"type": "text", "text": question}]
        parts = shown + said if self._picture_first else said + shown
        turns = [{"role": "user", "content": parts}]
        if answer is not None:
            turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        try:
            text: str = self._tokenizer.apply_chat_template(
                turns, chat_template=self._processor.chat_template, tokenize=False,
                add_generation_prompt=answer is None, enable_thinking=False,
            )  # fmt: skip
        except Exception as error:  # templates are programs of strangers: they raise what they like
            line = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(f"model {self._name!r}: its chat template fails: {line}") from error
        return text

    def _expect_pictures(self, pictures: int) -> None:
        """That the template takes so many pictures at once, and in the place asked for; looked at once."""
        if pictures in self._taken:
            return
        if not getattr(self._processor, "chat_template", None):
            raise ModelError(
                f"model {self._name!r} has no chat template; use an instruct or chat version of it"
            )
        question = "Question"
        text = self._render(question, pictures=pictures)
        if text.count(self._image_token) != pictures:
            what = "no pictures" if pictures == 1 else f"no {pictures} pictures at once"
            raise ModelError(
                f"model {self._name!r}: its chat template takes {what}; use one whose template does"
            )
        if (text.index(self._image_token) < text.index(question)) != self._picture_first:
            wanted, option = ("before", False) if self._picture_first else ("after", True)
            raise ModelError(
                f"model {self._name!r}: its chat template does not put the picture {wanted} the question; "
                f"ask in other words (dialect), or set picture_first={option}"
            )
        self._taken.add(pictures)

    def _answered_turn(self) -> tuple[str, str]:
        """The blank that the template writes before an answer, and what it writes after one."""
        asked = self._render("Question")
        before, _, tail = self._render("Question", answer=_ANSWER).rpartition(_ANSWER)
        gap = before[len(asked) :] if before.startswith(asked) else ""
        return (gap if gap.isspace() else ""), tail

    def _special_ends(self, tail: str) -> set[int]:
        first = self._tokenizer(tail, add_special_tokens=False)["input_ids"][:1]
        own = self._tokenizer.eos_token_id
        return {token for token in first if token in self._special} | (set() if own is None else {own})

    def _places(self, prompt: Tokens, pictures: int) -> tuple[int, int]:
        """Indices of the first picture's token and of the last one's."""
        places = [at for at, token in enumerate(prompt) if token == self.image]
        if len(places) != pictures:
            raise InputError(
                f"a question or stem may not hold {self._image_token!r}: it is a picture's place"
            )
        return places[0], places[-1]


def _shared(left: Tokens, right: Tokens) -> int:
    """Number of tokens that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))


def shared_start(texts: Sequence[Tokens]) -> int:
    """Number of tokens that all of one or more texts begin with.

    Example:
        >>> shared_start([(1, 2, 3), (1, 2, 4, 5)])
        2
    """
    return min(_shared(texts[0], one) for one in texts)


def _expect_different(words: Sequence[str], answers: Sequence[Tokens]) -> None:
    owner: dict[Tokens, str] = {}
    for word, tokens in zip(words, answers, strict=True):
        if not tokens:
            raise InputError(f"answer {word!r} has no tokens; leave it out")
        if tokens in owner:
            raise InputError(
                f"answers {owner[tokens]!r} and {word!r} are the same to this tokenizer; use other words"
            )
        owner[tokens] = word
