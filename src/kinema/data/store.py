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
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import torch
from torch import Tensor

from kinema.data.reader import Reader
from kinema.data.video import Source, Video, VideoList
from kinema.errors import DataError, UsageError

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

AT_ONCE = 2**22
"""Bytes of a shard that are read in one call."""

Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.void]]"


@dataclass(frozen=True)
class Packing:
    """How frames were packed."""

    kind: Kind
    short_side: int
    """Shorter side of the frames in pixels."""
    quality: int | None
    """Of the JPEGs, 1 to 100; None for raw frames."""


class Store:
    """An open store; in another process it is opened again, not copied.

    Raises:
        UsageError: there is none at `folder`, it is unfinished, or its index is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        if not self.manifest["complete"]:
            raise UsageError(f"{folder} is an unfinished store: the same kinema data pack command goes on with it")
        try:
            self.packing = Packing(**self.manifest["packing"])
            self.videos = mapped(folder / "videos.npy", VIDEO)
            self.names = np.memmap(folder / "names.bin", np.uint8, "r")
            self.hashes, self.rows = mapped(folder / "lookup.npy", np.dtype("<u8"))
        except (OSError, KeyError, TypeError, ValueError) as problem:
            raise damaged_index(folder, problem) from problem

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (self.folder,)

    def row(self, name: str) -> int | None:
        """The number of the video of this name."""
        wanted = name_hash(name)
        at = int(np.searchsorted(self.hashes, wanted))
        while at < len(self.hashes) and self.hashes[at] == wanted:
            if self.name(row := int(self.rows[at])) == name:
                return row
            at += 1
        return None

    def name(self, row: int) -> str:
        """A video's name, its path within the store."""
        return self.text(int(self.videos["name_at"][row]), int(self.videos["name_bytes"][row]))

    def text(self, at: int, length: int) -> str:
        """A piece of names.bin."""
        return bytes(self.names[at : at + length]).decode()

    def reader(self, row: int) -> PackedReader:
        """A video, open."""
        video = self.videos[row]
        shard = self.folder / shard_file(int(video["shard"]))
        return PackedReader(self.folder / self.name(row), shard, video, self.packing)

    def source(self, split: int) -> Source:
        """The lists, of one of the official splits if there are several.

        Raises:
            UsageError: there is no such split.
        """
        splits: dict[str, Any] = self.manifest["splits"]
        if str(split) not in splits:
            known = f"splits {', '.join(splits)}" if len(splits) > 1 else f"split {next(iter(splits))} only"
            raise UsageError(f"{self.folder}: split {split} was asked for, but the store has {known}")
        lists = {side: self.side(file, name) for side, (file, name) in splits[str(split)].items()}
        official = split if self.manifest["official"] else None
        return Source(self.manifest["name"], self.manifest["layout"], lists["train"], lists.get("test"), official)

    def side(self, file: str, name: str) -> VideoList:
        """One side."""
        try:
            entries = mapped(self.folder / file, ENTRY)
        except (OSError, ValueError) as problem:
            raise damaged_index(self.folder, problem) from problem
        return VideoList(PackedVideos(self, file, range(len(entries))), tuple(self.manifest["classes"]), name)


class PackedVideos(Sequence[Video]):
    """The videos of a list of a store, each made when it is asked for."""

    def __init__(self, store: Store, file: str, rows: Sequence[int]) -> None:
        self.store = store
        self.file = file
        self.rows = rows
        self.entries = mapped(store.folder / file, ENTRY)

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedVideos, (self.store, self.file, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Video: ...
    @overload
    def __getitem__(self, at: slice) -> PackedVideos: ...
    def __getitem__(self, at: int | slice) -> Video | PackedVideos:
        if isinstance(at, slice):
            return PackedVideos(self.store, self.file, self.rows[at])
        return next(self.made(self.entries[self.rows[at]][None]))

    def __iter__(self) -> Iterator[Video]:
        for start in range(0, len(self.rows), 4096):
            yield from self.made(self.entries[np.asarray(self.rows[start : start + 4096])])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def made(self, entries: Rows) -> Iterator[Video]:
        """The videos of some entries."""
        places = self.store.videos[["name_at", "name_bytes"]][entries["video"]].tolist()
        for (at, length), (_, label, group_at, group_bytes) in zip(places, entries.tolist(), strict=True):
            path = f"{self.store.folder}/{self.store.text(at, length)}"
            yield Video(path, label, self.store.text(group_at, group_bytes))


class PackedReader(Reader):
    """Frames out of a shard; `video` is a row of the index. JPEGs are checked at every read, raw frames by `verify`."""

    def __init__(self, path: Path, shard: Path, video: Any, packing: Packing) -> None:
        self.path = path
        self.num_frames, self.fps = int(video["frames"]), float(video["fps"])
        self.height, self.width = int(video["height"]), int(video["width"])
        self.short_side = packing.short_side
        self._jpeg = packing.kind == "jpeg"
        self._offset, self._size = int(video["offset"]), int(video["size"])
        self._shard = shard
        try:
            self._file = os.open(self._shard, os.O_RDONLY)
        except OSError as problem:
            raise DataError(f"{self.path}: {self._shard} cannot be read ({problem.strerror})") from problem
        try:
            self._read_table()
        except DataError:
            self.close()
            raise

    def verify(self) -> None:
        """Compare every frame with its checksum; raises DataError at the first that differs."""
        for index in range(self.num_frames):
            self._check(index, self._bytes(index))

    def close(self) -> None:
        """Release the shard."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read_table(self) -> None:
        columns = 8 * self._jpeg + 4
        table = bytearray(columns * self.num_frames)
        self._fill(table, self._size - len(table))
        self._sums = np.frombuffer(table, "<u4", offset=8 * self._jpeg * self.num_frames)
        if self._jpeg:
            self._ends = [0, *np.frombuffer(table, "<u8", self.num_frames).tolist()]
        else:
            step = self.height * self.width * 3
            self._ends = list(range(0, (self.num_frames + 1) * step, step))
        if self._ends[-1] + len(table) != self._size or sorted(self._ends) != self._ends:
            raise self._damaged("its table of frames")

    def _read(self, ascending: list[int]) -> Tensor:
        out = torch.empty(len(ascending), self.height, self.width, 3, dtype=torch.uint8)
        if not self._jpeg:
            for frame, index in zip(out.numpy(), ascending, strict=True):
                self._fill(frame.data.cast("B"), self._ends[index])
            return out
        start, end = self._ends[ascending[0]], self._ends[ascending[-1] + 1]
        if end - start <= AT_ONCE:  # one call for all, with what lies between
            window = memoryview(bytearray(end - start))
            self._fill(window, start)
            parts = (window[self._ends[index] - start : self._ends[index + 1] - start] for index in ascending)
        else:
            parts = (memoryview(self._bytes(index)) for index in ascending)
        for frame, index, data in zip(out.numpy(), ascending, parts, strict=True):
            self._decode(index, data, frame)
        return out

    def _decode(self, index: int, data: memoryview, frame: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        from simplejpeg import decode_jpeg

        self._check(index, data)
        try:
            whole = decode_jpeg(data, buffer=frame).shape == frame.shape
        except ValueError as problem:
            raise self._damaged(f"frame {index}") from problem
        if not whole:
            raise self._damaged(f"frame {index}")

    def _bytes(self, index: int) -> bytearray:
        data = bytearray(self._ends[index + 1] - self._ends[index])
        self._fill(data, self._ends[index])
        return data

    def _check(self, index: int, data: bytearray | memoryview) -> None:
        if zlib.crc32(data) != self._sums[index]:
            raise self._damaged(f"frame {index}")

    def _fill(self, buffer: bytearray | memoryview, start: int) -> None:
        """Read what is `start` bytes into the record."""
        try:
            count = os.preadv(self._file, [buffer], self._offset + start)
        except OSError as problem:
            raise DataError(f"{self.path}: {self._shard} cannot be read ({problem.strerror})") from problem
        if count != len(buffer):
            raise self._damaged("its end")

    def _damaged(self, what: str) -> DataError:
        return DataError(
            f"{self.path}: {what} is damaged in {self._shard}: delete that file, and the same kinema data pack makes "
            "it anew"
        )


_OPEN: dict[str, tuple[int, Store]] = {}
"""The stores that this process has open, by folder, with the time at which their manifests were written."""


def opened(folder: str | Path) -> Store:
    """The store at a folder, opened once until it is made anew.

    Raises:
        UsageError: there is none that can be used.
    """
    key = str(folder)
    try:
        written = (Path(folder) / MANIFEST).stat().st_mtime_ns
    except OSError:
        raise UsageError(f"{folder} holds no store, it has no {MANIFEST}: make one with kinema data pack") from None
    if key not in _OPEN or _OPEN[key][0] != written:
        _OPEN[key] = (written, Store(Path(folder)))
    return _OPEN[key][1]


def is_store(folder: Path) -> bool:
    """True if `kinema data pack` has made, or begun, a store there."""
    return (folder / MANIFEST).is_file()


def find(path: str | Path) -> tuple[Store, int] | None:
    """The store that a path leads into, and the number of its video there; None for other paths."""
    path = Path(path)
    for folder in path.parents:
        if str(folder) in _OPEN or is_store(folder):
            store = opened(folder)
            row = store.row(path.relative_to(folder).as_posix())
            return None if row is None else (store, row)
    return None


def source_bytes(path: str | Path) -> int:
    """A video file's size, before it was packed if it is in a store; 0 for a folder of frames."""
    path = Path(path)
    if path.exists():
        return path.stat().st_size if path.is_file() else 0
    packed = find(path)
    return 0 if packed is None else int(packed[0].videos["source_bytes"][packed[1]])


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
        rows: Rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except EOFError:
        raise ValueError(f"{path.name} is empty") from None
    if rows.dtype != dtype:
        raise ValueError(f"{path.name} has other columns")
    return rows


def damaged_index(folder: Path, problem: Exception) -> UsageError:
    """What to say when a file of the index cannot be used."""
    return UsageError(f"the index of the store {folder} is damaged ({problem}): the same kinema data pack mends it")


def shard_file(number: int) -> str:
    """A shard's path in the store."""
    return f"shards/{number:04d}.bin"


def name_hash(name: str) -> int:
    """64 bits by which names are looked up."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
