"""The scale a label is on, in words: `1..5`, or `100..0` where lower is better."""

from __future__ import annotations

from visq.core.scales import Scale


def scale_text(scale: Scale | None) -> str | None:
    """A scale as reports hold it: `1..5`, or `100..0` where lower is better."""
    if scale is None:
        return None
    if scale.direction == "up":
        return str(scale)
    low, _, high = str(scale).partition("..")
    return f"{high}..{low}"


def parse_label_scale(text: str) -> Scale:
    """Read `1..5`, or `100..0` for a scale on which lower is better.

    Raises:
        InputError: the text is no such pair.

    Example:
        >>> parse_label_scale("100..0")
        Scale(low=0.0, high=100.0, direction='down')
    """
    low, dots, high = text.partition("..")
    try:
        if dots and float(low) > float(high):
            return Scale(float(high), float(low), "down")
    except ValueError:
        pass
    return Scale.parse(text)
