"""Means over sets: which sets they are over, and what a correlation of 1 does to one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from visq.cli.evaluation_table import evaluation_lines
from visq.evaluation.figures.measured import Settings
from visq.evaluation.runs.external import read_scores
from visq.evaluation.runs.labelled import LabelChoice, labelled_set
from visq.evaluation.runs.report import mean_over_sets, report_of
from visq.evaluation.runs.score_source import Watch, table_scores


def entry(srcc):
    return {"figures": {"srcc": {"value": srcc}}}


def test_a_correlation_of_1_leaves_no_mean():
    assert mean_over_sets([entry(0.5)]) is None
    assert mean_over_sets([entry(math.nan)] * 2) is None
    found = mean_over_sets([entry(1.0), entry(0.5), entry(0.3)])["srcc"]
    assert math.isnan(found["value"])
    assert (found["n_sets"], found["note"]) == (3, "a correlation of 1 or -1 has no Fisher z")
    found = mean_over_sets([entry(0.5), entry(math.nan), entry(0.9)])["srcc"]
    assert found["value"] == pytest.approx(0.7661, abs=1e-4)
    assert (found["n_sets"], found["note"]) == (2, None)


def report(tmp_path, names, trained_on=(), wave=5):
    sets, tables = [], []
    for k, name in enumerate(names):
        rows = "".join(f"{i}.png,{i},{i + (k + 1) * wave * (i % 3)}\n" for i in range(12))
        path = tmp_path / f"{name}.csv"
        path.write_text(f"image,mos,x\n{rows}", encoding="utf-8")
        sets.append(labelled_set(str(path), name, "quality", None, LabelChoice()))
        tables.append(read_scores(str(path), "quality", score="x"))
    scores = replace(table_scores(sets, tables, None), trained_on=trained_on)
    return report_of("quality", sets, scores, Settings(20), Watch())


def test_sets_the_model_was_trained_on_have_a_mean_of_their_own(tmp_path):
    known = [{"title": "KonIQ-10k"}, {"title": "SPAQ"}]
    found = report(tmp_path, ["koniq", "livec", "spaq", "kadid"], known)
    srcc = {one["name"]: one["figures"]["srcc"]["value"] for one in found["sets"]}
    for key, names in (("mean", ["livec", "kadid"]), ("mean_in_domain", ["koniq", "spaq"])):
        wanted = np.tanh(np.mean(np.arctanh([srcc[name] for name in names])))
        assert found[key]["srcc"]["value"] == pytest.approx(wanted, abs=1e-12)
        assert found[key]["srcc"]["n_sets"] == 2
    lines = evaluation_lines(found)
    at = lines.index("mean over sets (unweighted mean of Fisher z, transformed back)")
    assert lines[at + 1].split() == ["SRCC", f"{found['mean']['srcc']['value']:.4f}", "2", "sets"]
    assert any(line.startswith("mean over sets that the model was trained on (") for line in lines)
    mixed = report(tmp_path, ["koniq", "livec"], known)
    assert mixed["mean"] is mixed["mean_in_domain"] is None


def test_a_mean_that_does_not_exist_is_printed_with_its_reason(tmp_path):
    lines = evaluation_lines(report(tmp_path, ["a", "b"], wave=0))
    assert lines[-2].split(maxsplit=1) == ["SRCC", "- (a correlation of 1 or -1 has no Fisher z)  2 sets"]


def test_figures_without_an_interval_are_printed_with_the_reason(tmp_path):
    lines = evaluation_lines(report(tmp_path, ["a"], wave=0))
    assert "  no interval: all resamples give the same (SRCC, PLCC, KRCC, Pair accuracy)" in lines
