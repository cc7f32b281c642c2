"""Defaults that the environment gives: which model and adapter, pixels, temperature, device, cache. Pure.

The names are those of the scripts that visq takes over from (SPEC 3.8); with `VISQ_` before them they win.
An empty variable counts as none. What is typed wins over all of them: then a variable is not even looked at.
A model that is typed takes no adapter from here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from visq.backbones.model_name import ModelName, Source, parse_adapter_name, parse_model_name
from visq.core.errors import InputError, UnknownName

MODEL = ("VISQ_MODEL_PATH", "MODEL_PATH", "QWEN_MODEL_PATH")
ADAPTER = ("VISQ_LORA_PATH", "LORA_PATH", "QWEN_LORA_PATH", "QWEN_LORA_SFT_PATH", "QWEN_LORA_DPO_PATH")
CACHE = ("VISQ_CACHE_DIR", "CACHE_DIR")
PIXELS = ("VISQ_MAX_PIXELS", "MAX_PIXELS")
TEMPERATURE = ("VISQ_TEMPERATURE", "TEMPERATURE")
DEVICE = ("VISQ_CUDA_DEVICE", "CUDA_DEVICE")

FIELDS = ("model", "cache", "max_pixels", "temperature", "device")
"""What can be asked for: the model comes with its adapter."""

_STAGES = ADAPTER[-2:]
"""Two stages of one training: which of them is meant has to be said."""


@dataclass(frozen=True)
class Environment:
    """What the environment says; None where it says nothing.

    Attributes:
        model: with the adapter laid on it.
        cache: folder of a hub's cache.
        max_pixels: of a picture, 1 or more.
        temperature: of a read-out, above 0.
        device: of torch.
        used: the variables that gave them, each `NAME=value`.
    """

    model: ModelName | None = None
    cache: str | None = None
    max_pixels: int | None = None
    temperature: float | None = None
    device: str | None = None
    used: tuple[str, ...] = ()


def hub_cache(variables: Mapping[str, str]) -> str | None:
    """The folder of a hub's cache that the environment names, if it names one other than the hub's own."""
    return next((variables[name] for name in CACHE if variables.get(name)), None)


def read_environment(
    variables: Mapping[str, str], shipped: Collection[str] = (), fields: Collection[str] = FIELDS
) -> Environment:
    """Read the defaults.

    Args:
        variables: such as `os.environ`.
        shipped: names of the models that came with visq.
        fields: what is wanted, of FIELDS; variables of the others are not looked at.

    Raises:
        InputError: a model or an adapter that is not there, an adapter without a model, or no number where
            one is due; the message names the variable.

    Example:
        >>> found = read_environment({"MODEL_PATH": "org/model", "LORA_PATH": "you/lora", "CUDA_DEVICE": ""})
        >>> str(found.model), found.device, found.used
        ('org/model+you/lora', None, ('MODEL_PATH=org/model', 'LORA_PATH=you/lora'))
    """
    used: list[str] = []

    def first(field: str, names: Collection[str]) -> tuple[str, str] | None:
        """Variable and value of the first name that has one, if the field is wanted."""
        name = next((name for name in names if field in fields and variables.get(name)), None)
        if name is None:
            return None
        used.append(f"{name}={variables[name]}")
        return name, variables[name]

    adapters = _one_stage(variables) if "model" in fields else ()
    model = _model(first("model", MODEL), first("model", adapters), shipped)
    cache, device = first("cache", CACHE), first("device", DEVICE)
    pixels = _number(first("max_pixels", PIXELS), "a whole number above 0", whole=True)
    return Environment(
        model=model,
        cache=cache and cache[1],
        max_pixels=None if pixels is None else int(pixels),
        temperature=_number(first("temperature", TEMPERATURE), "a number above 0"),
        device=device and device[1],
        used=tuple(used),
    )


def _one_stage(variables: Mapping[str, str]) -> Collection[str]:
    if all(map(variables.get, _STAGES)) and not any(map(variables.get, ADAPTER[:-2])):
        raise InputError(f"{' and '.join(_STAGES)} are both set; set {ADAPTER[0]} to the one that is meant")
    return ADAPTER


def _model(
    model: tuple[str, str] | None, adapter: tuple[str, str] | None, shipped: Collection[str]
) -> ModelName | None:
    if model is None:
        if adapter is not None:
            raise InputError(
                f"{adapter[0]} names an adapter and nothing names its model; set {MODEL[0]}, or unset it"
            )
        return None
    try:
        found = parse_model_name(model[1], shipped)
    except UnknownName as error:
        raise InputError(f"{model[0]}: {error}") from error
    return found if adapter is None else ModelName(found.base, (*found.adapters, _adapter(*adapter)))


def _adapter(name: str, value: str) -> Source:
    try:
        return parse_adapter_name(value)
    except UnknownName as error:
        raise InputError(f"{name}: {error}") from error


def _number(given: tuple[str, str] | None, wanted: str, *, whole: bool = False) -> float | None:
    if given is None:
        return None
    name, text = given
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise InputError(f"{name} must be {wanted}, not {text!r}")
    return value
