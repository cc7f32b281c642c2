"""`visq show`: prints what visq knows by name. Parse, list, print."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from visq.cli.console import UsageMistake

if TYPE_CHECKING:
    from visq.aspects import Aspect, Comparison, Part
    from visq.readouts.compat import Published

_WIDEST = 60
_HEADS = ("aspect", "dialect", "scale", "answers", "asked first")


def show(
    what: Annotated[str, typer.Argument(help="aspects or readouts")],
    which: Annotated[
        str | None,
        typer.Argument(
            help="One of them in full, or aspects of your own, my.toml or my.toml#NAME, which are checked."
        ),
    ] = None,
) -> None:
    """Show what there is to choose from.

    \b
    visq show aspects
    visq show aspects aesthetics
    visq show aspects my-aspects.toml
    visq show aspects my-aspects.toml#sharpness
    visq show readouts
    visq show readouts onealign
    """
    if what not in _SHOWN:
        raise UsageMistake(f"nothing to show under {what!r}; known: {', '.join(_SHOWN)}")
    _SHOWN[what](which)


def _aspects(which: str | None) -> None:
    """All of visq's aspects, or one in every dialect, or those of a file, or one of these."""
    from visq.aspects import every_aspect, every_comparison
    from visq.core.registry import unknown_name
    from visq.scoring.asked import Wanted

    every = every_aspect()
    if which is None:
        print(*_table([_HEADS, *map(_row, every)]), sep="\n")
        return
    is_file = which.partition("#")[0].endswith(".toml")
    own = Wanted((which,)).own.values() if is_file else ()
    wanted = [*own] or [found for found in every if found.name == which]
    if not wanted:
        raise unknown_name("aspect", which, {found.name for found in every})
    for found in wanted:
        print(*_in_full(found), sep="\n")
    for pair in every_comparison():
        if pair.aspect == which:
            print(*_compared(pair), sep="\n")


def _readouts(which: str | None) -> None:
    """All read-outs, visq's own and published ones, and monitors; or one of them in full."""
    from visq.core.registry import unknown_name
    from visq.evaluation.readouts.monitors import READ
    from visq.readouts import READOUTS
    from visq.readouts.compat import published, published_names

    formulas = [published(name) for name in published_names()]
    if which is None:
        rows: list[tuple[str, ...]] = [(name, _first_line(READOUTS.get(name))) for name in READOUTS]
        print(*_table(rows), sep="\n")
        print("\nmonitors, which `visq readouts` shows beside decimals:")
        print(*_table([(name, _first_line(read)) for name, read in READ.items()]), sep="\n")
        print("\npublished, for `visq readouts`:")
        print(*_table([(one.name, "  ".join(_weighed(one))) for one in formulas]), sep="\n")
        return
    if which in READOUTS:
        print(f"{which}: {inspect.getdoc(READOUTS.get(which))}")
        return
    if which in READ:
        print(f"{which}: {inspect.getdoc(READ[which])}")
        print(
            *_listed("monitor", ["`visq readouts` shows it beside decimals; it is never a score"]), sep="\n"
        )
        return
    found = next((one for one in formulas if one.name == which), None)
    if found is None:
        raise unknown_name("read-out", which, [*READOUTS, *READ, *published_names()])
    print(f"{which}: mean of values, weighed by the softmax over these answers alone")
    print(*_listed("values", _weighed(found)), *_listed("source", [found.source]), sep="\n")


def _first_line(of: object) -> str:
    return (inspect.getdoc(of) or "").splitlines()[0]


def _weighed(formula: Published) -> Iterator[str]:
    """Each answer of a published formula with its value, and the temperature where there is one."""
    yield ", ".join(f"{a} = {v:g}" for a, v in zip(formula.answers, formula.values, strict=True))
    if formula.temperature != 1:
        yield f"temperature {formula.temperature:g}"


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


_SHOWN: Mapping[str, Callable[[str | None], None]] = {"aspects": _aspects, "readouts": _readouts}
