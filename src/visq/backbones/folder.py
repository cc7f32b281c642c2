"""Model folders: finds one by name, checks its `model.toml`, hashes it. Knows no pixels and runs no model.

What every model has is checked when the folder is found, so that a wrong folder is one line before any
picture is read. What one kind of model has more (size of its input, names of its outputs) its backbone reads
from `ModelFolder.fields`. A folder in transformers' layout needs no `model.toml`: what is not written is said
by whoever loads it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from visq.aspects import aspect
from visq.aspects import names as aspect_names
from visq.backbones.adapters import CONFIG, WEIGHTS
from visq.backbones.environment import hub_cache
from visq.backbones.file_hash import sha256_of
from visq.backbones.model_name import ModelName, Source, parse_model_name
from visq.backbones.weights import locate
from visq.core import toml
from visq.core.errors import InputError, ModelError
from visq.core.fields import Fields, shown
from visq.media import read_bytes
from visq.readouts import READOUTS, Calibration

_LOG = logging.getLogger(__name__)

_FORMAT = 1
_OF_TRANSFORMERS = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt", ".py")
_READOUTS = ("levels",)  # the others read what is asked in other words than visq's aspects


@dataclass(frozen=True)
class ModelFolder:
    """A model folder and its description, checked; `find_model` makes it.

    Attributes:
        path: the folder.
        name: as people type it.
        fields: model.toml, for what only one kind of model has.
        backbone: name of what runs it; registered.
        readout: name of what makes scores of its answers; registered.
        aspects: names of what it scores; known to visq, with visq's own level words and scale.
        weights: name -> weights file; one called `model` where model.toml names no more.
        calibrations: aspect -> its calibration; lacks aspects without one.
        hashed: the files that make its scores.
        adapters: folders of what is laid on it, in order.
    """

    path: Path
    name: str
    fields: Fields
    backbone: str
    readout: str
    aspects: tuple[str, ...]
    weights: Mapping[str, Path]
    calibrations: Mapping[str, Calibration]
    hashed: tuple[Path, ...]
    adapters: tuple[Path, ...] = ()

    @property
    def is_described(self) -> bool:
        """Whether a model.toml says what it is; else it is a chat model that anything may be asked."""
        return bool(self.fields.values)

    @property
    def spec(self) -> Mapping[str, Any]:  # TOML values have no common type
        """model.toml, parsed."""
        return self.fields.values

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over the SHA-256 of each file of `hashed`: the identity of every score it gives."""
        try:
            with _said_if_slow(f"model {self.name!r}: reading all of its files once, for their hash"):
                parts = [sha256_of(path) for path in self.hashed]
        except OSError as error:
            raise ModelError(f"model {self.name!r}: no {error.filename}: {error.strerror}") from error
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def field(self, *keys: str) -> Any:  # TOML values have no common type
        """A value of model.toml.

        Raises:
            ModelError: it is missing.
        """
        fields = self.fields
        for key in keys[:-1]:
            fields = fields.table(key)
        return fields.value(keys[-1])

    def graph(self, part: str) -> Path:
        """A weights file.

        Raises:
            ModelError: model.toml names none of this name.
        """
        if part not in self.weights:
            raise ModelError(f"model {self.name!r}: model.toml has no [weights.{part}]")
        return self.weights[part]

    def calibration(self, aspect: str) -> Calibration | None:
        """The calibration of an aspect, or None where the model has none."""
        return self.calibrations.get(aspect)


SLOW_S = 2.0
"""Seconds of silence after which people ask themselves whether anything happens."""


@contextmanager
def _said_if_slow(text: str) -> Iterator[None]:
    timer = threading.Timer(SLOW_S, _LOG.warning, ("%s", text))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def shipped_models() -> dict[str, Path]:
    """Name -> folder of the models inside the package."""
    root = Path(str(resources.files("visq"))) / "models"
    return {folder.parent.name: folder.parent for folder in sorted(root.glob("*/model.toml"))}


def find_model(name: str | ModelName, *, remote_code: bool = False) -> ModelFolder:
    """The model folder a name stands for, visq's or transformers'; from a hub where it is not here.

    A hub's cache is the one that the environment names.

    Args:
        name: a shipped model, a folder, or ORG/NAME[@REV]; then any number of +ADAPTER. Or taken apart.
        remote_code: fetch code that comes with a model of a hub.

    Raises:
        UnknownName: it is none of these.
        ModelError: a folder without a usable model.toml or config.json (the message names the field), a hub
            that does not give it, or an adapter on a model that takes none.
        MissingExtra: a model of a hub, and huggingface_hub is not installed.
    """
    shipped = shipped_models()
    parsed = name if isinstance(name, ModelName) else parse_model_name(name, shipped)
    base, name = parsed.base, str(name)
    if base.kind == "server":
        raise ModelError(f"model {name!r}: servers are not asked yet; give a folder or ORG/NAME")
    if base.kind == "shipped":
        folder = shipped[base.name]
    else:
        folder = locate(base, cache=hub_cache(os.environ), remote_code=remote_code)
    found = _in_folder(folder, name)
    return _with_adapters(found, parsed.adapters) if parsed.adapters else found


def _with_adapters(found: ModelFolder, adapters: Sequence[Source]) -> ModelFolder:
    if found.backbone != "chat":
        raise ModelError(
            f"model {found.name!r}: it runs on ONNX Runtime and takes no adapters; give a folder that "
            "transformers reads"
        )
    folders = tuple(locate(one, cache=hub_cache(os.environ)) for one in adapters)
    files = tuple(folder / file for folder in folders for file in (CONFIG, WEIGHTS))
    return replace(found, adapters=folders, hashed=(*found.hashed, *files))


def _in_folder(folder: Path, name: str) -> ModelFolder:
    if os.path.exists(folder / "model.toml"):
        return _described(folder, name)
    if not os.path.exists(folder / "config.json"):
        if os.path.exists(folder / CONFIG):
            raise ModelError(
                f"model {name!r} is an adapter; give it behind the model that it lies on: MODEL+{name}"
            )
        raise ModelError(
            f"model {name!r}: no model.toml in {str(folder)!r}, and no config.json; give a model folder"
        )
    return _bare(folder, name)


def _bare(folder: Path, name: str) -> ModelFolder:
    """A folder in transformers' layout: what no file says is what visq's own models are asked."""
    return ModelFolder(
        path=folder,
        name=name,
        fields=Fields({}, f"model {name!r}: no model.toml"),
        backbone="chat",
        readout="levels",
        aspects=tuple(aspect_names()),
        weights={},
        calibrations={},
        hashed=_of_transformers(folder),
    )


def _of_transformers(folder: Path) -> tuple[Path, ...]:
    """Weights, config, tokenizer, processor, template and code, by name."""
    return tuple(path for path in sorted(folder.iterdir()) if path.suffix in _OF_TRANSFORMERS)


def _described(folder: Path, name: str) -> ModelFolder:
    from visq.backbones import BACKBONES  # here, since that package imports this file

    fields = read_table(folder, name, "model.toml")
    if fields.values.get("format") != _FORMAT:
        found = shown(fields.values.get("format"))
        raise ModelError(f"model {name!r}: model.toml has format {found}, this visq reads {_FORMAT}")
    aspects = _aspects(fields.table("aspects"))
    backbone = fields.choice("backbone", BACKBONES.concept, BACKBONES)
    weights = {part: inner_file(table, folder) for part, table in weight_tables(fields).items()}
    read = _of_transformers(folder) if backbone == "chat" else weights.values()
    return ModelFolder(
        path=folder,
        name=name,
        fields=fields,
        backbone=backbone,
        readout=fields.choice("readout", READOUTS.concept, _READOUTS),
        aspects=aspects,
        weights=weights,
        calibrations=_calibrations(fields, aspects),
        hashed=(*read, folder / "model.toml"),
    )


def read_table(folder: Path, name: str, file: str) -> Fields:
    """A TOML file of a model folder.

    Args:
        folder: of the model.
        name: of the model, for errors.
        file: name of the file in it.

    Raises:
        ModelError: the file is missing, cannot be read, or is no TOML.
    """
    try:
        text = read_bytes(folder / file).decode("utf-8")
        return Fields(toml.loads(text), f"model {name!r}: {file}")
    except InputError as error:
        raise ModelError(f"model {name!r}: cannot read {file}: {error}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or lists within lists without end
        raise ModelError(f"model {name!r}: cannot read {file}: {error}") from error


def weight_tables(fields: Fields) -> dict[str, Fields]:
    """Name -> table of a weights file: `[weights]` itself, called `model`, or each of `[weights.NAME]`.

    Raises:
        ModelError: there is none.
    """
    weights = fields.table("weights")
    if "file" in weights or not weights.values:
        return {"model": weights}
    return {name: weights.table(name) for name in weights.values}


def inner_file(fields: Fields, folder: Path) -> Path:
    """The path of the field `file`, which has to lie inside the folder.

    Raises:
        ModelError: it is no relative path, or leads out of the folder.
    """
    text = fields.text("file")
    path = Path(text)
    if path.is_absolute() or ".." in path.parts or not path.parts or not text.isprintable():
        raise fields.wrong("file", "a path inside the model's folder")
    return folder / path


def read_size(fields: Fields) -> tuple[int, int]:
    """Height and width that `[preprocessing]` gives.

    Raises:
        ModelError: they are missing or no two whole numbers.
    """
    wanted = "[height, width], two whole numbers above 0"
    height, width = fields.numbers("size", 2, wanted)
    if not all(side >= 1 and side.is_integer() for side in (height, width)):
        raise fields.wrong("size", wanted)
    return int(height), int(width)


def _aspects(tables: Fields) -> tuple[str, ...]:
    """Names of the aspects; a model trained on other words or another scale than visq's is refused."""
    if not tables.values:
        raise ModelError(f"{tables.about} has no aspect; write a table such as [aspects.quality]")
    for name in tables.values:
        if name not in aspect_names():
            raise tables.unknown(name, "aspect", name, aspect_names())
        table, known = tables.table(name), aspect(name)
        if table.value("levels") != list(known.levels):
            raise table.wrong("levels", f"visq's own words, {list(known.levels)}")
        ends = [known.scale.low, known.scale.high]
        if list(table.numbers("scale", 2, f"visq's own scale, {_ends(ends)}")) != ends:
            raise table.wrong("scale", f"visq's own scale, {_ends(ends)}")
    return tuple(tables.values)


def _ends(ends: list[float]) -> str:
    return f"[{ends[0]:g}, {ends[1]:g}]"


def _calibrations(fields: Fields, aspects: tuple[str, ...]) -> dict[str, Calibration]:
    """Calibrations by aspect; a misspelt aspect would lose its interval without a word, so it is refused."""
    if "calibration" not in fields:
        return {}
    tables = fields.table("calibration")
    for name in tables.values:
        if name not in aspects:
            raise tables.unknown(name, "aspect of this model", name, aspects)
    return {name: Calibration.from_table(tables.table(name)) for name in tables.values}
