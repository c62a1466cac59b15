"""Which two clips of a video are compared, where they are not just any two. Letter: T frames of a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from kinema.batch import Draw
from kinema.sampler.clips import OfClips, RandomClips, clip_at


@dataclass(frozen=True)
class NearbyClips(OfClips):
    """Draw two clips of a video, the likelier the less they lie apart, in either order (CVRL, section 3.3).

    With M starts that need no padding, the distance g of the two starts has the density 2 (1 - g / M) / M on [0, M),
    which is rounded down: (2 (M - g) - 1) / M^2 for g of 0, 1, ... M - 1::

        x x x x . . . . . . . . . . . .
        . . y y y y . . . . . . . . . .     g = 2, drawn often
        . . . . . . . . . . y y y y . .     g = 10, drawn seldom

    That density is the one of |X - Y| for X and Y uniform and independent on [0, M): two clips drawn anywhere, as
    `RandomClips` does (SlowFast's form of SimCLR), have the same law but for the rounding, which makes g = 0 half as
    likely.
    """

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [2, T]."""
        starts = max(num_frames - (self.frames - 1) * self.stride, 1)
        apart, first, order = torch.rand(3, generator=rng, dtype=torch.float64).tolist()
        gap = int(starts * (1 - math.sqrt(1 - apart)))  # inverts the distribution g / M -> 2 g / M - (g / M)^2
        first = int((starts - gap) * first)
        pair = (first, first + gap) if order < 0.5 else (first + gap, first)
        clips = [clip_at(start, num_frames, frames=self.frames, stride=self.stride) for start in pair]
        return Draw(torch.stack(clips))


@dataclass(frozen=True)
class ClipsAndAgain(OfClips):
    """Draw two clips of a video, each with a start of its own, and the first once more; now and then all backwards::

    3 4 5 6 | 1 2 3 4 | 3 4 5 6         or         6 5 4 3 | 4 3 2 1 | 6 5 4 3
    """

    backwards: float

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [3, T]."""
        indices = RandomClips(self.frames, self.stride)(num_frames, rng).indices[[0, 1, 0]]
        turn = torch.rand((), generator=rng) < self.backwards
        return Draw(indices.flip(1) if turn else indices)
