"""Pieces of a video and the orders they can be shown in: integers in, indices and the label out.

Letters: N pieces, T frames of a piece.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from kinema.batch import Draw
from kinema.sampler.clips import OfClips, clip_at, random_clip, uniform_clips

CUBES = 4
"""Pieces of a space-time puzzle."""
CUBE_ORDERS = 24
"""Orders of that many."""


@cache
def orders(pieces: int) -> Tensor:
    """int64 [N!, N]: every order of N pieces, in lexicographic order; a row's number is its label."""
    return torch.tensor(list(itertools.permutations(range(pieces))))


@cache
def distant_orders(pieces: int, count: int) -> Tensor:
    """int64 [count, N]: orders that differ from one another in many places (Noroozi and Favaro, Algorithm 1).

    Begins with the pieces as they are, and takes again and again the order with the largest sum of Hamming distances to
    those taken, the first of several.
    """
    every = orders(pieces).to(torch.uint8)
    distance = torch.zeros(len(every), dtype=torch.long)
    taken = [0]
    while len(taken) < count:
        distance += (every != every[taken[-1]]).sum(dim=1)
        distance[taken[-1]] = -pieces * len(every)  # never again
        taken.append(int(distance.argmax()))
    return every[taken].long()


@dataclass(frozen=True)
class LabelledClip(OfClips):
    """Draw one clip as `kinema.sampler.RandomClip` does; the target is one of `labels` numbers, all equally likely."""

    labels: int

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clip's indices, int64 [1, T]."""
        indices = random_clip(num_frames, frames=self.frames, stride=self.stride, rng=rng)
        return Draw(indices[None], uniform(self.labels, rng))


@dataclass(frozen=True)
class CubicPieces:
    """Draw four pieces of one time or, as often, of four times, in the order in which they are shown.

    Those of one time are the same frames four times over: their order is one of places, for the method to make. Those
    of four times lie each at a random place in its segment::

        frames=3, stride=1, segment=5      . A A A . B B B . . . . C C C . D D D .

    In a video too short for four segments they lie evenly from its start to its end and may overlap. The target is the
    order's number in `orders(4)`, plus 24 if the pieces are of four times. The n-th piece shown is the one that stands
    at the order's n-th number.
    """

    frames: int
    stride: int
    segment: int

    lowered_by: ClassVar[str] = "--method.frames or --method.stride, and --method.segment"
    shorter: ClassVar[str] = "have their pieces nearer to one another than --method.segment asks, or overlapping"

    @property
    def reach(self) -> int:
        """Frames of the video in all four segments."""
        return CUBES * self.segment

    @property
    def span(self) -> int:
        """Frames of the video from a piece's first to its last."""
        return (self.frames - 1) * self.stride + 1

    @property
    def least(self) -> int:
        """Frames without which two pieces of four times are the same."""
        return self.span + CUBES - 1

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The pieces' indices, int64 [4, T]."""
        label = uniform(CUBE_ORDERS, rng)
        if uniform(2, rng):
            return Draw(self.four_times(num_frames, rng)[orders(CUBES)[label]], CUBE_ORDERS + label)
        indices = random_clip(num_frames, frames=self.frames, stride=self.stride, rng=rng)
        return Draw(indices.expand(CUBES, self.frames), label)

    def four_times(self, num_frames: int, rng: torch.Generator) -> Tensor:
        """int64 [4, T]: a piece of each segment, in the order of time."""
        if num_frames < self.reach:
            return uniform_clips(num_frames, CUBES, frames=self.frames, stride=self.stride)
        start, free = uniform(num_frames - self.reach + 1, rng), self.segment - self.span
        starts = [start + n * self.segment + uniform(free + 1, rng) for n in range(CUBES)]
        return torch.stack([clip_at(each, num_frames, frames=self.frames, stride=self.stride) for each in starts])


def uniform(count: int, rng: torch.Generator) -> int:
    """One of 0 .. count - 1."""
    return int(torch.randint(count, (1,), generator=rng))
