"""Read-out `text`: what counts as a score, and what does not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.core.errors import InputError
from visq.core.scales import MOS, Scale
from visq.readouts.text import Text

TEN = Scale(1, 10)
HUNDRED = Scale(0, 100)
WORDS = ("bad", "poor", "fair", "good", "excellent")


def one(text: str, **options: Any) -> tuple[float, str | None]:
    reading = Text(**options).read([text])
    return float(reading.value[0]), reading.reasons[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("7.", 7),
        ("Rating: 8", 8),
        ("Rating:8", 8),
        ("**8**", 8),
        ("I would give this picture 6.5 overall.", 6.5),
        ("6,5", 6.5),
        ("8/10", 8),
        ("8 / 10", 8),
        ("4.5/10.0 stars", 4.5),
        ("8 out of 10", 8),
        ("Eight out of ten.", 8),
        ("seven out of 10", 7),
        ("Nine.", 9),
        ("On a scale of 1 to 10, I give it 7.", 7),
        ("On a 10-point scale: 7", 7),
        ("between 1 and 10: 4", 4),
        ("(1-10): 4", 4),
        ("In 2019 a photo of 3 dogs: 8/10", 8),
        ("8/10. So again: 8/10.", 8),
        ("7 it is, yes, 7.0", 7),
        ("Three people, 2 dogs. <answer>5.25</answer>", 5.25),
        ("<answer>3</answer> no: <answer> 4 </answer>", 4),
        ("<think>not <answer>9 but</think><answer>4</answer>", 4),
        ("10", 10),
        ("1", 1),
    ],
)
def test_scores_on_one_to_ten(text: str, value: float) -> None:
    assert one(text, scale=TEN) == (value, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no score in ''"),
        ("What a lovely picture!", "no score in 'What a lovely picture!'"),
        ("65.9", "'65.9' is outside 1..10"),
        ("0", "'0' is outside 1..10"),
        ("-3", "'-3' is outside 1..10"),
        ("\u22123", "'\u22123' is outside 1..10"),
        ("1,234", "'1,234' is outside 1..10"),
        ("9" * 400, "outside 1..10"),
        ("3 or 4", "several scores (3, 4) in '3 or 4'"),
        ("3-4", "several scores (3, 4)"),
        ("7/10, later 8/10", "several scores (7, 8)"),
        ("4/5", "'4/5' is not out of 10, the best of 1..10"),
        ("8/10 for light, 3/5 for colour", "'3/5' is not out of 10"),
        ("11/10", "'11/10' is outside 1..10"),
        ("5%", "'5%' is no score on 1..10"),
        ("Taken on 8/10/2019", "no score"),
        ("at 7:30", "no score"),
        ("version v2 of the 2nd", "no score"),
        ("1..10", "no score"),
        ("1 to 10", "no score"),
        ("one of the best", "no score"),
        ("nan", "no score"),
        ("1e1", "no score"),
        ("\u0667", "no score"),
        ("<answer></answer> 7", "no score in ''"),
        ("a\nb", "no score in 'a b'"),
    ],
)
def test_failures_on_one_to_ten(text: str, reason: str) -> None:
    value, found = one(text, scale=TEN)
    assert math.isnan(value)
    assert found is not None
    assert reason in found
    assert "\n" not in found


def test_a_text_without_a_number_is_a_failed_row_each_time() -> None:
    """SPEC 1.10, T34: one published scorer answers with a random number, another (SPEC 3.2.2) with 5.0."""
    readings = [Text(scale=MOS).read(["I cannot rate this picture."]) for _ in range(5)]
    assert all(math.isnan(reading.value[0]) for reading in readings)
    assert {reading.reasons for reading in readings} == {("no score in 'I cannot rate this picture.'",)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Excellent", 5),
        ("The quality of the image is good.", 4),
        ("good, really GOOD", 4),
        ("poor\n", 2),
        ("4 (good)", 4),
    ],
)
def test_level_words(text: str, value: float) -> None:
    assert one(text, answers=WORDS) == (value, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fair to good", "several scores (3, 4)"),
        ("3 (good)", "several scores (3, 4)"),
        ("not good", "'not good' is no score"),
        ("It isn't very good", "is no score"),
        ("goodness", "no score in 'goodness'"),
        ("good-looking", "no score"),
        ("mediocre", "no score"),
    ],
)
def test_words_that_are_no_scores(text: str, reason: str) -> None:
    value, found = one(text, answers=WORDS)
    assert math.isnan(value)
    assert reason in str(found)


def test_longer_words_come_first_and_blanks_do_not_matter() -> None:
    readout = Text(["bad", "good", "very good"], MOS)
    assert readout.read(["Very\n good!", "good"]).value.tolist() == [5, 3]


def test_percentages_belong_to_nought_to_a_hundred() -> None:
    assert one("85 %", scale=HUNDRED) == (85, None)
    assert one("85/100", scale=HUNDRED) == (85, None)


STEM = "The final score is <"


@pytest.mark.parametrize(
    ("text", "options", "value"),
    [
        ("1.1 Composition: 7, 1.2 Eye: 8, 3 dogs. The final score is <6.59>.", {}, 6.59),
        ("the  final\nscore is <6.59", {}, 6.59),
        ("The final score is <2.00>. No: The final score is <3.00>.", {}, 3.0),
        ("The final score is < 8/10 >", {}, 8),
        ("The final score is <eight>", {}, 8),
        ("The final score is <eight out of ten>", {}, 8),
        ("Rating Level: 7. Final Aesthetic Score: 6.59.", {"stem": "Rating Level:"}, 7),
        ("Rating Level: **7**", {"stem": "Rating Level"}, 7),
        ("Final Aesthetic Score: 6.59.", {"stem": "Final Aesthetic Score:", "decimals": 2}, 6.59),
        ("The quality of the image is good.", {"stem": "image is", "answers": WORDS, "scale": MOS}, 4),
    ],
)
def test_right_after_the_stem(text: str, options: dict[str, Any], value: float) -> None:
    assert one(text, **{"stem": STEM, "scale": TEN, **options}) == (value, None)


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("I say 7.", {}, "no 'The final score is <' in 'I say 7.'"),
        ("The final score is <", {}, "no score after 'The final score is <' but ''"),
        ("The final score is <high>, 7.", {}, "no score after 'The final score is <' but 'high>, 7.'"),
        # RealQA's script takes 65.9 for a score, having no range check (SPEC 2.3).
        ("The final score is <65.9>.", {}, "'65.9' is outside 1..10"),
        ("The final score is <3.", {"decimals": 2}, "'3' was to have 2 decimals"),
        ("The final score is <3.444>", {"decimals": 2}, "'3.444' was to have 2 decimals"),
        ("The final score is <4/5>", {}, "'4/5' is not out of 10"),
    ],
)
def test_failures_after_the_stem(text: str, options: dict[str, Any], reason: str) -> None:
    value, found = one(text, **{"stem": STEM, "scale": TEN, **options})
    assert math.isnan(value)
    assert found == reason or reason in str(found)


@given(
    st.integers(100, 500), st.sampled_from(["{}", "Score: {}.", "I say <answer>{}</answer>", "{}/5", "<{}>"])
)
def test_what_is_written_is_read(hundredths: int, form: str) -> None:
    text = form.format(f"{hundredths / 100:.2f}")
    assert one(text) == (hundredths / 100, None)


PIECES = st.sampled_from(
    [
        "7",
        "65.9",
        " ",
        "/",
        "10",
        " out of ",
        "not ",
        "good",
        "<answer>",
        "</answer>",
        "one",
        ",",
        ".",
        "%",
        "-",
        "\n",
    ]
)


@given(
    st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)),
    st.sampled_from([None, "good", "<answer>"]),
)
def test_any_text_is_a_score_on_the_scale_or_one_line(text: str, stem: str | None) -> None:
    value, reason = one(text, answers=WORDS, scale=TEN, stem=stem)
    assert (reason is None) != math.isnan(value)
    assert reason is None or ("\n" not in reason and len(reason) < 200)
    assert reason is not None or 1 <= value <= 10


def test_a_batch_keeps_its_order() -> None:
    reading = Text().read(["3", "none", "4"])
    assert reading.value[[0, 2]].tolist() == [3, 4]
    assert [reason is None for reason in reading.reasons] == [True, False, True]
    assert Text().read([]).value.shape == (0,)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"answers": ["good"]}, "two or more different words, or none, not"),
        ({"answers": ["good", "Good"]}, "two or more different words"),
        ({"answers": ["good", " "]}, "two or more different words"),
        ({"answers": "good"}, "two or more different words"),
        ({"stem": "  "}, "needs a stem of words"),
        ({"decimals": -1}, "decimals must be 0 or more, not -1"),
    ],
)
def test_bad_options_are_one_line(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Text(**options)


@pytest.mark.parametrize("texts", ["7", [7], [[-1.0, -2.0]]])
def test_it_reads_texts_only(texts: Any) -> None:
    with pytest.raises(InputError, match="reads a list of generated texts"):
        Text().read(texts)
