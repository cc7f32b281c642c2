"""Runs a recipe by name with the words a user typed. Knows names and paths: no pixel, no label, no figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from visq.core.errors import InputError
from visq.core.registry import Registry, unknown_name
from visq.training.recipe import Paths, Progress, read_recipe, recipes_available

KINDS = Registry(
    "kind of recipe", {"head": "visq.training.mini_head:train", "causal": "visq.training.causal:train"}
)

REQUIRED = {"data": "the folder that holds the data sets", "trunk": "the safetensors file of MobileNetV2"}
OPTIONAL = ("out", "pictures", "cache", "beside")


def _silent(line: str) -> None:
    """Progress nobody watches."""


def run(recipe_name: str, settings: Mapping[str, str], on_progress: Progress = _silent) -> Path:
    """Run a recipe.

    Args:
        recipe_name: a name of `recipes_available()`.
        settings: `data` (folder with the data sets) and `trunk` (safetensors), both required; `out` (model
            folder to write, default: a folder of the recipe's name here), `pictures` (folder with the check
            pictures the recipe names, default: those of the shipped model), `cache` (folder for features,
            default: `out` with the ending `.cache`), `beside` (folder with tables of other scorers, as
            `benchmarks/peers.py` writes them, for the card of a recipe that names some).
        on_progress: called with a line of words now and then.

    Returns:
        The model folder.

    Raises:
        UnknownName: no such recipe, or no such setting.
        InputError: a setting is missing, or names nothing that exists.
        DataError: labels that cannot be used.
        ModelError: a trunk that cannot be used.
        MissingExtra: a package of the extra `train` is not installed.
    """
    recipes = recipes_available()
    if recipe_name not in recipes:
        raise unknown_name("recipe", recipe_name, recipes)
    paths = _paths(recipe_name, settings)
    recipe = read_recipe(recipes[recipe_name])
    made: Path = KINDS.get(recipe.kind)(recipe, paths, on_progress)
    return made


def _paths(recipe_name: str, settings: Mapping[str, str]) -> Paths:
    """The settings as paths; whatever is wrong with them is said before any work."""
    for key in settings:
        if key not in REQUIRED and key not in OPTIONAL:
            raise unknown_name("setting", key, [*REQUIRED, *OPTIONAL])
    for key, meaning in REQUIRED.items():
        if not settings.get(key):
            raise InputError(f"recipe {recipe_name!r} needs {key}=PATH, {meaning}", kind="missing")
    out = Path(settings.get("out") or recipe_name)
    paths = Paths(
        data=Path(settings["data"]),
        trunk=Path(settings["trunk"]),
        out=out,
        pictures=Path(settings.get("pictures") or shipped_pictures()),
        cache=Path(settings.get("cache") or f"{out}.cache"),
        beside=Path(settings["beside"]) if settings.get("beside") else None,
    )
    for key, folder in (("data", paths.data), ("pictures", paths.pictures), ("beside", paths.beside)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{key}={str(folder)!r}: no such folder", kind="missing")
    if not paths.trunk.is_file():
        raise InputError(f"trunk={str(paths.trunk)!r}: no such file", kind="missing")
    if out.exists() and not (out / "model.toml").is_file() and (not out.is_dir() or _leftovers(out)):
        raise InputError(f"out={str(out)!r} exists and is no model folder; name a new one")
    return paths


def _leftovers(folder: Path) -> bool:
    """Whether a folder holds anything but the check pictures a model folder may start with."""
    return any(entry.name != "pictures" for entry in folder.iterdir())


def shipped_pictures() -> Path:
    """Check pictures of the shipped model `mini`."""
    return Path(__file__).parent.parent / "models" / "mini" / "pictures"
