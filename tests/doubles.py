"""Stands in for a table of any content, so that a report can be made of scores no model would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from visq.core.scales import LEVEL_WORDS, MOS, Scale
from visq.core.types import Row, Score

HOSTILE = [
    "<script>alert(1)</script>.jpg",
    '"><img src=x onerror=alert(1)>.jpg',
    "' onmouseover='alert(1).jpg",
    "two\nlines.jpg",
    "</script><script>alert(1)</script>.jpg",
    "<!--<script>.jpg",
    "sep\u2028arator\u2029.jpg",
    "evil\u202egpj.exe",
    "{{7*7}}{% raw %}.jpg",
    "&lt;b&gt;.jpg",
    "lone\udcff.jpg",
    "long-" * 80 + ".jpg",
    "http://example.org/a.jpg",
]


class Rows:
    """Rows held in memory, with the face of a table."""

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        aspects: Sequence[str] = ("quality",),
        scale: str = "1..5",
        command: str | None = "visq score pictures",
    ) -> None:
        self._rows = list(rows)
        self.identity: Mapping[str, object] = {
            "model": "mini",
            "model_hash": "3c" * 32,
            "readout": "levels",
            "preprocessing": "srgb;squash320-bicubic",
            "runtime": "onnxruntime",
            "version": "0.1.0",
            "aspects": list(aspects),
            "scale": scale,
        }
        self.calibration: Mapping[str, str] = {}
        self.command = command

    @property
    def rows(self) -> Iterator[Row]:
        return iter(self._rows)


def score(
    value: float, *, half: float | None = 0.5, scale: Scale = MOS, words: Sequence[str] = LEVEL_WORDS
) -> Score:
    low, high = (
        (None, None) if half is None else (max(scale.low, value - half), min(scale.high, value + half))
    )
    return Score(value, low, high, scale, dict.fromkeys(words, 1 / len(words)), 0.4, None)


def failed(name: str, error: str = "empty file: 0 bytes") -> Row:
    return Row(name, name, "failed", error=error, kind="empty")
