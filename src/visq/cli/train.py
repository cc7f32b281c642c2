"""`visq train`: runs a recipe. Parse KEY=VALUE words, call one function, print where the model is."""

from __future__ import annotations

from typing import Annotated

import typer

from visq.cli.console import UsageMistake, warn


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe, e.g. mini-head.")],
    settings: Annotated[list[str] | None, typer.Argument(help="Its settings, KEY=VALUE.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Train a model by a recipe; the folder it leaves can be scored with.

    \b
    visq train mini-head data=DIR trunk=mobilenet_v2.safetensors out=runs/mini
    """
    pairs = [word.partition("=") for word in settings or []]
    for key, equals, _ in pairs:
        if not equals:
            raise UsageMistake(f"setting {key!r} is not of the form KEY=VALUE")
    from visq.training import run

    say = (lambda text: None) if quiet else warn
    folder = run(recipe, {key: value for key, _, value in pairs}, say)
    print(folder)
