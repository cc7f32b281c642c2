"""The card of a model as Markdown, from its model.toml and its recipe's template. Computes no figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visq.training.recipe import Recipe


def card_text(recipe: Recipe, table: Mapping[str, Any], n_bytes: int) -> str:
    """Fill in the card's template.

    Args:
        recipe: whose template is filled in.
        table: model.toml.
        n_bytes: size of the weights.

    Raises:
        jinja2.UndefinedError: the template asks for what is not there; a bug of ours.
    """
    import jinja2

    scale = recipe.field("head", "scale")
    data = {entry["aspect"]: entry for entry in table["trained_on"]}
    tables = ("figures", "calibration")
    aspects = [
        {"name": name, "data": data[name], **spec, **{key: table[key][name] for key in tables}}
        for name, spec in table["aspects"].items()
    ]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters["decimals"] = _decimals
    return environment.from_string(recipe.card).render(
        model=table,
        aspects=aspects,
        any_stds=any("stds" in aspect.get("features", "") for aspect in aspects),
        megabytes=f"{n_bytes / 1e6:.1f}",
        level_std=recipe.field("head", "level_std"),
        scale=f"{scale[0]}..{scale[1]}",
        figures_level=recipe.field("figures", "level"),
        n_resamples=recipe.field("figures", "resamples"),
        nominal=recipe.field("figures", "nominal"),
        start=recipe.field("start"),
        not_run=_not_run(recipe, table),
        selection=table["selection"],
        pictures=recipe.field("pictures"),
        provenance=table["provenance"],
        f=_decimals,
        span=_span,
        percent=lambda share: f"{100 * share:g}",
    )


def _not_run(recipe: Recipe, table: Mapping[str, Any]) -> list[str]:
    """Names of scorers that the recipe wants beside the model and that no table was given of."""
    if "beside" not in table:
        return []
    there = {row["name"] for rows in table["beside"].values() for row in rows}
    return [wanted["name"] for wanted in recipe.field("beside", "tables") if wanted["name"] not in there]


def _decimals(value: float, places: int = 3) -> str:
    return f"{value:.{places}f}"


def _span(table: Mapping[str, Any], name: str) -> str:
    return f"[{_decimals(table[f'{name}_low'])}, {_decimals(table[f'{name}_high'])}]"
