"""A chat model is checked in the words, and with the picture in the place, that it is scored with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("fault", ["sees", "plain"])
def test_a_model_that_transformers_does_not_know_like_that_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    from visq.backbones import chat_proof_torch

    opened = open_model(str(qwen2_vl(tmp_path / "qwen")), Wanted(), Machine(), 1)
    good = chat_proof_torch.Proof(sees=True, plain=0.0, batched=0.0, tolerance=0.01)
    found = replace(good, sees=False) if fault == "sees" else replace(good, plain=1.0)
    monkeypatch.setattr(chat_proof_torch, "prove", lambda *_: found)
    report = check_chat(opened, "qwen")

    assert not report.passed
    assert report.lines[-1].startswith("FAILED")
