"""Format `idealo`: lists of ten vote counts, as idealo's NIMA reads them. Knows keys; opens no file.

Source: idealo/image-quality-assessment, data/AVA/*.json: [{"image_id", "label": [count of 1s, ..., count of
10s]}].
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.formats import Format, RecordError, brief, required, text_of


def matches(columns: Collection[str]) -> bool:
    """Exactly the two keys."""
    return set(columns) == {"image_id", "label"}


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image_id, score (mean vote), std (sample standard deviation, n - 1), n_ratings, votes."""
    votes = required(record, "label")
    try:
        counts = [float(count) for count in votes]
    except (TypeError, ValueError):
        counts = []
    if len(counts) != 10 or not all(math.isfinite(c) and c >= 0 for c in counts) or not sum(counts):
        raise RecordError(f"'label' is no list of ten counts of votes: {brief(votes)}")
    n = math.fsum(counts)
    mean = math.fsum(value * count for value, count in enumerate(counts, start=1)) / n
    squares = math.fsum(count * (value - mean) ** 2 for value, count in enumerate(counts, start=1))
    # Shares instead of counts (they add to 1) have a spread of the population, and no number of raters.
    are_counts = n > 1 and all(count == int(count) for count in counts)
    return {
        "image_id": text_of(record, "image_id"),
        "score": repr(mean),
        "std": repr(math.sqrt(squares / (n - 1 if are_counts else n))),
        "n_ratings": str(int(n)) if are_counts else "",
        "votes": json.dumps([int(c) if are_counts else c for c in counts]),
    }


FORMAT = Format(
    "idealo",
    "idealo: ten counts of votes a picture",
    matches,
    flat,
    ("image_id", "label"),
    names={"image_id": "image_id"},
)
