"""Tiny chat models whose tokenizers are the real ones of Qwen2 and of Llama. For tests only.

The files lie in ../shared, compressed or in a format of their own; what is made of them stays in temporary
folders.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny_chat


def qwen2_files(shared: Path, folder: Path) -> Path:
    """The tokenizer's folder, unpacked, without the model's settings."""
    folder.mkdir()
    source = shared / "tokenizers" / "qwen2"
    for name in ("vocab.json", "merges.txt"):
        (folder / name).write_bytes(gzip.decompress((source / f"{name}.gz").read_bytes()))
    for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
        shutil.copyfile(source / name, folder / name)
    return folder


def qwen2_vl(shared: Path, folder: Path) -> Path:
    """A tiny Qwen2-VL with the tokenizer, the chat template and the ends of turn of the real one."""
    from transformers import AutoTokenizer

    source = shared / "tokenizers" / "qwen2"
    tokenizer = AutoTokenizer.from_pretrained(qwen2_files(shared, folder.with_name("files")))
    template = json.loads((source / "chat_template.json").read_text(encoding="utf-8"))["chat_template"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_chat, "bytes_tokenizer", lambda *_: tokenizer)
        patch.setattr(tiny_chat, "QWEN_TEMPLATE", template)
        tiny_chat.qwen2_vl(folder)
    ends = json.loads((source / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"]
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": ends}))
    return folder


def llava(shared: Path, folder: Path) -> Path:
    """A tiny LLaVA with Llama's tokenizer and a token for pictures after its 32,000."""
    from transformers import LlamaTokenizer

    pieces = sentencepieces((shared / "tokenizers" / "llama" / "tokenizer.model").read_bytes())
    vocabulary = {piece: token for token, piece in enumerate(pieces)}
    merges = [
        (piece[:k], piece[k:])
        for piece in pieces
        for k in range(1, len(piece))
        if piece[:k] in vocabulary and piece[k:] in vocabulary
    ]
    # A folder as hubs hold it has `tokenizer.json`: to read `tokenizer.model` takes a package more.
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges, add_bos_token=True, legacy=False)
    tokenizer.add_special_tokens({"pad_token": "<pad>", "additional_special_tokens": ["<image>"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_chat, "pieces_tokenizer", lambda: tokenizer)
        tiny_chat.llava(folder)
    return folder


def sentencepieces(model: bytes) -> list[str]:
    """Pieces of a SentencePiece model in the order of their ids: field 1 of each field 1 of the message."""
    return [_field(piece, 1).decode("utf-8") for number, piece in _fields(model) if number == 1]


def _field(message: bytes, wanted: int) -> bytes:
    return next(content for number, content in _fields(message) if number == wanted)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and contents of the fields of a Protocol Buffers message."""
    at = 0
    while at < len(message):
        key, at = _whole_number(message, at)
        if key & 7 == 0:
            content, at = _whole_number(message, at)
        else:
            size, at = (4, at) if key & 7 == 5 else (8, at) if key & 7 == 1 else _whole_number(message, at)
            content, at = message[at : at + size], at + size
        yield key >> 3, content


def _whole_number(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a byte, seven bits a byte, and where the next thing begins."""
    value = shift = 0
    while message[at] >= 128:
        value |= (message[at] & 127) << shift
        shift, at = shift + 7, at + 1
    return value | message[at] << shift, at + 1
