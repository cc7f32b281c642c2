"""Which words are asked and which read-out reads them; shares, values and failures worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from visq.aspects import aspect
from visq.core.errors import InputError, UnknownName
from visq.core.scales import Scale
from visq.core.types import Score
from visq.scoring.answers import asked_together, scores_of
from visq.scoring.asked import Asked, Wanted, choose

OWN = """\
[sharpness]
about = "how sharp the subject is"
levels = ["blurred", "soft", "sharp"]
questions = ["How sharp is this image?"]
stem = "The sharpness of the image is"

[depth]
about = "how deep the scene is, on 0..100"
kind = "integers"
scale = [0, 100]
questions = ["How deep is this scene, from {low} to {high}?"]
stem = "Depth:"
picture = "after"
"""
FIVE, ONE_TO_FIVE = ("bad", "poor", "fair", "good", "excellent"), Scale(1, 5)


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    return str(tmp_path / "own.toml")


def chosen(dialect: str = "visq", names: tuple[str, ...] = ("quality",), **wanted: object) -> list[Asked]:
    return choose(Wanted(**wanted), names, dialect)  # type: ignore[arg-type]


def scores(asked: Asked, answered: object, **more: object) -> list[Score | InputError]:
    settings: dict[str, object] = {"scale": ONE_TO_FIVE, "calibration": None, "closed_set": False}
    return scores_of(asked, answered, {}, **(settings | more))  # type: ignore[arg-type]


# --- which words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "name", "readout", "words", "read_as"),
    [
        ("visq", "quality", None, "visq", "levels"),
        ("visq", "quality", "integers", "visq-rating", "integers"),
        ("visq", "aesthetics", "decimals", "realqa", "decimals"),
        ("visq", "quality", "contrast", "visq", "contrast"),
        ("visq", "quality", "text", "visq", "text"),
        ("q-realign", "quality", "levels", "q-realign", "levels"),
        ("q-realign", "quality", "integers", "visq-rating", "integers"),
        ("realqa", "quality", None, "realqa", "decimals"),
        ("realqa", "quality", "levels", "visq", "levels"),
        ("realqa", "quality", "text", "realqa", "text"),
        ("rating", "aesthetics", "integers", "rating", "integers"),
        ("deqa", "aesthetics", None, "visq", "levels"),
        ("visq", "authenticity", "contrast", "forensics", "contrast"),
    ],
)
def test_the_models_own_words_come_first_and_then_the_first_that_fit(
    dialect: str, name: str, readout: str | None, words: str, read_as: str
) -> None:
    (found,) = chosen(dialect, (name,), readout=readout)
    assert (found.aspect.dialect, found.readout) == (words, read_as)


@pytest.mark.parametrize(
    ("wanted", "names", "match"),
    [
        (
            {"dialect": "q-realign", "readout": "integers"},
            ("quality",),
            "does not fit 'quality' .*use levels",
        ),
        ({"dialect": "deqa"}, ("aesthetics",), "'deqa' has no words for 'aesthetics'; it has quality"),
        ({"readout": "decimals"}, ("authenticity",), "no words for 'authenticity' fit read-out 'decimals'"),
    ],
)
def test_what_does_not_fit_is_refused(wanted: dict[str, str], names: tuple[str, ...], match: str) -> None:
    with pytest.raises(InputError, match=match) as error:
        choose(Wanted(**wanted), names, wanted.get("dialect", "visq"))
    assert error.value.kind == "usage"
    assert "\n" not in str(error.value)


def test_two_files_may_not_mean_two_things_by_one_name(own: str, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(OWN.replace("sharp", "crisp").replace("[crispness]", "[sharpness]"), encoding="utf-8")
    with pytest.raises(InputError, match="two files have an aspect 'sharpness'"):
        Wanted((own, str(other)))
    assert Wanted((own, own)).names == ("sharpness", "depth")


def test_a_dialect_for_nothing_but_ones_own_words_is_refused(own: str) -> None:
    with pytest.raises(InputError, match="--dialect has no effect on aspects of your own"):
        choose(Wanted((own,), dialect="deqa"), ("sharpness", "depth"), "deqa")


def test_a_probability_that_is_no_number_makes_a_failure() -> None:
    (asked,) = chosen()
    logs = np.log(np.full((2, 5), 0.2))
    logs[1, 3] = np.nan
    good, bad = scores(asked, logs)
    assert isinstance(good, Score)
    assert isinstance(bad, InputError)
    assert bad.kind == "not-a-number"
    assert str(bad).startswith("quality: the model gave no number")


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"readout": "level"}, "unknown read-out 'level'; did you mean 'levels'?"),
        ({"readout": "pairwise"}, "compares two pictures"),
        ({"dialect": "q-realine"}, "did you mean 'q-realign'?"),
        ({"aspects": ("qualty",)}, "unknown aspect 'qualty'; did you mean 'quality'?"),
        ({"aspects": ()}, "no aspect to score"),
        ({"aspects": ("gone.toml",)}, r"gone\.toml' does not exist"),
        ({"temperature": 0.0}, "above 0"),
        ({"temperature": math.nan}, "above 0"),
        ({"readout": "text", "temperature": 2.0}, "has no temperature"),
    ],
)
def test_misspelt_words_are_refused_before_a_model_loads(wanted: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match.replace("?", r"\?")):
        Wanted(**wanted)  # type: ignore[arg-type]


def test_aspects_of_ones_own_come_whole_or_by_name(own: str) -> None:
    assert Wanted((own, "quality")).names == ("sharpness", "depth", "quality")
    assert Wanted((f"{own}#depth",)).names == ("depth",)
    with pytest.raises(UnknownName, match="did you mean 'depth'"):
        Wanted((f"{own}#dept",))
    sharpness, depth = choose(Wanted((own,)), ("sharpness", "depth"), "visq")
    assert (sharpness.readout, depth.readout) == ("levels", "integers")
    assert sharpness.answers == ("blurred", "soft", "sharp")
    assert len(depth.answers) == 101


# --- what is asked -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dialect", "readout", "stem", "blank"),
    [
        ("quality", "visq", "levels", "The quality of the image is", " "),
        ("quality", "visq-rating", "integers", "Rating Level: ", ""),
        ("quality", "realqa", "decimals", "The score of this image is ", ""),
        ("quality", "realqa-prose", "decimals", "The final score is <", ""),
        ("quality", "realqa", "text", "The score of this image is ", ""),
        ("quality", "realqa-prose", "text", "", ""),  # it thinks first
    ],
)
def test_words_bring_their_blank_and_numbers_do_not(
    name: str, dialect: str, readout: str, stem: str, blank: str
) -> None:
    """SPEC 3.2.3: before a digit the blank is a token of its own, and belongs to the stem."""
    asked = Asked(aspect(name, dialect), readout).of(np.zeros((2, 2, 3), np.uint8))
    assert (asked.stem, asked.blank) == (stem, blank)


def test_aspects_share_a_call_whatever_their_answers(own: str) -> None:
    sharpness, _ = choose(Wanted((own,)), ("sharpness", "depth"), "visq")
    quality, aesthetics = chosen("visq", ("quality", "aesthetics"))
    groups = asked_together([quality, sharpness, aesthetics])
    assert groups == [[quality, sharpness, aesthetics]]
    written = [Asked(aspect("quality", words), "text") for words in ("visq", "realqa", "realqa-prose")]
    assert [len(group) for group in asked_together(written)] == [2, 1]  # one writes a rationale first


# --- what is read --------------------------------------------------------------------------------------


def test_contrast_sets_poor_against_good_and_the_ends_of_few_levels(own: str) -> None:
    (quality,) = chosen(readout="contrast")
    assert quality.answers == ("poor", "good")
    (score,) = scores(quality, np.log([[0.2, 0.6]]))
    assert isinstance(score, Score)
    assert score.value == pytest.approx(1 + 4 * 0.6 / 0.8)
    assert score.distribution == pytest.approx({"poor": 0.25, "good": 0.75})
    assert score.outside == pytest.approx(0.2)
    sharpness = choose(Wanted((f"{own}#sharpness",), "contrast"), ("sharpness",), "visq")
    assert sharpness[0].answers == ("blurred", "sharp")


def test_integers_are_shown_on_the_scale_asked_for_and_named_by_their_numbers() -> None:
    (rating,) = chosen(readout="integers")
    probs = np.zeros(10)
    probs[[0, 8, 9]] = 0.06, 0.40, 0.50  # 1, 9, 10: ten is no 1
    with np.errstate(divide="ignore"):
        (score,) = scores(rating, np.log([probs]))
    mean = (0.06 * 1 + 0.40 * 9 + 0.50 * 10) / 0.96
    assert isinstance(score, Score)
    assert score.value == pytest.approx(1 + (mean - 1) * 4 / 9)
    assert list(score.distribution) == [str(n) for n in range(1, 11)]
    assert score.outside == pytest.approx(0.04)
    assert score.bands == FIVE  # numbers name no band


def test_of_many_numbers_the_ten_likeliest_are_kept_and_the_value_is_that_of_all() -> None:
    (asked,) = chosen(readout="decimals")
    shares = np.random.default_rng(8).dirichlet(np.full(401, 0.2))
    (score,) = scores(asked, np.log(shares[None] * 0.9 + 1e-300))
    numbers = [round(1 + k / 100, 2) for k in range(401)]
    ten = sorted(sorted(range(401), key=lambda k: -shares[k])[:10])
    assert isinstance(score, Score)
    assert score.value == pytest.approx(sum(v * p for v, p in zip(numbers, shares, strict=True)), abs=1e-9)
    assert score.distribution == pytest.approx({f"{numbers[k]:.2f}": shares[k] for k in ten}, abs=1e-9)
    assert score.outside == pytest.approx(0.1)
    assert score.spread == pytest.approx(
        math.sqrt(sum(p * (v - score.value) ** 2 for v, p in zip(numbers, shares, strict=True)))
    )


@pytest.mark.parametrize(
    ("wanted", "unread"),
    [
        ({"readout": "decimals"}, 0.002 / 4),
        ({"readout": "decimals", "temperature": 2.0}, 0.0),
        ({"readout": "levels"}, 0.0),
        ({"readout": "integers"}, 0.0),
        ({"readout": "text"}, 0.0),
    ],
)
def test_a_question_says_what_may_be_left_unread(wanted: dict[str, object], unread: float) -> None:
    (asked,) = chosen(**wanted)
    assert asked.of(np.zeros((1, 1, 3), np.uint8)).unread == unread


def test_temperature_flattens_the_distribution() -> None:
    (asked,) = chosen(readout="contrast", temperature=2.0)
    (score,) = scores(asked, np.log([[0.1, 0.4]]))
    assert isinstance(score, Score)
    assert score.distribution == pytest.approx({"poor": 1 / 3, "good": 2 / 3})


def test_text_is_read_or_fails_with_its_reason_and_never_by_default() -> None:
    (asked,) = chosen(readout="text")
    good, bad, two = scores(asked, [" good.", " lovely", " good or bad"])
    assert isinstance(good, Score)
    assert (good.value, good.distribution, good.spread, good.outside) == (4.0, {}, None, None)
    assert good.bands == FIVE
    assert isinstance(bad, InputError)
    assert isinstance(two, InputError)
    assert (str(bad), bad.kind) == ("quality: no score in 'lovely'", "no-score")
    assert str(two).startswith("quality: several scores (1, 4)")


def test_a_cut_off_decimal_is_no_score() -> None:
    asked = Asked(aspect("quality", "realqa"), "text")
    whole, cut = scores(asked, ["3.44.", "3."])
    assert isinstance(whole, Score)
    assert whole.value == pytest.approx(3.44)
    assert isinstance(cut, InputError)


def test_a_picture_without_an_answer_names_its_aspect() -> None:
    (asked,) = chosen()
    logs = np.log(np.full((2, 5), 0.2))
    logs[1] = np.nan
    fine, failed = scores_of(
        asked, logs, {1: "too large"}, scale=ONE_TO_FIVE, calibration=None, closed_set=False
    )
    assert isinstance(fine, Score)
    assert isinstance(failed, InputError)
    assert (str(failed), failed.kind) == ("quality: too large", "out-of-memory")
