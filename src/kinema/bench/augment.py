"""Augmenting a batch of clips, beside kornia and torchvision with the same operations; on a GPU, beside a step."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kinema.augment import augment as augment_batch
from kinema.batch import DICE, generator
from kinema.bench.measure import Contestant, Progress, Row, by_clock, race
from kinema.bench.size import Size
from kinema.bench.step import VIDEOS, mcn, noise, whole_step
from kinema.machine import pick_device
from kinema.methods import build, two_views
from kinema.settings import MCN, Augment

CLIPS, FRAMES, HEIGHT, WIDTH, SIZE = 8, 16, 128, 171, 112
SETTINGS = Augment(grey=0.2)
KERNEL = 11
"""Pixels: three standard deviations of the widest blur to each side."""
SIGMA = (0.1 * SIZE / 128, 2.0 * SIZE / 128)


def augment(*, rounds: int = 5, repeats: int = 4, progress: Progress | None = None) -> list[Row]:
    """Clips of 16 frames a CPU second on one thread: from uint8 frames of 171 x 128 to floats of 112 x 112.

    Crop and resize, flip, jitter with hue, greyscale and blur, each drawn once a clip. A peer that is not installed
    is left out.
    """
    torch.set_num_threads(1)
    rng = generator("bench", "augment")
    clips = torch.randint(0, 256, (CLIPS, FRAMES, HEIGHT, WIDTH, 3), generator=rng, dtype=torch.uint8)
    extent = torch.tensor([HEIGHT, WIDTH]).expand(CLIPS, 2)

    def ours() -> Tensor:
        return augment_batch(clips, extent, torch.rand(CLIPS, DICE, generator=rng), SETTINGS, SIZE)

    peers = {}
    for name, make in (("kornia", by_kornia), ("torchvision v2", by_torchvision)):
        try:
            with warnings.catch_warnings(action="ignore"):
                peers[name] = make(clips)
        except (ImportError, RuntimeError):  # torchvision raises the latter beside a torch of another build
            continue
    entrants = [Contestant(name, by_clock("cpu", repeated(theirs, repeats))) for name, theirs in peers.items()]
    entrants.append(Contestant("kinema", by_clock("cpu", repeated(ours, repeats)), dict.fromkeys(peers, 2.0)))
    return race(entrants, rounds=rounds, progress=progress)


def beside_a_step(size: Size, *, rounds: int = 5, repeats: int = 4, progress: Progress | None = None) -> list[Row]:
    """Clips a second on a GPU: in steps of MCN of first order, and in the making of their views alone.

    The views are part of a step; what is to be reached is that they take under a twentieth of it.
    """
    device, recipe = pick_device(size.device), mcn(size, 1)
    assert isinstance(recipe.method, MCN)
    settings = recipe.method.views
    batch = noise(build(recipe, VIDEOS)).to(device)
    whole = whole_step(recipe, device)

    def step() -> Tensor:
        whole()
        return batch.video

    def views() -> Tensor:
        return two_views.clips(batch, recipe, settings)[0]

    entrants = [
        Contestant("steps of MCN, order 1", by_clock("wall", repeated(step, repeats))),
        Contestant("their views alone", by_clock("wall", repeated(views, repeats)), {"steps of MCN, order 1": 20.0}),
    ]
    return race(entrants, rounds=rounds, progress=progress)


def repeated(run: Callable[[], Tensor], times: int) -> Callable[[], float]:
    """Augment so many batches; returns how many clips that was."""

    def several() -> float:
        return sum(len(run()) for _ in range(times))

    return several


def by_kornia(clips: Tensor) -> Callable[[], Tensor]:
    """kornia's operations for videos, on the whole batch."""
    from kornia import augmentation as K

    pipeline = K.VideoSequential(
        K.RandomResizedCrop((SIZE, SIZE), scale=SETTINGS.crop_area, ratio=SETTINGS.crop_aspect),
        K.RandomHorizontalFlip(p=SETTINGS.flip),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=SETTINGS.jitter),
        K.RandomGrayscale(p=SETTINGS.grey),
        K.RandomGaussianBlur((KERNEL, KERNEL), SIGMA, p=SETTINGS.blur),
        data_format="BTCHW",
        same_on_frame=True,
    )
    return lambda: pipeline(clips.permute(0, 1, 4, 2, 3).float() / 255)


def by_torchvision(clips: Tensor) -> Callable[[], Tensor]:
    """torchvision's operations, a clip at a time, which is how they draw once for all its frames."""
    from torchvision.transforms import v2

    pipeline: Any = v2.Compose(
        [
            v2.RandomResizedCrop(SIZE, scale=SETTINGS.crop_area, ratio=SETTINGS.crop_aspect, antialias=True),
            v2.RandomHorizontalFlip(SETTINGS.flip),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], SETTINGS.jitter),
            v2.RandomGrayscale(SETTINGS.grey),
            v2.RandomApply([v2.GaussianBlur(KERNEL, SIGMA)], SETTINGS.blur),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    return lambda: torch.stack([pipeline(clip.permute(0, 3, 1, 2)) for clip in clips])
