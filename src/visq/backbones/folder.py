"""Model folders: finds one by name, reads its `model.toml`, hashes it. Knows no pixels and runs no model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from visq.core import toml
from visq.core.errors import ModelError
from visq.core.registry import unknown_name
from visq.readouts import Calibration

_FORMAT = 1


@dataclass(frozen=True)
class ModelFolder:
    """A model folder and its description.

    Attributes:
        path: the folder.
        name: as people type it.
        spec: model.toml, parsed.
    """

    path: Path
    name: str
    spec: Mapping[str, Any]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over the weights and model.toml: the identity of every score it gives."""
        try:
            parts = [path.read_bytes() for path in (self.weights, self.path / "model.toml")]
        except OSError as error:
            raise ModelError(f"model {self.name!r}: no {error.filename}: {error.strerror}") from error
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()

    @property
    def weights(self) -> Path:
        """The weights file."""
        return self.path / str(self.field("weights", "file"))

    def field(self, *keys: str) -> Any:  # TOML values have no common type
        """A value of model.toml.

        Raises:
            ModelError: it is missing.
        """
        value: Any = self.spec
        for key in keys:
            if not isinstance(value, Mapping) or key not in value:
                raise ModelError(f"model {self.name!r}: model.toml has no {'.'.join(keys)!r}")
            value = value[key]
        return value

    def calibration(self, aspect: str) -> Calibration | None:
        """The calibration of an aspect, or None where the model has none."""
        table = self.spec.get("calibration", {}).get(aspect)
        return None if table is None else Calibration.from_table(table)


def shipped_models() -> dict[str, Path]:
    """Name -> folder of the models inside the package."""
    root = Path(str(resources.files("visq"))) / "models"
    return {folder.parent.name: folder.parent for folder in sorted(root.glob("*/model.toml"))}


def find_model(name: str) -> ModelFolder:
    """The model folder a name stands for: a shipped model, or a folder with a model.toml.

    Raises:
        UnknownName: neither a shipped model nor a folder.
        ModelError: a folder without a usable model.toml.
    """
    shipped = shipped_models()
    folder = shipped.get(name, Path(name))
    if name not in shipped and not folder.is_dir():
        raise unknown_name("model", name, shipped)
    file = folder / "model.toml"
    try:
        spec = toml.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"model {name!r}: no model.toml in {str(folder)!r}; give a model folder") from None
    except (OSError, UnicodeDecodeError, toml.TOMLDecodeError) as error:
        raise ModelError(f"model {name!r}: cannot read model.toml: {error}") from error
    if spec.get("format") != _FORMAT:
        raise ModelError(
            f"model {name!r}: model.toml has format {spec.get('format')!r}, this visq reads {_FORMAT}"
        )
    return ModelFolder(folder, name, spec)
