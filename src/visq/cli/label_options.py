"""Options about labelled pictures that several commands have, in the same words."""

from __future__ import annotations

from typing import Annotated

import typer

LABELS = "What the labels are"
"""Their panel in the help."""

Protocol = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[,NAME...]",
        help="How a known data set is evaluated, e.g. koniq; one for all sets or one for each.",
        rich_help_panel=LABELS,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Column of the opinion scores.", rich_help_panel=LABELS),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN[,COLUMN...]",
        help="What belongs together: prompt, scene, reference picture.",
        rich_help_panel=LABELS,
    ),
]
LabelScale = Annotated[
    str | None,
    typer.Option(help="1..5, or 100..0 where lower is better (DMOS).", rich_help_panel=LABELS),
]
