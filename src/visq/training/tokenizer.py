"""The small vocabulary of `mini`: byte-level pairs learnt from our own sentences. Knows no model.

Nothing of a data set enters it, so no fold can leak through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import TYPE_CHECKING

from visq.core.errors import MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, END, USER, ASSISTANT, IMAGE = "<pad>", "<end>", "<user>", "<assistant>", "<image>"
SPECIALS = (PAD, END, USER, ASSISTANT, IMAGE)
"""Tokens no text is made of; their ids are their places here."""

_TIMES = 20
"""How often a sentence of the dialogue counts: its words become single tokens."""


def learn_tokenizer(dialogue: Iterable[str], size: int) -> Tokenizer:
    """Learn a vocabulary from the word list in the package and the sentences the model will hear and say.

    Digits stand alone, so that `10` is the two tokens `1` and `0`. Any text can be written, since every byte
    is a token.

    Args:
        dialogue: questions and answers; each counts `_TIMES` times.
        size: tokens wanted.

    Raises:
        MissingExtra: tokenizers is not installed.
    """
    try:
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError as error:
        raise MissingExtra("tokenizers", "vlm") from error
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[AddedToken(word, normalized=False) for word in SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*word_list(), *list(dialogue) * _TIMES], trainer)
    return tokenizer


def word_list() -> list[str]:
    """Lines of words about pictures, written for this project."""
    file = resources.files("visq.training").joinpath("words/pictures.txt")
    return file.read_text(encoding="utf-8").splitlines()
