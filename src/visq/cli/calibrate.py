"""`visq calibrate`: a model and rated pictures in, a calibrated copy out. Parse, call one function, print."""

from __future__ import annotations

import json as json_format
import logging
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visq.cli.console import UsageMistake, progress, results, warn
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.evaluation.calibration.calibrate import CalibrationRequest

_WHAT, _HOW, _RESULTS = "What it is calibrated on", "How it is calibrated", "What comes out"


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A shipped model or a model folder.")],
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="Table of pictures and ratings.")],
    aspect: Annotated[
        str | None, typer.Option(help="What the ratings are of, e.g. quality.", rich_help_panel=_WHAT)
    ] = None,
    label: Annotated[str | None, typer.Option(help="Column of the ratings.", rich_help_panel=_WHAT)] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Column of what belongs together, e.g. scene.", rich_help_panel=_WHAT),
    ] = None,
    label_scale: Annotated[
        str | None,
        typer.Option(help="What ratings are on: 1..5; 100..0 where lower is better.", rich_help_panel=_WHAT),
    ] = None,
    split: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="COLUMN fit=NAME,test=NAME",
            help="Parts by a column; by default by a hash of the group.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(help="Table of visq score to take scores from.", rich_help_panel=_WHAT),
    ] = None,
    population: Annotated[
        str | None, typer.Option(help="Which pictures it holds for, in words.", rich_help_panel=_WHAT)
    ] = None,
    map: Annotated[
        str, typer.Option(help="Scores to ratings: isotonic, linear or none.", rich_help_panel=_HOW)
    ] = "isotonic",
    interval: Annotated[
        str, typer.Option(help="Width: constant, or by-level of the score.", rich_help_panel=_HOW)
    ] = "constant",
    nominal: Annotated[
        float, typer.Option(help="Share of ratings to lie inside.", rich_help_panel=_HOW)
    ] = 0.9,
    seed: Annotated[str, typer.Option(help="Another text, other parts.", rich_help_panel=_HOW)] = "visq",
    resamples: Annotated[
        int, typer.Option(min=1, help="Of groups, round the coverage found.", rich_help_panel=_HOW)
    ] = 1000,
    out: Annotated[
        Path | None,
        typer.Option(
            help="New model folder. Without it nothing is written.", readable=False, rich_help_panel=_RESULTS
        ),
    ] = None,
    abstain: Annotated[
        bool,
        typer.Option(
            "--abstain",
            help="Print what error is left when unsure pictures are put aside.",
            rich_help_panel=_RESULTS,
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print everything found as JSON.", rich_help_panel=_RESULTS)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no notices.", rich_help_panel=_RESULTS)
    ] = False,
) -> None:
    """Bring a model's scores to your raters' scale, with an interval that holds for your pictures.

    \b
    visq calibrate mini ratings.csv --label mos --group scene --label-scale 1..5 --out models/ours
    visq calibrate mini ratings.csv --aspect quality --interval by-level --abstain --out models/ours
    visq calibrate models/ours ratings.csv --split set fit=train,test=val --map none --json
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if quiet:
        logging.getLogger("visq").setLevel(logging.ERROR)
    with _usage_errors():
        request = _request(
            aspect,
            (label, group),
            split,
            label_scale,
            scores,
            population,
            (map, interval, nominal, seed, resamples),
        )
    from visq.evaluation.calibration.calibrate import calibrate as fit
    from visq.evaluation.calibration.folder import check_new_folder

    if out is not None:
        check_new_folder(out)
    with progress(lambda: _rows(manifest), quiet=quiet or scores is not None) as update:
        found = fit(model, manifest, request, on_progress=update)
    if not quiet:
        for line in found.report["warnings"]:
            warn(line)
    if out is not None:
        found.write(out)
    with results():
        _print({**found.report, "command": shlex.join(["visq", *sys.argv[1:]])}, abstain=abstain, json=json)
    if not quiet:
        warn(_where(out))
    if found.report["n_failed"]:
        raise typer.Exit(3)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """What is wrong with the words typed leaves with exit code 2, before anything is loaded."""
    try:
        yield
    except InputError as error:
        raise UsageMistake(str(error)) from error


def _request(
    aspect: str | None,
    columns: tuple[str | None, str | None],
    split: tuple[str, str] | None,
    label_scale: str | None,
    scores: str | None,
    population: str | None,
    how: tuple[Any, ...],
) -> CalibrationRequest:
    from visq.aspects import aspect as find_aspect
    from visq.evaluation.calibration.calibrate import CalibrationRequest
    from visq.evaluation.calibration.fit import FitSettings
    from visq.evaluation.calibration.rated_rows import Columns
    from visq.evaluation.figures.label_scale import parse_label_scale

    if aspect is not None:
        find_aspect(aspect)
    if label_scale is not None:
        parse_label_scale(label_scale)
    map_kind, interval, nominal, seed, resamples = how
    column, fit, test = (None, None, None) if split is None else (split[0], *_parts(split[1]))
    return CalibrationRequest(
        aspect=aspect,
        columns=Columns(*columns, column),
        fit=fit,
        test=test,
        label_scale=label_scale,
        population=population,
        scores=scores,
        settings=FitSettings(map_kind, interval, nominal, seed, resamples),
    )


def _parts(text: str) -> tuple[str, str]:
    """Read `fit=NAME,test=NAME`, in either order."""
    found = {key.strip(): name.strip() for key, _, name in (word.partition("=") for word in text.split(","))}
    if set(found) != {"fit", "test"} or not all(found.values()):
        raise UsageMistake(f"--split COLUMN {text!r}: write fit=NAME,test=NAME after the column")
    return found["fit"], found["test"]


def _rows(manifest: str) -> int:
    from visq.data import Manifest

    return len(Manifest(manifest))


def _where(out: Path | None) -> str:
    if out is None:
        return "nothing written; name a new model folder with --out"
    return f"model: {out}; visq score PHOTOS --model {out}"


def _print(report: Mapping[str, Any], *, abstain: bool, json: bool) -> None:
    from visq.evaluation.runs.folder import without_nan

    if json:
        print(json_format.dumps(without_nan(report), ensure_ascii=False, allow_nan=False))
        return
    for line in _lines(report):
        print(line)
    if abstain:
        for line in _abstention(report):
            print(line)


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    parts, before, after = report["parts"], report["errors"]["before"], report["errors"]["after"]
    sizes = ", ".join(f"{name} {size['n']} ({size['n_groups']} groups)" for name, size in parts.items())
    yield f"{report['model']}, {report['aspect']}: {report['n_scored']} of {report['n_rows']} rows; {sizes}"
    yield f"holds for    {report['population']}"
    used = "none" if report["map"] is None else report["map"]["kind"]
    errors = (
        f"MAE {before['mae']:.3f} -> {after['mae']:.3f}, bias {before['bias']:+.3f} -> {after['bias']:+.3f}"
    )
    yield f"map          {used}: {errors}"
    yield f"half-width   {report['half_width']:.3f}; {report['guarantee']}"
    for name, about in (("rows", "coverage"), ("groups", "by group")):
        yield f"{about:<13}{_share(report['coverage'][name])}"
    own = {level["level"]: level for level in report["levels"]}
    for level in report["coverage"]["levels"]:
        width = "" if level["level"] not in own else f", half-width {own[level['level']]['half_width']:.3f}"
        yield f"  {level['level']:<11}{_share(level)}{width}"


def _share(share: Mapping[str, Any]) -> str:
    from visq.evaluation.statistics.coverage import share_text

    return f"{share_text(share)}, n {share['n']}, {share['n_groups']} groups"


def _abstention(report: Mapping[str, Any]) -> Iterator[str]:
    """The cost curves, or that there is nothing to abstain by."""
    if "half_width" not in report["abstention"]:
        yield f"no width to abstain by: all intervals are equally wide; {_why_equal(report)}"
    for by, curve in report["abstention"].items():
        yield f"putting aside the pictures of largest {by}:"
        yield f"{'kept':>8}{'n':>8}{'most':>8}{'MAE':>8}{'RMSE':>8}{'coverage':>10}"
        for point in curve:
            numbers = "".join(f"{point[key]:>8.3f}" for key in ("most", "mae", "rmse"))
            yield f"{point['kept']:>8.2f}{point['n']:>8}{numbers}{point['coverage']:>10.3f}"


def _why_equal(report: Mapping[str, Any]) -> str:
    if report["settings"]["interval"] == "constant":
        return "--interval by-level makes them differ"
    if any(level["is_own"] for level in report["levels"]):
        return "all pictures of the test part lie in levels of one width"
    return "no level has the groups for a width of its own"
