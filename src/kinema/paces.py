"""Clips of a video at another pace than its own: integers in, indices and the label out.

As in `kinema.sampler`, nothing here opens a video or touches a pixel. Letters: B videos, N clips, T frames of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.batch import Draw
from kinema.sampler import random_clip


def paced_clip(num_frames: int, *, frames: int, pace: int, wrap: bool, rng: torch.Generator) -> Tensor:
    """int64 [T]: every `pace`-th frame from a random start on; backwards if negative, one frame throughout if 0::

        8 frames, frames=4, pace=3, wrap, start=4        4 7 2 5
        8 frames, frames=4, pace=-2, no wrap, start=1    7 5 3 1

    With `wrap` the start is uniform over all frames, and the first one follows the last; without, over all starts that
    need no padding (`sampler.random_clip`).
    """
    if wrap or pace == 0:
        start = torch.randint(num_frames, (1,), generator=rng)
        indices = (start + abs(pace) * torch.arange(frames)) % num_frames
    else:
        indices = random_clip(num_frames, frames=frames, stride=abs(pace), rng=rng)
    return indices.flip(0) if pace < 0 else indices


@dataclass(frozen=True)
class PacedClips:
    """Draw clips of a video, each at a pace of its own; the target is their paces' numbers (`pace_numbers`)."""

    frames: int
    paces: tuple[int, ...]
    wrap: bool
    clips: int = 1

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [N, T]; every pace is equally likely, and no two clips have the same."""
        numbers = torch.randperm(len(self.paces), generator=rng)[: self.clips].tolist()
        drawn = [
            paced_clip(num_frames, frames=self.frames, pace=self.paces[number], wrap=self.wrap, rng=rng)
            for number in numbers
        ]
        return Draw(torch.stack(drawn), sum(number * len(self.paces) ** n for n, number in enumerate(numbers)))


def pace_numbers(target: Tensor, clips: int, paces: int) -> Tensor:
    """int64 [B, N]: each clip's pace by its place in the list of paces, from targets [B] with a digit a clip."""
    return torch.stack([target // paces**n % paces for n in range(clips)], dim=1)
