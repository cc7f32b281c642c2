"""`visq show`: prints what visq knows by name. Parse, list, print."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from visq.cli.console import UsageMistake


def show(
    what: Annotated[str, typer.Argument(help="aspects")],
) -> None:
    """Show what there is to choose from.

    \b
    visq show aspects
    """
    if what != "aspects":
        raise UsageMistake(f"nothing to show under {what!r}; known: aspects")
    from visq.aspects import aspect, names

    for name in names():
        found = aspect(name)
        print(f"{name} (version {found.version}, {found.scale}): {found.about}")
        print(textwrap.indent(f"asked:    {found.questions[0]}\nanswered: {found.stem} ...", "    "))
        print(f"    levels:   {', '.join(found.levels)}")
