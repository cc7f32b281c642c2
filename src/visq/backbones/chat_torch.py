"""A chat model's network: token sequences with pictures in, what the next tokens may be out.

Knows tensors, masks, positions and caches; no text, no answer, no question.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from visq.backbones.chat_processor_torch import Look
from visq.backbones.chat_prompt import Tokens
from visq.core.errors import ModelError

VOCABULARY_ROWS = 16384
"""Rows of the output projection taken to float32 at a time: 235 MB of a model 3,584 wide."""


@dataclass(frozen=True)
class Strand:
    """One sequence of tokens with one picture, or without.

    Attributes:
        ids: its tokens, the picture's run among them.
        place: index of the run's first token.
        look: the picture; None for text alone.
    """

    ids: Tokens
    place: int = 0
    look: Look | None = None


@dataclass(frozen=True)
class Places:
    """Tokens whose next token is asked for: of each its row in the batch and its column, int64 [m]."""

    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]]) -> Places:
        """Of (row, column) pairs, one or more."""
        rows, columns = torch.tensor(list(pairs), dtype=torch.long).T
        return cls(rows, columns)


@dataclass(frozen=True)
class Seen:
    """What a network remembers of a batch.

    Attributes:
        cache: of transformers; changed by every run that goes on from it.
        mask: bool [b, s], False where a row is padded.
        ahead: int64 [b], position of the next token.
    """

    cache: Any
    mask: Tensor
    ahead: Tensor

    def pick(self, rows: Sequence[int]) -> Seen:
        """The memory of some rows, any of them any number of times; this one stays as it is."""
        at = torch.tensor(list(rows), device=self.mask.device)
        cache = copy.deepcopy(self.cache)
        cache.reorder_cache(at)
        return Seen(cache, self.mask[at], self.ahead[at])


class Network:
    """Runs one model; the same numbers for a sequence in any batch, up to rounding.

    Args:
        model: of transformers, in evaluation mode.
        name: of the model, for messages.
        sample: some tokens of plain text, to see what the model does with its logits.

    Attributes:
        exact_head: logits are made of the last hidden state in float32; False where the model changes them
            afterwards, or its output projection is no plain matrix: they are then its own, in its own dtype.
        device: of inputs.
    """

    def __init__(self, model: Any, name: str, sample: Tokens) -> None:
        self._model = model
        self._name = name
        self._inner: Any = getattr(model, "model", model)
        self._head: Any = model.get_output_embeddings()
        self._pad = 0
        self.device: torch.device = next(model.parameters()).device
        self.exact_head = type(self._head) is nn.Linear
        self.exact_head = self.exact_head and self._logits_are_the_projection(sample)

    @property
    def model(self) -> Any:
        """As it was given; None once it was let go."""
        return self._model

    @property
    def attention(self) -> str:
        """The attention implementation that transformers took."""
        found = getattr(self._model.config, "_attn_implementation", None)
        return str(found)

    def start(
        self, strands: Sequence[Strand], places: Places, *, remember: bool
    ) -> tuple[Tensor, Seen | None]:
        """Run whole sequences, padded on the left.

        Args:
            strands: b sequences.
            places: m tokens; columns count from each sequence's own first token.
            remember: whether runs will go on from here.

        Returns:
            float [m, d], hidden states at `places` (logits where the head is not exact), and the memory.
        """
        ids, mask, kinds = self._padded(strands)
        inputs = {"input_ids": ids, "attention_mask": mask.long(), **kinds, **_gathered(strands, self.device)}
        positions = self._positions(inputs, mask)
        lengths = mask.sum(1)[places.rows.to(self.device)]
        columns = places.columns.to(self.device) + ids.shape[1] - lengths
        found, cache = self._run(
            {**inputs, "position_ids": positions, "use_cache": remember}, Places(places.rows, columns)
        )
        ahead = positions.reshape(-1, *mask.shape).masked_fill(~mask, 0).amax((0, 2)) + 1
        return found, Seen(cache, mask, ahead) if remember else None

    def go_on(
        self,
        seen: Seen,
        ids: Tensor,
        mask: Tensor,
        depths: Tensor,
        places: Places,
        allowed: Tensor | None = None,
    ) -> tuple[Tensor, Seen]:
        """Run more tokens after what was seen; the cache of `seen` grows by them.

        Args:
            seen: of b rows.
            ids: int64 [b, t].
            mask: bool [b, t], False for padding.
            depths: int64 [b, t], places after what was seen, from 0.
            places: m tokens of the t.
            allowed: bool [b, t, t], which of the t tokens each sees; None: all before it.

        Returns:
            As `start`; the memory goes on in rows without padding only.
        """
        device = self.device
        ids, mask, depths = ids.to(device), mask.to(device), depths.to(device)
        whole = torch.cat([seen.mask, mask], 1)
        attention = whole.long() if allowed is None else self._additive(seen.mask, allowed.to(device))
        positions = seen.ahead[:, None] + depths
        if self._has_grid_positions:
            positions = positions.expand(3, *positions.shape)
        found, cache = self._run(
            {
                "input_ids": ids,
                "attention_mask": attention,
                "position_ids": positions,
                "cache": seen.cache,
                "use_cache": True,
            },
            places,
        )
        ahead = seen.ahead + depths.masked_fill(~mask, -1).amax(1) + 1
        return found, Seen(cache, whole, ahead)

    def after(self, strand: Strand) -> Tensor:
        """Float [1, d]: what `start` finds at a sequence's last token, in a pass of its own."""
        return self.start([strand], Places.of([(0, len(strand.ids) - 1)]), remember=False)[0]

    def read(self, found: Tensor, wanted: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities after each of m tokens, over the whole vocabulary.

        Args:
            found: float [m, d] of `start` or `go_on`; on any device.
            wanted: int64 [w, 2], pairs of row and token.
            ends: int64 [e], tokens.

        Returns:
            float32 [w], of each wanted pair; float32 [m, e], of each end.
        """
        found = self._beside_head(found)
        rows, tokens = wanted.to(found.device).T
        ends = ends.to(found.device)
        if not self.exact_head:
            logs = functional.log_softmax(found.float(), -1)
            return logs[rows, tokens], logs[:, ends]
        hidden = found.float()
        norm, _ = self._over_the_vocabulary(hidden)
        told = (hidden[rows] * self._weight(tokens)).sum(-1) + self._bias(tokens) - norm[rows]
        return told, hidden @ self._weight(ends).T + self._bias(ends) - norm[:, None]

    def likeliest(self, found: Tensor) -> Tensor:
        """int64 [m]: the likeliest token after each of m, as `read` takes them."""
        if not self.exact_head:
            return found.argmax(-1)
        return self._over_the_vocabulary(self._beside_head(found).float())[1]

    def picture_features(self, look: Look) -> Tensor:
        """float32 [cells, d]: what the picture tower hands to the language model."""
        tensors = {name: value.to(self.device) for name, value in look.tensors.items()}
        tensors = {name: self._cast(value) for name, value in tensors.items()}
        with torch.inference_mode():
            if hasattr(self._model, "visual_tokens"):  # `mini`
                features = self._model.visual_tokens(self._model.cells(tensors["pixel_values"]))
            else:
                features = self._inner.get_image_features(**tensors, return_dict=True).pooler_output
        parts = features if isinstance(features, (list, tuple)) else [features]
        return torch.cat([part.float().reshape(-1, part.shape[-1]) for part in parts])

    @property
    def sees_features(self) -> bool:
        """Whether `picture_features` can be asked for."""
        return hasattr(self._model, "visual_tokens") or hasattr(self._inner, "get_image_features")

    def forget(self) -> None:
        """Let go of the model."""
        self._model = self._inner = self._head = None

    @property
    def _has_grid_positions(self) -> bool:
        """Positions in three axes, as Qwen's: they are then computed by the model's own rule."""
        return hasattr(self._inner, "get_rope_index")

    def _positions(self, inputs: Mapping[str, Tensor], mask: Tensor) -> Tensor:
        if not self._has_grid_positions:
            return (mask.long().cumsum(1) - 1).clamp(min=0)
        taken = inspect.signature(self._inner.get_rope_index).parameters
        given = {name: value for name, value in inputs.items() if name in taken}
        given.setdefault("mm_token_type_ids", torch.zeros_like(inputs["input_ids"]))
        positions: Tensor = self._inner.get_rope_index(**given)[0]
        return positions

    def _padded(self, strands: Sequence[Strand]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Ids and mask [b, s], and what says which tokens are a picture's: padded on the left."""
        length = max(len(strand.ids) for strand in strands)
        shape = (len(strands), length)
        ids = torch.full(shape, self._pad, dtype=torch.long)
        mask = torch.zeros(shape, dtype=torch.bool)
        names = {name for strand in strands if strand.look for name in strand.look.kinds}
        kinds = {name: torch.zeros(shape, dtype=torch.long) for name in names}
        for row, strand in enumerate(strands):
            begin = length - len(strand.ids)
            ids[row, begin:] = torch.tensor(strand.ids)
            mask[row, begin:] = True
            if strand.look is not None:
                at = begin + strand.place
                for name, kind in strand.look.kinds.items():
                    kinds[name][row, at : at + len(kind)] = torch.tensor(kind)
        on = self.device
        return ids.to(on), mask.to(on), {name: kind.to(on) for name, kind in kinds.items()}

    def _additive(self, seen: Tensor, allowed: Tensor) -> Tensor:
        """Float [b, 1, t, s + t]: 0 where a token sees another, the dtype's lowest where not."""
        t = allowed.shape[1]
        sees = torch.cat([seen[:, None].expand(-1, t, -1), allowed], 2)[:, None]
        dtype = self._model.dtype
        return torch.zeros(sees.shape, dtype=dtype, device=sees.device).masked_fill(
            ~sees, torch.finfo(dtype).min
        )

    def _run(self, inputs: Mapping[str, Any], places: Places) -> tuple[Tensor, Any]:
        """Hidden states (or logits) at places, and the cache."""
        given = {name: self._cast(value) for name, value in inputs.items()}
        with torch.inference_mode(), self._narrowed(places) as caught:
            out = self._model(**given)
        found = caught[0] if self.exact_head else out.logits[0]
        return found, getattr(out, "cache", None)

    @contextmanager
    def _narrowed(self, places: Places) -> Iterator[list[Tensor]]:
        """The output projection sees only `places`, or nothing where `read` does its work; both are caught.

        Works for every model, whatever its way to name the rows that are wanted, and keeps the logits of all
        other tokens, 150,000 numbers each, from being made.
        """
        caught: list[Tensor] = []

        def narrow(_: Any, given: tuple[Tensor, ...]) -> tuple[Tensor]:
            hidden = given[0]
            rows = hidden[places.rows.to(hidden.device), places.columns.to(hidden.device)]
            caught.append(rows)
            return ((rows[:0] if self.exact_head else rows)[None],)

        hook = self._head.register_forward_pre_hook(narrow)
        try:
            yield caught
        finally:
            hook.remove()

    def _logits_are_the_projection(self, sample: Tokens) -> bool:
        """Whether the model hands out its projection's output as it is."""
        projected: list[Tensor] = []
        hook = self._head.register_forward_hook(lambda _, __, out: projected.append(out))
        ids = torch.tensor([sample], device=self.device)
        mask = torch.ones_like(ids)
        try:
            with torch.inference_mode():
                inputs = {"input_ids": ids, "attention_mask": mask}
                positions = self._positions(inputs, mask.bool())
                out = self._model(**inputs, position_ids=positions, use_cache=False)
        finally:
            hook.remove()
        if not projected:
            raise ModelError(f"model {self._name!r}: it does not use its output projection")
        return torch.equal(out.logits, projected[0])

    def _cast(self, value: Any) -> Any:
        """Pixels in the model's dtype; all else as it is."""
        if isinstance(value, Tensor) and value.is_floating_point():
            return value.to(self._model.dtype)
        return value

    def _beside_head(self, found: Tensor) -> Tensor:
        """Where a model is spread over devices its last layer's is another than its head's."""
        return found.to(self._head.weight.device) if self.exact_head else found

    def _weight(self, tokens: Tensor | slice) -> Tensor:
        rows: Tensor = self._head.weight[tokens]
        return rows.detach().float()

    def _bias(self, tokens: Tensor | slice) -> Tensor | float:
        bias: Tensor | None = self._head.bias
        return 0.0 if bias is None else bias[tokens].detach().float()

    def _over_the_vocabulary(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [m], log of the sum of all tokens' exponentials; int64 [m], the likeliest token."""
        sums, best, tops = [], [], []
        for begin in range(0, self._head.weight.shape[0], VOCABULARY_ROWS):
            part = slice(begin, begin + VOCABULARY_ROWS)
            logits = hidden @ self._weight(part).T + self._bias(part)
            sums.append(logits.logsumexp(-1))
            top, at = logits.max(-1)
            tops.append(top)
            best.append(at + begin)
        of = torch.stack(tops).argmax(0)
        return torch.stack(sums).logsumexp(0), torch.stack(best).gather(0, of[None])[0]


def _gathered(strands: Sequence[Strand], device: torch.device) -> dict[str, Tensor]:
    """The pictures' tensors, one after another; where they differ in size, filled up with zeros.

    Zeros are what processors themselves fill up with: a model knows the true sizes by another input, or knows
    an empty picture by its zeros.
    """
    looks = [strand.look for strand in strands if strand.look is not None]
    gathered = {}
    for name in looks[0].tensors if looks else ():
        tensors = [look.tensors[name] for look in looks]
        shape = [max(sizes) for sizes in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
        gathered[name] = torch.cat([_filled(tensor, shape) for tensor in tensors]).to(device)
    return gathered


def _filled(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    missing = [most - size for most, size in zip(shape, tensor.shape[1:], strict=True)]
    sides = [side for more in reversed(missing) for side in (0, more)]
    return functional.pad(tensor, sides) if any(missing) else tensor
