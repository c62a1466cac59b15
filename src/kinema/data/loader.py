"""From videos to batches: the one dataset that every method trains on, and the one that every evaluation reads.

Letters: B videos, N clips of a video, T frames, H x W pixels, S pixels a side of a test crop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from kinema import sampler
from kinema.batch import DICE, Batch, generator
from kinema.data.clip_loader import ClipLoader, require_shared_memory
from kinema.data.decode import open_video
from kinema.data.fitting import fit
from kinema.data.flow_folder import FlowFolder
from kinema.data.reader import Reader
from kinema.data.slots import Empty, ordinary
from kinema.data.video import Video
from kinema.errors import UsageError
from kinema.settings import Clip

Place = tuple[int, int]
"""(epoch, video number): all that a training sample depends on, besides the seed."""


def read(at: Callable[[Sequence[int]], Tensor], indices: Tensor, side: int) -> Tensor:
    """uint8 [*indices.shape, H, W, 3]: each frame read and resized once, however often it is asked for."""
    wanted, place = torch.unique(indices, return_inverse=True)
    return fit(at(wanted.tolist()), side)[place]


def read_clips(
    video: Video, reader: Reader, indices: Tensor, side: int, flow: FlowFolder | None, components: str = "v"
) -> Tensor:
    """uint8 [*indices.shape, H, W, 3], or with flow a further channel for each of its components, u or v."""
    if reader.short_side is not None and reader.short_side < side:
        raise UsageError(
            f"{video.path} was packed with a short side of {reader.short_side} pixels, but clips need {side}: pack the "
            f"videos with --short-side {side}, or lower --clip.short-side"
        )
    clips = read(reader.at, indices, side)
    if flow is None:
        return clips
    height, width = clips.shape[-3:-1]
    return torch.cat([clips, flow.fields(video, reader, indices, (height, width), components)], dim=-1)


class TrainClips(Dataset[tuple[Tensor, Tensor, int, int]]):
    """Clips for training: asked for (epoch, number), reads what `draw` wants of that video.

    A sample depends on (seed, epoch, number) only, so it is the same in any worker and on any rank. `draw` goes to
    the reading processes with the rest, so it holds a few numbers and no network. With `flow`, further channels are the
    `components` of the flow of the same frames: "v", vertical, or "uv", both.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        clip: Clip,
        draw: sampler.Drawing,
        *,
        seed: int,
        flow: FlowFolder | None = None,
        components: str = "v",
    ) -> None:
        self.videos = videos
        self.clip = clip
        self.draw = draw
        self.seed = seed
        self.flow = flow
        self.components = components

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor, int, int]:
        epoch, number = place
        rng = generator(self.seed, "sample", epoch, number)
        with open_video(self.videos[number].path) as reader:
            drawn = self.draw(reader.num_frames, rng)
            clips = read_clips(
                self.videos[number], reader, drawn.indices, self.clip.loaded_side, self.flow, self.components
            )
        return clips, torch.rand(len(clips), DICE, generator=rng), number, drawn.target


def gather(
    samples: Sequence[tuple[Tensor, Tensor, int, int]], empty: Empty = ordinary
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What a `Batch` is made of, in the order of its fields."""
    clips, dice, video, target = zip(*samples, strict=True)
    extent = torch.tensor([clip.shape[2:4] for clip in clips])
    return stacked(clips, empty), extent, torch.stack(dice), torch.tensor(video), torch.tensor(target)


def collate(samples: Sequence[tuple[Tensor, Tensor, int, int]]) -> Batch:
    """A batch; clips of smaller frames are padded with zeros below and to the right."""
    return Batch(*gather(samples))


def stacked(clips: Sequence[Tensor], empty: Empty = ordinary) -> Tensor:
    """uint8 [B, N, T, H, W, C], in what `empty` gives; clips of smaller frames are padded with zeros."""
    height, width = (max(clip.shape[axis] for clip in clips) for axis in (2, 3))
    out = empty((len(clips), *clips[0].shape[:2], height, width, clips[0].shape[4]))
    for row, clip in zip(out, clips, strict=True):
        if clip.shape[2:4] != (height, width):
            row.zero_()
        row[:, :, : clip.shape[2], : clip.shape[3]] = clip
    return out


class EpochSampler(Sampler[list[Place]]):
    """The steps of all epochs that are left, each a list of (epoch, number); starts at any step.

    Of each step's videos, or of those of each of its two stages, every rank has a part, which follow one another.
    """

    def __init__(
        self,
        num_videos: int,
        batch_size: int,
        *,
        epochs: int,
        seed: int,
        split: sampler.Split | None = None,
        appearance: Tensor | None = None,
        start_step: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.batches = partial(
            sampler.epoch_batches, num_videos, batch_size, seed=seed, split=split, appearance=appearance
        )
        sampler.check_batch_size(num_videos, batch_size, split)
        self.halves = 1 if split is None else 2
        self.rank, self.ranks = rank, ranks
        self.steps_per_epoch = len(self.batches(epoch=0))
        self.epochs = epochs
        self.start_step = start_step

    def __len__(self) -> int:
        return self.steps_per_epoch * self.epochs - self.start_step

    def __iter__(self) -> Iterator[list[Place]]:
        first, skip = divmod(self.start_step, self.steps_per_epoch)
        for epoch in range(first, self.epochs):
            steps = self.batches(epoch=epoch)[skip if epoch == first else 0 :]
            own = steps.view(len(steps), self.halves, self.ranks, -1)[:, :, self.rank].flatten(1)
            for row in own.tolist():
                yield [(epoch, number) for number in row]


def train_loader(
    dataset: TrainClips, epoch_sampler: EpochSampler, *, workers: int, pin_memory: bool = False
) -> DataLoader[Batch]:
    """Batches of all the steps that are left, across epochs, without a pause between two.

    Raises:
        UsageError: the batches that are read ahead do not fit into shared memory.
    """
    if workers and len(epoch_sampler):
        first = next(iter(epoch_sampler))
        require_shared_memory(dataset, first[0], len(first), workers, len(epoch_sampler))
    return ClipLoader(
        dataset, workers=workers, gather=gather, make=Batch, batch_sampler=epoch_sampler, pin_memory=pin_memory
    )


class EvalClips(Dataset[tuple[Tensor, int, int]]):
    """Evenly spaced clips for evaluation: uint8 [clips * crops, T, S, S, 3], the video's number, its label.

    One crop is the centre; three are spread evenly along the longer side. With `flow`, a fourth channel is the
    vertical flow of the same frames.
    """

    def __init__(
        self, videos: Sequence[Video], clip: Clip, *, clips: int = 10, crops: int = 1, flow: FlowFolder | None = None
    ) -> None:
        self.videos = videos
        self.clip = clip
        self.clips = clips
        self.crops = crops
        self.flow = flow

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, number: int) -> tuple[Tensor, int, int]:
        video = self.videos[number]
        with open_video(video.path) as reader:
            indices = sampler.uniform_clips(
                reader.num_frames, self.clips, frames=self.clip.frames, stride=self.clip.stride
            )
            frames = read_clips(video, reader, indices, self.clip.loaded_side, self.flow)
        return torch.cat(crop(frames, self.clip.size, self.crops)), number, video.label


def crop(frames: Tensor, size: int, crops: int) -> list[Tensor]:
    """`crops` squares of uint8 [N, T, H, W, 3], evenly spread over what the square leaves free."""
    free_h, free_w = frames.shape[2] - size, frames.shape[3] - size
    shares = [0.5] if crops == 1 else [i / (crops - 1) for i in range(crops)]
    boxes = [
        (round(free_h * (share if free_h >= free_w else 0.5)), round(free_w * (share if free_w > free_h else 0.5)))
        for share in shares
    ]
    return [frames[:, :, top : top + size, left : left + size] for top, left in boxes]


def eval_loader(dataset: EvalClips, *, batch_size: int, workers: int) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
    """Every video once, in order: clips uint8 [B, N, T, S, S, 3], number int64 [B], label int64 [B].

    Raises:
        UsageError: the batches that are read ahead do not fit into shared memory.
    """
    if workers and len(dataset):
        most, batches = min(batch_size, len(dataset)), math.ceil(len(dataset) / batch_size)
        require_shared_memory(dataset, 0, most, workers, batches)
    return ClipLoader(dataset, workers=workers, gather=gather_labelled, make=labelled, batch_size=batch_size)


def gather_labelled(samples: Sequence[tuple[Tensor, int, int]], empty: Empty) -> tuple[Tensor, ...]:
    """Clips, numbers and labels."""
    clips, number, label = zip(*samples, strict=True)
    out = empty((len(clips), *clips[0].shape))
    return torch.stack(clips, out=out), torch.tensor(number), torch.tensor(label)


def labelled(clips: Tensor, number: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The batch that they are."""
    return clips, number, label
