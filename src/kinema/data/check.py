"""Finding out before training what is wrong with a data set.

Problems by kind:

    missing            a list names it, and it is not there
    empty              0 bytes
    truncated          the file holds less than its container promises
    unreadable         no video, or some frame cannot be decoded, or the decoder crashes on it
    too slow           takes longer to read than it may
    duplicate          the same content, byte for byte, as an earlier video of the list
    content leakage    the same content on two sides
    group leakage      a group (UCF101's gXX, a person, a source) on two sides
    padded             shorter than a clip, so its first frame is repeated
    one class          a labelled list with a single class, of no use to evaluation

The first five make a file bad: it goes into the skip file. What to do about duplicates and leakage is for people to
decide. The last two are warnings.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from kinema.data.inspection import Inspection, Progress, inspect_files
from kinema.data.limit import SECONDS
from kinema.data.skip import write_skip
from kinema.data.spread import Spread
from kinema.data.video import Video, VideoList

BAD = ("missing", "empty", "truncated", "unreadable", "too slow")
"""Kinds of problem that make a file useless."""
WARNINGS = ("padded", "one class")
"""Kinds that need no action."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    path: str
    """The video; for `one class` the list's name."""
    kind: str
    detail: str
    """One line for people."""


@dataclass(frozen=True)
class Summary:
    """One side of the data set in figures; all but `videos` and `missing` are of the readable videos."""

    videos: int
    """Videos listed, missing ones included."""
    missing: int
    readable: int
    classes: int
    """Classes that occur; 0 without labels."""
    frames: int
    seconds: float
    num_bytes: int
    frames_shortest: int
    frames_median: float
    frames_longest: int
    sizes: dict[str, int]
    """Videos by `width x height` in pixels, the commonest first."""


@dataclass(frozen=True)
class Report:
    """What `check` found."""

    problems: tuple[Problem, ...]
    sides: dict[str, Summary]
    frames_needed: int
    """Frames that a clip spans."""

    @property
    def ok(self) -> bool:
        """True if there are at most warnings."""
        return all(problem.kind in WARNINGS for problem in self.problems)

    @property
    def bad_paths(self) -> tuple[str, ...]:
        """Videos that cannot be used, each once."""
        return tuple(dict.fromkeys(problem.path for problem in self.problems if problem.kind in BAD))

    def write_skip(self, path: str | Path) -> int:
        """Write `bad_paths` with reasons, as `kinema.data.skip.read_skip` reads them; returns how many there are."""
        bad = {problem.path: problem.kind for problem in self.problems if problem.kind in BAD}
        write_skip(path, bad.items())
        return len(bad)

    def to_json(self) -> dict[str, Any]:
        """The report in plain types."""
        return asdict(self) | {"ok": self.ok, "bad_paths": list(self.bad_paths)}


def no_progress(done: int, total: int) -> None:
    """The default: tell nobody."""


def check(
    lists: Mapping[str, VideoList],
    *,
    frames_needed: int,
    workers: int = 1,
    spread: Spread | None = None,
    seconds: float = SECONDS,
    progress: Progress = no_progress,
) -> Report:
    """Read every video of the lists from end to end and compare the lists with each other.

    Args:
        lists: by side, `Source.sides()`; read with `allow_missing=True` to have missing videos reported too.
        frames_needed: frames that a clip spans, `Clip.span`.
        workers: processes; each file is decoded completely and hashed in one of them. With 0 this process does it, and
            no file is too slow.
        seconds: a file that takes longer is too slow; 0 for no limit.
        spread: who does that in the place of processes here, such as `kinema.data.on_ray.OnRay`, without a limit.
        progress: called after each file with the number done and the number of all.
    """
    paths = list(dict.fromkeys(video.path for side in lists.values() for video in side.videos))
    found = inspect_files(paths, workers=workers, progress=progress, seconds=seconds, spread=spread)
    problems: list[Problem] = []
    for side in lists.values():
        problems += [Problem(lost.path, "missing", f"{lost.where}: no file {lost.path}") for lost in side.missing]
        problems += _files(side, found, frames_needed)
        problems += _duplicates(side, found)
        problems += _one_class(side)
    for (name, side), (other_name, other) in combinations(lists.items(), 2):
        problems += _content_leakage(name, side, other_name, other, found)
        problems += _group_leakage(name, side, other_name, other)
    summaries = {name: _summary(side, found) for name, side in lists.items()}
    return Report(tuple(dict.fromkeys(problems)), summaries, frames_needed)


def _files(side: VideoList, found: Mapping[str, Inspection], frames_needed: int) -> Iterator[Problem]:
    for video in side.videos:
        file = found[video.path]
        if file.kind:
            yield Problem(video.path, file.kind, file.detail)
        elif file.num_frames < frames_needed:
            yield Problem(
                video.path, "padded", f"{video.path}: {file.num_frames} frames, but a clip spans {frames_needed}"
            )


def _duplicates(side: VideoList, found: Mapping[str, Inspection]) -> Iterator[Problem]:
    first: dict[str, Video] = {}
    for video in side.videos:
        digest = found[video.path].digest
        earlier = first.setdefault(digest, video) if digest else video
        if earlier is not video:
            what = "listed twice" if earlier.path == video.path else f"same content as {earlier.path}"
            labels = "" if earlier.label == video.label else ", with another label"
            yield Problem(video.path, "duplicate", f"{video.path}: {what}{labels}")


def _one_class(side: VideoList) -> Iterator[Problem]:
    labels = {video.label for video in side.videos} - {-1}
    if len(labels) == 1:
        name = side.classes[labels.pop()]
        yield Problem(side.name, "one class", f"{side.name}: every video is of the class '{name}'")


def _content_leakage(
    name: str, side: VideoList, other_name: str, other: VideoList, found: Mapping[str, Inspection]
) -> Iterator[Problem]:
    elsewhere = {found[video.path].digest: video.path for video in reversed(other.videos)}
    for video in side.videos:
        digest = found[video.path].digest
        if digest and digest in elsewhere:
            yield Problem(
                video.path,
                "content leakage",
                f"{video.path} ({name}): same content as {elsewhere[digest]} ({other_name})",
            )


def _group_leakage(name: str, side: VideoList, other_name: str, other: VideoList) -> Iterator[Problem]:
    first: dict[str, str] = {}
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for here, videos in ((name, side.videos), (other_name, other.videos)):
        for video in videos:
            if video.group:
                first.setdefault(video.group, video.path)
                count[video.group][here] += 1
    for group, sides in count.items():
        if len(sides) == 2:
            where = " and ".join(f"{number} videos in {here}" for here, number in sides.items())
            yield Problem(first[group], "group leakage", f"group '{group}' is on both sides: {where}")


def _summary(side: VideoList, found: Mapping[str, Inspection]) -> Summary:
    files = [file for video in side.videos if not (file := found[video.path]).kind]
    lengths = [file.num_frames for file in files] or [0]
    return Summary(
        videos=len(side) + len(side.missing),
        missing=len(side.missing),
        readable=len(files),
        classes=len({video.label for video in side.videos} - {-1}),
        frames=sum(lengths),
        seconds=sum(file.seconds for file in files),
        num_bytes=sum(file.num_bytes for file in files),
        frames_shortest=min(lengths),
        frames_median=float(median(lengths)),
        frames_longest=max(lengths),
        sizes=dict(Counter(f"{file.width}x{file.height}" for file in files).most_common()),
    )
