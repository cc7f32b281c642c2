"""A run whose model would mostly have said something else is told, by aspect, in numbers of pictures."""

from __future__ import annotations

from collections.abc import Iterator

from visq.core.scales import MOS
from visq.core.types import Row, Score
from visq.scoring.outside import mostly_outside


class Rows:
    """A table of two aspects and three pictures."""

    aspects = ("quality", "aesthetics", "sharpness")

    @property
    def rows(self) -> Iterator[Row]:
        for k, outside in enumerate([0.9, 0.5, 0.51]):
            scores = {
                "quality": Score(3.0, None, None, MOS, {}, None, outside),
                "aesthetics": Score(3.0, None, None, MOS, {}, None, None),
                "sharpness": Score(3.0, None, None, MOS, {}, None, 0.1),
            }
            yield Row(str(k), str(k), "ok", scores=scores)
        yield Row("3", "3", "failed", error="empty", kind="empty")


def test_pictures_with_more_than_half_outside_are_counted() -> None:
    assert mostly_outside(Rows()) == {"quality": 2}  # type: ignore[arg-type]
