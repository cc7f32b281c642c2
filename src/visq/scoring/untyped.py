"""What nobody typed: the model, its device, pixels and temperature, from the environment. Loads no model.

The one place that asks the environment for them; below it all is handed down.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from visq.backbones import ModelFolder, find_model, shipped_models
from visq.backbones.environment import ADAPTER, Environment, read_environment
from visq.backbones.model_name import ModelName, parse_model_name
from visq.core.errors import VisqError
from visq.scoring.asked import Wanted
from visq.scoring.model import Machine

MODEL = "mini"
"""The model where none is typed and the environment names none."""


@dataclass(frozen=True)
class Chosen:
    """A model and how it is asked, all that nobody typed filled in.

    Attributes:
        folder: the model.
        wanted: which words and which read-out; None of it is left to the environment.
        machine: what it runs on.
        used: what the environment gave, `NAME=value` each.
    """

    folder: ModelFolder
    wanted: Wanted
    machine: Machine
    used: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the environment gave, a line for people; empty where it gave nothing."""
        return _told(self.used)


@dataclass
class Asking:
    """An environment, and which of its variables were taken.

    Attributes:
        variables: such as `os.environ`.
        used: `NAME=value` of each that was taken.
    """

    variables: Mapping[str, str]
    used: list[str] = field(default_factory=list)

    def __call__(self, *fields: str) -> Environment:
        """What it says of some fields.

        Raises:
            InputError: a variable cannot be used; the message names it.
        """
        found = read_environment(self.variables, shipped_models(), fields)
        self.used += found.used
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken, a line for people; empty where nothing was."""
        return _told(self.used)


def _told(used: Sequence[str]) -> tuple[str, ...]:
    return (f"from the environment: {', '.join(used)}",) if used else ()


@contextmanager
def naming_variables(used: Sequence[str]) -> Iterator[None]:
    """Errors inside about a value that came from the environment end with the variable that gave it.

    Args:
        used: `NAME=value` of each that was taken; read when an error comes.

    Example:
        >>> with naming_variables(["CUDA_DEVICE=cuda:9"]):
        ...     raise VisqError("device 'cuda:9' is not on this machine")
        Traceback (most recent call last):
        visq.core.errors.VisqError: device 'cuda:9' is not on this machine (from CUDA_DEVICE)
    """
    try:
        yield
    except VisqError as error:
        text = str(error)
        given = (one.partition("=") for one in used)
        names = [name for name, _, value in given if name not in text and _is_about(text, name, value)]
        if names:
            error.args = (f"{text} (from {', '.join(names)})", *error.args[1:])
        raise


def _is_about(text: str, name: str, value: str) -> bool:
    """Whether an error quotes a value, whole or as folders and models of a hub are shown.

    An adapter is not quoted where none fits; such an error speaks of adapters.
    """
    source = value.partition("@")[0]
    forms = "|".join(map(re.escape, {value, source, Path(source).name} - {""}))
    return bool(re.search(rf"'([^']*\+)?({forms})([+@][^']*)?'", text)) or (
        name in ADAPTER and "adapters" in text
    )


def name_of(model: str | None, asking: Asking) -> ModelName:
    """A model's name taken apart: what was typed, else the environment's with its adapter, else `mini`.

    Raises:
        UnknownName: what was typed is no name of a model.
        InputError: the environment's names none, or its adapter is not there.
    """
    if model is not None:
        found = parse_model_name(model, shipped_models())
    else:
        found = asking("model").model or parse_model_name(MODEL, shipped_models())
    if any(one.kind == "hub" for one in (found.base, *found.adapters)):
        asking("cache")  # which `find_model` takes by itself; here it is said
    return found


def machine_of(machine: Machine, asking: Asking) -> Machine:
    """What a chat model runs on: device and most pixels from the environment, where none were typed.

    A device map that was typed chooses the devices: then the environment's is not looked at.

    Raises:
        InputError: a variable cannot be used; the message names it.
    """
    if machine.device is None and machine.device_map is None:
        machine = replace(machine, device=asking("device").device)
    if machine.pixels is None and (most := asking("max_pixels").max_pixels) is not None:
        machine = replace(machine, pixels=f"..{most}")
    return machine


def chosen(
    model: str | None, wanted: Wanted, machine: Machine, variables: Mapping[str, str] | None = None
) -> Chosen:
    """Find a model, and fill in what nobody typed: None in any of these.

    A model on ONNX Runtime takes neither device nor pixels, read-out `text` no temperature: what would have
    no effect is not taken.

    Args:
        model: its name; None takes the environment's, else `mini`.
        wanted: which words and which read-out.
        machine: what it runs on.
        variables: None takes `os.environ`.

    Raises:
        UnknownName, ModelError, MissingExtra: as `find_model`.
        InputError: a variable cannot be used; the message names it.
    """
    asking = Asking(os.environ if variables is None else variables)
    name = name_of(model, asking)
    with naming_variables(asking.used):
        folder = find_model(name if model is None else model, remote_code=machine.remote_code)
    if folder.backbone == "chat":
        machine = machine_of(machine, asking)
    if wanted.temperature is None and wanted.readout != "text":
        wanted = replace(wanted, temperature=asking("temperature").temperature)
    return Chosen(folder, wanted, machine, tuple(asking.used))
