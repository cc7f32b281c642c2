"""A tree opened in part against every answer scored alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from readouts.toy_language import Random, by_table
from visq.core.errors import InputError
from visq.core.scales import Scale
from visq.readouts.decimals import Decimals
from visq.readouts.integers import Integers
from visq.readouts.pruning import read_tree
from visq.readouts.tree import END, AnswerTree, decode


def naive(probs: list[float], values: list[float], temperature: float = 1.0) -> tuple[float, float]:
    """Value and spread over whole answers, by definition."""
    weights = [p ** (1 / temperature) for p in probs]
    total = math.fsum(weights)
    mean = math.fsum(w / total * v for w, v in zip(weights, values, strict=True))
    variance = math.fsum(w / total * (v - mean) ** 2 for w, v in zip(weights, values, strict=True))
    return mean, math.sqrt(variance)


@pytest.mark.parametrize(
    ("scale", "nodes"), [(Scale(1, 5), 452), (Scale(1, 10), 1012), (Scale(0, 100), 11204)]
)
def test_sizes_of_the_digit_trees(scale: Scale, nodes: int) -> None:
    """SPEC 2.4.3 and 2.9: 5 + 5 + 41 + 401, 10 + 10 + 91 + 901, and 0.00..100.00."""
    assert len(Decimals(scale=scale).characters) == nodes


def test_ten_and_one_by_hand() -> None:
    """SPEC 3.10: P(1) = .6 x .1 = .06, P(10) = .6 x .9 x 1 = .54, P(9) = .4, value .06 + 5.4 + 3.6 = 9.06."""
    model = by_table({"": {"1": 0.6, "9": 0.4}, "1": {"0": 0.9, "$": 0.1}, "9": {"$": 1}, "10": {"$": 1}})
    readout = Integers()
    reading = readout.read_tree(model, 1, tolerance=0)
    assert dict(zip(readout.answers, reading.distribution[0].round(12), strict=True)) == {
        **dict.fromkeys(readout.answers, 0.0),
        "1": 0.06,
        "10": 0.54,
        "9": 0.4,
    }
    assert reading.value[0] == pytest.approx(9.06, abs=1e-12)
    assert reading.outside[0] == pytest.approx(0, abs=1e-12)
    assert reading.error[0] == 0
    # Two contexts settle it for single digits: after the stem and after `1`; then the ends of 9 and 10.
    assert reading.n_asked[0] == 4


def test_a_belief_on_both_sides_of_four() -> None:
    """SPEC 2.9: P(3) = P(4) = 1/2, `.98` after 3 and `.02` after 4 with certainty: 4.00, spread 0.02."""
    one = {"": {"3": 0.5, "4": 0.5}, "3": {".": 1}, "4": {".": 1}, "3.": {"9": 1}, "4.": {"0": 1}}
    model = by_table({**one, "3.9": {"8": 1}, "4.0": {"2": 1}, "3.98": {"$": 1}, "4.02": {"$": 1}})
    reading = Decimals(scale=Scale(1, 5)).read_tree(model, 1)
    assert reading.value[0] == pytest.approx(4.0, abs=1e-12)
    assert reading.spread[0] == pytest.approx(0.02, abs=1e-12)
    assert reading.outside[0] == pytest.approx(0, abs=1e-12)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    sharpness=st.floats(0, 6),
    loose=st.floats(1e-3, 10),
    tolerance=st.sampled_from([0.0, 1e-4, 0.002, 0.05, 0.5, 10.0]),
    temperature=st.sampled_from([0.3, 1.0, 1.0, 2.5]),
)
def test_the_bound_bounds(
    seed: int, sharpness: float, loose: float, tolerance: float, temperature: float
) -> None:
    readout = Decimals(scale=Scale(1, 3), decimals=1, temperature=temperature)
    model = Random(seed, sharpness, loose)
    reading = readout.read_tree(model, 2, tolerance=tolerance)
    for row in range(2):
        probs = [model.whole(row, answer) for answer in readout.answers]
        value, spread = naive(probs, [float(answer) for answer in readout.answers], temperature)
        assert abs(reading.value[row] - value) <= reading.error[row] + 1e-12
        assert reading.error[row] <= tolerance
        assert abs(reading.spread[row] - spread) <= reading.spread_error[row] + 1e-7
        outside = 1 - math.fsum(probs)
        assert reading.outside[row] - 1e-9 <= outside <= reading.outside[row] + reading.unread[row] + 1e-9
        if tolerance == 0:
            assert reading.unread[row] == 0
            assert reading.value[row] == pytest.approx(value, abs=1e-9)
            assert reading.spread[row] == pytest.approx(spread, abs=1e-6)
    assert reading.distribution.sum(axis=1) == pytest.approx(1, abs=1e-12)


def test_below_temperature_1_a_node_may_outweigh_its_even_share() -> None:
    # `a` ends at once and is worth 1; ten answers begin with `bx`, and all of it goes to the last, worth 3.
    # At T = .5 they weigh .25 and .25, where ten even shares of .05 would weigh .025 together.
    tree = AnswerTree.of_characters(["a", *(f"bx{i}" for i in range(10))])
    model = by_table(
        {"": {"a": 0.5, "b": 0.5}, "a": {"$": 1}, "b": {"x": 1}, "bx": {"9": 1}, "bx9": {"$": 1}}
    )
    values = np.array([1.0, *np.linspace(2.1, 3.0, 10)])
    for tolerance in (0.2, 0.9):
        reading = read_tree(tree, values, model, 1, tolerance=tolerance, temperature=0.5)
        assert abs(reading.value[0] - 2.0) <= reading.error[0] + 1e-12
        assert reading.error[0] <= tolerance


def test_two_decimals_agree_with_each_answer_scored_alone() -> None:
    readout = Decimals(scale=Scale(1, 5))
    model = Random(7, 2.0)
    reading = readout.read_tree(model, 2, tolerance=0)
    for row in range(2):
        probs = [model.whole(row, answer) for answer in readout.answers]
        value, spread = naive(probs, [float(answer) for answer in readout.answers])
        assert reading.value[row] == pytest.approx(value, abs=1e-10)
        assert reading.spread[row] == pytest.approx(spread, abs=1e-8)
        wanted = [p / math.fsum(probs) for p in probs]
        assert reading.distribution[row].tolist() == pytest.approx(wanted, abs=1e-12)
        assert reading.outside[row] == pytest.approx(1 - math.fsum(probs), abs=1e-12)
    whole = readout.read(np.log([[model.whole(row, a) for a in readout.answers] for row in range(2)]))
    assert whole.value.tolist() == pytest.approx(reading.value.tolist(), abs=1e-10)


@settings(max_examples=30)
@given(st.floats(1.2, 4.8), st.floats(0.02, 0.3))
def test_a_sharp_belief_is_read_from_few_nodes(mean: float, std: float) -> None:
    readout = Decimals(scale=Scale(1, 5))
    belief = np.exp(-0.5 * ((readout.values - mean) / std) ** 2)
    belief /= belief.sum()
    with np.errstate(divide="ignore"):
        ask = readout.characters.next_of(np.log(belief)[None])
    reading = readout.read_tree(ask, 1)
    assert abs(reading.value[0] - (belief * readout.values).sum()) <= reading.error[0] + 1e-12
    assert reading.error[0] <= 0.002
    # Twelve standard deviations of hundredths, and the way to them.
    assert reading.n_asked[0] <= 6 * std * 2 * 100 + 30


def test_rounds_are_as_many_as_an_answer_is_long() -> None:
    model = Random(3, 1.0)
    Decimals(scale=Scale(1, 5)).read_tree(model, 5, tolerance=0)
    assert model.n_calls == 5  # after the stem, the digit, the point, the tenths, the hundredths


@settings(max_examples=25)
@given(st.integers(0, 500), st.integers(2, 4))
def test_a_row_is_read_alike_alone_and_among_others(seed: int, n: int) -> None:
    readout = Decimals(scale=Scale(1, 3), decimals=1)
    model = Random(seed, 2.0)
    together = readout.read_tree(model, n)
    for row in range(n):

        def alone(asks, row=row):
            return [[math.log(model.probs(row, a.path)[piece]) for piece in a.following] for a in asks]

        one = readout.read_tree(alone, 1)
        assert one.value[0] == together.value[row]
        assert one.error[0] == together.error[row]
        assert one.n_asked[0] == together.n_asked[row]
        assert one.distribution[0].tolist() == together.distribution[row].tolist()


def test_pieces_of_joined_digits_give_the_same() -> None:
    # A tokenizer that knows "3." and "98" as one piece each; the model is one over characters.
    readout = Decimals(scale=Scale(1, 5))
    model = Random(11, 2.0)
    spelt: dict[int, str] = {}

    def piece(text: str) -> int:
        spelt[int.from_bytes(text.encode(), "big")] = text
        return int.from_bytes(text.encode(), "big")

    joined = AnswerTree([[piece(answer[:2]), piece(answer[2:])] for answer in readout.answers])
    assert len(joined) == 5 + 401

    def ask(asks):
        found = []
        for one in asks:
            before = "".join(spelt[p] for p in one.path)
            logs = []
            for following in one.following:
                path, told = tuple(map(ord, before)), 1.0
                for character in [END] if following == END else map(ord, spelt[following]):
                    told *= model.probs(one.row, path)[character]
                    path = (*path, character)
                logs.append(math.log(told))
            found.append(logs)
        return found

    split = readout.read_tree(model, 1, tolerance=0)
    assert readout.read_tree(ask, 1, tree=joined, tolerance=0).value[0] == pytest.approx(
        split.value[0], abs=1e-9
    )


def test_nothing_possible_and_nan_have_no_value() -> None:
    readout = Decimals(scale=Scale(1, 3), decimals=1)
    nowhere = readout.read_tree(by_table({"": {"9": 1.0}}), 1)
    assert np.isnan([nowhere.value[0], nowhere.spread[0], nowhere.error[0]]).all()
    assert nowhere.outside[0] == 1
    broken = readout.read_tree(lambda asks: [[math.nan] * len(a.following) for a in asks], 1)
    assert np.isnan([broken.value[0], broken.error[0], broken.outside[0]]).all()
    assert nowhere.top.tolist() == [[-1, -1]]
    assert nowhere.neighbours.tolist() == [False]


def test_whatever_the_tolerance_something_is_read() -> None:
    model = by_table({"": {"1": 0.2, "2": 0.8}})
    reading = Decimals(scale=Scale(1, 3), decimals=1).read_tree(model, 1, tolerance=100)
    assert reading.n_asked[0] == 1
    assert reading.value[0] == pytest.approx(0.2 * 1.45 + 0.8 * 2.45)
    assert reading.unread[0] == pytest.approx(1)


def test_no_rows_and_wrong_answers() -> None:
    readout = Decimals(scale=Scale(1, 3), decimals=1)
    assert readout.read_tree(Random(0), 0).value.shape == (0,)
    with pytest.raises(InputError, match="1 asks for next pieces were answered in another number or shape"):
        readout.read_tree(lambda asks: [[0.0]], 1)
    with pytest.raises(InputError, match="tolerance must be a number from 0 up, not -1"):
        readout.read_tree(Random(0), 1, tolerance=-1)
    with pytest.raises(InputError, match="tolerance must be a number from 0 up, not nan"):
        readout.read_tree(Random(0), 1, tolerance=math.nan)
    with pytest.raises(InputError, match="the tree has 2 answers; read-out has 21"):
        readout.read_tree(Random(0), 1, tree=AnswerTree.of_characters(["1", "2"]))
    with pytest.raises(InputError, match=r"probabilities of row 0 add up to 2.*not logits"):
        readout.read_tree(by_table({"": {"1": 1.0, "2": 1.0}}), 1, tolerance=10)


@pytest.mark.parametrize("pieces", [[[1], []], [[1, 2], [1, 2]]])
def test_answers_need_pieces_of_their_own(pieces: list[list[int]]) -> None:
    with pytest.raises(InputError, match="answer 1 has no pieces of its own"):
        AnswerTree(pieces)


@given(st.integers(0, 3000), st.floats(0, 5), st.floats(1e-3, 10))
def test_greedy_takes_the_best_piece_each_time(seed: int, sharpness: float, loose: float) -> None:
    model = Random(seed, sharpness, loose)
    readout = Decimals(scale=Scale(1, 3), decimals=1)
    values, found = readout.greedy(model, 1)
    path: tuple[int, ...] = ()
    for piece in [*map(ord, f"{values[0]:.1f}"), END]:
        spelt = "".join(map(chr, path))
        inside = [a for a in readout.answers if a.startswith(spelt)]
        options = {END if a == spelt else ord(a[len(spelt)]) for a in inside}
        probs = model.probs(0, path)
        # Probabilities a rounding apart are one: they may swap places as logarithms.
        assert probs[piece] >= max(probs[option] for option in options) * (1 - 1e-12)
        if found.is_certain[0]:
            assert probs[piece] >= max(*probs.values(), 1 - math.fsum(probs.values())) * (1 - 1e-12)
        path = (*path, piece)


def test_greedy_has_no_answer_where_none_is_possible() -> None:
    values, found = Decimals(scale=Scale(1, 3), decimals=1).greedy(by_table({"": {"1": 1.0}}), 1)
    assert math.isnan(values[0])
    assert found.answers[0] == -1
    assert not found.is_certain[0]


@given(st.lists(st.floats(1e-6, 1), min_size=21, max_size=21))
def test_next_pieces_of_whole_answers_multiply_back(weights: list[float]) -> None:
    assume(sum(weights) > 0)
    tree = Decimals(scale=Scale(1, 3), decimals=1).characters
    shares = np.array(weights) / (sum(weights) * 1.25)
    ask = tree.next_of(np.log(shares)[None])
    values = np.linspace(1, 3, 21)
    reading = Decimals(scale=Scale(1, 3), decimals=1).read_tree(ask, 1, tolerance=0)
    assert reading.value[0] == pytest.approx((shares * values).sum() / shares.sum(), abs=1e-9)
    assert decode(tree, ask, 1).answers[0] >= 0
