"""How a chat model is loaded and asked, and what a batch that is too large says. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from visq.core.errors import InputError

WAYS = ("auto", "tree", "rows", "whole")


@dataclass(frozen=True)
class ChatOptions:
    """How a chat model is loaded and asked.

    Attributes:
        device: `auto` (CUDA, else MPS, else CPU), or a device of torch.
        dtype: `auto` (bfloat16 on CUDA, float16 where it has none and on MPS, float32 on a CPU), `float32`,
            `float16` or `bfloat16`.
        attention: `auto` (transformers' own choice), or one of its implementations, such as `eager`.
        device_map: of accelerate, such as `auto`, to spread a model over devices; None: it goes to `device`.
        min_pixels: pixels of a picture at least; smaller ones are enlarged. None: the processor's own.
        max_pixels: pixels at most; larger ones are reduced, their shape kept. None: the processor's own.
        picture_first: the picture stands before the question; questions then share what is seen of it.
        tokens: of a run at most, where it holds more than one sequence.
        way: `auto`, or one of the ways of `chat_answers_torch`: `tree`, `rows`, `whole`.
        remote_code: code in the model's folder may run. It can do anything that you can.
        adapters: folders of PEFT adapters, laid on the model one after another; all of them act together.
    """

    device: str = "auto"
    dtype: str = "auto"
    attention: str = "auto"
    device_map: str | Mapping[str, Any] | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    picture_first: bool = True
    tokens: int = 16384
    way: str = "auto"
    remote_code: bool = False
    adapters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise InputError(f"way {self.way!r} is none of: {', '.join(WAYS)}")
        if self.tokens < 1:
            raise InputError(f"tokens must be 1 or more, not {self.tokens}")
        least = 1 if self.min_pixels is None else self.min_pixels
        most = least if self.max_pixels is None else self.max_pixels
        if not 1 <= least <= most:
            raise InputError(f"min_pixels..max_pixels must be a range from 1 up, not {least}..{most}")


class OutOfMemory(InputError):
    """Some pictures do not fit the memory, each alone; all others were answered.

    Attributes:
        failed: number of the question in the batch -> one line that says why.
        found: what the call would have returned: rows of nan, or empty texts, where it failed.
    """

    def __init__(self, failed: Mapping[int, str], found: Any) -> None:
        number, line = next(iter(failed.items()))
        super().__init__(f"question {number + 1} of the batch: {line}", kind="out-of-memory")
        self.failed = failed
        self.found = found
