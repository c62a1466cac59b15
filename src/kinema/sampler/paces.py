"""Clips of a video at another pace than its own: integers in, indices and the label out.

Letters: B videos, N clips, T frames of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kinema.batch import Draw
from kinema.sampler.clips import REPEATING, clip_at


def paced_clip(num_frames: int, *, frames: int, pace: int, longest: int, wrap: bool, rng: torch.Generator) -> Tensor:
    """int64 [T]: every `pace`-th frame of a stretch of the video; backwards if negative, one frame throughout if 0::

        8 frames, frames=4, pace=3, wrap, start=4                       4 7 2 5
        9 frames, frames=3, pace=3, longest=3, no wrap, start=1         . x . . x . . x .
        9 frames, frames=3, pace=-1, longest=3, no wrap, start=1        . . . x x x . . .       5 4 3

    With `wrap` the start is uniform over all frames, and the first one follows the last. Without, the clip is the
    middle of a stretch in which one at pace `longest` fits, and the start of that is uniform, so that where a clip's
    middle lies does not tell its pace. A video too short for the clip repeats its first frame, as `clip_at` does.
    """
    span, places = (frames - 1) * abs(pace) + 1, abs(pace) * torch.arange(frames)
    if wrap:
        indices = (torch.randint(num_frames, (1,), generator=rng) + places) % num_frames
    elif num_frames < span:
        indices = clip_at(0, num_frames, frames=frames, stride=abs(pace))
    else:
        stretch = min((frames - 1) * longest + 1, num_frames)
        start = torch.randint(num_frames - stretch + 1, (1,), generator=rng)
        indices = start + (stretch - span) // 2 + places
    return indices.flip(0) if pace < 0 else indices


@dataclass(frozen=True)
class PacedClips:
    """Draw clips of a video, each at a pace of its own; the target is their paces' numbers (`pace_numbers`)."""

    frames: int
    paces: tuple[int, ...]
    wrap: bool
    clips: int = 1

    lowered_by: ClassVar[str] = "--method.frames or --method.paces"

    @property
    def longest(self) -> int:
        """The longest stride."""
        return max(abs(pace) for pace in self.paces)

    @property
    def reach(self) -> int:
        """Frames of the video from the first of the longest clip to its last."""
        return (self.frames - 1) * self.longest + 1

    @property
    def least(self) -> int:
        """All of them, or one pace is told by its repeated frames; in videos that begin anew, those with which no two
        paces come to the same frames."""
        return max(self.paces) - min(self.paces) + 1 if self.wrap else self.reach

    @property
    def shorter(self) -> str:
        """As `paced_clip` says."""
        return "begin anew within the longest clips, which tells their pace" if self.wrap else REPEATING

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [N, T]; every pace is equally likely, and no two clips have the same."""
        numbers = torch.randperm(len(self.paces), generator=rng)[: self.clips].tolist()
        frames, longest = self.frames, self.longest
        drawn = [
            paced_clip(num_frames, frames=frames, pace=self.paces[number], longest=longest, wrap=self.wrap, rng=rng)
            for number in numbers
        ]
        return Draw(torch.stack(drawn), sum(number * len(self.paces) ** n for n, number in enumerate(numbers)))


def pace_numbers(target: Tensor, clips: int, paces: int) -> Tensor:
    """int64 [B, N]: each clip's pace by its place in the list of paces, from targets [B] with a digit a clip."""
    return torch.stack([target // paces**n % paces for n in range(clips)], dim=1)


def clip_at_rate(start: int, num_frames: int, *, frames: int, rate: float) -> Tensor:
    """int64 [T]: the frames nearest to start, start + rate, ...; a video too short for them repeats its first frame::

    frames=5, rate=1.7, start=2                     2 4 5 7 9
    the same of a video of 5 frames                 0 0 0 2 3
    """
    offsets = (torch.arange(frames, dtype=torch.float64) * rate).round().long()
    if num_frames > offsets[-1]:
        return start + offsets
    available = offsets[offsets < num_frames]
    return torch.cat([available.new_zeros(frames - len(available)), available])


@dataclass(frozen=True)
class NormalAndFast:
    """Draw a clip at normal speed and one sped up, out of the same three clips' length of a video (SpeedNet)::

    |<------------- segment, 3 x frames ------------>|
    . . N N N N . . . . . . F . F . F . F . . . . . . . . . .

    A fast clip that is longer makes the segment as long as itself.
    """

    frames: int
    stride: int
    normal: tuple[float, float]
    fast: tuple[float, float]

    lowered_by: ClassVar[str] = "--method.frames, --method.stride or --method.fast"
    shorter: ClassVar[str] = REPEATING

    def span(self, rate: float) -> int:
        """Frames of the video from the first of a clip at that rate to its last."""
        return round((self.frames - 1) * self.stride * rate) + 1

    @property
    def reach(self) -> int:
        """Frames of the video that the fastest clip takes."""
        return self.span(self.fast[1])

    @property
    def least(self) -> int:
        """Frames without which every fast clip is told by its repeated frames."""
        return self.span(self.fast[0])

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """int64 [2, T]: the normal clip, then the fast one."""
        u = torch.rand(2, generator=rng, dtype=torch.float64).tolist()
        ranges = zip(u, (self.normal, self.fast), strict=True)
        rates = [self.stride * (low + (high - low) * share) for share, (low, high) in ranges]
        spans = [round((self.frames - 1) * rate) + 1 for rate in rates]
        length = min(num_frames, max(3 * self.frames * self.stride, *spans))
        begin = int(torch.randint(num_frames - length + 1, (1,), generator=rng))
        drawn = []
        for rate, span in zip(rates, spans, strict=True):
            start = begin + int(torch.randint(max(length - span, 0) + 1, (1,), generator=rng))
            drawn.append(clip_at_rate(start, num_frames, frames=self.frames, rate=rate))
        return Draw(torch.stack(drawn))
