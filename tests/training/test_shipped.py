"""The model in the package: made by the recipe beside it, whole, and what its card says of it holds."""

from __future__ import annotations

import hashlib

from visq.core import toml
from visq.training import read_recipe, recipes_available
from visq.training.start import shipped_pictures

SHIPPED = shipped_pictures().parent
SPEC = toml.loads((SHIPPED / "model.toml").read_text(encoding="utf-8"))


def test_shipped_recipe_and_model_belong_together():
    recipe = read_recipe(recipes_available()[SPEC["provenance"]["recipe"]])
    assert SPEC["provenance"]["recipe_sha256"] == recipe.sha256, "train mini again, or undo the change"
    for name, part in SPEC["weights"].items():
        assert part["sha256"] == hashlib.sha256((SHIPPED / part["file"]).read_bytes()).hexdigest(), name
    for entry in recipe.field("pictures"):
        assert (SHIPPED / "pictures" / entry["file"]).stat().st_size < 40_000


def test_it_is_what_a_model_worth_shipping_has_to_be():
    """The aims that had to be met before this model took the place of the first one (MINI 9.5)."""
    must = {"quality": (0.80, 0.48), "aesthetics": (0.725, 0.18)}
    ladders = {(row["aspect"], row["part"]): row["share"] for row in SPEC["ladders"]["part"]}
    for aspect, (least, within) in must.items():
        figures = SPEC["figures"][aspect]
        assert figures["srcc"] >= least
        assert figures["within"]["mean"] >= within
        assert 0.88 <= figures["coverage"]["pooled"] <= 0.92
        first = SPEC["beside"][aspect][0]
        assert first["name"] == "the first mini"
        assert first["difference_low"] > 0
        assert first["p_holm"] < 0.05
    assert ladders["quality", "seen"] >= 0.85
    assert ladders["quality", "held_out"] >= 0.70
    assert ladders["aesthetics", "held_out"] >= 0.70
    assert SPEC["sentences"]["well_formed"] == 1
    assert SPEC["sentences"]["mean"] >= 0.65
