"""The network that made the vectors: vectors of videos that come from outside, and where it looks.

Letters: W windows, N clips of a window, T frames, S pixels a side, D length of a vector.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from kinema.data.decode import open_video
from kinema.data.loader import crop, read_clips
from kinema.data.video import Video
from kinema.data.windows import Windows, spans, window_clips
from kinema.errors import DataError
from kinema.loading import VideoEncoder
from kinema.serve.apart import apart
from kinema.serve.collection import Clip
from kinema.serve.previews import webp
from kinema.settings import Clip as ClipSettings
from kinema.vectors import vectors
from kinema.visualise.attention import attention_maps, overlay, require_map
from kinema.visualise.pictures import spread

WINDOWS = 32
"""Windows of an uploaded video that are looked at, evenly spaced, if it has more."""


@dataclass(frozen=True)
class Read:
    """What was read of a video."""

    clips: NDArray[np.uint8]
    """[W, N, T, S, S, 3]."""
    windows: int
    """That it has."""
    fps: float


class Network:
    """An encoder that one request at a time uses, and how videos are cut for it."""

    def __init__(self, encoder: VideoEncoder, windows: Windows) -> None:
        self.encoder = encoder
        self.windows = windows
        self.turn = threading.Lock()

    def vector(self, path: Path, *, called: str) -> tuple[NDArray[np.float32], str]:
        """float32 [D] of unit length, as `kinema embed` has it, the mean over windows; and what of it was left out.

        Raises:
            DataError: the video cannot be read, or not in time.
        """
        read = apart(partial(read_windows, clip=self.encoder.clip, windows=self.windows), path, called=called)
        with self.turn:
            found = vectors(self.encoder, torch.from_numpy(read.clips))
        seen = len(read.clips)
        left_out = f"{seen} of its {read.windows} windows were looked at" if seen < read.windows else ""
        return F.normalize(found.mean(dim=0), dim=0).numpy(), left_out

    def attention(self, clip: Clip, path: Path) -> bytes:
        """A WebP of the middle clip of a window, with the map of the last layer over it.

        Raises:
            DataError: the video cannot be read, or not in time.
            UsageError: the network has no map, or matplotlib is not installed.
        """
        require_map(self.encoder, self.encoder.clip)
        middle = partial(read_middle, clip=self.encoder.clip, span=(clip.start, clip.end))
        read = apart(middle, path, called=Path(clip.path).name)
        pixels = torch.from_numpy(read.clips[0, 0])  # [T, S, S, 3]
        with self.turn:
            [maps] = attention_maps(self.encoder, pixels[None])
        return webp(overlay(pixels, maps), 1000 * self.encoder.clip.stride / (read.fps or 10.0))


def read_windows(path: str, *, clip: ClipSettings, windows: Windows) -> Read:
    """The clips of a video, of at most `WINDOWS` of its windows."""
    with open_video(path) as reader:
        if windows.seconds is not None and reader.fps <= 0:
            raise DataError(f"{path} does not say how many frames a second it has, and the index is of windows")
        cut = spans(reader.num_frames, reader.fps, windows)
        some = [cut[place] for place in spread(WINDOWS, len(cut))]
        return Read(clips_of(path, reader, some, windows.clips, clip), len(cut), reader.fps)


def read_middle(path: str, *, clip: ClipSettings, span: tuple[float, float]) -> Read:
    """The one clip in the middle of a stretch of a video, in seconds; in frames where the rate is not known."""
    with open_video(path) as reader:
        rate = reader.fps if reader.fps > 0 else 1.0
        first = min(max(round(span[0] * rate), 0), reader.num_frames - 1)
        after = min(max(round(span[1] * rate), first + 1), reader.num_frames)
        return Read(clips_of(path, reader, [(first, after)], 1, clip), 1, reader.fps)


def clips_of(path: str, reader: Any, cut: list[tuple[int, int]], clips: int, clip: ClipSettings) -> NDArray[np.uint8]:
    """uint8 [W, N, T, S, S, 3], as `kinema embed` shows them to the network."""
    indices = torch.stack([window_clips(span, clips, clip) for span in cut])  # [W, N, T]
    frames = read_clips(Video(path), reader, indices.flatten(0, 1), clip.loaded_side, None)
    [cropped] = crop(frames, clip.size, 1)
    found: NDArray[np.uint8] = cropped.unflatten(0, indices.shape[:2]).numpy()  # type: ignore[no-untyped-call]
    return found
