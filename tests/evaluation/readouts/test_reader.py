"""One look, one call, every reading: against probabilities whose scores were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from visq.backbones.chat_options import OutOfMemory
from visq.core.errors import InputError
from visq.core.scales import MOS
from visq.evaluation.readouts.candidates import candidates_of
from visq.evaluation.readouts.reader import TIMED, Read, Reader
from visq.scoring.asked import MONITORS, Wanted, choose

(OWN,) = choose(Wanted(("quality",), "levels"), ["quality"], "visq")

SAID = {
    "bad": 0.02, "poor": 0.30, "fair": 0.08, "good": 0.40, "excellent": 0.10,
    "1": 0.06, "9": 0.40, "10": 0.50, "1.00": 0.01, "1.01": 0.01, "5.00": 0.03,
}  # fmt: skip
"""What the model below gives each answer, to any question."""


class Told:
    """A backbone that always says the same, and keeps what it was asked."""

    preprocessing = "srgb;squash8-bicubic"
    runtime = "test"
    closed_set = False
    aspects = ("quality",)
    capabilities = frozenset({"answer_logprobs", "generate"})

    def __init__(self, text="good.", lost=()):
        self.calls = []
        self.text = text
        self.lost = lost

    def prepare(self, picture):
        return picture

    def expect_words(self, asked, answers):
        pass

    def answers_each(self, batch, answers):
        self.calls.append([(asked.question, len(words)) for asked, words in zip(batch, answers, strict=True)])
        with np.errstate(divide="ignore"):
            found = [np.log([SAID.get(word, 0.0) for word in words]).astype(np.float32) for words in answers]
        if self.lost and len(batch) > 1:
            raise OutOfMemory(dict.fromkeys(self.lost, "too large"), found)
        return found

    def answer_logprobs(self, batch, answers):
        return np.array(self.answers_each(batch, [answers] * len(batch)))

    def generate(self, batch, most=64):
        self.calls.append([(asked.question, -most) for asked in batch])
        return [self.text] * len(batch)

    def embed(self, batch):
        raise NotImplementedError

    def close(self):
        pass


def pictures(n):
    return [np.full((8, 8, 3), i, np.uint8) for i in range(n)]


def reader(backbone, names=None):
    return Reader(backbone, candidates_of(OWN, names, closed_set=False, model="m", wanted=Wanted())[0], MOS)


def test_every_read_out_is_what_a_pencil_gives():
    (found,) = reader(Told()).read(pictures(1))
    values = {name: outcome.value for name, outcome in found.items()}
    assert values == pytest.approx(
        {
            "levels": (0.02 * 1 + 0.30 * 2 + 0.08 * 3 + 0.40 * 4 + 0.10 * 5) / 0.90,
            "integers": 1 + 4 * ((1 * 0.06 + 9 * 0.40 + 10 * 0.50) / 0.96 - 1) / 9,
            "decimals": (1.00 * 0.01 + 1.01 * 0.01 + 5.00 * 0.03) / 0.05,
            "decimals-greedy": 5.0,  # 5 before 1, 3 to 2
            # 1 or 5, then along 5.00: 0.1 * 0 + 0.01 * 0
            "decimals-one-path": (1 * 0.02 + 5 * 0.03) / 0.05,
            "contrast": 1 + 4 * 0.40 / 0.70,
            "text": 4.0,
            "onealign": 3.2888889,
            # exp(g / 100) / (exp(g / 100) + exp(p / 100)) of g - p = log(4 / 3), on 1..5
            "q-bench": 1 + 4 / (1 + (0.30 / 0.40) ** 0.01),
        },
        abs=1e-5,
    )
    outside = {name: outcome.outside for name, outcome in found.items()}
    assert outside == pytest.approx(
        {
            **{"levels": 0.10, "integers": 0.04, "decimals": 0.95, "contrast": 0.30},
            **dict.fromkeys(("text", "onealign", "q-bench", *MONITORS)),
        },
        abs=1e-6,
    )
    elsewhere = {name: outcome.elsewhere for name, outcome in found.items()}
    assert elsewhere == pytest.approx(
        {
            **dict.fromkeys(("levels", "contrast", "onealign", "q-bench"), 0.10),  # of one question
            **{"integers": 0.04, "decimals": 0.95, "text": None},
            **dict.fromkeys(MONITORS, 0.95),
        },
        abs=1e-6,
    )
    split = {name: outcome.is_split for name, outcome in found.items()}
    assert split == {
        "levels": True,  # good and poor are no neighbours
        "integers": False,  # 10 and 9 are
        **dict.fromkeys(("decimals", *MONITORS), True),  # 5.00 and 1.00
        "onealign": True,
        **dict.fromkeys(("contrast", "text", "q-bench")),
    }


def test_monitors_are_what_whole_answers_imply_along_one_path(monkeypatch):
    """4.0 and 3.9x, the case that RealQA's formula gets wrong: belief that straddles a whole number."""
    for word in ("1.00", "1.01", "5.00"):
        monkeypatch.setitem(SAID, word, 0.0)
    told = {"3.90": 0.05, "3.95": 0.20, "4.00": 0.24, "4.01": 0.06}
    for word, share in told.items():
        monkeypatch.setitem(SAID, word, share)
    (found,) = reader(Told()).read(pictures(1))
    exact = sum(float(word) * share for word, share in told.items()) / 0.55
    whole = (3 * 0.25 + 4 * 0.30) / 0.55
    assert found["decimals"].value == pytest.approx(exact, abs=1e-5)
    assert found["decimals-greedy"].value == pytest.approx(4.00, abs=1e-9)
    assert found["decimals-one-path"].value == pytest.approx(whole + 0.01 * 0.06 / 0.30, abs=1e-5)
    assert abs(found["decimals-one-path"].value - exact) > 0.4
    assert (found["decimals-greedy"].spread, found["decimals-one-path"].outside) == (None, None)


def test_read_outs_swapped_would_be_seen(monkeypatch):
    """The plant: two read-outs that read each other's columns give other numbers than the pencil's."""
    good = reader(Told()).read(pictures(1))[0]
    monkeypatch.setitem(SAID, "poor", 0.40)
    monkeypatch.setitem(SAID, "good", 0.30)
    swapped = reader(Told()).read(pictures(1))[0]
    assert swapped["contrast"].value == pytest.approx(1 + 4 * 0.30 / 0.70, abs=1e-5)
    assert swapped["contrast"].value != pytest.approx(good["contrast"].value, abs=0.1)
    assert swapped["integers"].value == good["integers"].value


def test_one_call_answers_all_that_is_not_written():
    backbone = Told()
    reader(backbone).read(pictures(2))
    read, written = backbone.calls
    assert [n for _, n in read] == [5, 10, 401, 5] * 2
    assert [question for question, _ in read[:2]] == [
        "How would you rate the quality of this image?",
        "Rate the quality of this image from 1 to 10.",
    ]
    assert read[0][0] == read[3][0]  # the same question, nothing to end its answers
    assert [n for _, n in written] == [-16, -16]


def test_beside_the_model_s_own_alone_each_read_out_says_the_same():
    together = reader(Told()).read(pictures(1))[0]
    for name in ("integers", "decimals", *MONITORS, "contrast", "q-bench", "text"):
        assert reader(Told(), [name]).read(pictures(1))[0][name] == together[name]


def test_a_text_without_a_score_fails_alone():
    found = reader(Told("lovely!")).read(pictures(2))
    assert all(isinstance(one["text"], InputError) and one["text"].kind == "no-score" for one in found)
    assert all(isinstance(one["levels"], Read) for one in found)


def test_an_answer_without_any_probability_fails_alone(monkeypatch):
    for word in ("1.00", "1.01", "5.00"):
        monkeypatch.setitem(SAID, word, 0.0)
    (found,) = reader(Told()).read(pictures(1))
    assert {found[name].kind for name in ("decimals", *MONITORS)} == {"not-a-number"}
    assert isinstance(found["integers"], Read)


def test_what_does_not_fit_the_memory_fails_for_that_question_and_picture():
    found = reader(Told(lost=[5])).read(pictures(2))  # the second of four questions, of the second picture
    assert found[1]["integers"].kind == "out-of-memory"
    assert sum(isinstance(outcome, InputError) for one in found for outcome in one.values()) == 1


def test_the_first_pictures_are_asked_each_read_out_alone_to_see_its_cost():
    backbone = Told()
    one = reader(backbone)
    assert one.attempt(pictures(TIMED + 5)) == [{}] * (TIMED + 5)
    assert len(one.found) == TIMED + 5
    assert {name: len(seconds) for name, seconds in one.seconds.items()} == dict.fromkeys(one.found[0], TIMED)
    assert [len(call) for call in backbone.calls[:8]] == [1] * 8
    timed = [n for call in backbone.calls[:7] for _, n in call]
    assert timed == [5, 10, 401, 2, -16, 5, 5]  # each once: monitors are of what decimals was told
    assert one.seconds["decimals"] == one.seconds["decimals-greedy"] == one.seconds["decimals-one-path"]
    before = len(backbone.calls)
    one.attempt(pictures(2))
    assert len(backbone.calls) == before + 2
