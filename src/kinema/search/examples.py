"""What a search is made with: videos, stretches of them, frames and pictures, each as a vector.

kick.mp4         the whole video
kick.mp4@2-4     from second 2 to second 4; minutes as 1:05; `@2-` goes on to the end
kick.mp4@3       the frame at second 3
kick.jpg         a picture
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.data.container import refuse_non_video, still_image
from kinema.data.decode import open_video
from kinema.data.fitting import fit
from kinema.data.loader import crop, read_clips
from kinema.data.read_frames import is_image, read_still
from kinema.data.reader import Reader
from kinema.data.store import is_there, refuse_absent
from kinema.data.video import Video
from kinema.data.windows import Windows, spans, window_clips
from kinema.errors import DataError, UsageError
from kinema.loading import VideoEncoder
from kinema.vectors import vectors

_TIME = r"(?:\d+:){0,2}\d+(?:\.\d+)?"
_TIMES = re.compile(rf"(?P<start>{_TIME})(?P<range>-(?P<end>{_TIME})?)?")
_PAST_THE_END = 0.1
"""Seconds by which a range may end after its video: times are rounded where they are read."""


@dataclass(frozen=True)
class Example:
    """A video, or a picture; with `start` and `end` a stretch of a video, with `start` alone the frame there."""

    path: str
    start: float | None = None
    """Seconds, as `end`; frames where the rate is not known (a folder of images)."""
    end: float | None = None

    def __str__(self) -> str:
        if self.start is None or self.end is None:
            return self.path if self.start is None else f"{self.path}@{self.start:g}"
        return f"{self.path}@{self.start:g}-{'' if self.end == math.inf else format(self.end, 'g')}"


def parse(text: str) -> Example:
    """An example as a person writes it.

    Raises:
        UsageError: it is empty, there is no such file, or what follows the @ is no time.
        DataError: it is no video.
    """
    if not text.strip():
        raise UsageError("an empty query: give a video, a stretch of one as FILE@2-4, a frame as FILE@3, or a picture")
    file, mark, times = text.rpartition("@")
    if not mark or is_there(text):
        refuse_unfit(Path(text))
        return Example(text)
    found = _TIMES.fullmatch(times)
    if not file or found is None:
        raise UsageError(f"'{text}': '{times}' is no time: write FILE@2-4 for seconds 2 to 4, FILE@3 for a frame")
    refuse_unfit(Path(file))
    start = seconds(found["start"])
    if found["range"] is None:
        return Example(file, start)
    end = seconds(found["end"]) if found["end"] else math.inf
    if end <= start:
        raise UsageError(f"'{text}': the range ends before it begins: write FILE@2-4 for seconds 2 to 4")
    return Example(file, start, end)


def refuse_unfit(path: Path) -> None:
    """Raise UsageError unless there is a file, a folder of frames or a packed video; DataError if it is no video."""
    refuse_absent(path)
    if path.is_dir() and not any(is_image(each.name) for each in path.iterdir()):
        raise UsageError(f"{path}: a folder without frames: give the videos that are in it, or some of them")
    if path.exists() and not path.is_dir() and not (path.is_file() and still_image(path)):
        refuse_non_video(path)


def seconds(text: str) -> float:
    """Of a time as 65, 65.5, 1:05 or 0:01:05."""
    found = 0.0
    for part in text.split(":"):
        found = 60 * found + float(part)
    return found


def vector_of(example: Example, encoder: VideoEncoder, windows: Windows, say: Callable[[str], None]) -> Tensor:
    """float32 [D] of unit length: the mean over the windows into which `kinema embed` would cut the example.

    Raises:
        UsageError: it is beyond the end of its video, or a still for a network that sees nothing but change.
        DataError: it cannot be read.
    """
    path = Path(example.path)
    if path.is_file() and still_image(path):
        if example.start is not None:
            raise UsageError(f"{example}: a picture has no times: give it as {path}")
        return still(read_still(path), example, encoder, say)
    with open_video(path) as reader:
        rate = reader.fps if reader.fps > 0 else 1.0
        first, after = stretch(example, reader, rate)
        if example.start is not None and example.end is None:
            return still(reader.at([first])[0], example, encoder, say)
        if windows.seconds is not None and reader.fps <= 0:
            raise DataError(f"{path} does not say how many frames a second it has, and the index is of windows")
        cut = [(first + start, first + end) for start, end in spans(after - first, reader.fps, windows)]
        found = [window_vector(span, path, reader, encoder, windows) for span in cut]
    return F.normalize(torch.stack(found).mean(dim=0), dim=0)


def stretch(example: Example, reader: Reader, rate: float) -> tuple[int, int]:
    """The example's first frame, and the one after its last."""
    start, end, length = example.start or 0.0, example.end, reader.num_frames / rate
    if start >= length or (end is not None and length + _PAST_THE_END < end < math.inf):
        raise UsageError(f"{example}: the video ends at {length:.2f}: give times before that")
    first = min(round(start * rate), reader.num_frames - 1)
    after = reader.num_frames if end is None else min(round(min(end, length) * rate), reader.num_frames)
    return first, max(after, first + 1)


def window_vector(span: tuple[int, int], path: Path, reader: Reader, encoder: VideoEncoder, windows: Windows) -> Tensor:
    """float32 [D], as `kinema embed` has it for this window."""
    indices = window_clips(span, windows.clips, encoder.clip)
    frames = read_clips(Video(str(path)), reader, indices, encoder.clip.loaded_side, None)
    [clips] = crop(frames, encoder.clip.size, 1)
    return vectors(encoder, clips[None])[0]


def still(pixels: Tensor, example: Example, encoder: VideoEncoder, say: Callable[[str], None]) -> Tensor:
    """float32 [D]: of a clip that repeats one picture, uint8 [H, W, 3]."""
    if encoder.view == "residual":
        raise UsageError(f"{example}: a still, but these vectors are of residuals, in which nothing of it is left")
    say(f"{example}: a still, searched for as a clip of {encoder.clip.frames} equal frames, in which nothing moves")
    [clip] = crop(fit(pixels[None], encoder.clip.loaded_side)[None], encoder.clip.size, 1)
    return vectors(encoder, clip[None].expand(-1, -1, encoder.clip.frames, -1, -1, -1))[0]


def combined(wanted: Tensor, unwanted: Tensor) -> Tensor:
    """float32 [D] of unit length: the mean of unit vectors [P, D], minus that of unwanted ones [N, D] if there are any.

    Raises:
        UsageError: nothing is left.
    """
    found = wanted.mean(dim=0)
    if len(unwanted):
        found = found - unwanted.mean(dim=0)
    if found.norm() < 1e-6:
        raise UsageError("the wanted and the unwanted examples cancel out: give other ones")
    return F.normalize(found, dim=0)
