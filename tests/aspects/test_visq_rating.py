"""The words visq's own models are trained on, byte for byte: another word would be another model."""

from __future__ import annotations

import pytest

from visq.aspects import aspect, describing


@pytest.mark.parametrize("name", ["quality", "aesthetics"])
def test_training_asks_for_a_number_in_these_words(name: str) -> None:
    from visq.training.dialogue import RATINGS, rating_turn

    turn = rating_turn(name)
    assert turn.question == f"Rate the {name} of this image from 1 to 10."
    assert turn.stem == "Rating Level: "
    assert turn.answers == RATINGS == ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")


@pytest.mark.parametrize("name", ["quality", "aesthetics"])
def test_scoring_asks_what_training_asked(name: str) -> None:
    found = aspect(name, "visq-rating")
    assert (found.questions, found.opening) == (
        (f"Rate the {name} of this image from 1 to 10.",),
        "Rating Level: ",
    )
    assert found.picture == "before"


def test_every_sentence_of_the_dialogue_is_as_it_was() -> None:
    from visq.training.dialogue import all_words

    told = list(all_words(["quality", "aesthetics"]))
    for name in ("quality", "aesthetics"):
        assert f"Rate the {name} of this image from 1 to 10." in told
    assert [text for text in told if text.startswith("Rating Level")] == [
        f"Rating Level: {n}." for n in range(1, 11)
    ] * 2


def test_a_description_is_asked_for_in_the_words_of_training() -> None:
    from visq.training.dialogue import DESCRIBE, Turn, all_words

    question = "Describe details, light, contrast and colors of this image."
    assert Turn(question, "", ()) == DESCRIBE
    assert describing("facts").question == question
    assert not describing("facts").is_about_an_aspect
    assert list(all_words(["quality"])).count(question) == 1
