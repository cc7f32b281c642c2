"""Options about what a chat model runs on, which several commands have, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from visq.scoring.model import Machine

MACHINE = "What a chat model runs on"
"""Their panel in the help."""

Device = Annotated[
    str | None,
    typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", show_default="auto", rich_help_panel=MACHINE),
]
DeviceMap = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Spread over devices: auto, balanced, balanced_low_0 or sequential; in place of --device.",
        rich_help_panel=MACHINE,
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(help="auto, float32, float16 or bfloat16.", show_default="auto", rich_help_panel=MACHINE),
]
Attention = Annotated[
    str | None,
    typer.Option(
        help="auto, or one of transformers' own, such as eager.", show_default="auto", rich_help_panel=MACHINE
    ),
]
Pixels = Annotated[
    str | None,
    typer.Option(
        metavar="MIN..MAX",
        help="Pixels of a picture; by default the model's own limits.",
        rich_help_panel=MACHINE,
    ),
]
RemoteCode = Annotated[
    bool,
    typer.Option(
        "--remote-code",
        help="Let code that comes with the model run. It can do anything that you can.",
        rich_help_panel=MACHINE,
    ),
]


def machine_typed(
    device: str | None,
    device_map: str | None,
    dtype: str | None,
    attention: str | None,
    pixels: str | None,
    *,
    remote_code: bool,
) -> Machine:
    """What these options say, each None where it was not typed.

    Raises:
        InputError, UnknownName: as `Machine`.
    """
    from visq.scoring.model import Machine

    return Machine(device, dtype or "auto", attention or "auto", pixels, remote_code, device_map)
