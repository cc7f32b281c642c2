"""`visq compare`: runs or two published figures, verdicts out. Knows options, the console, files to write."""

from __future__ import annotations

import json as json_format
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visq.cli.console import UsageMistake, results, warn
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.evaluation.runs.folder import Run

_FILES = _JSON, _MARKDOWN, _CSV, _PAGE = (
    "comparison.json",
    "comparison.md",
    "comparison.csv",
    "comparison.html",
)
_TEST, _RESULTS, _PUBLISHED = "How runs are compared", "What comes out", "Published figures instead of runs"


def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="RUNS", help="Two to eight folders of visq evaluate.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Loss that would not matter; .005 by default.", rich_help_panel=_TEST),
    ] = None,
    resamples: Annotated[
        int | None,
        typer.Option(min=1, help="Of groups; 1000 or more by default.", rich_help_panel=_TEST),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the resamples; 0 by default.", rich_help_panel=_TEST)
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(help="A,B,...: what to call the runs instead of their folders.", rich_help_panel=_TEST),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for comparison.json, .md, .csv and .html.", readable=False, rich_help_panel=_RESULTS
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the comparison as JSON.", rich_help_panel=_RESULTS)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No notices.", rich_help_panel=_RESULTS)] = False,
    published: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FIGURE",
            help="A figure known without its rows; the other follows, with or without --published.",
            rich_help_panel=_PUBLISHED,
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="Pictures both figures are of.", rich_help_panel=_PUBLISHED),
    ] = None,
    rho: Annotated[
        str | None,
        typer.Option(
            help="LOW..HIGH: how far the two scorers may correlate; 0.5..0.95 by default.",
            rich_help_panel=_PUBLISHED,
        ),
    ] = None,
    statistic: Annotated[
        str | None, typer.Option(help="srcc (by default) or plcc.", rich_help_panel=_PUBLISHED)
    ] = None,
) -> None:
    """Compare runs of one aspect on the rows they share: does one score better, and is that certain?

    \b
    visq compare runs/a runs/b
    visq compare runs/a runs/b runs/c --out comparison
    visq compare --published A=.7288 B=.6557 --n 41
    """
    words = [*(published or []), *(runs or [])]
    if published:
        without = {"margin": margin, "resamples": resamples, "seed": seed, "names": names, "out": out}
        _refuse(without, "has no effect on published figures")
        with _usage_errors():
            found = _compare_published(words, n, rho, statistic)
        lines = _published_lines(found)
    else:
        _refuse({"n": n, "rho": rho, "statistic": statistic}, "is for --published")
        options = {"margin": margin, "resamples": resamples, "seed": seed}
        given = {name: value for name, value in options.items() if value is not None}
        found = _compare_runs(words, given, _split(names), out)
        lines = _comparison_lines(found)
    with results():
        for line in [json_format.dumps(found, ensure_ascii=False)] if json else lines:
            print(line)
    if not quiet:
        for text in found.get("warnings", ()):
            warn(text)
        if out is not None:
            warn(f"comparison: {out / _PAGE}, and {_JSON}, {_MARKDOWN}, {_CSV} beside it")


@contextmanager
def _usage_errors() -> Iterator[None]:
    """A request that makes no comparison leaves with exit code 2."""
    try:
        yield
    except InputError as error:
        raise UsageMistake(str(error)) from error


def _refuse(options: Mapping[str, object], why: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageMistake(f"--{name} {why}")


def _split(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",")]


# --- runs ----------------------------------------------------------------------------------------------


def _compare_runs(
    paths: Sequence[str], options: dict[str, Any], names: list[str] | None, out: Path | None
) -> dict[str, Any]:
    from visq.evaluation.comparison.compare import compare_runs
    from visq.evaluation.runs.folder import read_run

    if len(paths) < 2:
        raise UsageMistake(f"a comparison takes two runs or more, not {len(paths)}")
    if out is not None:
        _check_out(out)
    runs = [read_run(path) for path in paths]
    with _usage_errors():
        found = compare_runs(runs, names=names, **options)
    found["command"] = shlex.join(["visq", *sys.argv[1:]])
    if out is not None:
        _make(out)
        _write(found, runs, out)
    return found


def _check_out(out: Path) -> None:
    """Refuse a place where something else would be written over, before the work is done."""
    if out.exists() and not out.is_dir():
        raise InputError(f"cannot write into {str(out)!r}: it is no folder", kind="output")
    taken = [name for name in _FILES if (out / name).exists()]
    if taken and not _is_comparison(out / _JSON):
        raise InputError(
            f"{str(out / taken[0])!r} exists and is not of visq compare; choose another folder", kind="output"
        )


def _is_comparison(path: Path) -> bool:
    try:
        held = json_format.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(held, dict) and held.get("kind") == "comparison"


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {str(out)!r}: {error.strerror}", kind="output") from error


def _write(found: Mapping[str, Any], runs: Sequence[Run], out: Path) -> None:
    from visq.evaluation.comparison.tables import csv_text, markdown
    from visq.reports.comparison_report import write_comparison_page
    from visq.scoring import atomic_write

    text = json_format.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    for name, content in ((_JSON, text), (_MARKDOWN, markdown(found)), (_CSV, csv_text(found))):
        with atomic_write(out / name) as partial:
            partial.write_text(content, encoding="utf-8")
    write_comparison_page(dict(found), runs, out / _PAGE)


def _comparison_lines(found: Mapping[str, Any]) -> Iterator[str]:
    from visq.evaluation.comparison.tables import table_lines, verdict_lines

    yield from verdict_lines(found)
    yield ""
    yield from table_lines(found)


# --- published figures ---------------------------------------------------------------------------------


def _compare_published(
    words: Sequence[str], n: int | None, rho: str | None, statistic: str | None
) -> dict[str, Any]:
    from visq.evaluation.comparison.from_published import compare_published
    from visq.evaluation.statistics.published import PLAUSIBLE

    if n is None:
        raise UsageMistake("published figures need --n, the number of pictures they are of")
    figures: dict[str, float] = {}
    for word in words:
        name, figure = _figure(word)
        if name in figures:
            raise UsageMistake(f"{name!r} is given twice; name the two figures differently")
        figures[name] = figure
    tried = PLAUSIBLE if rho is None else _correlations(rho)
    said: Any = statistic or "srcc"  # whether it is one, the call says
    return compare_published(figures, n, statistic=said, rho_between=tried)


def _figure(word: str) -> tuple[str, float]:
    name, equals, text = word.rpartition("=")
    try:
        if equals and name:
            return name, float(text)
    except ValueError:
        pass
    raise UsageMistake(f"{word!r} is not of the form NAME=FIGURE, such as A=.7288")


def _correlations(text: str) -> list[float]:
    """Both ends of LOW..HIGH and the plausible correlations between them; or the one number given."""
    from visq.evaluation.statistics.published import PLAUSIBLE

    low, dots, high = text.partition("..")
    try:
        ends = [float(low), float(high)] if dots else [float(low)]
    except ValueError:
        ends = []
    if not ends or not -1 <= ends[0] <= ends[-1] <= 1:
        raise UsageMistake(f"--rho {text!r} is not of the form LOW..HIGH in -1..1, such as 0.5..0.9")
    return sorted({*ends, *(value for value in PLAUSIBLE if ends[0] < value < ends[-1])})


def _published_lines(found: Mapping[str, Any]) -> Iterator[str]:
    from visq.evaluation.comparison.tables import short
    from visq.evaluation.statistics.published import rounded_up

    width = max(map(len, found["figures"]))
    yield f"{found['statistic'].upper()} on the same {found['n']} pictures, with 95 % interval"
    for name, figure in found["figures"].items():
        ends = "" if figure["low"] is None else f"  [{short(figure['low'])}, {short(figure['high'])}]"
        yield f"  {name:<{width}}  {figure['value']:.4f}{ends}"
    yield "if the scorers correlate     p  pictures needed"
    for one in found["between"]:
        p = "-" if one["p"] is None else short(one["p"])
        needed = "-" if one["pictures_needed"] is None else f"about {rounded_up(one['pictures_needed'])}"
        yield f"{one['rho']:>24g}  {p:>4}  {needed:>15}"
    yield found["verdict"]
