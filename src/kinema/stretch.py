"""A stretch of a video as a contact sheet shows it: a few of its frames, and its name."""

from __future__ import annotations

import math

from torch import Tensor

from kinema.data.decode import open_video
from kinema.visualise.contact_sheet import FRAMES
from kinema.visualise.pictures import spread


def short(path: str) -> str:
    """A file's name with its folder, its beginning cut off if it is long."""
    name = "/".join(path.replace("\\", "/").split("/")[-2:])
    return name if len(name) <= 48 else f"…{name[-47:]}"


def frames(path: str, start: float, end: float | None) -> Tensor:
    """uint8 [T, H, W, 3]: `FRAMES` evenly spaced ones of a stretch of a video, or the one that it begins with.

    Raises:
        DataError: the video cannot be read.
    """
    with open_video(path) as reader:
        rate = reader.fps if reader.fps > 0 else 1.0
        first = min(round(start * rate), reader.num_frames - 1)
        after = reader.num_frames if end is None or end == math.inf else min(round(end * rate), reader.num_frames)
        count = max(after - first, 1)
        return reader.at([first + place for place in spread(FRAMES, count)])
