"""Contestants run in turn, round after round, and are compared within a round: what else goes on disturbs all alike."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch

Clock = Literal["wall", "cpu"]
Progress = Callable[[int, int], None]
"""Called with the number of turns taken and the number of all."""


@dataclass(frozen=True)
class Contestant:
    """Something to be measured."""

    name: str
    rate: Callable[[], float]
    """Does its work once; returns how many units a second that was."""
    against: Mapping[str, float] = field(default_factory=dict)
    """The contestants that it is compared with, and the ratio of rates to reach."""


@dataclass(frozen=True)
class Comparison:
    """One contestant's rates over another's."""

    other: str
    ratios: list[float]
    """A round each."""
    target: float

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the target was."""
        return self.ratio >= self.target


@dataclass(frozen=True)
class Row:
    """What was measured of a contestant."""

    name: str
    rates: list[float]
    """Units a second, a round each."""
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The median."""
        return statistics.median(self.rates)


def race(
    contestants: Sequence[Contestant], *, rounds: int, warm_up: int = 1, progress: Progress | None = None
) -> list[Row]:
    """Run all contestants in turn, `rounds` times, after a round or more that only warms up."""
    turns, done = (warm_up + rounds) * len(contestants), 0
    rates: dict[str, list[float]] = {each.name: [] for each in contestants}
    for number in range(warm_up + rounds):
        for each in contestants:
            rate = each.rate()
            if number >= warm_up:
                rates[each.name].append(rate)
            done += 1
            if progress:
                progress(done, turns)
    return [Row(each.name, rates[each.name], compared(each, rates)) for each in contestants]


def compared(contestant: Contestant, rates: Mapping[str, list[float]]) -> list[Comparison]:
    """A contestant beside those of its opponents that took part."""
    return [
        Comparison(
            other, [mine / theirs for mine, theirs in zip(rates[contestant.name], rates[other], strict=True)], target
        )
        for other, target in contestant.against.items()
        if other in rates
    ]


def by_clock(clock: Clock, run: Callable[[], float]) -> Callable[[], float]:
    """Units a second of work that returns how many units it was.

    `clock` cpu counts this process's CPU seconds, on all its threads; wall is what a clock on the wall shows.
    """
    now = time.process_time if clock == "cpu" else time.perf_counter

    def rate() -> float:
        start = now()
        units = run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return units / (now() - start)

    return rate


def machine() -> dict[str, Any]:
    """What it was measured on, for the record."""
    packages: dict[str, str | None] = {}
    for name in ("torch", "av", "torchcodec", "simplejpeg", "opencv-contrib-python-headless", "kornia", "torchvision"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": packages,
    }


def cpu_name() -> str:
    """The processor's model."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def peak_memory() -> int:
    """Bytes: the most that this process has held so far."""
    return of_status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_now() -> int:
    """Bytes: what this process holds; where the system does not say, the most that it has held."""
    return of_status("VmRSS") or peak_memory()


def of_status(name: str) -> int:
    """Bytes of a line of Linux's /proc/self/status; 0 elsewhere.

    What `getrusage` calls a process's peak may be that of the one that started it.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
