"""Writing a store (`kinema.data.store`): shards of frames, then the index. What has its name is whole."""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from kinema.atomic import unfinished, write_bytes
from kinema.data.decode import open_video
from kinema.data.fitting import fit
from kinema.data.inspection import digest_of
from kinema.data.read_packed import PackedReader
from kinema.data.reader import Reader
from kinema.data.store import source_bytes
from kinema.data.store_format import ENTRY, FORMAT, MANIFEST, VIDEO, Packing, Rows, name_hash, shard_file
from kinema.data.video import Source, VideoList
from kinema.errors import DataError, UsageError
from kinema.json_file import read_json

DECODED = 128_000_000
"""Bytes of decoded frames that a process holds at once."""


RECORD = {"name", *(VIDEO.names or ())} - {"name_at", "name_bytes", "shard"}
"""What a shard's list says of each video."""


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write store.json: how it is packed and, once it is complete, its lists."""
    with writing(folder):
        (folder / "shards").mkdir(parents=True, exist_ok=True)
        write_bytes(folder / MANIFEST, manifest_bytes(content))


def manifest_bytes(content: Mapping[str, Any]) -> bytes:
    """store.json."""
    return (json.dumps({"format": FORMAT, **content}, indent=1) + "\n").encode()


def write_shard(folder: Path, number: int, videos: Mapping[str, str], packing: Packing) -> list[str]:
    """Write a shard of videos, paths by name; returns what is wrong with those that cannot be read.

    Then it is not written. What is written is read again, and compared with its checksums, before it gets its name.
    Another machine may be at the same shard, having been given up for lost: what it has finished is left alone.
    """
    target = folder / shard_file(number)
    partial = unfinished(target)
    with writing(folder):
        try:
            with partial.open("wb") as file:
                records, problems = append_all(file, videos, packing)
                file.flush()
                os.fsync(file.fileno())
            if problems:
                return problems
            for record in records:
                with PackedReader(Path(videos[record["name"]]), partial, record, packing) as reader:
                    reader.verify()
            if read_records(folder, number) != records:
                target.with_suffix(".json").unlink(missing_ok=True)
                partial.replace(target)
                write_bytes(target.with_suffix(".json"), json.dumps(records, indent=1).encode())
        finally:
            partial.unlink(missing_ok=True)
    return []


def append_all(file: BinaryIO, videos: Mapping[str, str], packing: Packing) -> tuple[list[dict[str, Any]], list[str]]:
    """Append the frames of videos, paths by name; returns their rows of the index, and what is wrong with others."""
    records, problems = [], []
    for name, path in videos.items():
        try:
            records.append({"name": name} | write_video(file, path, packing))
        except DataError as problem:
            problems.append(str(problem))
    return records, problems


def write_video(file: BinaryIO, path: str, packing: Packing) -> dict[str, Any]:
    """Append a video's frames and their table; returns its row of the index but for the name."""
    start, ends, sums = file.tell(), [], []
    with open_video(path) as reader:
        for frames in parts(reader, packing.short_side):
            for frame in frames.numpy():
                data = encoded(frame, packing)
                sums.append(zlib.crc32(data))
                file.write(data)
                ends.append(file.tell() - start)
        if packing.kind == "jpeg":
            file.write(np.array(ends, "<u8").tobytes())
        file.write(np.array(sums, "<u4").tobytes())
        height, width = frames.shape[1:3]
        return {
            "offset": start,
            "size": file.tell() - start,
            "frames": reader.num_frames,
            "height": height,
            "width": width,
            "fps": reader.fps,
            "source_bytes": source_bytes(path),
            "source_digest": digest_of(Path(path)),
        }


def parts(reader: Reader, short_side: int) -> Iterator[Tensor]:
    """All frames of a video at their packed size, some at a time."""
    some = max(1, DECODED // (3 * reader.height * reader.width))
    for start in range(0, reader.num_frames, some):
        yield fit(reader.at(range(start, min(start + some, reader.num_frames))), short_side)


def encoded(frame: np.ndarray[Any, np.dtype[np.uint8]], packing: Packing) -> bytes:
    """A frame as it is stored."""
    if packing.quality is None:
        return frame.tobytes()
    from simplejpeg import encode_jpeg

    data: bytes = encode_jpeg(frame, quality=packing.quality, colorsubsampling="420")
    return data


def read_records(folder: Path, number: int) -> list[dict[str, Any]]:
    """What is in a shard; nothing where it is not there or not finished."""
    target = folder / shard_file(number)
    try:
        records: list[dict[str, Any]] = read_json(target.with_suffix(".json"))
        whole = target.stat().st_size == sum(record["size"] for record in records)
        whole &= all(RECORD.issubset(record) and isinstance(record["name"], str) for record in records)
    except (OSError, KeyError, TypeError, ValueError):
        return []
    return records if whole else []


class Text:
    """The content of names.bin while it is collected; what is there already is not added again."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.known: dict[str, tuple[int, int]] = {}

    def place(self, text: str) -> tuple[int, int]:
        """Where a piece of text begins, and how many bytes it has."""
        if text not in self.known:
            data = text.encode()
            self.known[text] = (len(self.content), len(data))
            self.content += data
        return self.known[text]


def write_index(
    folder: Path, packing: Packing, shards: Mapping[int, Mapping[str, str]], splits: Mapping[int, Source]
) -> None:
    """Write the index of finished shards, a video's path by its name in each, and the lists; the manifest last.

    Nothing is touched where all of it is there already, as somebody may be reading it.
    """
    found = {
        videos[record["name"]]: (number, record)
        for number, videos in shards.items()
        for record in read_records(folder, number)
    }
    text, first = Text(), next(iter(splits.values()))
    rows = {path: row for row, path in enumerate(found)}
    files: dict[str, dict[str, tuple[str, str]]] = {}
    parts: dict[str, bytes] = {}
    for split, source in splits.items():
        files[str(split)] = {}
        for side, listed in source.sides().items():
            file = f"{side}.npy" if split == first.split or first.split is None else f"{side}.{split}.npy"
            parts[file] = saved(entries(listed, rows, text))
            files[str(split)][side] = (file, listed.name)
    parts["videos.npy"] = saved(index(found.values(), text))
    parts["lookup.npy"] = saved(lookup([record["name"] for _, record in found.values()]))
    parts["names.bin"] = bytes(text.content)
    lists = {
        "name": first.name,
        "layout": first.kind,
        "classes": first.train.classes,
        "official": first.split is not None,
        "splits": files,
    }
    manifest = {"packing": asdict(packing), "complete": True, "videos": len(found), **lists}
    there = {MANIFEST: manifest_bytes(manifest)} | parts
    if all((folder / name).is_file() and (folder / name).read_bytes() == part for name, part in there.items()):
        return
    write_manifest(folder, {"packing": asdict(packing), "complete": False})
    with writing(folder):
        for name, content in parts.items():
            write_bytes(folder / name, content)
    write_manifest(folder, manifest)


def index(found: Iterable[tuple[int, dict[str, Any]]], text: Text) -> Rows:
    """videos.npy from (shard, record) of each video."""
    rows = []
    for number, record in found:
        at, length = text.place(record["name"])
        row = record | {"name_at": at, "name_bytes": length, "shard": number}
        rows.append(tuple(row[column] for column in VIDEO.names or ()))
    return np.array(rows, VIDEO)


def entries(listed: VideoList, rows: Mapping[str, int], text: Text) -> Rows:
    """A list's file."""
    return np.array([(rows[each.path], each.label, *text.place(each.group)) for each in listed.videos], ENTRY)


def lookup(names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """lookup.npy, [2, V]."""
    hashes = np.array([name_hash(name) for name in names], "<u8")
    order = np.argsort(hashes).astype("<u8")
    return np.stack([hashes[order], order])


def saved(rows: np.ndarray[Any, Any]) -> bytes:
    """An array as a file."""
    file = io.BytesIO()
    np.save(file, rows, allow_pickle=False)
    return file.getvalue()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a failure to write into one line for the user."""
    try:
        yield
    except OSError as problem:
        raise UsageError(f"cannot write to {folder} ({problem.strerror}): free space or use another --out") from problem
