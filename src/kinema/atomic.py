"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kinema.errors import UsageError


@contextmanager
def replacing(path: Path, *, half: Path | None = None, kept: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `path` once all of it is on the disk.

    Whatever ends the program meanwhile, there is either the earlier file or the new one. An error passes on, and the
    earlier file is then untouched.

    Args:
        half: the name until then, in the same folder; what a killed program left there is written over.
        kept: the name that the earlier file gets, in the same folder; there is never a moment without a `path`.
    """
    half = half or path.with_name(f"{path.name}.partial")
    try:
        with half.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if kept is not None and path.exists():
            name_anew(path, kept)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    sync_folder(path.parent)


def name_anew(path: Path, other: Path) -> None:
    """Give a file a second name, in the place of what had it before; a copy where a file system has no second names."""
    second = other.with_name(f"{other.name}.partial")
    second.unlink(missing_ok=True)
    try:
        os.link(path, second)
    except OSError:
        with path.open("rb") as source, second.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
    second.replace(other)
    second.unlink(missing_ok=True)  # still there where both were one file, as a program left them that was killed here


def sync_folder(folder: Path) -> None:
    """See that the names in a folder are on the disk too; some network file systems cannot, and say so."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(number)


def write_bytes(path: Path, content: bytes, *, alone: bool = False) -> None:
    """Replace a file by way of a temporary one beside it, on disk before it gets its name; makes missing folders.

    With `alone`, no other process writes the file meanwhile, and the temporary one has the same name each time.

    Raises:
        UsageError: the folder cannot be written to or the disk is full; an earlier file is then untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, half=None if alone else unfinished(path)) as file:
            file.write(content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{path}: cannot be written ({reason}); free space or choose another folder") from error


def require_place(path: str | Path) -> None:
    """Refuse, before any work is done for it, a file that could not be written afterwards; folders may be missing.

    Raises:
        UsageError: it is a folder, or that which it is to be in is a file or may not be written to.
    """
    path = Path(path)
    # os.access says False of what may not be looked at, where pathlib raises.
    above = next(each for each in path.absolute().parents if os.access(each, os.F_OK))
    folder = os.access(path, os.F_OK) and path.is_dir()
    if folder or not above.is_dir() or not os.access(above, os.W_OK):
        what = "it is a folder" if folder else f"{above} is {'read-only' if above.is_dir() else 'a file'}"
        raise UsageError(f"{path}: cannot be written ({what}); give another file")


def unfinished(path: Path) -> Path:
    """A name for a file that is not whole yet, beside it, which no other process uses on this machine or another."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.half")


def clear_unfinished(folder: Path) -> None:
    """Remove what processes that were killed left anywhere in a folder."""
    for half in folder.rglob(".*.half"):
        half.unlink(missing_ok=True)
