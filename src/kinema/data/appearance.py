"""What a video looks like, apart from how it moves: a thumbnail of its mean frame.

Letters: V videos, A = 108 numbers of a thumbnail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from kinema.data.ahead import Loader
from kinema.data.decode import open_video
from kinema.data.video import Video

SIDE = 6
"""Cells a side of the thumbnail: enough for colours and their layout, too few for a pose."""
FRAMES = 8
"""Frames that the mean is taken over, evenly spread."""
SIZE = SIDE * SIDE * 3


class Thumbnails(Dataset[Tensor]):
    """uint8 [A] of each video: the mean over `FRAMES` frames and over each cell of a `SIDE` x `SIDE` grid, in RGB."""

    def __init__(self, videos: Sequence[Video]) -> None:
        self.videos = videos

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, number: int) -> Tensor:
        with open_video(self.videos[number].path) as reader:
            places = torch.linspace(0, reader.num_frames - 1, min(FRAMES, reader.num_frames)).round().long()
            frames = reader.at(places.tolist())  # uint8 [n, H, W, 3]
        mean = frames.float().mean(dim=0).permute(2, 0, 1)  # [3, H, W]
        return F.adaptive_avg_pool2d(mean, SIDE).round().to(torch.uint8).flatten()


def appearance(videos: Sequence[Video], *, workers: int, progress: Callable[[int, int], None] | None = None) -> Tensor:
    """uint8 [V, A]: every video's thumbnail, in order.

    Raises:
        DataError: a video cannot be read.
    """
    loader: Loader[Tensor] = Loader(Thumbnails(videos), workers=workers, batch_size=16)
    found: list[Tensor] = []
    for block in loader:
        found += block
        if progress is not None:
            progress(len(found), len(videos))
    return torch.stack(found)
