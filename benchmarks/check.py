"""What `visq check` costs on pictures: memory by their number, and the search for near-duplicates.

What this cannot show: real collections, whose pictures take longer to decode, and the checks of labels alone.
Pictures are made by the script: small JPEGs of smooth noise, one in a hundred a copy compressed again. Memory
is that of a process of its own. The search is timed on random codes with planted neighbours, and where it is
affordable against comparing all with all.

    python benchmarks/check.py        1,000 and 10,000 pictures; 10,000 to 80,000 codes
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from visq.media.fingerprint import near_pairs

WITHIN = 4


def make_pictures(folder: Path, n: int) -> Path:
    """`n` small JPEGs and a manifest with labels; every hundredth is the one before, compressed again."""
    rng = np.random.default_rng(0)
    lines = ["image,mos"]
    picture = Image.new("RGB", (128, 96))
    for i in range(n):
        if i % 100:
            small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
            picture = small.resize((128, 96), Image.Resampling.BICUBIC)
        picture.save(folder / f"{i}.jpg", quality=90 if i % 100 else 60)
        lines.append(f"{i}.jpg,{rng.uniform(1, 5):.3f}")
    manifest = folder / "ratings.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


RUN = """
import resource, sys, time
from visq.cli.main import main
sys.argv = ["visq", "check", sys.argv[1], "--quiet", "--out", sys.argv[2]]
begun = time.perf_counter()
try:
    main()
except SystemExit:
    pass
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{peak:.0f} {time.perf_counter() - begun:.1f}", file=sys.stderr)
"""


def memory(n: int) -> tuple[float, float]:
    """Peak MiB and seconds of `visq check` on n pictures, in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        manifest = make_pictures(Path(scratch), n)
        words = [sys.executable, "-c", RUN, str(manifest), str(Path(scratch) / "found.json")]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        peak, seconds = done.stderr.split()[-2:]
        return float(peak), float(seconds)


def codes(n: int) -> list[int]:
    """Random 64-bit codes; one in fifty is another one with up to four bits turned."""
    rng = random.Random(0)
    found = [rng.getrandbits(64) for _ in range(n)]
    for i in range(1, n, 50):
        found[i] = found[rng.randrange(n)]
        for _ in range(rng.randint(0, WITHIN)):
            found[i] ^= 1 << rng.randrange(64)
    return found


def seconds_of(n: int) -> tuple[float, int]:
    """Seconds of the search among n codes, and the pairs it finds."""
    given = codes(n)
    begun = time.perf_counter()
    found = sum(1 for _ in near_pairs(given, WITHIN))
    return time.perf_counter() - begun, found


def naive(n: int) -> tuple[float, int]:
    """The same by comparing all with all."""
    given = codes(n)
    begun = time.perf_counter()
    found = sum((a ^ b).bit_count() <= WITHIN for a, b in combinations(given, 2))
    return time.perf_counter() - begun, found


def main(sizes: list[int], searched: list[int]) -> None:
    """Print both tables."""
    print("| pictures | peak memory, MiB | seconds |\n| --- | --- | --- |")
    for n in sizes:
        peak, seconds = memory(n)
        print(f"| {n:,} | {peak:.0f} | {seconds:.0f} |", flush=True)
    print("\n| codes | visq, s | pairs | all with all, s | pairs |\n| --- | --- | --- | --- | --- |")
    for k, n in enumerate(searched):
        took, found = seconds_of(n)
        other = "{:.1f} | {}".format(*naive(n)) if k == 0 else "not run | not run"
        print(f"| {n:,} | {took:.2f} | {found} | {other} |", flush=True)
    print(f"\nwhole script: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--codes", type=int, nargs="*", default=[10_000, 20_000, 40_000, 80_000])
    options = parser.parse_args()
    main(options.pictures, options.codes)
