"""`visq models`: lists models, shows one, checks that one gives its golden scores. Parse, call, print."""

from __future__ import annotations

from typing import Annotated, Any

import typer

app = typer.Typer(help="List, show and check models.", no_args_is_help=True, rich_markup_mode="rich")


@app.command("list")
def list_models() -> None:
    """List the models that came with visq.

    \b
    visq models list
    """
    from visq.backbones import find_model, shipped_models

    for name in shipped_models():
        spec = find_model(name).spec
        print(f"{name}  version {spec['version']}  {', '.join(spec['aspects'])}  {spec['licence']}")


@app.command("show")
def show_model(
    model: Annotated[str, typer.Argument(help="A shipped model or a model folder.")] = "mini",
    check: Annotated[
        bool, typer.Option("--check", help="Load it and compare with its golden scores.")
    ] = False,
) -> None:
    """Show what a model is, or check that it does what its folder says.

    \b
    visq models show mini
    visq models show mini --check
    """
    from visq.backbones import find_model

    folder = find_model(model)
    if not check:
        print(f"{folder.name}: {folder.spec.get('description', '')}")
        print(f"hash      {folder.sha256}")
        print(f"card      {folder.path / 'README.md'}")
        _print_table({k: v for k, v in folder.spec.items() if k not in ("format", "name", "description")})
        return
    from visq.scoring.check import check_model

    report = check_model(model)
    for line in report.lines:
        print(line)
    if not report.passed:
        raise typer.Exit(1)


def _print_table(table: dict[str, Any], indent: str = "") -> None:
    """A TOML table as indented words."""
    for key, value in table.items():
        if isinstance(value, dict):
            print(f"{indent}{key}")
            _print_table(value, indent + "    ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                print(f"{indent}{key}")
                _print_table(item, indent + "    ")
        else:
            print(f"{indent}{key:<10}{value}")
