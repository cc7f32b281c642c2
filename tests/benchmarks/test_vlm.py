"""`benchmarks/vlm.py` runs from end to end on the smallest model; what it finds is no figure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vlm.py"
RATES = {"one aspect", "five aspects", "five passes", "one by one", "plain", "generate", "processor"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *words]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads of so small a model wait for each other
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=240, env=one_thread)


def test_every_way_is_timed_and_every_aim_is_judged(tmp_path):
    out = tmp_path / "vlm.json"
    done = run(
        "--size", "tiny", "--pictures", "2", "--pixels", "56x56", "84x56", "--rounds", "2",
        "--device", "cpu", "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kept = json.loads(out.read_text(encoding="utf-8"))
    assert [found["pixels"] for found in kept["sizes"]] == ["56x56", "84x56"]
    for found in kept["sizes"]:
        assert found["rates"].keys() == RATES
        assert all(len(rates) == 2 and min(rates) > 0 for rates in found["rates"].values())
        assert len(found["peaks"]) == 2
        flops = {way: cost["flops"] for way, cost in found["costs"].items()}
        assert flops["five passes"] == pytest.approx(5 * flops["one aspect"], rel=0.05)
        assert flops["one aspect"] < flops["five aspects"] < flops["five passes"]
    small, large = (found["costs"] for found in kept["sizes"])
    for way, times in (("one aspect", 1), ("five aspects", 1), ("five passes", 5), ("plain", 1)):
        assert (small[way]["visual"], large[way]["visual"]) == (4 * times, 6 * times)  # 28 x 28 px a token
        assert small[way]["text"] == large[way]["text"]
    verdicts = [line for line in done.stdout.splitlines() if line.rstrip(" |").endswith(("| yes", "| no"))]
    assert len(verdicts) == 2 * 4


def test_large_sizes_are_not_run_without_a_gpu():
    done = run("--size", "7b", "--device", "cpu")
    assert done.returncode == 1
    assert done.stderr == "size 7b needs a GPU, which is not here: not run\n"
