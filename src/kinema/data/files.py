"""Which files and folders hold videos, found with one look into each folder however long a list is."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kinema.data.read_frames import is_image, natural
from kinema.data.store import find
from kinema.errors import UsageError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"}
    | {".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv"}
)
"""Files with these endings are taken for videos when a folder is searched; a list may name any file."""

NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""What the system says of a folder that is not there, or cannot be."""
_UCF_NAME = re.compile(r"v_(?P<group>\w+_g\d+)_c\d+")


def is_video(name: str) -> bool:
    """True for the name of a video file; hidden files are none."""
    return not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES


def ucf_group(path: str) -> str:
    """The group in a file name of UCF101's form, class and number (`Biking_g06` in v_Biking_g06_c03.avi), or ""."""
    found = _UCF_NAME.match(Path(path).name)
    return found["group"] if found else ""


class Folders:
    """Remembers what is in the folders it has looked into."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str]] = {}

    def find(self, base: str, name: str) -> str | None:
        """The path of `name` below the folder `base`, or None. Capitals may differ where no exact match exists."""
        path = base
        for part in name.split("/"):
            names = self._listing(path)
            known = names.get(part) or names.get(part.casefold())
            if known is None:
                return None
            path = f"{path}/{known}"
        return path

    def has(self, path: str) -> bool:
        """True if there is a file or folder at exactly this path, or a video of this path in a packed store."""
        folder, name = os.path.split(path.rstrip("/"))
        return self._listing(folder).get(name) == name or find(path) is not None

    def _listing(self, folder: str) -> dict[str, str]:
        """The names in a folder, as they are and in small letters."""
        if folder not in self._names:
            names = _names(folder or ".")
            self._names[folder] = {name.casefold(): name for name in names} | {name: name for name in names}
        return self._names[folder]


def videos_below(folder: Path) -> Iterator[Path]:
    """Video files and folders of frames below a folder, in natural order of their paths.

    A folder that holds images, no videos and no further folders is a folder of frames. One that holds nothing of the
    kind, but has a video's name, is a video too: one that cannot be read, which is better said than passed over.

    Raises:
        UsageError: a link leads to a folder that it lies in, below which every video would come again and again.
    """
    names = sorted((name for name in _names(str(folder)) if not name.startswith(".")), key=natural)
    inner = [name for name in names if (folder / name).is_dir()]
    for name in inner:
        if (folder / name).is_symlink() and folder.resolve().is_relative_to((folder / name).resolve()):
            raise UsageError(f"{folder / name}: a link to a folder that it lies in: remove it, or give a list")
    videos = [name for name in names if is_video(name) and name not in inner]
    if not inner and not videos:
        if any(is_image(name) for name in names):
            yield folder
        return
    for name in names:
        if name in videos:
            yield folder / name
        elif name in inner:
            below = list(videos_below(folder / name))
            yield from below or ([folder / name] if is_video(name) else [])


def _names(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except ValueError:  # no folder has a zero byte in its name
        return []
    except OSError as error:
        if error.errno in NOT_THERE:
            return []
        raise UsageError(f"{folder[:200]}: cannot look into this folder ({error.strerror})") from error
