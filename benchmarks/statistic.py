"""How fast the group bootstrap of SRCC and PLCC is, against the plain loop over scipy.

What this cannot show: other statistics, which are recomputed row by row, and other processors. The loop is
timed on fewer resamples, in turn with ours, so that a machine that slows down slows both; its time for all
of them is that, scaled. Both draw the same groups, and their values are compared before anything is timed.
With OPENBLAS_NUM_THREADS=1 a busy machine disturbs scipy's sums less.

    python benchmarks/statistic.py               20,000 rows, 10,000 resamples, 50 of the loop, 3 rounds
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import scipy
from scipy.stats import pearsonr, spearmanr

import visq
from visq.evaluation.statistics.intervals import group_bootstrap
from visq.evaluation.statistics.resampling import members_of, resampled
from visq.metrics import plcc, srcc

SETS = {  # rows a group, decimals of the truth
    "one row a group, no ties": (1, 12),
    "one row a group, truth to .01": (1, 2),
    "groups of 5, truth to .01": (5, 2),
}


FIGURES: dict[str, tuple[Callable[..., float], Callable[..., object]]] = {
    "SRCC": (srcc, spearmanr),
    "PLCC": (plcc, pearsonr),
}


def made(n: int, size: int, decimals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, truth and groups of n rows, SRCC about .7."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=n)
    return truth + rng.normal(size=n), np.round(truth, decimals), np.arange(n) // size


def scipy_loop(
    figure: Callable[..., object], x: np.ndarray, y: np.ndarray, groups: np.ndarray, n_resamples: int
) -> np.ndarray:
    """The loop one would write: draw groups, gather rows, call scipy."""
    rng, members, found = np.random.default_rng(1), members_of(groups, [x.size]), []
    for _ in range(n_resamples):
        drawn = rng.integers(0, len(members), len(members))
        rows = drawn if len(members) == x.size else np.concatenate([members[g] for g in drawn])
        found.append(figure(x[rows], y[rows]).statistic)  # type: ignore[attr-defined]
    return np.array(found)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main(n: int, n_resamples: int, n_loop: int, n_rounds: int) -> None:
    """Measure every set and print a row for each."""
    print(f"{platform.processor() or platform.machine()}; {platform.system()}, ", end="")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, ", end="")
    print(f"visq {visq.__version__}; {n} rows, {n_resamples} resamples, {n_loop} of the loop, scaled\n")
    print("| figure, rows | visq, s | scipy loop, s | ratio | largest difference |")
    print("| --- | --- | --- | --- | --- |")
    for figure in FIGURES:
        for name in SETS:
            print(row(figure, name, n, n_resamples, n_loop, n_rounds), flush=True)


def row(figure: str, name: str, n: int, n_resamples: int, n_loop: int, n_rounds: int) -> str:
    """Compare one figure on one set, then time both in turn."""
    size, decimals = SETS[name]
    ours_is, theirs_is = FIGURES[figure]
    x, y, groups = made(n, size, decimals)
    fast = resampled(ours_is, [x, y], members_of(groups, [n]), 10, np.random.default_rng(1))
    apart = float(np.abs(fast - scipy_loop(theirs_is, x, y, groups, 10)).max())

    def ours() -> object:
        rng = np.random.default_rng(1)
        return group_bootstrap(ours_is, [x, y], groups, n_resamples=n_resamples, rng=rng)

    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(n_rounds):
        loop = seconds(lambda: scipy_loop(theirs_is, x, y, groups, n_loop))
        taken["theirs"].append(loop * n_resamples / n_loop)
        taken["ours"].append(seconds(ours))
    ratios = [t / o for t, o in zip(taken["theirs"], taken["ours"], strict=True)]
    values = (taken["ours"], taken["theirs"], ratios)
    cells = [f"{statistics.median(v):.1f} ({min(v):.1f}..{max(v):.1f})" for v in values]
    return f"| {figure}, {name} | {' | '.join(cells)} | {apart:.0e} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=50, help="resamples of the scipy loop")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.rows, options.resamples, options.loop, options.rounds)
