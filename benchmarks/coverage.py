"""Coverage of calibrated intervals on AGIQA-3K, over repeated random folds of its prompts.

Each repeat deals the prompts into 10 folds anew. For each fold in turn: the head of the recipe `mini-head` is
fitted on five others, `visq calibrate`'s own code fits map and interval on the four that are left (three
sevenths of their prompts the map, the rest the interval), and coverage is counted on the fold itself. So no
rating is looked at twice within a turn, and every picture is tested once a repeat.

What this cannot show: pictures of other generators, or other raters. The head's ridge strength and its taps
were chosen once on pictures of this set. The interval of the mean is a bootstrap over prompts of their
coverage averaged over repeats; repeats share their pictures, so more of them do not make it shorter.

    python benchmarks/coverage.py --data DIR --trunk FILE          20 repeats, all kinds of map and interval
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import visq
from visq.core.scales import LEVEL_WORDS, MOS
from visq.data.folds import group_folds
from visq.evaluation.calibration.fit import INTERVAL, MAP, TEST, FitSettings, fit_calibration
from visq.evaluation.calibration.rated_rows import RatedRows
from visq.evaluation.statistics.intervals import group_bootstrap
from visq.readouts.calibration import levels_of
from visq.training.crossfit import linear_levels
from visq.training.features import Extractor
from visq.training.labels import Labelled, read_labelled
from visq.training.mini_head import settings
from visq.training.recipe import read_recipe, recipes_available
from visq.training.trunk_onnx import feature_graph, read_trunk

KINDS = list(itertools.product(("none", "linear", "isotonic"), ("constant", "by-level")))
N_FOLDS, N_HELD = 10, 4


def read(data: Path, trunk: Path, cache: Path) -> tuple[np.ndarray, Labelled, object]:
    """Features and labels of the recipe's quality aspect."""
    recipe = read_recipe(recipes_available()["mini-head"])
    labelled = read_labelled(recipe.aspects["quality"], data)
    weights, _ = read_trunk(trunk)
    side = int(recipe.field("preprocessing", "size")[0])
    extract = Extractor(feature_graph(weights, side), (side, side), f"coverage;{visq.__version__}", cache)
    features = extract(labelled.paths, "features", lambda line: print(line, flush=True))
    return features.pooled, labelled, settings(recipe)


def rows_of(scores: np.ndarray, labelled: Labelled, at: np.ndarray) -> RatedRows:
    """Rows as `visq calibrate` has them after scoring."""
    names = np.array([str(path.name) for path in labelled.paths])[at]
    empty = np.full(at.size, "", dtype=np.str_)
    return RatedRows(
        ids=tuple(names.tolist()),
        scores=scores,
        ratings=labelled.mos[at],
        spread=np.full(at.size, np.nan),
        groups=labelled.groups[at],
        cells=empty,
        label="quality",
        group_column="group",
        n_rows=at.size,
        n_unrated=0,
        failures={},
    )


def turns(
    predict: object, labelled: Labelled, repeat: int
) -> Iterator[tuple[RatedRows, np.ndarray, np.ndarray]]:
    """For each fold: rows that calibrate and that test, which of them calibrate, and their positions."""
    folds = group_folds(labelled.groups.tolist(), N_FOLDS, salt=f"coverage/{repeat}/")
    for test in range(N_FOLDS):
        turned = (folds - test) % N_FOLDS  # 0 tests, 1 to 4 calibrate, 5 to 9 fit
        tested, fitted = np.flatnonzero(turned == 0), np.flatnonzero(turned > N_HELD)
        held = np.flatnonzero((turned > 0) & (turned <= N_HELD))
        at = np.concatenate([held, tested])
        scores = predict(fitted, at)  # type: ignore[operator]
        yield rows_of(scores, labelled, at), np.r_[np.ones(held.size, bool), np.zeros(tested.size, bool)], at


def parts_for(rows: RatedRows, is_held: np.ndarray, chosen: FitSettings) -> np.ndarray:
    """Parts of a turn: the held fold shared between map and interval, the other fold tests."""
    parts = np.full(is_held.size, TEST, dtype="U8")
    tenths = np.repeat([MAP, INTERVAL], [3, 4]) if chosen.map != "none" else np.repeat([INTERVAL], 7)
    parts[is_held] = tenths[group_folds(rows.groups[is_held].tolist(), 7, salt=chosen.seed)]
    return parts


def run(features: np.ndarray, labelled: Labelled, numbers: object, n_repeats: int, nominal: float) -> dict:
    """Inside [kinds, repeats, n], width and errors of every kind."""
    predict = linear_levels(features, labelled.mos, numbers)  # type: ignore[arg-type]
    n = labelled.mos.size
    inside, width, error = (np.zeros((len(KINDS), n_repeats, n)) for _ in range(3))
    levels = np.zeros((len(KINDS), n_repeats, n), dtype=np.int64)
    begun = time.monotonic()
    for repeat in range(n_repeats):
        for rows, is_held, at in turns(predict, labelled, repeat):
            for k, (kind, interval) in enumerate(KINDS):
                chosen = FitSettings(kind, interval, nominal, resamples=1)
                parts = parts_for(rows, is_held, chosen)
                found = fit_calibration(rows, parts, chosen, scale=MOS, levels=LEVEL_WORDS, population="-")
                tested, values = at[~is_held], found.calibration.value(rows.scores[~is_held], MOS)
                low, high = found.calibration.interval(values, MOS)
                truth = rows.ratings[~is_held]
                inside[k, repeat, tested] = (truth >= low) & (truth <= high)
                width[k, repeat, tested] = high - low
                error[k, repeat, tested] = np.abs(values - truth)
                levels[k, repeat, tested] = levels_of(values, MOS)
        print(f"repeat {repeat + 1} of {n_repeats}, {time.monotonic() - begun:.0f} s", flush=True)
    return {"inside": inside, "width": width, "error": error, "levels": levels}


def report(found: dict, groups: np.ndarray, nominal: float) -> None:
    """One row a kind: coverage with its interval over prompts, spread over repeats, width, error, levels."""
    head = ("map", "interval", "coverage [95 %]", "of prompts alike", "std of repeats", "width", "MAE")
    print(f"\n{groups.size} pictures, {np.unique(groups).size} prompts, nominal {nominal:g}\n")
    print("| " + " | ".join([*head, *LEVEL_WORDS]) + " |\n|" + " --- |" * (len(head) + len(LEVEL_WORDS)))
    _, of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / sizes[of_row]
    for k, (kind, interval) in enumerate(KINDS):
        inside, levels = found["inside"][k], found["levels"][k]
        share = inside.mean(axis=0)
        rng = np.random.default_rng(0)
        ends = group_bootstrap(np.mean, [share], groups, n_resamples=2000, rng=rng)
        by_level = [
            f"{inside[levels == one].mean():.3f}" if (levels == one).any() else "none"
            for one in range(len(LEVEL_WORDS))
        ]
        cells = [
            kind,
            interval,
            f"{share.mean():.3f} [{ends.low:.3f}, {ends.high:.3f}]",
            f"{np.average(share, weights=weights):.3f}",
            f"{inside.mean(axis=1).std(ddof=1):.4f}",
            f"{found['width'][k].mean():.3f}",
            f"{found['error'][k].mean():.4f}",
        ]
        print("| " + " | ".join([*cells, *by_level]) + " |", flush=True)


def main() -> None:
    """Read, run, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds agiqa3k/labels.csv")
    parser.add_argument("--trunk", type=Path, required=True, help="safetensors of MobileNetV2")
    parser.add_argument("--cache", type=Path, default=Path("coverage.cache"), help="for features")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--nominal", type=float, default=0.9)
    options = parser.parse_args()
    features, labelled, numbers = read(options.data, options.trunk, options.cache)
    found = run(features, labelled, numbers, options.repeats, options.nominal)
    report(found, labelled.groups, options.nominal)


if __name__ == "__main__":
    main()
