"""How often `Scorer.prefer` names the better of two pictures, against the two scores, and each order alone.

What this cannot show: how it does on pictures like none it was trained on, where MANIFEST is of its training
data, as AGIQA-3K is of `mini`'s; the distorted copies are of four photographs it has not seen, of kinds of
damage it has seen and of others. Pairs share pictures, so there are no intervals.

    python benchmarks/prefer.py ladders [--model M]
    python benchmarks/prefer.py MANIFEST [--aspect A] [--label COLUMN] [--within] [--pairs 1000] [--model M]
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import visq
from visq.data import read_manifest
from visq.media import decode
from visq.scoring.prefer import Pictured, Preference
from visq.training.distortions import DISTORTIONS
from visq.training.ladders import read_kinds
from visq.training.recipe import read_recipe, recipes_available

PHOTOGRAPHS = ("astronaut.jpg", "chelsea.png", "coffee.jpg", "rocket.jpg")

Pair = tuple[str, Pictured, Pictured]
"""What kind of pair it is; the better picture; the worse one."""


def ladders() -> Iterator[Pair]:
    """Any two rungs of a photograph and its ever more damaged copies, the less damaged first."""
    recipe = read_recipe(recipes_available()["mini"])
    folder = Path(visq.__file__).parent / "models" / "mini" / "pictures"
    for name in PHOTOGRAPHS:
        picture = decode(folder / name).picture
        for kind in read_kinds(recipe.field("ladders", "kinds")):
            damage, rng = DISTORTIONS[kind.name], np.random.default_rng(1)
            rungs = [picture, *(damage(picture, strength, rng) for strength in kind.test)]
            known = "damage trained on" if kind.train else "other damage"
            for i, j in itertools.combinations(range(len(rungs)), 2):
                yield known if j > i + 1 else f"{known}, next rung", rungs[i], rungs[j]


def rated(manifest: str, label: str, n: int, *, within: bool) -> Iterator[Pair]:
    """Pairs drawn at random, the higher rated first; `within`, both of one group."""
    groups: dict[str | None, list[visq.Sample]] = {}
    for sample in read_manifest(manifest, labels={label: label}):
        groups.setdefault(sample.group if within else None, []).append(sample)
    pools = [pool for pool in groups.values() if len(pool) > 1]
    rng = np.random.default_rng(0)
    while n:
        pool = pools[int(rng.integers(len(pools)))]
        a, b = (pool[k] for k in rng.choice(len(pool), 2, replace=False))
        gap = a.labels[label] - b.labels[label]
        if gap:
            n -= 1
            size = next(name for most, name in GAPS if abs(gap) < most)
            yield (size, a, b) if gap > 0 else (size, b, a)


GAPS = (
    (0.25, "apart by less than .25"),
    (0.5, "by .25 to .5"),
    (1, "by .5 to 1"),
    (math.inf, "by 1 or more"),
)


def line(name: str, found: list[Preference]) -> str:
    """One row of the table; the better picture is the first everywhere."""

    def share(truths: Iterator[bool]) -> str:
        return f"{100 * sum(truths) / len(found):.1f}"

    orders = [(one.orders or (math.nan, math.nan), one) for one in found]
    alone = [first > 0.5 for (first, _), _ in orders] + [second > 0.5 for (_, second), _ in orders]
    cells = (
        len(found),
        share(bool(one.orders_agree) for one in found),
        share((one.margin or 0) > 0 for one in found),
        share(one.difference > 0 for one in found),
        f"{100 * sum(alone) / len(alone):.1f}",
        share(not one.contradicts for one in found),
        f"{np.mean([one.order_bias for one in found]):+.3f}",
        f"{np.mean([-math.log2((1 + (one.margin or 0)) / 2) for one in found]):.2f}",
        f"{np.mean([-math.log2(_by_scores(one)) for one in found]):.2f}",
        f"{max(one.outside or 0 for one in found):.3f}",
    )
    return "| " + " | ".join([name, *map(str, cells)]) + " |"


def _by_scores(found: Preference) -> float:
    """Probability that the first is better, by the two scores."""
    std = found.uncertainty or math.nan
    return max((1 + math.erf(found.difference / (std * math.sqrt(2)))) / 2, 1e-9)


HEAD = (
    "pairs | n | orders agree | right by pair | right by score | right by one order | pair and score agree | "
    "order bias | bits by pair | bits by score | largest outside"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pairs_of", metavar="ladders|MANIFEST")
    parser.add_argument("--aspect", default="quality")
    parser.add_argument("--label", help="column of the opinion scores; as the aspect by default")
    parser.add_argument("--within", action="store_true", help="both pictures of a pair are of one group")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--pairs", type=int, default=1000)
    options = parser.parse_args()
    if options.pairs_of == "ladders":
        pairs = ladders()
    else:
        pairs = rated(options.pairs_of, options.label or options.aspect, options.pairs, within=options.within)
    found: dict[str, list[Preference]] = {}
    with visq.load(options.model) as scorer:
        for name, better, worse in pairs:
            found.setdefault(name, []).append(scorer.prefer(better, worse, options.aspect))
    print(f"| {HEAD} |\n|{' --- |' * (HEAD.count('|') + 1)}")
    for name in sorted(found):
        print(line(name, found[name]))
    print(line("all", [one for some in found.values() for one in some]))


if __name__ == "__main__":
    main()
