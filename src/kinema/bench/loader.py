"""The training loader with a reading process a core, beside one process that reads the same samples alone.

And beside as many processes without a loader, which is what this machine has to give: a second core may be none, or
memory or other work be in the way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from kinema.bench.clips import like_ucf101, moving_picture
from kinema.bench.measure import Contestant, Progress, Row, by_clock, race
from kinema.data.loader import EpochSampler, TrainClips, train_loader
from kinema.data.processes import preparation, reading_context
from kinema.data.slots import SLOTS
from kinema.data.sources import read_source
from kinema.packing import pack
from kinema.sampler import RandomClip
from kinema.settings import Clip

CLIP = Clip(frames=16, stride=2, size=112, short_side=128)
BATCH = 8


def loader(
    source: Path | None = None, *, batches: int = 24, rounds: int = 5, progress: Progress | None = None
) -> list[Row]:
    """Clips a second of 16 frames at stride 2, read, resized and batched."""
    torch.set_num_threads(1)
    cores = os.cpu_count() or 1
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "videos").mkdir()
        first = like_ucf101(folder / "videos" / "0", moving_picture(source))
        for number in range(1, BATCH * batches):
            (folder / "videos" / f"{number}.avi").hardlink_to(first)
        pack(folder / "videos", out=folder / "packed")
        entrants = []
        for name, data in (("AVI", folder / "videos"), ("packed jpeg", folder / "packed")):
            clips = TrainClips(read_source(data).train.videos, CLIP, RandomClip(CLIP.frames, CLIP.stride), seed=0)
            alone, apart = f"{name}, one process", f"{name}, {cores} processes without a loader"
            count = BATCH * batches // 4
            entrants.append(Contestant(alone, by_clock("wall", partial(read_some, clips, count))))
            entrants.append(Contestant(apart, processes_apart(clips, cores, count), {alone: 0.9 * cores}))
            together = f"{name}, loader of {cores} processes"
            entrants.append(Contestant(together, many_processes(clips, cores), {alone: 0.9 * cores, apart: 0.9}))
        return race(entrants, rounds=rounds, progress=progress)


def read_some(clips: TrainClips, count: int) -> float:
    """Read so many samples; returns how many."""
    return sum(clips[0, number] is not None for number in range(count))


def processes_apart(clips: TrainClips, cores: int, count: int) -> Callable[[], float]:
    """Clips a second of processes that read so many samples each, and send nothing."""

    def rate() -> float:
        context = reading_context()
        with ProcessPoolExecutor(cores, mp_context=context, initializer=preparation(), initargs=(0,)) as pool:
            list(pool.map(read_some, [clips] * cores, [BATCH] * cores))
            start = time.perf_counter()
            total = sum(pool.map(read_some, [clips] * cores, [count] * cores))
            return total / (time.perf_counter() - start)

    return rate


def many_processes(clips: TrainClips, cores: int) -> Callable[[], float]:
    """Clips a second through two epochs, once all shared memory is in use: to get it takes long, and is over soon."""

    def rate() -> float:
        batches = EpochSampler(len(clips), BATCH, epochs=2, seed=0)
        count = 0
        for number, batch in enumerate(train_loader(clips, batches, workers=cores)):
            if number == SLOTS * cores:
                start, count = time.perf_counter(), 0
            count += len(batch)
        return (count - BATCH) / (time.perf_counter() - start)

    return rate
