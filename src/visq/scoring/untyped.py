"""What nobody typed: the model, its device, pixels and temperature, from the environment. Loads no model.

The one place that asks the environment for them; below it all is handed down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from visq.backbones import ModelFolder, find_model, shipped_models
from visq.backbones.environment import Environment, read_environment
from visq.backbones.model_name import ModelName, parse_model_name
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
        notes: what the environment gave, a line; empty where it gave nothing.
    """

    folder: ModelFolder
    wanted: Wanted
    machine: Machine
    notes: tuple[str, ...]


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
        return (f"from the environment: {', '.join(self.used)}",) if self.used else ()


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

    Raises:
        InputError: a variable cannot be used; the message names it.
    """
    if machine.device is None:
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
    folder = find_model(name if model is None else model, remote_code=machine.remote_code)
    if folder.backbone == "chat":
        machine = machine_of(machine, asking)
    if wanted.temperature is None and wanted.readout != "text":
        wanted = replace(wanted, temperature=asking("temperature").temperature)
    return Chosen(folder, wanted, machine, asking.notes)
