"""The version of visq, in one place; part of every result."""

__version__ = "0.1.0"
