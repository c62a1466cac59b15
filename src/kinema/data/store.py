"""Packed stores, open: their lists, and their videos by path. `kinema.data.store_format` says what is in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from kinema.data.read_packed import PackedReader
from kinema.data.store_format import (
    ENTRY,
    MANIFEST,
    VIDEO,
    Packing,
    Rows,
    leads_out,
    mapped,
    name_hash,
    read_manifest,
    shard_file,
)
from kinema.data.video import Source, Video, VideoList
from kinema.errors import UsageError

COLUMNS = VIDEO.names or ()
"""Of videos.npy."""


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
            self.names = np.asarray(np.memmap(folder / "names.bin", np.uint8, "r"))
            self.hashes, self.rows = mapped(folder / "lookup.npy", np.dtype("<u8"), ndim=2)
            if not len(self.videos) == len(self.hashes) == len(self.rows):
                raise ValueError(f"{len(self.videos)} videos, {len(self.hashes)} names")
        except (OSError, KeyError, TypeError, ValueError) as problem:
            raise damaged_index(folder, problem) from problem

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (self.folder,)

    def row(self, name: str) -> int | None:
        """The number of the video of this name."""
        wanted = np.uint64(name_hash(name))  # a Python integer would have the whole array cast to its own type
        at = int(np.searchsorted(self.hashes, wanted))
        while at < len(self.hashes) and self.hashes[at] == wanted:
            row = int(self.rows[at])
            if row >= len(self.videos):
                raise damaged_index(self.folder, IndexError(f"there is no video {row}"))
            if self.name(row) == name:
                return row
            at += 1
        return None

    def name(self, row: int) -> str:
        """A video's name, its path within the store."""
        video = self.video(row)
        return self.path(video["name_at"], video["name_bytes"])

    def video(self, row: int) -> dict[str, Any]:
        """A row of videos.npy, read at once: NumPy takes as long for a column."""
        return dict(zip(COLUMNS, self.videos[row].item(), strict=True))

    def path(self, at: int, length: int) -> str:
        """A piece of names.bin that is a video's name, and does not lead out of the store."""
        name = self.text(at, length)
        if leads_out(name):
            raise damaged_index(self.folder, ValueError(f"a video is named {name[:100]!r}"))
        return name

    def text(self, at: int, length: int) -> str:
        """A piece of names.bin."""
        if at + length > len(self.names):
            raise damaged_index(self.folder, IndexError("a name lies beyond names.bin"))
        try:
            return bytes(self.names[at : at + length]).decode()
        except UnicodeDecodeError as problem:
            raise damaged_index(self.folder, problem) from problem

    def reader(self, row: int) -> PackedReader:
        """A video, open."""
        video = self.video(row)
        path = self.folder / self.path(video["name_at"], video["name_bytes"])
        return PackedReader(path, f"{self.folder}/{shard_file(video['shard'])}", video, self.packing)

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
        last = int(entries["video"].max(initial=0))
        if last >= len(self.store.videos) or entries["label"].max(initial=-1) >= len(self.store.manifest["classes"]):
            raise damaged_index(self.store.folder, IndexError(f"{self.file} lists what is not there"))
        places = self.store.videos[["name_at", "name_bytes"]][entries["video"]].tolist()
        for (at, length), (_, label, group_at, group_bytes) in zip(places, entries.tolist(), strict=True):
            path = f"{self.store.folder}/{self.store.path(at, length)}"
            yield Video(path, label, self.store.text(group_at, group_bytes))


_OPEN: dict[str, tuple[int, Store]] = {}
"""The stores that this process has open, by folder, with the time at which their manifests were written."""


def opened(folder: str | Path) -> Store:
    """The store at a folder, opened once until it is made anew.

    Raises:
        UsageError: there is none that can be used.
    """
    key = str(folder)
    try:
        written = Path(key, MANIFEST).stat().st_mtime_ns
    except OSError:
        raise UsageError(f"{folder} holds no store, it has no {MANIFEST}: make one with kinema data pack") from None
    if key not in _OPEN or _OPEN[key][0] != written:
        _OPEN[key] = (written, Store(Path(folder)))
    return _OPEN[key][1]


def is_store(folder: Path) -> bool:
    """True if `kinema data pack` has made, or begun, a store there."""
    try:
        return (folder / MANIFEST).is_file()
    except OSError:  # no folder that can be looked into, as where a name is too long to be one
        return False


def find(path: str | Path) -> tuple[Store, int] | None:
    """The store that a path leads into, and the number of its video there; None for other paths."""
    name = str(path)
    known = next((folder for folder in _OPEN if name.startswith(f"{folder}/")), None)
    folder = known or next((str(each) for each in Path(path).parents if is_store(each)), None)
    if folder is None:
        return None
    store = opened(folder)
    row = store.row(name[len(folder) :].lstrip("/"))
    return None if row is None else (store, row)


def is_there(path: str | Path) -> bool:
    """Whether there is a file or folder at a path, or a video of a store that it leads into."""
    try:
        return Path(path).exists() or find(path) is not None
    except OSError:  # a name that is too long to be one
        return False


def refuse_absent(path: str | Path) -> None:
    """Raise UsageError for a path that a person gave and that leads nowhere."""
    if not is_there(path):
        raise UsageError(f"{path}: no such file")


def source_bytes(path: str | Path) -> int:
    """A video file's size, before it was packed if it is in a store; 0 for a folder of frames."""
    path = Path(path)
    if path.exists():
        return path.stat().st_size if path.is_file() else 0
    packed = find(path)
    return 0 if packed is None else int(packed[0].videos["source_bytes"][packed[1]])


def damaged_index(folder: Path, problem: Exception) -> UsageError:
    """What to say when a file of the index cannot be used."""
    return UsageError(f"the index of the store {folder} is damaged ({problem}): the same kinema data pack mends it")
