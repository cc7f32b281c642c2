"""How fast the group bootstrap of SRCC is, against the plain loop over scipy.

What this cannot show: other statistics, which are recomputed row by row, and other processors. The loop is
timed on fewer resamples, in turn with ours, so that a machine that slows down slows both; its time for all
of them is that, scaled. Both draw the same groups, and their values are compared before anything is timed.

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
from scipy.stats import spearmanr

import visq
from visq.evaluation.intervals import group_bootstrap
from visq.evaluation.resampling import members_of, resampled
from visq.metrics import srcc

SETS = {  # rows a group, decimals of the truth
    "one row a group, no ties": (1, 12),
    "one row a group, truth to .01": (1, 2),
    "groups of 5, truth to .01": (5, 2),
}


def made(n: int, size: int, decimals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, truth and groups of n rows, SRCC about .7."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=n)
    return truth + rng.normal(size=n), np.round(truth, decimals), np.arange(n) // size


def scipy_loop(x: np.ndarray, y: np.ndarray, groups: np.ndarray, n_resamples: int) -> np.ndarray:
    """The loop one would write: draw groups, gather rows, call spearmanr."""
    rng, members, found = np.random.default_rng(1), members_of(groups, [x.size]), []
    for _ in range(n_resamples):
        drawn = rng.integers(0, len(members), len(members))
        rows = drawn if len(members) == x.size else np.concatenate([members[g] for g in drawn])
        found.append(spearmanr(x[rows], y[rows]).statistic)
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
    print("| rows | visq, s | scipy loop, s | ratio | largest difference |\n| --- | --- | --- | --- | --- |")
    for name, (size, decimals) in SETS.items():
        x, y, groups = made(n, size, decimals)
        fast = resampled(srcc, [x, y], members_of(groups, [n]), 10, np.random.default_rng(1))
        apart = float(np.abs(fast - scipy_loop(x, y, groups, 10)).max())
        ours, theirs = [], []
        for _ in range(n_rounds):
            theirs.append(seconds(lambda: scipy_loop(x, y, groups, n_loop)) * n_resamples / n_loop)  # noqa: B023
            rng = np.random.default_rng(1)
            ours.append(
                seconds(lambda: group_bootstrap(srcc, [x, y], groups, n_resamples=n_resamples, rng=rng))  # noqa: B023
            )
        ratios = [t / o for t, o in zip(theirs, ours, strict=True)]
        cells = [f"{statistics.median(v):.1f} ({min(v):.1f}..{max(v):.1f})" for v in (ours, theirs, ratios)]
        print(f"| {name} | {' | '.join(cells)} | {apart:.0e} |", flush=True)


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
