"""A stretch of a video as one sparse clip and several dense ones. Letters: P parts of it, T frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from kinema.batch import Draw
from kinema.sampler.clips import REPEATING, random_clip


@dataclass(frozen=True)
class SparseAndDense:
    """Draw a window of a video, uniformly, as a sparse clip and the dense clips of its parts, all twice.

    With 3 parts of 4 frames::

        window     0  1  2  3  4  5  6  7  8  9 10 11
        sparse     x  .  .  x  .  .  x  .  .  x  .  .
        dense      x  x  x  x | x  x  x  x | x  x  x  x
    """

    frames: int
    parts: int
    stride: int
    """Of the dense clips."""

    lowered_by: ClassVar[str] = "--method.parts, --method.frames or --method.dense-stride"
    shorter: ClassVar[str] = REPEATING

    @property
    def reach(self) -> int:
        """Frames of the video from the window's first to its last."""
        return (self.parts * self.frames - 1) * self.stride + 1

    @property
    def least(self) -> int:
        """All of them."""
        return self.reach

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips' indices, int64 [2 * (1 + P), T]: sparse and dense in the order of time, and the same again."""
        length = self.parts * self.frames
        window = random_clip(num_frames, frames=length, stride=self.stride, rng=rng)
        once = torch.cat([window[None, :: self.parts], window.view(self.parts, self.frames)])
        return Draw(once.repeat(2, 1))
