"""Running a batch in less memory than it wants: halved until it fits. Knows that memory may end; no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def halving(items: Sequence[Item], run: Callable[[Sequence[Item]], Sequence[Result]]) -> list[Result | None]:
    """Results of items, run together where memory allows, and by halves where not.

    Args:
        items: one or more.
        run: gives a result for each of some items.

    Returns:
        The results, in order; None for an item that does not fit alone.
    """
    done = _attempt(items, run)
    if done is not None:
        return list(done)
    if len(items) == 1:
        return [None]
    half = len(items) // 2
    return [*halving(items[:half], run), *halving(items[half:], run)]


def _attempt(
    items: Sequence[Item], run: Callable[[Sequence[Item]], Sequence[Result]]
) -> Sequence[Result] | None:
    try:
        return run(items)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    # After the error is gone: its traceback holds what filled the memory.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _is_out_of_memory(error: BaseException) -> bool:
    """By kind, or by what torch says on processors without a kind of their own (CPU, MPS)."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "out of memory" in str(error) or "can't allocate memory" in str(error)
