"""Which read-outs are compared, which of them share a question, and which names are refused."""

from __future__ import annotations

import numpy as np
import pytest

from visq.core.errors import InputError, UnknownName
from visq.core.scales import Scale
from visq.evaluation.readouts.candidates import (
    Candidate,
    candidates_of,
    check_names,
    known_readouts,
    questions_of,
)
from visq.scoring.asked import Wanted, choose

(OWN,) = choose(Wanted(("quality",), "levels"), ["quality"], "visq")
WORDS = ("bad", "poor", "fair", "good", "excellent")


def found(names=None, *, default=OWN, closed_set=False):
    return candidates_of(default, names, closed_set=closed_set, model="m")


def test_all_that_fit_are_compared_the_model_s_own_first():
    candidates, left_out = found()
    assert [one.name for one in candidates] == [
        *("levels", "integers", "decimals", "contrast", "text"),
        *("onealign", "q-bench"),
    ]
    assert left_out == []
    assert [one.asked.aspect.dialect for one in candidates][:3] == ["visq", "visq-rating", "realqa"]
    assert [len(one.answers) for one in candidates] == [5, 10, 401, 2, 0, 5, 2]


def test_the_model_s_own_is_compared_whatever_is_asked_for():
    assert [one.name for one in found(["q-bench", "q-bench"])[0]] == ["levels", "q-bench"]
    assert [one.name for one in found(["levels"])[0]] == ["levels"]


def test_one_question_is_asked_once_and_a_text_by_itself():
    questions = questions_of(found()[0])
    assert [[one.name for one in question.readers] for question in questions] == [
        ["levels", "contrast", "onealign", "q-bench"],
        ["integers"],
        ["decimals"],
        ["text"],
    ]
    assert questions[0].answers == WORDS
    assert questions[-1].answers == ()
    assert questions[-1].writes


def test_a_closed_set_has_its_own_answers_and_formulas_of_them():
    candidates, left_out = found(closed_set=True)
    assert [one.name for one in candidates] == ["levels", "onealign"]
    assert len(left_out) == 5
    assert "contrast left out: model 'm' answers with level words only" in left_out[2]
    with pytest.raises(InputError, match="cannot be read as 'text'") as refused:
        found(["text"], closed_set=True)
    assert refused.value.kind == "usage"


@pytest.mark.parametrize("name", ["rating-digits", "compare2score"])
def test_a_formula_of_other_words_does_not_fit(name):
    with pytest.raises(InputError, match=f"{name!r} reads .*; quality is answered with bad, poor") as refused:
        found([name])
    assert refused.value.kind == "usage"


def test_words_that_nobody_has_do_not_fit():
    (forged,) = choose(Wanted(("authenticity",)), ["authenticity"], "forensics")
    candidates, left_out = found(default=forged)
    assert [one.name for one in candidates] == ["levels", "contrast", "text"]
    assert [line.split(" left out: ")[0] for line in left_out] == [
        "integers",
        "decimals",
        "onealign",
        "q-bench",
    ]
    with pytest.raises(InputError, match="no words for 'authenticity' fit read-out 'integers'"):
        found(["integers"], default=forged)


def test_a_name_that_nobody_knows_is_refused_with_the_nearest():
    assert set(known_readouts()) >= {"levels", "text", "onealign", "deqa"}
    check_names(known_readouts())
    with pytest.raises(UnknownName, match="unknown read-out 'level'; did you mean 'levels'"):
        check_names(["text", "level"])
    with pytest.raises(InputError, match="compares two pictures"):
        check_names(["pairwise"])


def test_a_formula_reads_its_own_answers_on_its_own_scale():
    unit = next(one for one in found(["onealign-unit"])[0] if one.name == "onealign-unit")
    assert unit.scale == Scale(0, 1)
    reading = unit.read(np.log([[0.1, 0.1, 0.2, 0.2, 0.2]]), closed_set=False)
    # (0.1 * 0 + 0.1 * 0.25 + 0.2 * 0.5 + 0.2 * 0.75 + 0.2 * 1) / 0.8
    assert reading.value == pytest.approx([0.475 / 0.8])
    assert np.isnan(reading.outside).all()
    own = Candidate("levels", OWN).read(np.log([[0.1, 0.1, 0.2, 0.2, 0.2]]), closed_set=False)
    assert own.outside == pytest.approx([0.2])
