"""What a run records of the videos it is trained on, and how the same videos are found again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinema.data import sources
from kinema.data.flow_folder import FlowFolder
from kinema.data.skip import absolute
from kinema.data.store import source_bytes
from kinema.data.video import Video
from kinema.errors import UsageError
from kinema.run import Run, same_videos

SIZED = 1000
"""Files whose sizes are recorded: enough to tell two sets of equal names apart, few enough for a slow disk."""


def describe(
    listed: sources.VideoList,
    data: str | Path,
    split: int,
    skip: frozenset[str] = frozenset(),
    flow: FlowFolder | None = None,
) -> dict[str, Any]:
    """The record: where the videos are, how many, which were left out, what tells them from others; and their flow."""
    shown = {} if flow is None else {"flow": {"path": str(flow.folder.resolve()), **asdict(flow.making)}}
    return shown | {
        "path": str(Path(data).resolve()),
        "split": split,
        "name": listed.name,
        "videos": len(listed.videos),
        "classes": len(listed.classes),
        "skip": sorted(skip),
        "digest": list_digest(listed),
        "sizes": sizes(listed),
    }


def list_digest(listed: sources.VideoList) -> str:
    """A digest of the paths below their common folder, in their order, since a bank's rows depend on it."""
    names = relative_paths(listed.videos)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def relative_paths(videos: Sequence[Video]) -> list[str]:
    """The videos' paths below the folder that holds them all, which do not change when that is moved."""
    paths = [absolute(video.path) for video in videos]
    top = os.path.commonpath({path.rpartition("/")[0] or "/" for path in paths})
    return [path[len(top) :].lstrip("/") for path in paths]


def sizes(listed: sources.VideoList) -> list[int]:
    """Bytes of up to `SIZED` of the files, evenly spread, before they were packed; 0 for a folder of frames."""
    return [source_bytes(video.path) for video in listed.videos[:: -(-len(listed.videos) // SIZED)]]


def reopen(run: Run, instead: str = "give --data, or --train and --test") -> sources.Source:
    """The data set that a run was trained on; `instead` is what a user can do where it is not.

    Raises:
        UsageError: other videos lie at its place now, or the run was trained elsewhere.
    """
    if run.converted is not None:
        raise UsageError(f"{run.folder} was converted, and what it was trained on is not here: {instead}")
    data = run.data
    source = sources.read_source(data["path"], split=data["split"], skip=frozenset(data.get("skip", ())))
    if not same_videos(data, {"digest": list_digest(source.train), "sizes": sizes(source.train)}):
        raise UsageError(
            f"{data['path']} no longer holds the {data['videos']} videos that {run.folder} was trained on: {instead}"
        )
    return source
