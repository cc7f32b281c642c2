"""One part of a template: what may stand there, as text and as a value. Knows no whole text and no file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from visq.aspects.wording import read_choice, read_scale, read_texts, read_whole, refuse_unknown
from visq.core.errors import DataError
from visq.core.fields import Fields, shown
from visq.core.numbers import MOST_DECIMALS, number_text
from visq.core.scales import Scale

PartKind = Literal["text", "levels", "integers", "decimals"]
"""Free text, which has no score; a class; a whole number; a number with decimals."""

_KEYS = ("kind", "levels", "scale", "decimals", "reason")
# Nine digits hold every number of a scale; a longer run is no number that anybody meant. A number must not go
# on: "3.44 of 10." holds no 3. Nor is "3." one with decimals: it is left of "3.44." where the text was cut.
_WHOLE = r"[0-9]{1,9}(?!\.?[0-9])"
_WITH_DECIMALS = r"[0-9]{1,9}\.[0-9]{1,9}(?!\.?[0-9])"


@dataclass(frozen=True)
class Part:
    """What stands in one place of a template.

    Attributes:
        name: of the place.
        kind: what may stand there.
        scale: of a number; None for words, and for a number whose scale nobody has said yet.
        decimals: of a number; 0 for whole numbers and for words.
        levels: the words of a class; empty where only the data know them, and then any words may stand there.
        reason: name of the part that argues for this one; empty where none does.
    """

    name: str
    kind: PartKind
    scale: Scale | None = None
    decimals: int = 0
    levels: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_number(self) -> bool:
        """Whether a number stands here."""
        return self.kind in ("integers", "decimals")

    @property
    def number_pattern(self) -> str:
        """A regular expression for a number of this kind; it matches no beginning of a longer one."""
        return _WHOLE if self.kind == "integers" else _WITH_DECIMALS

    def write(self, value: str | float) -> str:
        """A value as it stands in the text; numbers are rounded half to even.

        Raises:
            DataError: it is not what may stand here; the message says what may.
        """
        if self.is_number != (isinstance(value, int | float) and not isinstance(value, bool)):
            raise DataError(f"part {self.name!r} is {shown(value)}; wanted {self._wanted()}")
        text = number_text(float(value), self.decimals) if self.is_number else str(value)
        self.read(text)
        return text

    def read(self, text: str) -> str | int | float:
        """The value of a text that stands here: text, or a number on the scale.

        Raises:
            DataError: nothing of this kind; the message says what stands there and what may.
        """
        if not self.is_number:
            if not text or text != text.strip() or (self.levels and text not in self.levels):
                raise DataError(f"part {self.name!r} is {shown(text)}; wanted {self._wanted()}")
            return text
        is_one = re.fullmatch(self.number_pattern, text) is not None
        if not is_one or (self.scale and not self.scale.low <= float(text) <= self.scale.high):
            raise DataError(f"part {self.name!r} is {shown(text)}; wanted {self._wanted()}")
        return int(text) if self.kind == "integers" else float(text)

    def _wanted(self) -> str:
        if self.kind == "text":
            return "text without spaces around it"
        if self.kind == "levels":
            return f"one of {', '.join(self.levels)}" if self.levels else "a word of the class"
        kind = "a whole number" if self.kind == "integers" else "a number with decimals"
        return kind if self.scale is None else f"{kind} on {self.scale}"


def read_part(table: Fields, name: str) -> Part:
    """A part from its TOML table.

    Raises:
        ModelError: a key is unknown or missing, or a value is not what is wanted; the message says which.
    """
    refuse_unknown(table, _KEYS)
    kind = cast(PartKind, read_choice(table, "kind", get_args(PartKind)))
    return Part(
        name=name,
        kind=kind,
        scale=read_scale(table),
        decimals=read_whole(table, "decimals", 2, MOST_DECIMALS) if kind == "decimals" else 0,
        levels=read_texts(table, "levels", 2) if "levels" in table else (),
        reason=table.text("reason", ""),
    )
