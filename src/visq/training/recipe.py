"""Recipes: TOML files that say what is trained on what. Reads and checks them; opens no picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visq.core import toml
from visq.core.errors import DataError
from visq.core.scales import Scale

Progress = Callable[[str], None]
"""Told in a line of words where a run is."""

FORMAT = 1


@dataclass(frozen=True)
class Paths:
    """Where a run reads and writes; none of them gets into what it writes.

    Attributes:
        data: folder of the data sets.
        trunk: safetensors file.
        out: model folder to write.
        pictures: folder of the check pictures.
        cache: for what may be taken over.
        beside: folder with tables of other scorers' scores; None where there are none.
    """

    data: Path
    trunk: Path
    out: Path
    pictures: Path
    cache: Path
    beside: Path | None = None


@dataclass(frozen=True)
class DataSet:
    """One table of labelled pictures.

    Attributes:
        title: name of the data set, for people.
        manifest: CSV, relative to the data folder.
        label: column with the opinion score.
        scale: what the label is measured on.
        fold: column with the number of the fixed fold.
        group: column a fold must not tear apart; None where each picture stands for itself.
        same: column whose equal non-empty values mark byte-identical pictures; their groups become one.
        population: which pictures these are, in words.
        source: where they are from.
        terms: licence or its absence.
    """

    title: str
    manifest: str
    label: str
    scale: Scale
    fold: str
    group: str | None
    same: str | None
    population: str
    source: str
    terms: str


@dataclass(frozen=True)
class AspectRecipe:
    """One aspect: its data, the features its head reads, what its figures stand beside.

    Attributes:
        name: of the aspect.
        features: `means` or `means+stds`.
        data: its labels.
        floor: `kind` (`column-mean` with `column`, or `file` with `ridge`) and `about`.
        protocol: by which `visq evaluate` makes the figures.
        within: what the figures within are inside of, a column or `band`.
    """

    name: str
    features: str
    data: DataSet
    floor: Mapping[str, Any]
    protocol: str
    within: str


@dataclass(frozen=True)
class Recipe:
    """A recipe, checked.

    Attributes:
        name: of the recipe.
        kind: what runs it.
        sha256: of its file and of the card's template beside it.
        spec: the whole TOML.
        aspects: name -> aspect.
        card: the card's template.
    """

    name: str
    kind: str
    sha256: str
    spec: Mapping[str, Any]
    aspects: Mapping[str, AspectRecipe]
    card: str

    def field(self, *keys: str) -> Any:  # TOML values have no common type
        """A value of the recipe; DataError where it is missing."""
        return _field(self.spec, self.name, *keys)


def recipes_available() -> dict[str, Path]:
    """Name -> file of the recipes inside the package."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "recipes").glob("*.toml"))}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe, what it extends, and the card template of the same name beside it.

    A recipe with `extends` starts from that one's fields; tables are joined, anything else is replaced.

    Raises:
        DataError: a file is missing or no TOML, its format is not 1, or a field is missing.
    """
    card_path = path.with_suffix(".md.j2")
    try:
        text, card = path.read_bytes(), card_path.read_bytes()
        spec = toml.loads(text.decode())
        if "extends" in spec:
            below = path.with_name(f"{spec['extends']}.toml").read_bytes()
            text, spec = below + text, _joined(toml.loads(below.decode()), spec)
    except (OSError, UnicodeDecodeError, toml.TOMLDecodeError) as error:
        raise DataError(f"recipe {path.stem!r} cannot be read: {error}") from error
    if spec.get("format") != FORMAT:
        raise DataError(f"recipe {path.stem!r} has format {spec.get('format')!r}, this visq reads {FORMAT}")
    name, kind = (str(_field(spec, path.stem, key)) for key in ("name", "kind"))
    aspects = {a: _aspect(a, name, table) for a, table in _field(spec, name, "aspects").items()}
    return Recipe(name, kind, hashlib.sha256(text + card).hexdigest(), spec, aspects, card.decode())


def _joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    joined = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            joined[key] = _joined(below[key], above[key])
    return joined


def _aspect(aspect: str, recipe: str, table: Mapping[str, Any]) -> AspectRecipe:
    where = f"{recipe}, aspect {aspect!r}"
    features = _field(table, where, "features")
    if features not in ("means", "means+stds"):
        raise DataError(f"recipe {where}: features are 'means' or 'means+stds', not {features!r}")
    floor, protocol, within = (_field(table, where, key) for key in ("floor", "protocol", "within"))
    data = _data_set(where, _field(table, where, "data"))
    return AspectRecipe(aspect, features, data, floor, str(protocol), str(within))


def _data_set(where: str, table: Mapping[str, Any]) -> DataSet:
    words = ("title", "manifest", "label", "fold", "population", "source", "terms")
    texts = {word: str(_field(table, where, word)) for word in words}
    low, high = _field(table, where, "scale")
    return DataSet(scale=Scale(low, high), group=table.get("group"), same=table.get("same"), **texts)


def _field(table: Mapping[str, Any], where: str, *keys: str) -> Any:
    value: Any = table
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise DataError(f"recipe {where}: no {'.'.join(keys)!r}")
        value = value[key]
    return value
