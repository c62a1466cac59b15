"""The training loader with a reading process a core, beside one process that reads the same samples alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from kinema.bench.clips import like_ucf101, moving_picture
from kinema.bench.measure import Contestant, Progress, Row, by_clock, race
from kinema.data.loader import EpochSampler, TrainClips, train_loader
from kinema.data.sources import read_source
from kinema.packing import pack
from kinema.sampler import RandomClip
from kinema.settings import Clip

CLIP = Clip(frames=16, stride=2, size=112, short_side=128)
BATCH = 8


def loader(
    source: Path | None = None, *, batches: int = 24, rounds: int = 5, progress: Progress | None = None
) -> list[Row]:
    """Clips a second of 16 frames at stride 2, read, resized and batched, from the second batch on."""
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
            alone, together = f"{name}, one process", f"{name}, loader of {cores} processes"
            entrants.append(Contestant(alone, by_clock("wall", one_process(clips, BATCH * batches // 4))))
            entrants.append(Contestant(together, many_processes(clips, cores), {alone: 0.9 * cores}))
        return race(entrants, rounds=rounds, progress=progress)


def one_process(clips: TrainClips, count: int) -> Callable[[], float]:
    """Read so many samples."""

    def run() -> float:
        return sum(clips[0, number] is not None for number in range(count))

    return run


def many_processes(clips: TrainClips, cores: int) -> Callable[[], float]:
    """Clips a second through an epoch, once all processes have delivered."""

    def rate() -> float:
        batches = EpochSampler(len(clips), BATCH, epochs=1, seed=0)
        count = 0
        for number, batch in enumerate(train_loader(clips, batches, workers=cores)):
            if number == 2 * cores:
                start, count = time.perf_counter(), 0
            count += len(batch)
        return (count - BATCH) / (time.perf_counter() - start)

    return rate
