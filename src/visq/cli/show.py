"""`visq show`: prints what visq knows by name. Parse, list, print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from visq.cli.console import UsageMistake

if TYPE_CHECKING:
    from visq.aspects import Aspect, Comparison, Part

_WIDEST = 60
_HEADS = ("aspect", "dialect", "scale", "answers", "asked first")


def show(
    what: Annotated[str, typer.Argument(help="aspects")],
    which: Annotated[
        str | None,
        typer.Argument(help="One of them in full, or a TOML file with your own, which is checked."),
    ] = None,
) -> None:
    """Show what there is to choose from.

    \b
    visq show aspects
    visq show aspects aesthetics
    visq show aspects my-aspects.toml
    """
    if what != "aspects":
        raise UsageMistake(f"nothing to show under {what!r}; known: aspects")
    from visq.aspects import every_aspect, every_comparison, own_aspects
    from visq.core.registry import unknown_name

    every = every_aspect()
    if which is None:
        print(*_table([_HEADS, *map(_row, every)]), sep="\n")
        return
    is_file = which.endswith(".toml")
    wanted = own_aspects(which) if is_file else [found for found in every if found.name == which]
    if not wanted:
        raise unknown_name("aspect", which, {found.name for found in every})
    for found in wanted:
        print(*_in_full(found), sep="\n")
    for pair in every_comparison():
        if pair.aspect == which:
            print(*_compared(pair), sep="\n")


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows as columns of equal width; the last one is as wide as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for *cells, last in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        yield "  ".join((*padded, last))


def _row(found: Aspect) -> tuple[str, ...]:
    question = found.questions[0]
    asked = question if len(question) <= _WIDEST else f"{question[: _WIDEST - 3]}..."
    return (found.name, found.dialect, str(found.scale), _answers(found), asked)


def _answers(found: Aspect) -> str:
    """Level words, or the first, the second and the last of many numbers."""
    if found.kind == "levels":
        return ", ".join(found.levels)
    first, second, *_, last = found.answers
    return f"{first}, {second}, ... {last}"


def _in_full(found: Aspect) -> Iterator[str]:
    """One aspect in one dialect: everything a model is asked, and where the words are from."""
    yield f"{found.name}, dialect {found.dialect} (version {found.version}, {found.scale}): {found.about}"
    yield from _listed("asked", found.questions)
    yield from _listed("answered", [found.sentence("LEVEL" if found.kind == "levels" else "NUMBER")])
    yield from _listed("levels" if found.kind == "levels" else found.kind, [_answers(found)])
    yield from _listed("picture", [f"{found.picture} the question"])
    yield from _thought(found.template)
    yield from _listed("source", [found.source] if found.source else [])


def _compared(found: Comparison) -> Iterator[str]:
    yield f"two pictures, {found.aspect}, dialect {found.dialect} (version {found.version}): {found.about}"
    yield from _listed("asked", [found.question])
    yield from _listed("answered", [found.sentence(answer) for answer in found.answers])
    yield from _thought(found.template)
    yield from _listed("source", [found.source])


def _thought(name: str) -> Iterator[str]:
    """The whole answer of a model that thinks first, and what it says of the picture besides the answer."""
    if not name:
        return
    from visq.aspects import template

    found = template(name)
    yield from _listed("in full", found.text.splitlines())
    yield from _listed("also", map(_part, found.attributes))


def _part(part: Part) -> str:
    scale = f" {part.scale}" if part.scale else ""
    return f"{part.name}: {part.kind}{scale}{', with a reason' if part.reason else ''}"


def _listed(head: str, texts: Iterable[str]) -> Iterator[str]:
    """Texts under each other, the first one beside its head."""
    for i, text in enumerate(texts):
        yield f"    {'' if i else f'{head}:':<10}{text}"
