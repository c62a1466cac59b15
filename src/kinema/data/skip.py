"""Skip files: the videos that `kinema data check` found to be bad, and that training leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kinema.data.text_files import text_lines
from kinema.data.video import VideoList

AS_NAMED = "surrogateescape"
"""How Python has a file's name that is not UTF-8, so that it is written and read as it is on disk."""


def absolute(path: str | Path) -> str:
    """The spelling by which paths are compared: absolute, without `..`, links not followed."""
    return os.path.abspath(path)  # noqa: PTH100  # a path object takes several times as long, and a list may be long


def read_skip(path: str | Path) -> frozenset[str]:
    """The absolute paths in a skip file: one a line, relative ones from its own folder, `#` begins a comment line."""
    path = Path(path)
    lines = text_lines(path, errors=AS_NAMED)
    return frozenset(absolute(path.parent / line) for _, line in lines if not line.startswith("#"))


def without(videos: VideoList, skip: frozenset[str]) -> tuple[VideoList, int]:
    """The list without videos (present or missing) whose absolute path is in `skip`, and how many were left out."""
    if not skip:
        return videos, 0
    kept = tuple(video for video in videos.videos if absolute(video.path) not in skip)
    missing = tuple(video for video in videos.missing if absolute(video.path) not in skip)
    count = len(videos) - len(kept) + len(videos.missing) - len(missing)
    return replace(videos, videos=kept, missing=missing, skipped=videos.skipped + count), count


def write_skip(path: str | Path, bad: Iterable[tuple[str, str]]) -> None:
    """Write a skip file of (path, reason) pairs; each reason is the comment line above its path."""
    lines = [f"# {reason}\n{absolute(video)}\n" for video, reason in bad]
    Path(path).write_text("".join(lines), encoding="utf-8", errors=AS_NAMED)
