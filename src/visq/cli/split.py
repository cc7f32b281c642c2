"""`visq split`: a table gets a `split` column. Parse, call one function, write, print what was reached."""

from __future__ import annotations

import json as json_format
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visq.cli.console import UsageMistake, results, warn
from visq.core.errors import InputError

if TYPE_CHECKING:
    from visq.data.split_table import SplitTable

DEFAULT_SHARES = "train=.7,val=.1,test=.2"
_DOMAINS_SHOWN = 12
_HOW, _BALANCE, _RESULTS = "How it is split", "What is kept together or balanced", "What comes out"


def split(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="CSV, TSV, JSON or Parquet.")],
    label: Annotated[
        str | None,
        typer.Option(help="Column to balance: scores, or at most 10 classes.", rich_help_panel=_BALANCE),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Column never torn, e.g. scene; several: id_a,id_b. By default group, if there.",
            rich_help_panel=_BALANCE,
        ),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="Column to balance, e.g. generator.", rich_help_panel=_BALANCE)
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(help=f"Parts and their shares; by default {DEFAULT_SHARES}.", rich_help_panel=_HOW),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="So many equal folds instead.", rich_help_panel=_HOW)
    ] = None,
    nested: Annotated[
        int | None,
        typer.Option(
            min=2, help="Inner folds outside each fold, to choose settings by.", rich_help_panel=_HOW
        ),
    ] = None,
    official: Annotated[
        str | None,
        typer.Option(
            help="Keep a split that exists: a column, or a file that lists it.", rich_help_panel=_HOW
        ),
    ] = None,
    seed: Annotated[str, typer.Option(help="Another text, another split.", rich_help_panel=_HOW)] = "visq",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Table to write: .csv, .tsv, .jsonl, .parquet. Without it, CSV on standard output.",
            readable=False,
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Leave out columns of the split's names that are there.",
            rich_help_panel=_RESULTS,
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over --out where it exists.", rich_help_panel=_RESULTS)
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print what was reached as JSON.", rich_help_panel=_RESULTS)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No notices.", rich_help_panel=_RESULTS)] = False,
) -> None:
    """Split a table so that no group is torn apart and parts are alike.

    \b
    visq split ratings.csv --label mos --group scene --out split.csv
    visq split ratings.csv --label mos --group prompt --domain generator --folds 5 --nested 4 --out folds.csv
    visq split ratings.csv --group scene --official set --out split.csv
    """
    from visq.data.split_columns import SplitRequest
    from visq.data.split_table import parse_shares, split_table

    if shares is None and folds is None and official is None:
        shares = DEFAULT_SHARES
    try:
        parts = None if shares is None else parse_shares(shares)
        request = SplitRequest(parts, folds, official, nested, label, group, domain, seed, replace)
    except InputError as error:
        raise UsageMistake(str(error)) from error
    if out is not None:
        _check_out(out, manifest, overwrite=overwrite)
    found = split_table(manifest, request)
    if not quiet:
        for line in found.report["warnings"]:
            warn(line)
    with results():
        _write(found, out, json=json, quiet=quiet)


def _check_out(out: Path, manifest: str, *, overwrite: bool) -> None:
    """Refuse what cannot or must not be written, before any work."""
    from visq.scoring.flat_files import check_flat_ending

    try:
        check_flat_ending(out)
    except InputError as error:
        raise UsageMistake(str(error)) from error
    if not out.parent.is_dir():
        raise InputError(f"cannot write {str(out)!r}: no folder {str(out.parent)!r}", kind="output")
    if out.exists() and os.path.exists(manifest) and os.path.samefile(out, manifest):
        raise InputError(
            f"{str(out)!r} is the input and cannot be the output; choose another name", kind="output"
        )
    if out.exists() and not (overwrite and out.is_file()):
        raise InputError(f"{str(out)!r} exists; choose another --out, or --overwrite", kind="output")


def _write(found: SplitTable, out: Path | None, *, json: bool, quiet: bool) -> None:
    """The table where it is wanted, what was reached beside it."""
    from visq.scoring.flat_files import write_csv, write_flat

    if out is not None:
        write_flat(out, found.columns, found.rows, names=found.names)
    if json:
        print(json_format.dumps(found.report, ensure_ascii=False, allow_nan=False))
    elif out is None:
        write_csv(sys.stdout, found.columns, found.rows())
    lines = _summary(found.report)
    if not json and out is not None:
        print("\n".join(lines))
    elif not quiet and not json:
        for line in lines:
            warn(line)
    if out is not None and not quiet:
        warn(f"table: {out}")


def _summary(report: Mapping[str, Any]) -> list[str]:
    """What was reached, as lines of a table."""
    lines = [f"{report['n_rows']} rows, {report['n_groups']} groups"]
    label = report["label_column"]
    lines += _part_lines(report["parts"], label)
    for name, parts in report["inner"].items():
        lines += [name, *_part_lines(parts, label)]
    return lines


def _part_lines(parts: Sequence[Mapping[str, Any]], label: str | None) -> list[str]:
    has_mean = label is not None and parts[0]["label_mean"] is not None
    heads = ["part", "rows", "share", "wanted", "groups", *([f"{label} mean", "std"] if has_mean else [])]
    table = [heads]
    for part in parts:
        wanted = "" if part["wanted"] is None else f"{part['wanted']:.3f}"
        cells = [part["name"], str(part["n"]), f"{part['share']:.3f}", wanted, str(part["n_groups"])]
        table.append(cells + ([f"{part['label_mean']:.3f}", f"{part['label_std']:.3f}"] if has_mean else []))
    for key in ("strata", "domains"):
        if parts[0][key] is not None and not (key == "strata" and has_mean):
            _add_counts(table, [part[key] for part in parts])
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]


def _add_counts(table: list[list[str]], counts: Sequence[Mapping[str, int]]) -> None:
    """A column for each class or domain, unless there are too many to read."""
    names = list(dict.fromkeys(name for one in counts for name in one))
    if len(names) > _DOMAINS_SHOWN:
        return
    table[0] += [name or "(empty)" for name in names]
    for row, one in zip(table[1:], counts, strict=True):
        row += [str(one.get(name, 0)) for name in names]
