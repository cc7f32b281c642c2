"""Figures of out-of-fold scores, made as everybody's are: by what `visq evaluate` and `visq check` call.

Writes the scores as a table beside the label file's features, and reads nothing but the reports.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError
from visq.core.scales import MOS
from visq.evaluation import paired_difference
from visq.evaluation.checks.check import CheckOptions, check_sets
from visq.evaluation.figures.measured import Settings
from visq.evaluation.runs.config import EvaluateOptions
from visq.evaluation.runs.evaluate import evaluate
from visq.evaluation.runs.labelled import LabelChoice
from visq.metrics import srcc
from visq.scoring import atomic_write
from visq.training.labels import Labelled
from visq.training.recipe import AspectRecipe

_EXAMPLE = re.compile(r", such as '[^']*'(?: and '[^']*')?")


@dataclass(frozen=True)
class Evaluated:
    """What evaluation says of one aspect.

    Attributes:
        model: the set's part of the report, of the model's out-of-fold scores.
        floor: likewise, of what sees no pixels.
        p_value: of SRCC of the model against the floor, paired, groups drawn whole.
        findings: what `visq check` finds in the labelled data, in words.
        settings: of the intervals.
    """

    model: Mapping[str, Any]
    floor: Mapping[str, Any]
    p_value: float
    findings: tuple[str, ...]
    settings: Settings

    def within(self, column: str) -> Mapping[str, Any]:
        """The figures inside the values of a column.

        Raises:
            DataError: the report has none.
        """
        for entry in self.model["within"]:
            if entry["column"] == column:
                return dict(entry)
        raise DataError(f"no figures within {column!r}; the protocol of the recipe gives none")


def evaluated(
    aspect: AspectRecipe,
    labelled: Labelled,
    values: NDArray[np.float64],
    floored: NDArray[np.float64],
    settings: Settings,
    folder: Path,
) -> Evaluated:
    """Evaluate out-of-fold scores of a model and of its floor, and check the data they are on.

    Args:
        aspect: whose labels these are.
        labelled: the rows.
        values: float64 [n], the model's out-of-fold scores, on 1..5.
        floored: float64 [n], the floor's.
        settings: of the intervals.
        folder: where the two tables of scores are kept.
    """
    model, floor = (
        _report(aspect, labelled, scores, settings, folder / f"{aspect.name}-{name}.csv")
        for name, scores in (("model", values), ("floor", floored))
    )
    difference = paired_difference(
        srcc,
        values,
        floored,
        labelled.mos,
        labelled.groups,
        n_resamples=settings.resamples,
        rng=np.random.default_rng(settings.seed),
    )
    options = CheckOptions(
        aspect=aspect.name,
        label=aspect.data.label,
        group=_groups(aspect),
        split=aspect.data.fold,
        protocol=aspect.protocol,
    )
    report = check_sets([labelled.manifest], options)
    # What the set is called is this machine's business, and a picture's name the data set's.
    found = tuple(
        _EXAMPLE.sub("", finding.message.removeprefix(report.sets[0].name).lstrip(":, "))
        for finding in report.findings
        if finding.severity != "note"
    )
    return Evaluated(model, floor, difference.p_value, found, settings)


def _report(
    aspect: AspectRecipe, labelled: Labelled, scores: NDArray[np.float64], settings: Settings, table: Path
) -> Mapping[str, Any]:
    table.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(table) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", aspect.name))
        writer.writerows(zip(labelled.ids, scores.tolist(), strict=True))
    options = EvaluateOptions(
        (str(labelled.manifest),),
        scores=(str(table),),
        aspect=aspect.name,
        protocol=aspect.protocol,
        labels=LabelChoice(aspect.data.label, _groups(aspect), str(aspect.data.scale)),
        score_scale=str(MOS),
        settings=settings,
    )
    return dict(evaluate(options).report["sets"][0])


def _groups(aspect: AspectRecipe) -> str | None:
    return ",".join(filter(None, (aspect.data.group, aspect.data.same))) or None
