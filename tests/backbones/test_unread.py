"""Chat models of every family and mini, where a question lets answers go unread, against all answers read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tiny_causal import SIDE, tiny_folder
from tiny_chat import FAMILIES
from visq.backbones.chat import Chat
from visq.backbones.chat_options import ChatOptions
from visq.backbones.folder import find_model
from visq.backbones.mini_causal import MiniCausal
from visq.backbones.opening import Opening
from visq.core.scales import Scale
from visq.core.types import Prompted
from visq.readouts.decimals import Decimals

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

READOUT = Decimals(scale=Scale(1, 10), decimals=1, tolerance=0.09)
"""91 answers, 1.0 to 10.0, whose tokens make a tree of 10 + 10 + 91 nodes; 1 % may go unread."""

QUESTION = "Rate the aesthetics of this picture from 1 to 10."
LEVELS = ("bad", "poor", "fair", "good", "excellent")


def tolerance(name):
    """As in test_chat.py; a sharpened head makes as much more of rounding as of everything."""
    return 1e-2 if name == "qwen3_5" else 1e-3


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    @cache
    def make(name, way="auto"):
        if way != "auto":
            return Chat(folder(name), ChatOptions(way=way, tokens=2000))
        return Chat(folder(name))

    @cache
    def folder(name):
        return FAMILIES[name](tmp_path_factory.mktemp("chat") / name)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    yield make
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def batch():
    """Three pictures of other shapes, one of them asked in two ways."""
    rng = np.random.default_rng(4)
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((40, 64), (70, 31), (33, 33))]
    asked = [
        Prompted(pixels, "quality", QUESTION, "Rating Level: ", unread=READOUT.unread) for pixels in pictures
    ]
    return [*asked, replace(asked[0], question="Is it true or not?")]


@contextmanager
def sharpened(chat, by):
    """Its logits are so many times as large: 0 makes all tokens alike."""
    head = chat._network._head
    kept = head.weight.detach().clone()
    with torch.no_grad():
        head.weight.mul_(by)
        try:
            yield
        finally:
            head.weight.copy_(kept)


def ask(backbone, batch, answers=READOUT.answers):
    return np.array(backbone.answers_each(batch, [answers] * len(batch)), dtype=np.float64)


def whole(batch):
    return [replace(asked, unread=0.0) for asked in batch]


def expect_bound(found, exact, told, atol):
    """What was read is as ever, and what was not weighs as little as was asked for."""
    left = found == -np.inf
    np.testing.assert_allclose(found[~left], exact[~left], atol=atol)
    for row in range(len(found)):
        most = READOUT.unread * np.exp(found[row][~left[row]]).sum()
        assert np.exp(told[row][left[row]]).sum() <= most * (1 + 10 * atol)
        likeliest = told[row][left[row]].max(initial=-np.inf)
        assert likeliest <= told[row][~left[row]].min() + 2 * atol
    moved = READOUT.read(found).value - READOUT.read(exact).value
    assert np.abs(moved).max() <= 0.09 + 10 * atol


@pytest.mark.parametrize("name", FAMILIES)
def test_likely_answers_are_read_in_every_way_and_the_rest_is_bounded(world, batch, name):
    chat = world(name)
    with sharpened(chat, 4):
        found, exact = ask(chat, batch), ask(chat, whole(batch))
        told = ask(chat, [replace(asked, end=None) for asked in batch])
    expect_bound(found, exact, told, tolerance(name))
    assert (found == -np.inf).sum() > found.size / 3  # else it would be no test
    assert (READOUT.read(found).outside >= READOUT.read(exact).outside - 1e-9).all()
    for way in ("rows", "whole"):
        other = world(name, way)
        with sharpened(other, 4):
            np.testing.assert_allclose(ask(other, batch), found, atol=tolerance(name))


@pytest.mark.parametrize("name", FAMILIES)
def test_which_are_read_hangs_on_the_question_alone(world, batch, name):
    chat = world(name)
    pair = replace(batch[1], more=(batch[2].pixels,))
    # One whose answers are all read, and one about other words, in the same pass.
    mixed = [*batch, whole(batch)[2], pair, replace(batch[0], stem="It is", unread=0.0)]
    answers = [READOUT.answers] * 6 + [LEVELS]
    with sharpened(chat, 4):
        together = chat.answers_each(mixed, answers)
        alone = [chat.answers_each([one], [words])[0] for one, words in zip(mixed, answers, strict=True)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance(name))
    assert [bool(np.isfinite(one).all()) for one in together[4:]] == [True, False, True]


@pytest.mark.parametrize("name", FAMILIES)
def test_where_all_is_alike_all_is_read(world, batch, name):
    chat = world(name)
    short = READOUT.answers[:-1]  # 10.0 has a token more, and so is less likely
    with sharpened(chat, 0):
        np.testing.assert_allclose(ask(chat, batch, short), ask(chat, whole(batch), short), atol=1e-6)


def passes(chat, monkeypatch):
    """Tokens of every run that goes on from the beginnings, and how many pictures were looked at."""
    runs, looks = [], []
    plain = chat._network._run

    def run(inputs, places):
        (looks if "pixel_values" in inputs else runs).append(inputs["input_ids"].shape)
        return plain(inputs, places)

    monkeypatch.setattr(chat._network, "_run", run)
    return runs, looks


def test_beginnings_run_once_for_all_passes_and_inner_nodes_first(world, batch, monkeypatch):
    chat = world("qwen2_vl")
    with sharpened(chat, 4):
        runs, looks = passes(chat, monkeypatch)
        ask(chat, batch[:1])
        first, *more = runs
        own = first[1] - 20  # the question's last tokens; then 10 digits and 10 points
        assert own in range(1, 10)
        assert len(looks) == 1
        assert 1 <= len(more) <= 2
        assert sum(t for _, t in more) < 111 / 2
        runs.clear()
        ask(chat, whole(batch[:1]))
        assert runs == [(1, own + 111)]


def test_ends_that_are_rare_open_more(world, batch, monkeypatch):
    """A first guess takes every end for certain; here they are not, so that more has to be read."""
    chat, asked = world("qwen2_vl"), batch[:1]
    read = []
    plain = Opening.add
    monkeypatch.setattr(
        Opening, "add", lambda self, numbers, logs: read.append(list(numbers)) or plain(self, numbers, logs)
    )
    with sharpened(chat, 4):
        told = ask(chat, [replace(one, end=None) for one in asked])[0]
        found = ask(chat, asked)[0]
    assert len(read) == 2
    unopened = np.setdiff1d(np.arange(len(told)), read[0])
    after_one = np.exp(found[read[0]]).sum()
    assert np.exp(told[unopened]).sum() > READOUT.unread * after_one  # stopping there would break the bound


def test_memory_that_ends_in_the_second_pass_halves_the_batch(world, batch, monkeypatch):
    chat = world("llava")
    with sharpened(chat, 4):
        wanted = ask(chat, batch)
        plain, refused = chat._network._run, []

        def run(inputs, places):
            after = len(runs_after) if "pixel_values" not in inputs else runs_after.clear() or 0
            runs_after.append(after)
            if "pixel_values" not in inputs and after == 2 and len(inputs["input_ids"]) > 1:
                refused.append(len(inputs["input_ids"]))
                raise torch.OutOfMemoryError("CUDA out of memory")
            return plain(inputs, places)

        runs_after: list[int] = []
        monkeypatch.setattr(chat._network, "_run", run)
        found = ask(chat, batch)
    np.testing.assert_allclose(found, wanted, atol=tolerance("llava"))
    assert refused


def test_equal_questions_that_leave_other_shares_or_end_otherwise_are_two(world, batch):
    chat = world("qwen2_vl")
    one = batch[0]
    asked = [replace(one, unread=1e6), one, replace(one, unread=0.0), replace(one, end=None)]
    with sharpened(chat, 4):
        found = ask(chat, asked)
        alone = np.concatenate([ask(chat, [one]) for one in asked])
    assert len({row.tobytes() for row in found}) == 4
    np.testing.assert_allclose(found, alone, atol=tolerance("qwen2_vl"))


POINTED = ("1", "1.0", "2", "2.0", "3")
"""`1` does not end with the full stop that `1.0` goes on with, though `1.0` be left unread."""


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_exclude_each_other_where_some_are_unread(world, batch, name):
    chat, asked = world(name), replace(batch[0], unread=1.0)
    with sharpened(chat, 1):
        (found,), (exact,) = (chat.answers_each(one, [POINTED]) for one in ([asked], whole([asked])))
    read = np.isfinite(found)
    assert 0 < read.sum() < len(POINTED)
    np.testing.assert_allclose(found[read], exact[read], atol=tolerance(name))


def test_a_question_is_tokenised_once_for_many_calls(world, batch, monkeypatch):
    chat, tokenised = world("qwen2_vl"), []
    plain = chat._prompter.wording
    monkeypatch.setattr(chat, "_wordings", {})
    monkeypatch.setattr(
        chat._prompter,
        "wording",
        lambda asked, words: tokenised.extend(words) or plain(asked, words),
    )
    words = [(str(n), f"{n}.5") for n in range(66)]
    first = [chat.answers_each(batch[:1], [some])[0] for some in words]
    assert len(tokenised) == 2 * 66
    again = [chat.answers_each(batch[:1], [some])[0] for some in words[-3:]]
    assert len(tokenised) == 2 * 66
    np.testing.assert_array_equal(again, first[-3:])
    chat.answers_each(batch[:1], words[:1])  # the oldest are forgotten
    assert len(tokenised) == 2 * 67
    assert len(chat._wordings) == 64


# --- mini ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini")
    tiny_folder(folder)
    backbone = MiniCausal(find_model(str(folder)), threads=2)
    yield backbone
    backbone.close()


@pytest.fixture(scope="module")
def asked_mini():
    rng = np.random.default_rng(6)
    pictures = rng.integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
    return [Prompted(one, "quality", QUESTION, "Rating Level: ", unread=READOUT.unread) for one in pictures]


def sharpen_mini(mini, by, monkeypatch):
    """As `sharpened`; returns the sizes of the trees that are run."""
    sizes = []
    plain = mini._next

    def after(tree, visual):
        sizes.append(len(tree.ids))
        logs = by * plain(tree, visual)
        return logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)

    monkeypatch.setattr(mini, "_next", after)
    return sizes


def test_mini_reads_the_likely_ones_and_bounds_the_rest(mini, asked_mini, monkeypatch):
    sizes = sharpen_mini(mini, 3, monkeypatch)
    found = ask(mini, asked_mini)
    ran = sum(sizes)
    sizes.clear()
    exact = ask(mini, whole(asked_mini))
    assert len(sizes) == 3
    told = ask(mini, [replace(asked, end=None) for asked in asked_mini])
    expect_bound(found, exact, told, 1e-5)
    assert (found == -np.inf).sum() > found.size / 3
    assert ran > 0
    alone = np.concatenate([ask(mini, [asked]) for asked in asked_mini])
    assert np.array_equal(found, alone)


def test_mini_reads_all_where_all_is_alike(mini, asked_mini, monkeypatch):
    sharpen_mini(mini, 0, monkeypatch)
    short = READOUT.answers[:-1]
    np.testing.assert_allclose(ask(mini, asked_mini, short), ask(mini, whole(asked_mini), short), atol=1e-6)


def test_mini_answers_exclude_each_other_where_some_are_unread(mini, asked_mini):
    asked = replace(asked_mini[0], unread=1.0)
    (found,), (exact,) = (mini.answers_each(one, [POINTED]) for one in ([asked], whole([asked])))
    read = np.isfinite(found)
    assert 0 < read.sum() < len(POINTED)
    np.testing.assert_allclose(found[read], exact[read], atol=1e-5)
