"""What is asked about a picture: aspects with their question, stem, level words and scale, as data.

Knows no model and no picture; `aspect("quality")` reads it from the TOML tables beside this file.
"""

from visq.aspects.load import Aspect, aspect, names

__all__ = ["Aspect", "aspect", "names"]
