"""`kinema data pack` as a function: from a data set to a store of its frames (`kinema.data.store`)."""

from __future__ import annotations

import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kinema.atomic import clear_unfinished, write_bytes
from kinema.data import sources
from kinema.data.decode import check_decoder
from kinema.data.skip import absolute, read_skip
from kinema.data.spread import Processes, Spread
from kinema.data.store import Store, is_store, opened, source_bytes
from kinema.data.store_format import Kind, Packing, read_manifest
from kinema.data.store_writing import read_records, write_index, write_manifest, write_shard, writing
from kinema.errors import DataError, UsageError, nearest
from kinema.machine import cores
from kinema.ranges import at_least, within

SHARDS = 64
"""At least so many, so that processes can share the work and little is done again after an interruption."""
VIDEOS_A_SHARD = 64
"""About so many where that makes more shards."""
KINDS = ("jpeg", "raw")
QUALITY = 75
"""Of JPEGs, unless told: what networks learn from it and see in it is as from raw frames (docs/packing.md)."""


def pack(
    data: str | Path,
    *,
    out: str | Path,
    kind: Kind = "jpeg",
    short_side: int = 128,
    quality: int | None = None,
    split: int | None = None,
    skip: str | Path | None = None,
    workers: int | None = None,
    spread: Spread | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Store:
    """Pack the frames of every video of `data`, both sides, into the store `out`.

    Called again it goes on with what is not packed yet, or has changed since. The bytes that are written depend on the
    videos and the settings alone, not on who packs them or on interruptions.

    Args:
        data: a list, a folder of videos, or a known data set's folder.
        out: the store; made if it is not there.
        kind: jpeg, or raw bytes: some twelve times the space, and read several times as fast.
        short_side: shorter side of the frames in pixels, the aspect kept; `Clip.short_side` of the recipes to train.
        quality: of the JPEGs, 1 to 100; `None` means that of the store that is there already, or 75.
        split: one of the official splits; `None` keeps the lists of all that there are.
        skip: a text file of paths to leave out, as `kinema data check` writes it.
        workers: processes; `None` means one a core.
        spread: who packs in the place of processes here, such as `kinema.data.on_ray.OnRay`.
        progress: called with the number of videos done and the number of all.
        say: called with lines that a person may want to read.

    Raises:
        UsageError: something given cannot be used, or `out` holds something else.
        DataError: some videos could not be read; the others are packed.
    """
    if kind not in KINDS:
        raise UsageError(f"--kind is {kind}: {nearest(kind, list(KINDS))}")
    at_least("short-side", short_side, 16)
    within("quality", 1, 100, QUALITY if quality is None else quality)
    at_least("workers", workers or 0, 0)
    check_decoder()
    say = say or (lambda line: None)
    splits = lists_of(data, split, skip)
    folder, plan = Path(out), planned(splits, data)
    packing = Packing(kind, short_side, quality_of(folder, kind, quality))
    begin(folder, packing)
    shards = [Shard(number, videos) for number, videos in plan.shards.items()]
    todo = [shard for shard in shards if not finished(folder, shard)]
    total, left = (sum(len(shard.videos) for shard in some) for some in (shards, todo))
    if left < total:
        say(f"{total - left} of {total} videos are packed already")
    if left:
        write_manifest(folder, {"packing": asdict(packing), "complete": False})
    spread = spread or Processes(cores() if workers is None else workers)
    failed: list[str] = []
    for shard, problems in zip(todo, spread(Packer(folder, packing), todo), strict=True):
        for problem in problems:
            say(problem)
        failed += problems
        left -= len(shard.videos)
        if progress:
            progress(total - left, total)
    if failed:
        raise DataError(
            f"{len(failed)} of {total} videos cannot be packed, the first: {failed[0]}: `kinema data check {data} "
            "--bad FILE` lists them for --skip"
        )
    require_all(folder, todo)
    for name, path in plan.beside.items():
        with writing(folder):
            write_bytes(folder / name, path.read_bytes())
    write_index(folder, packing, plan.shards, splits)
    clear_unfinished(folder)
    return opened(folder)


def lists_of(data: str | Path, split: int | None, skip: str | Path | None) -> dict[int, sources.Source]:
    """The data set's lists by official split; one, numbered 1, where there are no splits.

    Raises:
        UsageError: it is a store already, or there is nothing that can be used.
    """
    if is_store(Path(data)):
        raise UsageError(f"{data} is a packed store already: pack the videos that it was made of")
    left_out = read_skip(skip) if skip is not None else frozenset()
    first = sources.read_source(data, split=split or 1, skip=left_out)
    if split is not None or first.split is None:
        return {first.split or 1: first}
    return {1: first} | {number: sources.read_source(data, split=number, skip=left_out) for number in (2, 3)}


@dataclass(frozen=True)
class Plan:
    """What goes where."""

    splits: dict[int, sources.Source]
    shards: dict[int, dict[str, str]]
    """Of each shard, the videos' paths by the names that they get in the store."""
    beside: dict[str, Path]
    """Files that say more of the videos (meta.csv), by where they go in the store."""


def planned(splits: dict[int, sources.Source], data: str | Path) -> Plan:
    """Each video in a shard that its name decides, so that few shards change when a list does."""
    videos = {
        video.path: video for source in splits.values() for side in source.sides().values() for video in side.videos
    }
    top, names = named(list(videos), Path(data))
    count = SHARDS
    while count * VIDEOS_A_SHARD < len(videos):
        count *= 2
    shards: dict[int, dict[str, str]] = defaultdict(dict)
    for path, name in names.items():
        shards[zlib.crc32(name.encode()) % count][name] = path
    folders = {parent for name in names.values() for parent in Path(name).parents}
    tables = {(folder / "meta.csv").as_posix(): top / folder / "meta.csv" for folder in sorted(folders)}
    beside = {name: path for name, path in tables.items() if path.is_file()}
    return Plan(splits, dict(sorted(shards.items())), beside)


def named(paths: Sequence[str], data: Path) -> tuple[Path, dict[str, str]]:
    """The folder that all videos are below, the data's own if it is one, and of each path what follows it."""
    folder = absolute(data if data.is_dir() else data.parent)
    full = [absolute(path) for path in paths]
    if not all(path.startswith(f"{folder}/") for path in full):
        folder = os.path.commonpath({path.rpartition("/")[0] or "/" for path in full})
    return Path(folder), {path: os.path.relpath(whole, folder) for path, whole in zip(paths, full, strict=True)}


def quality_of(folder: Path, kind: Kind, told: int | None) -> int | None:
    """The quality to pack with; None for raw frames.

    Raises:
        UsageError: one was told for raw frames.
    """
    if kind == "raw":
        if told is not None:
            raise UsageError(f"--quality {told} is for --kind jpeg: raw frames lose nothing")
        return None
    if told is None and is_store(folder):
        told = read_manifest(folder)["packing"].get("quality")
    return QUALITY if told is None else told


def begin(folder: Path, packing: Packing) -> None:
    """Make the folder a store that is not complete, if it is none; one that is there may be read by others meanwhile.

    Raises:
        UsageError: it holds something else, or a store packed otherwise.
    """
    if is_store(folder):
        before, now = read_manifest(folder)["packing"], asdict(packing)
        for name in now:
            if before.get(name) != now[name]:
                flag = name.replace("_", "-")
                raise UsageError(
                    f"{folder} was packed with --{flag} {before.get(name)}, not {now[name]}: use another --out"
                )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there and is no store: use another --out")
    else:
        write_manifest(folder, {"packing": asdict(packing), "complete": False})
    clear_unfinished(folder)


@dataclass(frozen=True)
class Shard:
    """The videos of a shard, paths by name."""

    number: int
    videos: dict[str, str]

    def __str__(self) -> str:
        return f"shard {self.number} ({len(self.videos)} videos, the first {next(iter(self.videos.values()))})"


def finished(folder: Path, shard: Shard) -> bool:
    """Whether a shard is there, and of the same videos as they are now."""
    before = [(record["name"], record["source_bytes"]) for record in read_records(folder, shard.number)]
    return before == [(name, source_bytes(path)) for name, path in shard.videos.items()]


def require_all(folder: Path, shards: Sequence[Shard]) -> None:
    """Raise UsageError unless what other machines say they have written is there."""
    missing = [shard for shard in shards if not read_records(folder, shard.number)]
    if missing:
        raise UsageError(
            f"{len(missing)} shards were written and are not in {folder}, the first: {missing[0]}: put --out on "
            "storage that every node has under the same path; if it is, the same command goes on"
        )


@dataclass(frozen=True)
class Packer:
    """The work on a shard: written, and what is wrong with its videos; nothing, if all is well."""

    folder: Path
    packing: Packing

    def __call__(self, shard: Shard) -> list[str]:
        """Write a shard."""
        return write_shard(self.folder, shard.number, shard.videos, self.packing)
