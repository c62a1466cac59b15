"""Videos cut into windows for embedding: whole, or so many seconds every so often.

With windows of 4 s every 2 s, a video of 9 s::

    seconds   0  1  2  3  4  5  6  7  8  9
    windows   [----------]
                    [----------]
                          [----------]
                                [------]   what is left, if it is half a window or more

Letters: W windows, N clips of a window, T frames, S pixels a side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from kinema import sampler
from kinema.data.decode import open_video
from kinema.data.loader import crop, read_clips
from kinema.data.reader import Reader
from kinema.data.video import Video
from kinema.errors import DataError
from kinema.settings import Clip

AT_A_TIME = 32
"""Clips of a video that are in memory at once."""


@dataclass(frozen=True)
class Windows:
    """How videos are cut."""

    seconds: float | None = None
    """Length of a window; `None` takes each video whole."""
    hop: float | None = None
    """From the start of one to that of the next; `None` lays them end to end."""
    clips: int = 10
    """Evenly spaced clips of a window, whose features are averaged."""


@dataclass(frozen=True)
class Piece:
    """Some windows of one video, in order."""

    video: int
    """Its number in the list."""
    spans: tuple[tuple[float, float], ...]
    """Start and end of each, in seconds; frames where the rate is not known."""
    clips: Tensor
    """uint8 [W, N, T, S, S, 3]."""
    last: bool
    """Whether the video ends with it."""
    problem: str = ""
    """Why nothing more of this video can be read."""
    short: int = 0
    """How many of the windows have fewer frames than a clip spans, and repeat their first one."""


def spans(num_frames: int, fps: float, windows: Windows) -> list[tuple[int, int]]:
    """First frame and the one after the last of each window."""
    if windows.seconds is None:
        return [(0, num_frames)]
    length = max(round(windows.seconds * fps), 1)
    hop = length if windows.hop is None else max(round(windows.hop * fps), 1)
    found = [(start, min(start + length, num_frames)) for start in range(0, num_frames, hop)]
    return [(start, end) for start, end in found if start == 0 or 2 * (end - start) >= length]


class WindowClips(IterableDataset[Piece]):
    """The windows of every video; each reading process takes every so many videos of the list."""

    def __init__(self, videos: Sequence[tuple[int, Video]], clip: Clip, windows: Windows) -> None:
        self.videos = videos
        self.clip = clip
        self.windows = windows

    def __iter__(self) -> Iterator[Piece]:
        worker = get_worker_info()
        first, every = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number, video in self.videos[first::every]:
            try:
                with open_video(video.path) as reader:
                    yield from self.pieces(number, video, reader)
            except DataError as problem:
                yield Piece(number, (), torch.empty(0, dtype=torch.uint8), True, str(problem))

    def pieces(self, number: int, video: Video, reader: Reader) -> Iterator[Piece]:
        """A video's windows, a few at a time."""
        if self.windows.seconds is not None and reader.fps <= 0:
            raise DataError(f"{video.path} does not say how many frames a second it has: embed it whole, as one window")
        rate = reader.fps if reader.fps > 0 else 1.0
        all_spans = spans(reader.num_frames, reader.fps, self.windows)
        step = max(AT_A_TIME // self.windows.clips, 1)
        for place in range(0, len(all_spans), step):
            some = all_spans[place : place + step]
            indices = torch.stack([window_clips(span, self.windows.clips, self.clip) for span in some])  # [W, N, T]
            frames = read_clips(video, reader, indices.flatten(0, 1), self.clip.loaded_side, None)
            [clips] = crop(frames, self.clip.size, 1)
            yield Piece(
                number,
                tuple((start / rate, end / rate) for start, end in some),
                clips.unflatten(0, indices.shape[:2]),  # type: ignore[no-untyped-call]
                place + step >= len(all_spans),
                short=sum(end - start < self.clip.span for start, end in some),
            )


def window_clips(span: tuple[int, int], clips: int, clip: Clip) -> Tensor:
    """int64 [N, T]: evenly spaced clips between two frames, as evaluation spaces them in a video."""
    start, end = span
    return start + sampler.uniform_clips(end - start, clips, frames=clip.frames, stride=clip.stride)
