"""A chat model is checked in the words, and with the picture in the place, that it is scored with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiny_chat import qwen2_vl
from visq.aspects import aspect
from visq.core.types import Prompted
from visq.scoring.asked import Wanted
from visq.scoring.check_chat import check_chat
from visq.scoring.model import Machine, open_model

pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.mark.parametrize(
    ("name", "picture_first", "read"),
    [
        ("deqa", False, "reads for quality, after 'The quality of the image is': bad = ' bad' ("),
        ("realqa", True, ", 397 more, 4.99 = "),
    ],
)
def test_a_model_is_checked_as_it_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, picture_first: bool, read: str
) -> None:
    opened = open_model(str(qwen2_vl(tmp_path / f"{name}-tiny")), Wanted(), Machine(), 1)
    chat: Any = opened.backbone
    right = chat.answers_each
    asked: list[Prompted] = []

    def noted(batch: Any, answers: Any) -> Any:
        asked.extend(batch)
        return right(batch, answers)

    monkeypatch.setattr(chat, "answers_each", noted)
    report = check_chat(opened, name)

    assert report.passed
    assert {one.question for one in asked} == {
        aspect(one.aspect.name, name).questions[0] for one in opened.asked
    }
    text = chat._prompter.text(asked[0])
    question, picture = text.index(asked[0].question), text.index("<|image_pad|>")
    assert (picture < question) == picture_first
    assert any(line.startswith("reads for quality") and read in line for line in report.lines)
    assert any(f"asked in the words of {name}, by the model's name" in line for line in report.lines)


@pytest.mark.parametrize(
    ("flaws", "differences", "line"),
    [
        (("it says the same of every picture",), (0.0, 0.0), "FAILED it says the same of every picture"),
        ((), (0.02, 0.0), "FAILED batched: differs by 0.02 (may 0.01)"),
        ((), (0.0, 0.02), "FAILED plain: differs by 0.02 (may 0.01)"),
    ],
)
def test_a_model_that_fails_its_proof_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flaws: Any, differences: Any, line: str
) -> None:
    from visq.backbones import chat_proof_torch

    opened = open_model(str(qwen2_vl(tmp_path / "qwen")), Wanted(), Machine(), 1)
    compared = [
        chat_proof_torch.Compared(about, difference, 0.01)
        for about, difference in zip(("batched", "plain"), differences, strict=True)
    ]
    proof = chat_proof_torch.Proof(flaws, tuple(compared))
    monkeypatch.setattr(chat_proof_torch, "prove", lambda *_: proof)
    report = check_chat(opened, "qwen")

    assert not report.passed
    assert [one for one in report.lines if one.startswith("FAILED")] == [line]


def test_a_model_whose_scores_hang_on_their_batch_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_model(str(qwen2_vl(tmp_path / "qwen")), Wanted(), Machine(), 1)
    chat: Any = opened.backbone
    right = chat.answers_each

    def crowded(batch: Any, answers: Any) -> Any:
        found = right(batch, answers)
        return [row - 0.2 * (len(batch) > 1) * np.arange(len(row)) for row in found]

    monkeypatch.setattr(chat, "answers_each", crowded)
    report = check_chat(opened, "qwen")

    assert not report.passed
    (line,) = (one for one in report.lines if one.startswith("FAILED"))
    assert line.startswith("FAILED alone against a batch of ")
