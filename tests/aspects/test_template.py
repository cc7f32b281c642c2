"""Templates: what is filled is what is read back, and what cannot be read is a reason, never a number."""

from __future__ import annotations

import csv
import json
import re
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.aspects import Part, Template, aspect, comparison, every_aspect, every_comparison, template
from visq.aspects.template import read_template
from visq.core import toml
from visq.core.errors import DataError, ModelError, UnknownName
from visq.core.fields import Fields
from visq.core.scales import Scale

TEN = Scale(1, 10)
NAMES = ("rating", "rating-verdict", "realqa-prose", "realqa-form", "forensic-prompt")
TEMPLATES = {name: template(name, TEN) for name in NAMES}
WORDS = {
    "subject-integrity": [
        "cut off",
        "partially complete (slightly cut off or slightly obscured)",
        "complete",
    ],
    "exposure": ["over- or underexposed", "properly exposed"],
}
FORM = TEMPLATES["realqa-form"].with_levels(WORDS)

PLAIN = (
    st.text(st.sampled_from("abc ,.()0123456789\né漢"), min_size=1, max_size=40).map(str.strip).filter(bool)
)
"""Texts that no head of a template can stand in: no colons and no brackets."""


def values_of(part: Part, texts: st.SearchStrategy[str]) -> st.SearchStrategy[str | float]:
    if part.is_number:
        assert part.scale is not None
        low, high = int(part.scale.low), int(part.scale.high)
        return st.integers(low * 10**part.decimals, high * 10**part.decimals).map(
            lambda step: step / 10**part.decimals if part.decimals else step
        )
    return st.sampled_from(part.levels) if part.levels else texts


def filled_by_hand(one: Template, values: dict[str, str | float]) -> str:
    text = one.text
    for part in one.parts:
        value = values[part.name]
        written = f"{value:.{part.decimals}f}" if part.is_number else str(value)
        head, place, tail = text.partition("{" + part.name + "}")
        assert place
        text = head + written.replace("{", "\0") + tail
    return text.replace("\0", "{")


@pytest.mark.parametrize("one", [*TEMPLATES.values(), FORM], ids=lambda one: one.name)
@given(st.data())
def test_what_is_filled_is_read_back(one: Template, data: st.DataObject) -> None:
    values = {part.name: data.draw(values_of(part, PLAIN), part.name) for part in one.parts}
    text = one.fill(values)
    assert text == filled_by_hand(one, values)
    found = one.parse(text)
    assert found.values == values
    assert found.reasons == {}


@pytest.mark.parametrize("one", [*TEMPLATES.values(), FORM], ids=lambda one: one.name)
@given(st.data())
def test_a_part_that_holds_words_of_the_template_is_refused_or_read_back(
    one: Template, data: st.DataObject
) -> None:
    pieces = [piece for piece in re.split(r"\{[a-z-]+\}", one.text) if len(piece) < 60] + [
        "7",
        "3.44",
        "A",
        "x",
        " ",
    ]
    hostile = (
        st.lists(st.sampled_from(pieces), min_size=1, max_size=6).map("".join).map(str.strip).filter(bool)
    )
    values = {part.name: data.draw(values_of(part, hostile), part.name) for part in one.parts}
    refused, text = "", ""
    try:
        text = one.fill(values)
    except DataError as error:
        refused = str(error)
    assert "would be read back as" in refused if refused else one.parse(text).values == values


@pytest.mark.parametrize("one", [*TEMPLATES.values(), FORM], ids=lambda one: one.name)
@given(st.data())
def test_any_text_gives_every_part_a_value_or_a_reason(one: Template, data: st.DataObject) -> None:
    pieces = re.split(r"\{[a-z-]+\}", one.text)
    text = "".join(data.draw(st.lists(st.sampled_from(pieces) | st.text(max_size=8), max_size=12)))
    found = one.parse(text)
    for part in one.parts:
        value = found.values[part.name]
        assert (value is None) == (part.name in found.reasons)
        if part.is_number and value is not None:
            assert isinstance(value, int | float)
            assert part.scale is not None
            assert part.scale.low <= value <= part.scale.high
    assert all("\n" not in reason for reason in found.reasons.values())


def test_numbers_are_rounded_when_filled() -> None:
    """SPEC 3.10: levels are means rounded half to even; the score keeps two decimals."""
    text = TEMPLATES["rating"].fill({"analysis": "Dull.", "level": 2.5, "score": 2.504999})
    assert text == "Analysis: Dull. Rating Level: 2. Final Aesthetic Score: 2.50."
    text = TEMPLATES["rating"].fill({"analysis": "Fine.", "level": 6.5, "score": 6.5})
    assert text == "Analysis: Fine. Rating Level: 6. Final Aesthetic Score: 6.50."


def test_the_published_forms_are_these() -> None:
    """AMAP-ML/RealQA: figure/dataset.pdf part (c); Z-Andy/STF-DPO-practice; qlccz185/qwen2.5-vl-lora."""
    assert (
        TEMPLATES["realqa-prose"]
        .fill({"rationale": "It is sharp.", "score": 6.59})
        .endswith("The final score is <6.59>.")
    )
    assert TEMPLATES["realqa-form"].text.startswith(
        "1.1 Reason for Composition Score: {composition-reason}, 1.2 Composition Score: {composition}, 1.3"
        " Reason for Eye-Catching Score: {eye-catching-reason}, 1.4 Eye-Catching Score: {eye-catching}, "
    )
    told = TEMPLATES["forensic-prompt"].fill({"verdict": "Fake", "fake": 0.874, "question": "Why?"})
    first, verdict, question = told.split("\n")
    assert first.startswith("System Instruction: The input contains two forms of the same image")
    assert first.endswith("(Fake or Real) based on the prompt-provided prediction.")
    assert (verdict, question) == ("Head predict result\uff1aFake\uff08p=0.87\uff09", "Why?")
    assert TEMPLATES["forensic-prompt"].system.startswith(
        "You are a professional AI visual forensic analyst."
    )


def test_the_ten_attributes_of_realqa_declare_their_kind() -> None:
    found = {part.name: (part.kind, bool(part.reason)) for part in TEMPLATES["realqa-form"].attributes}
    assert found == {
        "composition": ("integers", True),
        "eye-catching": ("integers", True),
        "subject-and-background": ("text", False),
        **dict.fromkeys(
            ("subject-integrity", "subject-clutter", "background-clutter", "level-shot"), ("levels", False)
        ),
        **dict.fromkeys(("clarity", "exposure", "saturation"), ("levels", False)),
    }


def form(**changed: str) -> str:
    """The numbered form written by hand, with values of the published figure where there are any."""
    items = {
        "1.1 Reason for Composition Score": "The subject, a bed, fills the frame (1.2 m wide).",
        "1.2 Composition Score": "7",
        "1.3 Reason for Eye-Catching Score": "Plain, everyday.",
        "1.4 Eye-Catching Score": "5",
        "2.1 Subject and Background": "bed",
        "2.2 Subject Integrity": "partially complete (slightly cut off or slightly obscured)",
        "2.3 Subject Clutter": "uncluttered",
        "2.4 Background Clutter": "cluttered",
        "2.5 Level Shot": "level",
        "3.1 Image Clarity": "clear",
        "3.2 Exposure": "properly exposed",
        "3.3 Saturation": "normal",
    }
    items |= {head: changed[head[:3]] for head in items if head[:3] in changed}
    return ", ".join(f"{k}: {v}" for k, v in items.items() if v != "-") + ", The final score is <6.59>."


def test_a_form_is_split_at_its_heads_and_never_at_commas() -> None:
    found = FORM.parse(form())
    assert found.reasons == {}
    assert found.values["composition-reason"] == "The subject, a bed, fills the frame (1.2 m wide)."
    assert found.values["subject-integrity"] == "partially complete (slightly cut off or slightly obscured)"
    assert (found.values["composition"], found.values["eye-catching"], found.values["score"]) == (7, 5, 6.59)


@pytest.mark.parametrize(
    ("changed", "part", "reason"),
    [
        (
            {"2.3": "-"},
            "subject-clutter",
            "part 'subject-clutter' is not in the text: no ', 2.3 Subject Clutter:'",
        ),
        ({"1.2": "high"}, "composition", "part 'composition' is 'high'; wanted a whole number on 1..10"),
        ({"1.2": "11"}, "composition", "part 'composition' is '11'; wanted a whole number on 1..10"),
        ({"1.4": "5.5"}, "eye-catching", "part 'eye-catching' is '5.5'; wanted a whole number on 1..10"),
        ({"2.1": ""}, "subject-and-background", "part 'subject-and-background' is ''; wanted text"),
        (
            {"3.2": "fine"},
            "exposure",
            "part 'exposure' is 'fine'; wanted one of over- or underexposed, properly",
        ),
    ],
)
def test_an_attribute_that_does_not_parse_is_none_with_a_reason(
    changed: dict[str, str], part: str, reason: str
) -> None:
    found, whole = FORM.parse(form(**changed)), FORM.parse(form())
    assert found.values == {**whole.values, part: None}
    assert list(found.reasons) == [part]
    assert found.reasons[part].startswith(reason)


@pytest.mark.parametrize(
    ("text", "score", "reason"),
    [
        ("Sharp. The final score is <6.59>.", 6.59, None),
        ("Sharp.\nThe final score is <6.59>. I hope this helps.", 6.59, None),
        ("The final score is <2.00>. No: The final score is <6.59>.", 6.59, None),
        ("Sharp. The final score is <7.5>.", 7.5, None),
        (
            "Sharp. The final score is <7>.",
            None,
            "part 'score' is '7'; wanted a number with decimals on 1..10",
        ),
        ("Sharp.", None, "part 'score' is not in the text: no 'The final score is <'"),
        ("", None, "part 'score' is not in the text: no 'The final score is <'"),
        (
            "Sharp. The final score is <6.5",
            None,
            "part 'score' is not in the text: the text ends before '>.'",
        ),
        ("Sharp. The final score is <>.", None, "part 'score' is ''; wanted a number with decimals on 1..10"),
        (
            "Sharp. The final score is <65.9>.",
            None,
            "part 'score' is '65.9'; wanted a number with decimals on 1..10",
        ),
        (
            "Sharp. The final score is <nan>.",
            None,
            "part 'score' is 'nan'; wanted a number with decimals on 1..10",
        ),
        (
            "Sharp. The final score is <6.59.1>.",
            None,
            "part 'score' is '6.59.1'; wanted a number with decimals on 1..10",
        ),
        (
            "Sharp. The final score is <-3>.",
            None,
            "part 'score' is '-3'; wanted a number with decimals on 1..10",
        ),
        (
            "Sharp. The final score is <\u0667>.",
            None,
            "part 'score' is '\u0667'; wanted a number with decimals on 1..10",
        ),
        (f"Sharp. The final score is <{'9' * 5000}>.", None, "part 'score' is '999"),
    ],
)
def test_a_score_is_read_or_its_failure_has_a_reason(
    text: str, score: float | None, reason: str | None
) -> None:
    found = TEMPLATES["realqa-prose"].parse(text)
    assert found.values["score"] == score
    assert ("score" in found.reasons) == (score is None)
    if reason is not None:
        assert found.reasons["score"].startswith(reason)


@pytest.mark.parametrize(
    ("text", "level", "score"),
    [
        ("Analysis: x. Rating Level: 7. Final Aesthetic Score: 7.44.", 7, 7.44),
        ("Analysis: x.\nRating Level: 10.\nFinal Aesthetic Score: 9.81.", 10, 9.81),
        ("Analysis: x. Rating Level: 7. Final Aesthetic Score: 3.44 of 10.", 7, None),
        ("Analysis: x. Rating Level: 7. Final Aesthetic Score: 3.4", 7, None),
        ("Analysis: x. Rating Level: 7. Final Aesthetic Score: 3.44.5.", 7, None),
        ("Analysis: x. Rating Level: 7. Final Aesthetic Score: 3.", 7, None),
        ("Analysis: x. Rating Level: 7. Final Aesthetic Score: 3", 7, None),
        ("Analysis: x. Rating Level: 7.5. Final Aesthetic Score: 3.44.", None, 3.44),
        ("Analysis: x. Rating Level: 7", None, None),
        ("Analysis: x. Rating Level: 0. Final Aesthetic Score: 3.44.", None, 3.44),
        ("Analysis: x. Final Aesthetic Score: 3.44.", None, 3.44),
    ],
)
def test_a_rating_that_was_cut_short_is_not_guessed(
    text: str, level: int | None, score: float | None
) -> None:
    found = TEMPLATES["rating"].parse(text)
    assert (found.values["level"], found.values["score"]) == (level, score)


@pytest.mark.parametrize(
    ("text", "winner"),
    [
        ("A is better lit.\nWinner: A", "A"),
        ("Both are fine.\n\nWinner: tie\n", "tie"),
        ("Winner: B? No.\nWinner: A", "A"),
        ("Fine.\nWinner: both", None),
        ("Fine.\nWinner: a tie", None),
        ("Fine.\nWinner: **a**", None),
        ("Fine.", None),
    ],
)
def test_a_verdict_is_a_whole_answer(text: str, winner: str | None) -> None:
    """The published parser reads "both" as B, "a tie" as A and "**a**" as a tie (SPEC 3.7.1)."""
    found = TEMPLATES["rating-verdict"].parse(text)
    assert found.values["winner"] == winner
    assert ("winner" in found.reasons) == (winner is None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rationale": "x"}, "part 'score' is missing"),
        ({"rationale": "x", "score": 5, "level": 5}, "part 'level' is none of rationale, score"),
        (
            {"rationale": "x", "score": 10.005001},
            "part 'score' is '10.01'; wanted a number with decimals on 1..10",
        ),
        ({"rationale": "x", "score": "5"}, "part 'score' is '5'; wanted a number with decimals on 1..10"),
        ({"rationale": "x", "score": True}, "part 'score' is True; wanted a number with decimals on 1..10"),
        ({"rationale": "x", "score": float("nan")}, "nan cannot be written as an answer"),
        ({"rationale": 5, "score": 5}, "part 'rationale' is 5; wanted text without spaces around it"),
        ({"rationale": " x", "score": 5}, "part 'rationale' is ' x'; wanted text without spaces around it"),
        ({"rationale": "", "score": 5}, "part 'rationale' is ''; wanted text without spaces around it"),
    ],
)
def test_what_cannot_be_filled_is_one_line(values: dict[str, str | float], said: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"template 'realqa-prose': {said}")):
        TEMPLATES["realqa-prose"].fill(values)


def test_a_part_that_would_be_read_otherwise_is_refused() -> None:
    values = {part.name: 5 if part.is_number else "x" for part in TEMPLATES["realqa-form"].parts}
    said = "part 'composition' would be read back as '5, 1.3 Reason for Eye-Catching Score: b'; a part"
    with pytest.raises(DataError, match=said):
        TEMPLATES["realqa-form"].fill(
            {**values, "eye-catching-reason": "b, 1.3 Reason for Eye-Catching Score: a"}
        )


def test_words_of_a_class_come_from_the_data() -> None:
    assert TEMPLATES["realqa-form"].parse(form(**{"3.2": "whatever"})).values["exposure"] == "whatever"
    assert FORM.parse(form(**{"3.2": "whatever"})).values["exposure"] is None
    with pytest.raises(DataError, match="part 'clarity' cannot have the words"):
        FORM.with_levels({"clarity": ["clear"]})
    with pytest.raises(DataError, match="part 'composition' cannot have the words"):
        FORM.with_levels({"composition": ["1", "2"]})
    with pytest.raises(UnknownName, match="unknown part 'claritty'; did you mean 'clarity'"):
        FORM.with_levels({"claritty": ["clear", "blurred"]})


def test_a_number_takes_the_scale_of_the_aspect_asked() -> None:
    text = "Fine. The final score is <6.59>."
    prose = {
        name: template("realqa-prose", aspect(name, "realqa-prose").scale)
        for name in ("quality", "aesthetics")
    }
    assert prose["aesthetics"].parse(text).values["score"] == 6.59
    assert prose["quality"].parse(text).values["score"] is None
    assert template("realqa-prose").parse(text).values["score"] == 6.59
    forensic = template("forensic-prompt", TEN).parts[1]
    assert forensic.scale == Scale(0, 1)


def test_templates_hold_the_answer_of_those_who_name_them() -> None:
    named = [one for one in every_aspect() if one.template]
    assert {one.template for one in named} == {"rating", "realqa-prose", "realqa-form"}
    for one in named:
        found = template(one.template, one.scale)
        assert one.sentence("{" + found.answer + "}") in found.text
        (part,) = (part for part in found.parts if part.name == found.answer)
        assert (part.kind, part.scale, part.decimals) == (one.kind, one.scale, one.decimals)
    for pair in every_comparison():
        if pair.template:
            found = template(pair.template)
            assert pair.sentence("{" + found.answer + "}") in found.text
            assert found.parts[-1].levels == pair.answers


def test_a_reason_is_a_text_in_front_of_what_it_argues_for() -> None:
    for one in TEMPLATES.values():
        names = [part.name for part in one.parts]
        for i, part in enumerate(one.parts):
            if part.reason:
                assert names.index(part.reason) < i
                assert one.parts[names.index(part.reason)].kind == "text"


def test_a_misspelt_template_is_answered() -> None:
    with pytest.raises(UnknownName, match="unknown template 'realqa-pros'; did you mean 'realqa-prose'"):
        template("realqa-pros")


SMALL = """\
version = 1
about = "x"
text = "{a} {b}."
answer = "b"
source = "x"
[parts.a]
kind = "text"
[parts.b]
kind = "integers"
"""


@pytest.mark.parametrize(("text", "b"), [("x 7.", 7), ("x 7.5.", None), ("x 7.5", None), ("x y", None)])
def test_a_whole_number_is_no_beginning_of_another(text: str, b: int | None) -> None:
    assert read_template(Fields(toml.loads(SMALL), "t.toml"), "t").parse(text).values["b"] == b


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            '"{a} {b}."',
            '"{b} {a}."',
            r"t.toml: 'text' has places for b, a; wanted those of 'parts', in their order",
        ),
        ('"{a} {b}."', '"{a}"', r"t.toml: 'text' has places for a; wanted"),
        ('answer = "b"', 'answer = "c"', r"'answer': unknown part 'c'"),
        (
            'kind = "integers"',
            'kind = "integer"',
            r"'parts.b.kind': unknown kind 'integer'; did you mean 'integers'",
        ),
        ('kind = "integers"', 'sort = "integers"', r"'parts.b.sort': unknown key 'sort'"),
        ('about = "x"\n', "", r"has no 'about'"),
    ],
)
def test_a_broken_template_is_one_line(before: str, after: str, said: str) -> None:
    assert before in SMALL
    with pytest.raises(ModelError, match=said):
        read_template(Fields(toml.loads(SMALL.replace(before, after)), "t.toml"), "t")


@pytest.mark.shared
def test_every_published_answer_is_read_and_written_again(shared: Path) -> None:
    """1,195 answers of the rating's training data, against their labels and a plain cut at the last heads."""
    with (shared / "ava/labels.csv").open(encoding="utf-8-sig", newline="") as rows:
        means = {row["ava_id"]: Decimal(row["score"]) for row in csv.DictReader(rows)}
    n, others = 0, []
    for line in (shared / "ava/sft.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found = TEMPLATES["rating"].parse(row["response"])
        head, _, tail = row["response"].rpartition(" Rating Level: ")
        level, _, score = tail.partition(". Final Aesthetic Score: ")
        assert found.values == {
            "analysis": head.removeprefix("Analysis: "),
            "level": int(level),
            "score": float(score.removesuffix(".")),
        }
        mean = means[row["image"].removesuffix(".jpg")]
        assert found.values["level"] == int(mean.to_integral_value(ROUND_HALF_EVEN))
        values = {"analysis": head.removeprefix("Analysis: "), "level": float(mean), "score": float(mean)}
        if TEMPLATES["rating"].fill(values) != row["response"]:
            others.append((str(mean), found.values["score"]))
        n += 1
    assert n == 1195
    assert others == [("3.365", 3.37)]  # their binary fraction; its digits are a tie, which goes to even
    asked = json.loads((shared / "ava/templates.json").read_text(encoding="utf-8"))
    assert asked["sft_prompt"] == f"<image>\n{aspect('aesthetics', 'rating').questions[0]}"
    pair = comparison("aesthetics", "rating")
    assert pair is not None
    assert asked["dpo_prompt"] == f"<image>\n<image>\n{pair.question}"
    answers = [pair.sentence(word) for word in ("first", "second")]
    assert [asked["dpo_first"], asked["dpo_second"]] == answers
