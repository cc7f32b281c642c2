"""The errors visq raises. Knows no room; a message is one line: what happened, where, what to do.

VisqError            anything a user can mend
├── InputError       a picture, folder or option that cannot be used
│   └── UnknownName  a misspelt aspect, model, read-out or recipe; says what is near
├── DataError        a table, manifest, label or journal that is wrong, with file, row and column
├── ModelError       a model that cannot be loaded, or does not give its golden scores
└── MissingExtra     an optional dependency that is not installed; names the extra
"""

from __future__ import annotations


class VisqError(Exception):
    """Base of all errors of visq; its text is one line meant for people."""


class InputError(VisqError):
    """A picture, folder or option that cannot be used.

    Attributes:
        kind: a short word for the failure, kept in a Row (`missing`, `truncated`, `empty`, ...).
    """

    def __init__(self, message: str, *, kind: str = "input") -> None:
        super().__init__(message)
        self.kind = kind


class UnknownName(InputError):
    """A name nobody registered; the message offers near ones and lists what is known."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="unknown-name")


class DataError(VisqError):
    """A table, manifest, label or journal that is wrong; the message says file, row and column."""


class ModelError(VisqError):
    """A model that cannot be loaded or does not do what its folder says."""


class MissingExtra(VisqError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'visq[{extra}]'")
        self.package = package
        self.extra = extra


def first_line(error: BaseException) -> str:
    r"""The first line of another library's error, for a message of ours; its class where it says nothing.

    Example:
        >>> first_line(ValueError("\nno such layer\n\nsee the docs"))
        'no such layer'
    """
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
