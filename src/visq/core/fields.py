"""Checked reading of a model's TOML tables; errors name file and field. Knows no field's meaning."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from visq.core.errors import ModelError
from visq.core.registry import unknown_name

_SHOWN = 80


@dataclass(frozen=True)
class Fields:
    """One table of a TOML file, and where it stands.

    Attributes:
        values: the table, as parsed.
        about: what errors open with: the model and the file.
        path: of this table within the file, e.g. `calibration.quality`; empty for the whole file.

    Example:
        >>> tables = Fields({"weights": {"file": 3}}, "model 'm': model.toml")
        >>> tables.table("weights").text("file")
        Traceback (most recent call last):
        visq.core.errors.ModelError: model 'm': model.toml: 'weights.file' is 3; wanted text
    """

    values: Mapping[str, Any]
    about: str
    path: str = ""

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def where(self, key: str) -> str:
        """The path of a field within the file."""
        return f"{self.path}.{key}" if self.path else key

    def value(self, key: str) -> Any:  # TOML values have no common type
        """A value of any type.

        Raises:
            ModelError: it is missing.
        """
        if key not in self.values:
            raise ModelError(f"{self.about} has no {self.where(key)!r}")
        return self.values[key]

    def wrong(self, key: str, wanted: str) -> ModelError:
        """The error for a value that is not what is wanted; for a missing one, that it is missing."""
        return ModelError(f"{self.about}: {self.where(key)!r} is {shown(self.value(key))}; wanted {wanted}")

    def text(self, key: str, default: str | None = None) -> str:
        """Text that is not blank; `default`, if given, stands for a missing one."""
        if default is not None and key not in self.values:
            return default
        found = self.value(key)
        if not (isinstance(found, str) and found.strip()):
            raise self.wrong(key, "text")
        return found

    def choice(self, key: str, concept: str, known: Iterable[str]) -> str:
        """One of the names known; the error offers the nearest."""
        name, names = self.text(key), list(known)
        if name not in names:
            raise self.unknown(key, concept, name, names)
        return name

    def unknown(self, key: str, concept: str, name: str, known: Iterable[str]) -> ModelError:
        """The error for a name nobody knows, with the nearest one and the list of all."""
        return ModelError(f"{self.about}: {self.where(key)!r}: {unknown_name(concept, name, known)}")

    def number(self, key: str, wanted: str = "a finite number") -> float:
        """A finite number."""
        found = self.value(key)
        if not _is_finite(found):
            raise self.wrong(key, wanted)
        return float(found)

    def numbers(self, key: str, n: int, wanted: str) -> tuple[float, ...]:
        """A list of n finite numbers."""
        found = self.value(key)
        if not (isinstance(found, list) and len(found) == n and all(map(_is_finite, found))):
            raise self.wrong(key, wanted)
        return tuple(float(number) for number in found)

    def whole_numbers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers, 0 or more."""
        found = self.value(key)
        if not (isinstance(found, list) and all(type(number) is int and number >= 0 for number in found)):
            raise self.wrong(key, "a list of whole numbers, 0 or more")
        return tuple(found)

    def table(self, key: str) -> Fields:
        """A table within this one."""
        found = self.value(key)
        if not isinstance(found, Mapping):
            raise self.wrong(key, f"a table, written [{self.where(key)}]")
        return Fields(found, self.about, self.where(key))

    def tables(self, key: str) -> list[Fields]:
        """A list of tables; a missing one is an empty list."""
        found = self.values.get(key, [])
        if not (isinstance(found, list) and all(isinstance(item, Mapping) for item in found)):
            raise self.wrong(key, f"tables, each written [[{self.where(key)}]]")
        return [Fields(item, self.about, f"{self.where(key)}[{i}]") for i, item in enumerate(found)]


def shown(value: object) -> str:
    """A value as people read it in one line, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _is_finite(value: object) -> bool:
    """Whether a TOML value is a number that float64 can hold; true and false are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
