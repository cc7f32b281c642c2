"""A folder to a chat model on a device. Knows files, devices and dtypes; no picture and no question."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
from transformers.utils import logging

from visq.backbones.chat_damage import damage, is_damaged
from visq.backbones.chat_processor_torch import load_processor
from visq.backbones.model_name import shown_name
from visq.core.errors import InputError, MissingExtra, ModelError, first_line

if TYPE_CHECKING:
    from visq.backbones.adapters_torch import Adapters
    from visq.backbones.chat_options import ChatOptions

FOREIGN = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, RuntimeError),
    *(SafetensorError, StrictDataclassError),
)
"""What transformers answers a wrong file with, in many lines."""

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Loaded:
    """A model ready to run.

    Attributes:
        model: of transformers, in evaluation mode.
        processor: its own.
        device: where its inputs go, in a word.
        dtype: of its weights, in a word.
        adapters: laid on it; None where there are none.
    """

    model: Any
    processor: Any
    device: str
    dtype: str
    adapters: Adapters | None = None

    @property
    def image_token(self) -> str:
        """The text that stands for a picture in a prompt."""
        named = getattr(self.processor, "image_token", None)
        return str(named or self.processor.tokenizer.convert_ids_to_tokens(self.model.config.image_token_id))

    @property
    def ends(self) -> list[int]:
        """Tokens that end a turn, by the model's generation settings."""
        return _ends(self.model)


@contextmanager
def silence() -> Iterator[None]:
    """Transformers without its bars and its warnings, which are about files that nobody here can mend."""
    log: Any = logging  # typed in part only
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def load(folder: Path, options: ChatOptions) -> Loaded:
    """Load model and processor of a folder.

    Raises:
        InputError: an option that this machine does not have.
        ModelError: the folder cannot be loaded, is no vision-language model, or lacks weights; or an adapter
            does not fit it.
        MissingExtra: there are adapters and PEFT is not installed.
    """
    import visq.hf  # noqa: F401 (makes `mini` a model of transformers')

    device, dtype = _choose(options)
    config = _read(folder, lambda: AutoConfig.from_pretrained(folder, trust_remote_code=options.remote_code))
    _expect_pictures(folder, config, remote_code=options.remote_code)
    processor = _read(folder, lambda: load_processor(folder, config, remote_code=options.remote_code))
    if not hasattr(processor, "image_processor"):
        raise ModelError(
            f"model {shown_name(folder)!r}: its processor takes no pictures; use a vision-language model"
        )
    placed: dict[str, Any] = {} if options.device_map is None else {"device_map": options.device_map}
    attention = {} if options.attention == "auto" else {"attn_implementation": options.attention}
    model, report = _read(
        folder,
        lambda: AutoModelForImageTextToText.from_pretrained(
            folder, dtype=DTYPES[dtype], trust_remote_code=options.remote_code, output_loading_info=True,
            **placed, **attention,
        ),
    )  # fmt: skip
    _expect_all_weights(folder, report)
    _expect_room(folder, model)
    _expect_ends(folder, model)
    if not placed:
        model = _read(folder, lambda: model.to(device))
    adapters = _lay_on(model.eval(), options.adapters)
    return Loaded(model, processor, str(model.device), dtype, adapters)


def _lay_on(model: Any, folders: tuple[str, ...]) -> Adapters | None:
    if not folders:
        return None
    try:
        from visq.backbones.adapters_torch import Adapters
    except ImportError as error:
        raise MissingExtra(error.name or "peft", "vlm") from error
    return Adapters(model, folders)


def _choose(options: ChatOptions) -> tuple[str, str]:
    device = options.device
    if device == "auto":
        device = (
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    if not _is_here(device):
        raise InputError(f"device {device!r} is not on this machine; use 'auto' or 'cpu'", kind="usage")
    dtype = options.dtype
    if dtype == "auto":
        half = "bfloat16" if device.startswith("cuda") and torch.cuda.is_bf16_supported() else "float16"
        dtype = "float32" if device == "cpu" else half
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is none of: auto, {', '.join(DTYPES)}", kind="usage")
    return device, dtype


def _is_here(device: str) -> bool:
    try:
        wanted = torch.device(device)
    except RuntimeError:  # no word of torch's
        return False
    if wanted.type == "cuda":
        return (wanted.index or 0) < torch.cuda.device_count()
    return wanted.type == "cpu" or (wanted.type == "mps" and torch.backends.mps.is_available())


def _expect_pictures(folder: Path, config: Any, *, remote_code: bool) -> None:
    known = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    if not known and not (remote_code and hasattr(config, "auto_map")):
        raise ModelError(
            f"model {shown_name(folder)!r} has no picture tower (its kind is {config.model_type!r}); "
            "use a vision-language model"
        )
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"model {shown_name(folder)!r} is an encoder with a decoder; use a decoder-only chat model"
        )


def _expect_all_weights(folder: Path, report: Mapping[str, Any]) -> None:
    missing = sorted(report.get("missing_keys") or ())
    if missing:
        raise ModelError(
            f"model {shown_name(folder)!r} lacks {len(missing)} weights that its config names, among them "
            f"{missing[0]!r}; download it again"
        )


def _expect_room(folder: Path, model: Any) -> None:
    """Weights left on a disk, or moved there and back, are not there to be read."""
    if any(parameter.is_meta for parameter in model.parameters()):
        raise ModelError(
            f"model {shown_name(folder)!r} does not fit these devices; use a smaller dtype (--dtype "
            "bfloat16), more devices, or a smaller model"
        )


def _expect_ends(folder: Path, model: Any) -> None:
    """Generation settings that transformers cannot read it passes over without a word."""
    path = folder / "generation_config.json"
    tokens = getattr(model.get_input_embeddings(), "num_embeddings", None)
    strange = [end for end in _ends(model) if tokens is not None and not 0 <= end < tokens]
    if path.exists() and (is_damaged(path) or strange):
        raise ModelError(f"model {shown_name(folder)!r}: {path.name} is damaged; download it again")
    if strange:
        raise ModelError(
            f"model {shown_name(folder)!r}: its turns end with token {strange[0]}, and it has {tokens}; "
            "download it again"
        )


def _ends(model: Any) -> list[int]:
    found = getattr(model.generation_config, "eos_token_id", None)
    return [] if found is None else [found] if isinstance(found, int) else list(found)


def _read(folder: Path, read: Any) -> Any:
    try:
        return read()
    except FOREIGN as error:
        raise ModelError(f"model {shown_name(folder)!r} cannot be loaded: {_why(folder, error)}") from error


def _why(folder: Path, error: Exception) -> str:
    """What happened, and what to do where that is known."""
    if "trust_remote_code" in str(error):
        return "it brings code of its own; let that run with --remote-code if you trust it"
    found = damage(folder)
    if not found and isinstance(error, StrictDataclassError):
        found = f"config.json is wrong: {first_line(error.__cause__ or error)}"
    return f"{found}; download it again" if found else first_line(error)
