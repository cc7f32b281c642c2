"""What every public figure does with ties, constants, nan, and no, one or two rows; all of `visq.metrics`.

A new figure fails here until it stands in the table with its answers.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
import pytest

import visq.metrics
from visq.core.errors import DataError
from visq.metrics import Isotonic, MaskFigure, Reliability, Temperature

NAN, ERROR = math.nan, "error"


@dataclass(frozen=True)
class Case:
    """One figure: how it is asked, and what it says to five small inputs.

    Attributes:
        ask: the figure of two columns.
        none, one, two: its answer for no row, one row (the first), two rows of `rows`.
        ties: its answer where both predictions are the same and the truths are not.
        constant: its answer where both truths are the same and the predictions are not.
        rows: two predictions and two truths.
        last: the truth that stands twice in `constant`.
    """

    ask: Callable[[Any, Any], Any]
    none: Any
    one: Any
    two: Any
    ties: Any
    constant: Any
    rows: tuple[list[Any], list[Any]] = ([1.0, 3.0], [2.0, 5.0])


M = visq.metrics
DETECTION = ([0.2, 0.9], [0, 1])
SHARES = ([[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5], [1.0, 0.0]])
GAUSSIANS = ([3.0, 4.0], [3.0, 6.0])
MAP = ([[0.2, 0.9]], [[0, 1]])  # one picture; a row here is a pixel

CASES = {
    "srcc": Case(M.srcc, ERROR, ERROR, 1.0, NAN, NAN),
    "plcc": Case(M.plcc, ERROR, ERROR, 1.0, NAN, NAN),
    "krcc": Case(M.krcc, ERROR, ERROR, 1.0, NAN, NAN),
    "plcc_fitted": Case(M.plcc_fitted, ERROR, ERROR, NAN, NAN, NAN),
    "pair_accuracy": Case(M.pair_accuracy, ERROR, ERROR, 1.0, 0.5, NAN),
    "rmse": Case(M.rmse, ERROR, 1.0, 2.5**0.5, 8.5**0.5, 1.0),
    "mae": Case(M.mae, ERROR, 1.0, 1.5, 2.5, 1.0),
    "outlier_ratio": Case(lambda x, y: M.outlier_ratio(x, y, [0.75] * len(x)), ERROR, 0.0, 0.5, 0.5, 0.0),
    "auroc": Case(M.auroc, NAN, NAN, 1.0, 0.5, NAN, DETECTION),
    "average_precision": Case(M.average_precision, NAN, NAN, 1.0, 0.5, NAN, DETECTION),
    "accuracy": Case(lambda x, y: M.accuracy(x, y, 0.5), NAN, 1.0, 1.0, 0.5, 0.5, DETECTION),
    "balanced_accuracy": Case(
        lambda x, y: M.balanced_accuracy(x, y, 0.5), NAN, NAN, 1.0, 0.5, NAN, DETECTION
    ),
    "f1": Case(lambda x, y: M.f1(x, y, 0.5), NAN, NAN, 1.0, 0.0, 0.0, DETECTION),
    "confusion": Case(
        lambda x, y: M.confusion(x, y, 0.5), [0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1],
        [0, 1, 1, 0], DETECTION,
    ),
    "tpr_at_fpr": Case(lambda x, y: M.tpr_at_fpr(x, y, 0.1), NAN, NAN, 1.0, 0.0, NAN, DETECTION),
    "choose_threshold": Case(M.choose_threshold, ERROR, ERROR, 0.55, math.inf, ERROR, DETECTION),
    "ece": Case(M.ece, NAN, 0.2, 0.15, 0.3, 0.55, DETECTION),
    "reliability": Case(M.reliability, NAN, 0.2, 0.15, 0.3, 0.55, DETECTION),
    "calibration_error": Case(M.calibration_error, ERROR, 1.0, 2.5**0.5, 2.5, 1.0),
    "fit_temperature": Case(
        M.fit_temperature, ERROR, 0.01, 0.01, 100.0, 100.0, ([[2.0, 0.0], [0.0, 2.0]], [0, 1])
    ),
    "fit_isotonic": Case(M.fit_isotonic, ERROR, [2.0], [2.0, 5.0], [3.5], [2.0]),
    "emd_r1": Case(M.emd_r1, [], [0.0], [0.0, 0.5], [0.0, 0.25], [0.0, 0.25], SHARES),
    "emd_r2": Case(M.emd_r2, [], [0.0], [0.0, 0.5**0.5], [0.0, 0.125**0.5], [0.0, 0.125**0.5], SHARES),
    "gaussian_kl": Case(
        lambda x, y: M.gaussian_kl(y, np.ones(len(y)), score=x, spread=np.ones(len(x))),
        [], [0.0], [0.0, 2.0], [0.0, 4.5], [0.0, 0.5], GAUSSIANS,
    ),
    "gaussian_js": Case(
        lambda x, y: M.gaussian_js(y, np.ones(len(y)), score=x, spread=np.ones(len(x))),
        [], [0.0], [0.0, 0.5], [0.0, 1.125], [0.0, 0.125], GAUSSIANS,
    ),
    "gaussian_w2": Case(
        lambda x, y: M.gaussian_w2(y, np.ones(len(y)), score=x, spread=np.ones(len(x))),
        [], [0.0], [0.0, 2.0], [0.0, 3.0], [0.0, 1.0], GAUSSIANS,
    ),
    "crps_gaussian": Case(
        lambda x, y: M.crps_gaussian(y, score=x, spread=np.zeros(len(x))),
        [], [0.0], [0.0, 2.0], [0.0, 3.0], [0.0, 1.0], GAUSSIANS,
    ),
    "crps_levels": Case(
        lambda x, y: M.crps_levels(y, x, values=[0, 1]),
        [], [0.25], [0.25, 1.0], [0.25, 0.25], [0.25, 1.0], ([[0.5, 0.5], [0.0, 1.0]], [0.0, 0.0]),
    ),
    "iou": Case(lambda x, y: M.iou(x, y, 0.5), NAN, NAN, 1.0, 0.0, 0.0, MAP),
    "dice": Case(lambda x, y: M.dice(x, y, 0.5), NAN, NAN, 1.0, 0.0, 0.0, MAP),
    "pixel_f1": Case(lambda x, y: M.pixel_f1(x, y, 0.5), NAN, NAN, 1.0, 0.0, 0.0, MAP),
    "pixel_auc": Case(M.pixel_auc, NAN, NAN, 1.0, 0.5, NAN, MAP),
    "pixel_ap": Case(M.pixel_ap, NAN, NAN, 1.0, 0.5, NAN, MAP),
    "false_positive_area": Case(
        lambda x, y: M.false_positive_area(x, y, 0.5), NAN, 0.0, 0.0, 0.0, 0.5, MAP
    ),
    "mask_figure": Case(lambda x, y: M.mask_figure("iou", [x], [y], 0.5), NAN, NAN, 1.0, 0.0, 0.0, MAP),
}  # fmt: skip


def inputs(name: str, which: str) -> tuple[Any, Any]:
    """The two columns of a question, cut or tied along the axis that rows, or pixels, run over."""
    x, y = (np.array(column) for column in CASES[name].rows)
    axis = 1 if CASES[name].rows is MAP else 0
    rows = {"none": [], "one": [0], "two": [0, 1], "ties": [0, 0], "constant": [0, 0]}[which]
    index = np.array(rows, dtype=int)
    tied_x = np.take(x, index if which != "constant" else [0, 1], axis=axis)
    tied_y = np.take(y, index if which != "ties" else [0, 1], axis=axis)
    return tied_x, tied_y


def plain(answer: Any) -> Any:
    """An answer as a number or a list of numbers."""
    if isinstance(answer, Reliability):
        return answer.ece
    if isinstance(answer, MaskFigure):
        return answer.pooled
    if isinstance(answer, Isotonic):
        return list(answer.values)
    if isinstance(answer, Temperature):
        return answer.value
    if is_dataclass(answer):
        fields = vars(answer)
        if "tn" in fields:
            return [fields[k] for k in ("tp", "fp", "tn", "fn")]
        return fields[next(k for k in ("tpr", "threshold", "value") if k in fields)]
    return answer.tolist() if isinstance(answer, np.ndarray) else answer


def test_every_public_figure_stands_in_the_table():
    figures = {name for name in M.__all__ if inspect.isfunction(getattr(M, name))}
    assert set(CASES) == figures
    assert sorted(M.__all__) == M.__all__
    kinds = set(M.__all__) - figures
    assert all(is_dataclass(getattr(M, name)) for name in kinds)


@pytest.mark.parametrize("which", ["none", "one", "two", "ties", "constant"])
@pytest.mark.parametrize("name", CASES)
def test_small_inputs_have_stated_answers(name, which):
    case, (x, y) = CASES[name], inputs(name, which)
    wanted, before = getattr(case, which), (x.copy(), y.copy())
    if wanted is ERROR:
        with pytest.raises(DataError):
            case.ask(x, y)
    else:
        found = plain(case.ask(x, y))
        assert found == pytest.approx(wanted, abs=1e-12, nan_ok=True)
        assert not isinstance(found, np.generic)
    assert (x == before[0]).all()
    assert (y == before[1]).all()


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_finite_is_an_error_with_its_position(name):
    for side in (0, 1):
        for bad in (math.nan, math.inf):
            columns = [np.array(column, dtype=float) for column in CASES[name].rows]
            columns[side].flat[-1] = bad
            with pytest.raises(DataError, match=r"1"):
                CASES[name].ask(*columns)


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_rows_does_not_matter(name):
    case, (x, y) = CASES[name], inputs(name, "two")
    axis = 1 if case.rows is MAP else 0
    there, back = plain(case.ask(x, y)), plain(case.ask(np.flip(x, axis), np.flip(y, axis)))
    if isinstance(there, list) and case.none == []:
        back = back[::-1]  # a figure of each row
    assert back == pytest.approx(there, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", CASES)
def test_lists_and_arrays_are_alike(name):
    case, (x, y) = CASES[name], inputs(name, "two")
    assert plain(case.ask(x.tolist(), y.tolist())) == pytest.approx(plain(case.ask(x, y)), nan_ok=True)


@pytest.mark.parametrize("name", CASES)
def test_every_figure_says_where_it_is_from_and_shows_an_example(name):
    words = inspect.getdoc(getattr(M, name)) or ""
    for part in ("Args:", "Returns:", "Raises:", "Source:", "Example:\n    >>> "):
        assert part in words, part
