"""`visq check`: parse, check, print. Knows options, the console and exit codes; finds nothing itself."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visq.cli.console import UsageMistake, results, warn
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.evaluation.checks.check import CheckReport

_SHOWN = 3  # rows named behind a finding; all of them are in the JSON
_SAID, _RESULTS = "What is said about the data", "What comes out"


def check(
    manifests: Annotated[
        list[str], typer.Argument(metavar="MANIFESTS", help="Tables with labels; all together.")
    ],
    label: Annotated[str | None, typer.Option(help="Column of the labels.", rich_help_panel=_SAID)] = None,
    aspect: Annotated[
        str | None, typer.Option(help="What the labels are about, e.g. quality.", rich_help_panel=_SAID)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column of groups; several as A,B.", rich_help_panel=_SAID)
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(help="Column of prompts; rows that share one are a group.", rich_help_panel=_SAID),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Column that tells train from test; several as A,B.", rich_help_panel=_SAID),
    ] = None,
    label_scale: Annotated[
        str | None,
        typer.Option(
            help="What labels are measured on: 1..5, or 100..0 if lower is better.", rich_help_panel=_SAID
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Known data set, one for all or one each as A,B.", rich_help_panel=_SAID),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Shape of the tables; recognised by itself.", rich_help_panel=_SAID)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model whose training lists and features are compared.", rich_help_panel=_SAID),
    ] = None,
    pictures: Annotated[
        bool,
        typer.Option("--pictures/--no-pictures", help="Look at the pictures too.", rich_help_panel=_SAID),
    ] = True,
    json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON.", rich_help_panel=_RESULTS)
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="JSON file to write, with all rows concerned.", readable=False, rich_help_panel=_RESULTS
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no notices.", rich_help_panel=_RESULTS)
    ] = False,
) -> None:
    """Look for what makes figures on labelled data wrong. Exit code 3 for errors and warnings, not for notes.

    \b
    visq check ratings.csv
    visq check train.csv test.csv --group scene --label-scale 1..5
    visq check labels.json --no-pictures --out findings.json
    """
    from visq.evaluation.checks.check import CheckOptions, check_sets

    _check_words(label_scale, out, manifests)
    trained_on, embed, rate, at_least = _model(model, pictures=pictures)
    options = CheckOptions(
        aspect=aspect,
        label=label,
        group=group,
        prompt=prompt,
        split=split,
        protocol=protocol,
        label_scale=label_scale,
        format=format,
        pictures=pictures,
        embed=embed,
        rate=rate,
        at_least=at_least,
        trained_on=trained_on,
    )
    report = check_sets(manifests, options, on_progress=_progress(quiet=quiet))
    if out is not None:
        _write(report, out)
    with results():
        if json:
            print(json_module.dumps(report.to_json(), ensure_ascii=False, allow_nan=False))
        else:
            for line in _lines(report):
                print(line)
    if not quiet:
        n_rows = sum(len(one) for one in report.sets)
        warn(f"{len(report.checks)} checks of {n_rows} rows: {report.n_findings} findings")
    raise typer.Exit(3 if report.n_findings else 0)


def _check_words(label_scale: str | None, out: Path | None, manifests: list[str]) -> None:
    """What is wrong with the words typed leaves with exit code 2, before anything is read."""
    from visq.evaluation.figures.label_scale import parse_label_scale

    try:
        if label_scale is not None:
            parse_label_scale(label_scale)
    except InputError as error:
        raise UsageMistake(str(error)) from error
    if out is not None and any(Path(manifest).resolve() == out.resolve() for manifest in manifests):
        raise UsageMistake(f"--out {str(out)!r} is one of the manifests")
    if out is not None and out.exists() and not _is_report(out):
        raise InputError(
            f"{str(out)!r} exists and is no report of visq check; choose another --out", kind="output"
        )
    if out is not None and not out.absolute().parent.is_dir():
        raise InputError(f"cannot write {str(out)!r}: no such folder", kind="output")


def _is_report(path: Path) -> bool:
    try:
        held = json_module.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(held, dict) and held.get("kind") == "check"


def _model(name: str | None, *, pictures: bool) -> tuple[list[dict[str, Any]], Any, Any, int | None]:
    """What a model learnt from, sees in a picture, scores it, how large it wants it; mini unless named."""
    if name is None and not pictures:
        return [], None, None, None
    from visq.aspects import aspect
    from visq.backbones import find_model
    from visq.scoring import Scorer
    from visq.scoring.asked import Asked
    from visq.scoring.model import open_backbone

    folder = find_model(name or "mini")
    trained_on = [] if name is None else list(folder.spec.get("trained_on", []))
    if not pictures:
        return trained_on, None, None, None
    asked = [Asked(aspect(one), folder.readout) for one in folder.aspects]
    backbone = open_backbone(folder, asked)
    if "embed" not in backbone.capabilities:
        if name is not None:
            warn(f"{name} offers no features: duplicates are not looked for in them")
        return trained_on, None, None, None
    scorer = Scorer(folder, backbone, asked)

    def of_picture(picture: Any) -> Any:
        return backbone.embed([backbone.prepare(picture)])[0]

    def scored(picture: Any, wanted: str) -> float | None:
        if wanted not in folder.aspects:
            return None
        (found,) = scorer.attempt([scorer.prepare(picture)])
        return (
            None if isinstance(found, InputError) else found[wanted].value
        )  # no score: no say in directions

    return trained_on, of_picture, scored, scorer.at_least


def _progress(*, quiet: bool) -> Callable[[int], None]:
    from visq.cli.console import _plain_lines

    plain = _plain_lines()
    return (lambda done: None) if quiet else (lambda done: plain(done, 0))


def _write(report: CheckReport, out: Path) -> None:
    from visq.scoring import atomic_write

    text = json_module.dumps(report.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        with atomic_write(out) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {str(out)!r}: {error.strerror or error}", kind="output") from error


def _lines(report: CheckReport) -> Iterator[str]:
    """One line a finding, errors first: what, and the first rows concerned."""
    for finding in report.findings:
        shown = ", ".join(finding.rows[:_SHOWN])
        more = f" and {len(finding.rows) - _SHOWN} more" if len(finding.rows) > _SHOWN else ""
        rows = f" [{shown}{more}]" if shown else ""
        yield f"{finding.severity:<8} {finding.check:<18} {finding.message}{rows}"
    if not report.findings:
        yield "nothing found"
