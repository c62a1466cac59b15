"""TV-L1 flow of frames of 171 x 128, beside OpenCV's DualTVL1, whose flow it agrees with (docs/flow.md)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from kinema.bench.clips import moving_picture
from kinema.bench.measure import Contestant, Progress, Row, by_clock, race
from kinema.data.fitting import fit
from kinema.data.flow import grey, tvl1
from kinema.machine import pick_device

SIDE = 128
PAIRS = 16
BATCH = 3
"""Pairs at a time: the frames that a core's cache holds."""
GPU_PAIRS = 128
"""Pairs at a time on a GPU, where it is the number of calls that takes the time."""


def flow(
    source: Path | None = None, *, device: str = "auto", rounds: int = 5, progress: Progress | None = None
) -> list[Row]:
    """Fields a CPU second on one thread, and fields a second of a GPU where the device is one.

    OpenCV is left out where its contributed modules are not installed.
    """
    on = pick_device(device)
    torch.set_num_threads(1)
    frames = grey(fit(moving_picture(source)[: PAIRS + 1], SIDE))
    first, second = frames[:-1], frames[1:]

    def ours() -> float:
        for start in range(0, len(first), BATCH):
            tvl1(first[start : start + BATCH], second[start : start + BATCH])
        return len(first)

    entrants = []
    if opencv_has_tvl1():
        entrants.append(Contestant("OpenCV", by_clock("cpu", lambda: by_opencv(first, second))))
    entrants.append(Contestant("kinema", by_clock("cpu", ours), {"OpenCV": 4.0}))
    if on.type == "cuda":
        repeats = -(-GPU_PAIRS // len(first))
        many = [each.repeat(repeats, 1, 1).to(on) for each in (first, second)]
        entrants.append(Contestant("kinema on a GPU", by_clock("wall", lambda: len(tvl1(*many))), {"OpenCV": 100.0}))
    return race(entrants, rounds=rounds, progress=progress)


def opencv_has_tvl1() -> bool:
    """Whether OpenCV is here with its contributed modules."""
    try:
        import cv2
    except ImportError:
        return False
    return hasattr(cv2, "optflow")


def by_opencv(first: Tensor, second: Tensor) -> float:
    """OpenCV's flow of each pair, at its defaults."""
    import cv2

    cv2.setNumThreads(1)
    algorithm = getattr(cv2, "optflow").DualTVL1OpticalFlow_create()  # noqa: B009  # its stubs lack the module
    for one, other in zip(first.numpy(), second.numpy(), strict=True):
        algorithm.calc(one, other, None)
    return len(first)
