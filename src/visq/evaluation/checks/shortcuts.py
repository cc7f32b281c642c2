"""Check for shortcuts: can the label be told from the file, the picture unseen? Knows no pixels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from visq.core.errors import MissingExtra
from visq.data.folds import group_folds
from visq.data.groups import joined_groups
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import file_names, groupings, stem_of
from visq.evaluation.checks.names import name_parts
from visq.evaluation.statistics.intervals import group_bootstrap
from visq.metrics import auroc, srcc

_LEAST_ROWS, _MOST_ROWS = 60, 20_000  # of more rows so many are drawn: minutes would show nothing more
_FOLDS = 5
_RESAMPLES = 300
_TREES = 60
BOUND_SRCC = 0.15
"""Lower end of the interval above which it is said: ratings go with size a little in any honest set."""
BOUND_AUROC = 0.65
_ADVICE = {"the file": "re-encode all pictures alike", "its name": "never let names reach a model"}
_MOST_NUMBERS = 3  # in a file name, from its start
_MOST_WORDS = 30  # of file names that become columns, the commonest first


def shortcuts(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """The label predicted from what lies round the picture: bytes, size, format, tags, words of the name.

    A random forest on the facts of files alone, and another on words and numbers in names, cross-validated by
    group; figures are of rows it did not see. It is a finding where the lower end of its 95 % group-bootstrap
    interval passes SRCC .15, or AUROC .65 for labels 0 and 1.
    """
    for one in sets:
        at, labels = one.labelled()
        if at.size < _LEAST_ROWS or np.unique(labels).size < 2:
            continue
        if at.size > _MOST_ROWS:
            chosen = np.sort(np.random.default_rng(0).choice(at.size, _MOST_ROWS, replace=False))
            at, labels = at[chosen], labels[chosen]
        groups = _groups(one, at)
        if len(set(groups)) < 2 * _FOLDS:
            continue
        for where, facts in (("the file", _of_files(one, at)), ("its name", _of_names(one, at))):
            columns = {name: c for name, c in facts.items() if np.unique(c).size > 1}
            if columns:
                yield from _told(one, at, where, columns, labels, groups)


def _groups(one: CheckedSet, at: NDArray[np.int64]) -> list[str]:
    """What must not stand on both sides: groups, and rows of one picture, which share every fact about it."""
    found = groupings(one)
    cells = [
        [f"group {group}" if found and (group := found[0].values[i]) else "" for i in at],
        [f"file {one.pictures[i]}" for i in at],
    ]
    if one.facts:
        cells.append([f"bytes {sha256}" if (sha256 := one.facts[i].sha256) else "" for i in at])
    return joined_groups(cells)


def _told(
    one: CheckedSet,
    at: NDArray[np.int64],
    where: str,
    columns: dict[str, NDArray[np.float64]],
    labels: NDArray[np.float64],
    groups: Sequence[str],
) -> Iterator[Finding]:
    is_binary = one.is_yes_or_no
    statistic, figure = (auroc, "AUROC") if is_binary else (srcc, "SRCC")
    values = _out_of_fold(np.column_stack(list(columns.values())), labels, groups)
    if np.unique(values).size < 2:
        return
    rng = np.random.default_rng(0)
    names = np.array(groups, dtype=np.object_)  # as numpy's text, one long name would make all as long
    interval = group_bootstrap(statistic, [values, labels], names, n_resamples=_RESAMPLES, rng=rng)
    if not interval.low > (BOUND_AUROC if is_binary else BOUND_SRCC):
        return
    alone = {name: float(statistic(column, labels)) for name, column in columns.items()}
    strongest = max(alone, key=lambda name: abs(alone[name] - (0.5 if is_binary else 0.0)))
    value = float(statistic(values, labels))
    yield Finding(
        "shortcuts",
        "warning",
        f"{one.name}: {where} tells the label without the picture: {figure} {value:.3f} "
        f"[{interval.low:.3f}, {interval.high:.3f}] (n = {labels.size}, {interval.n_groups} groups); "
        f"strongest alone: {strongest}, {figure} {alone[strongest]:.3f}; {_ADVICE[where]}, and report this "
        "beside every figure",
        (one.name,),
        one.found_rows(at.tolist()),
        {
            figure.lower(): value,
            "low": interval.low,
            "high": interval.high,
            "n": int(labels.size),
            "strongest": strongest,
            **{f"alone_{name}": round(of_one, 4) for name, of_one in alone.items()},
        },
    )


def _of_names(one: CheckedSet, at: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Words of file names, float64 [m] each, 1 where a name has the word; and numbers in them.

    Numbers of a known form (a distortion's strength, a frame) say what they say on purpose, and are left out.
    """
    named = file_names(one)
    names = [named[i] for i in at]
    words = [_words(name) for name in names]
    counts = Counter(word for several in words for word in several)
    found = {} if any(said.is_known for said in name_parts(names)) else _numbers(names)
    return found | {
        f"name has {word!r}": np.array([word in several for several in words], dtype=np.float64)
        for word, n in counts.most_common(_MOST_WORDS)
        if 5 <= n < len(words)
    }


def _numbers(names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """The first numbers in file names, float64 [m] each; -1 where a name has fewer."""
    numbers = [re.findall(r"\d{1,15}", stem_of(name)) for name in names]
    return {
        f"number {k + 1} of the name": np.array(
            [float(several[k]) if len(several) > k else -1.0 for several in numbers]
        )
        for k in range(_MOST_NUMBERS)
    }


def _of_files(one: CheckedSet, at: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Facts about files by name, float64 [m] each; none where pictures were not looked at."""
    if not one.facts:
        return {}
    facts = [one.facts[i] for i in at]
    rows = [
        (f.n_bytes, f.width, f.height, f.n_bytes / max(1, f.width * f.height), f.width / max(1, f.height))
        for f in facts
    ]
    names = ("bytes", "width", "height", "bytes a pixel", "shape")
    found = dict(zip(names, np.array(rows, dtype=np.float64).T, strict=True))
    found["JPEG table"] = np.array([f.jpeg_luma_sum for f in facts], dtype=np.float64)
    found["EXIF tags"] = np.array([f.n_exif for f in facts], dtype=np.float64)
    for kind in sorted({f.format for f in facts}):
        found[f"format {kind}"] = np.array([f.format == kind for f in facts], dtype=np.float64)
    return found


def _words(name: str) -> set[str]:
    """Words of a file's name and its folder; running numbers are left out."""
    folder = name.replace("\\", "/").rpartition("/")[0]
    parts = re.split(r"[_\-. ]+", stem_of(name).casefold())
    return {part for part in parts if part and not part.isdecimal()} | ({f"{folder}/"} if folder else set())


def _out_of_fold(
    facts: NDArray[np.float64], labels: NDArray[np.float64], groups: Sequence[str]
) -> NDArray[np.float64]:
    """Each row predicted by a forest that saw no row of its group."""
    from sklearn.ensemble import RandomForestRegressor

    folds, values = group_folds(list(groups), _FOLDS, salt="visq check "), np.empty(labels.size)
    for fold in range(_FOLDS):
        asked = folds == fold
        model = RandomForestRegressor(n_estimators=_TREES, min_samples_leaf=5, random_state=0, n_jobs=1)
        values[asked] = model.fit(facts[~asked], labels[~asked]).predict(facts[asked])
    return values


def ask_for_packages() -> None:
    """Make sure that what a forest needs is there, without importing it.

    Raises:
        MissingExtra: scikit-learn or SciPy is not installed.
    """
    for module, package in (("scipy", "scipy"), ("sklearn", "scikit-learn")):
        if find_spec(module) is None:
            raise MissingExtra(package, "eval")
