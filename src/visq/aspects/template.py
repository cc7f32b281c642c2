"""Whole texts with places for parts, filled and read back. Knows no file, no model, no question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from visq.aspects.part import Part, read_part
from visq.aspects.wording import read_version, refusal, refuse_unknown
from visq.core.errors import DataError
from visq.core.fields import Fields, shown
from visq.core.registry import unknown_name
from visq.core.scales import Scale

Value = str | int | float

_KEYS = ("version", "about", "text", "system", "answer", "parts", "source")
_PLACE = re.compile(r"\{([a-z-]+)\}")
# Models break lines where a template has a space; more white space than this in one place is no layout.
_SPACE = r"\s{1,8}"


@dataclass(frozen=True)
class Parts:
    """What was read from a text: every part has a value, or None and a reason; never a default.

    Attributes:
        values: part -> its value, text or a number on its scale; None where it could not be read.
        reasons: part -> why its value is None, in one line; lacks parts that were read.
    """

    values: Mapping[str, Value | None]
    reasons: Mapping[str, str]


@dataclass(frozen=True)
class Template:
    """A text with a place for each part.

    Invariant: what `fill` gives, `parse` reads back as it was written.

    Attributes:
        name: of the template.
        version: rises when any word of it changes.
        about: one line for people.
        text: with `{part}` in the place of each part, in the order of `parts`.
        parts: what stands in the places.
        answer: the part that is the answer of the aspect asked; empty for a question.
        system: system text that goes with it; empty for the one the model has.
        source: where the words are from.
    """

    name: str
    version: int
    about: str
    text: str
    parts: tuple[Part, ...]
    answer: str
    system: str
    source: str

    @property
    def attributes(self) -> tuple[Part, ...]:
        """Parts that say something of the picture by themselves: no reasons of others, and not the answer."""
        reasons = {part.reason for part in self.parts}
        return tuple(part for part in self.parts if part.name not in reasons | {self.answer})

    def with_levels(self, words: Mapping[str, Sequence[str]]) -> Template:
        """The same template, knowing the words of classes that only the data know.

        Args:
            words: part of kind `levels` -> its words, worst to best where they have an order.

        Raises:
            DataError: a part is no class, or has fewer than two different words.
            UnknownName: there is no such part.
        """
        known = {part.name: part for part in self.parts}
        for name, levels in words.items():
            if name not in known:
                raise unknown_name("part", name, known)
            if known[name].kind != "levels" or len(levels) < 2 or len(set(levels)) < len(levels):
                raise DataError(
                    f"template {self.name!r}: part {name!r} cannot have the words {shown(list(levels))};"
                    " name a class, and two or more different words"
                )
        kept = (replace(p, levels=tuple(words[p.name])) if p.name in words else p for p in self.parts)
        return replace(self, parts=tuple(kept))

    def fill(self, values: Mapping[str, Value]) -> str:
        """The whole text.

        Args:
            values: part -> its value; text, or a number, which is rounded half to even to its decimals.

        Raises:
            DataError: a part is missing, is none of the template's, is not of its kind or scale, or the text
                could not be read back, because a value holds words of the template.

        Example:
            >>> from visq.aspects import aspect, template
            >>> prose = template("realqa-prose", aspect("aesthetics", "realqa-prose").scale)
            >>> prose.fill({"rationale": "Sharp, but dull.", "score": 6.594})
            'Sharp, but dull. The final score is <6.59>.'
        """
        names = [part.name for part in self.parts]
        for name in sorted({*names} ^ {*values}):
            what = "is missing" if name in names else f"is none of {', '.join(names)}"
            raise DataError(f"template {self.name!r}: part {name!r} {what}")
        try:
            written = {part.name: part.write(values[part.name]) for part in self.parts}
        except DataError as error:
            raise DataError(f"template {self.name!r}: {error}") from None
        filled = _PLACE.sub(lambda place: written[place[1]], self.text)
        for name, found in self._found(filled).items():
            if found != written[name]:
                raise DataError(
                    f"template {self.name!r}: part {name!r} would be read back as {shown(found)};"
                    " a part holds words of the template, change them"
                )
        return filled

    def parse(self, text: str) -> Parts:
        """The parts of a text that was made by this template, or by a model that was trained on it.

        The last answer counts. Where the template has a space the text may have a line break, and a comma in
        front of a head may be missing. A part whose head or end is not there is not read; the others are.

        Args:
            text: any text.

        Example:
            >>> from visq.aspects import template
            >>> found = template("realqa-prose").parse("A bird. The final score is <high>.")
            >>> found.values["score"], found.reasons["score"]
            (None, "part 'score' is 'high'; wanted a number with decimals")
        """
        values: dict[str, Value | None] = {}
        reasons: dict[str, str] = {}
        found = self._found(text)
        for part in self.parts:
            values[part.name] = None
            standing = found[part.name]
            if isinstance(standing, _Absent):
                reasons[part.name] = f"part {part.name!r} is not in the text: {standing.reason}"
                continue
            try:
                values[part.name] = part.read(standing)
            except DataError as error:
                reasons[part.name] = str(error)
        return Parts(values, reasons)

    def _found(self, text: str) -> dict[str, str | _Absent]:
        """What stands in each place, from the last place to the first, since the last answer counts."""
        text = text.strip()
        heads = _PLACE.split(self.text)[::2]
        end, is_ended = self._end(text, heads)
        found: dict[str, str | _Absent] = {}
        for i in reversed(range(len(self.parts))):
            name = self.parts[i].name
            head = _last(heads[i], text, end) if i else _first(heads[0], text, end)
            if head is None:
                found[name] = _Absent(f"no {shown(heads[i].strip())}")
            elif not is_ended:
                following = [one.strip() for one in heads[i + 1 :]]
                found[name] = _Absent(f"the text ends before {shown(following[0])}")
            else:
                found[name] = text[head[1] : end].strip()
            if head is not None:
                end, is_ended = head[0], True
        return {part.name: found[part.name] for part in self.parts}

    def _end(self, text: str, heads: Sequence[str]) -> tuple[int, bool]:
        """Where the last part ends, and whether the text says so."""
        if not heads[-1]:
            return len(text), True
        end, last = _pattern(heads[-1]), self.parts[-1]
        if last.is_number:
            # An end such as "." stands inside numbers and sentences too: head, number, end are sought as one.
            whole = rf"{_pattern(heads[-2])}({last.number_pattern})(?={end})"
            matches = list(re.finditer(whole, text))
            if matches:
                return matches[-1].end(1), True
        head = _last(heads[-2], text, len(text))
        at = re.compile(rf"{end}(?![0-9])").search(text, head[1]) if head else None
        return (at.start(), True) if at else (len(text), False)


@dataclass(frozen=True)
class _Absent:
    """Why nothing stands in a place."""

    reason: str

    def __repr__(self) -> str:
        return f"nothing ({self.reason})"


def _pattern(literal: str) -> str:
    """The template's own words: white space where it has a space, a comma in front that may be missing."""
    comma = ",?" if literal.startswith(",") else ""
    return comma + re.sub(r"(?:\\?\s)+", lambda _: _SPACE, re.escape(literal.removeprefix(",")))


def _last(literal: str, text: str, end: int) -> tuple[int, int] | None:
    matches = list(re.compile(_pattern(literal)).finditer(text, 0, end))
    return matches[-1].span() if matches else None


def _first(literal: str, text: str, end: int) -> tuple[int, int] | None:
    match = re.compile(_pattern(literal)).search(text, 0, end)
    return match.span() if match else None


def read_template(table: Fields, name: str) -> Template:
    """A template from its TOML table.

    Raises:
        ModelError: a key is unknown or missing, a value is not what is wanted, or the places of the text are
            not the parts; the message says which.
    """
    refuse_unknown(table, _KEYS)
    inner = table.table("parts")
    text = table.text("text")
    names = _PLACE.findall(text)
    if names != list(inner.values):
        raise refusal(
            table, "text", f"has places for {', '.join(names)}; wanted those of 'parts', in their order"
        )
    parts = tuple(read_part(inner.table(part), part) for part in names)
    return Template(
        name=name,
        version=read_version(table),
        about=table.text("about"),
        text=text,
        parts=parts,
        answer=table.choice("answer", "part", names) if "answer" in table else "",
        system=table.text("system", ""),
        source=table.text("source"),
    )


def on_scale(found: Template, scale: Scale) -> Template:
    """The template with this scale for every number that has none of its own."""
    parts = (replace(p, scale=scale) if p.is_number and p.scale is None else p for p in found.parts)
    return replace(found, parts=tuple(parts))
