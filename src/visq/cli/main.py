"""The `visq` command: finds the command asked for and turns errors into one line and an exit code.

Imports nothing heavy, so that `visq --help` is instant; every command imports what it needs when it runs.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Annotated

import typer

from visq.cli import calibrate, check, compare, evaluate, models, readouts, score, show, split, train
from visq.cli.console import Notices, UsageMistake, results, warn
from visq.core.errors import UnknownName, VisqError

app = typer.Typer(
    help="Score pictures the way people do: quality and aesthetics, offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("score")(score.score)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("check")(check.check)
app.command("split")(split.split)
app.command("calibrate")(calibrate.calibrate)
app.command("readouts")(readouts.readouts)
app.command("show")(show.show)
app.command("train")(train.train)
app.add_typer(models.app, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        from visq import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _stop(number: int, frame: object) -> None:
    """Leaves at once, with nothing to save: while rows are scored, `visq score` has a handler of its own.

    No KeyboardInterrupt: libraries that are just being imported turn one into errors of their own, and Python
    remembers one that passed through an import and ends with the signal instead of the code.
    """
    with suppress(OSError):
        os.write(2, b"visq: stopped\n")
    os._exit(130)


def main() -> None:
    """Run `visq` and leave with its exit code.

    0 done; 1 nothing done; 2 a misspelt option, aspect or model; 3 finished with failures; 130 stopped.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    logging.getLogger("visq").addHandler(Notices(logging.WARNING))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks
    try:
        with results():
            app(prog_name="visq")
    except VisqError as error:
        warn(str(error))
        is_usage = isinstance(error, UnknownName | UsageMistake) or getattr(error, "kind", "") == "usage"
        sys.exit(2 if is_usage else 1)
    except BrokenPipeError:
        sys.exit(1)  # the reader of a pipe (`| head`) has gone and wants no more
