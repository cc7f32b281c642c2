"""What is asked about a picture: aspects with their questions, stem, answers and scale, as data.

Knows no model and no picture; `aspect("quality")` reads it from the TOML tables beside this file,
`aspect("quality", "onealign")` in the words OneAlign was trained with, `own_aspects` a user's own.
"""

from visq.aspects.aspect import Aspect
from visq.aspects.comparison import Comparison
from visq.aspects.explanation import Describing
from visq.aspects.load import (
    aspect,
    comparison,
    describing,
    dialects,
    every_aspect,
    every_comparison,
    names,
    own_aspects,
    template,
)
from visq.aspects.part import Part
from visq.aspects.template import Parts, Template

__all__ = [
    "Aspect",
    "Comparison",
    "Describing",
    "Part",
    "Parts",
    "Template",
    "aspect",
    "comparison",
    "describing",
    "dialects",
    "every_aspect",
    "every_comparison",
    "names",
    "own_aspects",
    "template",
]
