import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visq.backbones.tree import barred, grow, n_nodes

STOPS = (8, 9)
N_WORDS = 10

_answer = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


def _model(ids: list[int]) -> np.ndarray:
    """Log-probabilities after a sequence: any numbers that depend on every token before."""
    logits = np.random.default_rng(ids).normal(size=N_WORDS)
    return logits - np.log(np.exp(logits).sum())


def _alone(prompt: list[int], answer: tuple[int, ...], *, ended: bool = True) -> float:
    total, ids = 0.0, list(prompt)
    for token in answer:
        total += _model(ids)[token]
        ids.append(token)
    return total + (np.logaddexp(*(_model(ids)[stop] for stop in STOPS)) if ended else 0.0)


def _path(tree, row: int) -> list[int]:
    """The tokens a node sees, by its own mask, in the order of their positions."""
    seen = np.flatnonzero(tree.allowed[row])
    return tree.ids[seen[np.argsort(tree.positions[seen])]].tolist()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.lists(_answer, min_size=1, max_size=6))
def test_a_tree_gives_what_each_answer_alone_gives(prompt, answers):
    tree = grow(prompt, answers)
    found = np.stack([_model(_path(tree, row)) for row in tree.at])

    np.testing.assert_allclose(
        tree.logprobs(found, STOPS, barred(answers, STOPS)),
        [_alone(prompt, answer) for answer in answers],
        rtol=1e-12,
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.lists(_answer, min_size=1, max_size=6))
def test_beginnings_are_their_tokens_alone_and_last_tokens_are_not_run(prompt, answers):
    tree = grow(prompt, answers, ended=False)
    found = np.stack([_model(_path(tree, row)) for row in tree.at])

    wanted = [_alone(prompt, answer, ended=False) for answer in answers]
    np.testing.assert_allclose(tree.logprobs(found, (), barred(answers, ())), wanted, rtol=1e-12)
    inner = {answer[:k] for answer in answers for k in range(1, len(answer))}
    assert len(tree.ids) == len(prompt) + len(inner)
    assert len(grow(prompt, answers).ids) == len(prompt) + n_nodes(answers)


@given(st.lists(_answer, min_size=1, max_size=6))
def test_beginnings_that_answers_share_stand_once(answers):
    tree = grow([7], answers)
    beginnings = {answer[:k] for answer in answers for k in range(1, len(answer) + 1)}

    assert len(tree.ids) == 1 + len(beginnings)


def test_an_answer_does_not_end_with_what_another_goes_on_with():
    answers = [(1,), (1, 8), (1, 8, 2)]
    found = np.log(np.full((4, N_WORDS), 0.1))

    told = grow([7], answers).logprobs(found, STOPS, barred(answers, STOPS))
    assert np.exp(told) == pytest.approx([0.1 * 0.1, 0.01 * 0.2, 0.001 * 0.2])


def test_it_does_not_end_so_where_the_other_is_not_in_its_tree_either():
    answers = [(1,), (1, 8), (1, 8, 2)]
    found = np.log(np.full((2, N_WORDS), 0.1))

    told = grow([7], answers[:1]).logprobs(found, STOPS, barred(answers, STOPS)[:1])
    assert np.exp(told) == pytest.approx([0.1 * 0.1])


def test_one_and_ten_are_different_answers():
    tree = grow([7], [(1,), (1, 0)])
    found = np.full((3, N_WORDS), -50.0)
    found[0, 1] = np.log(0.9)  # "1"
    found[1, 8], found[1, 0] = np.log(0.2), np.log(0.8)  # after it the end, or "0"
    found[2, 9] = np.log(1.0)

    told = tree.logprobs(found, STOPS, barred([(1,), (1, 0)], STOPS))
    assert np.exp(told) == pytest.approx([0.18, 0.72])


def test_an_answer_without_its_end_has_no_probability():
    tree = grow([7], [(1,)])
    found = np.full((2, N_WORDS), -50.0)
    found[0, 1] = 0.0

    assert tree.logprobs(found, STOPS, [frozenset()])[0] < -49
