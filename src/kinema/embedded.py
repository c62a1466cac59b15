"""What a folder of vectors holds already, by video, so that it is not made again and not lost unsaid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kinema.data.skip import absolute
from kinema.data.store import is_there
from kinema.data.video import Video
from kinema.errors import UsageError
from kinema.feature_store import identity
from kinema.parquet import damage_named, pyarrow, read_metadata

HALF = "half"
"""In the place of a part's digest, while some of its videos are still to be done."""


class Done(NamedTuple):
    """The windows of one video."""

    spans: list[tuple[float, float]]
    """Start and end of each, as they are written."""
    vectors: Tensor
    """float32 [W, D]."""


@dataclass(frozen=True)
class Embedded:
    """The videos of which a folder holds vectors: the mark of each (see `mark`) by its path, and where it is."""

    marks: Mapping[str, str]
    parts: Mapping[str, Path]

    def read(self, wanted: Iterable[str]) -> dict[str, Done]:
        """The windows of those of the wanted marks that are there.

        Raises:
            UsageError: a part is damaged.
        """
        path_of = {mark: path for path, mark in self.marks.items()}
        paths = {path_of[mark]: mark for mark in wanted if mark in path_of}
        found: dict[str, Done] = {}
        for part in sorted({self.parts[path] for path in paths}):
            here = {path: mark for path, mark in paths.items() if self.parts[path] == part}
            found |= {here[path]: done for path, done in _windows(part, here).items()}
        return found


def embedded(folder: Path) -> Embedded:
    """What the parts in a folder say that they hold.

    Raises:
        UsageError: a part is damaged.
    """
    marks, parts = {}, {}
    for part in sorted(folder.glob("part-*.parquet")):
        for path, mark in json.loads(read_metadata(part).get("marks", "{}")).items():
            marks[path], parts[path] = mark, part
    return Embedded(marks, parts)


def mark(video: Video) -> str:
    """What tells a video from others, and from what it was."""
    told = identity(Path(video.path)) if is_there(video.path) else video.path
    return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()[:16]


def require_listed(
    folder: Path, held: Embedded, marks: Iterable[str], listed: Sequence[Video], left_out: frozenset[str]
) -> list[str]:
    """The paths that the folder holds, which are not listed and whose files are gone; a listed one may have moved.

    Raises:
        UsageError: some that are not listed, nor left out by name, are there: their vectors would be lost.
    """
    known = frozenset(marks)
    places = left_out | {absolute(video.path) for video in listed}
    others = [path for path, each in held.marks.items() if each not in known and absolute(path) not in places]
    there = [path for path in others if is_there(path)]
    if there:
        raise UsageError(
            f"{folder} holds vectors of {len(there)} more videos, the first: {there[0]}, which would be lost: use "
            "another --out, give those videos too, or name them in a file for --skip"
        )
    return others


def _windows(part: Path, paths: Mapping[str, str]) -> dict[str, Done]:
    with damage_named(part):
        table = pyarrow().parquet.read_table(part, columns=["path", "start", "end", "vector"])
    column = table.column("vector").combine_chunks()
    flat = np.ascontiguousarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(table), -1)
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(table.column("path").to_pylist()):
        if path in paths:
            rows.setdefault(path, []).append(row)
    starts, ends = table.column("start").to_pylist(), table.column("end").to_pylist()
    return {
        path: Done([(starts[row], ends[row]) for row in those], torch.from_numpy(flat[those]))
        for path, those in rows.items()
    }


def part_path(folder: Path, number: int) -> Path:
    """The file of a part."""
    return folder / f"part-{number:05d}.parquet"


def digest(videos: Sequence[Video], marks: Sequence[str], classes: Sequence[str]) -> str:
    """What tells a part's rows from others: the videos as they are, their paths and their classes."""
    names = [classes[video.label] if video.label >= 0 else None for video in videos]
    lines = [[each, video.path, name] for each, video, name in zip(marks, videos, names, strict=False)]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def finished(folder: Path, number: int, expected: str) -> bool:
    """Whether a part is there, of these videos as they are now, all of which could be read."""
    path = part_path(folder, number)
    if not path.exists():
        return False
    told = read_metadata(path)
    return told.get("videos") == expected and told.get("failed") == "0"


def remove_parts(folder: Path, first: int) -> None:
    """Remove the parts from this number on, whose videos are in earlier ones or gone."""
    for part in folder.glob("part-*.parquet"):
        if int(part.stem.removeprefix("part-")) >= first:
            part.unlink()
