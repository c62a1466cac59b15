"""Which frames make a clip and which videos make a batch: integers in, indices out.

Nothing here opens a video or touches a pixel. Letters: N clips, T frames of a clip, B videos of a stage's batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import torch
from torch import Tensor

from kinema.batch import Draw, generator
from kinema.errors import UsageError

NEIGHBOURHOOD = 4096
"""Videos among which look-alikes are sought."""


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


@dataclass(frozen=True)
class RandomClip:
    """Draw one clip with `random_clip`, and ask for it `copies` times."""

    frames: int
    stride: int
    copies: int = 1

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The clip's indices, int64 [copies, T]."""
        indices = random_clip(num_frames, frames=self.frames, stride=self.stride, rng=rng)
        return Draw(indices.expand(self.copies, self.frames))


@dataclass(frozen=True)
class RandomClips:
    """Draw `clips` clips of a video, each with a start of its own."""

    frames: int
    stride: int
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

    def __call__(self, num_frames: int, rng: torch.Generator) -> Draw:
        """The blocks' indices, int64 [blocks, frames]."""
        indices = random_clip(num_frames, frames=self.blocks * self.frames, stride=self.stride, rng=rng)
        return Draw(indices.view(self.blocks, self.frames))


@dataclass(frozen=True)
class OneOrTwoClips:
    """Draw two clips, half of the time twice the same one, and say which of them may change colour (CoCLR).

    The target is a number of two bits, the lower for the first clip: set where colours may be changed, clear where
    the clip is to be cropped and flipped alone::

        one window, seen twice      one of the two clips may, either of them
        two windows                 each may with probability 0.3
    """

    frames: int
    stride: int

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


@dataclass(frozen=True)
class Split:
    """How the videos are dealt to the support and the query set of a two-stage method."""

    fraction: float = 0.5
    """Share of the videos in the support set."""
    redraw: Literal["never", "epoch", "iteration"] = "never"


def support_query(num_videos: int, split: Split, *, seed: int, epoch: int) -> tuple[Tensor, Tensor]:
    """The video numbers of D_s and D_q; disjoint, together all videos, the same for the same arguments."""
    key = epoch if split.redraw == "epoch" else "start"
    order = torch.randperm(num_videos, generator=generator(seed, "support", key))
    cut = round(num_videos * split.fraction)
    return order[:cut], order[cut:]


def epoch_batches(
    num_videos: int,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    split: Split | None = None,
    appearance: Tensor | None = None,
) -> Tensor:
    """int64 [steps, videos of a step]: the video numbers of every step of an epoch.

    Without a split a step holds B videos; with one it holds 2 B, the support half first. No video is seen twice. All
    are seen but a remainder that does not fill a batch and differs from epoch to epoch; where the support and the query
    set are not of one size, an epoch ends with the smaller. `redraw="iteration"` deals each step's videos anew, half
    and half whatever the fraction. With `appearance` (see `look_alikes`) the videos of a batch, or of each half of one,
    look alike, and the two halves of a step are of different looks.
    """
    rng = generator(seed, "order", epoch)
    deal = shuffled if appearance is None else partial(look_alikes, appearance=appearance)
    everything = torch.arange(num_videos)
    if split is None:
        return deal(everything, batch_size, rng)
    if split.redraw == "iteration" and appearance is None:
        return deal(everything, 2 * batch_size, rng)
    if split.redraw == "iteration":
        groups = deal(everything, batch_size, rng)
        return groups[: len(groups) // 2 * 2].view(-1, 2 * batch_size)
    halves = [deal(half, batch_size, rng) for half in support_query(num_videos, split, seed=seed, epoch=epoch)]
    steps = min(len(half) for half in halves)
    return torch.cat([half[:steps] for half in halves], dim=1)


def shuffled(videos: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """int64 [batches, size]: the videos in a random order, cut into batches."""
    batches = len(videos) // size
    return videos[torch.randperm(len(videos), generator=rng)][: batches * size].view(batches, size)


def look_alikes(videos: Tensor, size: int, rng: torch.Generator, *, appearance: Tensor) -> Tensor:
    """int64 [batches, size]: batches of videos that look alike, in a random order.

    `appearance` is uint8 [all videos, A] (see `kinema.data.appearance`). A random video takes the `size - 1` nearest of
    those that are left, and so on, so the last batches are of what nothing else looked like. Neighbours are sought
    among `NEIGHBOURHOOD` random videos at a time, which keeps the work linear in the number of videos and lets a
    video meet others in each epoch.
    """
    order = videos[torch.randperm(len(videos), generator=rng)]
    batches = []
    for near in torch.split(order, NEIGHBOURHOOD):
        looks = appearance[near].float()  # sums of squares of bytes stay below 2^24 up to 258 of them: exact
        left = torch.arange(len(near))
        while len(left) >= size:
            distance = (looks[left] - looks[left[0]]).square().sum(dim=1)
            chosen = torch.zeros(len(left), dtype=torch.bool)
            chosen[distance.argsort(stable=True)[:size]] = True
            batches.append(near[left[chosen]])
            left = left[~chosen]
    if not batches:
        return videos.new_zeros(0, size)
    return torch.stack(batches)[torch.randperm(len(batches), generator=rng)]


def check_batch_size(num_videos: int, batch_size: int, split: Split | None) -> None:
    """Refuse a batch that the videos cannot fill.

    Raises:
        UsageError: naming both numbers and what to change.
    """
    if len(epoch_batches(num_videos, batch_size, seed=0, epoch=0, split=split)) == 0:
        need = "videos" if split is None else "videos in the support half and as many in the query half"
        raise UsageError(
            f"{num_videos} videos do not fill one batch of {batch_size} {need}: lower --train.batch-size or add videos"
        )
