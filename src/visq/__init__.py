"""visq scores pictures the way people do: quality and aesthetics, with an interval, offline.

`import visq` is cheap; what a name needs is imported when it is first used.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from visq.core.errors import (
    DataError,
    InputError,
    MissingExtra,
    ModelError,
    UnknownName,
    VisqError,
)
from visq.core.version import __version__

if TYPE_CHECKING:
    from visq import metrics
    from visq.core.scales import Scale
    from visq.core.types import Row, Sample, Score
    from visq.evaluation.comparison.compare import compare
    from visq.evaluation.runs.evaluate import Evaluation
    from visq.scoring import Preference, RunOptions, Scorer, Table, load

__all__ = [
    "DataError",
    "Evaluation",
    "InputError",
    "MissingExtra",
    "ModelError",
    "Preference",
    "Row",
    "RunOptions",
    "Sample",
    "Scale",
    "Score",
    "Scorer",
    "Table",
    "UnknownName",
    "VisqError",
    "__version__",
    "compare",
    "evaluate",
    "load",
    "metrics",
    "score",
]

_LAZY = {
    "Evaluation": "visq.evaluation.runs.evaluate",
    "Preference": "visq.scoring",
    "Row": "visq.core.types",
    "RunOptions": "visq.scoring",
    "Sample": "visq.core.types",
    "Scale": "visq.core.scales",
    "Score": "visq.core.types",
    "Scorer": "visq.scoring",
    "Table": "visq.scoring",
    "compare": "visq.evaluation.comparison.compare",
    "load": "visq.scoring",
}


def __getattr__(name: str) -> Any:  # any public object
    if name == "metrics":
        return importlib.import_module("visq.metrics")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'visq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def score(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Sample],
    *,
    model: str | None = None,
    aspect: str | Iterable[str] | None = None,
    readout: str | None = None,
    dialect: str | None = None,
    temperature: float | None = None,
    device: str | None = None,
    dtype: str = "auto",
    attention: str = "auto",
    pixels: str | None = None,
    remote_code: bool = False,
    device_map: str | None = None,
    explain: bool = False,
    scale: str | None = None,
    out: str | os.PathLike[str] | None = None,
    report: str | os.PathLike[str] | None = None,
    sort: str | None = None,
    top: int | None = None,
    limit: int | None = None,
    batch: int = 8,
    workers: int | None = None,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> Table:
    """Score pictures; the same words as `visq score`.

    Args:
        inputs: files, folders, globs, manifests, or Samples.
        model: a shipped model, a model folder, or a folder in transformers' layout. None takes the
            environment's, else `mini`.
        aspect: what to score, e.g. "quality,aesthetics"; also TOML files with aspects of your own. None takes
            all the model has.
        readout: how answers become a number: levels, integers, decimals, contrast or text.
        dialect: whose words the questions are asked in.
        temperature: > 0; divides the log-probabilities of answers. None takes the environment's, else 1.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`. None takes the environment's, else `auto`.
        dtype: `auto`, `float32`, `float16` or `bfloat16`.
        attention: `auto`, or an implementation of transformers.
        pixels: MIN..MAX of a picture before the model sees it. None takes the most of the environment, else
            leaves it to the model.
        remote_code: code that comes with the model may run. It can do anything that you can.
        device_map: in place of `device`: `auto`, `balanced`, `balanced_low_0` or `sequential`.
        explain: each score comes with what the model says of the picture.
        scale: what scores are shown on, LOW..HIGH; None shows 1..5, and probabilities on 0..1.
        out: table to write and resume from (.csv or .jsonl).
        report: HTML page to write.
        sort: aspect the report is ordered by, best first.
        top: show only so many pictures in the report, the best by `sort` or by the first aspect. The table
            has every row all the same.
        limit: score only the first so many inputs.
        batch: pictures handed to the model at a time.
        workers: threads that decode; None takes as many as there are CPUs.
        overwrite: start anew where `out` exists.
        retry_failed: try the failures of an earlier run again.

    Returns:
        A Table with one row an input, in the order of the inputs, failures included.

    Raises:
        VisqError: nothing could be scored at all; the message says what to do.
    """
    from visq.scoring import RunOptions
    from visq.scoring import load as load_scorer
    from visq.scoring.table import check_top

    check_top(top)
    if report is not None:
        from visq.reports import check_page

        check_page(report)  # before an hour of work, not after it
    options = RunOptions(out, batch, workers, limit, overwrite, retry_failed)
    names = aspect if isinstance(aspect, str) or aspect is None else list(aspect)
    with load_scorer(
        model,
        aspects=names,
        readout=readout,
        dialect=dialect,
        temperature=temperature,
        device=device,
        dtype=dtype,
        attention=attention,
        pixels=pixels,
        remote_code=remote_code,
        device_map=device_map,
        explain=explain,
        scale=scale,
    ) as scorer:
        if sort is not None and sort not in scorer.identity["aspects"]:
            raise UnknownName(f"cannot sort by {sort!r}; scored are {', '.join(scorer.identity['aspects'])}")
        table = scorer.score(inputs, options)
    if report is not None:
        from visq.reports import write_report

        write_report(table, report, sort=sort, top=top)
    return table


def evaluate(
    manifests: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    model: str | None = None,
    scores: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    aspect: str | None = None,
    protocol: str | None = None,
    label: str | None = None,
    group: str | None = None,
    label_scale: str | None = None,
    score: str | None = None,
    score_scale: str | None = None,
    readout: str | None = None,
    dialect: str | None = None,
    temperature: float | None = None,
    device: str | None = None,
    dtype: str | None = None,
    attention: str | None = None,
    pixels: str | None = None,
    remote_code: bool = False,
    device_map: str | None = None,
    limit: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> Evaluation:
    """Evaluate a model, or tables of scores, on labelled sets; the same words as `visq evaluate`.

    Args:
        manifests: one labelled table, or several.
        model: as `visq.load` takes it; None with tables in `scores`.
        scores: tables of scores made elsewhere, one for each manifest, in order.
        aspect: what the labels are about; None takes what protocol or columns say.
        protocol: a known data set, one for all or one each, separated by commas.
        label: column of the opinion scores.
        group: column, or columns separated by commas, of what belongs together.
        label_scale: "1..5", or "100..0" where lower is better.
        score: column or form of the scores in the tables.
        score_scale: "0..1", or "100..0" where a lower score is better.
        readout: how answers become a number; None takes what the model is made for.
        dialect: whose words the question is asked in; None takes the model's own.
        temperature: > 0; divides the log-probabilities of answers. None takes the environment's, else 1.
        device: of a chat model, as `visq.load` takes it, like the next five.
        dtype: None is `auto`.
        attention: None is `auto`.
        pixels: None takes the most of the environment, else leaves it to the model.
        remote_code: code that comes with the model may run.
        device_map: in place of `device`.
        limit: rows of each set that are scored; the others count as failures of kind `limit`.
        resamples: of the groups, for the intervals.
        seed: of the resamples.
        out: run folder to write and resume from, with its page.
        overwrite: start anew where the folder holds another run.
        retry_failed: try the failures of an earlier run again.

    Returns:
        An Evaluation: `report` has every figure with its interval, `sets` the rows.

    Raises:
        VisqError: nothing could be evaluated; the message says what to do.
    """
    from pathlib import Path

    from visq.evaluation.figures.measured import Settings
    from visq.evaluation.runs.config import EvaluateOptions
    from visq.evaluation.runs.evaluate import evaluate as evaluate_sets
    from visq.evaluation.runs.labelled import LabelChoice

    options = EvaluateOptions(
        _names(manifests),
        model=model,
        scores=_names(scores),
        aspect=aspect,
        protocol=protocol,
        labels=LabelChoice(label, group, label_scale),
        score=score,
        score_scale=score_scale,
        readout=readout,
        dialect=dialect,
        temperature=temperature,
        device=device,
        dtype=dtype,
        attention=attention,
        pixels=pixels,
        remote_code=remote_code,
        device_map=device_map,
        limit=limit,
        settings=Settings(resamples, seed=seed),
        out=None if out is None else Path(out),
        overwrite=overwrite,
        retry_failed=retry_failed,
    )
    found = evaluate_sets(options)
    if found.path is not None:
        from visq.evaluation.runs.folder import PAGE, read_run
        from visq.reports.evaluation_report import write_evaluation_page

        write_evaluation_page(read_run(found.path), found.path / PAGE)
    return found


def _names(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    return tuple(os.fspath(path) for path in several)
