"""What one file is: read from end to end, in a process of its own if there are many."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinema.data.container import refuse_irregular
from kinema.data.decode import open_video
from kinema.data.isolated import Ended, in_processes
from kinema.data.limit import SECONDS, too_slow
from kinema.data.read_frames import frame_files
from kinema.data.reader import TruncatedFile
from kinema.data.spread import Spread
from kinema.data.store import Store, find
from kinema.errors import DataError, ReadersGone

Progress = Callable[[int, int], None]
"""Called with the number of files done and the number of all."""


@dataclass(frozen=True)
class Inspection:
    """What was found in one file; the numbers are 0 where it could not be read."""

    path: str
    kind: str = ""
    """What is wrong: missing, empty, truncated, unreadable or too slow; "" if nothing."""
    detail: str = ""
    num_frames: int = 0
    seconds: float = 0.0
    """Length at the average frame rate; 0 for a folder of frames."""
    height: int = 0
    width: int = 0
    num_bytes: int = 0
    digest: str = ""
    """Hash of the content: equal for equal files, whatever their names."""


def inspect_file(path: str) -> Inspection:
    """Decode every frame of a video with PyAV, which reports damage that other decoders paper over, and hash it."""
    file, num_bytes = Path(path), 0
    try:
        if not file.exists():
            packed = find(path)
            return inspect_packed(path, *packed) if packed else Inspection(path, "missing", f"{path}: no such file")
        files = files_of(file)
        for part in files:
            refuse_irregular(part)
        num_bytes = sum(part.stat().st_size for part in files)
        if num_bytes == 0 and files:
            return Inspection(path, "empty", f"{path}: 0 bytes")
        with open_video(path, "pyav") as reader:
            reader.verify()
        digest = digest_of(file)
    except DataError as error:
        kind = "truncated" if isinstance(error, TruncatedFile) else "unreadable"
        return Inspection(path, kind, str(error), num_bytes=num_bytes)
    except OSError as error:
        return Inspection(path, "unreadable", f"{path}: cannot be read ({error.strerror})", num_bytes=num_bytes)
    seconds = reader.num_frames / reader.fps if reader.fps else 0.0
    size = (reader.height, reader.width)
    return Inspection(path, "", "", reader.num_frames, seconds, *size, num_bytes=num_bytes, digest=digest)


def inspect_packed(path: str, store: Store, row: int) -> Inspection:
    """Compare every frame in a store with its checksum; the hash is of the file that it was made of."""
    video = store.videos[row]
    num_bytes, digest = int(video["size"]), video["source_digest"].decode()
    try:
        with store.reader(row) as reader:
            reader.verify()
    except DataError as error:
        return Inspection(path, "unreadable", str(error), num_bytes=num_bytes)
    seconds = reader.num_frames / reader.fps if reader.fps else 0.0
    size = (reader.height, reader.width)
    return Inspection(path, "", "", reader.num_frames, seconds, *size, num_bytes=num_bytes, digest=digest)


def inspect_files(
    paths: Sequence[str],
    *,
    workers: int,
    progress: Progress,
    seconds: float = SECONDS,
    spread: Spread | None = None,
) -> dict[str, Inspection]:
    """`inspect_file` for each path, by path, in so many processes; with none, in this one and without a limit.

    `spread` does it in their place, if there is one. A file that takes more than `seconds` (0: no limit), or that its
    process dies of, is one more that is bad.
    """
    found: dict[str, Inspection] = {}
    answers: Iterable[tuple[str, Inspection | Ended]]
    if spread is not None:
        answers = spread(Alone(seconds), paths)
    elif workers:
        answers = in_processes(inspect_file, paths, workers=workers, seconds=seconds)
    else:
        answers = ((path, inspect_file(path)) for path in paths)
    for path, answer in answers:
        found[path] = fatal(path, answer, seconds) if isinstance(answer, Ended) else answer
        progress(len(found), len(paths))
    return found


@dataclass(frozen=True)
class Alone:
    """The inspection of one file in a process of its own: the node is not lost if that hangs, or dies of the file."""

    seconds: float

    def __call__(self, path: str) -> tuple[str, Inspection | Ended]:
        """A path, and what is to be said of the file."""
        return next(in_processes(inspect_file, [path], workers=1, seconds=self.seconds))


def fatal(path: str, end: Ended, seconds: float) -> Inspection:
    """What is said of a file whose inspection did not end well.

    Raises:
        ReadersGone: it was no fault of the file.
    """
    if end.exit_code >= 0:
        raise ReadersGone(f"a process that reads videos failed at {path} ({end}): what it said is above")
    if end.too_slow:
        return Inspection(path, "too slow", too_slow(path, seconds))
    return Inspection(path, "unreadable", f"{path}: {end}")


def files_of(path: Path) -> list[Path]:
    """A video's file, or its frames'."""
    return frame_files(path) if path.is_dir() else [path]


def digest_of(path: Path) -> str:
    """A hash of a video's content, 32 hexadecimal digits."""
    total = hashlib.blake2b(digest_size=16)
    for file in files_of(path):
        with file.open("rb") as content:
            total.update(hashlib.file_digest(content, "blake2b").digest())
    return total.hexdigest()
