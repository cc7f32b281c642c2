"""Read-out `contrast` against hand arithmetic, a naive version, and published figures."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import MOS
from visq.readouts.compat import published
from visq.readouts.contrast import Contrast


def test_by_hand() -> None:
    reading = Contrast(["fake", "real"]).read(np.log([[0.2, 0.6]]))
    assert reading.value[0] == pytest.approx(0.75)
    assert reading.outside[0] == pytest.approx(0.2)
    assert reading.spread[0] == pytest.approx(math.sqrt(0.75 * 0.25))
    assert reading.neighbours.tolist() == [True]
    assert Contrast(["fake", "real"], MOS).read(np.log([[0.2, 0.6]])).value[0] == pytest.approx(4.0)


def test_sets_of_words_add_up() -> None:
    readout = Contrast([["no", "fake"], ["yes", "real", "authentic"]])
    reading = readout.read(np.log([[0.1, 0.2, 0.1, 0.15, 0.05]]))
    assert reading.value[0] == pytest.approx(0.3 / 0.6)
    assert reading.outside[0] == pytest.approx(0.4)
    assert readout.log_odds(np.log([[0.1, 0.2, 0.3, 0.2, 0.1]]))[0] == pytest.approx(math.log(2))


@given(st.floats(-600, 600), st.floats(-600, 600), st.floats(0.1, 200))
def test_agrees_with_the_sigmoid(poor: float, good: float, temperature: float) -> None:
    readout = Contrast(["poor", "good"], temperature=temperature)
    x = (good - poor) / temperature
    wanted = 1 / (1 + math.exp(-x)) if x > -700 else 0.0
    reading = readout.read([[poor, good], [good, poor]], closed_set=True)
    assert reading.value[0] == pytest.approx(wanted, abs=1e-12)
    assert reading.value.sum() == pytest.approx(1, abs=1e-12)
    assert readout.log_odds([[poor, good]])[0] == good - poor


def test_neither_side_has_no_odds() -> None:
    assert math.isnan(Contrast(["a", "b"]).log_odds([[-math.inf, -math.inf]])[0])


@pytest.mark.parametrize(
    "answers", [["a", "b", "c"], ["a"], ["a", "a"], [["a", "b"], ["b"]], "ab", ["a", ""], []]
)
def test_two_sides_of_different_words(answers: Any) -> None:
    with pytest.raises(InputError, match="read-out 'contrast' needs"):
        Contrast(answers)


@pytest.mark.shared
def test_published_logits_give_their_published_figures(shared: Path) -> None:
    """Q-Bench logits and figures of shared/data/labels/qbench; SRCC and PLCC of softmax(good, poor)."""
    from visq.metrics import plcc, srcc

    folder = shared / "labels" / "qbench"
    with (folder / "goldens.csv").open(encoding="utf-8", newline="") as file:
        goldens = [row for row in csv.DictReader(file) if row["score"] == "softmax(good,poor)"]
    assert goldens
    for golden in goldens:
        with (folder / golden["file"]).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        logits = [[float(row["logit_poor"]), float(row["logit_good"])] for row in rows]
        mos = [float(row["mos"]) for row in rows]
        value = Contrast(["poor", "good"]).read(logits, closed_set=True).value
        assert srcc(value, mos) == pytest.approx(float(golden["srcc"]), abs=2e-4)
        assert plcc(value, mos) == pytest.approx(float(golden["plcc"]), abs=1e-4)
        # The temperature moves no rank of the odds, and Q-Bench's 100 is nearly linear in them.
        hundred = published("q-bench").read(logits).value
        odds = Contrast(["poor", "good"]).log_odds(logits)
        assert np.argsort(hundred, kind="stable").tolist() == np.argsort(odds, kind="stable").tolist()
