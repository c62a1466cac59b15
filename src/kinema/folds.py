"""Train and test lists that a run is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kinema.data import sources
from kinema.data.flow_folder import FlowFolder
from kinema.data.skip import absolute
from kinema.errors import UsageError
from kinema.evaluate.protocol import fingerprint
from kinema.own_data import relative_paths


@dataclass(frozen=True)
class Fold:
    """A train and a test list of the same classes."""

    train: sources.VideoList
    test: sources.VideoList

    def on_both_sides(self) -> int:
        """How many test videos are train videos too, which makes every figure of them too high."""
        train = {absolute(video.path) for video in self.train.videos}
        return sum(absolute(video.path) in train for video in self.test.videos)


def fold_of(pair: sources.Source, flow: FlowFolder | None = None) -> Fold:
    """The two sides of a data set that can be measured on.

    Raises:
        UsageError: it has no test part, or there is no flow of one of its videos.
        DataError: it has no labels, or one class only.
    """
    if pair.test is None:
        raise UsageError(f"{pair.name} has no test videos: give --data with a test part, or --train and --test")
    fold = Fold(sources.require_classes(pair.train), sources.require_classes(pair.test))
    if flow is not None:
        flow.require(video for side in (fold.train, fold.test) for video in side.videos)
    return fold


def list_fingerprint(lists: Sequence[sources.VideoList]) -> str:
    """`fingerprint` of all the lists' videos, with paths relative to the folder that holds them all."""
    videos = [video for each in lists for video in each.videos]
    return fingerprint(relative_paths(videos), [video.label for video in videos], lists[0].classes)
