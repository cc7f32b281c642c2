"""report.json of an evaluation, put together from its sets. Of figures it computes only means over sets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from visq.core.types import printable
from visq.core.version import __version__
from visq.evaluation.figures.label_scale import scale_text
from visq.evaluation.figures.measured import Settings
from visq.evaluation.figures.protocols import Protocol
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.figures.set_figures import set_figures
from visq.evaluation.runs.config import KIND
from visq.evaluation.runs.folder import FORMAT, without_nan
from visq.evaluation.runs.labelled import LabelledSet
from visq.evaluation.runs.score_source import Scores, Stopped, Watch
from visq.evaluation.runs.set_warnings import set_warnings, training_title
from visq.evaluation.statistics.over_sets import HOW_MEAN, mean_of_z
from visq.evaluation.statistics.verdicts import verdict_lines


def report_of(
    aspect: str, sets: Sequence[LabelledSet], scores: Scores, settings: Settings, watch: Watch
) -> dict[str, Any]:
    """Everything that report.json holds.

    Args:
        aspect: what was scored.
        sets: the labelled sets.
        scores: their scores, in the same order.
        settings: how intervals are made.
        watch: what was typed, and whether to stop before the next set.

    Returns:
        The report; a number that does not exist is None.

    Raises:
        Stopped: `watch.stop` said so.
        MissingExtra: scipy is not installed.
    """
    tables = scores.tables or (None,) * len(sets)
    entries: list[dict[str, Any]] = []
    for scored, one, table in zip(scores.sets, sets, tables, strict=True):
        if watch.stop():
            raise Stopped("stopped before the figures; the scores are kept where there is a run folder")
        entries.append(_entry(scored, one, table, scores.trained_on, settings))
    report: dict[str, Any] = without_nan(
        {
            "format": FORMAT,
            "kind": KIND,
            "visq": __version__,
            "command": watch.command,
            "aspect": aspect,
            "source": scores.source,
            "settings": {
                "resamples": settings.resamples,
                "level": settings.level,
                "method": "percentile",
                "seed": settings.seed,
            },
            "cost": scores.cost,
            "sets": entries,
            "mean": mean_over_sets([one for one in entries if one["trained_on"] is None]),
            "mean_in_domain": mean_over_sets([one for one in entries if one["trained_on"] is not None]),
        }
    )
    return report


def mean_over_sets(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean SRCC and PLCC over sets; None for a lone set.

    Args:
        entries: of the sets, as the report holds them.

    Returns:
        Name -> value, how many sets have one, how, and a note; the value is nan where a set's is 1 or -1.

    Example:
        >>> two = [{"name": n, "figures": {"srcc": {"value": r}}} for n, r in (("a", 0.5), ("b", 0.9))]
        >>> round(mean_over_sets(two)["srcc"]["value"], 4)
        0.7661
    """
    if len(entries) < 2:
        return None
    found = {}
    for name in ("srcc", "plcc"):
        values = [entry["figures"].get(name, {}).get("value", math.nan) for entry in entries]
        defined = [value for value in values if not math.isnan(value)]
        if defined:
            mean = float(mean_of_z(defined))
            note = "a correlation of 1 or -1 has no Fisher z" if math.isnan(mean) else None
            found[name] = {"value": mean, "n_sets": len(defined), "how": HOW_MEAN, "note": note}
    return found or None


def _entry(
    scored: ScoredSet,
    labelled: LabelledSet,
    table: Mapping[str, Any] | None,
    trained_on: Sequence[Mapping[str, Any]],
    settings: Settings,
) -> dict[str, Any]:
    """One set of the report."""
    figures = set_figures(scored, labelled.protocol, settings)
    n_scored = int(scored.is_scored.sum())
    entry = {
        "name": scored.name,
        "manifest": printable(labelled.manifest),
        "manifest_sha256": labelled.sha256,
        "format": labelled.format,
        **_about_protocol(labelled.protocol, len(scored)),
        "label_column": labelled.label_column,
        "std_column": labelled.std_column,
        "label_scale": scale_text(scored.label_scale),
        "score_scale": scale_text(scored.score_scale),
        "group_column": scored.group_column,
        "scores": table,
        "n_rows": len(labelled.rows),
        "n_unlabelled": scored.n_unlabelled,
        "n_excluded": scored.n_excluded,
        "n_expected": len(scored),
        "n_scored": n_scored,
        "n_failed": len(scored) - n_scored,
        "failures": dict(Counter(kind for kind in scored.kinds if kind).most_common()),
        "partial": n_scored != len(scored),
        "n_groups": len(set(scored.groups.tolist())),
        **figures,
    }
    warnings = set_warnings(scored, labelled, figures, trained_on)
    more = [] if table is None else list(table["notes"])
    entry["trained_on"] = training_title(labelled, trained_on)
    return entry | {"verdict": verdict_lines(entry, settings.level), "warnings": [*warnings, *more]}


def _about_protocol(protocol: Protocol | None, n: int) -> dict[str, Any]:
    """What is known of the data set; nothing where no protocol was named."""
    if protocol is None:
        names = (
            "protocol",
            "protocol_version",
            "title",
            "population",
            "split",
            "published_plcc",
            "list",
            "sources",
        )
        return dict.fromkeys(names)
    known = protocol.list_of(n)
    return {
        "protocol": protocol.name,
        "protocol_version": protocol.version,
        "title": protocol.title,
        "population": protocol.population,
        "split": protocol.split,
        "published_plcc": protocol.plcc,
        "list": None if known is None else known.name,
        "sources": list(protocol.sources),
    }
