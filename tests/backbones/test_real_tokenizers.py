"""Real tokenizers, of Qwen2 and of Llama: the exact ids of SPEC 1, 2 and 3, and every aspect's stem."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import real_tokenizers
from naive_chat import TOLERANCE, Oracle
from visq.aspects import Comparison, aspect, every_aspect, every_comparison
from visq.backbones.chat import Chat
from visq.backbones.tree import grow, n_nodes
from visq.core.numbers import numbers_of
from visq.core.scales import Scale
from visq.core.types import Prompted
from visq.readouts.decimals import Decimals
from visq.readouts.tree import AnswerTree
from visq.scoring.asked import Asked

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.shared

NO_PIXELS = np.zeros((1, 1, 3), np.uint8)

# Qwen2
SCORE_STEM = (785, 5456, 315, 419, 2168, 374, 220)  # `The score of this image is `
DIGIT_0, POINT, BLANK, BRACKET, BRACKET_POINT = 15, 13, 220, 29, 14276
NEW_LINE, END_OF_TURN, END_OF_TEXT = 198, 151645, 151643

# Llama
BEGIN, SPACE, LLAMA_NEW_LINE, IMAGE = 1, 29871, 13, -200
QUALITY_PROMPT = (
    *(1, 3148, 1001, 29901, 1128, 723, 366, 6554, 278, 11029, 310, 445, 1967, 29973, 13, -200),
    *(29871, 13, 22933, 9047, 13566, 29901, 450, 11029, 310, 278, 1967, 338),
)
QUALITY_STEM = (450, 11029, 310, 278, 1967, 338)
PICTURE_VECTORS = 65
FIVE_GRADES = [found for found in every_aspect() if len(found.levels) == 5]
LEVELS = ("bad", "poor", "fair", "good", "excellent")
QWEN2_LEVELS = (3873, 7852, 6624, 1661, 9073)
LLAMA_LEVELS = (4319, 6460, 6534, 1781, 15129)


@pytest.fixture(scope="module")
def qwen2_folder(shared, tmp_path_factory):
    return real_tokenizers.qwen2_vl(shared, tmp_path_factory.mktemp("qwen2") / "model")


@pytest.fixture(scope="module")
def vocabulary(qwen2_folder):
    """Qwen2's own file: a piece is written as bytes, each its own character where that can be printed."""
    return json.loads((qwen2_folder.with_name("files") / "vocab.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def qwen2(qwen2_folder):
    return Chat(qwen2_folder)._prompter


@pytest.fixture(scope="module")
def llama(shared, tmp_path_factory):
    return Chat(real_tokenizers.llava(shared, tmp_path_factory.mktemp("llama") / "model"))._prompter


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def prompter(request):
    return request.getfixturevalue(request.param)


def label(found):
    return f"{found.dialect}-{found.aspect if isinstance(found, Comparison) else found.name}"


def asked(stem, end=".", joint=" "):
    return Prompted(NO_PIXELS, "quality", "Question?", stem, joint, end=end)


def digits(number):
    """Ids of a number to Qwen2, by hand: 0 to 9 are 15 to 24, the point is 13."""
    return tuple(POINT if character == "." else DIGIT_0 + int(character) for character in number)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("3.44.", (18, 13, 19, 19, 13)),
        (" 6.59", (220, 21, 13, 20, 24)),
        ("10", (16, 15)),
        ("100.00", (16, 15, 15, 13, 15, 15)),
        ("The score of this image is ", SCORE_STEM),
        ("The score of this image is 3.44.", (*SCORE_STEM, 18, 13, 19, 19, 13)),
    ],
)
def test_ids_of_qwen2(qwen2, text, ids):
    """SPEC 2.9 and 3.10."""
    assert qwen2.tokens(text) == ids


def test_a_bracket_and_a_full_stop_are_one_token_of_qwen2(qwen2):
    """SPEC 2.9: the end of `is <6.59>.`"""
    ids = qwen2.tokens("is <6.59>.")

    assert ids[-6:] == (366, 21, 13, 20, 24, BRACKET_POINT)
    assert qwen2.said(ids[-1:]) == ">."
    assert qwen2.tokens("is <6.59>")[-1] == BRACKET


@pytest.mark.parametrize(
    ("scale", "n", "nodes"),
    [(Scale(1, 5), 401, 452), (Scale(1, 10), 901, 1012), (Scale(0, 100), 10001, 11204)],
)
def test_every_number_follows_the_stem_digit_by_digit(qwen2, scale, n, nodes):
    """SPEC 2.4.3 and 2.9: the stem is a prefix of every full sentence; sizes of the trees of ids."""
    numbers = numbers_of(scale, 2)
    stem = aspect("quality", "realqa").opening
    wording = qwen2.wording(asked(stem), numbers)

    assert len(numbers) == n
    assert wording.prompt[-len(SCORE_STEM) :] == SCORE_STEM
    assert wording.answers == tuple(map(digits, numbers))
    for number in numbers[:: max(1, n // 1000)]:
        assert qwen2.tokens(f"{stem}{number}.") == (*SCORE_STEM, *digits(number), POINT)
    assert wording.barred == (frozenset(),) * n
    assert len(AnswerTree(wording.answers)) == nodes
    assert n_nodes(wording.answers) == nodes
    assert len(grow([BLANK], wording.answers).ids) == 1 + nodes
    assert len(Decimals(scale=scale).characters) == nodes


@pytest.mark.parametrize("dialect", ["realqa-form", "realqa-prose"])
def test_every_number_in_brackets_ends_with_a_token_that_ends_it(qwen2, dialect):
    one = Asked(aspect("quality", dialect), "decimals")
    wording = qwen2.wording(one.of(NO_PIXELS), one.answers)

    assert wording.prompt[-1] == 366
    assert wording.answers == tuple(map(digits, numbers_of(Scale(1, 5), 2)))
    for number in one.answers:
        assert qwen2.tokens(one.aspect.stem + number + ">.")[-5:] == (*digits(number), BRACKET_POINT)
    assert {BRACKET, BRACKET_POINT, NEW_LINE, END_OF_TURN, END_OF_TEXT} <= set(wording.stops)
    assert POINT not in wording.stops


def begins(vocabulary, end):
    """Tokens of pieces that begin with an end, or with a new line: byte 10, which is written `U+010A`."""
    return [token for piece, token in vocabulary.items() if piece.startswith((end, chr(256 + 10)))]


@pytest.mark.parametrize(
    ("end", "some"),
    [
        (".", {POINT, NEW_LINE, END_OF_TURN, END_OF_TEXT}),
        (">", {BRACKET, BRACKET_POINT, NEW_LINE, END_OF_TURN, END_OF_TEXT}),
    ],
)
def test_all_tokens_of_qwen2_that_begin_as_the_end_does_end_an_answer(vocabulary, qwen2, end, some):
    """SPEC 2.4.3."""
    found = qwen2.stops(end)

    assert set(found) == {*begins(vocabulary, end), END_OF_TURN, END_OF_TEXT}
    assert some <= set(found)
    assert len(found) == len(set(found)) > 100


def test_a_rating_is_one_token_and_ten_is_two(qwen2):
    """SPEC 3.2.3 and 3.10: `Rating`, ` Level`, `:`, the blank; then a digit, or 16 and 15."""
    one = Asked(aspect("aesthetics", "rating"), "integers")
    wording = qwen2.wording(one.of(NO_PIXELS), one.answers)

    assert [qwen2._tokenizer.decode([token]) for token in wording.prompt[-4:]] == [
        "Rating", " Level", ":", " ",
    ]  # fmt: skip
    assert wording.prompt[-1] == BLANK
    assert wording.answers == (*((DIGIT_0 + k,) for k in range(1, 10)), (16, 15))
    assert len(AnswerTree(wording.answers)) == 10


@pytest.mark.parametrize("found", FIVE_GRADES, ids=label)
@pytest.mark.parametrize(("name", "ids"), [("qwen2", QWEN2_LEVELS), ("llama", LLAMA_LEVELS)])
def test_each_level_word_is_one_token_after_the_stem(request, found, name, ids):
    """SPEC 1.4 has Llama's."""
    wording = request.getfixturevalue(name).wording(Asked(found, "levels").of(NO_PIXELS), found.answers)

    assert wording.answers == tuple((token,) for token in ids)


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("high low fine decent average medium acceptable", (1880, 4482, 2691, 27189, 6588, 18350, 22691)),
        ("inferior worse similar better superior", (20773, 15029, 2788, 2253, 11558)),
    ],
)
def test_other_words_that_are_one_token_of_llama(llama, words, ids):
    """SPEC 1.4: words that other scorers answer."""
    found = llama.wording(asked("The quality of the image is"), words.split()).answers

    assert found == tuple((token,) for token in ids)


@pytest.mark.parametrize(
    ("word", "ids"),
    [
        ("moderate", (17768, 403)),
        ("pristine", (544, 391, 457)),
        ("satisfactory", (5119, 3832)),
        ("mediocre", (14457, 542, 276)),
        ("horrible", (4029, 11710)),
    ],
)
def test_words_of_several_pieces_are_whole_answers(llama, word, ids):
    """SPEC 1.4, T18: the first piece alone is another word's too."""
    wording = llama.wording(asked("The quality of the image is"), [word, "good"])

    assert wording.answers == (ids, (1781,))
    assert wording.prompt[-len(QUALITY_STEM) :] == QUALITY_STEM


def test_numbers_that_begin_alike_are_told_apart(llama):
    """SPEC 1.4, T18: to Llama `1`, `2`, `10` and `7.35` all begin with the blank's own piece."""
    numbers = ["1", "2", "10", "7.35"]
    stem = aspect("quality", "realqa").opening
    wording = llama.wording(asked(stem), numbers)

    assert [llama.tokens(number)[:2] for number in numbers] == [(BEGIN, SPACE)] * 4
    assert wording.prompt[-1] == SPACE
    assert wording.answers == (
        (29896,), (29906,), (29896, 29900), (29955, 29889, 29941, 29945),
    )  # fmt: skip


def owl(prompter, text):
    """Ids of a text with one place for a picture: each side alone, as mPLUG-Owl2 does, with one beginning."""
    before, after = text.split("<|image|>")
    return (*prompter.tokens(before), IMAGE, *prompter.tokens(after)[1:])


def positions(ids):
    return len(ids) - 1 + PICTURE_VECTORS


def scorer_prompt(found, stem=None):
    return f"USER: {found.questions[0]}\n<|image|>\nASSISTANT: {stem or found.stem}"


def test_the_prompt_of_onealign_has_28_ids_and_92_positions(llama):
    """SPEC 1.4 and 1.10, T19: with the words of the aspect."""
    ids = owl(llama, scorer_prompt(aspect("quality", "onealign")))

    assert ids == QUALITY_PROMPT
    assert (len(ids), positions(ids)) == (28, 92)
    assert ids[16:21] == (SPACE, LLAMA_NEW_LINE, 22933, 9047, 13566)


def test_aesthetics_has_34_ids_and_98_positions(llama):
    """SPEC 1.4 and 1.10, T19; one published scorer asks for `aesthetic`, which is as long in other ids."""
    text = scorer_prompt(aspect("aesthetics", "onealign"))
    ids, other = owl(llama, text), owl(llama, text.replace("aesthetics", "aesthetic"))

    assert (len(ids), positions(ids)) == (len(other), positions(other)) == (34, 98)
    assert ids[-9:] == (450, 263, 342, 9188, 1199, 310, 278, 1967, 338)
    assert other[-9:] == (450, 263, 342, 29882, 7492, 310, 278, 1967, 338)
    assert ids[8:13] == (278, 263, 342, 9188, 1199)


def test_video_has_the_ids_of_quality_but_one(llama):
    ids = owl(llama, scorer_prompt(aspect("video-quality", "onealign")))

    assert ids == tuple(4863 if token == 1967 else token for token in QUALITY_PROMPT)


def test_the_swapped_stem_is_not_that_of_the_aspect(llama):
    """SPEC 1.4, T20: published code has `The image of the quality is`."""
    found = aspect("quality", "onealign")
    swapped = owl(llama, scorer_prompt(found, "The image of the quality is"))

    assert swapped[-6:] == (450, 1967, 310, 278, 11029, 338)
    assert owl(llama, scorer_prompt(found))[-6:] == QUALITY_STEM


def test_the_other_published_prompts(llama):
    """SPEC 1.4: a blank before ASSISTANT; for aesthetics the picture directly before the question."""
    quality, aesthetics = (aspect(name, "onealign") for name in ("quality", "aesthetics"))
    blank = owl(llama, scorer_prompt(quality).replace("\nASSISTANT", " ASSISTANT"))
    direct = owl(llama, f"USER: <|image|>{aesthetics.questions[0]} ASSISTANT: {aesthetics.stem}")

    assert blank[16:20] == (319, 1799, 9047, 13566)
    assert (len(direct), positions(direct)) == (33, 97)


def test_the_training_text_has_61_ids_and_126_positions(llama):
    """SPEC 1.4: eight of them are the answer, and the end of the text comes after."""
    found = aspect("quality", "onealign")
    system = (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions."
    )
    ids = owl(llama, f"{system} USER: <|image|>\n{found.questions[0]} ASSISTANT: {found.sentence('good')}")
    whole = (*ids, llama._tokenizer.eos_token_id)

    assert ids[-8:] == (*QUALITY_STEM, 1781, 29889)
    assert (len(ids), len(whole), positions(whole)) == (61, 62, 126)


def test_a_stem_that_melts_into_its_answers_is_cut_before_the_blank(prompter):
    """SPEC 2.4.3: the cut goes back to the last token that all have in common."""
    stem = aspect("quality", "onealign").stem
    usual = prompter.wording(asked(stem), LEVELS)
    melting = prompter.wording(asked(stem + " "), LEVELS)

    assert melting.prompt == usual.prompt
    assert melting.answers == usual.answers
    assert prompter.tokens(prompter.text(asked(stem + " "))) != usual.prompt


@pytest.mark.parametrize("found", every_aspect(), ids=label)
def test_stems_of_aspects_are_stable(prompter, found):
    expect_stable(prompter, Asked(found, found.kind).of(NO_PIXELS), found.answers)


@pytest.mark.parametrize("found", every_comparison(), ids=label)
def test_stems_of_comparisons_are_stable(prompter, found):
    one = Prompted(NO_PIXELS, found.aspect, found.question, found.stem, found.joint, end=found.end)
    expect_stable(prompter, one, found.answers)


def expect_stable(prompter, one, answers):
    """That whole prompts begin with the stem's tokens, and whole sentences go on with what ends an answer."""
    wording = prompter.wording(one, answers)
    text = prompter.text(one)
    told = prompter.tokens(text)
    # Nothing but a new line and the end of the turn follows an answer that has no end of its own.
    afters = (one.end, f"{one.end}\n", *([f"{one.end}."] if one.end else []))

    assert wording.prompt == told
    assert len(set(wording.answers)) == len(answers)
    for word, tokens in zip(answers, wording.answers, strict=True):
        whole = prompter.tokens(text + one.blank + word)
        assert whole == (*told, *tokens)
        for after in afters:
            said = prompter.tokens(text + one.blank + word + after) + prompter.ends[:1]
            assert said[: len(whole)] == whole
            assert said[len(whole)] in wording.stops


def test_a_number_within_brackets_is_what_transformers_gives(qwen2_folder, vocabulary, tmp_path):
    """The chance of a whole answer holds that of every token that ends it, merged ones among them."""
    path, pixels = tmp_path / "one.png", np.random.default_rng(2).integers(0, 256, (40, 64, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    one = Asked(aspect("quality", "realqa-form"), "decimals")
    question = Prompted(pixels, "quality", one.aspect.questions[0], one.aspect.opening, "", end=">")
    oracle = Oracle(qwen2_folder, ends=[*begins(vocabulary, ">"), END_OF_TURN, END_OF_TEXT])
    numbers = ("1.00", "3.44", "3.45", "5.00")
    wanted = oracle.probs(path, question.question, question.stem, numbers)

    (found,) = Chat(qwen2_folder).answer_logprobs([question], numbers)
    np.testing.assert_allclose(found.astype(float), np.log(wanted), atol=TOLERANCE)


def test_a_folder_of_the_old_form_with_a_sentencepiece_model_loads_and_splits_alike(shared, tmp_path):
    """`tokenizer.model` beside settings that name the added tokens, as LLaVA's first folders have it."""
    folder = real_tokenizers.llava(shared, tmp_path / "llava")
    now = Chat(folder)._processor.tokenizer
    ids = {name: now.convert_tokens_to_ids(name) for name in ("<unk>", "<s>", "</s>", "<pad>", "<image>")}
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes((shared / "tokenizers/llama/tokenizer.model").read_bytes())
    plain = dict.fromkeys(("lstrip", "rstrip", "normalized", "single_word"), False)
    settings = {
        "tokenizer_class": "LlamaTokenizer",
        "legacy": False,
        "add_bos_token": True,
        **{f"{name}_token": token for name, token in (("bos", "<s>"), ("eos", "</s>"), ("unk", "<unk>"))},
        "pad_token": "<pad>",
        "added_tokens_decoder": {
            str(number): {"content": name, "special": True, **plain} for name, number in ids.items()
        },
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    then = Chat(folder)._processor.tokenizer
    for found in FIVE_GRADES:
        for text in (*found.questions, *map(found.sentence, found.levels)):
            assert then(text)["input_ids"] == now(text)["input_ids"]
