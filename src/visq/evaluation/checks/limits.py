"""Floors and ceilings: what a kind alone says of the label, what raters' noise allows. Knows no picture."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from visq.core.types import IntArray
from visq.data.folds import group_folds
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import column_of, domains, groupings
from visq.evaluation.checks.splits import is_train
from visq.evaluation.statistics.intervals import Interval, group_bootstrap
from visq.metrics import auroc, srcc

Float64Array = NDArray[np.float64]

RATERS = 15
"""Assumed where no column tells how many rated a picture: the least of ITU-R BT.500-14, section 2.5."""
_COUNT_COLUMNS = ("n_ratings", "n_votes", "n_raters", "num_ratings", "num_votes", "votes", "n_scores")
_VOTES = re.compile(r"(?:votes?_?|c)(\d{1,2})")
_FEWEST, _FOLDS, _RESAMPLES, _MOST_KINDS = 50, 5, 300, 0.1
_MOST_FOR_INTERVAL = 50_000  # rows; above, the interval is narrower than the third digit
_DRAWS, _BUDGET = 100, 5_000_000  # draws, and numbers that all of them together may hold
_FEWEST_PAIRS = 3
_HIGH = {"SRCC": 0.3, "AUROC": 0.65}
"""Lower end of a floor's interval from which it is a finding, and no note."""


def group_floor(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """How far the mean label of a row's kind comes, fitted on other folds, without a pixel; a note.

    The kind is the generator, the distortion, the folder. Folds tear no group, and are the table's own where
    it has a fold column. Where a split tears groups, what the mean label of the group in train says of the
    rest is told too: that is the profit of the leak alone.
    """
    for one in sets:
        at, labels = one.labelled()
        if at.size < _FEWEST or np.unique(labels).size < 2:
            continue
        found = next((g for g in groupings(one) if g.is_sure), None)
        groups = [(found.values[i] if found else None) or f"\0row {i}" for i in at.tolist()]
        folds = _folds(one, at, groups)
        if folds is None:
            continue
        for what, values in domains(one):
            kinds = [values[i] for i in at.tolist()]
            if 1 < len(set(kinds)) <= max(2, _MOST_KINDS * at.size):
                floored = mean_of_others(kinds, labels, folds)
                yield from _floor(
                    one, f"{what} alone, its mean label on other folds,", floored, labels, groups
                )
        if found is not None:
            yield from _leak(one, found.name, at, labels, groups)


def _leak(
    one: CheckedSet, name: str, at: IntArray, labels: Float64Array, groups: Sequence[str]
) -> Iterator[Finding]:
    """What the group's mean label in train says of its rows elsewhere."""
    for column, parts in one.splits.items():
        learnt = np.array([bool(parts[i]) and is_train(parts[i]) for i in at.tolist()])
        sums: dict[str, list[float]] = defaultdict(list)
        for group, label, is_learnt in zip(groups, labels.tolist(), learnt.tolist(), strict=True):
            if is_learnt:
                sums[group].append(label)
        asked = [k for k, group in enumerate(groups) if not learnt[k] and sums.get(group)]
        if len(asked) >= _FEWEST:
            known = np.array([float(np.mean(sums[groups[k]])) for k in asked])
            what = f"{name} alone, its mean label in train by {column!r},"
            yield from _floor(one, what, known, labels[asked], [groups[k] for k in asked])


def _floor(
    one: CheckedSet, what: str, floored: Float64Array, labels: Float64Array, groups: Sequence[str]
) -> Iterator[Finding]:
    statistic, figure = (auroc, "AUROC") if one.is_yes_or_no else (srcc, "SRCC")
    if np.unique(floored).size < 2:
        return
    value = float(statistic(floored, labels))
    interval = _interval(statistic, floored, labels, groups)
    ends = "" if interval is None else f" [{interval.low:.3f}, {interval.high:.3f}]"
    n_groups = len(set(groups))
    yield Finding(
        "group-floor",
        "warning" if interval is not None and interval.low > _HIGH[figure] else "note",
        f"{one.name}: {what} reaches {figure} {value:.3f}{ends} (n = {labels.size}, {n_groups} groups): a "
        "floor "
        "without any picture; give it beside every figure",
        (one.name,),
        (),
        {
            "what": what.removesuffix(","),
            figure.lower(): value,
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
            "n": int(labels.size),
            "n_groups": n_groups,
        },
    )


def _interval(
    statistic: object, floored: Float64Array, labels: Float64Array, groups: Sequence[str]
) -> Interval | None:
    if labels.size > _MOST_FOR_INTERVAL:
        return None
    rng = np.random.default_rng(0)
    chosen = srcc if statistic is srcc else auroc
    # Python's own text: as numpy's, one long prompt would make every cell as long.
    names = np.array(groups, dtype=np.object_)
    return group_bootstrap(chosen, [floored, labels], names, n_resamples=_RESAMPLES, rng=rng)


def _folds(one: CheckedSet, at: IntArray, groups: Sequence[str]) -> IntArray | None:
    """The table's own folds if they tear no group, else five by group; None with fewer groups than folds."""
    own = one.splits.get("fold")
    if own is not None and all(own[i].isdecimal() for i in at.tolist()):
        folds = np.array([int(own[i]) for i in at.tolist()], dtype=np.int64)
        if np.unique(folds).size > 1 and len(set(zip(groups, folds.tolist(), strict=True))) == len(
            set(groups)
        ):
            return folds
    if len(set(groups)) < _FOLDS:
        return None
    return group_folds(list(groups), _FOLDS, salt="visq check ")


def mean_of_others(kinds: Sequence[str], labels: Float64Array, folds: IntArray) -> Float64Array:
    """Each row predicted by the mean label of its kind on the other folds; of all there where none has it.

    Args:
        kinds: [n].
        labels: float64 [n].
        folds: int [n], two or more different ones.

    Returns:
        float64 [n].

    Example:
        >>> mean_of_others(["a", "a", "b"], np.array([1.0, 3.0, 5.0]), np.array([0, 1, 1])).tolist()
        [3.0, 1.0, 1.0]
    """
    _, kind = np.unique(np.asarray(kinds, dtype=np.object_), return_inverse=True)
    _, fold = np.unique(folds, return_inverse=True)
    n_kinds, n_folds = int(kind.max()) + 1, int(fold.max()) + 1
    cell = kind * n_folds + fold
    sums = np.bincount(cell, labels, n_kinds * n_folds).reshape(n_kinds, n_folds)
    counts = np.bincount(cell, minlength=n_kinds * n_folds).reshape(n_kinds, n_folds)
    other_sums, other_counts = (
        sums.sum(axis=1, keepdims=True) - sums,
        counts.sum(axis=1, keepdims=True) - counts,
    )
    overall = (labels.sum() - sums.sum(axis=0)) / (labels.size - counts.sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):  # a kind of one fold only: the overall mean, below
        means = np.where(other_counts > 0, other_sums / other_counts, overall[None, :])
    return np.asarray(means[kind, fold], dtype=np.float64)


# --- ceilings -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Noise:
    """Labels and the standard error of each, float64 [m]; what is known of the number of raters."""

    labels: Float64Array
    errors: Float64Array
    source: str
    is_known: bool


def rater_ceiling(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """SRCC that raters' noise lets a perfect scorer reach, by stds and by pictures filed twice; notes.

    Source:
        See `ceiling`. Of a picture filed twice both labels have noise of one std, so their absolute
        difference is 2 / sqrt(pi) of it on average (half-normal law of a difference of two).
    """
    for one in sets:
        noise = _noise(one)
        if noise is not None and noise.labels.size >= _FEWEST:
            yield from _by_raters(one, noise)
        yield from _by_pairs(one)


def ceiling(labels: Float64Array, errors: Float64Array, rng: np.random.Generator) -> tuple[float, float]:
    """SRCC that a scorer who knew the true opinions would have with these labels, and their reliability.

    Args:
        labels: float64 [n], means of ratings.
        errors: float64 [n], standard error of each.
        rng: source of the simulated noise.

    Returns:
        The mean SRCC over draws, and the reliability 0..1; both nan where the noise leaves no true variance.

    Source:
        Classical test theory (Spearman 1904; Lord and Novick 1968): reliability = 1 - mean(error^2) /
        var(label). True opinions are taken as the labels drawn together to the variance that is left, by the
        square root of the reliability round their mean, and labels as those plus normal noise of each row's
        error.

    Example:
        >>> labels = np.array([1.0, 3.0] * 50)
        >>> ceiling(labels, np.full(100, 0.5), np.random.default_rng(0))[1]
        0.75
    """
    variance = float(labels.var())
    reliability = 1 - float(np.mean(errors**2)) / variance if variance > 0 else 0.0
    if reliability <= 0:
        return math.nan, math.nan
    true = labels.mean() + math.sqrt(reliability) * (labels - labels.mean())
    n_draws = max(5, min(_DRAWS, _BUDGET // labels.size))
    found = [srcc(true, true + errors * rng.standard_normal(labels.size)) for _ in range(n_draws)]
    return float(np.mean(found)), reliability


def _by_raters(one: CheckedSet, noise: _Noise) -> Iterator[Finding]:
    value, reliability = ceiling(noise.labels, noise.errors, np.random.default_rng(0))
    if math.isnan(value):
        told = "the raters' noise is as large as the spread of the labels"
    else:
        told = f"raters' noise lets a perfect scorer reach SRCC {value:.3f} (reliability {reliability:.3f})"
    yield Finding(
        "rater-ceiling",
        "note",
        f"{one.name}: {told}, from {noise.source}, n = {noise.labels.size}; no higher figure is to be "
        "expected",
        (one.name,),
        (),
        {
            "srcc": None if math.isnan(value) else value,
            "reliability": None if math.isnan(value) else reliability,
            "n": int(noise.labels.size),
            "raters_known": int(noise.is_known),
        },
    )


def _noise(one: CheckedSet) -> _Noise | None:
    """Standard errors: from votes, from stds and how many rated, or from stds and an assumed number."""
    votes = _votes(one)
    counts = _counts(one)
    rows, errors = [], []
    for i, label in enumerate(one.labels):
        std, n = one.stds[i], float(RATERS) if counts is None else counts[i]
        if votes is not None:
            std, n = votes[i] or (None, math.nan)
        if label is not None and std is not None and std >= 0 and n > 0:
            rows.append(label)
            errors.append(std / math.sqrt(n))
    if not rows:
        return None
    known = counts is not None or votes is not None
    source = (
        "the stds and the number of ratings" if known else f"the stds, if {RATERS} people rated each picture"
    )
    return _Noise(np.array(rows), np.array(errors), source, known)


def _counts(one: CheckedSet) -> list[float] | None:
    columns = one.rows[0].cells if one.rows else {}
    name = next((name for name in columns if name.casefold() in _COUNT_COLUMNS), None)
    if name is None or not any(std is not None for std in one.stds):
        return None
    return [_number(cell) for cell in column_of(one, name)]


def _votes(one: CheckedSet) -> list[tuple[float, float] | None] | None:
    """Std of one vote and number of votes of each row, where columns count votes for 1, 2, ..., k."""
    columns = one.rows[0].cells if one.rows else {}
    named = {int(found[1]): name for name in columns if (found := _VOTES.fullmatch(name.casefold()))}
    if len(named) < 3 or sorted(named) != list(range(1, len(named) + 1)):
        return None
    cells = [column_of(one, named[k]) for k in sorted(named)]
    values = np.array(sorted(named), dtype=np.float64)
    known: list[tuple[float, float] | None] = []
    for row in zip(*cells, strict=True):
        counts = np.array([_number(cell) for cell in row])
        n = float(counts.sum())
        if not math.isfinite(n) or n < 2 or (counts < 0).any():
            known.append(None)
            continue
        mean = float(counts @ values) / n
        known.append((math.sqrt(float(counts @ (values - mean) ** 2) / (n - 1)), n))
    return known if any(known) else None


def _by_pairs(one: CheckedSet) -> Iterator[Finding]:
    """How much labels of one picture filed twice differ: noise that no scorer of pictures can explain."""
    same: dict[str, list[int]] = defaultdict(list)
    marks = _same_marks(one)
    for i, mark in enumerate(marks):
        if mark and one.labels[i] is not None:
            same[mark].append(i)
    many = [at for at in same.values() if len(at) > 1]
    gaps = [abs(_label(one, i) - _label(one, j)) for at in many for i, j in combinations(at[:20], 2)]
    _, labels = one.labelled()
    if len(gaps) < _FEWEST_PAIRS or labels.size < _FEWEST or not max(gaps) > 0:
        return
    mean = float(np.mean(gaps))
    error = mean * math.sqrt(math.pi) / 2
    value, _ = ceiling(labels, np.full(labels.size, error), np.random.default_rng(0))
    reach = "" if math.isnan(value) else f", which lets a perfect scorer reach SRCC {value:.3f}"
    yield Finding(
        "rater-ceiling",
        "note",
        f"{one.name}: {len(many)} pictures stand in several rows, and their labels differ by {mean:.3f} on "
        f"average: noise with a std of about {error:.3f}{reach} (from {len(gaps)} pairs)",
        (one.name,),
        one.found_rows(i for at in many for i in at),
        {
            "mean_gap": mean,
            "noise_std": error,
            "srcc": None if math.isnan(value) else value,
            "n_pairs": len(gaps),
        },
    )


def _same_marks(one: CheckedSet) -> list[str]:
    """What rows of one picture share: a column that says so, else the bytes of their files."""
    columns = one.rows[0].cells if one.rows else {}
    if "duplicate_set" in columns:
        return column_of(one, "duplicate_set")
    return [facts.sha256 or "" for facts in one.facts]


def _label(one: CheckedSet, i: int) -> float:
    label = one.labels[i]
    return math.nan if label is None else label


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
