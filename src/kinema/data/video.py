"""A video as the rest of kinema knows it: where it is, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Video:
    """A video file, or a folder of frames."""

    path: str
    """A file, or a folder of images that are the frames."""
    label: int = -1
    """The class, an index into `VideoList.classes`; -1 where nothing is known."""
    group: str = ""
    """What it was cut from or who is in it: videos of one group must not be on both sides of a split. "" if unknown."""
