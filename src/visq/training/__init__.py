"""Makes models from labelled pictures, by recipes. Knows no command line and no page; prints nothing.

`recipes_available()` lists the recipes, `run(name, settings)` runs one and gives the folder it wrote.
"""

from visq.training.recipe import Recipe, read_recipe, recipes_available
from visq.training.start import run

__all__ = ["Recipe", "read_recipe", "recipes_available", "run"]
