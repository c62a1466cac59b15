"""Which frames make a clip. Letters: N clips, T frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from kinema.batch import Draw
from kinema.errors import UsageError


def clip_at(start: int, num_frames: int, *, frames: int, stride: int) -> Tensor:
    """int64 [T]: the frames start, start + stride, ...; a video too short for them repeats its first frame.

    The padding is on the left, as the paper has it ("the first frame is repeated") and CoCLR codes it::

        10 frames, frames=4, stride=2, start=3      . . . x . x . x . x     3 5 7 9
         5 frames, frames=4, stride=2               x . x . x               0 0 2 4
    """
    if num_frames < 1:
        raise UsageError(f"a video of {num_frames} frames has no clip; `kinema data check` lists such files")
    span = (frames - 1) * stride + 1
    if num_frames >= span:
        return torch.arange(start, start + span, stride)
    available = torch.arange(0, num_frames, stride)
    return torch.cat([available.new_zeros(frames - len(available)), available])


def random_clip(num_frames: int, *, frames: int, stride: int, rng: torch.Generator) -> Tensor:
    """int64 [T]: one clip whose start is uniform over all starts that need no padding."""
    starts = max(num_frames - (frames - 1) * stride, 1)
    start = int(torch.randint(starts, (1,), generator=rng))
    return clip_at(start, num_frames, frames=frames, stride=stride)


class Drawing(Protocol):
    """How a method draws frames of a video."""

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The frames wanted of a video of `num_frames` frames."""


@runtime_checkable
class Reaching(Protocol):
    """A drawing that does not draw as it was asked to in a video that is shorter than the stretch that it reads."""

    @property
    def reach(self) -> int:
        """Frames of the video from the first that is read to the last, both counted."""

    @property
    def lowered_by(self) -> str:
        """The flags that lower it."""

    @property
    def least(self) -> int:
        """Frames with which a video has something to teach, although it may be shorter than the stretch."""

    @property
    def shorter(self) -> str:
        """What shorter videos do, in words that follow "and"."""


REPEATING = "repeat their first frame"
"""What most drawings do with a short video, as `clip_at` does."""


@dataclass(frozen=True)
class OfClips:
    """What drawings of clips of one length and stride have in common."""

    frames: int
    stride: int

    lowered_by: ClassVar[str] = "--clip.frames or --clip.stride"
    least: ClassVar[int] = 1
    shorter: ClassVar[str] = REPEATING

    @property
    def reach(self) -> int:
        """Frames of the video from a clip's first to its last."""
        return (self.frames - 1) * self.stride + 1


@dataclass(frozen=True)
class RandomClip(OfClips):
    """Draw one clip with `random_clip`, and ask for it `copies` times."""

    copies: int = 1

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clip's indices, int64 [copies, T]."""
        indices = random_clip(num_frames, frames=self.frames, stride=self.stride, rng=rng)
        return Draw(indices.expand(self.copies, self.frames))


@dataclass(frozen=True)
class RandomClips(OfClips):
    """Draw `clips` clips of a video, each with a start of its own."""

    clips: int = 2

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [clips, T]."""
        drawn = [random_clip(num_frames, frames=self.frames, stride=self.stride, rng=rng) for _ in range(self.clips)]
        return Draw(torch.stack(drawn))


@dataclass(frozen=True)
class Blocks:
    """Draw blocks of frames that follow one another.

    A video too short for them repeats its first frame on the left, as `clip_at` does::

        blocks=3, frames=2, stride=2, start=1       . x . x . x . x . x . x     1 3 | 5 7 | 9 11
    """

    blocks: int
    frames: int
    stride: int

    lowered_by: ClassVar[str] = "--method.blocks, --method.block-frames or --method.block-stride"
    shorter: ClassVar[str] = REPEATING

    @property
    def reach(self) -> int:
        """Frames of the video from the first of the first block to the last of the last."""
        return (self.blocks * self.frames - 1) * self.stride + 1

    @property
    def least(self) -> int:
        """All of them."""
        return self.reach

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The blocks' indices, int64 [blocks, frames]."""
        indices = random_clip(num_frames, frames=self.blocks * self.frames, stride=self.stride, rng=rng)
        return Draw(indices.view(self.blocks, self.frames))


@dataclass(frozen=True)
class OneOrTwoClips(OfClips):
    """Draw two clips, half of the time twice the same one, and say which of them may change colour (CoCLR).

    The target is a number of two bits, the lower for the first clip: set where colours may be changed, clear where
    the clip is to be cropped and flipped alone::

        one window, seen twice      one of the two clips may, either of them
        two windows                 each may with probability 0.3
    """

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [2, T]."""
        indices = RandomClips(self.frames, self.stride)(num_frames, rng).indices
        chance, either, first, second = torch.rand(4, generator=rng).tolist()
        if chance < 0.5:
            return Draw(indices[:1].expand(2, self.frames), target=1 if either < 0.5 else 2)
        return Draw(indices, target=(first < 0.3) + 2 * (second < 0.3))


def uniform_clips(num_frames: int, clips: int, *, frames: int, stride: int) -> Tensor:
    """int64 [N, T]: clips whose starts are evenly spaced from the first possible to the last (VCOP, IIC).

    One clip alone is taken from the middle. Clips of a short video coincide.
    """
    last = max(num_frames - ((frames - 1) * stride + 1), 0)
    if clips == 1:
        starts = [last // 2]
    else:
        starts = [round(last * i / (clips - 1)) for i in range(clips)]
    return torch.stack([clip_at(start, num_frames, frames=frames, stride=stride) for start in starts])
