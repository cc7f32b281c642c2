"""Adapters on a loaded model: PEFT lays them on, proves that they act, merges and unmerges. No picture.

Which modules change is read from the adapter's tensors and not from its patterns of names, so that an adapter
of an older layout, or of one tower, finds its modules; every tensor has its place, or the adapter is refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from visq.backbones.adapters import (
    WEIGHTS,
    AdapterFolder,
    Attached,
    count_by_tower,
    names_now,
    other_base,
    read_adapter,
    split_key,
)
from visq.backbones.adapters_base import expect_base
from visq.backbones.chat_load_torch import silence
from visq.core.errors import ModelError, first_line


class Adapters:
    """The adapters of one model; all of them act together, until told otherwise.

    Args:
        model: of transformers; changed in place and of its own class still.
        folders: of adapters, laid on one after another.

    Attributes:
        attached: what each of them is and changes.

    Raises:
        ModelError: one does not fit the model, is damaged, has not been trained, or does not go with another.
    """

    def __init__(self, model: nn.Module, folders: Sequence[str]) -> None:
        self._model = model
        self._known = dict(model.named_modules())
        self._peft: Any = None  # a PeftModel; its calls are typed in part only
        self.attached: tuple[Attached, ...] = ()
        self._added: tuple[AdapterFolder, ...] = ()
        self._replaced: dict[str, str] = {}
        for folder in folders:
            self._add(read_adapter(Path(folder)))
        model.eval()

    def expect_effect(self, probe: Callable[[], Tensor]) -> None:
        """Prove that each adapter changes what the model says.

        Args:
            probe: runs the model on something with a picture; any numbers that hang on all of it.

        Raises:
            ModelError: the numbers are the same without an adapter.
        """
        whole = probe()
        for number, one in enumerate(self.attached):
            with self.without(number):
                same = torch.equal(whole, probe())
            if same:
                raise _no_effect(one.name, "the model says the same without it")

    @contextmanager
    def without(self, *numbers: int) -> Iterator[None]:
        """The model as it is without some adapters, by their places in `attached`; none: without any."""
        left_out = numbers or range(len(self.attached))
        others = [_inner(n) for n in range(len(self.attached)) if n not in left_out]
        try:
            if others:
                self._activate(others)
            else:
                self._peft.base_model.disable_adapter_layers()
            yield
        finally:
            self._peft.base_model.enable_adapter_layers()
            self._activate(self._names)

    def merge(self) -> None:
        """Add the adapters to the weights; `unmerge` takes them out again, up to rounding."""
        try:
            self._peft.base_model.merge_adapter(adapter_names=self._names, safe_merge=True)
        except ValueError as error:  # of safe_merge: some weights would be no numbers
            raise ModelError(f"adapters cannot be merged: {first_line(error)}") from error

    def unmerge(self) -> None:
        """Take merged adapters out of the weights."""
        self._peft.base_model.unmerge_adapter()

    def settle(self) -> None:
        """Merge for good: the model is then a plain one, without any trace of PEFT."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that they are merged already
            self._peft.base_model.merge_and_unload(safe_merge=True, adapter_names=self._names)
        self._peft = None

    def save(self, folder: Path, dtype: str) -> None:
        """Merge for good, and write weights and config as transformers does; the model is then in `dtype`.

        Args:
            folder: to write into; it exists.
            dtype: `float32`, `float16` or `bfloat16`.

        Raises:
            ModelError: a weight does not fit the dtype, or transformers refuses.
            OSError: the folder cannot be written.
        """
        self.settle()
        model: Any = self._model
        model.to(getattr(torch, dtype))
        _expect_numbers(model, dtype)
        try:
            with silence():
                model.save_pretrained(folder)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"transformers cannot write the merged model: {first_line(error)}") from error

    @property
    def _names(self) -> list[str]:
        return [_inner(n) for n in range(len(self.attached))]

    def _activate(self, names: Sequence[str]) -> None:
        self._peft.base_model.set_adapter(list(names), inference_mode=True)

    def _add(self, adapter: AdapterFolder) -> None:
        folder = str(getattr(self._model, "name_or_path", ""))  # empty where it came from no files
        note = expect_base(adapter, Path(folder)) if folder else ""
        tensors = _tensors(adapter)
        saved = {split_key(key)[0] for key in tensors}
        now = names_now(adapter, saved, self._known)
        placed = {}
        for key, value in tensors.items():
            module, part = split_key(key)
            if part.startswith("base_layer"):
                self._expect_own(adapter, now[module], value)
            else:
                placed[now[module], part] = value
        lora = {module for module, part in placed if part.startswith("lora_")}
        self._expect_company(adapter, sorted(set(now.values()) - lora))
        inner = _inner(len(self.attached))
        config = _config(adapter, placed, {old: new for old, new in now.items() if new in lora})
        self._inject(adapter, inner, config)
        self._fill(adapter, inner, placed)
        _expect_trained(adapter, placed)
        self.attached += (
            Attached(
                adapter.name,
                adapter.sha256,
                count_by_tower(now.values()),
                renamed=sum(old != new for old, new in now.items()),
                note=note,
            ),
        )
        self._activate(self._names)

    def _expect_own(self, adapter: AdapterFolder, module: str, value: Tensor) -> None:
        """PEFT saves a copy of embeddings that LoRA is laid on: it has to be the model's own."""
        here = self._known[module].get_parameter("weight")
        if value.shape != here.shape or not torch.allclose(value.to(here), here, rtol=1e-2):
            raise ModelError(
                f"adapter {adapter.name!r} brings its own {module!r}; merge it with PEFT and use that folder"
            )

    def _expect_company(self, adapter: AdapterFolder, replaced: Sequence[str]) -> None:
        """Adapters whose sum is not defined are laid on a merged model instead."""
        mended = "merge the first of them into a folder (visq models merge) and lay the other on that"
        for module in replaced:
            if module in self._replaced:
                both = f"{self._replaced[module]!r} and {adapter.name!r}"
                raise ModelError(f"adapters {both} both replace {module!r}; {mended}")
            self._replaced[module] = adapter.name
        weighs = [one for one in (adapter, *self._added) if one.config.get("use_dora")]
        if weighs and self._added:
            raise ModelError(
                f"adapter {weighs[0].name!r} scales its base's weights (DoRA) and goes alone; {mended}"
            )
        self._added = (*self._added, adapter)

    def _inject(self, adapter: AdapterFolder, inner: str, config: LoraConfig) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what PEFT warns of is checked here, and refused
                if self._peft is None:
                    self._peft = PeftModel(self._model, config, adapter_name=inner)
                else:
                    self._peft.add_adapter(inner, config)
        except (ValueError, TypeError, RuntimeError, NotImplementedError, KeyError) as error:
            raise ModelError(
                f"adapter {adapter.name!r} cannot be laid on this model: {first_line(error)}"
            ) from error

    def _fill(self, adapter: AdapterFolder, inner: str, placed: Mapping[tuple[str, str], Tensor]) -> None:
        """Put every tensor into its place; none is left over, no place stays empty."""
        places = dict(_places(self._model, inner))
        lost = sorted(places.keys() - placed.keys()) or sorted(placed.keys() - places.keys())
        if lost:
            missing = "lacks" if lost[0] in places else "has no place for"
            raise ModelError(
                f"adapter {adapter.name!r} {missing} {len(lost)} tensors, first {'.'.join(lost[0])!r}; "
                "save it again with PEFT"
            )
        with torch.no_grad():
            for (module, part), place in places.items():
                value = placed[module, part]
                if value.shape != place.shape:
                    raise other_base(adapter, f"{module}.{part}", tuple(value.shape), tuple(place.shape))
                place.copy_(value)


def _inner(number: int) -> str:
    """PEFT's own name of an adapter; people's hold dots and slashes, which it does not take."""
    return f"visq{number}"


def _tensors(adapter: AdapterFolder) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(adapter.path / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"adapter {adapter.name!r}: cannot read {WEIGHTS}: {first_line(error)}") from error
    if not tensors:
        raise ModelError(f"adapter {adapter.name!r}: {WEIGHTS} is empty; save it again with PEFT")
    return tensors


def _config(
    adapter: AdapterFolder, placed: Mapping[tuple[str, str], Tensor], lora: Mapping[str, str]
) -> LoraConfig:
    """The adapter's own settings, for the very modules that it has tensors of."""
    try:
        config: LoraConfig = LoraConfig.from_pretrained(str(adapter.path))
    except (ValueError, TypeError) as error:
        raise ModelError(f"adapter {adapter.name!r}: its settings are wrong: {first_line(error)}") from error
    ranks = {module: len(value) for (module, part), value in placed.items() if part in _DOWN}
    alphas = {now: _of_pattern(config.alpha_pattern, saved, config.lora_alpha) for saved, now in lora.items()}
    config.target_modules = sorted(lora.values())
    config.modules_to_save = sorted({module for module, _ in placed} - set(lora.values())) or None
    config.exclude_modules = config.layers_to_transform = config.layers_pattern = None
    config.rank_pattern = {re.escape(m): rank for m, rank in ranks.items() if rank != config.r}
    config.alpha_pattern = {re.escape(m): alpha for m, alpha in alphas.items() if alpha != config.lora_alpha}
    config.task_type, config.inference_mode, config.init_lora_weights = None, True, True
    return config


_DOWN = ("lora_A.weight", "lora_embedding_A")


def _of_pattern(pattern: Mapping[str, float] | None, module: str, default: float) -> float:
    """By PEFT's own rule: the first pattern that the end of a module's name fits."""
    fits = (value for key, value in (pattern or {}).items() if re.match(rf"(.*\.)?({key})$", module))
    return next(fits, default)


def _places(model: nn.Module, inner: str) -> Iterator[tuple[tuple[str, str], Tensor]]:
    """(module, part) and parameter of everything an adapter brings, named as in its file."""
    for name, value in model.named_parameters():
        module, sign, part = name.partition(f".modules_to_save.{inner}.")
        if not sign:
            module, sign, part = name.partition(".lora_")
            words = part.split(".")
            if not sign or inner not in words:
                continue
            words.remove(inner)
            part = "lora_" + ".".join(words)
            part = "lora_magnitude_vector" if part == "lora_magnitude_vector.weight" else part
        yield (module, part), value


def _expect_trained(adapter: AdapterFolder, placed: Mapping[tuple[str, str], Tensor]) -> None:
    """LoRA begins with B = 0; one that still is so is no adapter but the beginning of one."""
    others = any(not part.startswith(("lora_A", "lora_B", "lora_embedding")) for _, part in placed)
    ups = [value for (_, part), value in placed.items() if part in ("lora_B.weight", "lora_embedding_B")]
    if not others and not any(value.any() for value in ups):
        raise _no_effect(adapter.name, "all its lora_B are zero")


def _expect_numbers(model: nn.Module, dtype: str) -> None:
    """What is no number in one place makes every answer that passes there one, too."""
    for name, value in model.named_parameters():
        if not value.isfinite().all():
            advice = "; write it with --dtype bfloat16 or float32" if dtype == "float16" else ""
            raise ModelError(
                f"merged, {name!r} holds what is no number in {dtype} (nan, or above "
                f"{torch.finfo(value.dtype).max:.5g}); nothing is kept{advice}"
            )


def _no_effect(name: str, why: str) -> ModelError:
    return ModelError(
        f"adapter {name!r} changes nothing: {why}; leave it out, or save it again after training"
    )
