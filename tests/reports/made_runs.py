"""Runs and comparisons of any content, with reports written by hand: what a page may meet, not the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from visq.core.scales import MOS, Scale
from visq.evaluation.figures.label_scale import scale_text
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.runs.folder import Run

LABELS = Scale(0.0, 100.0)


def figure(value: float | None, half: float | None = 0.03, **more: Any) -> dict[str, Any]:
    """A figure of a report; without `half` it has no interval."""
    known = value is not None and half is not None
    ends = {"low": value - half, "high": value + half} if known else {"low": None, "high": None}  # type: ignore[operator]
    about = {"n": 300, "n_groups": 60, "n_resamples": 1000 if known else 0, "n_undefined": 0}
    return {"value": value, **ends, **about, "method": "percentile" if known else None, "note": None} | more


def scored_set(
    n: int = 300, *, name: str = "koniq", seed: int = 0, failed: int = 3, **changes: Any
) -> ScoredSet:
    """Labels on 0..100 and scores on 1..5 that go with them; the last `failed` rows have no score."""
    rng = np.random.default_rng(seed)
    labels = np.round(np.clip(55 + 20 * rng.normal(size=n), 0, 100), 2)
    scores = np.clip(1 + labels / 25 + 0.4 * rng.normal(size=n), 1, 5)
    bad = np.arange(n) >= n - failed
    scores[bad] = np.nan
    nan = np.where(bad, np.nan, 1.0)
    ids = changes.pop("ids", [f"photos/{i:05}.jpg" for i in range(n)])
    held: dict[str, Any] = {
        "name": name,
        "aspect": "quality",
        "ids": np.array(ids, dtype=np.str_),
        "paths": tuple(f"nowhere/{i}" for i in ids),
        "groups": np.array([f"p{i // 5:03}" for i in range(n)], dtype=np.str_),
        "labels": labels,
        "stds": np.full(n, 8.0),
        "scores": scores,
        "low": np.clip(scores - 0.7, 1, 5),
        "high": np.clip(scores + 0.7, 1, 5),
        "spread": (0.3 + 0.4 * rng.random(n)) * nan,
        "outside": np.full(n, np.nan),
        "errors": tuple("truncated JPEG: 12 of 900 bytes" if b else "" for b in bad),
        "kinds": tuple("truncated" if b else "" for b in bad),
        "hashes": ("ab" * 32,) * n,
        "label_scale": LABELS,
        "score_scale": MOS,
        "group_column": "prompt",
    }
    return ScoredSet(**(held | changes))


def entry(one: ScoredSet, **changes: Any) -> dict[str, Any]:
    """The set's entry in report.json."""
    n_scored = int(one.is_scored.sum())
    counts, edges = np.histogram(one.labels, 20, (0, 100)) if len(one) else (np.array([]), np.array([]))
    held = {
        "name": one.name,
        "manifest": f"{one.name}.csv",
        "manifest_sha256": "cd" * 32,
        "format": "csv",
        "protocol": None,
        "title": None,
        "population": None,
        "split": None,
        "label_column": "mos",
        "std_column": "std",
        "label_scale": scale_text(one.label_scale),
        "score_scale": scale_text(one.score_scale),
        "group_column": one.group_column,
        "n_rows": len(one) + 2,
        "n_unlabelled": 2,
        "n_excluded": 0,
        "n_expected": len(one),
        "n_scored": n_scored,
        "n_failed": len(one) - n_scored,
        "failures": {"truncated": len(one) - n_scored} if n_scored < len(one) else {},
        "partial": n_scored != len(one),
        "n_groups": len(set(one.groups.tolist())),
        "labels": {
            "mean": 55.0,
            "std": 20.0,
            "min": 1.0,
            "max": 99.0,
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        },
        "figures": figures(),
        "within": [within("generator", 3), within("group", 60)],
        "levels": levels(),
        "reliability": reliability(),
        "verdict": ["another scorer has to be better by about 0.030 in SRCC to be told apart here"],
        "warnings": [],
    }
    return held | changes


def figures(**changes: Any) -> dict[str, Any]:
    fit = {"fit": "logistic4", "converged": True, "parameters": [98.0, 4.0, 3.1, 0.6]}
    return {
        "srcc": figure(0.871),
        "plcc": figure(0.884, fit="none"),
        "plcc_logistic4": figure(0.891, None, note="fitted on these very labels") | fit,
        "plcc_logistic5": figure(None, None, note="the fit did not converge", converged=False, parameters=[]),
        "krcc": figure(0.69),
        "rmse": figure(9.31, 0.5),
        "mae": figure(12.34, 0.4),
        "outlier_ratio": figure(0.05, 0.01),
        "pair_accuracy": figure(0.84, 0.01, gap=0.0),
        "pair_accuracy_gap_25": figure(0.99, 0.005, gap=25.0),
        "coverage": figure(0.913, 0.02, nominal=0.9),
        "half_width": figure(0.68, 0.001),
        "floor_generator_srcc": figure(0.55, 0.04),
    } | changes


def within(column: str, n: int) -> dict[str, Any]:
    parts = [
        {"name": f"{column}-{i}", "n": 9, "srcc": 0.9 - 0.5 * i / n, "low": None, "high": None}
        for i in range(n)
    ]
    for part in parts[:3]:
        part |= {"low": part["srcc"] - 0.1, "high": part["srcc"] + 0.1}
    mean = {"value": 0.65, "low": 0.6, "high": 0.7, "note": None}
    return {
        "column": column,
        "about": f"inside each {column}",
        "mean": mean,
        "median": 0.66,
        "parts": parts,
        "n_parts": n,
        "n_small": 0,
        "n_constant": 0,
    }


def levels() -> list[dict[str, Any]]:
    words = ("bad", "poor", "fair", "good", "excellent")
    means = (12.0, 4.0, -0.5, -6.0, None)
    return [
        {"level": w, "n": 9, "mean_residual": m, "std_residual": None if m is None else 5.0}
        for w, m in zip(words, means, strict=True)
    ]


def reliability() -> list[dict[str, Any]]:
    return [
        {
            "score_mean": 1.2 + 0.4 * i,
            "label_mean": 8.0 + 9 * i,
            "n": 30,
            "low": 6.0 + 9 * i,
            "high": 11.0 + 9 * i,
        }
        for i in range(10)
    ]


def nothing_known(value: Any) -> Any:
    """The same report with every number that is no count turned into null."""
    if isinstance(value, dict):
        return {
            k: v if k.startswith("n") and isinstance(v, int) else nothing_known(v) for k, v in value.items()
        }
    if isinstance(value, list):
        return [nothing_known(each) for each in value]
    return None if isinstance(value, float) else value


def run(*sets: ScoredSet, entries: list[dict[str, Any]] | None = None, **changes: Any) -> Run:
    """A run that never lay on disk."""
    told = [entry(one) for one in sets] if entries is None else entries
    mean = {
        name: {"value": 0.87, "n_sets": len(sets), "how": "unweighted mean of Fisher z"}
        for name in ("srcc", "plcc")
    }
    report = {
        "format": 1,
        "kind": "evaluation",
        "visq": "0.1.0",
        "command": "visq evaluate koniq.csv --out runs/mini",
        "aspect": "quality",
        "source": {
            "kind": "model",
            "name": "mini",
            "model_hash": "3c" * 32,
            "readout": "levels",
            "preprocessing": "srgb;squash320-bicubic",
            "runtime": "onnxruntime",
            "file": None,
            "sha256": None,
            "trained_on": ["AGIQA-3K"],
            "calibration": None,
        },
        "settings": {"resamples": 1000, "level": 0.95, "method": "percentile", "seed": 0},
        "cost": {"n": 297, "seconds": 12.5, "pictures_per_s": 23.76, "threads": 2},
        "sets": told,
        "mean": mean if len(sets) > 1 else None,
        "mean_in_domain": None,
    } | changes
    return Run(
        Path("runs/mini"), {"aspect": "quality", "sets": [one.name for one in sets]}, report, tuple(sets)
    )


# --- comparisons -----------------------------------------------------------------------------------------


def comparison(
    names: tuple[str, ...] = ("mini", "niqe"), sets: tuple[str, ...] = ("koniq",), **changes: Any
) -> dict[str, Any]:
    """What `compare_runs` gives."""
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    held = {
        "format": 1,
        "kind": "comparison",
        "visq": "0.1.0",
        "command": "visq compare runs/mini runs/niqe --out both",
        "aspect": "quality",
        "runs": [
            {
                "name": name,
                "path": f"runs/{name}",
                "source": {"kind": "model", "name": name, "trained_on": []},
                "cost": None if i else {"n": 297, "seconds": 12.5, "pictures_per_s": 23.76, "threads": 2},
            }
            for i, name in enumerate(names)
        ],
        "settings": {
            "resamples": 1000,
            "level": 0.95,
            "method": "percentile",
            "seed": 0,
            "margin": 0.005,
            "n_tests": {"srcc": 1, "plcc": 1},
        },
        "sets": [common_set(name, names, pairs) for name in sets],
        "mean": None,
        "mean_in_domain": None,
        "warnings": [],
    }
    return held | changes


def common_set(
    name: str, names: tuple[str, ...], pairs: list[tuple[str, str]], **changes: Any
) -> dict[str, Any]:
    held = {
        "name": name,
        "n_common": 297,
        "n_only": {run: 0 if i else 3 for i, run in enumerate(names)},
        "n_groups": 60,
        "group_column": "prompt",
        "protocol": None,
        "population": None,
        "trained_on": dict.fromkeys(names),
        "figures": {
            run: {"srcc": figure(0.87 - 0.2 * i), "plcc": figure(0.88 - 0.2 * i)}
            for i, run in enumerate(names)
        },
        "pairs": [pair(a, b) for a, b in pairs],
        "disagreements": [disagreement(i, names) for i in range(5)],
    }
    return held | changes


def pair(a: str, b: str) -> dict[str, Any]:
    agreement = {"srcc": 0.74, "low": 0.7, "high": 0.78, "same_order": 0.77, "n_pairs": 900, "n_tied": 0}
    return {"a": a, "b": b, "srcc": pair_test(0.2), "plcc": pair_test(0.002, p=0.6), "agreement": agreement}


def pair_test(difference: float | None, *, p: float | None = 0.001, **changes: Any) -> dict[str, Any]:
    held = {
        "margin": 0.005,
        "no_worse": True,
        "b_no_worse": False,
        "equivalent": False,
        "low": 0.1,
        "high": 0.3,
    }
    ends = (
        {"low": None, "high": None}
        if difference is None
        else {"low": difference - 0.05, "high": difference + 0.05}
    )
    return {
        "difference": difference,
        **ends,
        "p": p,
        "p_holm": p,
        "verdict": "n = 297: .871 and .671 differ (p .001)",
        "equivalence": held,
        "smallest_detectable": 0.04,
    } | changes


def disagreement(i: int, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "id": f"photos/{i:05}.jpg",
        "path": f"nowhere/{i}.jpg",
        "label": 41.5,
        "label_rank": 0.3,
        "scores": {run: 2.0 + k for k, run in enumerate(names)},
        "ranks": {run: 0.1 + 0.8 * k / max(1, len(names) - 1) for k, run in enumerate(names)},
        "gap": 0.8,
    }
