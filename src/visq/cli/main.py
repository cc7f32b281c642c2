"""The `visq` command: finds the command asked for and turns errors into one line and an exit code.

Imports nothing heavy, so that `visq --help` is instant; every command imports what it needs when it runs.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from visq.cli import models, score, show, train
from visq.cli.console import Notices, UsageMistake, warn
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


def main() -> None:
    """Run `visq` and leave with its exit code.

    0 done; 1 nothing done; 2 a misspelt option, aspect or model; 3 finished with failures; 130 stopped.
    """
    logging.getLogger("visq").addHandler(Notices(logging.WARNING))
    try:
        app(prog_name="visq")
    except VisqError as error:
        warn(str(error))
        sys.exit(2 if isinstance(error, UnknownName | UsageMistake) else 1)
    except BrokenPipeError:
        sys.exit(1)  # the reader of a pipe (`| head`) has gone and wants no more
