"""Compare runs: what `comparison.json` holds, from runs that were read. Knows values; no table, no page.

Which rows are compared is `comparison_sets.py`; the arithmetic is `pairing.py`; how it looks,
`comparison_tables.py`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from visq.core.errors import InputError
from visq.core.version import __version__
from visq.evaluation.comparison.agreement import disagreements
from visq.evaluation.comparison.pairing import (
    CORRELATIONS,
    LEVEL,
    SIGNIFICANT,
    STATISTICS,
    Agreement,
    MeasuredSet,
    Pair,
    PairTest,
    holm_over,
    mean_resampled,
    measured_set,
    warnings_about,
)
from visq.evaluation.comparison.sets import CommonSet, common_sets
from visq.evaluation.runs.folder import Run, read_run, without_nan
from visq.evaluation.statistics.differences import ENOUGH_FOR_INTERVALS, Resampled
from visq.evaluation.statistics.intervals import Interval, check_request, ends_of
from visq.evaluation.statistics.over_sets import HOW_MEAN
from visq.evaluation.statistics.published import verdict

FORMAT = 1
MOST_RUNS = 8
RESAMPLES = 1000
RESAMPLES_PER_TEST = 200
"""So that the smallest Holm p that can come out is .01."""
_Z_POWER = 1.959964 + 0.841621  # normal quantiles .975 and .8: a two-sided 5 % test with 80 % power

_Adjusted = Mapping[tuple[str, Pair], float]


def compare(
    runs: Sequence[str | os.PathLike[str] | Run],
    *,
    margin: float = 0.005,
    resamples: int | None = None,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Compare run folders; the same words as `visq compare`.

    Args:
        runs: two to eight run folders that `visq evaluate` wrote, or runs that were read.
        margin: > 0, the loss of correlation that would not matter.
        resamples: how many resamples of groups; None takes 1000, or 200 for each test where these are more.
        seed: of the draws.
        names: what to call the runs; None takes the names of their folders.

    Returns:
        The comparison; see `compare_runs`.

    Raises:
        InputError: there is no run at a path, or the request makes no comparison.
        DataError: a run is damaged, or runs contradict each other about a set.
        MissingExtra: scipy or pyarrow is not installed.
    """
    read = [run if isinstance(run, Run) else read_run(Path(run)) for run in runs]
    return compare_runs(read, margin=margin, resamples=resamples, seed=seed, names=names)


def compare_runs(
    runs: Sequence[Run],
    *,
    margin: float = 0.005,
    resamples: int | None = None,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Compare runs on the rows that all of them scored, by a paired group bootstrap.

    Args:
        runs: two to eight runs of one aspect.
        margin: > 0, the loss of correlation that would not matter.
        resamples: how many resamples of groups; None takes 1000, or 200 for each test where these are more,
            since the smallest Holm p is 2 tests / (resamples + 1).
        seed: of the draws.
        names: what to call the runs; None takes the names of their folders.

    Returns:
        Values that JSON holds; a number that does not exist is None. Under `sets`, for each set: figures by
        run and statistic (`srcc` and `plcc`; `auroc` and `ap` where labels are 0 and 1), `pairs` with
        difference (a - b), interval, p, Holm p over all sets and pairs of the statistic, verdict, equivalence
        and the smallest difference found with 80 % power, and the pictures on which runs differ most. Under
        `mean`, unweighted means of Fisher's z over the rated sets that all runs have and none was trained on,
        under `mean_in_domain` over those that all were trained on; None for fewer than two sets.

    Raises:
        InputError: not 2..8 different runs of one aspect, or margin or resamples make no test.
        DataError: runs share no rows, or contradict each other about a set.
        MissingExtra: scipy is not installed.
    """
    named = named_runs(runs, names)
    aspect = _one_aspect(named)
    check_request(RESAMPLES if resamples is None else resamples, LEVEL, "percentile")
    if seed < 0:
        raise InputError(f"a seed is a whole number from 0 up, not {seed}")
    if not 0 < margin < 1:
        raise InputError(f"a margin is a loss of correlation that would not matter, in 0..1; not {margin:g}")
    sets, said = common_sets(named)
    n_tests = sum(math.comb(len(one.scores), 2) for one in sets)
    n_resamples = max(RESAMPLES, RESAMPLES_PER_TEST * n_tests) if resamples is None else resamples
    measured = [measured_set(one, margin, n_resamples, seed) for one in sets]
    met = {name for m in measured for of_run in m.figures.values() for name in of_run}
    adjusted = {name: holm_over(measured, name) for name in STATISTICS if name in met}
    settings = {
        "resamples": n_resamples,
        "level": LEVEL,
        "method": "percentile",
        "seed": seed,
        "margin": margin,
    }
    cross, in_domain = _for_means(measured, list(named))
    whole: dict[str, Any] = without_nan(
        {
            "format": FORMAT,
            "kind": "comparison",
            "visq": __version__,
            "command": None,
            "aspect": aspect,
            "runs": [_about_run(name, run) for name, run in named.items()],
            "settings": settings | {"n_tests": {name: len(ps) for name, ps in adjusted.items()}},
            "sets": [_about_set(one, adjusted) for one in measured],
            "mean": _mean(cross, list(named)),
            "mean_in_domain": _mean(in_domain, list(named)),
            "warnings": [
                *_run_warnings(named),
                *said,
                *_too_few_resamples(n_resamples, max(map(len, adjusted.values()))),
                *(text for m in measured for text in warnings_about(m)),
            ],
        }
    )
    return whole


# --- the runs ------------------------------------------------------------------------------------------


def named_runs(runs: Sequence[Run], names: Sequence[str] | None = None) -> dict[str, Run]:
    """Runs by what tables call them: the folder's name, with as many folders before it as tell them apart.

    Raises:
        InputError: there are not 2..8 runs, one is given twice, or names do not fit.
    """
    if not 2 <= len(runs) <= MOST_RUNS:
        raise InputError(f"a comparison takes 2 to {MOST_RUNS} runs, not {len(runs)}")
    paths = [run.path.resolve() for run in runs]
    twice = next((run.path for i, run in enumerate(runs) if paths[i] in paths[:i]), None)
    if twice is not None:
        raise InputError(f"run {str(twice)!r} is given twice; a comparison takes different runs")
    wanted = _shortest_names(paths) if names is None else list(names)
    if len(wanted) != len(runs) or len(set(wanted)) != len(wanted) or not all(wanted):
        raise InputError(f"{len(runs)} runs need as many different names, not {', '.join(map(repr, wanted))}")
    return dict(zip(wanted, runs, strict=True))


def _shortest_names(paths: Sequence[Path]) -> list[str]:
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _one_aspect(runs: Mapping[str, Run]) -> str:
    aspects = {name: str(run.report["aspect"]) for name, run in runs.items()}
    if len(set(aspects.values())) > 1:
        said = ", ".join(f"{aspect} in {name!r}" for name, aspect in aspects.items())
        raise InputError(f"runs of different aspects are not compared: {said}")
    return next(iter(aspects.values()))


def _about_run(name: str, run: Run) -> dict[str, Any]:
    source = run.report.get("source") or {}
    cost = run.report.get("cost")
    return {"name": name, "path": str(run.path), "source": source, "cost": cost}


def _run_warnings(runs: Mapping[str, Run]) -> Iterator[str]:
    """Engines and preprocessing that differ: fine, and to be known."""
    for key in ("runtime", "preprocessing"):
        values = {name: (run.report.get("source") or {}).get(key) for name, run in runs.items()}
        known = {name: value for name, value in values.items() if value is not None}
        if len(set(known.values())) > 1:
            said = ", ".join(f"{value} in {name!r}" for name, value in known.items())
            yield f"{key} differs: {said}; a difference of figures may come from it"


def _too_few_resamples(n_resamples: int, n_tests: int) -> Iterator[str]:
    """A resampled p-value is at least 2 / (resamples + 1), and Holm's first factor is the number of tests."""
    if 2 * n_tests >= SIGNIFICANT * (n_resamples + 1):
        needed = RESAMPLES_PER_TEST * n_tests
        yield f"{n_resamples} resamples cannot show a difference among {n_tests} tests; {needed} can"


# --- the sets ------------------------------------------------------------------------------------------


def _about_set(m: MeasuredSet, adjusted: Mapping[str, _Adjusted]) -> dict[str, Any]:
    one = m.rows
    return {
        "name": one.name,
        "n_common": len(one),
        "n_only": dict(one.n_only),
        "n_groups": m.n_groups,
        "group_column": one.group_column,
        "protocol": _agreed(one, "protocol"),
        "population": _agreed(one, "population"),
        "trained_on": dict(one.trained_on),
        "figures": {run: _figures(drawn) for run, drawn in m.figures.items()},
        "pairs": [_pair(m, pair, adjusted) for pair in m.tests],
        "disagreements": list(_furthest_apart(one)),
    }


def _agreed(one: CommonSet, key: str) -> Any:  # what a report holds
    """What all reports say of a set; None where they differ."""
    values = [about.get(key) for about in one.about.values()]
    return values[0] if all(value == values[0] for value in values) else None


def _figures(drawn: Mapping[str, Resampled]) -> dict[str, Any]:
    found = {}
    for name, one in drawn.items():
        low, high, _ = ends_of(one.values[:ENOUGH_FOR_INTERVALS], LEVEL, one.n_groups)
        found[name] = {"value": one.value, "low": low, "high": high, "n": one.n, "n_groups": one.n_groups}
    return found


def _ends(interval: Interval) -> dict[str, float]:
    return {"low": interval.low, "high": interval.high}


def _pair(m: MeasuredSet, pair: Pair, adjusted: Mapping[str, _Adjusted]) -> dict[str, Any]:
    tests = {
        name: _about_test(test, adjusted[name].get((m.rows.name, pair), math.nan), len(adjusted[name]))
        for name, test in m.tests[pair].items()
    }
    return {"a": pair[0], "b": pair[1]} | tests | {"agreement": _about_agreement(m.agreement[pair])}


def _about_test(test: PairTest, p_holm: float, n_tests: int) -> dict[str, Any]:
    found, held = test.found, test.held
    several = n_tests > 1 and not math.isnan(p_holm)
    reach = _Z_POWER * found.standard_error
    return {
        "difference": found.difference,
        **_ends(found.interval),
        "p": found.p_value,
        "p_holm": p_holm,
        "verdict": verdict(found, adjusted=p_holm if several else None),
        "equivalence": {
            "margin": held.margin,
            "no_worse": held.no_worse,
            "b_no_worse": held.interval.high < held.margin,
            "equivalent": held.equivalent,
            **_ends(held.interval),
        },
        "smallest_detectable": reach if reach > 0 else math.nan,
    }


def _about_agreement(found: Agreement) -> dict[str, Any]:
    order = found.order
    return {"srcc": found.srcc.value, **_ends(found.srcc.interval(LEVEL))} | {
        "same_order": math.nan if order is None else order.share,
        "n_pairs": 0 if order is None else order.n_pairs,
        "n_tied": 0 if order is None else order.n_tied,
    }


def _furthest_apart(one: CommonSet) -> Iterator[dict[str, Any]]:
    if not len(one):
        return
    for item in disagreements(one.scores, one.mos):
        yield {
            "id": str(one.ids[item.row]),
            "path": one.paths[item.row],
            "label": float(one.labels[item.row]),
            "label_rank": item.label_rank,
            "scores": {run: float(scores[item.row]) for run, scores in one.scores.items()},
            "ranks": dict(item.ranks),
            "gap": item.gap,
        }


# --- means over sets -----------------------------------------------------------------------------------


def _for_means(
    measured: Sequence[MeasuredSet], runs: Sequence[str]
) -> tuple[list[MeasuredSet], list[MeasuredSet]]:
    """Rated sets of all runs that none was trained on, and those that all were; never mixed."""
    whole = [m for m in measured if list(m.figures) == list(runs) and not m.rows.is_detection]
    cross = [m for m in whole if not any(m.rows.trained_on.values())]
    return cross, [m for m in whole if all(m.rows.trained_on.values())]


def _mean(kept: Sequence[MeasuredSet], runs: Sequence[str]) -> dict[str, Any] | None:
    if len(kept) < 2:
        return None
    means = {
        run: {name: mean_resampled([m.figures[run][name] for m in kept]) for name in CORRELATIONS}
        for run in runs
    }
    pairs = []
    for a, b in combinations(runs, 2):
        found = {name: means[a][name].minus(means[b][name], LEVEL) for name in CORRELATIONS}
        tests = {name: {"difference": one.difference} | _ends(one.interval) for name, one in found.items()}
        pairs.append({"a": a, "b": b} | tests)
    return {
        "sets": [m.rows.name for m in kept],
        "how": f"{HOW_MEAN}; sets resampled independently",
        "figures": {run: _figures(drawn) for run, drawn in means.items()},
        "pairs": pairs,
    }
