"""`visq models`: lists, shows, checks, fetches and merges models. Parse, call, print."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visq.cli.console import UsageMistake, warn
from visq.cli.machine_options import Attention, Device, DeviceMap, Dtype, Pixels, RemoteCode, machine_typed
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.backbones.model_name import ModelName
    from visq.scoring.model import Machine
    from visq.scoring.untyped import Asking

app = typer.Typer(
    help="List, show, check, fetch and merge models.", no_args_is_help=True, rich_markup_mode="rich"
)


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
    model: Annotated[
        str | None,
        typer.Argument(
            help="A shipped model, a folder or ORG/NAME[@REV]; with any +ADAPTER.", show_default="mini"
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Load it; compare with its golden scores, if it has any.")
    ] = False,
    device: Device = None,
    device_map: DeviceMap = None,
    dtype: Dtype = None,
    attention: Attention = None,
    pixels: Pixels = None,
    remote_code: RemoteCode = False,
) -> None:
    """Show what a model is, or check that it does what its folder says.

    \b
    visq models show mini
    visq models show mini --check
    visq models show models/Qwen2-VL-7B-Instruct+runs/sharpness --check --dtype bfloat16
    """
    from visq.backbones import find_model
    from visq.scoring.untyped import Asking, name_of, naming_variables

    machine = _machine(device, dtype, attention, pixels, remote_code, device_map, check=check)
    asking = Asking(os.environ)
    name = name_of(model, asking)
    if not _is_described(name):
        with naming_variables(asking.used):
            _show_chat(name, asking, machine, check=check)
        return
    _say(asking)
    folder = find_model(name.base.name)
    machine.refuse_for(folder.name)
    if not check:
        print(f"{folder.name}: {folder.spec.get('description', '')}")
        print(f"hash      {folder.sha256}")
        print(f"card      {folder.path / 'README.md'}")
        _print_table({k: v for k, v in folder.spec.items() if k not in ("format", "name", "description")})
        return
    from visq.scoring.check import check_model

    report = check_model(name.base.name)
    for line in report.lines:
        print(line)
    if not report.passed:
        raise typer.Exit(1)


@app.command("pull")
def pull_model(
    model: Annotated[str, typer.Argument(help="ORG/NAME, or ORG/NAME@REV: a branch, tag or commit.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Copy it there, for a machine without a network.")
    ] = None,
    remote_code: Annotated[
        bool, typer.Option("--remote-code", help="Fetch the code that comes with it, too. It does not run.")
    ] = False,
) -> None:
    """Fetch a model or an adapter from the hub: safetensors and settings, pinned to a commit.

    \b
    visq models pull Qwen/Qwen2-VL-2B-Instruct
    visq models pull Qwen/Qwen2-VL-2B-Instruct@main --out models/qwen
    """
    from visq.backbones.weights import pull

    source = _parsed(model).base
    if source.kind != "hub" or "+" in model:
        raise UsageMistake(f"{model!r} is not of the form ORG/NAME[@REV]")
    found = pull(source.name, source.revision, cache=_cache(), out=out, remote_code=remote_code)
    print(f"{found.name}@{found.revision}")
    print(found.folder)


@app.command("merge")
def merge_model(
    model: Annotated[str, typer.Argument(help="MODEL+ADAPTER: folders or ORG/NAME[@REV].")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write.")],
    dtype: Annotated[
        str | None,
        typer.Option("--dtype", help="float32, float16 or bfloat16.", show_default="the model's own"),
    ] = None,
    remote_code: RemoteCode = False,
) -> None:
    """Merge adapters into a model, as a folder that loads without PEFT; proves that it says the same.

    \b
    visq models merge models/qwen+runs/sharpness --out models/qwen-sharpness
    visq models merge Qwen/Qwen2-VL-2B-Instruct+you/lora --out merged --dtype float32
    """
    from visq.backbones.chat_options import ChatOptions
    from visq.backbones.merge import TOLERANCE, TOLERANCES, merge

    base, adapters = _located(_parsed(model), remote_code=remote_code)
    options = ChatOptions(device="cpu", remote_code=remote_code)
    done = merge(base, [Path(one) for one in adapters], out, dtype=dtype, options=options)
    for line in done.adapters:
        print(line)
    about = f"merged against adapted, float32, {done.n} log-probabilities"
    print(f"{about}: differs by {done.in_memory:.2g} (may {TOLERANCE:g})")
    written = f"written as {done.dtype}, read again: differs by {done.written:.2g}"
    print(f"{written} (may {TOLERANCES[done.dtype]:g}); the adapters' effect is {done.effect:.2g}")
    if done.note:
        warn(done.note)
    print(done.folder)


def _machine(
    device: str | None,
    dtype: str | None,
    attention: str | None,
    pixels: str | None,
    remote_code: bool,
    device_map: str | None,
    *,
    check: bool,
) -> Machine:
    """What a model is checked on; where it is not loaded, what has no effect is refused."""
    given = {"device": device, "dtype": dtype, "attention": attention, "pixels": pixels}
    idle = next((name for name, value in (given | {"device-map": device_map}).items() if value), None)
    if idle and not check:
        raise UsageMistake(f"--{idle} is about a model that is loaded: add --check, or leave it out")
    try:
        return machine_typed(device, device_map, dtype, attention, pixels, remote_code=remote_code)
    except InputError as error:
        raise UsageMistake(str(error)) from error


def _parsed(model: str) -> ModelName:
    from visq.backbones import shipped_models
    from visq.backbones.model_name import parse_model_name

    return parse_model_name(model, shipped_models())


def _is_described(name: ModelName) -> bool:
    """A model whose folder says what it is, to visq; an adapter makes it another model."""
    if name.adapters or name.base.kind not in ("shipped", "folder"):
        return False
    folder = Path(name.base.name)
    return (folder / "model.toml").exists() or not (folder / "config.json").exists()


def _located(name: ModelName, *, remote_code: bool) -> tuple[Path, tuple[str, ...]]:
    """Folders of a chat model and of its adapters, fetched where they are not here."""
    from visq.backbones import shipped_models
    from visq.backbones.weights import locate

    shipped = shipped_models().get(name.base.name) if name.base.kind == "shipped" else None
    base = shipped or locate(name.base, cache=_cache(), remote_code=remote_code)
    return base, tuple(str(locate(one, cache=_cache())) for one in name.adapters)


def _cache() -> str | None:
    from visq.backbones.environment import hub_cache

    return hub_cache(os.environ)


def _say(asking: Asking) -> None:
    for note in asking.notes:
        warn(note)


def _show_chat(name: ModelName, asking: Asking, machine: Machine, *, check: bool) -> None:
    """A model of transformers' kind, with its adapters: as its files say, or loaded and tried."""
    if not check:
        _say(asking)
        _print_table(_described(*_located(name, remote_code=machine.remote_code)))
        return
    from visq.backbones import find_model
    from visq.scoring.asked import Wanted
    from visq.scoring.check_chat import check_chat
    from visq.scoring.cpus import cpu_limit
    from visq.scoring.model import open_model
    from visq.scoring.untyped import machine_of

    machine = machine_of(machine, asking)
    _say(asking)
    folder = find_model(name, remote_code=machine.remote_code)
    report = check_chat(open_model(folder, Wanted(), machine, cpu_limit()), str(name))
    for line in report.lines:
        print(line)
    if not report.passed:
        raise typer.Exit(1)


def _described(base: Path, adapters: Sequence[str]) -> dict[str, Any]:
    from visq.backbones.adapters import read_adapter
    from visq.backbones.adapters_base import expect_base
    from visq.backbones.model_name import shown_name
    from visq.backbones.weights import read_config

    config = read_config(base)
    size = sum(file.stat().st_size for file in base.glob("*.safetensors"))
    found = [read_adapter(Path(one)) for one in adapters]
    notes = [expect_base(one, base) for one in found]
    return {
        "model": shown_name(base),
        "folder": base,
        "kind": config.get("model_type"),
        "class": ", ".join(config.get("architectures") or ()),
        "dtype": config.get("dtype") or config.get("torch_dtype"),
        "weights": f"{size / 1e6:,.1f} MB of safetensors",
        "adapter": [
            {"name": one.name, "base": one.base, "rank": one.config.get("r"), "sha256": one.sha256}
            | ({"note": note} if note else {})
            for one, note in zip(found, notes, strict=True)
        ],
    }


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
            print(f"{indent}{key:<9} {value}")
