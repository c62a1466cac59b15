"""A data set packed for quick reading: all its videos' frames, already small, in a few large files.

```
store/
  store.json             how it was packed, and its lists
  videos.npy             a row a video: where its frames are, how many, their size, and what they were made of
  lookup.npy             64 bits of each name, ascending, and below them the videos' rows
  names.bin              the videos' paths and groups
  train.npy test.npy     the lists: a row a video, with label and group; train.2.npy for a second official split
  shards/007.bin         frames, one video after another
  shards/007.json        what is in the shard, by which an interrupted `kinema data pack` goes on
```

A video in a store has a path like any other: `store/run/a.mp4` for what was `data/run/a.mp4`. A shard holds a video's
frames, each a JPEG or H x W x 3 bytes, then a table: the end of each frame (JPEG only) and a checksum of each. Frames
are read where they lie, with no more of the file than they need. The index is mapped into memory, so that opening it
takes no longer for a large set, and reading processes share it. Numbers are little-endian.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from kinema.errors import UsageError

MANIFEST = "store.json"
FORMAT = 1
Kind = Literal["jpeg", "raw"]

VIDEO = np.dtype(
    [
        ("name_at", "<u8"),
        ("name_bytes", "<u4"),
        ("shard", "<u4"),
        ("offset", "<u8"),
        ("size", "<u8"),
        ("frames", "<u4"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("fps", "<f8"),
        ("source_bytes", "<u8"),
        ("source_digest", "S32"),
    ]
)
"""A row of videos.npy; `offset` and `size` are the record's in its shard, `source_*` are of the file it was made of."""
ENTRY = np.dtype([("video", "<u4"), ("label", "<i4"), ("group_at", "<u8"), ("group_bytes", "<u4")])
"""A row of a list: which video, its label and its group."""

Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.void]]"


@dataclass(frozen=True)
class Packing:
    """How frames were packed."""

    kind: Kind
    short_side: int
    """Shorter side of the frames in pixels."""
    quality: int | None
    """Of the JPEGs, 1 to 100; None for raw frames."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """The content of store.json.

    Raises:
        UsageError: it is damaged or of another version.
    """
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise UsageError(f"{path} has format {content['format']}, not {FORMAT}: pack the videos anew")
        return content
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise UsageError(f"{path} is damaged ({problem!r}): pack the videos anew, into another folder") from problem


def mapped(path: Path, dtype: np.dtype[Any]) -> Rows:
    """An array on disk, mapped into memory; raises ValueError if it is none, or has other columns."""
    try:
        rows: Rows = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))  # a memmap object is slow to index
    except EOFError:
        raise ValueError(f"{path.name} is empty") from None
    if rows.dtype != dtype:
        raise ValueError(f"{path.name} has other columns")
    return rows


def shard_file(number: int) -> str:
    """A shard's path in the store."""
    return f"shards/{number:04d}.bin"


def name_hash(name: str) -> int:
    """64 bits by which names are looked up."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
