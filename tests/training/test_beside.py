"""What stands beside a model: figures of known arrays, missing scores, tables that lack rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from visq.core.errors import DataError
from visq.evaluation.figures.measured import Settings
from visq.training.beside import Other, adjusted, compared, read_other
from visq.training.inside import Inside
from visq.training.labels import Labelled

N = 80
SETTINGS = Settings(300, 0.95, 7)
_PARTS = np.array(["a", "b", "b", "c"] * (N // 4))


@pytest.fixture
def labelled():
    mos = np.linspace(1, 5, N)
    names = tuple(f"{i}.jpg" for i in range(N))
    groups = np.array([str(i // 2) for i in range(N)])
    empty = np.array([""] * N)
    return Labelled(
        Path("x"), names, tuple(map(Path, names)), mos, mos, groups, np.arange(N) % 5, empty, 0, ""
    )


def _inside(labelled):
    return Inside(labelled.mos, _PARTS)


def _scores(labelled, noise, seed):
    return labelled.mos + np.random.default_rng(seed).normal(0, noise, N)


def test_figures_are_those_of_scipy_on_the_rows_both_score(labelled):
    ours, theirs = _scores(labelled, 0.5, 1), _scores(labelled, 2.0, 2)
    theirs[[3, 50]] = np.nan
    at = np.isfinite(theirs)

    (row,) = compared(ours, [Other("b", "", theirs)], labelled, _inside(labelled), SETTINGS)

    a, b = (spearmanr(x[at], labelled.mos[at]).statistic for x in (ours, theirs))
    assert (row.n, row.srcc[0], row.model) == (N - 2, pytest.approx(b), pytest.approx(a))
    assert row.difference[0] == pytest.approx(a - b)
    assert row.srcc[1] < row.srcc[0] < row.srcc[2]
    assert 0 < row.difference[1] < row.difference[0] < row.difference[2]
    assert row.p_value < 0.05


def test_the_difference_inside_parts_is_that_of_the_parts_alone(labelled):
    ours, theirs = _scores(labelled, 0.5, 1), _scores(labelled, 2.0, 2)

    (row,) = compared(ours, [Other("b", "", theirs)], labelled, _inside(labelled), SETTINGS)

    a, b = (
        np.mean([spearmanr(x[part == _PARTS], labelled.mos[part == _PARTS]).statistic for part in "abc"])
        for x in (ours, theirs)
    )
    assert row.inside[0] == pytest.approx(a - b)
    assert row.inside[1] < row.inside[0] < row.inside[2]


def test_a_scorer_like_the_model_does_not_differ(labelled):
    ours = _scores(labelled, 0.5, 1)

    (row,) = compared(ours, [Other("b", "", ours * 2 + 1)], labelled, _inside(labelled), SETTINGS)

    assert row.difference == (0.0, 0.0, 0.0)
    assert row.p_value == 1.0


def test_p_values_are_adjusted_over_all_aspects(labelled):
    ours = _scores(labelled, 0.5, 1)
    some = compared(ours, [Other("b", "", _scores(labelled, 2.0, 2))], labelled, _inside(labelled), SETTINGS)

    found = adjusted({"quality": some, "aesthetics": some})

    assert [row.p_holm for rows in found.values() for row in rows] == pytest.approx([2 * some[0].p_value] * 2)


def test_less_is_better_in_a_table_and_an_empty_cell_is_no_score(labelled, tmp_path):
    lines = [f"{name},{'' if i == 4 else i / 10}" for i, name in enumerate(labelled.ids)]
    (tmp_path / "q.csv").write_text("\n".join(["id,score", *lines]))

    other = read_other({"name": "P", "about": "p", "quality": "q.csv"}, "quality", labelled, tmp_path)

    assert np.isnan(other.values[4])
    assert other.values[10] == -1.0


@pytest.mark.parametrize("text", [None, "id,score\n0.jpg,1\n", "id,value\n", "id,score\n0.jpg,high\n"])
def test_a_table_that_does_not_fit_is_one_line(labelled, tmp_path, text):
    if text is not None:
        (tmp_path / "q.csv").write_text(text)

    with pytest.raises(DataError, match=r"q\.csv: no scores of the labelled pictures .*peers\.py"):
        read_other({"name": "P", "about": "p", "quality": "q.csv"}, "quality", labelled, tmp_path)
