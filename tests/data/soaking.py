"""Many reads through the loader that training uses, a broken file refused before each, and the memory they take."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from kinema import sampler
from kinema.batch import Draw
from kinema.data.decode import open_video
from kinema.data.loader import EpochSampler, Place, TrainClips, train_loader
from kinema.data.video import Video
from kinema.errors import DataError
from kinema.settings import Clip

CLIP = Clip(frames=8, size=56)
BATCH = 8
PAGE = os.sysconf("SC_PAGE_SIZE")


def draw(num_frames: int, rng: torch.Generator) -> Draw:
    """One clip of eight frames."""
    return Draw(sampler.random_clip(num_frames, frames=CLIP.frames, stride=1, rng=rng)[None], target=0)


class Soaked(TrainClips):
    """Training clips; before each, one of the broken files is read from end to end, and has to be refused."""

    def __init__(self, videos: Sequence[Video], broken: Sequence[str]) -> None:
        super().__init__(videos, CLIP, draw, seed=0)
        self.broken = broken

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor, int, int]:
        epoch, number = place
        path = self.broken[(epoch * len(self.videos) + number) % len(self.broken)]
        try:
            with open_video(path) as reader:
                reader.verify()
        except DataError:
            return super().__getitem__(place)
        raise AssertionError(f"{path} was read")


@dataclass(frozen=True)
class Soak:
    """What was seen."""

    reads: int
    seconds: float
    memory: dict[str, list[int]]
    """Resident bytes of each process after each batch."""

    def growth(self, process: str) -> float:
        """By what share the memory has grown from the time after warming up, the second fifth, to the last fifth."""
        sizes = self.memory[process]
        fifth = len(sizes) // 5
        return median(sizes[-fifth:]) / median(sizes[fifth : 2 * fifth]) - 1

    def __str__(self) -> str:
        """In lines for people."""
        lines = [f"{self.reads:,} clip reads and as many refusals in {self.seconds:,.0f} s"]
        for process, sizes in self.memory.items():
            fifth = len(sizes) // 5
            before, after = median(sizes[fifth : 2 * fifth]) / 1e6, median(sizes[-fifth:]) / 1e6
            lines.append(f"{process}: {before:.1f} MB to {after:.1f} MB, {100 * self.growth(process):+.2f} %")
        return "\n".join(lines)


def soak(videos: Sequence[str], broken: Sequence[str], *, reads: int, workers: int) -> Soak:
    """Read so many clips of the videos, in batches, and refuse as many broken files."""
    dataset = Soaked([Video(path) for path in videos], broken)
    epochs = reads // (len(videos) // BATCH * BATCH) + 1
    loader = train_loader(dataset, EpochSampler(len(videos), BATCH, epochs=epochs, seed=0), workers=workers)
    before, started, done = set(multiprocessing.active_children()), time.monotonic(), 0
    memory: dict[str, list[int]] = {}
    for batch in loader:
        readers = sorted({process.pid or 0 for process in set(multiprocessing.active_children()) - before})
        processes = {"training process": os.getpid()} | {f"reader {n}": pid for n, pid in enumerate(readers)}
        for name, pid in processes.items():
            memory.setdefault(name, []).append(resident(pid))
        done += len(batch.video)
        if done >= reads:
            break
    return Soak(done, time.monotonic() - started, memory)


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
