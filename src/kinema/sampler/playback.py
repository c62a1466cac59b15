"""Clips of one video at several rates of playback: integers in, indices and the label out.

Letters: F frames of a clip, R the fastest rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kinema.batch import Draw
from kinema.errors import UsageError
from kinema.sampler.clips import REPEATING

STILLS = 4
"""Frames of each stretch between which motion is sought."""


@dataclass(frozen=True)
class PlaybackRates:
    """Draw a rate s, then F s frames of a video in a row, whose start is uniform; the target is the rate's number.

    One row of indices holds two things. First the 2 F frames that are to be made, at half the distance of the clip's;
    every other one of them is the clip. At rate 1 there is nothing between neighbours, and each stands there twice::

        F=4, s=4    made  0 2 4 6 8 10 12 14    clip  0 . 4 . 8 .. 12 ..
        F=4, s=1    made  0 0 1 1 2 2 3 3       clip  0 . 1 . 2 . 3 .

    Then, of each of the s stretches of F frames, four evenly spaced frames; R times four, in which the stretches are
    repeated where the rate is not the fastest. A video too short for F s frames repeats its first one, on the left, so
    that its rate can partly be told by how much of it stands still.
    """

    frames: int
    rates: tuple[int, ...]

    lowered_by: ClassVar[str] = "--clip.frames or --method.rates"
    shorter: ClassVar[str] = REPEATING

    @property
    def reach(self) -> int:
        """Frames of the video in a clip at the fastest rate."""
        return self.frames * self.rates[-1]

    @property
    def least(self) -> int:
        """All of them: a rate whose clips always repeat frames is told by that."""
        return self.reach

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The indices, int64 [1, 2 F + 4 R]."""
        if num_frames < 1:
            raise UsageError(f"a video of {num_frames} frames has no clip; `kinema data check` lists such files")
        target = int(torch.randint(len(self.rates), (1,), generator=rng))
        rate = self.rates[target]
        reach = self.frames * rate
        start = int(torch.randint(max(num_frames - reach, 0) + 1, (1,), generator=rng))
        places = torch.cat([made(self.frames, rate), stills(self.frames, rate, self.rates[-1])])
        missing = max(reach - num_frames, 0)
        return Draw((start + places - missing).clamp(min=0)[None], target)


def made(frames: int, rate: int) -> Tensor:
    """int64 [2 F]: places of the frames to be made, in a stretch of F s."""
    return torch.arange(2 * frames) * rate // 2


def stills(frames: int, rate: int, fastest: int) -> Tensor:
    """int64 [4 R]: places of four frames of each stretch, from its first to its last."""
    within = torch.linspace(0, frames - 1, STILLS).round().long()
    stretch = torch.arange(fastest) % rate
    return (stretch[:, None] * frames + within).flatten()


def stretch_of(frames: int, rate: Tensor) -> Tensor:
    """int64 [B, 2 F]: the stretch that each frame to be made lies in, for rates [B]."""
    return torch.arange(2 * frames, device=rate.device) * rate[:, None] // (2 * frames)
