"""Tables for the tests of `visq check`: written to disk as people write them, and checked."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visq.core.scales import LEVEL_WORDS
from visq.data.sources import set_names
from visq.evaluation.checks import CHECKS
from visq.evaluation.checks.check import CheckOptions, CheckReport, check_sets, read_set
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.figures.protocols import protocols_for

Rows = Sequence[Mapping[str, Any]]


def write_csv(path: Path, rows: Rows) -> Path:
    """A CSV with the columns of the first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_json(path: Path, rows: Rows) -> Path:
    path.write_text(json.dumps(list(rows)), encoding="utf-8")
    return path


def check_tables(*paths: Path, **options: Any) -> CheckReport:
    """The report of a check that looks at no picture."""
    return check_sets(paths, CheckOptions(**({"pictures": False} | options)))


def findings_of(check: str, *paths: Path, **options: Any) -> list[Finding]:
    """What one check alone finds, which is faster on long lists."""
    chosen = CheckOptions(**({"pictures": False} | options))
    protocols = protocols_for(chosen.protocol, len(paths))
    names = set_names([str(path) for path in paths])
    sets = [read_set(p, n, protocol, chosen) for p, n, protocol in zip(paths, names, protocols, strict=True)]
    return list(CHECKS.get(check)(sets))


def check_rows(tmp_path: Path, rows: Rows, **options: Any) -> CheckReport:
    return check_tables(write_csv(tmp_path / "table.csv", rows), **options)


def check_json(tmp_path: Path, rows: Rows, **options: Any) -> CheckReport:
    return check_tables(write_json(tmp_path / "table.json", rows), **options)


def set_of(tmp_path: Path, rows: Rows, **options: Any) -> CheckedSet:
    return check_rows(tmp_path, rows, **options).sets[0]


def of(report: CheckReport, check: str) -> list[Finding]:
    """Findings of one check, notes too."""
    return [finding for finding in report.findings if finding.check == check]


def one_of(report: CheckReport, check: str) -> Finding:
    """The only finding of a check."""
    found = of(report, check)
    assert len(found) == 1, [finding.message for finding in found]
    return found[0]


def loud(report: CheckReport) -> list[str]:
    """What makes the exit code 3."""
    return [f"{f.check}: {f.message}" for f in report.findings if f.severity != "note"]


def conversation(
    image: str, score: float | str, level: str, *, question: str = "How is it?", **more: Any
) -> dict[str, Any]:
    """A row of Q-Align's training lists."""
    turns = [
        {"from": "human", "value": f"{question}\n<|image|>"},
        {"from": "gpt", "value": f"The quality of the image is {level}."},
    ]
    return {"id": f"{image}->{score}", "image": image, "conversations": turns} | more


def word_of(score: float, low: float, high: float) -> str:
    """The level word by five equal intervals, upper edges inside, written as the rule is."""
    for k in range(5):
        if score <= low + (k + 1) * (high - low) / 5:
            return LEVEL_WORDS[k]
    return LEVEL_WORDS[4]
