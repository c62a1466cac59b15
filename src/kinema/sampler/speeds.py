"""Clips of one video at two speeds: integers in, indices and the speed out.

Letter: T frames of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from kinema.batch import Draw
from kinema.sampler.clips import REPEATING, clip_at

SLOW, FAST = range(2)


@dataclass(frozen=True)
class TwoSpeeds:
    """Draw a query, a key at its speed and a key at the other speed; the target is the query's speed (RSPNet).

    The keys are of one window, the query of another, which may overlap it. A slow clip is every `stride`-th frame from
    its window's start on, a fast one every second of those, and either speed is as likely::

        frames=3, stride=1, windows from 1 and 5, a slow query
            query        . x x x . . . . . .
            same speed   . . . . . x x x . .
            other speed  . . . . . x . x . x

    A video too short for a clip repeats its first frame, as `clip_at` does; a fast clip may need that where a slow one
    does not, and its speed can then be told by that.
    """

    frames: int
    stride: int

    lowered_by: ClassVar[str] = "--clip.frames, --clip.stride or --method.stride"
    shorter: ClassVar[str] = REPEATING

    @property
    def reach(self) -> int:
        """Frames of the video from a fast clip's first to its last."""
        return 2 * (self.frames - 1) * self.stride + 1

    @property
    def least(self) -> int:
        """All of them."""
        return self.reach

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [3, T]."""
        strides = (self.stride, 2 * self.stride)
        starts = max(num_frames - (self.frames - 1) * strides[FAST], 1)
        query, key = torch.randint(starts, (2,), generator=rng).tolist()
        speed = int(torch.randint(2, (), generator=rng))
        wanted = [(query, strides[speed]), (key, strides[speed]), (key, strides[1 - speed])]
        clips = [clip_at(start, num_frames, frames=self.frames, stride=stride) for start, stride in wanted]
        return Draw(torch.stack(clips), target=speed)
