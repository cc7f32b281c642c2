"""Tells scores that say little: the model would mostly have said something else. Knows a table's rows."""

from __future__ import annotations

from collections import Counter

from visq.scoring.table import Table

_HALF = 0.5  # of the probability: what was asked for is then less likely than what was not


def mostly_outside(table: Table) -> dict[str, int]:
    """Aspect -> in how many pictures over half of the probability is on no answer; lacks those with none."""
    found: Counter[str] = Counter()
    for row in table.rows:
        found.update(name for name, score in row.scores.items() if (score.outside or 0.0) > _HALF)
    return {name: found[name] for name in table.aspects if found[name]}
