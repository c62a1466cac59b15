"""Rows of clips of one video, shuffled or with one of them changed: integers in, indices and the label out.

Letters: N clips of a row, T frames of a clip.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kinema.batch import Draw
from kinema.sampler.clips import clip_at, uniform_clips
from kinema.settings import ClipRow, Cloze, Order

UNCHANGED, TURNED, PERMUTED, SHUFFLED, REMOTE = range(5)
"""What a cloze did to the middle clip: the labels of VCP."""


def row_at(start: int, num_frames: int, row: ClipRow) -> Tensor:
    """int64 [N, T]: clips one after the other, the first from `start` on::

        clips=3, frames=3, stride=1, gap=2, start=1      . A A A . . B B B . . C C C . .
        clips=2, frames=3, stride=2, gap=1, start=0      A . A . A . B . B . B
        clips=3, frames=3, stride=0, gap=1, start=0      A . B . C                      AAA BBB CCC

    In a video too short for the row the clips lie evenly from its start to its end, nearer to one another or
    overlapping, whatever `start` is; in one too short for a clip, all are that clip with the first frame repeated.
    """
    if row.stride == 0:
        stills = row_at(start, num_frames, replace(row, frames=1, stride=1))  # [N, 1]
        return stills.repeat(1, row.frames)
    if num_frames < row.reach:
        return uniform_clips(num_frames, row.clips, frames=row.frames, stride=row.stride)
    step = row.span + row.gap
    starts = range(start, start + row.clips * step, step)
    return torch.stack([clip_at(each, num_frames, frames=row.frames, stride=row.stride) for each in starts])


def orders(count: int, *, symmetric: bool) -> list[tuple[int, ...]]:
    """The orders of `count` clips in lexicographic order; one's place in the list is its label.

    With `symmetric`, of an order and its reverse only the one that comes first::

        count=3                    012 021 102 120 201 210
        count=3, symmetric         012 021 102
    """
    every = itertools.permutations(range(count))
    return [order for order in every if not symmetric or order < order[::-1]]


class OfRows(ABC):
    """What drawings of rows have in common: in a video too short for the row, its clips lie nearer to one another."""

    @property
    @abstractmethod
    def row(self) -> ClipRow:
        """How its clips lie."""

    @property
    def reach(self) -> int:
        """Frames of the video from the first of the row to its last."""
        return self.row.reach

    @property
    def least(self) -> int:
        """Frames without which two clips of a row are the same."""
        return self.row.span + self.row.clips - 1

    @property
    def lowered_by(self) -> str:
        """The flags that lower both; still clips have one frame each, however long they are shown."""
        flag = f"--{self.row.FLAG}"
        return f"{flag}.clips, {flag}.frames or {flag}.stride" if self.row.stride else f"{flag}.clips"

    @property
    def shorter(self) -> str:
        """As `row_at` says."""
        return f"have their clips nearer to one another than --{self.row.FLAG}.gap asks, or overlapping"


@dataclass(frozen=True)
class ShuffledClips(OfRows):
    """Draw a row of clips and shuffle it; the target is the label of the order, all orders being equally likely."""

    order: Order

    @property
    def row(self) -> ClipRow:
        """How its clips lie."""
        return self.order

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips as shown, int64 [N, T]: the n-th is the one that stands at the order's n-th number in time."""
        start = uniform(max(num_frames - self.order.reach, 0) + 1, rng)
        shown = tuple(torch.randperm(self.order.clips, generator=rng).tolist())
        known = orders(self.order.clips, symmetric=self.order.symmetric)
        label = known.index(shown if shown in known else shown[::-1])
        return Draw(row_at(start, num_frames, self.order)[list(shown)], label)


@dataclass(frozen=True)
class ClozeClips(OfRows):
    """Draw a row of clips, do one of five things to the middle one, and say which::

        UNCHANGED   A A A A . . B B B B . . C C C C
        TURNED, PERMUTED        as unchanged: the method does that to its pixels
        SHUFFLED    two of the four quarters of B change places
        REMOTE      B is taken from `distance` frames or more before or behind the row

    The row starts anywhere. Where that leaves room for a remote clip, the five are equally likely; where it does not,
    the other four, and so throughout videos shorter than the row, the distance and a clip together.
    """

    cloze: Cloze

    @property
    def row(self) -> ClipRow:
        """How its clips lie."""
        return self.cloze

    @property
    def reach(self) -> int:
        """Frames of the row, of the distance from it, and of a remote clip."""
        return self.cloze.reach + self.cloze.distance + self.cloze.span

    @property
    def shorter(self) -> str:
        """One answer fewer, wherever the row lies."""
        return f"have no room for a remote clip at --{self.cloze.FLAG}.distance and --{self.cloze.FLAG}.gap"

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clips as shown, int64 [N, T], and the label."""
        start = uniform(max(num_frames - self.cloze.reach, 0) + 1, rng)
        remote = self.remote(start, num_frames)
        target = uniform(REMOTE + bool(remote), rng)
        row, middle = row_at(start, num_frames, self.cloze), self.cloze.clips // 2
        if target == SHUFFLED:
            row[middle] = swapped_quarters(row[middle], rng)
        if target == REMOTE:
            begin = remote[uniform(len(remote), rng)]
            row[middle] = clip_at(begin, num_frames, frames=self.cloze.frames, stride=self.cloze.stride)
        return Draw(row, target)

    def remote(self, start: int, num_frames: int) -> list[int]:
        """Where clips begin that are at least `distance` frames away from the row that begins at `start`."""
        cloze = self.cloze
        before = range(start - cloze.distance - cloze.span + 1)
        behind = range(start + cloze.reach + cloze.distance, num_frames - cloze.span + 1)
        return [*before, *behind]


def swapped_quarters(clip: Tensor, rng: torch.Generator) -> Tensor:
    """int64 [T]: the clip with two of its four quarters, drawn at random, in each other's place."""
    quarters = list(clip.tensor_split(4))
    one, other = torch.randperm(4, generator=rng)[:2].tolist()
    quarters[one], quarters[other] = quarters[other], quarters[one]
    return torch.cat(quarters)


def uniform(count: int, rng: torch.Generator) -> int:
    """One of 0 .. count - 1."""
    return int(torch.randint(count, (1,), generator=rng))
