"""Objects of a JSON file one by one: an array, one a line, or glued together. Knows no key's meaning."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, cast

from visq.core.errors import DataError, InputError
from visq.data.cells import Number

_CHUNK = 1 << 16
_LARGEST = 1 << 24  # characters of one object; without it a file with one open bracket would be read whole
_LONGEST_WORD = 32  # characters; an error that far from the end of the buffer is not for want of text
_BETWEEN = " \t\r\n,"


def json_objects(path: str, shown: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file and their numbers from 1, in memory for one object.

    Args:
        path: the file, UTF-8 with or without byte order mark.
        shown: how errors call it.

    Returns:
        Pairs of number and object; its numbers are `Number`, text with the digits as written.

    Raises:
        DataError: something that is no object, JSON that ends too early, text that is no UTF-8; with row and
            line.
        InputError: the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from _Objects(file, shown).walk()
    except UnicodeDecodeError:
        raise DataError(f"{shown} is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"cannot read {shown}: {error.strerror or error}", kind="unreadable") from error


class _Objects:
    """A walk over one file: a buffer of text that is read further when an object does not end inside it."""

    def __init__(self, file: io.TextIOWrapper, shown: str) -> None:
        self._file, self._shown = file, shown
        self._decoder = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number)
        self._text, self._at, self._line, self._row = "", 0, 1, 0

    def walk(self) -> Iterator[tuple[int, dict[str, Any]]]:
        first = self._next_character()
        in_list = first == "["
        if in_list:
            self._at += 1
        while (character := self._next_character()) and not (in_list and character == "]"):
            self._row += 1
            if character != "{":
                found = self._text[self._at : self._at + 20]
                raise self._error(f"an object {{...}} is wanted, not {found!r}")
            yield self._row, self._object()
        if in_list and not character:
            raise self._error("the list does not end; the file is cut off")
        self._at += 1
        if in_list and self._next_character():
            raise self._error("there is more after the end of the list")

    def _next_character(self) -> str:
        """The next character that is no blank and no comma; empty text at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BETWEEN:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read(_CHUNK):
                return ""

    def _object(self) -> dict[str, Any]:
        size = _CHUNK
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                self._read_on(error, size)
                # Twice as much each time keeps the work linear.
                size *= 2
                continue
            if "\\u" in self._text[self._at : end] and (wrong := _unusable(found)):
                raise self._error(f"{wrong}; no name or text of a table holds that")
            self._at = end
            return cast("dict[str, Any]", found)

    def _read_on(self, error: json.JSONDecodeError | RecursionError, size: int) -> None:
        """Read further if the object may go on beyond the buffer; else say what is wrong with it."""
        if isinstance(error, RecursionError) or len(self._text) - self._at > _LARGEST:
            raise self._error("an object too deep or too large to be a row") from None
        line = self._line + self._text.count("\n", 0, error.pos)
        is_sure = len(self._text) - error.pos > _LONGEST_WORD and not error.msg.startswith("Unterminated")
        if is_sure or not self._read(size):
            advice = "mend it" if is_sure else "the file is cut off or no JSON"
            raise self._error(f"{error.msg} (line {line}); {advice}") from None

    def _read(self, size: int) -> bool:
        """Drop what is behind, read on; whether there was more."""
        self._line += self._text.count("\n", 0, self._at)
        more = self._file.read(size)
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(more)

    def _error(self, what: str) -> DataError:
        line = self._line + self._text.count("\n", 0, self._at)
        where = "" if "(line" in what else f" (line {line})"
        return DataError(f"{self._shown}, row {max(self._row, 1)}{where}: {what}")


def _unusable(value: Any) -> str:  # any JSON value
    """What escapes have brought in that no file name, table or terminal can hold; empty text if nothing."""
    if isinstance(value, str):
        if "\0" in value:
            return "a NUL character"
        return (
            "" if value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value) else "half a character"
        )
    if isinstance(value, dict):
        return next(filter(None, map(_unusable, (*value, *value.values()))), "")
    if isinstance(value, list):
        return next(filter(None, map(_unusable, value)), "")
    return ""
