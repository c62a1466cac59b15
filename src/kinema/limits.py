"""What this process may use of the machine, which in a container is less than what the machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def usable_cores(root: Path = Path("/")) -> float:
    """Cores that this process may keep busy: those it may run on, or as much time as its control group is given."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [float(quota) / float(period) for quota, period in cpu_quotas(root) if float(quota) > 0]
    return min([float(allowed), *quotas])


def cpu_quotas(root: Path) -> Iterator[tuple[str, str]]:
    """(quota, period) in microseconds of this process's control group and those around it, versions 1 and 2."""
    for folder in group_folders(root, "cpu"):
        words = first_line(folder / "cpu.max").split()
        if len(words) == 2 and words[0] != "max":
            yield words[0], words[1]
        quota, period = first_line(folder / "cpu.cfs_quota_us"), first_line(folder / "cpu.cfs_period_us")
        if quota and period:
            yield quota, period


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes of memory that this process and its neighbours in the container may use together; None if all there is."""
    found = [
        int(line)
        for folder in group_folders(root, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (line := first_line(folder / name)).isdecimal()
    ]
    limit, (total, _) = min(found, default=None), memory(root)
    return limit if limit is not None and limit < (total or limit) else None  # version 1 writes 2**63 for none


def memory(root: Path = Path("/")) -> tuple[int, int]:
    """Bytes of memory of the machine, and how many of them are available; zeros where the system does not tell."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0, 0
    sizes = {name: 1024 * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return sizes["MemTotal"], sizes["MemAvailable"]


def group_folders(root: Path, controller: str) -> Iterator[Path]:
    """The folders that say what this process's control group is given, and the groups that this one is in."""
    top = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = top / controller if controllers else top
        own = Path(group.lstrip("/"))
        yield from (base / folder for folder in [own, *own.parents])


def first_line(path: Path) -> str:
    """The first line of a file; "" where there is none."""
    try:
        return path.read_text(encoding="ascii").partition("\n")[0].strip()
    except OSError:
        return ""
