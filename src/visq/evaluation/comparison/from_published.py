"""Two published figures read again: intervals, plausible p-values, pictures needed. Knows numbers only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from visq.core.errors import InputError
from visq.core.version import __version__
from visq.evaluation.runs.folder import without_nan
from visq.evaluation.statistics.intervals import Interval, bonett_wright, fisher_z
from visq.evaluation.statistics.published import (
    PLAUSIBLE,
    Correlation,
    pictures_needed,
    published_difference,
    verdict,
)

FORMAT = 1
INTERVALS: Mapping[str, Callable[[float, int], Interval]] = {"srcc": bonett_wright, "plcc": fisher_z}


def compare_published(
    figures: Mapping[str, float],
    n: int,
    *,
    statistic: Correlation = "srcc",
    rho_between: Sequence[float] = PLAUSIBLE,
) -> dict[str, Any]:
    """What two figures published for the same n pictures say about who is better.

    Args:
        figures: two names -> figure, -1..1.
        n: pictures, the same ones for both; groups among them are not known and make p too small.
        statistic: `srcc` (interval of Bonett and Wright) or `plcc` (Fisher's z).
        rho_between: -1..1, correlations between the two scorers to try, since it is never published.

    Returns:
        Values that JSON holds: figures with interval, p and pictures needed for each correlation between the
        scorers (None where the three cannot occur together), and the verdict.

    Raises:
        InputError: not two figures, n below 1, a correlation outside -1..1, or an unknown statistic.

    Source:
        Bonett and Wright 2000; Meng, Rosenthal and Rubin 1992; see `visq.evaluation.statistics.published`.

    Example:
        >>> found = compare_published({"A": 0.7288, "B": 0.6557}, 41, rho_between=[0.7])
        >>> found["verdict"]
        'n = 41: cannot tell .729 from .656; about 500 pictures needed'
        >>> round(found["figures"]["B"]["low"], 3), round(found["between"][0]["p"], 2)
        (0.409, 0.43)
    """
    if len(figures) != 2:
        raise InputError(f"published figures are compared two at a time, not {len(figures)}")
    if n < 1 or not rho_between:
        raise InputError(f"no comparison of figures over {n} pictures and {len(rho_between)} correlations")
    for name, r in figures.items():
        if not -1 <= r <= 1:
            raise InputError(f"a correlation lies in -1..1; {name!r} is given as {r:g}")
    if statistic not in INTERVALS:
        raise InputError(f"published figures are {' or '.join(INTERVALS)}, not {statistic!r}")
    (a, r_a), (b, r_b) = figures.items()
    interval = INTERVALS[statistic]
    found = published_difference(r_a, r_b, n, tuple(rho_between), statistic=statistic)
    whole: dict[str, Any] = without_nan(
        {
            "format": FORMAT,
            "kind": "published-comparison",
            "visq": __version__,
            "statistic": statistic,
            "n": n,
            "figures": {name: _figure(interval(r, n), r) for name, r in figures.items()},
            "a": a,
            "b": b,
            "difference": r_a - r_b,
            "between": [_at(r_a, r_b, n, rho, statistic) for rho in found.rho_between],
            "verdict": verdict(found),
        }
    )
    return whole


def _figure(interval: Interval, value: float) -> dict[str, Any]:
    return {"value": value, "low": interval.low, "high": interval.high, "method": interval.method}


def _at(r_a: float, r_b: float, n: int, rho: float, statistic: Correlation) -> dict[str, Any]:
    """The test and the pictures needed, were the scorers to correlate rho."""
    found = published_difference(r_a, r_b, n, rho, statistic=statistic)
    needed = pictures_needed(found)
    return {"rho": rho, "p": found.p_values[0], "pictures_needed": needed[0] if needed else None}
