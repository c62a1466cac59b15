"""Whether videos are as long as what a method reads of one, found before the first step."""

from __future__ import annotations

from collections.abc import Sequence

from kinema.data.decode import open_video
from kinema.data.video import Video
from kinema.errors import DataError, UsageError
from kinema.methods.base import Method
from kinema.sampler import Reaching

LOOKED_AT = 64
"""Videos whose length is looked up, from the first of a list to its last: enough to tell few from many."""


def what_is_too_short(method: Method, videos: Sequence[Video]) -> str:
    """A line for people where some videos are too short for what a method reads of one; else nothing.

    Raises:
        UsageError: none that was looked at is long enough, and there is then little that the method could learn.
    """
    draw, name = method.draw, method.recipe.method.name
    if not isinstance(draw, Reaching):
        return ""
    found = lengths(videos)
    short = [length for length in found if length < draw.reach]
    if not short:
        return ""
    change = f"lower {draw.lowered_by}"
    if max(found) < draw.least:
        raise UsageError(
            f"{name} needs {draw.least} frames of a video, and the longest of {len(found)} videos looked at has "
            f"{max(found)}: {change}"
        )
    return (
        f"{len(short)} of {len(found)} videos looked at are shorter than the stretch of {draw.reach} frames that "
        f"{name} reads, down to {min(short)}, and {draw.shorter}: {change}, or leave them out with --skip"
    )


def lengths(videos: Sequence[Video]) -> list[int]:
    """Frames of up to `LOOKED_AT` videos, evenly spaced in the list, of those that can be opened."""
    count = min(LOOKED_AT, len(videos))
    found = []
    for number in range(count):
        try:
            with open_video(videos[number * len(videos) // count].path) as reader:
                found.append(reader.num_frames)
        except DataError:  # training names it, where it comes to it
            continue
    return found
