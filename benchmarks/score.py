"""How fast and how flat `visq score` is: end to end, against its parts, the naive way, and the floor.

What this cannot show: the speed of your disk (files are read again and again, so they sit in memory), of
other models, of other processors. Rates are compared with each other within one run only; every round
measures all of them in turn, so that a machine that slows down slows them all.

    D       decode and squash alone, on all cores          E       `Scorer.score`, journal and table too
    M       the model alone, on all cores                  naive   the same graphs, one picture after another,
    bytes   reading the files alone (the floor)                    decoded whole, ONNX Runtime as it comes

No pipeline can beat 1 / (1/D + 1/M) where decoder and model share the cores: the aim is 90 % of it.

    python benchmarks/score.py                rates, 7 rounds      -> benchmarks/score.csv
    python benchmarks/score.py --memory       peak memory over 10,000 pictures
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import PIL
from PIL import Image

import visq
from visq.aspects import aspect
from visq.backbones import BACKBONES, Backbone, find_model
from visq.core.types import Prompted
from visq.media import decode, read_bytes
from visq.scoring import RunOptions, Scorer, load
from visq.scoring.cpus import cpu_limit

HERE = Path(__file__).parent
SIZES = {"512 px": (512, 512, 300), "12 MP": (4000, 3000, 32)}  # width, height, files


def make_pictures(folder: Path, width: int, height: int, n: int) -> list[Path]:
    """N JPEGs, quality 90: smooth shapes with grain, so that they decode and weigh as photographs do."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(n):
        shapes = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(shapes).resize((width, height), Image.Resampling.BICUBIC))
        grain = rng.normal(0, 6, (height, width, 1)).astype(np.float32)
        paths.append(folder / f"{i:04}.jpg")
        Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def rate(work: Callable[[], object], n: int) -> float:
    """Pictures a second."""
    begun = time.perf_counter()
    work()
    return n / (time.perf_counter() - begun)


def naive_backbone() -> Backbone:
    """The shipped model with ONNX Runtime's own sessions, which spread one picture over all cores."""
    folder = find_model("mini")
    backbone: Backbone = BACKBONES.get(folder.backbone)(folder, threads=1)
    replaced = {"_session": "model", "_visual": "visual", "_decoder": "decoder"}
    for name in replaced.keys() & vars(backbone).keys():
        graph = folder.graph(replaced[name])
        setattr(backbone, name, onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]))
    return backbone


def measure(paths: list[Path], scorer: Scorer, plain: Backbone) -> dict[str, float]:
    """One round: every rate once, on the same pictures."""
    pool = ThreadPoolExecutor(cpu_limit())

    def prepared(path: Path) -> np.ndarray:
        return scorer.prepare(decode(read_bytes(path), at_least=scorer.at_least).picture)

    def naive() -> None:
        for path in paths:
            pixels = plain.prepare(decode(read_bytes(path)).picture)
            for asked in map(aspect, plain.aspects):  # each question looks at the picture anew
                prompted = Prompted(pixels, asked.name, asked.questions[0], asked.stem)
                plain.answer_logprobs([prompted], asked.levels)

    def model() -> None:
        for start in range(0, len(pixels), 8):
            scorer.score_pictures(pixels[start : start + 8])

    def end_to_end() -> None:
        folder = paths[0].parent
        options = RunOptions(folder.with_name("scores.csv"), overwrite=True)
        with scorer.score(folder, options) as table:
            if table.n_ok != len(paths):
                raise SystemExit(f"{table.n_failed} pictures failed")

    n = len(paths)
    rates = {"bytes": rate(lambda: list(pool.map(read_bytes, paths)), n)}
    pixels: list[np.ndarray] = []
    rates["D"] = rate(lambda: pixels.extend(pool.map(prepared, paths)), n)
    rates["M"] = rate(model, n)
    rates["E"] = rate(end_to_end, n)
    rates["naive"] = rate(naive, n)
    rates["bound"] = 1 / (1 / rates["D"] + 1 / rates["M"])
    rates["E / bound"] = rates["E"] / rates["bound"]
    rates["E / naive"] = rates["E"] / rates["naive"]
    pool.shutdown()
    return rates


def rates(n_rounds: int) -> None:
    """Measure all sizes, print a table, keep every round in score.csv."""
    rows = []
    plain = naive_backbone()
    with tempfile.TemporaryDirectory() as folder, load("mini") as scorer:
        for size, (width, height, n) in SIZES.items():
            paths = make_pictures(Path(folder) / size, width, height, n)
            for number in range(-1, n_rounds):  # round -1 warms up
                found = measure(paths, scorer, plain)
                if number >= 0:
                    rows.append({"size": size, "round": number, **{k: round(v, 3) for k, v in found.items()}})
    with (HERE / "score.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(machine())
    names = [name for name in rows[0] if name not in ("size", "round")]
    print("| pictures | " + " | ".join(names) + " |\n| --- |" + " --- |" * len(names))
    for size in SIZES:
        cells = []
        for name in names:
            values = [row[name] for row in rows if row["size"] == size]
            digits = 2 if "/" in name else 1
            cells.append(
                f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"
            )
        print(f"| {size} | " + " | ".join(cells) + " |")


def memory(counts: tuple[int, ...] = (100, 1_000, 10_000)) -> None:
    """Peak resident memory of `visq score` in a process of its own, over more and more pictures."""
    print(machine())
    print("| pictures | peak memory, MiB | pictures a second |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        sources = make_pictures(Path(name) / "sources", 512, 512, 100)
        for n in counts:
            folder = Path(name) / f"{n}"
            folder.mkdir()
            for i in range(n):
                os.link(sources[i % len(sources)], folder / f"{i:05}.jpg")
            command = [sys.executable, "-m", "visq", "score", str(folder), "--quiet"]
            begun = time.perf_counter()
            peak = peak_mib([*command, "--out", str(Path(name) / f"{n}.csv")])
            print(f"| {n} | {peak:.0f} | {n / (time.perf_counter() - begun):.0f} |", flush=True)


def peak_mib(command: list[str]) -> float:
    """Peak resident memory of a command, in MiB, as its own parent sees it."""
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=True
    )
    return int(run.stdout) / (1024 if sys.platform != "darwin" else 1024**2)


def machine() -> str:
    """What was measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    versions = f"visq {visq.__version__}, onnxruntime {onnxruntime.__version__}, Pillow {PIL.__version__}"
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{model}, {cpu_limit()} CPUs for this process; {system}, {versions}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    memory() if options.memory else rates(options.rounds)
