"""`visq readouts`: parse, read, print. Knows options, the console, exit codes; no arithmetic."""

from __future__ import annotations

import json as json_format
import logging
import shlex
import sys
import warnings
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visq.cli.console import UsageMistake, progress, results, stoppable, warn
from visq.cli.label_options import Group, Label, LabelScale, Protocol
from visq.cli.machine_options import Attention, Device, DeviceMap, Dtype, Pixels, RemoteCode, machine_typed
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.evaluation.readouts.compare import ReadoutComparison, ReadoutOptions

_WHAT = "What is read"
_RESULTS, _RUN = "What comes out", "How it runs (none of this changes a figure)"
_FAILURES_SHOWN = 5


def readouts(
    manifests: Annotated[
        list[str], typer.Argument(metavar="MANIFESTS", help="Tables of labelled pictures, one for each set.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model, a model folder, or a name on a hub or path of a chat model.",
            show_default="mini",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME...]",
            help="levels, integers, decimals, contrast, text; the monitors decimals-greedy and "
            "decimals-one-path; a published formula: onealign, q-bench, deqa, ...; all that fit by default.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    aspect: Annotated[
        str | None,
        typer.Option(
            help="What the labels are about, e.g. quality, or your own: my.toml#NAME.", rich_help_panel=_WHAT
        ),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            help="Whose words, as `visq show aspects` lists them; by default the model's own, and for other "
            "answers the first that fit.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Divides the answers' log-probabilities, but for text, monitors and published formulas.",
            show_default="1",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only the first so many rows of each set.", rich_help_panel=_WHAT),
    ] = None,
    protocol: Protocol = None,
    label: Label = None,
    group: Group = None,
    label_scale: LabelScale = None,
    device: Device = None,
    device_map: DeviceMap = None,
    dtype: Dtype = None,
    attention: Attention = None,
    pixels: Pixels = None,
    remote_code: RemoteCode = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="What each read-out makes of each picture: .csv, .tsv, .jsonl, .parquet, or .json with the "
            "report.",
            readable=False,
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=1, help="Of groups, for intervals.", rich_help_panel=_RESULTS)
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.", rich_help_panel=_RESULTS)] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as one line of JSON.", rich_help_panel=_RESULTS)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over the file of --out.", rich_help_panel=_RESULTS)
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(min=1, max=4096, help="Pictures handed to the model at a time.", rich_help_panel=_RUN),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="Threads that decode; one a CPU by default.", rich_help_panel=_RUN
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no notices.", rich_help_panel=_RUN)
    ] = False,
) -> None:
    """Compare the ways to read a score out of a model, on labelled pictures, each seen once.

    A line a read-out: correlations with intervals; the difference in SRCC to the model's own
    read-out, with p (Holm); calibration error, what a rising map would mend of the RMSE (Gneiting
    and Resin 2023), and bias, both in units of the labels; outside, the probability of no answer;
    split, the share of pictures whose two likeliest answers are no neighbours; and the model's
    time for one picture asked by it alone. `*` marks the model's own, `~` monitors, which are no
    scores, `!` those that the model was not trained for: half of the pictures with most of the
    probability on no answer, or texts without a score.

    \b
    visq readouts ratings.csv --aspect quality --label-scale 1..5
    visq readouts labels.csv --aspect quality --protocol agiqa3k --out values.csv
    visq readouts ratings.csv --aspect quality --model ./qwen2-vl --readout levels,integers
    """
    # The decode door reports what Pillow warns of as notes and failures; its own lines would only repeat it.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if quiet:
        logging.getLogger("visq").setLevel(logging.ERROR)
    from visq.evaluation.figures.measured import Settings
    from visq.evaluation.readouts.compare import ReadoutOptions
    from visq.evaluation.runs.labelled import LabelChoice

    try:  # what is wrong with the words typed leaves with exit code 2
        options = ReadoutOptions(
            tuple(manifests),
            model=model,
            readouts=None if readout is None else tuple(name.strip() for name in readout.split(",")),
            aspect=aspect,
            dialect=dialect,
            temperature=temperature,
            protocol=protocol,
            labels=LabelChoice(label, group, label_scale),
            machine=machine_typed(device, device_map, dtype, attention, pixels, remote_code=remote_code),
            limit=limit,
            settings=Settings(resamples, seed=seed),
            out=out,
            overwrite=overwrite,
            batch=batch,
            workers=workers,
        )
    except InputError as error:
        raise UsageMistake(str(error)) from error
    found = _compared(options, quiet=quiet)
    with results():
        if json:
            print(json_format.dumps(found.report, ensure_ascii=False))
        else:
            from visq.cli.readouts_table import readouts_lines

            print(*readouts_lines(found.report), sep="\n")
    if not quiet:
        _notices(found, out)
    raise typer.Exit(3 if found.is_partial else 0)


def _compared(options: ReadoutOptions, *, quiet: bool) -> ReadoutComparison:
    from visq.cli.evaluate import total_rows
    from visq.evaluation.readouts.compare import compare_readouts
    from visq.evaluation.runs.score_source import Stopped

    command = shlex.join(["visq", *sys.argv[1:]])
    with (
        stoppable() as stop,
        progress(lambda: total_rows(options.manifests, options.limit), quiet=quiet) as update,
    ):
        try:
            return compare_readouts(options, command=command, on_progress=update, stop=stop)
        except Stopped as stopped:
            warn(str(stopped))
            raise typer.Exit(130) from None


def _notices(found: ReadoutComparison, out: Path | None) -> None:
    for note in found.report["notes"]:
        warn(note)
    for one in found.report["sets"]:
        for text in one["warnings"]:
            warn(f"{one['name']}: {text}")
        for failure in islice(one["failed"], _FAILURES_SHOWN):
            warn(f"failed: {failure['id']}: {failure['error']}")
        if len(one["failed"]) > _FAILURES_SHOWN:
            warn(f"failed: {len(one['failed']) - _FAILURES_SHOWN} more, named by --json")
        for row in one["readouts"]:
            if row["n_unread"]:
                warn(f"{row['readout']}: {row['n_unread']} without a score, the first: {row['first_unread']}")
    if out is not None:
        warn(f"values of every picture: {out}")
