"""`visq evaluate`: parse, evaluate, print. Knows options, the console, exit codes; no arithmetic."""

from __future__ import annotations

import json as json_format
import logging
import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visq.cli.console import UsageMistake, progress, results, stoppable, warn
from visq.cli.label_options import Group, Label, LabelScale, Protocol
from visq.cli.machine_options import Attention, Device, DeviceMap, Dtype, Pixels, RemoteCode
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.evaluation.runs.config import EvaluateOptions
    from visq.evaluation.runs.evaluate import Evaluation

_WHAT, _TABLES = "What is evaluated", "Scores made elsewhere"
_RESULTS, _RUN = "What comes out", "How it runs (none of this changes a figure)"


def evaluate(
    manifests: Annotated[
        list[str] | None,
        typer.Argument(metavar="MANIFESTS", help="Tables of labelled pictures, one for each set."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model, a model folder, or any vision-language model of transformers.",
            show_default="mini",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    scores: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="In place of a model: a table of scores for each manifest, in order.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="config.toml of a run, or its folder: the same again.", readable=False, rich_help_panel=_WHAT
        ),
    ] = None,
    aspect: Annotated[
        str | None,
        typer.Option(help="What the labels are about, e.g. quality.", rich_help_panel=_WHAT),
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(
            help="levels, integers, decimals, contrast or text; by default what the model is made for.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(help="Whose words the model is asked in; by default its own.", rich_help_panel=_WHAT),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Divides the answers' log-probabilities; above 0.", show_default="1", rich_help_panel=_WHAT
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
    score: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the scores, or a form of logits: good-poor, softmax(good,poor).",
            rich_help_panel=_TABLES,
        ),
    ] = None,
    score_scale: Annotated[
        str | None,
        typer.Option(help="0..1, or 100..0 where a lower score is better.", rich_help_panel=_TABLES),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run folder to write; the same command again resumes it.",
            readable=False,
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    resamples: Annotated[
        int | None,
        typer.Option(min=1, help="Of groups, for intervals; 1000 by default.", rich_help_panel=_RESULTS),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the resamples; 0 by default.", rich_help_panel=_RESULTS)
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as one line of JSON.", rich_help_panel=_RESULTS)
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Start anew where the folder holds a run.", rich_help_panel=_RESULTS
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Try the failures of the earlier run again.", rich_help_panel=_RESULTS
        ),
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
    """Evaluate a model, or a table of scores, on labelled pictures: the field's figures with intervals.

    \b
    visq evaluate ratings.csv --aspect quality --out runs/mini
    visq evaluate ratings.csv --scores pyiqa.csv --aspect quality --score-scale 100..0
    visq evaluate koniq.csv spaq.csv --protocol koniq,spaq --out runs/both
    """
    # The decode door reports what Pillow warns of as notes and failures; its own lines would only repeat it.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if quiet:
        logging.getLogger("visq").setLevel(logging.ERROR)
    asked = {
        "manifests": manifests,
        "model": model,
        "scores": scores,
        "aspect": aspect,
        "readout": readout,
        "dialect": dialect,
        "temperature": temperature,
        "dtype": dtype,
        "attention": attention,
        "pixels": pixels,
        "limit": limit,
        "protocol": protocol,
        "label": label,
        "group": group,
        "label_scale": label_scale,
        "score": score,
        "score_scale": score_scale,
        "resamples": resamples,
        "seed": seed,
    }
    run = {
        "out": out,
        "overwrite": overwrite,
        "retry_failed": retry_failed,
        "batch": batch,
        "workers": workers,
        "device": device,
        "device_map": device_map,
        "remote_code": remote_code,
    }
    options, expected = _options(asked, config, run)
    found = _evaluate(options, expected, quiet=quiet)
    if out is not None:
        _write_page(out)
    with results():
        for line in [json_format.dumps(found.report, ensure_ascii=False)] if json else _lines(found.report):
            print(line)
    if not quiet:
        _notices(found)
    raise typer.Exit(3 if found.is_partial else 0)


def _options(
    asked: Mapping[str, Any], config: Path | None, run: Mapping[str, Any]
) -> tuple[EvaluateOptions, Mapping[str, Any] | None]:
    """What was asked for, and the config that it has to repeat."""
    from visq.evaluation.figures.measured import Settings
    from visq.evaluation.runs.config import EvaluateOptions, options_from, read_config
    from visq.evaluation.runs.labelled import LabelChoice

    if config is not None:
        for name, value in asked.items():
            if value is not None:
                raise UsageMistake(f"--config says all of what is evaluated: leave out {_option(name)}")
        found = read_config(config)
        return options_from(found, **run), found
    if not asked["manifests"]:
        raise UsageMistake("nothing to evaluate: name a manifest of labelled pictures, or --config")
    settings = Settings(1000 if asked["resamples"] is None else asked["resamples"], seed=asked["seed"] or 0)
    made = {"manifests", "scores", "label", "group", "label_scale", "resamples", "seed"}
    plain = {name: value for name, value in asked.items() if name not in made}
    try:
        options = EvaluateOptions(
            manifests=tuple(asked["manifests"]),
            scores=tuple(asked["scores"] or ()),
            labels=LabelChoice(asked["label"], asked["group"], asked["label_scale"]),
            settings=settings,
            **plain,
            **run,
        )
    except InputError as error:
        raise UsageMistake(str(error)) from error
    return options, None


def _option(name: str) -> str:
    return "the manifests" if name == "manifests" else f"--{name.replace('_', '-')}"


def _evaluate(options: EvaluateOptions, expected: Mapping[str, Any] | None, *, quiet: bool) -> Evaluation:
    from visq.evaluation.runs.evaluate import evaluate as evaluate_sets
    from visq.evaluation.runs.score_source import Stopped

    command = shlex.join(["visq", *sys.argv[1:]])
    with (
        stoppable() as stop,
        progress(lambda: total_rows(options.manifests, options.limit), quiet=quiet) as update,
    ):
        try:
            return evaluate_sets(options, command=command, expected=expected, on_progress=update, stop=stop)
        except Stopped as stopped:
            warn(str(stopped))
            raise typer.Exit(130) from None


def total_rows(manifests: Sequence[str], limit: int | None) -> int:
    """Rows of the manifests, `limit` of each at most."""
    from visq.data.tables import read_table

    counts = [sum(1 for _ in read_table(path)) for path in manifests]
    return sum(n if limit is None else min(n, limit) for n in counts)


def _write_page(folder: Path) -> None:
    from visq.evaluation.runs.folder import PAGE, read_run
    from visq.reports.evaluation_report import write_evaluation_page

    write_evaluation_page(read_run(folder), folder / PAGE)


def _lines(report: Mapping[str, Any]) -> list[str]:
    from visq.cli.evaluation_table import evaluation_lines

    return evaluation_lines(report)


def _notices(found: Evaluation) -> None:
    for one in found.report["sets"]:
        for text in one["warnings"]:
            warn(f"{one['name']}: {text}")
    if found.path is not None:
        from visq.evaluation.runs.folder import PAGE, REPORT

        warn(f"report: {found.path / PAGE}, and {REPORT} beside it")
