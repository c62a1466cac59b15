"""Windows that are shorter than the clip a network was made for: refused before any work, counted where they stay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kinema.data.decode import open_video
from kinema.data.video import Video
from kinema.data.windows import Windows
from kinema.errors import DataError, UsageError
from kinema.settings import Clip
from kinema.vectors import Found

LOOKED_AT = 8
"""Videos whose frame rate is looked up, evenly spaced in the list; sets rarely have more than two."""


def refuse_short(windows: Windows, clip: Clip, videos: Sequence[Video]) -> None:
    """Raise UsageError if windows of a video have fewer frames than a clip spans, so that it would repeat one."""
    if windows.seconds is None:
        return
    count = min(LOOKED_AT, len(videos))
    for video in (videos[number * len(videos) // count] for number in range(count)):
        try:
            with open_video(video.path) as reader:
                rate = reader.fps
        except DataError:  # embedding names it, where it comes to it
            continue
        frames = max(round(windows.seconds * rate), 1)
        if rate > 0 and frames < clip.span:
            raise UsageError(
                f"--window {windows.seconds:g} is {frames} frames of {video.path}, and a clip of this network spans "
                f"{clip.span}: give --window {math.ceil(100 * clip.span / rate) / 100:g} or more, or --allow-short to "
                "have a frame repeated"
            )


@dataclass
class Short:
    """Counts what is shorter than a clip, among pieces that pass."""

    count: int = 0

    def counted(self, pieces: Iterable[Found]) -> Iterator[Found]:
        """The same pieces."""
        for piece in pieces:
            self.count += piece.short
            yield piece

    def told(self, windows: Windows, clip: Clip) -> str:
        """A line for people; empty if there was none."""
        if not self.count:
            return ""
        one, many = ("video", "videos") if windows.seconds is None else ("window", "windows")
        what = f"1 {one} is" if self.count == 1 else f"{self.count} {many} are"
        return f"{what} shorter than the {clip.span} frames that a clip of this network spans: a frame is repeated"
