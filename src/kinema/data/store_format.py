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

import re
import warnings
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from kinema.archive import NO_ARRAYS
from kinema.errors import UsageError
from kinema.json_file import read_json

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

LIST_FILE = re.compile(r"\w+(\.\d+)?\.npy")
"""Names of lists; one leads nowhere else."""

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
        content: dict[str, Any] = read_json(path)
        if content["format"] != FORMAT:
            raise UsageError(f"{path} has format {content['format']!r}, not {FORMAT}: pack the videos anew")
        check_manifest(content)
        return content
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as problem:
        raise UsageError(f"{path} is damaged ({problem!r}): pack the videos anew, into another folder") from problem


def check_manifest(content: dict[str, Any]) -> None:
    """Raise ValueError or KeyError unless a manifest says what it should, of files that are in the store's folder."""
    packing = Packing(**content["packing"])
    sizes = [packing.short_side, *([] if packing.quality is None else [packing.quality])]
    if packing.kind not in get_args(Kind) or not all(type(each) is int and each > 0 for each in sizes):
        raise ValueError(f"packing {content['packing']}")
    if not content["complete"]:
        return
    names = [content["name"], content["layout"], *content["classes"]]
    for split, sides in content["splits"].items():
        names += [split, *(name for _, name in sides.values())]
        if "train" not in sides or not all(LIST_FILE.fullmatch(file) for file, _ in sides.values()):
            raise ValueError(f"lists {sides}")
    if not content["splits"] or not all(isinstance(name, str) for name in names):
        raise ValueError("names that are no text")
    if type(content["official"]) is not bool:
        raise ValueError(f"official {content['official']!r}")


def mapped(path: Path, dtype: np.dtype[Any], ndim: int = 1) -> Rows:
    """An array on disk, mapped into memory; raises OSError or ValueError if it is none, or has other columns."""
    try:
        with warnings.catch_warnings(action="ignore"):
            rows: Rows = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))  # a memmap is slow to index
    except OSError:
        raise
    except NO_ARRAYS as problem:
        raise ValueError(f"{path.name} is no array ({problem})") from None
    if rows.dtype != dtype or rows.ndim != ndim:
        raise ValueError(f"{path.name} has other columns")
    return rows


def leads_out(name: str) -> bool:
    """Whether a path that a file names leads out of the folder that it is meant to be below, or nowhere."""
    return "\0" in name or name.startswith("/") or ".." in name.split("/")


def shard_file(number: int) -> str:
    """A shard's path in the store."""
    return f"shards/{number:04d}.bin"


def name_hash(name: str) -> int:
    """64 bits by which names are looked up."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
