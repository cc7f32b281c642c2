"""What all pages share: templates, their safety, where they may be written. Knows no score and no figure.

A page is one file that fetches nothing. Style and script are allowed by their hash, names are escaped, and
what stands in a page for a script to read is JSON that no name can end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from visq.core.errors import InputError
from visq.core.types import printable
from visq.scoring import atomic_write

_MARK = b'<meta name="generator" content="visq">'


@cache
def template(name: str) -> Template:
    """A template of this folder by its file name; it may include its neighbours."""
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["printable"] = printable
    environment.filters["csp_hash"] = _csp_hash
    return environment.get_template(name)


def _source(name: str) -> str:
    return resources.files("visq.reports").joinpath(name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> Markup:
    """What a content security policy calls an inline script or style, so that no other one can run."""
    digest = hashlib.sha256(str(text).encode("utf-8")).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")


def json_text(value: object) -> Markup:
    r"""JSON that no name in it can end: plain ASCII, with the characters HTML looks at written as escapes.

    Example:
        >>> print(json_text({"name": "</script>"}))
        {"name":"\u003c/script\u003e"}
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def number(value: float | None) -> float | None:
    """A number as JSON can hold it: no nan, and no digits nobody reads."""
    return round(float(value), 5) if value is not None and math.isfinite(value) else None


def write_page(path: str | os.PathLike[str], page: str) -> None:
    """Write a page whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_write(path) as partial:
        # Lone surrogates (file names that are no text) cannot be UTF-8: they are written as escapes.
        partial.write_bytes(page.encode("utf-8", "backslashreplace"))


def check_page(path: str | os.PathLike[str]) -> None:
    """Refuse a place where no report can be written, before the work is done that it would show.

    Raises:
        InputError: no HTML ending, no such folder, or something of that name that is no report.
    """
    page = Path(path)
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"a report is an HTML page; {page.name!r} does not end in .html")
    if not page.parent.is_dir():
        raise InputError(f"cannot write {str(page)!r}: no folder {str(page.parent)!r}", kind="output")
    if page.is_dir():
        raise InputError(f"cannot write {str(page)!r}: it is a folder", kind="output")
    if page.is_file() and not _is_report(page):
        raise InputError(f"{str(page)!r} exists and is no report of visq; choose another name", kind="output")


def _is_report(page: Path) -> bool:
    with page.open("rb") as file:
        return _MARK in file.read(4096)
