"""CPU limits of a container, on control-group folders as Linux lays them out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from visq.scoring.cpus import cpu_limit

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "group", "quota"),
    [
        ({"cpu.max": "100000 100000\n"}, "0::/\n", 1),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, "0::/a/b\n", 1),
        ({"a/cpu.max": "max 100000"}, "0::/a\n", HERE),
        ({}, "0::/a\n", HERE),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, "3:cpu:/\n", 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "3:cpu:/\n", HERE),
        ({"cpu.max": "rubbish"}, "rubbish", HERE),
        ({"cpu.max": "6400000 100000"}, "0::/\n", HERE),
    ],
)
def test_the_tightest_limit_counts(tmp_path: Path, files: dict[str, str], group: str, quota: int) -> None:
    own = tmp_path / "own"
    own.write_text(group)
    (tmp_path / "groups").mkdir()
    root = lay_out(tmp_path / "groups", files)
    assert cpu_limit(cgroups=root, own=own) == min(quota, HERE)


def test_part_of_a_cpu_counts_as_one(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "groups", {"cpu.max": "20000 100000"})
    assert cpu_limit(cgroups=root, own=tmp_path / "missing") == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or HERE < 2, reason="needs two CPUs and affinity")
def test_affinity_counts(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cpu_limit(cgroups=tmp_path, own=tmp_path / "missing") == 1
    finally:
        os.sched_setaffinity(0, before)
