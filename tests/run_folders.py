"""Run folders made by code: a labelled set, scorers with chosen noise, groups, failures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visq.evaluation.figures.label_scale import scale_text
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.runs.folder import Run, read_run, write_run


def make_set(
    name, labels, scores, *, ids=None, groups=None, group_column=None, label_scale=None, paths=None, **more
):
    """A ScoredSet; rows without a score are failures."""
    n = len(labels)
    ids = np.array([f"{i}.png" for i in range(n)] if ids is None else ids, dtype=np.str_)
    scores, nan = np.asarray(scores, dtype=np.float64), np.full(n, np.nan)
    failed = np.isnan(scores)
    return ScoredSet(
        name=name,
        aspect=more.get("aspect", "quality"),
        ids=ids,
        paths=tuple(f"photos/{i}" for i in ids) if paths is None else tuple(paths),
        groups=ids if groups is None else np.array(groups, dtype=np.str_),
        labels=np.asarray(labels, dtype=np.float64),
        stds=nan,
        scores=scores,
        low=nan,
        high=nan,
        spread=nan,
        outside=nan,
        errors=tuple("no such picture" if bad else "" for bad in failed),
        kinds=tuple("missing" if bad else "" for bad in failed),
        hashes=("",) * n,
        label_scale=label_scale,
        group_column=group_column,
    )


def make_run(folder: Path, sets, *, about=None, source=None, cost=None, aspect="quality") -> Run:
    """A run on disk, read back; `about` holds more for each set's entry in the report, by name."""
    entries = [_entry(one) | (about or {}).get(one.name, {}) for one in sets]
    report = {
        "format": 1,
        "kind": "evaluation",
        "aspect": aspect,
        "source": {"kind": "scores", "name": folder.name, "trained_on": []} | (source or {}),
        "cost": cost,
        "sets": entries,
    }
    write_run(folder, {"aspect": aspect}, report, sets)
    return read_run(folder)


def _entry(one: ScoredSet):
    n_scored = int(one.is_scored.sum())
    return {
        "name": one.name,
        "manifest": f"{one.name}.csv",
        "manifest_sha256": f"{abs(hash(tuple(one.ids.tolist()))):064x}",
        "protocol": None,
        "population": None,
        "split": None,
        "label_column": "mos",
        "label_scale": scale_text(one.label_scale),
        "score_scale": None,
        "group_column": one.group_column,
        "n_unlabelled": 0,
        "n_excluded": 0,
        "n_expected": len(one),
        "n_scored": n_scored,
        "partial": n_scored != len(one),
    }


def scorers(rng, n, noises, *, per_group=1):
    """Labels on 1..5, one list of scores for each noise, and groups whose rows share a part of the error."""
    groups = np.arange(n) // per_group
    labels = np.round(np.clip(3 + rng.normal(size=n), 1, 5), 2)
    shared = 0.3 * rng.normal(size=groups.max() + 1)[groups]
    return labels, [labels + shared + noise * rng.normal(size=n) for noise in noises], groups
