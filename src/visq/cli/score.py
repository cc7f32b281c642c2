"""`visq score`: parse, score, print. Knows options, the console and exit codes; no pixels and no models."""

from __future__ import annotations

import logging
import shlex
import sys
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visq.cli.console import UsageMistake, progress, results, stoppable, warn
from visq.cli.machine_options import Attention, Device, DeviceMap, Dtype, Pixels, RemoteCode, machine_typed
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.core.types import Score
    from visq.data import Inputs
    from visq.scoring import Scorer, Table
    from visq.scoring.asked import Wanted
    from visq.scoring.options import RunOptions

_SHOWN = 20  # rows printed where the whole table went into a file
_FAILURES_SHOWN = 5
_ABOUT = 100  # characters of what an interval holds for; the rest is in the card


_WHAT, _ASKED = "What is scored", "How the model is asked"
_RESULTS, _RUN = "What comes out", "How it runs (none of this changes a score)"


def score(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUTS", help="Pictures, folders, globs, manifests; - reads names."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model, a model folder, or any vision-language model of transformers.",
            show_default="mini",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    aspect: Annotated[
        str | None,
        typer.Option(
            help="E.g. quality,aesthetics or my.toml; by default all the model has.", rich_help_panel=_WHAT
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Score only the first so many inputs.", rich_help_panel=_WHAT)
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(
            help="levels, integers, decimals, contrast or text; by default what the model is made for.",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            help="Whose words, as `visq show aspects` lists them; by default the model's own.",
            rich_help_panel=_ASKED,
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Divides the answers' log-probabilities; above 0.", show_default="1", rich_help_panel=_ASKED
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Keep what the model says of each picture beside its scores; takes longer.",
            rich_help_panel=_ASKED,
        ),
    ] = False,
    device: Device = None,
    device_map: DeviceMap = None,
    dtype: Dtype = None,
    attention: Attention = None,
    pixels: Pixels = None,
    remote_code: RemoteCode = False,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="LOW..HIGH",
            help="What scores are shown on.",
            show_default="1..5; of a probability 0..1",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Table to write, .csv, .jsonl or .parquet; the same command again resumes it.",
            readable=False,  # whether it can be written is ours to say, in one line
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="HTML page to write.", readable=False, rich_help_panel=_RESULTS)
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line.", rich_help_panel=_RESULTS)
    ] = False,
    sort: Annotated[
        str | None,
        typer.Option(
            help="Aspect to order what is printed and the report by, best first.", rich_help_panel=_RESULTS
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            help="Print and report only so many, the best by --sort or the first aspect.",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Start anew where the table exists.", rich_help_panel=_RESULTS),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Try the failures of the earlier run again.", rich_help_panel=_RESULTS
        ),
    ] = False,
    batch: Annotated[
        int, typer.Option(min=1, help="Pictures handed to the model at a time.", rich_help_panel=_RUN)
    ] = 8,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that decode; by default one a CPU.", rich_help_panel=_RUN),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no notices.", rich_help_panel=_RUN)
    ] = False,
) -> None:
    """Score pictures for quality and aesthetics.

    \b
    visq score photos/
    visq score photos/ --out scores.csv --report report.html
    visq score photos/ --aspect quality --readout integers
    visq score photos/ --explain --report report.html
    find . -name '*.jpg' | visq score - --json --aspect quality --sort quality
    """
    # The decode door reports what Pillow warns of as notes and failures; its own lines would only repeat it.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if quiet:
        logging.getLogger("visq").setLevel(logging.ERROR)
    with _usage_errors():
        options = _options(out, batch, workers, limit, overwrite, retry_failed)
        wanted = _wanted(aspect, readout, dialect, temperature, explain)
        machine = machine_typed(device, device_map, dtype, attention, pixels, remote_code=remote_code)
        _check(wanted, scale, sort, top, report)
    from visq.data import Inputs
    from visq.scoring.scorer import open_scorer
    from visq.scoring.table_journal import expect_writable
    from visq.scoring.untyped import chosen, naming_variables

    if "-" in inputs and sys.stdin is None:
        raise UsageMistake("standard input is closed: there are no names to read from it")
    found = Inputs(inputs, stdin=sys.stdin)
    if out is not None:
        found.refuse_as_output(out)
        expect_writable(out, overwrite=overwrite)  # before a model is loaded, which takes minutes
    if report is not None and out is not None and report.resolve() == out.resolve():
        raise UsageMistake(f"--out and --report are the same file {str(out)!r}")
    chose = chosen(model, wanted, machine)
    with naming_variables(chose.used):
        scorer = open_scorer(chose.folder, chose.wanted, chose.machine, scale, notes=chose.notes)
    with scorer:
        _check_sort(sort, scorer.identity["aspects"])
        if top is not None and sort is None:
            sort = scorer.identity["aspects"][0]
        if not quiet:
            _announce(scorer)
        with stoppable() as stop, progress(lambda: _total(found, limit), quiet=quiet) as update:
            table = scorer.score(found, options, command=_command(), on_progress=update, stop=stop)
    with table:
        if not quiet:
            _notices(table, found)
        if report is not None and not table.interrupted:
            from visq.reports import write_report

            write_report(table, report, sort=sort, top=top)
        with results():
            _print(table, json=json, sort=sort, shown=None if out is None else _SHOWN, top=top)
        if not quiet:
            _summary(table, out, report)
        raise typer.Exit(_exit_code(table))


@contextmanager
def _usage_errors() -> Iterator[None]:
    """What is wrong with the words typed leaves with exit code 2, before anything is loaded."""
    try:
        yield
    except InputError as error:
        if error.kind == "output":
            raise
        raise UsageMistake(str(error)) from error


def _options(
    out: Path | None, batch: int, workers: int | None, limit: int | None, overwrite: bool, retry_failed: bool
) -> RunOptions:
    from visq.scoring.options import RunOptions
    from visq.scoring.table import check_format

    if out is not None:
        check_format(out)
    return RunOptions(out, batch, workers, limit, overwrite, retry_failed)


def _wanted(
    aspect: str | None, readout: str | None, dialect: str | None, temperature: float | None, explain: bool
) -> Wanted:
    from visq.scoring.asked import Wanted

    names = None if aspect is None else tuple(name.strip() for name in aspect.split(","))
    return Wanted(names, readout, dialect, temperature, explain)


def _check(wanted: Wanted, scale: str | None, sort: str | None, top: int | None, report: Path | None) -> None:
    """Everything else that can be wrong without loading a model."""
    from visq.core.registry import unknown_name
    from visq.core.scales import Scale
    from visq.scoring.asked import known_aspects
    from visq.scoring.table import check_top

    if scale is not None:
        Scale.parse(scale)
    check_top(top)
    known = {*known_aspects(), *wanted.own}
    if sort is not None and sort not in known:
        raise unknown_name("aspect", sort, known)
    if report is not None:
        from visq.reports import check_page

        check_page(report)


def _check_sort(sort: str | None, aspects: list[str]) -> None:
    if sort is not None and sort not in aspects:
        raise UsageMistake(f"--sort {sort}: only {', '.join(aspects)} will be scored")


def _total(found: Inputs, limit: int | None) -> int:
    n: int = found.count()
    return n if limit is None else min(n, limit)


def _command() -> str:
    return shlex.join(["visq", *sys.argv[1:]])


def _announce(scorer: Scorer) -> None:
    from visq.scoring.cpus import cpu_limit

    made = scorer.identity
    named = f"{made['model']} ({made['model_hash'][:8]})"
    unusual = [] if made["readout"] == "levels" else [f"read-out {made['readout']}"]
    if "temperature" in made:
        unusual.append(f"temperature {made['temperature']:g}")
    runs_on = scorer.running_on or f"{cpu_limit()} threads"
    warn(", ".join([named, " and ".join(made["aspects"]), *unusual, f"scale {made['scale']}", runs_on]))
    for note in scorer.notes:
        warn(note)
    for name, about in scorer.calibration.items():
        warn(f"intervals of {name} hold for: {textwrap.shorten(about, _ABOUT, placeholder=' ...')}")


def _notices(table: Table, found: Inputs) -> None:
    from visq.scoring.outside import mostly_outside
    from visq.scoring.spread import almost_equal_scores

    failed = (row for row in table.rows if row.status == "failed")
    for row in islice(failed, _FAILURES_SHOWN):
        warn(f"failed: {row.id}: {row.error}")
    if table.n_failed > _FAILURES_SHOWN:
        warn(f"failed: {table.n_failed - _FAILURES_SHOWN} more, with their reasons in the rows")
    skipped = found.skipped
    left_out = {
        "hidden": skipped.hidden,
        "of other kinds": skipped.other,
        "linked folders": skipped.folder_links,
        "named twice": skipped.repeated,
    }
    parts = [f"{n} {what}" for what, n in left_out.items() if n]
    if parts:
        warn(f"not scored: {', '.join(parts)}")
    if table.vanished:
        warn(f"{table.vanished} rows of the earlier run left the table: their inputs are gone")
    for aspect, n in mostly_outside(table).items():
        of = "1 picture" if n == 1 else f"{n} pictures"
        warn(f"{aspect}: in {of} the model would mostly have said none of the answers: distrust them")
    for aspect in almost_equal_scores(table):
        warn(
            f"nearly all {aspect} scores are equal: do not rank by them, and check the pictures and the model"
        )


def _print(table: Table, *, json: bool, sort: str | None, shown: int | None, top: int | None) -> None:
    # Sorted, failures come last: the best are never among them.
    n_best = None if top is None else min(top, table.n_ok)
    if json:
        for line in islice(table.json_lines(sort=sort), n_best):
            print(line)
        return
    aspects = table.aspects
    rows = table.rows if sort is None else table.sorted_rows(sort)
    if n_best is not None:
        rows, shown = islice(rows, n_best), None
    print("  ".join(f"{aspect:>15}" for aspect in aspects) + "  picture")
    for i, row in enumerate(rows):
        if shown is not None and i >= shown:
            print(f"... and {len(table) - shown} more rows in the table")
            break
        if row.status == "failed":
            print(f"{'failed':>{17 * len(aspects) - 2}}  {row.id}: {row.error}")
        else:
            print("  ".join(f"{_cell(row.scores[aspect]):>15}" for aspect in aspects) + f"  {row.id}")
            for line in _explained(row.scores):
                print(f"    {line}")


def _explained(scores: Mapping[str, Score]) -> Iterator[str]:
    """What the model said, once where all aspects share it."""
    told = {aspect: score.explanation for aspect, score in scores.items() if score.explanation}
    if len(set(told.values())) == 1:
        told = {"": next(iter(told.values()))}
    for aspect, one in told.items():
        against = " (contradicts the score)" if one.contradicts else ""
        yield f"{aspect}{': ' if aspect else ''}{one.text}{against}"


def _cell(score: Score) -> str:
    from visq.core.scales import LevelIntervals

    words = score.bands
    level = int(LevelIntervals(score.scale, n_levels=len(words)).level([score.value])[0])
    digits = 2 if score.scale.high - score.scale.low <= 10 else 1
    return f"{score.value:.{digits}f} {words[level]:<9}"


def _summary(table: Table, out: Path | None, report: Path | None) -> None:
    text = f"{table.n_ok} scored, {table.n_failed} failed"
    if table.taken_over == len(table) and not table.interrupted:
        text = f"nothing new to score; {text} in the earlier run"
    elif table.taken_over:
        text += f", {table.taken_over} of them in an earlier run"
    if table.interrupted:
        text += "; stopped" + (", the same command goes on from here" if out is not None else "")
    for what, path in (("table", out), ("report", report if not table.interrupted else None)):
        if path is not None:
            text += f"; {what}: {path}"
    warn(text)


def _exit_code(table: Table) -> int:
    if table.interrupted:
        return 130
    if table.n_failed == 0 and table.n_ok > 0:
        return 0
    return 3 if table.n_ok else 1
