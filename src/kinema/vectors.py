"""Videos to vectors: by this process from what others read, or by whoever a `Spread` gives a video to.

Either way a vector is the same: a video's windows are shown to the network in the same few at a time.

Letters: W windows, N clips of a window, T frames, S pixels a side, D length of a feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.data.ahead import Loader
from kinema.data.spread import Spread
from kinema.data.video import Video
from kinema.data.windows import Piece, WindowClips, Windows
from kinema.loading import VideoEncoder, View, load


class Numbered(NamedTuple):
    """A video and its number in the list."""

    number: int
    video: Video

    def __str__(self) -> str:
        return self.video.path


@dataclass(frozen=True)
class Found:
    """The vectors of some windows of one video, in order."""

    video: int
    """Its number in the list."""
    spans: tuple[tuple[float, float], ...]
    """Start and end of each, in seconds; frames where the rate is not known."""
    vectors: Tensor
    """float32 [W, D]."""
    last: bool
    """Whether the video ends with it."""
    problem: str = ""
    """Why nothing more of this video can be read."""
    short: int = 0
    """How many of the windows have fewer frames than a clip spans."""


@torch.inference_mode()
def vectors(encoder: VideoEncoder, clips: Tensor, *, autocast: bool = False) -> Tensor:
    """float32 [W, D] of unit length, of windows uint8 [W, N, T, S, S, 3]: the mean over a window's clips.

    With `autocast` the network computes in bf16.
    """
    device = next(encoder.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
        features = encoder(clips.flatten(0, 1).to(device))
    return F.normalize(features.view(*clips.shape[:2], -1).mean(dim=1), dim=1).cpu()


def embed_here(
    encoder: VideoEncoder, videos: Sequence[Numbered], windows: Windows, workers: int, *, autocast: bool = False
) -> Iterator[Found]:
    """The windows of every video as they are read by so many processes; those of one video are in order."""
    clips = WindowClips(videos, encoder.clip, windows)
    loader: Loader[Piece] = Loader(clips, workers=min(workers, len(videos)), batch_size=None)
    for piece in loader:
        yield found(encoder, piece, autocast=autocast)


def embed_spread(
    spread: Spread, run: str, view: View | None, videos: Sequence[Numbered], windows: Windows
) -> Iterator[Found]:
    """The windows of every video, in the order of the list, of whoever `spread` gives the videos to."""
    for some in spread(Embedder(run, view, windows), videos):
        yield from some


@dataclass(frozen=True)
class Embedder:
    """Work for a `Spread`: a video's vectors, on a CPU."""

    run: str
    view: View | None
    windows: Windows

    def __call__(self, item: Numbered) -> list[Found]:
        """The windows of one video."""
        encoder = opened(self.run, self.view)
        return [found(encoder, piece) for piece in WindowClips([item], encoder.clip, self.windows)]


@cache
def opened(run: str, view: View | None) -> VideoEncoder:
    """A run's encoder, read once a process."""
    return load(run, view=view).eval()


def found(encoder: VideoEncoder, piece: Piece, *, autocast: bool = False) -> Found:
    """A piece's vectors."""
    none = torch.empty(0, encoder.length)
    made = none if piece.problem else vectors(encoder, piece.clips, autocast=autocast)
    return Found(piece.video, piece.spans, made, piece.last, piece.problem, piece.short)
