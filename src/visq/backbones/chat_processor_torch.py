"""The processor of a chat model's folder, and what it makes of pictures. Knows pixels; no question.

Pictures are always prepared by Pillow: transformers' other way gives slightly other pixels, and so other
scores, and is taken or not by what else happens to be installed. Clips are not asked for, so their reader is
left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from PIL import Image
from torch import Tensor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from visq.backbones.chat_prompt import Tokens
from visq.core.errors import ModelError
from visq.core.types import Picture

KINDS = ("mm_token_type_ids", "token_type_ids")
"""Inputs that say of each token whether it is a picture's."""


@dataclass(frozen=True)
class Look:
    """The pictures of a question, mostly one, as a model takes them.

    Attributes:
        run: the tokens that stand for them in a prompt, with those between them.
        kinds: of each input of KINDS that the model takes, its values along `run`.
        tensors: the other inputs, first of all the pixels.
    """

    run: Tokens
    kinds: Mapping[str, Tokens]
    tensors: Mapping[str, Tensor]


def load_processor(folder: Path, config: Any, *, remote_code: bool) -> Any:
    """The processor of a folder, for pictures and text.

    Args:
        folder: of the model, in transformers' layout.
        config: of the model.
        remote_code: whether code of the folder may run.

    Raises:
        OSError, ValueError, ImportError: a file is missing or wrong, or a package that the processor needs.
    """
    auto: Any = transformers  # its Auto classes are typed in part only
    known: Any = PROCESSOR_MAPPING.get(type(config), None)
    if known is None or "image_processor" not in known.get_attributes():
        return auto.AutoProcessor.from_pretrained(folder, trust_remote_code=remote_code)
    parts = {
        "image_processor": lambda: auto.AutoImageProcessor.from_pretrained(folder, backend="pil"),
        "tokenizer": lambda: auto.AutoTokenizer.from_pretrained(folder),
    }
    found = [parts[name]() if name in parts else None for name in known.get_attributes()]
    fields, _ = known.get_processor_dict(folder)
    return _pictures_only(known).from_args_and_dict(found, fields)


def _pictures_only(known: Any) -> Any:
    """A processor class that does without its parts for clips and sound."""

    def check(self: Any, name: str, part: Any) -> Any:
        return None if part is None else known.check_argument_for_proper_class(self, name, part)

    return type(
        known.__name__, (known,), {"check_argument_for_proper_class": check, "__init__": known.__init__}
    )


def takes_pixel_counts(processor: Any) -> bool:
    """Whether a processor keeps pictures within a number of pixels by itself, as Qwen's do."""
    taken = getattr(processor.image_processor, "valid_kwargs", None)
    return {"min_pixels", "max_pixels"} <= set(getattr(taken, "__annotations__", ()))


def set_pixel_counts(processor: Any, least: int | None, most: int | None) -> None:
    """Set the pixels a picture may have, of a processor that `takes_pixel_counts`.

    None leaves its own bound, or moves it to the other one where that lies beyond it.
    """
    images = processor.image_processor
    own_least, own_most = images.size["shortest_edge"], images.size["longest_edge"]
    low = least or min(own_least, most or own_least)
    high = most or max(own_most, least or own_most)
    images.size = type(images.size)(shortest_edge=low, longest_edge=high)


def identity(processor: Any) -> str:
    """Name and settings of what prepares the pixels, in a word; the settings by a hash of them."""
    images = processor.image_processor
    settings = json.dumps(images.to_dict(), sort_keys=True, default=str).encode()
    return f"{type(images).__name__}@{hashlib.sha256(settings).hexdigest()[:8]}"


def look(
    processor: Any, pictures: Sequence[Picture], text: str, prompt: Tokens, place: int, model: str
) -> Look:
    """What a processor makes of pictures, and the proof that a prompt's tokens are the processor's own.

    Args:
        processor: of `load_processor`.
        pictures: uint8 [h, w, 3] each, one or more.
        text: a whole prompt with a place for each.
        prompt: our tokens of it; the pictures, and what stands between them, are one of them.
        place: index of that token.
        model: for messages.

    Raises:
        ModelError: the processor refuses the pictures, or makes other tokens of the text.
    """
    images = [Image.fromarray(pixels) for pixels in pictures]
    try:
        made = dict(processor(images=images, text=[text], return_tensors="pt", add_special_tokens=False))
    except (ValueError, TypeError, LookupError, RuntimeError, AttributeError) as error:  # a foreign program's
        line = next(iter(str(error).splitlines()), type(error).__name__)
        what = "a picture" if len(images) == 1 else f"{len(images)} pictures"
        raise ModelError(f"model {model!r}: its processor fails on {what}: {line}") from error
    ids = tuple(made.pop("input_ids")[0].tolist())
    made.pop("attention_mask", None)
    begin = _missing_start(prompt, ids)
    ids, shift = prompt[:begin] + ids, begin
    after = len(prompt) - place - 1
    run = ids[place : len(ids) - after]
    if prompt[:place] + run + prompt[place + 1 :] != ids:
        raise ModelError(
            f"model {model!r}: its processor and its tokenizer make different tokens of one prompt"
        )
    span = slice(place - shift, len(ids) - after - shift)
    kinds = {name: tuple(made.pop(name)[0].tolist()[span]) for name in KINDS if name in made}
    return Look(run, kinds, made)


def _missing_start(prompt: Tokens, ids: Sequence[int]) -> int:
    """1 where the prompt begins with a token that the processor was told not to put before it."""
    return int(prompt[:1] != tuple(ids[:1]))
