"""A model's name, and what is wanted of it, to a model ready to be asked. Knows no picture and no score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from visq.aspects import every_aspect
from visq.aspects import names as aspect_names
from visq.backbones import BACKBONES, Backbone, ModelFolder, find_model
from visq.backbones.chat_options import ChatOptions
from visq.backbones.families import known_dialect, trained_names
from visq.core.errors import InputError, UnknownName
from visq.core.registry import unknown_name
from visq.scoring.asked import USAGE, Asked, Wanted, choose
from visq.scoring.explain import Explaining, explaining_of, said_of

_OWN_WORDS = "visq"
_NO_PIXELS = np.zeros((1, 1, 3), dtype=np.uint8)

DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
"""Ways of accelerate to spread a model over devices, by name."""


@dataclass(frozen=True)
class Machine:
    """What a model runs on, and how it sees; `auto` and None leave it to the model.

    Attributes:
        device: None, `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        dtype: `auto`, `float32`, `float16`, `bfloat16`.
        attention: `auto`, or an implementation of transformers, such as `eager`.
        pixels: MIN..MAX of a picture, either of them may be missing (`..1000000`).
        remote_code: code that comes with the model may run. It can do anything that you can.
        device_map: how a model is spread over devices, of DEVICE_MAPS, in place of `device`. No result
            depends on it.
    """

    device: str | None = None
    dtype: str = "auto"
    attention: str = "auto"
    pixels: str | None = None
    remote_code: bool = False
    device_map: str | None = None

    def __post_init__(self) -> None:
        self.chat_options(picture_first=True)  # refuses what no machine has
        if self.device_map is not None and self.device_map not in DEVICE_MAPS:
            raise unknown_name("device map", self.device_map, DEVICE_MAPS)
        if self.device_map is not None and self.device is not None:
            raise InputError(
                f"--device-map {self.device_map} chooses the devices and --device {self.device} names one: "
                "give one of them",
                kind=USAGE,
            )

    def chat_options(self, *, picture_first: bool, adapters: Sequence[str] = ()) -> ChatOptions:
        """The same for a chat model.

        Raises:
            InputError: `pixels` is no range.
        """
        least, most = _pixels(self.pixels)
        return ChatOptions(
            device=self.device or "auto",
            dtype=self.dtype,
            attention=self.attention,
            device_map=self.device_map,
            min_pixels=least,
            max_pixels=most,
            picture_first=picture_first,
            remote_code=self.remote_code,
            adapters=tuple(adapters),
        )

    def refuse_for(self, model: str) -> None:
        """Refuse what a model on ONNX Runtime cannot take: nothing asked for is passed over.

        Raises:
            InputError: one of them is set.
        """
        usual = {"device": (None, "auto", "cpu"), "dtype": ("auto", "float32")}
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in usual.get(field.name, (field.default,)):
                given = "" if value is True else f" {value}"
                raise InputError(
                    f"model {model!r} runs on ONNX Runtime, in float32 on the CPU, and cannot take "
                    f"--{field.name.replace('_', '-')}{given}; leave it out",
                    kind=USAGE,
                )


def _pixels(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    least, dots, most = text.partition("..")
    if not dots or not (least or most) or not (least + most).isdecimal():
        raise InputError(f"pixels {text!r} is not of the form MIN..MAX; write 50000..1000000 or ..1000000")
    return int(least) if least else None, int(most) if most else None


@dataclass(frozen=True)
class Opened:
    """A model ready to be asked.

    Attributes:
        folder: what it is.
        backbone: what answers.
        asked: words and read-out of each aspect.
        notes: what was chosen for the user, a line each.
        explaining: how each aspect is explained; empty where none is to be.
    """

    folder: ModelFolder
    backbone: Backbone
    asked: tuple[Asked, ...]
    notes: tuple[str, ...]
    explaining: tuple[Explaining, ...] = ()


def open_model(model: str | ModelFolder, wanted: Wanted, machine: Machine, threads: int) -> Opened:
    """Find a model, choose its words, load it.

    Args:
        model: its name, or what was found by it.
        wanted: which words and which read-out.
        machine: what it runs on.
        threads: CPU threads, 1 or more.

    Raises:
        UnknownName, ModelError, InputError, MissingExtra: as `visq.load`.
    """
    if threads < 1:
        raise InputError(f"threads must be 1 or more, not {threads}")
    folder, asked, notes = plan_model(model, wanted, machine)
    backbone = open_backbone(folder, asked, machine, threads)
    for one in asked:
        backbone.expect_words(one.of(_NO_PIXELS), one.answers)
    notes += [str(one) for one in getattr(getattr(backbone, "adapters", None), "attached", ())]
    ways = explaining_of(backbone, asked) if wanted.explain else []
    return Opened(folder, backbone, tuple(asked), (*notes, *said_of(ways)), tuple(ways))


def plan_model(
    model: str | ModelFolder, wanted: Wanted, machine: Machine
) -> tuple[ModelFolder, list[Asked], list[str]]:
    """The folder of a model, the words chosen, and what is said of them: all that needs no model loaded.

    Args:
        model: its name, or what was found by it.
        wanted: which words and which read-out.
        machine: what it would run on.

    Raises:
        UnknownName, ModelError, InputError, MissingExtra: as `visq.load`.
    """
    folder = model if isinstance(model, ModelFolder) else find_model(model, remote_code=machine.remote_code)
    if folder.backbone != "chat":
        machine.refuse_for(folder.name)
    _expect_answers(folder, wanted)
    known = None if folder.is_described else known_dialect(trained_names((folder.path, *folder.adapters)))
    dialect = wanted.dialect or known or _OWN_WORDS
    asked = choose(_as_folder(wanted, folder), _names(folder, wanted, dialect), dialect)
    return folder, asked, _said(folder, wanted, known, asked)


def _said(folder: ModelFolder, wanted: Wanted, known: str | None, asked: Sequence[Asked]) -> list[str]:
    """Whose words were chosen, other than visq's own for a model of visq."""
    by_dialect: dict[str, list[str]] = {}
    for one in asked:
        by_dialect.setdefault(one.aspect.dialect, []).append(one.aspect.name)
    usual = {"own", _OWN_WORDS} if folder.is_described else {"own"}
    said = []
    for dialect, names in by_dialect.items():
        why = ", by the model's name" if dialect == known and not wanted.dialect else ""
        advice = "" if wanted.dialect else "; --dialect takes others"
        if dialect not in usual:
            said.append(f"{' and '.join(names)} asked in the words of {dialect}{why}{advice}")
    return said


def _expect_answers(folder: ModelFolder, wanted: Wanted) -> None:
    """A `head` has five answers and hears no question."""
    if not BACKBONES.get(folder.backbone).closed_set:
        return
    if wanted.explain:
        raise InputError(
            f"model {folder.name!r} writes nothing and cannot explain its scores; leave --explain out, or "
            "use another model",
            kind=USAGE,
        )
    if wanted.readout not in (None, folder.readout):
        raise InputError(
            f"model {folder.name!r} answers with level words only and cannot be read as {wanted.readout!r}; "
            f"use --readout {folder.readout}, or another model",
            kind=USAGE,
        )
    if wanted.dialect is not None:
        raise InputError(
            f"model {folder.name!r} reads no question, so that --dialect has no effect; leave it out",
            kind=USAGE,
        )


def _as_folder(wanted: Wanted, folder: ModelFolder) -> Wanted:
    """A described model is read as it says, unless another read-out is asked for."""
    if wanted.readout is None and folder.is_described:
        return replace(wanted, readout=folder.readout)
    return wanted


def _names(folder: ModelFolder, wanted: Wanted, dialect: str) -> list[str]:
    """The aspects asked for, or all the model is made for."""
    spoken = [one.name for one in every_aspect() if one.dialect == dialect]
    usual = [name for name in aspect_names() if name in spoken] or spoken
    offered = list(folder.aspects) if folder.is_described else usual
    names = offered if wanted.names is None else list(wanted.names)
    for name in names if folder.is_described else ():
        if name not in offered:
            raise UnknownName(
                f"model {folder.name!r} does not score {name!r}; it scores {', '.join(offered)}"
            )
    return names


def open_backbone(
    folder: ModelFolder, asked: Sequence[Asked], machine: Machine | None = None, threads: int = 1
) -> Backbone:
    """The model itself.

    Args:
        folder: as `find_model` gives it.
        asked: what it will be asked.
        machine: what it runs on; None leaves that to the model.
        threads: CPU threads; for a chat model those of torch, in this whole process.

    Raises:
        InputError: the aspects do not agree on where the picture stands, or the machine lacks a device.
        ModelError, MissingExtra: as `visq.load`.
    """
    make: Any = BACKBONES.get(folder.backbone)
    if folder.backbone != "chat":
        found: Backbone = make(folder, threads=threads)
        return found
    places = {one.aspect.picture for one in asked}
    if len(places) > 1:
        raise InputError(
            "these aspects show the picture before and after the question; score them in two runs", kind=USAGE
        )
    adapters = [str(path) for path in folder.adapters]
    options = (machine or Machine()).chat_options(picture_first=places == {"before"}, adapters=adapters)
    chat: Backbone = make(folder.path, options, aspects=[one.aspect.name for one in asked])
    import torch  # there, since Chat has asked for it

    torch.set_num_threads(threads)
    return chat
