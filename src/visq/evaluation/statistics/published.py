"""Two correlations known only as published figures: can this many pictures tell them apart? Knows numbers.

The scorers were measured on the same pictures, so their errors go together; how much was not published, and
is therefore given as a range. Pictures count as independent: where they come in groups, p is too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from visq.core.errors import InputError
from visq.evaluation.statistics.differences import Difference

Correlation = Literal["srcc", "plcc"]

PLAUSIBLE = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Correlations between two scorers of the same pictures that are tried where none is given."""
MOST_PICTURES = 10**9
"""Beyond this many no number is named."""


@dataclass(frozen=True)
class PublishedDifference:
    """The test of two published correlations, for each correlation between the scorers that was tried.

    Attributes:
        r_a: -1..1, first figure, scorer against truth.
        r_b: second figure.
        n: pictures, the same for both.
        rho_between: correlations between the two scorers.
        p_values: two-sided, one for each of them; nan where the three correlations cannot occur together.
        statistic: what the correlations are.
    """

    r_a: float
    r_b: float
    n: int
    rho_between: tuple[float, ...]
    p_values: tuple[float, ...]
    statistic: Correlation = "srcc"

    @property
    def most_favourable(self) -> tuple[float, float]:
        """Correlation between the scorers and p-value where p is smallest; nan, nan where there is none."""
        return min(self._possible(), key=lambda pair: pair[1], default=(math.nan, math.nan))

    @property
    def least_favourable(self) -> tuple[float, float]:
        """Likewise where p is largest."""
        return max(self._possible(), key=lambda pair: pair[1], default=(math.nan, math.nan))

    def _possible(self) -> list[tuple[float, float]]:
        pairs = zip(self.rho_between, self.p_values, strict=True)
        return [(rho, p) for rho, p in pairs if not math.isnan(p)]


def published_difference(
    r_a: float,
    r_b: float,
    n: int,
    rho_between: float | Sequence[float] = PLAUSIBLE,
    *,
    statistic: Correlation = "srcc",
) -> PublishedDifference:
    """P-value of the difference of two published correlations on the same n pictures.

    Args:
        r_a: -1..1, correlation of the first scorer with the truth.
        r_b: of the second.
        n: pictures.
        rho_between: -1..1, correlation between the two scorers, or several that are plausible.
        statistic: what all of them are; `plcc` is Pearson's of the raw scores.

    Returns:
        The two-sided p-value at each; nan for n < 4 and for a correlation that cannot go with the two.

    Raises:
        InputError: a correlation outside -1..1.

    Source:
        Meng, Rosenthal and Rubin 1992, Psychological Bulletin 111, equations 1 to 3, made for Pearson
        correlations. For Spearman z is divided by sqrt(1 + r^2 / 2), the factor by which Bonett and Wright
        2000 widen the error of one, r^2 the mean of both squares.

    Example:
        >>> round(published_difference(0.80, 0.70, 103, 0.6, statistic="plcc").p_values[0], 3)
        0.047
        >>> round(published_difference(0.80, 0.70, 103, 0.6).p_values[0], 3)
        0.08
    """
    rhos = (rho_between,) if isinstance(rho_between, int | float) else tuple(rho_between)
    for r in (r_a, r_b, *rhos):
        if abs(r) > 1:
            raise InputError(f"a correlation lies in -1..1, not at {r:g}")
    ps = [2 * NormalDist().cdf(-abs(_z(r_a, r_b, n, rho, statistic))) for rho in rhos]
    return PublishedDifference(r_a, r_b, n, rhos, tuple(ps), statistic)


def _z(r_a: float, r_b: float, n: int, rho: float, statistic: Correlation) -> float:
    """Meng, Rosenthal and Rubin's z, for Spearman with its larger error; nan where it does not exist."""
    determinant = 1 - r_a**2 - r_b**2 - rho**2 + 2 * r_a * r_b * rho  # < 0: no such three scores exist
    if n < 4 or not max(abs(r_a), abs(r_b), abs(rho)) < 1 or determinant < 0:
        return math.nan
    square = (r_a**2 + r_b**2) / 2
    f = min(1.0, (1 - rho) / (2 * (1 - square)))
    h = (1 - f * square) / (1 - square)
    larger = 1 + square / 2 if statistic == "srcc" else 1.0
    return (math.atanh(r_a) - math.atanh(r_b)) * math.sqrt((n - 3) / (2 * (1 - rho) * h * larger))


def _power(shift: float, level: float) -> float:
    """Probability that a z-score of mean `shift` and variance 1 is beyond the two-sided bounds."""
    normal = NormalDist()
    bound = normal.inv_cdf(1 - level / 2)
    return normal.cdf(shift - bound) + normal.cdf(-shift - bound)


def smallest_detectable(
    n: int,
    r: float,
    rho_between: float,
    *,
    statistic: Correlation = "srcc",
    power: float = 0.8,
    level: float = 0.05,
) -> float:
    """How much better than r another scorer must be for n pictures to show it.

    Args:
        n: pictures.
        r: -1..1, correlation of the worse scorer with the truth.
        rho_between: -1..1, correlation between the two scorers.
        statistic: what these are.
        power: probability that the test finds the difference.
        level: two-sided significance level.

    Returns:
        The smallest gain in correlation found with that power; nan where no possible gain is.

    Raises:
        InputError: a correlation outside -1..1, or power or level make no test.

    Source:
        Normal approximation to the test of `published_difference`, by bisection.

    Example:
        >>> round(smallest_detectable(1000, 0.9, 0.9), 3)
        0.017
    """
    _check_test(power, level)
    if not abs(r) < 1 or not abs(rho_between) < 1:
        raise InputError(f"no gain on a correlation of {r:g} between scorers that correlate {rho_between:g}")
    most = r * rho_between + math.sqrt((1 - r**2) * (1 - rho_between**2)) - r - 1e-9
    if n < 4 or most <= 0 or not _detects(r, most, n, rho_between, statistic, power, level):
        return math.nan
    low, high = 0.0, most
    while high - low > 1e-9:
        middle = (low + high) / 2
        if _detects(r, middle, n, rho_between, statistic, power, level):
            high = middle
        else:
            low = middle
    return high


def _detects(
    r: float, gain: float, n: int, rho: float, statistic: Correlation, power: float, level: float
) -> bool:
    return _power(_z(r + gain, r, n, rho, statistic), level) >= power


def _check_test(power: float, level: float) -> None:
    if not 0 < level < power < 1:
        raise InputError(f"no test has level {level:g} and power {power:g}: 0 < level < power < 1")


def pictures_needed(
    found: Difference | PublishedDifference, *, power: float = 0.8, level: float = 0.05
) -> tuple[int, ...]:
    """How many pictures would show the difference, were the figures found the true ones.

    Args:
        found: a comparison.
        power: probability that the test finds the difference.
        level: two-sided significance level.

    Returns:
        For published figures one number for each possible correlation between the scorers, in their order;
        for a paired comparison one number, groups being as large as they are. Empty where none suffices.

    Raises:
        InputError: power or level make no test.

    Source:
        The smallest n whose power suffices by the normal approximation to the same test, found by search; a
        paired comparison's standard error is taken to shrink with sqrt n.
    """
    _check_test(power, level)
    if isinstance(found, Difference):
        n, size = found.interval.n, abs(found.difference)
        if not found.standard_error > 0:
            return ()
        shifts: list[Callable[[int], float]] = [lambda m: size / found.standard_error * math.sqrt(m / n)]
    else:
        shifts = [
            lambda m, rho=rho: abs(_z(found.r_a, found.r_b, m, rho, found.statistic))  # type: ignore[misc]  # bound early
            for rho, _ in found._possible()
        ]
    numbers = (_search(shift, power, level) for shift in shifts)
    return tuple(number for number in numbers if number is not None)


def _search(shift: Callable[[int], float], power: float, level: float) -> int | None:
    low, high = 3, 4
    while not _power(shift(high), level) >= power:
        low, high = high, 2 * high
        if high > MOST_PICTURES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(shift(middle), level) >= power else (middle, high)
    return high


def verdict(
    found: Difference | PublishedDifference,
    *,
    power: float = 0.8,
    level: float = 0.05,
    adjusted: float | None = None,
) -> str:
    """A comparison in one sentence.

    Args:
        found: a comparison, of tables or of published figures.
        power: for the number of pictures needed.
        level: two-sided; a p-value below it tells the two apart.
        adjusted: for one of several paired comparisons, its p-value after `holm`, which then decides.

    Returns:
        The sentence. Numbers of pictures are rounded up to two digits.

    Raises:
        InputError: power or level make no test.

    Example:
        >>> verdict(published_difference(0.7288, 0.6557, 41, 0.5))
        'n = 41: cannot tell .729 from .656; about 730 pictures needed'
    """
    if isinstance(found, Difference):
        figures, n, ps = (found.a, found.b), found.interval.n, [found.p_value]
    else:
        figures, n, ps = (found.r_a, found.r_b), found.n, [p for _, p in found._possible()]
    a, b = _told(*figures)
    needed = pictures_needed(found, power=power, level=level)
    if not ps or any(math.isnan(p) for p in ps):
        return f"n = {n}: no test of {a} against {b} exists"
    if adjusted is not None and max(ps) < level:
        return _among_several(f"n = {n}:", (a, b), max(ps), adjusted, level)
    if max(ps) < level:
        return f"n = {n}: {a} and {b} differ (p {_p(max(ps))})"
    if min(ps) < level and isinstance(found, PublishedDifference):
        enough = [rho for rho, p in found._possible() if p < level]
        where = f"{_short(min(enough), 2)} or more"
        return f"n = {n}: cannot tell {a} from {b} unless the scorers correlate {where}; {_wanted(needed)}"
    return f"n = {n}: cannot tell {a} from {b}; {_wanted(needed)}"


def _among_several(start: str, told: tuple[str, str], p: float, adjusted: float, level: float) -> str:
    """The sentence for a comparison that alone would tell the two apart."""
    if adjusted < level:
        return f"{start} {told[0]} and {told[1]} differ (Holm p {_p(adjusted)})"
    alone = f"p {_p(p)} alone is Holm p {_p(adjusted)} among all comparisons"
    return f"{start} cannot tell {told[0]} from {told[1]}: {alone}"


def _wanted(needed: Sequence[int]) -> str:
    if not needed:
        return "no number of pictures would"
    fewest, most = rounded_up(min(needed)), rounded_up(max(needed))
    return f"about {most} pictures needed" if fewest == most else f"about {fewest} to {most} pictures needed"


def rounded_up(n: int) -> int:
    """A number of pictures as people are told it: two digits, never too few.

    Example:
        >>> rounded_up(588)
        590
    """
    unit = int(10 ** max(0, len(str(n)) - 2))
    return -(-n // unit) * unit


def _told(a: float, b: float) -> tuple[str, str]:
    """Both figures with as many decimals, from three, as it takes to see that they differ."""
    digits = next((d for d in range(3, 7) if round(a, d) != round(b, d)), 3)
    return _short(a, digits), _short(b, digits)


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"= {_short(p, 3)}"
