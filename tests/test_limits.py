"""What a container allows is read from its control groups, of both versions, and from those around it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kinema.limits import memory, memory_limit, usable_cores

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
MEMINFO = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    9000 kB\nHugePages_Total:       0\n"


def system(root: Path, groups: str, **files: str) -> Path:
    """A root folder with the files that the kernel would show; `__` in a name stands for a slash."""
    files = {"proc__self__cgroup": groups, "proc__meminfo": MEMINFO, **files}
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_without_control_groups_all_is_allowed(tmp_path):
    assert usable_cores(tmp_path) == CORES
    assert memory_limit(tmp_path) is None
    assert memory(tmp_path) == (0, 0)


def test_memory_is_read_in_bytes(tmp_path):
    assert memory(system(tmp_path, "")) == (16000 * 1024, 9000 * 1024)


def test_version_2_limits_are_found_in_the_group_itself(tmp_path):
    root = system(
        tmp_path,
        "0::/job\n",
        **{"sys__fs__cgroup__job__cpu.max": "50000 100000\n", "sys__fs__cgroup__job__memory.max": "2048000\n"},
    )
    assert usable_cores(root) == 0.5
    assert memory_limit(root) == 2048000


def test_version_2_limits_of_a_group_around_hold_too(tmp_path):
    root = system(
        tmp_path,
        "0::/slice/job\n",
        **{
            "sys__fs__cgroup__slice__job__cpu.max": "max 100000\n",
            "sys__fs__cgroup__slice__cpu.max": "25000 100000\n",
            "sys__fs__cgroup__slice__job__memory.max": "max\n",
            "sys__fs__cgroup__slice__memory.max": "4096000\n",
        },
    )
    assert usable_cores(root) == 0.25
    assert memory_limit(root) == 4096000


def test_version_1_limits_are_found_by_controller(tmp_path):
    root = system(
        tmp_path,
        "4:memory:/box\n3:cpu:/box\n0::/\n",
        **{
            "sys__fs__cgroup__cpu__box__cpu.cfs_quota_us": "75000\n",
            "sys__fs__cgroup__cpu__box__cpu.cfs_period_us": "100000\n",
            "sys__fs__cgroup__memory__box__memory.limit_in_bytes": "1024000\n",
        },
    )
    assert usable_cores(root) == 0.75
    assert memory_limit(root) == 1024000


@pytest.mark.parametrize(("quota", "limit"), [("-1", str(2**63 - 4096))])
def test_version_1_groups_without_a_limit_limit_nothing(tmp_path, quota, limit):
    root = system(
        tmp_path,
        "4:memory:/\n3:cpu:/\n",
        **{
            "sys__fs__cgroup__cpu__cpu.cfs_quota_us": quota,
            "sys__fs__cgroup__cpu__cpu.cfs_period_us": "100000",
            "sys__fs__cgroup__memory__memory.limit_in_bytes": limit,
        },
    )
    assert usable_cores(root) == CORES
    assert memory_limit(root) is None
