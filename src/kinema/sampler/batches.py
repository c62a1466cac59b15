"""Which videos make a batch, and which of two stages reads them. Letter: B videos of a stage's batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from kinema.batch import generator
from kinema.errors import UsageError

NEIGHBOURHOOD = 4096
"""Videos among which look-alikes are sought, unless a batch alone has more."""


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
    look alike, and the two halves of a step are of different looks; each neighbourhood then has a remainder of its own.
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
    for near in torch.split(order, max(NEIGHBOURHOOD, size)):
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


def check_ranks(batch_size: int, ranks: int) -> None:
    """Refuse a batch that does not divide over the processes that read it.

    Raises:
        UsageError: naming both numbers and the nearest batch that does.
    """
    if batch_size % ranks:
        fit = max(ranks, batch_size // ranks * ranks)
        raise UsageError(
            f"a batch of {batch_size} videos does not divide over {ranks} processes: use --train.batch-size {fit}, or "
            "another number of processes"
        )


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
