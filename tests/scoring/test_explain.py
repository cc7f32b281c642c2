"""Explanations, and scores read behind them: against transformers alone, and with planted faults."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from naive_chat import TOLERANCE, Oracle, expectation
from visq.aspects import Aspect, aspect, describing
from visq.core.errors import InputError
from visq.core.scales import LEVEL_WORDS, MOS, Scale
from visq.core.types import Explanation, Prompted, Score, printable
from visq.scoring import RunOptions, load
from visq.scoring.asked import Asked
from visq.scoring.explain import MOST_CHARACTERS, Told, contradicts, explaining, whole_sentences

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SHARP = """\
[sharpness]
about = "how sharp the subject is"
levels = {levels}
questions = ["How sharp is this image?"]
stem = {stem}
"""
ASKED = "How sharp is this image?"
TOKENS = describing("general").tokens


SHORT = 48
"""Tokens of a thought here: these models of random weights would write on to any limit."""


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("visq.scoring.asked._THOUGHT", SHORT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from tiny_chat import qwen2_vl

    transformers.utils.logging.disable_progress_bar()
    return qwen2_vl(tmp_path_factory.mktemp("chat") / "qwen")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    at = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(7)
    for k, size in enumerate([(40, 60), (30, 90), (64, 64)]):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(at / f"{k}.png")
    return at


def own(tmp_path: Path, levels=("blurred", "soft", "sharp"), stem="The sharpness of the image is") -> str:
    file = tmp_path / "own.toml"
    file.write_text(SHARP.format(levels=json.dumps(levels), stem=json.dumps(stem)), encoding="utf-8")
    return str(file)


def in_full(name: str) -> str:
    return describing("general").of(replace(aspect("quality"), questions=(name,)))


def rows_of(folder, pictures, **options):
    with (
        load(str(folder), explain=True, threads=1, **options) as scorer,
        scorer.score(str(pictures)) as table,
    ):
        return list(table)


# --- where the score is read ------------------------------------------------------------------------------


def test_a_forced_score_is_that_of_transformers_behind_the_same_text(folder, pictures, tmp_path):
    oracle, path = Oracle(folder), pictures / "1.png"
    said = oracle.say(path, in_full(ASKED), TOKENS)
    assert "The sharpness of the image is" not in said
    ends = [m.end() for m in re.finditer(r"[^0-9][.!?](?=\s|$)", said)]
    cut = said[: ends[-1]] if ends else said.rstrip()
    stem = f"{cut} The sharpness of the image is"
    probs = oracle.probs(path, in_full(ASKED), stem, [" blurred", " soft", " sharp"])
    (row,) = rows_of(folder, path, aspects=own(tmp_path))
    score = row.scores["sharpness"]
    assert score.value == pytest.approx(expectation(probs, np.array([1, 3, 5])), abs=10 * TOLERANCE)
    assert 1 - score.outside == pytest.approx(probs.sum(), rel=100 * TOLERANCE)
    assert score.explanation.forced is True
    without = oracle.probs(path, ASKED, "The sharpness of the image is", [" blurred", " soft", " sharp"])
    assert abs(expectation(without, np.array([1, 3, 5])) - score.value) > 0.01  # else nothing was shown


def test_a_model_that_writes_the_stem_is_stopped_there(folder, pictures, tmp_path):
    """The stem is a word that this model of random weights writes in its own text."""
    oracle, path = Oracle(folder), pictures / "1.png"
    said = oracle.say(path, in_full(ASKED), TOKENS)
    stem = re.findall(r"[A-Za-z]{4,}", said[60:])[0]
    before = said[: said.index(stem)]
    probs = oracle.probs(path, in_full(ASKED), before + stem, [" blurred", " soft", " sharp"])
    with load(str(folder), aspects=own(tmp_path, stem=stem), explain=True, threads=1) as scorer:
        network, runs = scorer._backbone._network, []
        go_on = network.go_on
        network.go_on = lambda *given, **more: runs.append(1) or go_on(*given, **more)
        with scorer.score(str(path)) as table:
            (row,) = table
    score = row.scores["sharpness"]
    assert score.value == pytest.approx(expectation(probs, np.array([1, 3, 5])), abs=10 * TOLERANCE)
    assert score.explanation.forced is False
    assert score.explanation.text == printable(" ".join(before.split()))
    assert len(runs) < TOKENS / 2  # it did not write on to the cap


@pytest.mark.parametrize(
    ("said", "before", "forced"),
    [
        ("Soft light. A bit da", "Soft light. ", True),
        ("Soft light.\nThe sharpness of the image is poor.", "Soft light.\n", False),
        ("  Soft light  ", "  Soft light ", True),
    ],
)
def test_what_a_score_is_read_behind_is_what_was_written(folder, pictures, tmp_path, said, before, forced):
    """Texts are planted, so that each is short: a long one would hide the question before it."""
    oracle, path = Oracle(folder), pictures / "2.png"
    stem = f"{before}The sharpness of the image is"
    probs = oracle.probs(path, in_full(ASKED), stem, [" blurred", " soft", " sharp"])
    with load(str(folder), aspects=own(tmp_path), explain=True, threads=1) as scorer:
        backbone, asked = scorer._backbone, []
        backbone.generate = lambda batch, most, until: [said] * len(batch)
        plain = backbone.answers_each
        backbone.answers_each = lambda batch, answers: asked.extend(batch) or plain(batch, answers)
        with scorer.score(str(path)) as table:
            found = next(table.rows).scores["sharpness"]
    assert [(one.question, one.stem) for one in asked] == [(in_full(ASKED), stem)]
    assert found.value == pytest.approx(expectation(probs, np.array([1, 3, 5])), abs=10 * TOLERANCE)
    assert (found.explanation.text, found.explanation.forced) == (before.strip(), forced)


def test_a_template_is_followed_and_its_aspect_read_behind_it(folder, pictures, short):
    """Dialect `rating`: analysis, then a whole number."""
    oracle, path = Oracle(folder), pictures / "2.png"
    question = aspect("aesthetics", "rating").questions[0]
    said = oracle.say(path, question, SHORT)
    stem = f"{whole_sentences(said)} Rating Level: "
    probs = oracle.probs(path, question, stem, [str(n) for n in range(1, 11)])
    (row,) = rows_of(folder, path, aspects="aesthetics", dialect="rating", readout="integers")
    wanted = 1 + (expectation(probs, np.arange(1, 11)) - 1) * 4 / 9
    assert row.scores["aesthetics"].value == pytest.approx(wanted, abs=10 * TOLERANCE)
    assert row.scores["aesthetics"].explanation.forced is True


def test_until_ends_what_is_said_in_any_batch(folder, pictures):
    with load(str(folder), threads=1) as scorer:
        backbone = scorer._backbone
        asked = [
            Prompted(np.asarray(Image.open(pictures / f"{k}.png")), "", "Is it true or not?", "")
            for k in range(3)
        ]
        whole = backbone.generate(asked, 80)
        until = re.findall(r"[A-Za-z]{3,}", whole[1][20:])[0]
        for way in ("tree", "whole"):
            backbone.way = way
            found = backbone.generate(asked, 80, until)
            assert [backbone.generate([one], 80, until)[0] for one in asked] == found
            for short, long in zip(found, whole, strict=True):
                assert long.startswith(short.rstrip("\ufffd"))
                assert (until in short) == (until in long)
            assert found[1].index(until) + len(until) >= len(found[1]) - 12  # the rest of one token


def test_one_by_one_is_a_batch(folder, pictures):
    whole = rows_of(folder, pictures)
    alone = [row for k in range(3) for row in rows_of(folder, pictures / f"{k}.png")]
    for one, other in zip(whole, alone, strict=True):
        for name in ("quality", "aesthetics"):
            assert one.scores[name].explanation == other.scores[name].explanation
            assert one.scores[name].value == pytest.approx(other.scores[name].value, abs=10 * TOLERANCE)


# --- models trained to describe ---------------------------------------------------------------------------


def test_the_shipped_mini_says_what_it_sees_and_scores_as_ever():
    from visq.backbones.folder import shipped_models

    shown = str(shipped_models()["mini"] / "pictures")
    with load() as scorer, scorer.score(shown) as table:
        plain = {row.id: row.scores for row in table}
    with load(explain=True) as scorer, scorer.score(shown) as table:
        rows = list(table)
        assert scorer.calibration.keys() == {"quality", "aesthetics"}
        assert "scores are those without --explain" in scorer.notes[0]
    told = {row.id: row.scores["quality"].explanation for row in rows}
    assert "The details are soft" in told["coffee-blurred.jpg"].text
    assert len({one.text for one in told.values()}) > 1
    for row in rows:
        assert len({score.explanation for score in row.scores.values()}) == 1
        assert told[row.id].forced is told[row.id].contradicts is None
        assert {name: replace(score, explanation=None) for name, score in row.scores.items()} == plain[row.id]


def test_a_causal_mini_is_asked_once_a_picture(pictures, tmp_path):
    from tiny_causal import tiny_folder

    tiny_folder(tmp_path / "mini")
    with load(str(tmp_path / "mini"), explain=True) as scorer:
        asked = []
        say = scorer._backbone._say
        scorer._backbone._say = lambda one, *rest: asked.append(one.question) or say(one, *rest)
        with scorer.score(str(pictures)) as table:
            rows = list(table)
    assert asked == [describing("facts").question] * 3
    assert all(row.scores["quality"].explanation == row.scores["aesthetics"].explanation for row in rows)


def test_a_mini_that_transformers_runs_is_asked_the_same(pictures, tmp_path):
    """As with an adapter on it: the folder without its model.toml."""
    from tiny_causal import tiny_folder

    tiny_folder(tmp_path / "mini")
    described = rows_of(tmp_path / "mini", pictures, aspects="quality")
    (tmp_path / "mini" / "model.toml").unlink()
    (tmp_path / "mini" / "words.toml").unlink()
    bare = rows_of(tmp_path / "mini", pictures, aspects="quality")
    for one, other in zip(described, bare, strict=True):
        left, right = (row.scores["quality"].explanation for row in (one, other))
        assert (left.forced, right.forced) == (None, None)
        assert left.text[:20] == right.text[:20]  # bytes that are no text are spelt in two ways
    with load(str(tmp_path / "mini"), aspects="quality") as scorer, scorer.score(str(pictures)) as table:
        plain = [row.scores["quality"].value for row in table]
    assert plain == pytest.approx([row.scores["quality"].value for row in bare], abs=10 * TOLERANCE)


def test_a_causal_mini_reads_behind_a_text_too(pictures, tmp_path, short):
    """In words it was not made for, so that the tokenizer is needed; the same as asked by hand."""
    from tiny_causal import tiny_folder

    tiny_folder(tmp_path / "mini")
    one = Asked(aspect("aesthetics", "rating"), "integers")
    with load(
        str(tmp_path / "mini"),
        aspects="aesthetics",
        dialect="rating",
        readout="integers",
        explain=True,
        scale="1..10",
    ) as scorer:
        backbone = scorer._backbone
        pixels = backbone.prepare(np.asarray(Image.open(pictures / "0.png")))
        (score,) = (found["aesthetics"] for found in scorer.score_pictures([pixels]))
        (said,) = backbone.generate(
            [Prompted(pixels, "", one.aspect.questions[0], "")], SHORT, "Rating Level:"
        )
        text = f"{whole_sentences(said)} Rating Level: "
        asked = Prompted(pixels, "", one.aspect.questions[0], text)
        (logs,) = backbone.answer_logprobs([asked], one.answers)
    assert score.value == pytest.approx(expectation(np.exp(logs), np.arange(1, 11)), abs=1e-5)
    assert score.explanation.forced is True


# --- what an explanation is -------------------------------------------------------------------------------


def test_a_text_is_cut_behind_its_last_full_sentence():
    for text, whole in (
        ("Sharp. A bit da", "Sharp."),
        ("Sharp. A bit dark!", "Sharp. A bit dark!"),
        ('It says "no." And th', 'It says "no."'),
        ("Worth 3.5 points, or 3.", "Worth 3.5 points, or 3."),
        ("Good light. Worth 3.", "Good light."),
        ("1. The light is soft. 2. The", "1. The light is soft."),
        ("no end in sight  \n", "no end in sight"),
        ("光线好。 构图", "光线好。"),
    ):
        assert whole_sentences(text) == whole


def told(text, forced=True):
    return Told(Prompted(np.zeros((1, 1, 3), np.uint8), "", "", ""), text, forced)


def score(value: float, scale: Scale = MOS) -> Score:
    return Score(value, None, None, scale, dict.fromkeys(LEVEL_WORDS, 0.2), 1.0, 0.0)


def test_what_is_kept_is_one_printable_line_of_bounded_length():
    found = told("Soft\n\n  light\x1b[31m, \u202e").beside(score(3), aspect("quality")).explanation
    assert found.text == "Soft light\\x1b[31m, \\u202e"
    found = told("long " * 9000).beside(score(3), aspect("quality")).explanation
    assert len(found.text) == MOST_CHARACTERS
    assert found.text.endswith(" ...")
    assert told(None).beside(score(3), aspect("quality")).explanation is None


# --- contradictions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "marked"),
    [
        ("The light is soft.", 1.0, None),
        ("An excellent picture.", 4.3, False),
        ("An excellent picture.", 3.5, False),  # good
        ("An EXCELLENT picture.", 3.3, True),  # fair: two levels away
        ("Bad colours, excellent light.", 2.9, True),  # fair, two levels from either
        ("Poor colours, excellent light.", 2.9, False),
        ("A badly lit, goodish scene.", 5.0, None),  # parts of words name nothing
        ("I give it 5 out of 5.", 1.0, True),
        ("I give it 5/5.", 4.1, False),
        ("I give it 50/50, or 7/5, or 3 of 4.", 1.0, None),
    ],
)
def test_levels_named_far_from_the_score_are_marked(text, value, marked):
    assert contradicts(text, aspect("quality"), score(value)) is marked


def test_numbers_of_the_aspects_own_scale_and_of_its_template_are_named():
    rating = aspect("aesthetics", "rating")  # 1..10
    for text, marked in (
        ("Analysis: dull. I give it 2/10.", True),
        ("Analysis: dull. I give it 9 out of 10.", False),
        ("Analysis: dull. Final Aesthetic Score: 2.25.", True),
        ("Analysis: nice. Final Aesthetic Score: 8.75.", False),
        ("Analysis: 2 trees, 1 house.", None),
    ):
        assert contradicts(text, rating, score(9.1, Scale(1, 10))) is marked
    assert contradicts("2/10", rating, score(91, Scale(0, 100))) is True  # shown on another scale
    form = aspect("aesthetics", "realqa-form")
    of_a_part = "1.1 Reason for Composition Score: dull, 1.2 Composition Score: 2, 1.3 Reason for Eye"
    assert contradicts(of_a_part, form, score(9.1, Scale(1, 10))) is None


def test_of_two_levels_the_other_one_contradicts():
    pair = aspect("authenticity", "forensics")
    assert pair.levels == ("fake", "real")
    for value, marked in ((0.2, True), (0.8, False)):
        found = contradicts("It looks real.", pair, score(value, Scale(0, 1)))
        assert found is marked


def test_a_planted_contradiction_is_marked_through_the_whole_run(folder, pictures, tmp_path):
    """A level's word is one that this model of random weights writes, while its score is far from it."""
    path = pictures / "1.png"
    said = Oracle(folder).say(path, in_full(ASKED), TOKENS)
    word = next(word for word in re.findall(r"\b[A-Za-z]{3,}\b", said) if word.lower() != "sharp")
    others = ["two", "three", "four", "five", "six", "seven"]
    marks = []
    for levels in ([word, *others], [*others, word]):
        (row,) = rows_of(folder, path, aspects=own(tmp_path, levels))
        found = row.scores["sharpness"]
        assert word in found.explanation.text
        level = int((found.value - 1) / 4 * 7)  # of seven equal parts of 1..5
        assert found.explanation.contradicts is (abs(levels.index(word) - level) > 1)
        marks.append(found.explanation.contradicts)
    assert any(marks), "neither order of the levels was contradicted: nothing was tried"


# --- failures ---------------------------------------------------------------------------------------------


def test_a_model_that_says_nothing_fails_the_row(folder, pictures):
    with load(str(folder), explain=True, threads=1) as scorer:
        prompter = scorer._backbone._prompter
        prompter.ends = tuple(range(len(prompter._tokenizer)))  # whatever it says first ends its turn
        with scorer.score(str(pictures)) as table:
            rows = list(table)
    assert {row.kind for row in rows} == {"no-explanation"}
    assert rows[0].error == "quality: the model wrote no explanation"


def test_only_the_picture_that_does_not_fit_the_memory_fails(folder, pictures, monkeypatch):
    right = rows_of(folder, pictures)
    with load(str(folder), explain=True, threads=1) as scorer:
        network = scorer._backbone._network
        start = network.start
        grid = scorer._backbone._look(
            Prompted(np.asarray(Image.open(pictures / "1.png")), "", "?", "")
        ).tensors["image_grid_thw"]

        def full(strands, *rest, **more):
            if any(strand.look.tensors["image_grid_thw"].tolist() == grid.tolist() for strand in strands):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nof much")
            return start(strands, *rest, **more)

        monkeypatch.setattr(network, "start", full)
        with scorer.score(str(pictures)) as table:
            rows = list(table)
    assert [row.kind for row in rows] == [None, "out-of-memory", None]
    assert rows[1].error.startswith("quality: a picture of 90 x 30 px does not fit the memory of cpu")
    for k in (0, 2):
        for name in ("quality", "aesthetics"):
            assert rows[k].scores[name].value == pytest.approx(
                right[k].scores[name].value, abs=10 * TOLERANCE
            )


def test_a_text_that_the_model_cannot_be_given_back_fails_its_row_alone(folder, pictures):
    texts = iter(["Fine.", "Fine <|image_pad|> too.", "Fine.", "Fine.", "Fine.", "Fine."])
    with load(str(folder), explain=True, threads=1) as scorer:
        scorer._backbone.generate = lambda batch, most, until: [next(texts) for _ in batch]
        with scorer.score(str(pictures)) as table:
            rows = list(table)
    assert [row.kind for row in rows] == [None, "no-explanation", None]
    assert rows[1].error.startswith(
        "quality: no score can be read behind its explanation: a question or stem"
    )
    assert "\n" not in rows[1].error


# --- what is asked, kept and said -------------------------------------------------------------------------


def test_which_question_is_asked():
    quality, rating = Asked(aspect("quality"), "levels"), Asked(aspect("aesthetics", "rating"), "integers")
    facts = explaining(quality, describes=True)
    assert (facts.question, facts.is_apart, facts.until) == (describing("facts").question, True, "")
    general = explaining(quality, describes=False)
    assert (general.question, general.is_apart) == (in_full(quality.aspect.questions[0]), False)
    assert general.until == "The quality of the image is"
    for describes in (True, False):
        thought = explaining(rating, describes=describes)
        assert (thought.question, thought.is_apart) == (rating.aspect.questions[0], False)
        assert (thought.until, thought.tokens) == ("Rating Level:", 512)


def test_aspects_of_one_question_share_its_answer(folder, pictures, short):
    with load(str(folder), dialect="realqa-prose", explain=True, threads=1) as scorer:
        asked = []
        generate = scorer._backbone.generate
        scorer._backbone.generate = lambda batch, *rest: asked.extend(batch) or generate(batch, *rest)
        with scorer.score(str(pictures)) as table:
            rows = list(table)
    assert len(asked) == 3
    for row in rows:
        texts = {one.explanation.text for one in row.scores.values()}
        assert len(texts) == (1 if row.scores else 0)


def test_columns_lines_and_the_journal_hold_it(folder, pictures, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "s.csv"
    with load(str(folder), aspects="quality", explain=True, threads=1) as scorer:
        with scorer.score(str(pictures), RunOptions(out=out)) as table:
            rows, lines = list(table), [json.loads(line) for line in table.json_lines()]
            table.write(tmp_path / "s.parquet")
            assert table.to_pandas()["quality_explanation"][0] == rows[0].scores["quality"].explanation.text
        with scorer.score(str(pictures), RunOptions(out=out)) as again:
            assert (list(again), again.taken_over) == (rows, 3)
    columns = ("quality_explanation", "quality_explanation_forced", "quality_explanation_contradicts")
    with out.open(encoding="utf-8", newline="") as file:
        cells = [[row[column] for column in columns] for row in csv.DictReader(file)]
    parquet = pyarrow.read_table(tmp_path / "s.parquet").to_pylist()
    spelt = {None: "", True: "true", False: "false"}
    for k, row in enumerate(rows):
        one = row.scores["quality"].explanation
        assert isinstance(one, Explanation)
        assert cells[k] == [one.text, spelt[one.forced], spelt[one.contradicts]]
        assert [parquet[k][column] or "" for column in columns] == cells[k]
        told = lines[k]["scores"]["quality"]["explanation"]
        assert told == {"text": one.text, "forced": one.forced, "contradicts": one.contradicts}


def test_explained_rows_are_not_mixed_with_others(folder, pictures, tmp_path):
    out = tmp_path / "s.csv"

    def run(*, explain):
        with load(str(folder), aspects="quality", explain=explain, threads=1) as scorer:
            scorer.score(str(pictures / "0.png"), RunOptions(out=out)).close()

    run(explain=True)
    with pytest.raises(InputError, match="was made with explain True"):
        run(explain=False)
    with load(str(folder)) as scorer:
        assert "explain" not in scorer.identity
        assert "quality_explanation" not in scorer.score(str(pictures / "0.png")).to_arrow().column_names


def test_a_calibration_does_not_hold_behind_a_text():
    from visq.backbones.folder import find_model
    from visq.scoring.scorer import Scorer

    folder = find_model("mini")
    one = Asked(aspect("quality"), "levels")
    with load(aspects="quality") as plain:
        for describes, kept in ((True, {"quality"}), (False, set())):
            way = explaining(one, describes=describes)
            scorer = Scorer(folder, plain._backbone, [one], explaining=[way])
            assert scorer.calibration.keys() == kept


def test_an_own_aspect_is_explained_by_its_own_question(tmp_path):
    from visq.aspects import own_aspects

    (found,) = own_aspects(own(tmp_path))
    assert isinstance(found, Aspect)
    way = explaining(Asked(found, "levels"), describes=False)
    assert way.question.startswith("How sharp is this image? Before you answer")
