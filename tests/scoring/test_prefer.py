"""Which of two pictures: against probabilities put together by hand, and by scores where pairs cannot be."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from PIL import Image

import visq
from visq.aspects import comparison
from visq.backbones import find_model
from visq.core.errors import InputError, UnknownName
from visq.core.scales import Scale
from visq.core.types import Prompted, Sample, Score
from visq.scoring.prefer import Preference

PICTURES = find_model("mini").path / "pictures"
SHARP, BLURRED = PICTURES / "coffee.jpg", PICTURES / "coffee-blurred.jpg"


@pytest.fixture(scope="module")
def mini():
    with visq.load("mini", threads=2) as scorer:
        yield scorer


def by_hand(scorer, a, b, aspect="quality"):
    """P(a better) in each order, of two words' probabilities by the backbone; and the mass outside."""
    words = comparison(aspect)
    pixels = [scorer.prepare(visq.media.decode(path, at_least=scorer.at_least).picture) for path in (a, b)]
    shares, left = [], []
    for first, second in (pixels, pixels[::-1]):
        asked = Prompted(first, aspect, words.question, words.stem, more=(second,))
        probs = np.exp(scorer._backbone.answer_logprobs([asked], ["first", "second"])[0].astype(float))
        shares.append(probs[0] / probs.sum())
        left.append(1 - probs.sum())
    return (shares[0], 1 - shares[1]), sum(left) / 2


def test_a_sharp_picture_is_preferred_to_its_blurred_copy_in_both_orders(mini):
    found = mini.prefer(SHARP, BLURRED)
    orders, outside = by_hand(mini, SHARP, BLURRED)

    assert (found.aspect, found.winner, found.how, found.why) == ("quality", "first", "pair", "")
    assert found.orders == pytest.approx(orders, abs=1e-6)
    assert found.margin == pytest.approx(sum(orders) - 1, abs=1e-6)
    assert found.order_bias == pytest.approx(orders[0] - orders[1], abs=1e-6)
    assert found.outside == pytest.approx(outside, abs=1e-6)
    assert found.orders_agree
    assert not found.contradicts


def test_the_scores_beside_a_pair_are_those_of_each_alone(mini):
    found = mini.prefer(SHARP, BLURRED, "aesthetics")
    samples = [Sample(path.name, str(path)) for path in (SHARP, BLURRED)]
    alone = [row.scores["aesthetics"] for row in mini.stream(samples)]

    assert list(found.scores) == alone
    assert found.difference == alone[0].value - alone[1].value


@pytest.mark.parametrize("name", ["astronaut.jpg", "chelsea.png", "rocket.jpg"])
def test_the_other_way_round_is_the_mirror_image(mini, name):
    one, other = mini.prefer(SHARP, PICTURES / name), mini.prefer(PICTURES / name, SHARP)

    assert other.margin == pytest.approx(-one.margin, abs=1e-12)
    assert other.orders == pytest.approx((1 - one.orders[1], 1 - one.orders[0]), abs=1e-12)
    assert {one.winner, other.winner} == {"first", "second"}
    assert (other.order_bias, other.outside) == pytest.approx((one.order_bias, one.outside), abs=1e-12)


def test_a_picture_against_itself_is_a_tie_whatever_the_order_says(mini):
    found = mini.prefer(SHARP, SHARP)

    assert (found.winner, found.margin, found.difference) == (None, 0.0, 0.0)
    assert found.order_bias != 0
    assert not found.contradicts


def test_a_margin_up_to_the_tie_is_a_tie(mini):
    margin = mini.prefer(SHARP, BLURRED).margin
    below, above = (mini.prefer(SHARP, BLURRED, tie=margin + by) for by in (-1e-6, 1e-6))

    assert (below.winner, above.winner) == ("first", None)
    assert above.margin == margin


def test_a_path_a_sample_and_its_pixels_are_one_picture(mini):
    found = mini.prefer(SHARP, BLURRED)
    decoded = [np.asarray(Image.open(path).convert("RGB")) for path in (SHARP, BLURRED)]

    assert mini.prefer(Sample("a", str(SHARP)), str(BLURRED)) == found
    assert mini.prefer(*decoded).margin == pytest.approx(found.margin, abs=0.02)  # another decoder


def test_both_scores_and_both_orders_cost_one_look_at_each_picture(mini, monkeypatch):
    looks = []
    plain = mini._backbone._look
    monkeypatch.setattr(mini._backbone, "_look", lambda pixels: looks.append(1) or plain(pixels))
    mini.prefer(SHARP, BLURRED)

    assert len(looks) == 2


def test_numbers_as_answers_leave_the_pair_alone(mini):
    with visq.load("mini", readout="integers", aspects="aesthetics", threads=2) as scorer:
        found = scorer.prefer(SHARP, BLURRED)

    assert found.margin == mini.prefer(SHARP, BLURRED, "aesthetics").margin
    assert len(found.scores[0].distribution) == 10


# --- by scores -----------------------------------------------------------------------------------------


def test_a_model_of_one_picture_compares_scores_and_says_so(tiny, photos):
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    dark, light = files[0], files[-1]
    with visq.load(str(tiny)) as scorer:
        found = scorer.prefer(light, dark)
        other = scorer.prefer(light, dark, "aesthetics")
        calibration = scorer._calibrations["quality"]
    std = math.sqrt(2) * calibration.half_width / NormalDist().inv_cdf(0.95)

    assert (found.how, found.orders, found.outside) == ("scores", None, None)
    assert (found.orders_agree, found.order_bias) == (None, None)
    assert found.why.endswith("looks at one picture at a time")
    assert found.uncertainty == pytest.approx(std)
    assert found.margin == pytest.approx(2 * NormalDist(found.difference, std).cdf(0) * -1 + 1)
    assert (found.winner, other.winner) == ("first", "second")  # brightness is quality there


def preference(a, b, **fields):
    scores = tuple(Score(value, None, None, Scale(1, 5), {}, std, None) for value, std in (a, b))
    return Preference(**{
        "aspect": "quality", "winner": "first", "margin": 0.1, "how": "pair", "why": "", "scores": scores,
        "orders": (0.6, 0.5), "outside": 0.0, **fields,
    })  # fmt: skip


def test_what_a_preference_says_of_itself():
    found = preference((3.0, 0.3), (3.5, 0.4))
    assert found.uncertainty == pytest.approx(0.5)
    assert found.difference == -0.5
    assert found.contradicts
    assert not replace(found, winner="second").contradicts
    assert not replace(found, winner=None).contradicts
    assert not found.orders_agree  # one says a, the other a tie
    assert replace(found, orders=(0.6, 0.7)).orders_agree
    assert preference((3.0, None), (3.5, None)).uncertainty is None


@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (1.2, 2.0), (0.8, 2.0)])
def test_a_clipped_side_of_an_interval_is_not_taken(low, high):
    one = Score(1.4, max(low, 1.0), high, Scale(1, 5), {}, 0.1, None)
    found = replace(preference((3.0, 0.3), (3.5, 0.4)), scores=(one, replace(one, low=1.0)))
    assert found.uncertainty == pytest.approx(math.sqrt(2) * 0.6 / 1.6448536)


# --- what is refused -----------------------------------------------------------------------------------


def test_what_cannot_be_compared_is_one_line(mini, tmp_path):
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    for a, match in (
        (tmp_path / "gone.jpg", r"gone\.jpg': no such file"),
        (tmp_path / "no.jpg", r"no\.jpg': "),
        (np.zeros((4, 4), np.uint8), r"uint8 \[height, width, 3\], not uint8 \[4, 4\]"),
        (np.zeros((4, 4, 3)), "not float64"),
        (np.zeros((0, 4, 3), np.uint8), r"not uint8 \[0, 4, 3\]"),
    ):
        with pytest.raises(InputError, match=match) as error:
            mini.prefer(SHARP, a)
        assert "\n" not in str(error.value)
    with pytest.raises(UnknownName, match="unknown aspect of this scorer 'qualty'; did you mean 'quality'"):
        mini.prefer(SHARP, BLURRED, "qualty")
    for tie in (-0.1, 1.0, math.nan):
        with pytest.raises(InputError, match="tie must be a number from 0 up to 1"):
            mini.prefer(SHARP, BLURRED, tie=tie)


# --- chat models ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> Path:
    pytest.importorskip("torch")
    from tiny_chat import qwen2_vl

    return qwen2_vl(tmp_path_factory.mktemp("chat") / "qwen")


def probs(scorer, first, second, words, answers):
    asked = Prompted(first, words.aspect, words.question, words.stem, more=(second,))
    return np.exp(scorer._backbone.answer_logprobs([asked], answers)[0].astype(float))


@pytest.mark.parametrize(
    ("dialect", "answers"),
    [
        ("visq", ("first", "second")),
        (
            "rating",
            ("first image is aesthetically superior", "second image is aesthetically superior"),
        ),
    ],
)
def test_a_chat_model_is_asked_in_its_own_words_whole(chat, dialect, answers):
    pixels = [np.asarray(Image.open(path).convert("RGB").resize((60, 40))) for path in (SHARP, BLURRED)]
    with visq.load(str(chat), aspects="aesthetics", dialect=dialect, threads=1) as scorer:
        found = scorer.prefer(*pixels)
        words = comparison("aesthetics", dialect)
        shown, swapped = (probs(scorer, *two, words, answers) for two in (pixels, pixels[::-1]))

    assert found.how == "pair"
    orders = shown[0] / shown.sum(), swapped[1] / swapped.sum()
    assert found.orders == pytest.approx(orders, abs=1e-3)
    assert found.outside == pytest.approx(1 - (shown.sum() + swapped.sum()) / 2, abs=1e-3)


def test_an_aspect_without_words_for_pairs_and_a_written_score(chat, tmp_path, monkeypatch):
    own = tmp_path / "own.toml"
    own.write_text(
        '[sharpness]\nabout = "sharp"\nlevels = ["soft", "fair", "sharp"]\n'
        'questions = ["How sharp is this image?"]\nstem = "The image is"\n',
        encoding="utf-8",
    )
    with visq.load(str(chat), aspects=[str(own)], threads=1) as scorer:
        found = scorer.prefer(SHARP, BLURRED)
        assert found.how == "scores"
        assert found.why == "there are no words in the dialect 'own' to compare two pictures in sharpness"
        std = math.hypot(*(score.spread for score in found.scores))
        assert found.margin == pytest.approx(1 - 2 * NormalDist(found.difference, std).cdf(0))
        scorer.prefer(SHARP, BLURRED)
    with visq.load(str(chat), aspects=[str(own)], readout="text", threads=1) as scorer:
        monkeypatch.setattr(scorer._backbone, "generate", lambda *_: [" soft.", " sharp."])
        found = scorer.prefer(SHARP, BLURRED)
        assert (found.winner, found.margin, found.uncertainty) == ("second", None, None)
        monkeypatch.setattr(scorer._backbone, "generate", lambda *_: [" soft.", " lovely"])
        with pytest.raises(InputError, match="sharpness: no score in 'lovely'"):
            scorer.prefer(SHARP, BLURRED)


def test_a_pair_that_does_not_fit_the_memory_is_one_line(chat, monkeypatch):
    torch = pytest.importorskip("torch")
    small = np.zeros((30, 50, 3), np.uint8)
    with visq.load(str(chat), aspects="quality", threads=1) as scorer:
        plain = scorer._backbone._network.start

        def start(strands, *rest, **more):
            if any(len(strand.look.tensors["image_grid_thw"]) > 1 for strand in strands):
                raise torch.OutOfMemoryError("CUDA out of memory.\nMuch")
            return plain(strands, *rest, **more)

        monkeypatch.setattr(scorer._backbone._network, "start", start)
        with pytest.raises(
            InputError, match=r"^pictures of 50 x 30 and 30 x 50 px do not fit the memory of cpu; allow fewer"
        ) as error:
            scorer.prefer(small, np.ascontiguousarray(small.transpose(1, 0, 2)))
    assert error.value.kind == "out-of-memory"


def test_no_number_makes_no_winner(mini, monkeypatch):
    real = mini._backbone.answers_each

    def broken(batch, answers):
        return [
            np.full_like(row, np.nan) if asked.more else row
            for asked, row in zip(batch, real(batch, answers), strict=True)
        ]

    monkeypatch.setattr(mini._backbone, "answers_each", broken)
    with pytest.raises(InputError, match="quality: the model gave no number") as caught:
        mini.prefer(SHARP, BLURRED)
    assert caught.value.kind == "not-a-number"


def test_a_temperature_flattens_pairs_as_it_does_scores(mini):
    (first, _), _ = by_hand(mini, SHARP, BLURRED)
    with visq.load("mini", threads=2, temperature=2.0) as flatter:
        found = flatter.prefer(SHARP, BLURRED)

    odds = math.sqrt(first / (1 - first))
    assert found.orders[0] == pytest.approx(odds / (1 + odds), abs=1e-6)


def test_a_scorer_that_explains_does_not_compare():
    with (
        visq.load("mini", threads=1, explain=True) as scorer,
        pytest.raises(InputError, match="prefer explains nothing"),
    ):
        scorer.prefer(SHARP, BLURRED)
