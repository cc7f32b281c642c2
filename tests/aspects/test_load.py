"""The shipped aspects: complete, in order, and word by word what models were trained on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from visq.aspects import Aspect, aspect, describing, every_aspect, every_comparison, names, template
from visq.core import toml
from visq.core.errors import UnknownName

PUBLISHED = toml.loads((Path(__file__).parent / "published.toml").read_text(encoding="utf-8"))
FIVE = ("bad", "poor", "fair", "good", "excellent")


def label(found: Aspect) -> str:
    return f"{found.dialect}-{found.name}"


@pytest.mark.parametrize("found", every_aspect(), ids=label)
def test_every_aspect_is_complete(found: Aspect) -> None:
    assert aspect(found.name, found.dialect) == found
    assert found.version >= 1
    assert len(set(found.answers)) == len(found.answers) >= 2
    assert len(set(found.questions)) == len(found.questions) >= 1
    assert found.stem == found.stem.strip()  # the space belongs to the answer's first token
    assert found.scale.low < found.scale.high
    assert found.source or found.dialect == "visq"
    assert not any("{" in question for question in found.questions)


@pytest.mark.parametrize("found", every_aspect(), ids=label)
def test_answers_run_from_worst_to_best(found: Aspect) -> None:
    if found.kind == "levels":
        assert found.levels in (FIVE, ("fake", "real"))
    else:
        values = [float(answer) for answer in found.answers]
        assert values == sorted(values)
        assert (values[0], values[-1]) == (found.scale.low, found.scale.high)


def test_no_aspect_is_in_a_dialect_twice() -> None:
    met = Counter((found.dialect, found.name) for found in every_aspect())
    assert set(met.values()) == {1}


def test_what_visq_asks_its_own_models_has_not_changed() -> None:
    """The shipped model and the recipes depend on these words: a change of any makes another model."""
    assert names() == ["quality", "aesthetics"]
    for name, about in (
        ("quality", "technical quality: sharpness, noise, artefacts, exposure"),
        ("aesthetics", "how pleasing the picture is: composition, light, colour, subject"),
    ):
        found = aspect(name)
        assert found.version == 1
        assert found.about == about
        assert (found.scale.low, found.scale.high, found.scale.direction) == (1, 5, "up")
        assert found.levels == FIVE
        assert found.questions == (f"How would you rate the {name} of this image?",)
        assert found.stem == f"The {name} of the image is"


@pytest.mark.parametrize("pool", PUBLISHED["pool"], ids=lambda pool: pool["about"])
def test_published_questions_are_in_the_pool(pool: dict[str, Any]) -> None:
    for dialect in pool["dialects"]:
        assert set(pool["questions"]) <= set(aspect(pool["aspect"], dialect).questions)


def test_pools_hold_nothing_else_than_published_or_declared_questions() -> None:
    published: dict[tuple[str, str], set[str]] = {}
    for pool in PUBLISHED["pool"]:
        for dialect in pool["dialects"]:
            published.setdefault((dialect, pool["aspect"]), set()).update(pool["questions"])
    more = {
        key: sorted(set(aspect(key[1], key[0]).questions) - questions) for key, questions in published.items()
    }
    # The rest of Q-Align's pool of aesthetics is not public: that of quality with the word exchanged.
    quality = aspect("quality", "onealign").questions
    exchanged = {question.replace("quality", "aesthetics") for question in quality}
    assert set(more.pop(("onealign", "aesthetics"))) == exchanged - {
        quality[0].replace("quality", "aesthetics")
    }
    # The first question about a video, and its half in rows that glue two questions together.
    assert more.pop(("onealign", "video-quality")) == [
        "How do you assess the quality of this video?",
        "How would you rate the quality of this video?",
    ]
    assert not any(more.values()), more


@pytest.mark.parametrize("case", PUBLISHED["answer"], ids=lambda case: f"{case['dialect']}-{case['aspect']}")
def test_what_is_asked_and_answered_is_what_was_published(case: dict[str, Any]) -> None:
    found = aspect(case["aspect"], case["dialect"])
    assert found.questions[0] == case["asked"]
    assert [found.sentence(found.answers[i]) for i in (0, -1)] == case["answers"]
    assert found.picture == case["picture"]


def test_goldens_leave_no_aspect_out() -> None:
    told = {(case["dialect"], case["aspect"]) for case in PUBLISHED["answer"]}
    missing = {(found.dialect, found.name) for found in every_aspect()} - told
    # The same question and answer on the scale of another set.
    assert missing == {("realqa-prose", "quality"), ("realqa-form", "quality")}


def test_the_range_is_spoken_in_the_question_where_the_model_hears_of_it() -> None:
    for found in every_aspect():
        if found.dialect in ("realqa", "rating"):
            said = f"from {found.scale.low:g} to {found.scale.high:g}"
            assert all(said in question for question in found.questions), found


@pytest.mark.shared
def test_published_conversations_hold_our_words(shared: Path) -> None:
    """Rows of the training files themselves, but for the faults that are known (glued questions)."""
    pools = {
        "image": {*aspect("quality", "onealign").questions},
        "video": {*aspect("video-quality", "onealign").questions},
    }
    answers = {
        aspect(name, "onealign").sentence(word): thing
        for name, thing in (("quality", "image"), ("video-quality", "video"))
        for word in FIVE
    }
    n = 0
    for file in sorted((shared / "labels/qalign/samples").glob("*.json")):
        for row in json.loads(file.read_text(encoding="utf-8")):
            if "conversations" not in row:
                continue
            asked, answered = (turn["value"] for turn in row["conversations"])
            questions = {part.strip() for part in asked.split("<|image|>") if part.strip()}
            thing = answers[answered]
            assert questions <= pools[thing], asked
            n += 1
    assert n > 300


def test_two_pictures_are_compared_in_published_words() -> None:
    """Source: Z-Andy/STF-DPO-practice: ava_aesthetic_dpo_final_v3.json, backend.py."""
    plain, verdict = (found for found in every_comparison() if found.dialect != "visq")
    assert (plain.aspect, plain.dialect) == ("aesthetics", "rating")
    assert plain.question == "Compare these two images and select the one with better aesthetic quality."
    assert [plain.sentence(answer) for answer in plain.answers] == [
        "The first image is aesthetically superior.",
        "The second image is aesthetically superior.",
    ]
    assert (
        verdict.question
        == "Compare the aesthetics of Image A and Image B. Give a brief rationale (2-4 sentences)"
        " focusing on composition, lighting, and subject clarity. Then output a single line: Winner: A or"
        " Winner: B or Winner: tie."
    )
    assert [verdict.sentence(answer) for answer in verdict.answers] == [
        "Winner: A",
        "Winner: B",
        "Winner: tie",
    ]
    assert template(verdict.template).answer == "winner"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("qualty",), "unknown aspect 'qualty'; did you mean 'quality'"),
        (("quality", "onealing"), "unknown dialect 'onealing'; did you mean 'onealign'"),
        (("video-quality",), "unknown aspect 'video-quality'.*Known: aesthetics, quality"),
        (("authenticity", "deqa"), "unknown aspect of deqa 'authenticity'.*Known: quality"),
    ],
)
def test_a_misspelt_name_is_answered(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        aspect(*words)


@pytest.mark.parametrize("found", every_aspect(), ids=label)
def test_an_explanation_is_asked_for_with_the_aspects_own_question(found: Aspect) -> None:
    general = describing("general")
    assert general.is_about_an_aspect
    asked = general.of(found)
    assert asked.startswith(found.questions[0] + " Before you answer, describe its strengths")
    assert "{" not in asked


def test_an_unknown_question_for_explanations_is_one_line() -> None:
    with pytest.raises(UnknownName, match="did you mean 'facts'"):
        describing("fact")
