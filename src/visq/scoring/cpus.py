"""How many CPUs this process may use. Knows Linux control groups; knows nothing of models or pictures."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def cpu_limit(*, cgroups: Path = _CGROUPS, own: Path = _OWN) -> int:
    """CPUs this process may use: the smaller of its affinity set and its container's quota, at least 1.

    A library that counts the host's cores starts 64 threads in a container of 2
    (microsoft/onnxruntime#10113).

    Args:
        cgroups: where control groups are mounted.
        own: the file that names this process's group.

    Returns:
        A number >= 1; a quota of 1.5 CPUs gives 2.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for quota in (_quota_v2(cgroups, own), _quota_v1(cgroups)) if quota is not None]
    return max(1, min([affinity, *(math.ceil(quota) for quota in quotas)]))


def _quota_v2(cgroups: Path, own: Path) -> float | None:
    """The tightest `cpu.max` from this process's group up to the root, in CPUs."""
    lines = (_read(own) or "").splitlines()
    group = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = cgroups / group.lstrip("/")
    quotas = []
    for level in (folder, *folder.parents):
        quota, _, period = (_read(level / "cpu.max") or "max").partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
        if level == cgroups:
            break
    return min(quotas, default=None)


def _quota_v1(cgroups: Path) -> float | None:
    quota = _read(cgroups / "cpu" / "cpu.cfs_quota_us") or ""
    period = _read(cgroups / "cpu" / "cpu.cfs_period_us") or ""
    if quota.isdigit() and period.isdigit() and int(period) and int(quota):
        return int(quota) / int(period)
    return None  # -1 or absent: no quota


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None  # no such controller here: no limit from it
