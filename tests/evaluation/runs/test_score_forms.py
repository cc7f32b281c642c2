"""What in a table is the score: columns, and forms of logits against the softmax written out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.evaluation.runs.score_forms import number, score_form

LOGITS = ["image", "logit_good", "logit_poor", "gt_score"]
FIVE = [f"logit_{word}" for word in ("excellent", "good", "fair", "poor", "bad")]


def form(columns, wanted=None, aspect="quality"):
    return score_form(columns, aspect, wanted, "t.csv")


@given(st.floats(-600, 600), st.floats(-600, 600))
def test_softmax_of_two_words_is_a_sigmoid(good, poor):
    found = form(LOGITS).read({"logit_good": repr(good), "logit_poor": repr(poor)})
    wanted = 1 / (1 + math.exp(poor - good)) if poor - good < 700 else 0.0
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-300)


def test_five_words_give_the_published_example():
    """SPEC of Q-Align: these logits are .800680 on 0..1."""
    cells = dict(zip(FIVE, ("17.3750", "18.4844", "15.3750", "12.5391", "10.1172"), strict=True))
    found = form(FIVE)
    assert found.name == "softmax(excellent,good,fair,poor,bad)"
    assert found.scale == Scale(0, 1)
    assert round(found.read(cells), 6) == 0.800680


def test_weights_are_as_given():
    three = ["logit_excellent", "logit_good", "logit_poor"]
    cells = {"logit_excellent": "1", "logit_good": "2", "logit_poor": "0"}
    shares = [math.e, math.e**2, 1.0]
    for text, weights in (
        ("softmax(excellent=1,good=1,poor=0)", (1, 1, 0)),
        ("softmax(excellent=1, good=0.75, poor=0)", (1, 0.75, 0)),
        ("softmax(excellent,good,poor)", (1, 0.5, 0)),
        ("softmax(excellent,poor)", (1, None, 0)),
    ):
        kept = [(s, w) for s, w in zip(shares, weights, strict=True) if w is not None]
        wanted = sum(s * w for s, w in kept) / sum(s for s, _ in kept)
        assert form(three, text).read(cells) == pytest.approx(wanted, rel=1e-12)
    assert form(three, "softmax(excellent=5,poor=1)").scale is None


def test_a_difference_has_no_scale():
    found = form(LOGITS, "good-poor")
    assert found.read({"logit_good": "3", "logit_poor": "5.5"}) == -2.5
    assert found.scale is None


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (["id", "quality", "score"], "quality"),
        (["image", "score"], "score"),
        (["Image", "Score"], "Score"),
        (["image", "niqe"], "niqe"),
        (["image", "mos", "niqe"], "niqe"),
        ([*LOGITS, "score"], "softmax(good,poor)"),
        (["image", "logit_high", "logit_low", "score"], "score"),
    ],
)
def test_the_column_that_leaves_no_doubt(columns, wanted):
    assert form(columns).name == wanted


def test_several_columns_need_a_word():
    with pytest.raises(InputError, match=r"which column holds the scores of quality\? Name one with --score"):
        form(["image", "niqe", "brisque"])
    assert form(["image", "niqe", "brisque"], "NIQE").name == "niqe"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("nique", "no column 'nique'; give one, or a form"),
        ("softmax(good)", "needs two different words"),
        ("softmax(good,good)", "needs two different words"),
        ("softmax(good=1,poor)", "give every word a weight, or none"),
        ("softmax(good=x,poor=0)", "'x' is no weight"),
        ("softmax(good=nan,poor=0)", "'nan' is no weight"),
        ("softmax(good,superb)", "no logits of 'superb'"),
        ("good-superb", "no logits of 'superb'"),
        ("softmax(good,)", "no logits of ''"),
    ],
)
def test_forms_that_are_none(wanted, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        form(LOGITS, wanted)


def test_empty_cells_have_no_score_and_odd_ones_are_errors():
    found = form(LOGITS)
    assert found.read({"logit_good": " ", "logit_poor": "1"}) is None
    assert form(LOGITS, "good-poor").read({"logit_good": "1", "logit_poor": ""}) is None
    for text in ("nan", "inf", "1_000", "x"):
        with pytest.raises(ValueError, match=r"."):
            number(text)
    assert number(" 1e3 ") == 1000.0
