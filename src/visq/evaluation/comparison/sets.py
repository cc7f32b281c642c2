"""Which sets and rows several runs share, and whether labels and groups agree. Knows no statistic, no page.

Rows are paired by id, never by position. What would make a comparison false is an error (other labels, other
directions, other groups); what a reader has to know is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import DataError
from visq.core.scales import Scale
from visq.evaluation.figures.detection_figures import is_detection
from visq.evaluation.figures.label_scale import scale_text
from visq.evaluation.figures.scored import Float64Array, ScoredSet, StrArray
from visq.evaluation.runs.folder import Run
from visq.evaluation.runs.training_titles import title_naming

Rows = NDArray[np.int64]

SAME_LABEL = 1e-9
"""Two labels of one picture no further apart than this, relative or absolute, are one number in two files."""
_NAMED = 8  # how many sets a message lists


@dataclass(frozen=True)
class CommonSet:
    """The rows of one labelled set that every run of `scores` scored; arrays are [n], paired by position.

    Attributes:
        name: of the set, as the first run calls it.
        ids: str, in the order of the first run.
        paths: str, of the pictures; empty where no run knows one.
        labels: float64, as the data set gives them.
        mos: float64, the same turned so that higher is better.
        groups: str, rows that a resample keeps together.
        group_column: where groups come from; None where every row is its own.
        is_detection: whether labels are classes, 0 and 1.
        scores: run -> float64.
        n_only: run -> rows that it scored and some other run did not.
        about: run -> the set's entry in its report.
        trained_on: run -> the title of its training data that names this set, or None.
    """

    name: str
    ids: StrArray
    paths: tuple[str, ...]
    labels: Float64Array
    mos: Float64Array
    groups: StrArray
    group_column: str | None
    is_detection: bool
    scores: Mapping[str, Float64Array]
    n_only: Mapping[str, int]
    about: Mapping[str, Mapping[str, Any]]
    trained_on: Mapping[str, str | None]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class _Member:
    """One run's view of a set: its rows, and what its report says of it."""

    rows: ScoredSet
    about: Mapping[str, Any]


_Cluster = dict[str, _Member]


def common_sets(runs: Mapping[str, Run]) -> tuple[list[CommonSet], list[str]]:
    """The sets that at least two runs scored, and what has to be said about them.

    Sets are taken for the same by name, else by the hash of their manifest, else by shared rows; always only
    where they share an id.

    Args:
        runs: name -> run, in the order they are shown.

    Returns:
        The sets, in the order of the first run that has each, and warnings.

    Raises:
        DataError: runs share no set, or in a shared one labels, their direction or groups differ.
    """
    found: list[CommonSet] = []
    warnings: list[str] = []
    for cluster in _matched(runs):
        if len(cluster) > 1:
            one, said = _common(_unlike(cluster, [one.name for one in found]), runs)
            found.append(one)
            warnings += said
        else:
            name, member = next(iter(cluster.items()))
            warnings.append(f"{member.rows.name}: only run {name!r} has this set; it is not compared")
    if not found:
        raise DataError(f"the runs share no set: {_what_they_have(runs)}; rows are paired by id")
    return found, warnings


def _unlike(cluster: _Cluster, taken: Sequence[str]) -> _Cluster:
    """The cluster under a name of its own: different sets of several runs may have been called alike."""
    first, member = next(iter(cluster.items()))
    name, i = member.rows.name, 2
    while name in taken:
        name, i = f"{member.rows.name} ({i})", i + 1
    return cluster | {first: _Member(replace(member.rows, name=name), member.about)}


def _what_they_have(runs: Mapping[str, Run]) -> str:
    parts = []
    for name, run in runs.items():
        sets = [f"{one.name!r} (ids like {str(one.ids[0])!r})" for one in run.sets[:_NAMED] if len(one)]
        parts.append(f"run {name!r} has {', '.join(sets) or 'no labelled row'}")
    return "; ".join(parts)


# --- which sets are the same ---------------------------------------------------------------------------


def _matched(runs: Mapping[str, Run]) -> list[_Cluster]:
    clusters: list[_Cluster] = []
    for name, run in runs.items():
        pairs = zip(run.sets, run.report["sets"], strict=True)
        left = [_Member(rows, about) for rows, about in pairs]
        for is_same in (_same_name, _same_manifest, _same_rows):
            left = [member for member in left if not _joins(clusters, name, member, is_same)]
        clusters.extend({name: member} for member in left)
    return clusters


def _joins(
    clusters: Sequence[_Cluster], run: str, member: _Member, is_same: Callable[[_Member, _Member], bool]
) -> bool:
    """Put a member into the first cluster that takes it; False where none does."""
    for cluster in clusters:
        if run not in cluster and is_same(next(iter(cluster.values())), member):
            cluster[run] = member
            return True
    return False


def _same_name(one: _Member, other: _Member) -> bool:
    return one.rows.name == other.rows.name and _shared_ids(one, other).size > 0


def _same_manifest(one: _Member, other: _Member) -> bool:
    digests = [member.about.get("manifest_sha256") for member in (one, other)]
    return None not in digests and digests[0] == digests[1] and _shared_ids(one, other).size > 0


def _same_rows(one: _Member, other: _Member) -> bool:
    """At least half of the smaller set are rows of the other one, with the same labels."""
    _, at, there = np.intersect1d(one.rows.ids, other.rows.ids, return_indices=True)
    n_equal = int(_equal(one.rows.labels[at], other.rows.labels[there]).sum())
    return n_equal > 0 and 2 * n_equal >= min(len(one.rows), len(other.rows))


def _shared_ids(one: _Member, other: _Member) -> StrArray:
    return np.intersect1d(one.rows.ids, other.rows.ids)


def _equal(labels: Float64Array, others: Float64Array) -> NDArray[np.bool_]:
    return np.isclose(labels, others, rtol=SAME_LABEL, atol=SAME_LABEL)


# --- which rows they share -----------------------------------------------------------------------------


def _common(cluster: _Cluster, runs: Mapping[str, Run]) -> tuple[CommonSet, list[str]]:
    """The rows that all members scored, and what has to be said."""
    shared = _rows_shared(cluster)
    _check_labels(cluster, shared)
    scored = np.logical_and.reduce([m.rows.is_scored[shared[run]] for run, m in cluster.items()])
    at = {run: rows[scored] for run, rows in shared.items()}
    _check_scores(cluster, at)
    grouped_by, said = _grouping(cluster, at)
    scale, more = _label_scale(cluster)
    first = next(iter(cluster))
    rows, there = cluster[first].rows, at[first]
    labels = rows.labels[there]
    titles = {
        run: title_naming((m.rows.name, m.about.get("protocol")), _trained_on(runs[run]))
        for run, m in cluster.items()
    }
    one = CommonSet(
        name=rows.name,
        ids=rows.ids[there],
        paths=_paths(cluster, at),
        labels=labels,
        mos=labels if scale is None or scale.direction == "up" else scale.low + scale.high - labels,
        groups=cluster[grouped_by].rows.groups[at[grouped_by]],
        group_column=cluster[grouped_by].rows.group_column,
        is_detection=is_detection(rows),
        scores={run: m.rows.scores[at[run]] for run, m in cluster.items()},
        n_only={run: int(m.rows.is_scored.sum()) - len(there) for run, m in cluster.items()},
        about={run: m.about for run, m in cluster.items()},
        trained_on=titles,
    )
    return one, [*said, *more, *_differences(one), *_partial(one), *_in_domain(one)]


def _trained_on(run: Run) -> Sequence[str]:
    return (run.report.get("source") or {}).get("trained_on") or ()


def _rows_shared(cluster: _Cluster) -> dict[str, Rows]:
    """Rows of each run whose id all members have, in the order of the first run."""
    places = {run: {name: i for i, name in enumerate(m.rows.ids.tolist())} for run, m in cluster.items()}
    first = next(iter(places.values()))
    ids = [name for name in first if all(name in place for place in places.values())]
    return {run: np.array([place[i] for i in ids], dtype=np.int64) for run, place in places.items()}


def _check_labels(cluster: _Cluster, shared: Mapping[str, Rows]) -> None:
    (first, base), *others = cluster.items()
    labels = base.rows.labels[shared[first]]
    for run, member in others:
        theirs = member.rows.labels[shared[run]]
        wrong = np.flatnonzero(~_equal(labels, theirs))
        if wrong.size:
            i = int(wrong[0])
            raise DataError(
                f"set {base.rows.name!r}, id {str(base.rows.ids[shared[first][i]])!r}: the label is "
                f"{labels[i]:.12g} in run {first!r} and {theirs[i]:.12g} in run {run!r} ({wrong.size} of "
                f"{labels.size} differ); evaluate both on the same label column"
            )


def _check_scores(cluster: _Cluster, at: Mapping[str, Rows]) -> None:
    for run, member in cluster.items():
        bad = at[run][~np.isfinite(member.rows.scores[at[run]])]
        if bad.size:
            raise DataError(
                f"set {member.rows.name!r}, id {str(member.rows.ids[bad[0]])!r}: run {run!r} has the score "
                f"{member.rows.scores[bad[0]]}; evaluate again with finite scores"
            )


def _label_scale(cluster: _Cluster) -> tuple[Scale | None, list[str]]:
    """What labels are measured on by the runs that say so; a direction that only some say holds for all."""
    stated = {run: m.rows.label_scale for run, m in cluster.items() if m.rows.label_scale is not None}
    if not stated:
        return None, []
    (first, scale), *_ = stated.items()
    name = next(iter(cluster.values())).rows.name
    for run, other in stated.items():
        if other.direction != scale.direction:
            raise DataError(
                f"set {name!r}: labels are on {scale_text(scale)} in run {first!r} and {scale_text(other)} "
                f"in run {run!r}, which point opposite ways; evaluate one again with the right --label-scale"
            )
    texts = {run: scale_text(m.rows.label_scale) or "unknown" for run, m in cluster.items()}
    if len(set(texts.values())) == 1:
        return scale, []
    return scale, [f"{name}: label scale differs: {_by_run(texts)}; {scale_text(scale)} is used for all"]


def _grouping(cluster: _Cluster, at: Mapping[str, Rows]) -> tuple[str, list[str]]:
    """The run whose groups are taken, the first that has any; others that have some must agree with it."""
    grouped = [run for run, m in cluster.items() if m.rows.group_column is not None]
    if not grouped:
        return next(iter(cluster)), []
    first, *others = grouped
    name, column = cluster[first].rows.name, cluster[first].rows.group_column
    for run in others:
        pair = [cluster[r].rows.groups[at[r]] for r in (first, run)]
        if not _same_partition(*pair):
            raise DataError(
                f"set {name!r}: run {first!r} groups rows by {column!r} and run {run!r} by "
                f"{cluster[run].rows.group_column!r}, and these groups differ; evaluate one again with the "
                "other's --group"
            )
    without = [run for run in cluster if run not in grouped]
    if not without:
        return first, []
    who = ", ".join(map(repr, without))
    return first, [f"{name}: groups of {column!r} from run {first!r} are used; {who} has no groups"]


def _same_partition(one: StrArray, other: StrArray) -> bool:
    pairs = len(set(zip(one.tolist(), other.tolist(), strict=True)))
    return pairs == len(set(one.tolist())) == len(set(other.tolist()))


def _paths(cluster: _Cluster, at: Mapping[str, Rows]) -> tuple[str, ...]:
    """Of each row the first path that any run knows."""
    columns = [[m.rows.paths[i] for i in at[run]] for run, m in cluster.items()]
    return tuple(next((path for path in row if path), "") for row in zip(*columns, strict=True))


# --- what has to be said -------------------------------------------------------------------------------


def _differences(one: CommonSet) -> list[str]:
    """Settings of the same set that differ between runs."""
    said = []
    for key, word in (
        ("protocol", "protocol"),
        ("split", "split"),
        ("label_column", "label column"),
        ("manifest_sha256", "manifest"),
    ):
        values = {run: about.get(key) for run, about in one.about.items()}
        if len(set(values.values())) > 1:
            shown = {
                run: str(value)[:12] if key == "manifest_sha256" else value for run, value in values.items()
            }
            end = "; the labels of common rows agree" if key == "manifest_sha256" else ""
            said.append(f"{one.name}: {word} differs: {_by_run(shown)}{end}")
    return said


def _partial(one: CommonSet) -> list[str]:
    said = []
    for run, about in one.about.items():
        if about.get("partial"):
            n, of = about.get("n_scored"), about.get("n_expected")
            said.append(f"{one.name}: run {run!r} is partial, {n} of {of} rows scored")
    if any(one.n_only.values()):
        extra = ", ".join(f"{n} more in {run!r}" for run, n in one.n_only.items() if n)
        said.append(f"{one.name}: compared on the {len(one)} rows that all runs scored ({extra})")
    return said


def _in_domain(one: CommonSet) -> list[str]:
    return [
        f"{one.name}: run {run!r} was trained on this set ({title})"
        for run, title in one.trained_on.items()
        if title is not None
    ]


def _by_run(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{'none' if value is None else value} in {run!r}" for run, value in values.items())
