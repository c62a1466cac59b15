"""Videos and lists of them, as the rest of kinema knows them."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Missing:
    """A video that a list names and that is not there."""

    path: str
    where: str
    """The file and line that name it, `train.csv:17`."""


@dataclass(frozen=True)
class VideoList:
    """One side of a data set: what is trained on, or what is tested on."""

    videos: Sequence[Video]
    classes: tuple[str, ...]
    """Class names by label; empty if the videos have no labels."""
    name: str
    """For people and result files: `asl18/train`."""
    missing: tuple[Missing, ...] = ()
    """Listed videos that are not there; only where the caller allowed them to be missing."""
    skipped: int = 0
    """Videos left out because a skip file names them."""

    def __len__(self) -> int:
        return len(self.videos)


@dataclass(frozen=True)
class Source:
    """What was found at a path: a data set with one side or two."""

    name: str
    kind: str
    """The layout that was recognised: list, lists, folders, train and test folders, flat, ucf101, hmdb51, kinetics."""
    train: VideoList
    """The training side; the whole data set where it has only one."""
    test: VideoList | None
    split: int | None
    """The official split's number; None for layouts without splits."""

    def sides(self) -> dict[str, VideoList]:
        """The lists by the name of their side, as `kinema.data.check.check` takes them."""
        return {"train": self.train} | ({} if self.test is None else {"test": self.test})
