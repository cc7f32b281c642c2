"""`benchmarks/decimals.py` runs from end to end on the smallest model; what it finds is no figure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "decimals.py"


def test_every_belief_is_a_row_and_a_narrow_one_saves_positions() -> None:
    words = ("--models", "onnx", "qwen", "--size", "tiny", "--rounds", "1", "--pictures", "1")
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        env=one_thread,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if " | 1..5 | " in line]
    assert [row[2] for row in rows] == ["own", "sharp", "0.05", "0.1", "0.2", "0.5"] * 2
    for row in rows:
        assert float(row[-1]) <= 0.002
        if row[2] in ("0.05", "0.1"):
            assert int(row[5]) < 0.7 * int(row[4])
    assert {int(row[3]) for row in rows if row[2] == "0.1"} == {70}
