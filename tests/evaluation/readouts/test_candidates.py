"""Which read-outs are compared, which of them share a question, and which names are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visq.core.errors import InputError, UnknownName
from visq.core.scales import Scale
from visq.core.toml_text import toml_text
from visq.evaluation.readouts.candidates import (
    Candidate,
    candidates_of,
    check_names,
    known_readouts,
    questions_of,
)
from visq.scoring.asked import Asked, Wanted, choose

(OWN,) = choose(Wanted(("quality",), "levels"), ["quality"], "visq")
PIXELS = np.zeros((1, 1, 3), np.uint8)
WORDS = ("bad", "poor", "fair", "good", "excellent")


def found(names=None, *, default=OWN, closed_set=False):
    return candidates_of(default, names, closed_set=closed_set, model="m", wanted=Wanted())


def test_all_that_fit_are_compared_the_model_s_own_first():
    candidates, left_out = found()
    assert [one.name for one in candidates] == [
        *("levels", "integers", "decimals", "decimals-greedy", "decimals-one-path", "contrast", "text"),
        *("onealign", "q-bench"),
    ]
    assert [one.name for one in candidates if one.is_monitor] == ["decimals-greedy", "decimals-one-path"]
    assert left_out == []
    assert [one.asked.aspect.dialect for one in candidates][:3] == ["visq", "visq-rating", "realqa"]
    assert [len(one.answers) for one in candidates] == [5, 10, 401, 401, 401, 2, 0, 5, 2]


def test_the_model_s_own_is_compared_whatever_is_asked_for():
    assert [one.name for one in found(["q-bench", "q-bench"])[0]] == ["levels", "q-bench"]
    assert [one.name for one in found(["levels"])[0]] == ["levels"]
    assert [one.name for one in found(["decimals-one-path"])[0]] == ["levels", "decimals-one-path"]


def test_one_question_is_asked_once_and_a_text_by_itself():
    questions = questions_of(found()[0])
    assert [[one.name for one in question.readers] for question in questions] == [
        ["levels", "contrast"],
        ["integers"],
        ["decimals", "decimals-greedy", "decimals-one-path"],
        ["text"],
        ["onealign", "q-bench"],
    ]
    assert questions[0].answers == WORDS
    assert questions[3].answers == ()
    assert questions[3].writes


def test_published_formulas_read_beginnings_and_all_others_whole_answers_all_of_them():
    asked = {question.readers[0].name: question.of(PIXELS) for question in questions_of(found()[0])}
    ends = {name: one.end for name, one in asked.items()}
    assert ends == {**dict.fromkeys(("levels", "integers", "decimals", "text"), "."), "onealign": None}
    assert {one.unread for one in asked.values()} == {0.0}
    assert asked["onealign"] == replace(asked["levels"], end=None)
    (alone,) = (one for one in questions_of(found(["q-bench"])[0]) if one.readers[0].name == "q-bench")
    assert alone.answers == WORDS  # what is elsewhere hangs on no other read-out


def test_the_decimals_question_is_asked_exactly_whatever_scoring_leaves_unread(monkeypatch):
    plain = Asked.of
    monkeypatch.setattr(Asked, "of", lambda self, pixels: replace(plain(self, pixels), unread=0.01))
    assert {one.of(PIXELS).unread for one in questions_of(found()[0])} == {0.0}


def test_monitors_stand_behind_decimals_also_where_that_is_the_model_s_own():
    (own,) = choose(Wanted(("quality",), "decimals"), ["quality"], "realqa")
    assert [one.name for one in found(default=own)[0]][:4] == [
        *("decimals", "decimals-greedy", "decimals-one-path", "levels"),
    ]


def own_words(tmp_path, **more):
    table = {"about": "grain", "kind": "decimals", "questions": ["Noise?"], "stem": "Noise:", **more}
    path = tmp_path / "own.toml"
    path.write_text(toml_text({"noise": {"scale": [0, 9], "decimals": 2, **table}}), encoding="utf-8")
    wanted = Wanted((str(path),))
    (own,) = choose(wanted, ["noise"], "visq")
    return own, wanted


def test_ones_own_words_are_asked_and_no_other_s_of_the_name(tmp_path):
    own, wanted = own_words(tmp_path)
    candidates, left_out = candidates_of(own, None, closed_set=False, model="m", wanted=wanted)
    assert [one.name for one in candidates] == ["decimals", "decimals-greedy", "decimals-one-path", "text"]
    assert {one.asked.aspect.dialect for one in candidates} == {"own"}
    assert len(left_out) == 5
    assert all("does not fit 'noise' in the words of 'own'" in line for line in left_out)


@pytest.mark.parametrize(("more", "said"), [({"decimals": 1}, "'0.0'"), ({"scale": [0, 10]}, "'10.00'")])
def test_numbers_that_the_published_code_cannot_read_are_no_one_path(tmp_path, more, said):
    own, wanted = own_words(tmp_path, **more)
    candidates, left_out = candidates_of(own, None, closed_set=False, model="m", wanted=wanted)
    assert [one.name for one in candidates] == ["decimals", "decimals-greedy", "text"]
    (why,) = (line for line in left_out if line.startswith("decimals-one-path"))
    assert why.endswith(f"reads numbers written as 3.98, and {said} is an answer")


def test_a_dialect_holds_for_every_read_out():
    wanted = Wanted(("quality",), dialect="deqa")
    (own,) = choose(wanted, ["quality"], "deqa")
    candidates, left_out = candidates_of(own, None, closed_set=False, model="m", wanted=wanted)
    assert [one.name for one in candidates] == ["levels", "contrast", "text", "onealign", "q-bench"]
    assert {one.asked.aspect.dialect for one in candidates} == {"deqa"}
    assert (
        "integers left out: read-out 'integers' does not fit 'quality' in the words of 'deqa'" in left_out[0]
    )


def test_a_closed_set_has_its_own_answers_and_formulas_of_them():
    candidates, left_out = found(closed_set=True)
    assert [one.name for one in candidates] == ["levels", "onealign"]
    assert len(left_out) == 7
    assert "contrast left out: model 'm' answers with level words only" in left_out[4]
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
        *("integers", "decimals", "decimals-greedy", "decimals-one-path"),
        "onealign",
        "q-bench",
    ]
    with pytest.raises(InputError, match="no words for 'authenticity' fit read-out 'integers'"):
        found(["integers"], default=forged)


def test_a_name_that_nobody_knows_is_refused_with_the_nearest():
    assert set(known_readouts()) >= {"levels", "text", "decimals-one-path", "onealign", "deqa"}
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
