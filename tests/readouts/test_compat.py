"""What published scorers compute from logits, against their published figures."""

from __future__ import annotations

import math
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core import toml
from visq.core.errors import InputError, UnknownName
from visq.readouts.compat import published
from visq.readouts.integers import Integers

PRINTED = [[10.1172, 12.5391, 15.3750, 18.4844, 17.3750]]
TRUE = [[10.1171875, 12.5390625, 15.375, 18.484375, 17.375]]


@pytest.mark.parametrize(
    ("name", "value"),
    [("onealign", 4.202722), ("deqa", 4.202722), ("onealign-unit", 0.800680), ("q-realign", 0.800680)],
)
def test_five_words(name: str, value: float) -> None:
    """SPEC 1.1 and 1.5: a real OneAlign answer, weighted 1..5 (hub model, DeQA) and 0..1 (scorers)."""
    reading = published(name).read(PRINTED)
    assert reading.value[0] == pytest.approx(value, abs=1e-6)
    assert math.isnan(reading.outside[0])


@pytest.mark.parametrize(("name", "printed"), [("onealign", 4.203125), ("onealign-unit", 0.80078125)])
def test_what_a_half_precision_model_prints(name: str, printed: float) -> None:
    """SPEC 1.1: probabilities and dot product in float16, from the true float16 logits."""
    assert published(name).read_half(TRUE)[0] == printed


@given(st.lists(st.floats(-10, 25), min_size=5, max_size=5))
def test_one_to_five_is_one_and_four_times_nought_to_one(logits: list[float]) -> None:
    five, one = (published(name).read([logits]).value[0] for name in ("onealign", "onealign-unit"))
    assert five == pytest.approx(1 + 4 * one, abs=1e-12)


def test_the_published_rating_digits_take_ten_for_one() -> None:
    """SPEC 3.10: p(1) = .6 and p(9) = .4 give 9 x .4 + 1 x .6 = 4.2, where the answer is 9.06."""
    with np.errstate(divide="ignore"):
        logits = np.log([[0.6, 0, 0, 0, 0, 0, 0, 0, 0.4, 0]])
        whole = np.log([[0.06, 0, 0, 0, 0, 0, 0, 0, 0.4, 0.54]])
    assert published("rating-digits").read(logits).value[0] == pytest.approx(4.2, abs=1e-12)
    assert Integers().read(whole).value[0] == pytest.approx(9.06, abs=1e-12)


def test_the_distribution_of_the_report() -> None:
    """SPEC 3.10, picture 4 of the report: ten percentages, mean 5.995."""
    shares = [19.0322, 7.4531, 7.4531, 8.4455, 7.6897, 2.0697, 3.6324, 2.7419, 3.6324, 37.8501]
    reading = published("rating-digits").read(np.log([shares]))
    assert reading.value[0] == pytest.approx(5.995, abs=5e-4)
    assert reading.top.tolist() == [[9, 0]]
    assert reading.neighbours.tolist() == [False]


def test_half_the_temperature_squares_the_shares() -> None:
    """SPEC 3.2.2: the DPO script and the service divide by 0.5."""
    reading = published("rating-digits-half").read(np.log([[0.75, 0.25, *[1e-30] * 8]]))
    assert reading.value[0] == pytest.approx(1 * 0.9 + 2 * 0.1, abs=1e-12)


def test_q_bench_divides_by_a_hundred() -> None:
    """SPEC 1.8: exp(g/100) / (exp(g/100) + exp(p/100)); logits near 545, as InternLM-XComposer's are."""
    poor, good = 544.5, 546.0
    wanted = math.exp(good / 100) / (math.exp(good / 100) + math.exp(poor / 100))
    assert published("q-bench").read([[poor, good]]).value[0] == pytest.approx(wanted, abs=1e-12)


def test_compare2score_divides_by_a_hundred() -> None:
    """SPEC 1.8: weights 0, .25, .5, .75, 1, logits divided by 100."""
    logits = [12.0, 15.0, 20.0, 18.0, 11.0]
    weights = [math.exp(x / 100) for x in logits]
    wanted = sum(w * v for w, v in zip(weights, (0, 0.25, 0.5, 0.75, 1), strict=True)) / sum(weights)
    assert published("compare2score").read([logits]).value[0] == pytest.approx(wanted, abs=1e-12)


def test_each_table_has_a_source_and_a_value_an_answer() -> None:
    text = resources.files("visq.readouts").joinpath("compat.toml").read_text(encoding="utf-8")
    for name in toml.loads(text):
        found = published(name)
        assert found.source
        assert len(found.answers) == len(found.values) == len(set(found.answers))
        assert list(found.values) == sorted(found.values)


def test_another_name_or_shape_is_one_line() -> None:
    with pytest.raises(UnknownName, match="unknown published read-out 'one-align'; did you mean 'onealign'"):
        published("one-align")
    for read in (published("onealign").read, published("onealign").read_half):
        with pytest.raises(InputError, match=r"wanted \[n, 5\]"):
            read([[1.0, 2.0]])
