"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from kinema.errors import UsageError


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file by way of a temporary one beside it, on disk before it gets its name; makes missing folders.

    Raises `UsageError` when the folder cannot be written to or the disk is full; an earlier file is then untouched.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with half.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{path}: cannot be written ({reason}); free space or choose another folder") from error
